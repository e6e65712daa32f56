"""The plugin by which Datasette and sqlite-utils know `cbor_json(data)`; only they import this, by an entry point."""

from __future__ import annotations

__all__ = ["prepare_connection"]

import typing

import pluggy  # both have it

from . import _sql

if typing.TYPE_CHECKING:
    import sqlite3


@pluggy.HookimplMarker("datasette")
@pluggy.HookimplMarker("sqlite_utils")
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Make it known to a connection that either has made."""
    _sql.add_functions(conn)
