"""Removing a person from a file: the rows that are theirs, and what others' rows tell of them."""

from __future__ import annotations

__all__ = ["purge", "without_user"]

import collections.abc
import operator
import typing

from . import errors
from ._batch import Batch
from ._check import delete_rows

if typing.TYPE_CHECKING:
    import hikari

    from ._codec import Payload
    from ._column import Column
    from ._session import Session
    from ._table import Row, Table

# The columns that say whose a row is.
_OWNERS: typing.Final[tuple[str, ...]] = ("user_id", "author_id")

# Rows that are looked through and changed in one step.
_ROWS: typing.Final[int] = 100

_STAYS: typing.Final[str] = (
    "what is there of the user cannot all be removed; check the file, and begin a new one if SQLite finds fault with it"
)


async def purge(
    session: Session,
    tables: collections.abc.Iterable[Table[typing.Any]],
    factory: hikari.api.EntityFactory,
    user_id: int,
) -> None:
    """Delete a user's rows in one transaction, then take the user out of the rows of others, in small steps.

    Raises
    ------
    BackendError
        If the file cannot be read or written.
    ClosedClient
        If the cache is closed meanwhile.
    """
    batch = Batch("purge_user", session.scope())
    for table in tables:
        for column in _OWNERS:
            if column in table.column_by_name:
                batch.forget(table, **{column: user_id})
    await session.commit_by_hand(batch)

    for table in tables:
        # An expired row is gone for everyone, but its data is still there.
        await session.housekeeping.delete_expired(table)
        await _take_out(session, table, factory, user_id)


async def _take_out(
    session: Session, table: Table[typing.Any], factory: hikari.api.EntityFactory, user_id: int
) -> None:
    after = -(2**63)
    while rows := await _rows_after(session, table, after, user_id):
        last = rows[-1][0]
        if last <= after:  # it would come again and again, and what comes behind it never
            raise errors.BackendError(f"{table.name} is damaged, its rows are out of order: {_STAYS}")

        telling = [row for row in rows if _tells_of(table, row, user_id)]
        for is_again in (False, True):
            if not telling:
                break
            if is_again:  # where an index is damaged, a row is not found in it by its key, and so it is not changed
                await session.rebuild_indexes(table)
            await _commit_without(session, table, telling, factory, user_id)
            rows = await _rows_after(session, table, after, user_id)
            telling = [row for row in rows if row[0] <= last and _tells_of(table, row, user_id)]

        if telling:
            raise errors.BackendError(f"{table.name} is damaged: {_STAYS}")
        after = last


async def _rows_after(session: Session, table: Table[typing.Any], after: int, user_id: int) -> list[Row]:
    """Return some rows that have the user's ID in them, each with its rowid before it, in the order of those."""
    # A damaged key may stand anywhere among the others.
    return await session.fetch(table.containing, {"bytes": str(user_id).encode(), "size": _ROWS, "after": after})


async def _commit_without(
    session: Session, table: Table[typing.Any], rows: list[Row], factory: hikari.api.EntityFactory, user_id: int
) -> None:
    """Take the user out of rows, rebuilding the table's indexes if that is refused for them."""
    batch = Batch("purge_user", session.scope())
    for row in rows:
        _take_out_of(table, row, factory, user_id, batch)

    try:
        await session.commit_by_hand(batch)
    except errors.BackendError:
        await session.rebuild_indexes(table)
        await session.commit_by_hand(batch)


def _take_out_of(
    table: Table[typing.Any], row: Row, factory: hikari.api.EntityFactory, user_id: int, batch: Batch
) -> None:
    rowid, *columns = row
    key = {column.name: part for column, part in zip(table.key, columns, strict=False)}
    if _can_do_without(table, tuple(columns), factory, user_id):
        batch.modify(table, lambda payload: payload and without_user(payload, user_id), is_seeing=False, **key)
    elif all(map(operator.eq, map(_value_of, table.key, columns), columns)):
        batch.forget(table, **key)
    else:  # no key at all
        batch.add(delete_rows(table, [(rowid, tuple(columns))]))
        batch.forget_completeness(table)


def _tells_of(table: Table[typing.Any], row: Row, user_id: int) -> bool:
    """Whether a row tells of the user by more than the bare ID; of a damaged one it cannot be told."""
    try:
        payload = table.open_row(row[1:])
    except errors.InvalidDataFound:
        return True
    return without_user(payload, user_id) != payload


def _value_of(column: Column, value: object) -> object:
    """Return a key's part as the column holds it; `None` where it cannot."""
    try:
        return column.parse(value)
    except ValueError:
        return None


def _can_do_without(table: Table[typing.Any], row: Row, factory: hikari.api.EntityFactory, user_id: int) -> bool:
    """Whether a row still makes an entity without the user; of a damaged one it cannot be told what else it holds."""
    try:
        table.build(factory, row, without_user(table.open_row(row), user_id))
    except errors.InvalidDataFound:
        return False
    return True


def without_user(payload: Payload, user_id: int) -> Payload:
    """Return a payload without a user: without the objects that are the user, or the user's, wherever they are in it.

    An object is the user's if its `user` or `author` is the user. The bare ID stays where it is part of something else:
    a guild's owner, a channel's overwrites, the text of a message.
    """
    return typing.cast("Payload", _without(payload, str(user_id)))


def _without(value: object, user_id: str) -> object:
    if isinstance(value, collections.abc.Mapping):
        entries = typing.cast("Payload", value).items()
        return {
            name: _without(each, user_id) for name, each in entries if name != user_id and not _is_of(each, user_id)
        }

    if isinstance(value, list):
        items = typing.cast("list[object]", value)
        return [_without(each, user_id) for each in items if not _is_of(each, user_id)]

    return value


def _is_of(value: object, user_id: str) -> bool:
    if not isinstance(value, collections.abc.Mapping):
        return False

    payload = typing.cast("Payload", value)
    return _is_user(payload, user_id) or any(_is_user(payload.get(owner), user_id) for owner in ("user", "author"))


def _is_user(value: object, user_id: str) -> bool:
    if not isinstance(value, collections.abc.Mapping):
        return False

    payload = typing.cast("Payload", value)
    return "username" in payload and str(payload.get("id")) == user_id
