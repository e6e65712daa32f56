"""Rows by their keys, on a connection's thread: many a statement, where there are many.

Each statement costs about as much as three rows of it, and gives the interpreter's lock away, which beside a busy event
loop takes milliseconds to come back.
"""

from __future__ import annotations

__all__ = ["fetch_point", "fetch_points"]

import itertools
import sqlite3
import typing

if typing.TYPE_CHECKING:
    import collections.abc

    from ._table import Key, Row, Table

# Keys per statement, largest first; fewer are asked for one by one.
_STATEMENT_KEYS: typing.Final[tuple[int, ...]] = (64, 8)


def fetch_point(connection: sqlite3.Connection, table: Table[typing.Any], key: Key, moment: int) -> list[Row]:
    """Return the visible row under a key, if there is one, its `expires_at` following it (`moment`, Unix ms).

    Raises
    ------
    sqlite3.Error
        If SQLite fails.
    """
    return connection.execute(table.select, table.key_parameters(key) | {"moment": moment}).fetchall()


def fetch_points(
    connection: sqlite3.Connection, table: Table[typing.Any], keys: collections.abc.Iterable[Key], moment: int
) -> dict[Key, list[Row]]:
    """Return what `fetch_point` would for many; what is not in the answer is to be asked for one by one."""
    found: dict[Key, list[Row]] = {}
    for part in _statements(list(dict.fromkeys(keys))):
        parameters = [*itertools.chain.from_iterable(part), moment]
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
