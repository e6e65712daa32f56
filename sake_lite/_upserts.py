"""Rows on their way into SQL: as many a statement as there are.

`executemany` gives the interpreter's lock away at every row, which beside a busy event loop costs more than everything
else together, while one statement for many rows gives it away just often enough for the loop to stay responsive. So
upserts of a group's batches share statements, too: they wait here until there are many, or until something looks at
their table.
"""

from __future__ import annotations

__all__ = ["Upserts"]

import collections
import collections.abc
import dataclasses
import itertools
import sqlite3
import typing

from . import _chunked

if typing.TYPE_CHECKING:
    from ._chunked import AwaitedTables
    from ._rows import EncodedRow, Rows
    from ._table import AnyTable, Key

    _Values: typing.TypeAlias = "tuple[typing.Any, ...]"

# Rows per statement, largest first: few distinct statements, so that all stay prepared, and few statements a batch.
_STATEMENT_ROWS: typing.Final[tuple[int, ...]] = (128, 16, 4, 1)


@dataclasses.dataclass(slots=True)
class _Waiting:
    """Rows of one table that wait."""

    is_explicit: bool
    rows: list[_Values] = dataclasses.field(default_factory=list["_Values"])
    _keys: set[Key] = dataclasses.field(default_factory=set["Key"])
    _known: int = 0

    def has(self, key: Key) -> bool:
        """Whether a row with a key is among them."""
        new = self.rows[self._known :]
        if new:
            self._known = len(self.rows)
            self._keys.update([row[: len(key)] for row in new])
        return key in self._keys


class Upserts:
    """The upserts of one transaction.

    Parameters
    ----------
    connection
        The connection that has the transaction open.
    awaited
        The tables of which the connection awaits lists.
    is_waiting
        Whether rows wait for others; where there are none to come, each is written at once.
    """

    __slots__ = ("_connection", "_is_waiting", "_seen", "_waiting", "awaited", "written")

    def __init__(self, connection: sqlite3.Connection, awaited: AwaitedTables, *, is_waiting: bool) -> None:
        self._connection = connection
        self._is_waiting = is_waiting
        self._seen: collections.defaultdict[AnyTable, list[Key]] = collections.defaultdict(list)
        self._waiting: dict[AnyTable, _Waiting] = {}
        self.awaited = awaited
        self.written = 0
        """How many rows were written, which are those that differed from what was stored."""

    def add(self, rows: EncodedRow | Rows) -> None:
        """Have rows written, at the latest with the next `flush`.

        Raises
        ------
        ValueError
            If one cannot be stored.
        sqlite3.Error
            If SQLite fails.
        """
        encoded = rows.encoded
        if encoded is None:
            self.flush(rows.table)
            self.write(rows)
            return
        if not self._is_waiting:
            self._write_encoded(rows.table, encoded, rows.is_explicit)
            return

        waiting = self._waiting.get(rows.table)
        if waiting is None or waiting.is_explicit != rows.is_explicit:
            waiting = self._begin(rows)
        waiting.rows += encoded
        if len(waiting.rows) >= _STATEMENT_ROWS[0]:
            self.flush(rows.table)

    def see(self, table: AnyTable, key: Key) -> None:
        """Note that a row is there, though it is equal to what is stored."""
        if table in self.awaited:
            self._seen[table].append(key)

    def _begin(self, rows: EncodedRow | Rows) -> _Waiting:
        """Write what waits for the rows' table, and return where those wait that are like these."""
        self.flush(rows.table)
        waiting = self._waiting[rows.table] = _Waiting(rows.is_explicit)
        return waiting

    def flush(self, *tables: AnyTable) -> None:
        """Write what waits for some tables.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        for table in tables:
            waiting = self._waiting.pop(table, None)
            if waiting is not None:
                self._write_encoded(table, waiting.rows, waiting.is_explicit)

    def flush_key(self, table: AnyTable, key: Key) -> None:
        """Write what waits for a table, if a row with this key is among it.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        waiting = self._waiting.get(table)
        if waiting is not None and waiting.has(key):
            self.flush(table)

    def flush_all(self) -> None:
        """Write all that waits, and note what was seen.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        self.flush(*self._waiting)
        for table, keys in self._seen.items():
            self._name(table, keys)
        self._seen.clear()

    def write(self, rows: EncodedRow | Rows, named: set[Key] | None = None) -> None:
        """Write rows at once, collecting their keys in `named`.

        Raises
        ------
        ValueError
            If one cannot be stored.
        sqlite3.Error
            If SQLite fails.
        """
        for encoded in rows.slices(_STATEMENT_ROWS[0]):
            if named is not None:
                named.update(row[: len(rows.table.key)] for row in encoded)
            self._write_encoded(rows.table, encoded, rows.is_explicit)

    def _write_encoded(self, table: AnyTable, encoded: collections.abc.Sequence[_Values], is_explicit: bool) -> None:
        if table in self.awaited:
            self._name(table, [row[: len(table.key)] for row in encoded])

        if len(encoded) == 1:  # most groups are one event, or one call
            self.written += self._connection.execute(table.upsert(1, is_explicit=is_explicit), encoded[0]).rowcount
            return

        start = 0
        for size in _STATEMENT_ROWS:
            while len(encoded) - start >= size:
                statement = table.upsert(size, is_explicit=is_explicit)
                parameters = list(itertools.chain.from_iterable(encoded[start : start + size]))
                self.written += self._connection.execute(statement, parameters).rowcount
                start += size

    def _name(self, table: AnyTable, keys: list[Key]) -> None:
        """Note, where a list of rows comes in chunks, that rows were named."""
        for start in range(0, len(keys), _STATEMENT_ROWS[0]):
            _chunked.note_named(self._connection, table, keys[start : start + _STATEMENT_ROWS[0]])
