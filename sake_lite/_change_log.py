"""What a batch changes, row by row, with what was there before: noted by SQLite's triggers, while somebody listens.

Triggers see every statement, whichever operation it comes from. They and the log that they write are temporary
objects of the writer's connection, so that what they note is undone with the batch, and is gone with the connection.
While nobody listens there are none. A row counts as there if a reader finds it at the moment of the batch.
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
    from ._operations import AnyTable
    from ._table import Key, Row


class ChangeLog:
    """The log of one connection, used on its thread.

    While it watches tables, each batch of a transaction is applied between `begin` and `take`.
    """

    __slots__ = ("sources", "tables")

    def __init__(self) -> None:
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
            _forget_all(connection)
            for statement in _schema(tables):
                connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

        # What keeps a row alive comes after it, so that it counts as it was before the batch.
        ordered = sorted(tables, key=lambda table: not table.keepers)
        self.sources = tuple(dict.fromkeys([*ordered, *(each for table in tables for each in table.depends_on)]))
        self.tables = tables

    def begin(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Note what a batch changes from now on.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        connection.execute("UPDATE temp.change_moment SET moment = ?", (batch.moment,))

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

        ((moment,),) = connection.execute("SELECT moment FROM temp.change_moment").fetchall()
        connection.execute("UPDATE temp.change_moment SET moment = NULL")
        yield
        connection.execute("UPDATE temp.change_moment SET moment = ?", (moment,))

    def take(self, connection: sqlite3.Connection, batch: Batch) -> list[Changes]:
        """Return what a batch has changed, by table, each row once, in the order in which they were first touched.

        Raises
        ------
        sqlite3.Error
            If SQLite fails.
        """
        # There may be a great many, so nothing is made of each that Python's collector would have to keep track of.
        found: dict[str, dict[Key, tuple[Row | None, Row | None]]] = {}
        layout = {table.name: (len(table.key), _width(table)) for table in self.tables}
        widest = max(width for _, width in layout.values())
        for _, name, *cells in connection.execute("SELECT * FROM temp.change_log ORDER BY number"):
            size, width = layout[name]
            old, new = tuple(cells[:width]), tuple(cells[widest : widest + width])
            is_old, is_new = old[-1] is not None, new[-1] is not None
            key = (old if is_old else new)[:size]
            rows = found.setdefault(name, {})
            first = rows[key][0] if key in rows else (old if is_old else None)
            rows[key] = (first, new if is_new else None)

        if not found:
            return []

        connection.execute("DELETE FROM temp.change_log")
        changed = {name: {key: row for key, row in rows.items() if row[0] != row[1]} for name, rows in found.items()}
        return [Changes(table, batch.name, rows) for table in self.tables if (rows := changed.get(table.name))]


def _width(table: AnyTable) -> int:
    return len(_cells(table))


def _cells(table: AnyTable) -> list[str]:
    """Return the columns of a row as it is read."""
    return [*(column.name for column in table.columns), "checksum", "data"]


def _forget_all(connection: sqlite3.Connection) -> None:
    there = connection.execute("SELECT type, name FROM temp.sqlite_master WHERE name GLOB 'change_*'").fetchall()
    for kind, name in there:
        connection.execute(f"DROP {kind} temp.{name}")


def _schema(tables: tuple[AnyTable, ...]) -> collections.abc.Iterator[str]:
    if not tables:
        return

    width = max(map(_width, tables))
    cells = ", ".join(f"{side}_{number}" for side in ("old", "new") for number in range(width))
    yield f"CREATE TEMP TABLE change_log (number INTEGER PRIMARY KEY, resource, {cells})"
    yield "CREATE TEMP TABLE change_moment (moment)"  # NULL: nothing is noted
    yield "INSERT INTO temp.change_moment VALUES (NULL)"
    for table in tables:
        yield from _triggers(table)
        if table.hidden_by is not None:
            yield from _triggers_of_hiding(table, table.hidden_by)


def _triggers(table: AnyTable) -> collections.abc.Iterator[str]:
    name = table.name
    old, new = table.visible_as("OLD"), table.visible_as("NEW")
    yield _trigger(name, "came", "INSERT", _note(table, new="NEW", where=new))
    yield _trigger(name, "went", "DELETE", _note(table, old="OLD", where=old))
    is_other = "WHEN OLD.data IS NOT NEW.data"
    yield _trigger(name, "changed", "UPDATE", _note(table, old="OLD", new="NEW", where=f"{old} AND {new}"), is_other)
    # One that had expired was not there for a reader, though it was in the file.
    is_renewed = "WHEN OLD.expires_at IS NOT NEW.expires_at"
    yield _trigger(name, "began", "UPDATE", _note(table, new="NEW", where=f"NOT {old} AND {new}"), is_renewed)
    yield _trigger(name, "ended", "UPDATE", _note(table, old="OLD", where=f"{old} AND NOT {new}"), is_renewed)


def _triggers_of_hiding(table: AnyTable, by: AnyTable) -> collections.abc.Iterator[str]:
    """Rows that are hidden are gone for a reader, and come with what hid them gone, though none of them is written."""
    name, alive = table.name, table.alive_as(table.name)
    hidden, shown = (f"{name}.guild_id = {row}.guild_id AND {alive}" for row in ("NEW", "OLD"))
    yield _trigger(by.name, f"hid_{name}", "INSERT", _note(table, old=name, where=hidden, rows=name))
    yield _trigger(by.name, f"showed_{name}", "DELETE", _note(table, new=name, where=shown, rows=name))


def _trigger(table: str, what: str, event: str, body: str, condition: str = "") -> str:
    return (
        f"CREATE TEMP TRIGGER change_{table}_{what} AFTER {event} ON main.{table} FOR EACH ROW {condition} "
        f"BEGIN {body}; END"
    )


def _note(table: AnyTable, *, where: str, old: str = "", new: str = "", rows: str = "") -> str:
    """Return the statement that notes a row, or some, by the names that the trigger has for the old and the new one."""
    cells = [(side, row) for side, row in (("old", old), ("new", new)) if row]
    into = [f"{side}_{number}" for side, _ in cells for number in range(_width(table))]
    values = [f"{row}.{cell}" for _, row in cells for cell in _cells(table)]
    among = f"{rows} CROSS JOIN change_moment" if rows else "change_moment"
    return (
        f"INSERT INTO change_log (resource, {', '.join(into)}) SELECT '{table.name}', {', '.join(values)} "
        f"FROM {among} WHERE change_moment.moment IS NOT NULL AND {where.replace(':moment', 'change_moment.moment')}"
    )
