"""What sake_lite raises, and the one place where SQLite's faults become ours.

The tree is that of the Sake standard, so that code written against one implementation catches the errors of another.
Nothing raised by `sqlite3`, `aiosqlite`, `cbor2` or hikari's entity factory leaves the library in its own shape.
"""

from __future__ import annotations

__all__ = ["BackendError", "ClosedClient", "EntryNotFound", "InvalidDataFound", "SakeException"]

import contextlib
import errno
import sqlite3
import typing

if typing.TYPE_CHECKING:
    import collections.abc
    import os


class SakeException(Exception):
    """Base of everything that sake_lite raises on purpose.

    Parameters
    ----------
    message
        What happened, in a sentence.
    exception
        The exception that caused this one, where there is one.
    """

    message: str
    """What happened, in a sentence."""

    base_exception: Exception | None
    """The exception that caused this one, or `None`."""

    def __init__(self, message: str, *, exception: Exception | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.base_exception = exception


class BackendError(SakeException, ValueError):
    """The file cannot be read or written; the message says which file, why, and what to do."""


class ClosedClient(SakeException):
    """The cache was used before it was opened, after it was closed, or in an event loop it was not opened in."""


class InvalidDataFound(SakeException, LookupError):
    """A row is not what was once written: damaged, under another key, or refused by this hikari's entity factory."""


class EntryNotFound(SakeException, LookupError):
    """The cache holds no such entry; raised by `get_*` only."""


# By primary result code (https://sqlite.org/rescode.html); %s is the file.
_ADVICE: typing.Final[dict[int, str]] = {
    sqlite3.SQLITE_BUSY: "%s is locked by another process; it was waited for as long as `busy_timeout` allows",
    sqlite3.SQLITE_LOCKED: "%s is locked by another connection",
    sqlite3.SQLITE_FULL: "no room is left to write to %s; free some space, and writing goes on by itself",
    sqlite3.SQLITE_READONLY: "%s cannot be written: the file or its folder is read-only",
    sqlite3.SQLITE_PERM: "access to %s was denied; it is for its owner's eyes only",
    sqlite3.SQLITE_AUTH: "access to %s was denied",
    sqlite3.SQLITE_IOERR: "the system failed to read or write %s; check the disk",
    sqlite3.SQLITE_CANTOPEN: "%s cannot be opened; check that its folder exists and may be written to",
    sqlite3.SQLITE_CORRUPT: "%s is damaged; move it away, the -wal and -shm beside it too, to start afresh",
    sqlite3.SQLITE_NOTADB: (
        "%s is damaged or not a SQLite database; move it away, the -wal and -shm beside it too, to start afresh"
    ),
    sqlite3.SQLITE_NOMEM: "memory ran out while using %s",
}


# What the system says, as SQLite would.
_CODES: typing.Final[dict[int, int]] = {
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
}


def result_code(exception: BaseException) -> int:
    """Return SQLite's primary result code, or 0 for an error that Python raised itself."""
    if isinstance(exception, OSError):
        return _CODES.get(exception.errno or 0, 0)
    return int(getattr(exception, "sqlite_errorcode", 0)) & 0xFF


def is_damage(error: BackendError) -> bool:
    """Whether an error says that a file is damaged, or is no database at all."""
    return result_code(error.base_exception or error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def from_sqlite(exception: Exception, path: str | os.PathLike[str]) -> BackendError:
    """Turn what SQLite or the system raised over a file into the error that a user sees."""
    code = sqlite3.SQLITE_NOMEM if isinstance(exception, MemoryError) else result_code(exception)
    advice = _ADVICE.get(code, "%s cannot be used")
    return BackendError(f"{advice % path} ({type(exception).__name__}: {exception})", exception=exception)


@contextlib.contextmanager
def from_backend(path: str | os.PathLike[str]) -> collections.abc.Generator[None, None, None]:
    """Raise `BackendError` for whatever SQLite or the system raises over `path` inside the block.

    Python's own sqlite3 module also raises what is no `sqlite3.Error`: `MemoryError` for SQLite's want of memory, a
    `UnicodeError` where a damaged schema is part of a message, and whatever comes next.
    """
    try:
        yield
    except SakeException:
        raise
    except Exception as exception:
        raise from_sqlite(exception, path) from exception
