"""The rows that a group of batches modifies, as they are in the file: read together, which is quicker.

They are read before the group's first operation, and each is good for one time, until something in the group may have
changed it.
"""

from __future__ import annotations

__all__ = ["StoredRows"]

import collections
import sqlite3
import typing

from ._operations import Modify
from ._points import fetch_point, fetch_points

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._rows import EncodedRow, Rows
    from ._table import AnyTable, Key, Row


class StoredRows:
    """What is stored under the keys that a group modifies.

    Parameters
    ----------
    connection
        The connection that has the group's transaction open.
    batches
        The group.
    """

    __slots__ = ("_connection", "_rows")

    def __init__(self, connection: sqlite3.Connection, batches: list[Batch]) -> None:
        keys: collections.defaultdict[AnyTable, list[Key]] = collections.defaultdict(list)
        for batch in batches:
            for operation in batch.operations:
                if isinstance(operation, Modify):
                    keys[operation.table].append(operation.key)

        self._connection = connection
        self._rows: dict[AnyTable, dict[Key, list[Row]]] = {}
        if keys:
            moment = min([batch.moment for batch in batches])
            found = {table: fetch_points(connection, table, asked, moment) for table, asked in keys.items()}
            self._rows = {table: rows for table, rows in found.items() if rows}

    def take(self, table: AnyTable, key: Key, moment: int) -> Row | None:
        """Return the visible row under a key, its `expires_at` following it, if there is one, and forget it.

        Parameters
        ----------
        table, key
            Which row.
        moment
            When, in Unix milliseconds.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        rows = self._rows[table].pop(key, None) if table in self._rows else None
        # In the time between, the row may have expired, which only the file can tell.
        if rows is None or (rows and rows[0][-1] is not None and rows[0][-1] <= moment):
            rows = fetch_point(self._connection, table, key, moment)

        return rows[0] if rows else None

    def forget(self, rows: EncodedRow | Rows) -> None:
        """Forget what rows that are about to be written may change: themselves, and whether others are visible."""
        if not self._rows:
            return

        table = rows.table
        for reached in table.reaches:
            self._rows.pop(reached, None)
        if (there := self._rows.get(table)) is not None:
            for key in rows.keys() or [*there]:
                there.pop(key, None)

    def forget_all(self) -> None:
        """Forget all rows, since any may be changed."""
        self._rows.clear()
