"""Operations → SQL statements → one transaction, on the writer's thread.

The batches of a group are applied together, which lets their rows share statements (`_upserts.py`). Where one of them
fails by itself, all is undone and applied once more, one by one, each in a savepoint. What each batch changes in the
tables that somebody listens to is taken from the log of changes (`_change_log.py`) before the next one is applied.
"""

from __future__ import annotations

__all__ = ["Outcome", "Written", "is_common_fault", "write_group"]

import collections.abc
import itertools
import sqlite3
import typing

from . import _chunked, errors
from ._modify import modify
from ._operations import (
    AwaitChunks,
    Delete,
    DeleteExpired,
    DeleteMatching,
    DeleteOldest,
    DeleteRows,
    EndPastSession,
    Expire,
    IgnoreChunks,
    Modify,
    Replace,
    Shrink,
    Sweep,
    TakeChunk,
)
from ._rows import EncodedRow, Rows
from ._stored import StoredRows
from ._upserts import Upserts

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._change import Changes
    from ._change_log import ChangeLog
    from ._chunked import AwaitedTables
    from ._column import Column
    from ._operations import Shard
    from ._table import AnyTable

# Faults of the file or the system, under which no batch can be written; others are those of one batch.
_COMMON_FAULTS: typing.Final = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)

_Other: typing.TypeAlias = (
    AwaitChunks | Delete | DeleteMatching | Expire | IgnoreChunks | Replace | Shrink | Sweep | TakeChunk
)

# So few operations' rows are not worth a shared statement.
_FEW: typing.Final[int] = 3

# What removes rows though nothing happened on Discord.
_Housekeeping: typing.TypeAlias = DeleteExpired | DeleteOldest | DeleteRows

Outcome: typing.TypeAlias = "list[int] | Exception"
"""What became of a batch: for each of its operations, how many rows it deleted; or why it failed.

A *modify* comes to 1 if it stored or deleted its row, though that was equal to what it is now, and else to 0.
"""


class Written(typing.NamedTuple):
    """What became of some batches that were applied."""

    outcomes: list[Outcome]
    """What became of each."""

    rows: int
    """How many rows were written or deleted in all."""

    changes: list[Changes]
    """What they changed in the tables that are watched, in order."""


def is_common_fault(exception: BaseException | None) -> bool:
    """Whether a fault is that of the file or the system, and not of what was to be written."""
    return isinstance(exception, MemoryError) or errors.result_code(exception or Exception()) in _COMMON_FAULTS


def write_group(
    connection: sqlite3.Connection,
    batches: list[Batch],
    awaited: AwaitedTables,
    log: ChangeLog,
    watched: tuple[AnyTable, ...],
) -> Written:
    """Apply batches in one transaction, on the writer's thread; a batch that fails by itself is undone by itself.

    Parameters
    ----------
    connection
        The writer's connection.
    batches
        The batches.
    awaited
        The tables of which the connection awaits lists.
    log
        The connection's log of changes.
    watched
        The tables whose changes are asked for.

    Raises
    ------
    sqlite3.Error
        If SQLite fails; nothing of the group is in the file then.
    """
    if connection.in_transaction:  # the last one could not even be undone
        connection.execute("ROLLBACK")
    log.watch(connection, watched)
    awaited.look(connection)
    try:
        connection.execute("BEGIN IMMEDIATE")
        written = _apply_together(connection, batches, awaited, log)
        connection.execute("COMMIT")
    except BaseException:
        # After some failures SQLite has rolled back already, and statements would commit one by one from here on.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

    return written


def _apply_together(
    connection: sqlite3.Connection, batches: list[Batch], awaited: AwaitedTables, log: ChangeLog
) -> Written:
    try:
        return _apply(connection, batches, awaited, log)
    except Exception as exception:
        if is_common_fault(exception) or not connection.in_transaction:
            raise
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        if len(batches) == 1:
            return Written([exception], 0, [])

    outcomes, rows, changes = zip(*[_apply_alone(connection, batch, awaited, log) for batch in batches], strict=True)
    return Written([*itertools.chain(*outcomes)], sum(rows), [*itertools.chain(*changes)])


def _apply_alone(connection: sqlite3.Connection, batch: Batch, awaited: AwaitedTables, log: ChangeLog) -> Written:
    connection.execute("SAVEPOINT batch")
    try:
        written = _apply(connection, [batch], awaited, log)
    except Exception as exception:
        if is_common_fault(exception) or not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO batch")
        written = Written([exception], 0, [])

    connection.execute("RELEASE batch")
    return written


def _apply(connection: sqlite3.Connection, batches: list[Batch], awaited: AwaitedTables, log: ChangeLog) -> Written:
    """Apply batches, in order, inside the transaction that is open.

    Raises
    ------
    ValueError
        If a payload that was left for this thread to encode cannot be stored.
    sqlite3.Error
        If SQLite fails.
    """
    upserts = Upserts(connection, awaited, is_waiting=len(batches) > 1 or len(batches[0].operations) > _FEW)
    stored = StoredRows(connection, batches)
    applied: list[Outcome] = []
    changes: list[Changes] = []
    deleted = 0
    for batch in batches:
        if log.tables:
            log.begin(connection, batch)
        counts, gone = _apply_batch(connection, upserts, stored, batch, log)
        applied.append(counts)
        deleted += gone
        if log.tables:  # its rows cannot wait for those of others, which what is told is to be told from
            upserts.flush(*log.sources)
            changes += log.take(connection, batch)

    upserts.flush_all()
    return Written(applied, upserts.written + deleted, changes)


def _apply_batch(
    connection: sqlite3.Connection, upserts: Upserts, stored: StoredRows, batch: Batch, log: ChangeLog
) -> tuple[list[int], int]:
    """Apply one batch, some of whose rows are left to `upserts`; returns its outcome and how many rows it deleted."""
    counts: list[int] = []
    deleted = 0
    for operation in batch.operations:
        match operation:
            case EncodedRow() | Rows():
                stored.forget(operation)
                upserts.add(operation)
                counts.append(0)
            case Modify():
                is_stored, gone = modify(connection, upserts, stored, operation)
                counts.append(int(is_stored))
                deleted += gone
            case EndPastSession():
                counts.append(gone := _end_past_session(connection, upserts, stored, operation))
                deleted += gone
            case _:
                stored.forget_all()
                upserts.flush_all()
                counts.append(gone := _apply_one(connection, upserts, operation, log))
                deleted += gone

    return counts, deleted


def _apply_one(  # noqa: PLR0911
    connection: sqlite3.Connection, upserts: Upserts, operation: _Other | _Housekeeping, log: ChangeLog
) -> int:
    match operation:
        case Delete(table, where):
            return _delete(connection, upserts, table, where)
        case DeleteMatching(table, column, other, where):
            statement = table.delete_matching(table.column_by_name[column], other, _columns(other, where))
            return connection.execute(statement, where).rowcount
        case Replace(rows, where):
            return _replace(connection, upserts, rows, where)
        case AwaitChunks():
            return upserts.awaited.expect(connection, operation)
        case TakeChunk():
            return _take_chunk(connection, upserts, operation)
        case IgnoreChunks():
            return _chunked.ignore(connection, operation)
        case Sweep(table, shard, kept):
            return _sweep(connection, table, shard, kept)
        case Expire(table, shard, expires_at):
            return _expire(connection, table, shard, expires_at)
        case Shrink(pages):
            return _shrink(connection, pages)
        case DeleteExpired() | DeleteOldest() | DeleteRows():
            with log.resting(connection):
                return _keep_house(connection, operation)


def _keep_house(connection: sqlite3.Connection, operation: _Housekeeping) -> int:
    match operation:
        case DeleteExpired():
            return _delete_expired(connection, operation)
        case DeleteOldest(table, limit, size):
            return connection.execute(table.delete_oldest, {"limit": limit, "size": size}).rowcount
        case DeleteRows(table, rows):
            return sum([connection.execute(table.delete_row, row).rowcount for row in rows])


def _delete(connection: sqlite3.Connection, upserts: Upserts, table: AnyTable, where: dict[str, int | str]) -> int:
    columns = _columns(table, where)
    if table in upserts.awaited:
        _chunked.note_deleted(connection, table, columns, where)
    return connection.execute(table.delete_where(columns), where).rowcount


def _columns(table: AnyTable, names: collections.abc.Iterable[str]) -> list[Column]:
    return [table.column_by_name[name] for name in names]


def _replace(
    connection: sqlite3.Connection, upserts: Upserts, rows: EncodedRow | Rows, where: dict[str, int | str]
) -> int:
    table = rows.table
    named: set[tuple[typing.Any, ...]] = set()
    upserts.write(rows, named)
    deleted = 0
    stored = connection.execute(table.keys_where(_columns(table, where)), where).fetchall()
    for key in stored:
        if key not in named:
            parameters = dict(zip((column.name for column in table.key), key, strict=True))
            deleted += connection.execute(table.delete_where(table.key), parameters).rowcount

    return deleted


def _take_chunk(connection: sqlite3.Connection, upserts: Upserts, operation: TakeChunk) -> int:
    if not _chunked.take(connection, operation):
        return 0

    is_whole = _chunked.is_all_there(connection, operation.table, operation.guild_id)
    deleted = _chunked.delete_unnamed(connection, operation.table, operation.guild_id)
    if is_whole:
        upserts.write(operation.complete)
    return deleted


def _sweep(connection: sqlite3.Connection, table: AnyTable, shard: Shard, kept: frozenset[int]) -> int:
    (guild,) = _columns(table, ["guild_id"])
    statement = table.delete_where([guild])
    gone = [guild_id for guild_id in _guilds(connection, table, shard) if guild_id not in kept]
    return sum(connection.execute(statement, {"guild_id": guild_id}).rowcount for guild_id in gone)


def _end_past_session(
    connection: sqlite3.Connection, upserts: Upserts, stored: StoredRows, operation: EndPastSession
) -> int:
    awaited = operation.table
    upserts.flush(awaited)
    if connection.execute(f"SELECT 1 FROM {awaited.name} LIMIT 1").fetchone() is None:
        return 0

    stored.forget_all()
    upserts.flush(*operation.hidden)
    deleted = 0
    for guild_id in operation.rows.guilds():
        where = {"guild_id": guild_id}
        if connection.execute(awaited.keys_where(awaited.key), where).fetchone() is not None:
            for table in (*operation.hidden, awaited):
                deleted += connection.execute(table.delete_where(_columns(table, where)), where).rowcount

    return deleted


def _expire(connection: sqlite3.Connection, table: AnyTable, shard: Shard, expires_at: int) -> int:
    values = [{"guild_id": guild_id, "expires_at": expires_at} for guild_id in _guilds(connection, table, shard)]
    return sum(connection.execute(table.expire, each).rowcount for each in values)


def _guilds(connection: sqlite3.Connection, table: AnyTable, shard: Shard) -> list[int]:
    """Return the shard's guilds that have rows."""
    return [guild_id for (guild_id,) in connection.execute(table.guilds).fetchall() if shard.has(guild_id)]


def _delete_expired(connection: sqlite3.Connection, operation: DeleteExpired) -> int:
    after_expiry, after_rowid = operation.after
    until_expiry, until_rowid = operation.until
    return connection.execute(
        operation.table.delete_expired,
        {
            "moment": operation.moment,
            "after_expiry": after_expiry,
            "after_rowid": after_rowid,
            "until_expiry": until_expiry,
            "until_rowid": until_rowid,
        },
    ).rowcount


def _shrink(connection: sqlite3.Connection, pages: int) -> int:
    """Give back unused pages, which are no rows."""
    ((unused,),) = connection.execute("PRAGMA freelist_count").fetchall()
    for _ in range(min(pages, unused)):
        # Whatever number it is given, it frees one page for each step, of which Python's cursor takes one.
        connection.execute("PRAGMA incremental_vacuum(1)").fetchall()
    return 0
