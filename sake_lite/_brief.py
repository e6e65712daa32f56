"""Reading a file for a moment, in the caller's own thread, for those who look into it without an event loop.

Each reading connects anew, which takes less than a millisecond, so that nothing is held in between: a notebook that is
left open for days keeps no log from being folded in, and sees the file that is there at the moment. Neither the file
nor its log is changed, and without a log nothing is made beside the file. With one, SQLite keeps the index that belongs
to it (`-shm`) as for any reader: it makes it where it is missing, as after the two were moved elsewhere, and anew after
whoever wrote was killed. Where a bot closes at the very moment of a reading, its log stays beside the file until it
starts again, as with all that reads by SQLite.
"""

from __future__ import annotations

__all__ = ["BriefReader"]

import contextlib
import sqlite3
import typing

from . import _file, _layout, errors
from ._connection import decode_text

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from ._column import Value
    from ._connection import Mode
    from ._table import Row, Table
    from ._walk import Parameters

T = typing.TypeVar("T")

# How long SQLite waits for a lock that another process holds, in seconds; a bot in its usual mode holds none for long.
_BUSY_TIMEOUT: typing.Final[float] = 5.0

# A bot that starts or ends at this very moment takes turns with a reading once, perhaps twice.
_ATTEMPTS: typing.Final[int] = 5


class BriefReader:
    """Reads from one file, whenever something is asked of it.

    Parameters
    ----------
    path
        The file, absolute.
    tables
        The tables that are looked into; those that the file lacks count as empty.
    """

    __slots__ = ("_is_closed", "_tables", "path")

    def __init__(self, path: pathlib.Path, tables: collections.abc.Iterable[Table[typing.Any]]) -> None:
        self.path = path
        self._is_closed = False
        self._tables = list(tables)

    @property
    def is_closed(self) -> bool:
        """Whether it reads no more."""
        return self._is_closed

    def close(self) -> None:
        """Read no more."""
        self._is_closed = True

    def fetch(self, sql: str, parameters: Parameters | list[Value]) -> list[Row]:
        """Return all rows of a query; raises what `read` does."""
        return self.read(lambda connection: connection.execute(sql, parameters).fetchall())

    def read(self, read: collections.abc.Callable[[sqlite3.Connection], T]) -> T:
        """Return what a function reads, on a connection that is closed again; the function may be called twice.

        Raises
        ------
        BackendError
            If the file is missing, not ours, of another version, damaged, or cannot be read.
        ClosedClient
            If it was closed.
        """
        if self._is_closed:
            raise errors.ClosedClient(f"{self.path} was closed")

        with errors.from_backend(self.path):
            for attempt in range(_ATTEMPTS):
                had_log = _file.log_of(self.path).exists()
                unlocked = _file.UnlockedFile(self.path)
                try:
                    mode = _file.brief_reading_mode(self.path)
                    result = self._read_once(mode, read)
                except (sqlite3.DatabaseError, errors.BackendError):
                    if attempt + 1 == _ATTEMPTS or not self._has_moved(unlocked, had_log=had_log):
                        raise
                else:
                    if mode == "ro" or unlocked.is_untouched:  # with a log, SQLite's locks were held
                        return result

        raise errors.BackendError(f"{self.path} is opened and closed all the time, so it cannot be read")

    def _read_once(self, mode: Mode, read: collections.abc.Callable[[sqlite3.Connection], T]) -> T:
        uri = f"{self.path.as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None)
        with contextlib.closing(connection):
            connection.text_factory = decode_text
            _layout.set_up_read_only(connection, self.path, self._tables)
            return read(connection)

    def _has_moved(self, unlocked: _file.UnlockedFile, *, had_log: bool) -> bool:
        """Whether somebody began, or ceased, to write while the file was read."""
        return not _file.log_of(self.path).exists() if had_log else not unlocked.is_untouched
