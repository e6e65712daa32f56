"""Entities of one moment, read in one transaction on the reader's thread.

A question that several rows answer could otherwise be answered by half of an event: by a row that was read before its
commit and one that was read after. A function that is given a `Snapshot` may also let what it reads decide what to read
next, all in one hop to the thread. It is for reading few rows by their keys; iterating is the matter of `_iterator.py`.
"""

from __future__ import annotations

__all__ = ["Snapshot", "take_snapshot"]

import typing

from ._points import fetch_point, fetch_points

if typing.TYPE_CHECKING:
    import collections.abc
    import sqlite3

    import hikari

    from ._table import EntityT, Key, Row, Table

    _T = typing.TypeVar("_T")


class Snapshot:
    """What a file holds at one moment.

    Parameters
    ----------
    connection
        The connection that reads, in a transaction.
    moment
        The time, in Unix milliseconds: what has expired by then is not there.
    factory
        Builds the entities.
    """

    __slots__ = ("_connection", "_factory", "_moment")

    def __init__(self, connection: sqlite3.Connection, moment: int, factory: hikari.api.EntityFactory) -> None:
        self._connection = connection
        self._factory = factory
        self._moment = moment

    def find(self, table: Table[EntityT], *key: object) -> EntityT | None:
        """Return the entity under a key, or `None` where there is none.

        Raises
        ------
        InvalidDataFound
            If its row is damaged, or refused by hikari's entity factory.
        sqlite3.Error
            If SQLite fails.
        """
        rows = fetch_point(self._connection, table, table.lookup_key(key), self._moment)
        return self._build(table, rows)

    def get(self, table: Table[EntityT], *key: object) -> EntityT:
        """Return the entity under a key, as `find` does.

        Raises
        ------
        EntryNotFound
            If there is none.
        InvalidDataFound
            If its row is damaged, or refused by hikari's entity factory.
        sqlite3.Error
            If SQLite fails.
        """
        entity = self.find(table, *key)
        if entity is None:
            raise table.not_found(key)
        return entity

    def find_each(self, table: Table[EntityT], ids: collections.abc.Iterable[int]) -> dict[int, EntityT]:
        """Return the entities under several IDs, of those that are there, by ID, in fewer statements than `find`.

        The table's key is one column.

        Raises
        ------
        InvalidDataFound
            If a row is damaged, or refused by hikari's entity factory.
        sqlite3.Error
            If SQLite fails.
        """
        keys: dict[Key, int] = {table.lookup_key((each,)): each for each in ids}
        found = fetch_points(self._connection, table, keys, self._moment)
        entities = {
            each: self._build(table, found[key]) if key in found else self.find(table, *key)
            for key, each in keys.items()
        }
        return {each: entity for each, entity in entities.items() if entity is not None}

    def missing(self, table: Table[typing.Any], keys: collections.abc.Iterable[Key]) -> list[Key]:
        """Return those of some keys under which nothing is, not even what is damaged, in fewer statements than `find`.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        keys = list(keys)
        found = fetch_points(self._connection, table, keys, self._moment)
        return [
            key
            for key in keys
            if not (found[key] if key in found else fetch_point(self._connection, table, key, self._moment))
        ]

    def _build(self, table: Table[EntityT], rows: list[Row]) -> EntityT | None:
        if not rows:
            return None

        row = rows[0][:-1]  # without its expiry
        return table.build(self._factory, row, table.open_row(row))


def take_snapshot(
    connection: sqlite3.Connection,
    moment: int,
    factory: hikari.api.EntityFactory,
    read: collections.abc.Callable[[Snapshot], _T],
) -> _T:
    """Return what a function reads of a snapshot; nothing of the transaction is left afterwards."""
    connection.execute("BEGIN")
    try:
        return read(Snapshot(connection, moment, factory))
    finally:
        # After some failures SQLite has ended it already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
