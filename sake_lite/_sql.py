"""What SQL over our files can do beyond SQLite's own: `cbor_json(data)`, a row's payload as JSON.

It is there in `CacheFile.query`, and in Datasette and sqlite-utils (`_sql_plugin.py`).
"""

from __future__ import annotations

__all__ = ["add_functions", "cbor_json"]

import json
import typing
import zlib

from . import _codec

if typing.TYPE_CHECKING:
    import sqlite3


def cbor_json(data: object) -> str | None:
    """Return a payload, as it is in a row's `data`, as JSON; `None`, SQL's NULL, for all that is none."""
    if not isinstance(data, bytes):
        return None

    try:
        return json.dumps(_codec.decode(data, zlib.crc32(data)), ensure_ascii=False, allow_nan=False)
    except (_codec.DamagedData, ValueError):
        return None


def add_functions(connection: sqlite3.Connection) -> None:
    """Make `cbor_json(data)` known to a connection."""
    connection.create_function("cbor_json", 1, cbor_json, deterministic=True)
