"""What a batch changes, row by row, with what was there before: noted by SQLite's triggers, while somebody listens.

Triggers see every statement, whichever operation it comes from. Before one makes a difference to whether a reader finds
a row, or to what, they note once what a reader finds: the row itself may be written, or one that keeps it alive or
hides it. What is found after the batch's last statement is compared with that, so that the order of the statements does
not matter, nor what they do and undo. Both are as of the moment of the batch.

The triggers and the logs that they write are temporary objects of the writer's connection, so that what they note is
undone with the batch, and is gone with the connection. Those of a table are made when somebody first listens to it.
When nobody does any longer they rest, since to drop them would have SQLite prepare every statement anew.
"""

from __future__ import annotations

__all__ = ["ChangeLog"]

import collections.abc
import contextlib
import sqlite3
import typing

from ._change import Changes

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._table import AnyTable, Key, Row


class ChangeLog:
    """The log of one connection, used on its thread.

    While it watches tables, each batch of a transaction is applied between `begin` and `take`.
    """

    __slots__ = ("_moment", "_prepared", "sources", "tables")

    def __init__(self) -> None:
        self._moment: int | None = None
        self._prepared: set[AnyTable] = set()  # the tables that have triggers

        self.tables: tuple[AnyTable, ...] = ()
        """The tables that are watched."""

        self.sources: tuple[AnyTable, ...] = ()
        """The tables whose rows must have been written before `take`."""

    def watch(self, connection: sqlite3.Connection, tables: tuple[AnyTable, ...]) -> None:
        """Watch these tables from now on, and no others; outside of a transaction.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        if tables == self.tables:
            return

        connection.execute("BEGIN")
        try:
            for statement in self._schema(tables):
                connection.execute(statement)
            connection.execute("UPDATE temp.change_moment SET moment = NULL")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

        self._prepared.update(tables)
        self.sources = tuple(dict.fromkeys([*tables, *(each for table in tables for each in table.depends_on)]))
        self.tables = tables

    def _schema(self, tables: tuple[AnyTable, ...]) -> collections.abc.Iterator[str]:
        """Yield the statements that make what these tables still lack to be watched."""
        if not self._prepared:
            yield "CREATE TEMP TABLE change_moment (resource TEXT PRIMARY KEY, moment)"  # NULL: nothing is noted
        for table in tables:
            if table not in self._prepared:
                yield from _schema(table)

    def begin(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Note what a batch changes from now on.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        self._moment = batch.moment
        self._note_as_of(connection, batch.moment)

    def _note_as_of(self, connection: sqlite3.Connection, moment: int | None) -> None:
        watched = ", ".join([f"'{table.name}'" for table in self.tables])
        connection.execute(f"UPDATE temp.change_moment SET moment = ? WHERE resource IN ({watched})", (moment,))

    @contextlib.contextmanager
    def resting(self, connection: sqlite3.Connection) -> collections.abc.Generator[None]:
        """Note nothing inside the block, for what removes rows though nothing happened on Discord.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        if not self.tables:
            yield
            return

        self._note_as_of(connection, None)
        yield
        self._note_as_of(connection, self._moment)

    def take(self, connection: sqlite3.Connection, batch: Batch) -> list[Changes]:
        """Return what a batch has changed, by table, each row once, in the order in which they were first touched.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        is_any = [f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM temp.{_log(table)})" for table in self.tables]
        touched = {name for (name,) in connection.execute(" UNION ALL ".join(is_any)).fetchall()}
        found = [(table, _take(connection, table, batch)) for table in self.tables if table.name in touched]
        return [Changes(table, batch.name, rows) for table, rows in found if rows]


def _take(connection: sqlite3.Connection, table: AnyTable, batch: Batch) -> dict[Key, tuple[Row | None, Row | None]]:
    # There may be a great many, so nothing is made of each that Python's collector would have to keep track of.
    rows: dict[Key, tuple[Row | None, Row | None]] = {}
    size, width = len(table.key), len(_cells(table))
    for cells in connection.execute(_comparison(table), {"moment": batch.moment}):
        old = cells[:width] if cells[width - 1] is not None else None
        new = cells[width:] if cells[-1] is not None else None
        if old != new:
            rows[cells[:size]] = (old, new)

    connection.execute(f"DELETE FROM temp.{_log(table)}")
    return rows


def _comparison(table: AnyTable) -> str:
    """Return what selects each row that was noted, as it was, followed by what a reader finds now, if anything."""
    name, log = table.name, _log(table)
    selected = ", ".join(f"{each}.{cell}" for each in (log, name) for cell in _cells(table))
    same = " AND ".join(f"{name}.{column.name} = {log}.{column.name}" for column in table.key)
    return f"SELECT {selected} FROM temp.{log} LEFT JOIN main.{name} ON {same} AND {table.visible} ORDER BY number"


def _log(table: AnyTable) -> str:
    return f"change_log_{table.name}"


def _cells(table: AnyTable) -> list[str]:
    """Return the columns of a row as it is read."""
    return [*(column.name for column in table.columns), "checksum", "data"]


def _schema(table: AnyTable) -> collections.abc.Iterator[str]:
    name = table.name
    key = ", ".join(column.name for column in table.key)
    # Without `data`, there was nothing for a reader. A row is noted when it is first touched, and not again.
    yield f"CREATE TEMP TABLE {_log(table)} (number INTEGER PRIMARY KEY, {', '.join(_cells(table))}, UNIQUE ({key}))"
    yield f"INSERT INTO temp.change_moment VALUES ('{name}', NULL)"
    yield from _triggers(table)
    if table.hidden_by is not None:
        yield from _triggers_beside(table, table.hidden_by, "guild_id", table.alive_as(name))
    for keeper in table.keepers:
        # Whatever has not expired is there without being kept.
        yield from _triggers_beside(table, keeper, table.key[0].name, table.needs_keeper_as(name))


def _triggers(table: AnyTable) -> collections.abc.Iterator[str]:
    """Note rows as they are written themselves."""
    name = table.name
    yield _trigger(f"{name}_came", "AFTER INSERT", table, _note(table, "NEW", was_visible="FALSE"))
    visible = table.visible_as("OLD")
    yield _trigger(f"{name}_went", "AFTER DELETE", table, _note(table, "OLD", was_visible=visible, where=visible))
    # Most of what is written anew only lives longer for it.
    differs = " OR ".join(f"OLD.{cell} IS NOT NEW.{cell}" for cell in _cells(table))
    where = f"({differs} OR {table.alive_as('OLD')} IS NOT {table.alive_as('NEW')})"
    yield _trigger(f"{name}_changed", "AFTER UPDATE", table, _note(table, "OLD", was_visible=visible, where=where))


def _triggers_beside(table: AnyTable, other: AnyTable, column: str, concerned: str) -> collections.abc.Iterator[str]:
    """Note rows of a table that may come or go for a reader because another's are written that have the same value."""
    name = table.name
    key = " AND ".join(f"{other.name}.{each.name} = NEW.{each.name}" for each in other.key)
    # SQLite takes an upsert for an insertion until it finds a row, whose update it then is.
    is_new = f"WHEN NOT EXISTS (SELECT 1 FROM main.{other.name} WHERE {key})"
    is_other = "WHEN OLD.expires_at IS NOT NEW.expires_at"
    for event, row, condition in (("INSERT", "NEW", is_new), ("UPDATE", "OLD", is_other), ("DELETE", "OLD", "")):
        where = f"{name}.{column} = {row}.{column} AND {concerned}"
        body = _note(table, name, was_visible=table.visible, where=where, among=f"change_moment CROSS JOIN {name}")
        yield _trigger(f"{name}_{other.name}_{event.lower()}", f"BEFORE {event}", other, body, condition)


def _trigger(name: str, event: str, on: AnyTable, body: str, condition: str = "") -> str:
    return f"CREATE TEMP TRIGGER change_{name} {event} ON main.{on.name} FOR EACH ROW {condition} BEGIN {body}; END"


def _note(table: AnyTable, row: str, *, was_visible: str, where: str = "TRUE", among: str = "change_moment") -> str:
    """Return the statement that notes a row, or some, by the name that it has in the trigger."""
    *others, data = _cells(table)
    values = ", ".join(f"{row}.{cell}" for cell in others)
    note = (
        f"INSERT INTO {_log(table)} ({', '.join(others)}, {data}) "
        f"SELECT {values}, CASE WHEN {was_visible} THEN {row}.{data} END FROM {among} "
        f"WHERE change_moment.resource = '{table.name}' AND change_moment.moment IS NOT NULL AND {where} "
        "ON CONFLICT DO NOTHING"
    )
    return note.replace(":moment", "change_moment.moment")
