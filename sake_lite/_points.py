"""Rows by their keys, on a connection's thread: many a statement, where there are many.

Each statement costs about as much as three rows of it, and gives the interpreter's lock away, which beside a busy event
loop takes milliseconds to come back.
"""

from __future__ import annotations

__all__ = ["FoundRow", "FoundRows", "fetch_point", "fetch_points"]

import itertools
import sqlite3
import typing

from . import errors
from ._codec import MOST_TOGETHER

if typing.TYPE_CHECKING:
    import collections.abc

    from ._table import Key, Row, Table

# Keys per statement, largest first; fewer are asked for one by one.
_STATEMENT_KEYS: typing.Final[tuple[int, ...]] = (64, 8)


class FoundRows:
    """Up to `MOST_TOGETHER` rows that were found, each for somebody else, and are decoded together, which is quicker.

    That happens when the first of them is opened, so that what waits to be taken is never more than these.

    Parameters
    ----------
    table
        Their table.
    """

    __slots__ = ("_payloads", "_rows", "_table")

    def __init__(self, table: Table[typing.Any]) -> None:
        self._payloads: list[dict[str, typing.Any] | None] = []
        self._rows: list[Row] = []
        self._table = table

    @property
    def is_full(self) -> bool:
        """Whether no more may be added."""
        return len(self._rows) >= MOST_TOGETHER

    def add(self, row: Row, expires_at: int | None) -> FoundRow:
        """Add a row, before any is opened."""
        self._rows.append(row)
        return FoundRow(self, len(self._rows) - 1, row[-1], expires_at)

    def open(self, place: int) -> dict[str, typing.Any]:
        """Return the payload of a row, for its one reader.

        Raises
        ------
        InvalidDataFound
            If that row is damaged.
        """
        if len(self._rows) == 1:
            return self._table.open_row(self._rows[0])

        if not self._payloads:
            self._payloads = self._open_together()
        payload, self._payloads[place] = self._payloads[place], None
        return self._table.open_row(self._rows[place]) if payload is None else payload

    def _open_together(self) -> list[dict[str, typing.Any] | None]:
        try:
            return [*self._table.open_rows(self._rows)]
        except errors.InvalidDataFound:
            return [None] * len(self._rows)  # whoever asked for the row that is damaged is told


class FoundRow(typing.NamedTuple):
    """A row that was found, among others."""

    among: FoundRows
    place: int
    data: bytes
    expires_at: int | None

    def open(self) -> dict[str, typing.Any]:
        """Return its payload, for its one reader.

        Raises
        ------
        InvalidDataFound
            If it is damaged.
        """
        return self.among.open(self.place)


def fetch_point(connection: sqlite3.Connection, table: Table[typing.Any], key: Key, moment: int) -> list[Row]:
    """Return the visible row under a key, if there is one, its `expires_at` following it (`moment`, Unix ms).

    Raises
    ------
    sqlite3.Error
        If SQLite fails.
    """
    return connection.execute(table.select, table.keys_at(key, moment)).fetchall()


def fetch_points(
    connection: sqlite3.Connection, table: Table[typing.Any], keys: collections.abc.Iterable[Key], moment: int
) -> dict[Key, list[Row]]:
    """Return what `fetch_point` would for many; what is not in the answer is to be asked for one by one."""
    found: dict[Key, list[Row]] = {}
    for part in _statements(list(dict.fromkeys(keys))):
        parameters = table.keys_at(itertools.chain.from_iterable(part), moment)
        try:
            rows = connection.execute(table.select_each(len(part)), parameters).fetchall()
        except Exception:  # noqa: BLE001, S112 - asked for one by one, only those fail that have to
            continue
        found.update({key: [] for key in part})
        found.update({row[: len(table.key)]: [row] for row in rows})

    return found


def _statements(keys: list[Key]) -> collections.abc.Iterator[list[Key]]:
    start = 0
    for size in _STATEMENT_KEYS:
        while len(keys) - start >= size:
            yield keys[start : start + size]
            start += size
