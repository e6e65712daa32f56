"""The rows that a group of batches modifies, as they are in the file: read and decoded together, which is quicker.

They are read before the group's first operation, and each is good for one time, until something in the group may have
changed it.
"""

from __future__ import annotations

__all__ = ["NOT_FOUND", "Found", "StoredRows"]

import collections
import collections.abc
import logging
import sqlite3
import typing

from . import errors
from ._codec import MOST_TOGETHER
from ._operations import Modify
from ._points import fetch_point, fetch_points

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._codec import Payload
    from ._operations import AnyTable, Rows
    from ._table import Key, Row

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


class Found(typing.NamedTuple):
    """A visible row; its payload is `None` where it is damaged, or there is none."""

    payload: Payload | None
    data: bytes
    expires_at: int | None


NOT_FOUND: typing.Final = Found(None, b"", None)


class StoredRows:
    """What is stored under the keys that a group modifies.

    Parameters
    ----------
    connection
        The connection that has the group's transaction open.
    batches
        The group.
    """

    __slots__ = ("_connection", "_found", "_moment")

    def __init__(self, connection: sqlite3.Connection, batches: list[Batch]) -> None:
        keys: collections.defaultdict[AnyTable, list[Key]] = collections.defaultdict(list)
        for batch in batches:
            for operation in batch.operations:
                if isinstance(operation, Modify):
                    keys[operation.fresh.table].append(operation.key)

        self._connection = connection
        self._moment = min(batch.moment for batch in batches)
        self._found: dict[AnyTable, dict[Key, Found | None]] = {}
        for table, asked in keys.items():
            if rows := fetch_points(connection, table, asked, self._moment):
                self._found[table] = dict(_open_all(table, rows))

    def take(self, table: AnyTable, key: Key, moment: int) -> Found | None:
        """Return the visible row under a key, if there is one (`moment`, Unix ms), and forget it.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        if (rows := self._found.get(table)) is not None and key in rows:
            found = rows.pop(key)
            # In the time between, the row may have expired, which only the file can tell.
            if found is None or found.expires_at is None or found.expires_at > moment:
                return found

        rows = fetch_point(self._connection, table, key, moment)
        return _open(table, rows[0]) if rows else None

    def forget(self, rows: Rows) -> None:
        """Forget what rows that are about to be written may change: themselves, and whether others are visible."""
        if not self._found:
            return

        table = rows.table
        for reached in table.reaches:
            self._found.pop(reached, None)
        if (found := self._found.get(table)) is not None:
            for key in rows.keys() or [*found]:
                found.pop(key, None)

    def forget_all(self) -> None:
        """Forget all rows, since any may be changed."""
        self._found.clear()


def _open_all(table: AnyTable, rows: dict[Key, list[Row]]) -> collections.abc.Iterator[tuple[Key, Found | None]]:
    there = [(key, each[0]) for key, each in rows.items() if each]
    for start in range(0, len(there), MOST_TOGETHER):
        few = there[start : start + MOST_TOGETHER]
        try:
            payloads = table.open_rows([row[:-1] for _, row in few])
        except errors.InvalidDataFound:
            yield from ((key, _open(table, row)) for key, row in few)
        else:
            yield from ((key, Found(payload, *row[-2:])) for (key, row), payload in zip(few, payloads, strict=True))

    yield from ((key, None) for key, each in rows.items() if not each)


def _open(table: AnyTable, row: Row) -> Found:
    try:
        payload = table.open_row(row[:-1])
    except errors.InvalidDataFound as error:
        _LOGGER.warning("%s; it counts as missing for an update", error)
        payload = None

    return Found(payload, row[-2], row[-1])
