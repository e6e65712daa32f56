"""What SQL over our files can do beyond SQLite's own: `cbor_json(data)`, a row's payload as JSON.

It is there in `CacheFile.query`, and in Datasette and sqlite-utils (`_sql_plugin.py`).
"""

from __future__ import annotations

__all__ = ["add_functions", "allow_reading_only", "cbor_json"]

import json
import sqlite3
import typing
import zlib

from . import _codec

# What a statement that reads does.
_READING: typing.Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)

# The pragmas that only tell something, those that take the name of a table, an index or a number first.
_TELLING_OF: typing.Final = frozenset(
    {
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
        *("foreign_key_check", "integrity_check", "quick_check"),
    }
)
_TELLING: typing.Final = frozenset(
    {
        *("application_id", "auto_vacuum", "collation_list", "compile_options", "data_version", "database_list"),
        *("encoding", "freelist_count", "function_list", "journal_mode", "module_list", "page_count", "page_size"),
        *("pragma_list", "schema_version", "user_version"),
    }
)


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


def allow_reading_only(connection: sqlite3.Connection) -> None:
    """Make a connection refuse statements, pragmas among them, that would write or change how it works."""
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        is_allowed = name in _TELLING_OF or (name in _TELLING and second is None)
    elif action == sqlite3.SQLITE_UPDATE:
        # So SQLite declares functions such as `json_each` to itself; it refuses a statement that says so.
        is_allowed = first == "sqlite_master"
    else:
        is_allowed = action in _READING
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY
