"""Looking at a whole file: whether SQLite finds it sound, and whether every row in it is what was once written.

It reads on a connection of its own, so that nothing waits for it, and deletes, where that is asked for, through the
writer like everything else.
"""

from __future__ import annotations

__all__ = ["CheckReport", "Problem", "check", "delete_rows"]

import asyncio
import dataclasses
import typing

import hikari

from . import errors
from ._batch import Batch
from ._operations import DeleteRows
from ._walk import TURN_ROWS

if typing.TYPE_CHECKING:
    import collections.abc
    import sqlite3

    from ._codec import Payload
    from ._connection import Connection
    from ._session import Session
    from ._table import Row, Table

# Rows that are read in one hop.
_ROWS: typing.Final[int] = 500

# As many faults as SQLite is asked for; a file that has more is lost anyway.
_FAULTS: typing.Final[int] = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a file."""

    table: str | None
    """The table that it is in; `None` where it is the file as a whole."""

    key: str | None
    """The row that it is in, by the columns of its key; `None` where it is not one row."""

    fault: str
    """What is wrong, in a sentence that names both."""

    def __str__(self) -> str:
        return self.fault


@dataclasses.dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found out about a file."""

    rows: dict[str, int]
    """How many rows were looked at, by table."""

    problems: tuple[Problem, ...]
    """What is wrong."""

    damaged: int
    """How many rows are not what was once written."""

    deleted: int
    """How many of them were deleted."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class _Damaged(typing.NamedTuple):
    rowid: int
    row: Row


async def check(
    reading: Connection,
    tables: collections.abc.Iterable[Table[typing.Any]],
    factory: hikari.api.EntityFactory,
    session: Session | None,
) -> CheckReport:
    """Look at everything in a file.

    Parameters
    ----------
    reading
        The connection to read on, which nothing else uses.
    tables
        The tables to look at.
    factory
        What has to make an entity of each row.
    session
        Where to delete damaged rows; `None` leaves them.

    Raises
    ------
    BackendError
        If the file cannot be read at all.
    """
    problems = await _pages(reading)
    rows: dict[str, int] = {}
    counted = deleted = 0
    for table in tables:
        damaged: list[_Damaged] = []
        rows[table.name] = 0
        try:
            async for rowid, row in _every_row(reading, table):
                rows[table.name] += 1
                payload, fault = _damage_of(table, row)
                if payload is None:
                    damaged.append(_Damaged(rowid, row))
                else:
                    fault = _refusal_of(table, factory, row, payload)
                if fault is not None:
                    problems.append(Problem(table.name, table.describe(row[: len(table.key)]), fault.message))
        except errors.BackendError as error:
            problems.append(Problem(table.name, None, f"{table.name} cannot be read to its end: {error.message}"))
        counted += len(damaged)
        if session is not None and damaged:
            try:
                deleted += await _delete(session, table, damaged)
            except errors.BackendError as error:
                problems.append(Problem(table.name, None, f"what is damaged in {table.name} stays: {error.message}"))

    return CheckReport(rows, tuple(problems), counted, deleted)


async def _pages(reading: Connection) -> list[Problem]:
    def ask(connection: sqlite3.Connection) -> list[tuple[str]]:
        return connection.execute(f"PRAGMA integrity_check({_FAULTS})").fetchall()

    def ask_for_one(connection: sqlite3.Connection) -> list[tuple[str]]:
        return connection.execute("PRAGMA quick_check(1)").fetchall()

    problems: list[Problem] = []
    try:
        answers = await reading.run(ask)
    except errors.BackendError as error:
        # What stops the thorough check before its first answer, the quick one may still name.
        problems.append(Problem(None, None, error.message))
        try:
            answers = await reading.run(ask_for_one)
        except errors.BackendError:
            return problems

    lines = (line for (answer,) in answers if answer != "ok" for line in answer.splitlines())
    return [*problems, *(Problem(None, None, line) for line in lines if not line.startswith("***"))]


async def _every_row(reading: Connection, table: Table[typing.Any]) -> collections.abc.AsyncIterator[tuple[int, Row]]:
    """Yield all rows of a table, expired and hidden ones too, with their rowids."""
    after = last = -(2**63)
    is_in_order = True
    while True:
        found = await reading.run(_window, table.walk, after)
        for number, (rowid, *row) in enumerate(found):
            is_in_order = is_in_order and rowid > last
            last = rowid
            if number % TURN_ROWS == 0:
                await asyncio.sleep(0)
            yield rowid, tuple(row)
        # Where damage has put rows out of order, the last may be none to go on from.
        before, after = after, max(after, found[-1][0]) if found else after
        if after == before:
            break
    if not is_in_order:
        raise errors.BackendError("its rows are out of order")


def _window(connection: sqlite3.Connection, sql: str, after: int) -> list[Row]:
    return connection.execute(sql, {"after": after, "size": _ROWS}).fetchall()


def _damage_of(table: Table[typing.Any], row: Row) -> tuple[Payload | None, errors.InvalidDataFound | None]:
    """Return a row's payload, or what is damaged in it."""
    try:
        return table.open_row(row), None
    except errors.InvalidDataFound as error:
        return None, error


def _refusal_of(
    table: Table[typing.Any], factory: hikari.api.EntityFactory, row: Row, payload: Payload
) -> errors.InvalidDataFound | None:
    """Return why hikari makes no entity of a row that is as it was written; another hikari may."""
    try:
        table.build(factory, row[: len(table.key)], payload)
    except errors.InvalidDataFound as error:
        if not isinstance(error.base_exception, hikari.UnrecognisedEntityError):  # a kind that this one does not know
            return error

    return None


async def _delete(session: Session, table: Table[typing.Any], damaged: list[_Damaged]) -> int:
    """Delete rows, unless something has written them anew meanwhile.

    Raises
    ------
    BackendError
        If they cannot be deleted.
    """
    batch = Batch("check", session.scope())
    batch.add(delete_rows(table, damaged), rows=len(damaged))
    batch.forget_completeness(table)
    try:
        deleted, *_ = await session.commit_by_hand(batch)
    except errors.BackendError:
        # Where what is damaged is in an index, the row is no longer found in it, and so cannot be taken out.
        await session.rebuild_indexes(table)
        deleted, *_ = await session.commit_by_hand(batch)
    return deleted


def delete_rows(table: Table[typing.Any], damaged: collections.abc.Iterable[tuple[int, Row]]) -> DeleteRows:
    """Return the operation that deletes damaged rows, by rowid and row, if they are still the same."""
    return DeleteRows(table, tuple((rowid, _bytes_of(row[-2]), _bytes_of(row[-1])) for rowid, row in damaged))


def _bytes_of(value: object) -> bytes:
    """Return what SQL's `CAST(… AS BLOB)` makes of a value as it was read."""
    if isinstance(value, bytes):
        return value

    return b"" if value is None else str(value).encode("utf-8", "surrogateescape")
