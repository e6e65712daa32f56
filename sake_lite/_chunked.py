"""Lists of a guild's rows that come in chunks: what is awaited, which chunks are here, and which rows were named.

All of it is in temporary tables of the writer's connection, so that it is undone with the batch that it belongs to,
and is gone with the connection: a list whose rest never comes removes nothing. Only of which tables there may be
anything is also in memory, since every write would have to ask else.
"""

from __future__ import annotations

__all__ = [
    "AwaitedTables",
    "delete_unnamed",
    "ignore",
    "is_all_there",
    "note_deleted",
    "note_named",
    "schema",
    "take",
]

import itertools
import sqlite3
import typing

if typing.TYPE_CHECKING:
    import collections.abc

    from ._column import Column
    from ._operations import AwaitChunks, IgnoreChunks, TakeChunk
    from ._table import AnyTable


def schema(table: AnyTable) -> tuple[str, ...]:
    """Return the statements that create the temporary tables for one table's lists."""
    name = table.name
    keys = ", ".join(column.name for column in table.key)
    return (
        f"CREATE TEMP TABLE {name}_awaited (guild_id INTEGER PRIMARY KEY, nonce TEXT NOT NULL)",
        f"CREATE TEMP TABLE {name}_chunks (guild_id, number, PRIMARY KEY (guild_id, number)) WITHOUT ROWID",
        f"CREATE TEMP TABLE {name}_named ({keys}, PRIMARY KEY ({keys})) WITHOUT ROWID",
    )


class AwaitedTables:
    """The tables of which lists are awaited on one connection, and perhaps some of which none is any more."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: set[AnyTable] = set()

    def __contains__(self, table: AnyTable) -> bool:
        return table in self._tables

    def look(self, connection: sqlite3.Connection) -> None:
        """Leave out the tables of which nothing is awaited any more; outside of a transaction, which may be undone.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        self._tables = {table for table in self._tables if _is_any_awaited(connection, table)}

    def expect(self, connection: sqlite3.Connection, operation: AwaitChunks) -> int:
        """Begin to note what is named of a guild's rows.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        name, guild_id = operation.table.name, operation.guild_id
        self._tables.add(operation.table)
        _end(connection, name, guild_id)
        connection.execute(f"INSERT INTO temp.{name}_awaited VALUES (?, ?)", (guild_id, operation.nonce))
        return 0


def _is_any_awaited(connection: sqlite3.Connection, table: AnyTable) -> bool:
    return connection.execute(f"SELECT 1 FROM temp.{table.name}_awaited LIMIT 1").fetchone() is not None


def note_named(
    connection: sqlite3.Connection, table: AnyTable, keys: collections.abc.Sequence[tuple[typing.Any, ...]]
) -> None:
    """Note the keys of rows that are there, of those guilds whose rows are awaited."""
    # `column1` is what SQLite calls the first column of VALUES; the key begins with the guild.
    values = ", ".join([f"({', '.join('?' * len(table.key))})"] * len(keys))
    connection.execute(
        f"INSERT OR IGNORE INTO temp.{table.name}_named SELECT * FROM (VALUES {values}) "
        f"WHERE column1 IN (SELECT guild_id FROM temp.{table.name}_awaited)",
        list(itertools.chain.from_iterable(keys)),
    )


def note_deleted(
    connection: sqlite3.Connection,
    table: AnyTable,
    columns: collections.abc.Sequence[Column],
    where: dict[str, int | str],
) -> None:
    """Forget the keys of rows that are deleted because Discord says that they are gone."""
    equal = " AND ".join(f"{column.name} = :{column.name}" for column in columns) or "true"
    connection.execute(f"DELETE FROM temp.{table.name}_named WHERE {equal}", where)


def ignore(connection: sqlite3.Connection, operation: IgnoreChunks) -> int:
    """No longer expect anything of some guilds."""
    table, where = operation.table, operation.where
    rows = connection.execute(f"SELECT guild_id FROM temp.{table.name}_awaited").fetchall()
    if "guild_id" in where:
        rows = [(where["guild_id"],)]
    elif where:
        columns = [table.column_by_name[name] for name in where]
        rows = connection.execute(table.first_keys_where(columns), where).fetchall()

    for (guild_id,) in rows:
        if operation.shard is None or operation.shard.has(int(guild_id)):
            _end(connection, table.name, guild_id)
    return 0


def take(connection: sqlite3.Connection, operation: TakeChunk) -> bool:
    """Note a chunk; returns whether it was the last of those that are awaited under its nonce."""
    name, guild_id = operation.table.name, operation.guild_id
    awaited = connection.execute(
        f"SELECT 1 FROM temp.{name}_awaited WHERE guild_id = ? AND nonce = ?", (guild_id, operation.nonce)
    ).fetchone()
    if awaited is None:
        return False

    connection.execute(f"INSERT OR IGNORE INTO temp.{name}_chunks VALUES (?, ?)", (guild_id, operation.number))
    ((here,),) = connection.execute(
        f"SELECT count(*) FROM temp.{name}_chunks WHERE guild_id = ? AND number < ?", (guild_id, operation.total)
    ).fetchall()
    return here == operation.total


def is_all_there(connection: sqlite3.Connection, table: AnyTable, guild_id: int) -> bool:
    """Whether all rows of a guild that were named are still there: another process may have removed some."""
    same = " AND ".join(f"named.{column.name} = {table.name}.{column.name}" for column in table.key)
    missing = connection.execute(
        f"SELECT 1 FROM temp.{table.name}_named AS named WHERE guild_id = ? "
        f"AND NOT EXISTS (SELECT 1 FROM main.{table.name} WHERE {same}) LIMIT 1",
        (guild_id,),
    )
    return missing.fetchone() is None


def delete_unnamed(connection: sqlite3.Connection, table: AnyTable, guild_id: int) -> int:
    """Delete those of a guild's rows that nothing named since they were awaited, and await no more."""
    same = " AND ".join(f"named.{column.name} = {table.name}.{column.name}" for column in table.key)
    deleted = connection.execute(
        f"DELETE FROM main.{table.name} WHERE guild_id = ? "
        f"AND NOT EXISTS (SELECT 1 FROM temp.{table.name}_named AS named WHERE {same})",
        (guild_id,),
    ).rowcount
    _end(connection, table.name, guild_id)
    return deleted


def _end(connection: sqlite3.Connection, name: str, guild_id: int | str) -> None:
    for suffix in ("awaited", "chunks", "named"):
        connection.execute(f"DELETE FROM temp.{name}_{suffix} WHERE guild_id = ?", (guild_id,))
