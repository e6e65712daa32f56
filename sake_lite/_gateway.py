"""A raw gateway dispatch → every table's operations → one batch.

What an event does to a table is in the table's own module; here is only what follows from the tables themselves, so
that it holds for each that will ever be added: what goes with a guild, and what goes with a channel. No I/O.
"""

from __future__ import annotations

__all__ = ["OUTAGE", "make_batch"]

import typing

from ._operations import Batch, Scope, faults_named

if typing.TYPE_CHECKING:
    import collections.abc

    from ._codec import Payload
    from ._table import Handler, Table

OUTAGE: typing.Final[str] = "GUILD_OUTAGE"
"""What GUILD_CREATE and GUILD_DELETE are to the tables where they only say that a guild is unavailable for a while."""


def make_batch(name: str, payload: Payload, scope: Scope) -> Batch:
    """Return what an event changes; an event that changes nothing gives an empty batch.

    Parameters
    ----------
    name
        The event's name, in capitals.
    payload
        Its payload, which is not changed.
    scope
        What to make the batch in.

    Raises
    ------
    ValueError
        If the payload is not what Discord documents.
    """
    batch = Batch(name, scope)
    with faults_named(name):
        for handler in _handlers(_outage_or(name, payload), scope.tables):
            handler(payload, batch)
        batch.encode()

    return batch


def _outage_or(name: str, payload: Payload) -> str:
    return OUTAGE if name in {"GUILD_CREATE", "GUILD_DELETE"} and payload.get("unavailable") else name


def _handlers(event: str, tables: collections.abc.Iterable[Table[typing.Any]]) -> collections.abc.Iterator[Handler]:
    for table in tables:
        yield from table.handlers.get(event, ())

    if event in _DERIVED:
        yield _DERIVED[event]


def _guild_deleted(payload: Payload, batch: Batch) -> None:
    """Delete the guild and all that belongs to it, in every table."""
    for table in batch.scope.tables:
        if "guild_id" in table.column_by_name:
            batch.delete(table, guild_id=payload["id"])


def _channel_deleted(payload: Payload, batch: Batch) -> None:
    """Delete the channel and all that is in it, in every table."""
    for table in batch.scope.tables:
        if "channel_id" in table.column_by_name:
            batch.delete(table, channel_id=payload["id"])


_DERIVED: typing.Final[dict[str, Handler]] = {"GUILD_DELETE": _guild_deleted, "CHANNEL_DELETE": _channel_deleted}
