"""The file, from outside: whether it is there, who may use it, how to connect to it, what becomes of a damaged one.

What is in it is the matter of `_layout.py`. What is wrong with a file is found out before anything is written to it. It
is only ever opened through SQLite: on POSIX systems, closing a file by other means drops all locks that this process
holds on it, those of its SQLite connections too.
"""

from __future__ import annotations

__all__ = [
    "UnlockedFile",
    "absolute",
    "brief_reading_mode",
    "check_readable",
    "connect_read_only",
    "connect_reader",
    "connect_writer",
    "identities",
    "identity",
    "log_of",
    "set_aside",
]

import asyncio
import contextlib
import datetime
import logging
import os
import pathlib
import sqlite3
import threading
import typing

from . import _layout, errors
from ._connection import Connection, Mode

if typing.TYPE_CHECKING:
    import collections.abc

    from . import _config
    from ._table import Table

    P = typing.ParamSpec("P")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# Threads of this process that find the same file damaged rename it one after the other.
_renaming: typing.Final = threading.Lock()

_OLDEST_SQLITE: typing.Final[tuple[int, int, int]] = (3, 37, 0)  # the first with STRICT tables


def absolute(path: str | os.PathLike[str]) -> pathlib.Path:
    """Return the absolute path of a cache's file.

    Raises
    ------
    ValueError
        If it names no file: empty, or SQLite's `:memory:`.
    """
    name = os.fspath(path)
    if not name or name == ":memory:":
        raise ValueError(f"a cache needs a file, {name!r} is none; hikari's own cache is the one for memory")

    try:
        return pathlib.Path(name).resolve()
    except (OSError, RuntimeError) as exception:  # links that lead in a circle
        raise ValueError(f"{name!r} leads to no file: {exception}") from exception


def identity(path: pathlib.Path) -> tuple[int, int] | None:
    """Return what tells the file that a path names from others; `None` where it names none.

    Raises
    ------
    OSError
        If the system does not say.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None

    return status.st_dev, status.st_ino


def identities(path: pathlib.Path) -> tuple[tuple[int, int] | None, ...]:
    """Return the `identity` of a file, of its log, and of the log's index, which stay the same while it is open.

    Raises
    ------
    OSError
        If the system does not say.
    """
    return tuple(identity(path.with_name(path.name + suffix)) for suffix in ("", "-wal", "-shm"))


async def connect_writer(
    path: pathlib.Path, tables: collections.abc.Iterable[Table[typing.Any]], config: _config.Config
) -> Connection:
    """Connect to write, creating the file and its tables where they are missing.

    Parameters
    ----------
    path
        The file, absolute.
    tables
        The tables that must be there.
    config
        For how long to wait for another process's lock.

    Raises
    ------
    BackendError
        If the file is not ours, of a newer version, damaged, or cannot be opened and written; nothing was written then.
    """
    with errors.from_backend(path):
        await asyncio.to_thread(_prepare, path)
        is_to_be_looked_into = log_of(path).exists() or config.on_corrupt == "set_aside"
    if is_to_be_looked_into:
        # Whose a file is may be in its log, which a connection that can write would fold in as it closes, or delete,
        # by its name, though by then that is another file's.
        await (await _open(path, "ro", config.busy_timeout, _layout.inspect, path, config)).close()

    return await _open(path, "rw", config.busy_timeout, _layout.set_up, path, list(tables), config)


async def set_aside(path: pathlib.Path, damaged: tuple[int, int] | None, error: errors.BackendError) -> None:
    """Rename a damaged file, its log with it, so that a new one can take its place.

    Parameters
    ----------
    path
        The file, absolute. What it is renamed to is its name, `.corrupt-` and the time, in UTC.
    damaged
        The `identity` of the file that was found damaged; where the path names another one by now, that is left.
    error
        What is wrong with it.

    Raises
    ------
    BackendError
        If it cannot be renamed.
    """
    with errors.from_backend(path):
        aside = await asyncio.to_thread(_rename, path, damaged)
    if aside is not None:
        _LOGGER.warning("%s is kept as %s, and a new file takes its place: %s", path, aside.name, error.base_exception)


def _rename(path: pathlib.Path, damaged: tuple[int, int] | None) -> pathlib.Path | None:
    with _renaming:
        if identity(path) != damaged:
            return None

        moment = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}"
        names = (f"{path.name}.corrupt-{moment}{number}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
        aside = next(each for each in map(path.with_name, names) if not each.exists())
        # The log first: left beside another file, it would be taken for that one's.
        for suffix in ("-wal", "-shm"):
            _move(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
        path.rename(aside)
        return aside


def _move(part: pathlib.Path, to: pathlib.Path) -> None:
    """Rename what holds something, and delete what holds nothing, as a log that was only made to look into the file."""
    with contextlib.suppress(FileNotFoundError):  # perhaps whoever has the file open closes it at this moment
        if part.stat().st_size:
            part.rename(to)
        else:
            part.unlink()


async def connect_reader(path: pathlib.Path, busy_timeout: float) -> Connection:
    """Connect to read a file that the writer has set up.

    Raises
    ------
    BackendError
        If the file cannot be opened.
    """
    return await _open(path, "ro", busy_timeout, _layout.tune_reader)


async def connect_read_only(
    path: pathlib.Path, tables: collections.abc.Iterable[Table[typing.Any]], config: _config.Config
) -> tuple[Connection, UnlockedFile | None]:
    """Connect to read a file that perhaps nobody else has open, changing nothing in it.

    Parameters
    ----------
    path
        The file, absolute.
    tables
        The tables that are looked into; those that the file lacks count as empty.
    config
        For how long to wait for another process's lock.

    Returns
    -------
    tuple[Connection, UnlockedFile | None]
        The connection, and what to ask after each reading, if anything.

    Raises
    ------
    BackendError
        If the file is missing, not ours, of another version, damaged, or cannot be opened.
    """
    with errors.from_backend(path):
        await asyncio.to_thread(check_readable, path)
        unlocked = UnlockedFile(path)
        mode = await asyncio.to_thread(_reading_mode, path)
    connection = await _open(path, mode, config.busy_timeout, _layout.set_up_read_only, path, list(tables))
    return connection, unlocked if mode == "ro&immutable=1" else None


def _reading_mode(path: pathlib.Path) -> Mode:
    """Return how to connect so that, in the end, all is as it was.

    To read, SQLite too wants a log beside the file, and what is connected last removes it only if it could write. So
    where there is none, a connection that could write, and is kept from it, leaves nothing behind, while a log that is
    there, as after a crash, is to be left as it is. Who may not write must make none: it would be theirs, and so keep
    whoever may from writing. As nobody writes then, the file is read as it lies there, as long as it does
    (`UnlockedFile`).
    """
    if not log_of(path).exists():
        return "rw" if _may_write(path.parent) and _may_write(path) else "ro&immutable=1"

    _check_index(path)
    return "ro"


def brief_reading_mode(path: pathlib.Path) -> Mode:
    """Return how to connect for a moment: without a log nobody writes, so the file is read as it lies there.

    Raises
    ------
    BackendError
        If the file is missing, not ours, or cannot be read.
    sqlite3.Error
        If SQLite fails.
    """
    check_readable(path)
    if not log_of(path).exists():
        return "ro&immutable=1"

    _check_index(path)
    return "ro"


def _check_index(path: pathlib.Path) -> None:
    """Refuse a log that SQLite would have to make an index for, where whoever reads may not write."""
    if not path.with_name(f"{path.name}-shm").exists() and not _may_write(path):
        raise errors.BackendError(
            f"{path} has a log, but no -shm beside it, which nobody should make who may not write; let its owner open "
            "it once, or copy the file and its log to where you may write"
        )


def _may_write(path: pathlib.Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


class UnlockedFile:
    """A file that is read as it lies there, without SQLite's locks, which is right until somebody opens it to write.

    Parameters
    ----------
    path
        The file, absolute.
    """

    __slots__ = ("_path", "_status")

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._status = self._look()

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has opened the file to write until now; it takes microseconds."""
        return not log_of(self._path).exists() and self._look() == self._status

    def make_sure(self) -> None:
        """Make sure that what was read until now is right.

        Raises
        ------
        BackendError
            If somebody has opened the file to write.
        """
        with errors.from_backend(self._path):
            if not self.is_untouched:
                raise errors.BackendError(
                    f"somebody has begun to write to {self._path} since it was opened; close it and open it again"
                )

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None

        return status.st_ino, status.st_size, status.st_mtime_ns


def check_readable(path: pathlib.Path) -> None:
    """Refuse what is missing, or not ours, as far as that is seen without its log.

    Raises
    ------
    BackendError
        If it is.
    sqlite3.Error
        If SQLite fails.
    """
    if not path.exists():
        raise errors.BackendError(f"{path} does not exist; a cache that is opened read-only does not create it")

    _check_header(path)


async def _open(
    path: pathlib.Path,
    mode: Mode,
    busy_timeout: float,
    set_up: collections.abc.Callable[typing.Concatenate[sqlite3.Connection, P], object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Connection:
    """Connect, and run a function on the connection's thread; a connection with which it fails is closed."""
    connection = await Connection.connect(path, mode=mode, busy_timeout=busy_timeout)
    try:
        await connection.run(set_up, *args, **kwargs)
    except BaseException:
        await connection.close()
        raise

    return connection


def _prepare(path: pathlib.Path) -> None:
    _check_header(path)
    if path.exists() and not _may_write(path):  # SQLite would open it all the same, and fail at the first write
        raise errors.BackendError(
            f"{path} cannot be written: the file is read-only; with `read_only=True` it can be read"
        )
    _create_private(path)


def _check_header(path: pathlib.Path) -> None:
    """Refuse what is not a SQLite file of ours, before a connection is made that could write."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise errors.BackendError(
            f"sake_lite needs SQLite {'.'.join(map(str, _OLDEST_SQLITE))} or later, and this Python has "
            f"{sqlite3.sqlite_version}; install a newer Python"
        )

    if path.is_dir():
        raise errors.BackendError(f"{path} is a folder; name a file in it, such as {path / 'cache.db'}")

    if not path.parent.is_dir():
        raise errors.BackendError(f"{path} cannot be created: the folder {path.parent} does not exist; create it first")

    if path.exists() and not path.is_file():
        raise errors.BackendError(f"{path} is not a file; give the cache another name")

    if not path.exists() or log_of(path).exists():
        return  # `_layout.look` is the judge where there is a log

    # Through SQLite, since on POSIX systems closing a file by any other means takes away the locks that connections of
    # this process hold on it. `immutable` reads the file as it lies there, and writes nothing beside it.
    uri = f"{path.as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        try:
            _layout.judge(connection, path)
        except sqlite3.DatabaseError as exception:
            if errors.result_code(exception) == sqlite3.SQLITE_NOTADB:
                raise _not_a_database(path, exception) from exception
            raise


def log_of(path: pathlib.Path) -> pathlib.Path:
    """Return where a file's log is, while it has one."""
    return path.with_name(f"{path.name}-wal")


def _not_a_database(path: pathlib.Path, cause: sqlite3.Error) -> errors.BackendError:
    message = f"{path} is not a SQLite database; move it away, or give the cache another name"
    return errors.BackendError(message, exception=cause)


def _create_private(path: pathlib.Path) -> None:
    """Create an empty file that only its owner may read, since it will hold private messages; the log follows it.

    The one time that a file is opened without SQLite: it is new, so nobody holds a lock that closing it could drop.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
