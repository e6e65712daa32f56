"""One row becomes what a function makes of its payload, on the writer's thread: no other write can come between."""

from __future__ import annotations

__all__ = ["modify"]

import logging
import sqlite3
import typing

from . import _codec, errors
from ._operations import LayOverEncoded, Modify
from ._rows import EncodedRow, encode

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._stored import StoredRows
    from ._table import Row, Table
    from ._upserts import Upserts

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


def modify(connection: sqlite3.Connection, upserts: Upserts, stored: StoredRows, operation: Modify) -> tuple[bool, int]:
    """Change one row; returns whether it is, or was, stored, and how many rows were deleted for it.

    Raises
    ------
    ValueError
        If what it becomes cannot be stored; others of `_batch.MALFORMED`, too.
    sqlite3.Error
        If SQLite fails.
    """
    table, key, change, moment, expires_at, is_explicit, is_seeing = operation
    # Whether the row is there may depend on those tables, too.
    upserts.flush(*table.depends_on)
    upserts.flush_key(table, key)
    row = stored.take(table, key, moment)
    stored_until = row[-1] if row else None
    is_renewing = (is_seeing or is_explicit) and expires_at != stored_until
    if row and isinstance(change, LayOverEncoded) and not is_renewing and _is_stored(table, row[:-1], change):
        upserts.see(table, key)
        return True, 0

    payload = _open(table, row[:-1]) if row else None
    changed = change(payload)
    if changed is payload:
        return False, 0

    if changed is None:
        deleted = connection.execute(table.delete_where(table.key), table.key_parameters(key)).rowcount
        return bool(deleted), deleted

    if row and payload is not None:
        if not is_renewing and changed == payload and _codec.is_encoded_as(changed, row[-2], row[-3]):
            upserts.see(table, key)
            return True, 0
        if not (is_seeing or is_explicit):
            expires_at, is_explicit = stored_until, True

    # What could not be read back would spoil a row that was there.
    changed_row = EncodedRow(table, encode(table, changed, {}, moment, expires_at, is_verifying=True), is_explicit)
    stored.forget(changed_row)
    upserts.add(changed_row)
    return True, 0


def _is_stored(table: Table[typing.Any], row: Row, news: LayOverEncoded) -> bool:
    """Whether a payload is what is stored under its key, beside the columns that belong there."""
    return news.is_in(row) and (len(table.columns) == len(table.key) or _open(table, row) is not None)


def _open(table: Table[typing.Any], row: Row) -> Payload | None:
    try:
        return table.open_row(row)
    except errors.InvalidDataFound as error:
        _LOGGER.warning("%s; it counts as missing for an update", error)
        return None
