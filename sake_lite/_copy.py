"""Files that are made whole or not at all, copies of a cache's file, and how it is made as small as it can be.

What is in a file may be private, so what is made of it is for its owner's eyes only, whatever the umask says.
"""

from __future__ import annotations

__all__ = ["compact", "compact_into", "refuse_database", "refuse_used", "replacing"]

import contextlib
import os
import pathlib
import sqlite3
import tempfile
import typing

from . import _file, _layout, errors
from ._brief import BriefReader

if typing.TYPE_CHECKING:
    import collections.abc

# How long a lock of another process is waited for, in seconds.
_BUSY_TIMEOUT: typing.Final[float] = 5.0

# How many steps of SQLite's machine, which are well below a microsecond each, go by between two turns of Python.
_STEPS: typing.Final[int] = 10_000

# How every file of SQLite's begins.
_SQLITE: typing.Final[bytes] = b"SQLite format 3\x00"

# What SQLite puts beside a file, and after a crash takes for that file's, by its name.
_BESIDE: typing.Final = ("-wal", "-shm", "-journal")


def refuse_database(path: pathlib.Path) -> None:
    """Refuse to put anything in the place of a database, or of what SQLite may take for a part of one.

    Parameters
    ----------
    path
        The name, absolute.

    Raises
    ------
    BackendError
        If a database has it, or it is that of another file's log, or a log lies beside it.
    """
    with errors.from_backend(path):
        _refuse_names_of_logs(path)
        # What is open in this process has a log, and so is not opened here, which would drop its locks.
        if path.is_file() and _begins_like_a_database(path):
            raise errors.BackendError(f"{path} is a database, and is not overwritten")


def _refuse_names_of_logs(path: pathlib.Path) -> None:
    for suffix in _BESIDE:
        name = path.name.removesuffix(suffix)
        if name and name != path.name and _is_there(path.with_name(name)):
            raise errors.BackendError(f"{path} would be taken for a part of the file beside it; give another name")
        if _is_there(path.with_name(path.name + suffix)):
            raise errors.BackendError(f"a log lies beside {path}, and would be taken for its own; move it away")


def _is_there(path: pathlib.Path) -> bool:
    try:
        path.stat()
    except OSError:  # also where the name is longer than any file's
        return False
    return True


def _begins_like_a_database(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> collections.abc.Generator[pathlib.Path, None, None]:
    """Name an empty file, for its owner's eyes only, to be written in the block; at its end it takes a name's place.

    Parameters
    ----------
    path
        The name, absolute. What has it until then is left as it is, and where the block fails, for good.

    Raises
    ------
    BackendError
        If the file cannot be made or renamed.
    """
    with errors.from_backend(path):
        descriptor, name = tempfile.mkstemp(prefix=".sake_lite-", suffix=".part", dir=path.parent)
        os.close(descriptor)
    part = pathlib.Path(name)
    try:
        yield part
        with errors.from_backend(path):
            _bring_to_disk(part)
            part.replace(path)
    except BaseException:
        for left in (part, part.with_name(f"{part.name}-journal")):
            left.unlink(missing_ok=True)
        raise


def _bring_to_disk(path: pathlib.Path) -> None:
    # Else a loss of power soon after could leave the name with nothing behind it.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def compact(path: pathlib.Path) -> None:
    """Rewrite a file so that it takes as little space as it can; nobody else may have it open.

    Parameters
    ----------
    path
        The file, absolute.

    Raises
    ------
    BackendError
        If somebody has it open, it is missing, not ours, of another version, or damaged, or there is no room: it needs
        up to twice the file's size while it goes on. The file is as it was then.
    """
    with _alone(path) as connection:
        _run(connection, lambda: _layout.check_pages(connection, path))
        _run(connection, lambda: connection.execute("VACUUM").close())


def refuse_used(path: pathlib.Path) -> None:
    """Refuse a file that somebody has open; one that is missing or empty nobody has.

    Parameters
    ----------
    path
        The file, absolute.

    Raises
    ------
    BackendError
        If somebody has it open, or it is not ours, of another version, or cannot be read.
    """
    with errors.from_backend(path):
        is_there = path.exists() and path.stat().st_size > 0
    if is_there:
        with _alone(path):
            pass


@contextlib.contextmanager
def _alone(path: pathlib.Path) -> collections.abc.Generator[sqlite3.Connection, None, None]:
    """Connect to write, if nobody else is connected, and let nobody be while the block runs."""
    BriefReader(path, ()).read(lambda _: None)  # what is not ours is refused before a connection that could write
    with (
        errors.from_backend(path),
        contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None)
        ) as connection,
    ):
        try:
            if _file.log_of(path).exists():
                _fold_in(path)
            # With a log, it is granted only where no other connection is open, though that may do nothing.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").close()
            _layout.look(connection, path)
            yield connection
        except sqlite3.OperationalError as exception:
            if errors.result_code(exception) != sqlite3.SQLITE_BUSY:
                raise
            raise errors.BackendError(
                f"{path} is open in another process; stop that first, or take a copy (`compact --into`)",
                exception=exception,
            ) from exception


def _fold_in(path: pathlib.Path) -> None:
    """Let SQLite fold in a log that a crash left, whose index a connection that is alone would leave there."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT)) as connection:
        _layout.look(connection, path)


def compact_into(path: pathlib.Path, copy: pathlib.Path) -> None:
    """Copy a file, as of one moment, and as small as it can be; a bot may write to it meanwhile.

    Parameters
    ----------
    path
        The file, absolute.
    copy
        Where to, absolute; nothing may be there, or an empty file.

    Raises
    ------
    BackendError
        If the file is missing, not ours, of another version, damaged, or cannot be read, or the copy is there already
        or cannot be written.
    """
    with errors.from_backend(copy):
        if copy.exists() and copy.stat().st_size:
            raise errors.BackendError(f"{copy} is there already, and is not overwritten")
        _refuse_names_of_logs(copy)

    with replacing(copy) as part:

        def write(connection: sqlite3.Connection) -> None:
            os.truncate(part, 0)  # it may be asked for once more, where somebody began to write to the file meanwhile
            connection.execute("PRAGMA query_only = OFF").close()  # for the copy; the file is open to read only
            try:
                _run(connection, lambda: _layout.check_pages(connection, path))
                _run(connection, lambda: connection.execute("VACUUM INTO ?", (str(part),)).close())
            except sqlite3.OperationalError as exception:
                # What is full is where the copy goes.
                is_full = errors.result_code(exception) == sqlite3.SQLITE_FULL
                raise errors.from_sqlite(exception, copy if is_full else path) from exception

        BriefReader(path, ()).read(write)
        BriefReader(part, ()).read(lambda made: _run(made, lambda: _layout.check_pages(made, copy)))


def _run(connection: sqlite3.Connection, work: collections.abc.Callable[[], object]) -> None:
    """Do what may take minutes so that Ctrl-C ends it, for which Python has a turn now and then."""
    connection.set_progress_handler(_have_a_turn, _STEPS)
    try:
        work()
    except sqlite3.OperationalError as exception:
        if errors.result_code(exception) == sqlite3.SQLITE_INTERRUPT:  # what the turn raised, SQLite makes that of
            raise KeyboardInterrupt from None
        raise


def _have_a_turn() -> int:
    """Let Python raise what waits to be raised; 0 is for going on."""
    return 0
