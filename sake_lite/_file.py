"""The file: whether it is ours, how it is created, and how a connection to it is set up.

What is wrong with a file is found out before anything is written to it. It is only ever opened through SQLite: on
POSIX systems, closing a file by other means drops all locks that this process holds on it, those of its SQLite
connections too.
"""

from __future__ import annotations

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "USER_VERSION",
    "UnlockedFile",
    "absolute",
    "connect_read_only",
    "connect_reader",
    "connect_writer",
    "identities",
    "identity",
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
import time
import typing

from . import _chunked, errors
from ._connection import Connection, Mode

if typing.TYPE_CHECKING:
    import collections.abc

    from . import _config
    from ._table import Table

    P = typing.ParamSpec("P")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

APPLICATION_ID: typing.Final[int] = 0x53414B45
"""Marks a SQLite file as ours; "SAKE" in ASCII."""

USER_VERSION: typing.Final[int] = 1
"""The version of the layout that this release reads and writes."""

MIGRATIONS: typing.Final[dict[int, tuple[str, ...]]] = {}
"""The statements that make a file of one version one of the next; a file of each is in `tests/layouts`."""

# Threads of this process that find the same file damaged rename it one after the other.
_renaming: typing.Final = threading.Lock()

_OLDEST_SQLITE: typing.Final[tuple[int, int, int]] = (3, 37, 0)  # the first with STRICT tables

# Measured with 100,000 members: a larger page cache and rarer checkpoints than SQLite's defaults write a third faster.
_PRAGMAS: typing.Final[tuple[str, ...]] = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -16000",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 33554432",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)


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
    has_log = _log_of(path).exists()
    if has_log or config.on_corrupt == "set_aside":
        # Whose a file is may be in its log, which a connection that can write would fold in as it closes.
        mode = "ro" if has_log else "rw"
        await (await _open(path, mode, config.busy_timeout, _inspect, path, config)).close()

    return await _open(path, "rw", config.busy_timeout, _set_up, path, list(tables), config)


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
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return aside


async def connect_reader(path: pathlib.Path, busy_timeout: float) -> Connection:
    """Connect to read a file that the writer has set up.

    Raises
    ------
    BackendError
        If the file cannot be opened.
    """
    return await _open(path, "ro", busy_timeout, _tune_reader)


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
        await asyncio.to_thread(_check_readable, path)
        unlocked = UnlockedFile(path)
        mode = await asyncio.to_thread(_reading_mode, path)
    connection = await _open(path, mode, config.busy_timeout, _set_up_read_only, path, list(tables))
    return connection, unlocked if mode == "ro&immutable=1" else None


def _reading_mode(path: pathlib.Path) -> Mode:
    """Return how to connect so that, in the end, all is as it was.

    To read, SQLite too wants a log beside the file, and what is connected last removes it only if it could write. So
    where there is none, a connection that could write, and is kept from it, leaves nothing behind, while a log that is
    there, as after a crash, is to be left as it is. Who may not write must make none: it would be theirs, and so keep
    whoever may from writing. As nobody writes then, the file is read as it lies there, as long as it does
    (`UnlockedFile`).
    """
    if not _log_of(path).exists():
        return "rw" if _may_write(path.parent) and _may_write(path) else "ro&immutable=1"

    if not path.with_name(f"{path.name}-shm").exists() and not _may_write(path):
        raise errors.BackendError(
            f"{path} has a log, but no -shm beside it, which nobody should make who may not write; let its owner open "
            "it once, or copy the file and its log to where you may write"
        )

    return "ro"


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

    def make_sure(self) -> None:
        """Make sure that what was read until now is right; it takes microseconds.

        Raises
        ------
        BackendError
            If somebody has opened the file to write.
        """
        with errors.from_backend(self._path):
            if _log_of(self._path).exists() or self._look() != self._status:
                raise errors.BackendError(
                    f"somebody has begun to write to {self._path} since it was opened; close it and open it again"
                )

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None

        return status.st_ino, status.st_size, status.st_mtime_ns


def _check_readable(path: pathlib.Path) -> None:
    if not path.exists():
        raise errors.BackendError(f"{path} does not exist; a cache that is opened read-only does not create it")

    _check_header(path)


def _set_up_read_only(connection: sqlite3.Connection, path: pathlib.Path, tables: list[Table[typing.Any]]) -> None:
    version = _look(connection, path)
    if version is not None and version != USER_VERSION:
        raise errors.BackendError(
            f"{path} is of an older version ({version}, not {USER_VERSION}); open it once without `read_only`, which "
            "brings it up to date"
        )

    _tune_reader(connection)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    for table in _with_keepers(tables):
        if table.name not in there:
            connection.execute(table.schema[0].replace("CREATE TABLE", "CREATE TEMP TABLE"))

    connection.execute("PRAGMA query_only = ON")


def _tune_reader(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA cache_size = -8000").close()
    connection.execute("PRAGMA temp_store = MEMORY").close()
    connection.execute("PRAGMA trusted_schema = OFF").close()


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

    if not path.exists() or _log_of(path).exists():
        return  # `_look` is the judge where there is a log

    # Through SQLite, since on POSIX systems closing a file by any other means takes away the locks that connections of
    # this process hold on it. `immutable` reads the file as it lies there, and writes nothing beside it.
    with (
        errors.from_backend(path),
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection,
    ):
        try:
            ((application_id,),) = connection.execute("PRAGMA application_id").fetchall()
        except sqlite3.DatabaseError as exception:
            if errors.result_code(exception) == sqlite3.SQLITE_NOTADB:
                raise _not_a_database(path, exception) from exception
            raise

    # A file that another program made, but left empty, is told apart by `_look`.
    if application_id not in {0, APPLICATION_ID}:
        raise errors.BackendError(f"{path} belongs to another program, or is damaged; give the cache another name")


def _log_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f"{path.name}-wal")


def _not_a_database(path: pathlib.Path, cause: sqlite3.Error) -> errors.BackendError:
    message = f"{path} is not a SQLite database; move it away, or give the cache another name"
    return errors.BackendError(message, exception=cause)


def _create_private(path: pathlib.Path) -> None:
    """Create an empty file that only its owner may read, since it will hold private messages; the log follows it.

    The one time that a file is opened without SQLite: it is new, so nobody holds a lock that closing it could drop.
    """
    with errors.from_backend(path), contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _set_up(
    connection: sqlite3.Connection, path: pathlib.Path, tables: list[Table[typing.Any]], config: _config.Config
) -> None:
    """Check, create or migrate, and tune, on the connection's thread."""
    version = _look(connection, path)
    if version is None:
        # Before the log exists, so that the header in the file itself says whose it is from the first moment.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection, path) is None:  # another process may have been quicker
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {USER_VERSION}")
        connection.execute("COMMIT")

    _enter_wal(connection, path, config.busy_timeout)
    for pragma in _PRAGMAS:
        connection.execute(pragma)

    _migrate(connection, path)
    _create_tables(connection, tables)
    for table in tables:
        if table.completeness is not None:
            for statement in _chunked.schema(table):
                connection.execute(statement)

    connection.execute(f"PRAGMA busy_timeout = {int(config.attempt_timeout * 1000)}")


def _inspect(connection: sqlite3.Connection, path: pathlib.Path, config: _config.Config) -> None:
    """Refuse a file that is not ours; where damage is to be set aside, also for what would be found out later."""
    connection.execute("PRAGMA query_only = ON")
    _look(connection, path)
    if config.on_corrupt == "set_aside":
        _check_pages(connection, path)


def _check_pages(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    ((answer,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if answer != "ok":
        fault = sqlite3.DatabaseError(answer)
        fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise errors.from_sqlite(fault, path)


def _migrate(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Bring an older file up to this version, in one transaction."""
    if _version(connection, path) == USER_VERSION:
        return

    with _transaction(connection):
        version = _version(connection, path) or USER_VERSION  # another process may have been quicker
        for older in range(version, USER_VERSION):
            for statement in MIGRATIONS[older]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {USER_VERSION}")

    if version != USER_VERSION:
        _LOGGER.info("%s was brought from version %s to %s", path, version, USER_VERSION)


def _look(connection: sqlite3.Connection, path: pathlib.Path) -> int | None:
    """Return the version of the file as of one moment: another process may be creating it."""
    connection.execute("BEGIN")
    try:
        return _version(connection, path)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: pathlib.Path) -> int | None:
    """Return the version of a file that is ours, or `None` for a new one; refuse every other file."""
    ((application_id,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if application_id == 0 and version == 0:
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
            raise errors.BackendError(f"{path} belongs to another program; give the cache another name")
        return None

    if application_id != APPLICATION_ID or not 0 < version <= USER_VERSION:
        raise errors.BackendError(
            f"{path} is of a newer version, foreign or damaged (application {application_id:#x}, version {version}, "
            f"not {APPLICATION_ID:#x} and {USER_VERSION}); update sake_lite, or move the file away to start afresh"
        )

    return version


def _enter_wal(connection: sqlite3.Connection, path: pathlib.Path, busy_timeout: float) -> None:
    # The first switch of a file does not wait for locks, whatever the connection's timeout.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            ((mode,),) = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as exception:
            if errors.result_code(exception) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break

    if mode != "wal":
        raise errors.BackendError(
            f"{path} cannot have a write-ahead log (SQLite answered {mode!r}); is it on a network drive? "
            "A cache needs a local one"
        )


def _create_tables(connection: sqlite3.Connection, tables: list[Table[typing.Any]]) -> None:
    wanted = _with_keepers(tables)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    if {table.name for table in wanted} <= there:
        return

    with _transaction(connection):
        for table in wanted:
            for statement in table.schema:
                connection.execute(statement)


def _with_keepers(tables: list[Table[typing.Any]]) -> list[Table[typing.Any]]:
    """Return tables, and those on whose rows it depends whether theirs are there."""
    return list(dict.fromkeys([*tables, *(keeper for table in tables for keeper in table.keepers)]))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> collections.abc.Generator[None, None, None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
