"""A raw gateway dispatch → every table's operations → one batch.

What an event does to a table is in the table's own module; here is only what follows from the tables themselves, so
that it holds for each that will ever be added: what goes with a guild, with a channel, and with a gateway session.
(What goes with a channel's threads is in `resources/thread.py`, which knows them.) No I/O.

Events whose names begin with a `*` are not Discord's: they tell the tables what no dispatch does.
"""

from __future__ import annotations

__all__ = [
    "LOSS",
    "OUTAGE",
    "UNDER_WAY",
    "LostEvent",
    "lost_batch",
    "lost_event",
    "make_batch",
    "may_change",
    "own_id",
    "shard_of",
]

import typing

from ._batch import MALFORMED, Batch, Scope, malformed
from ._column import snowflake
from ._operations import Shard

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._table import Handler, Table

OUTAGE: typing.Final[str] = "*guild outage"
"""What GUILD_CREATE and GUILD_DELETE are to the tables where they only say that a guild is unavailable for a while."""

UNDER_WAY: typing.Final[str] = "*session under way"
"""Not Discord's: a shard's session began before the cache was open, so its READY, and what it told, were missed."""

LOSS: typing.Final[str] = "*events lost"
"""Not Discord's: its `events` (`LostEvent`) were lost; what depends on having seen them is void."""

# The events whose `id` is that of a guild.
_OF_GUILD: typing.Final = frozenset({"GUILD_CREATE", "GUILD_DELETE", "GUILD_UPDATE"})

# Those that may only say that a guild is unavailable for a while.
_UNAVAILABLE: typing.Final = frozenset({"GUILD_CREATE", "GUILD_DELETE"})

_GUILD: typing.Final = snowflake("guild_id")


class LostEvent(typing.NamedTuple):
    """An event that is not in the file, and never will be."""

    name: str
    guild_id: int | None
    """Whose guild it was; `None` where it did not say so, and may have been any."""


def make_batch(name: str, payload: Payload, scope: Scope, *, is_verifying: bool = False) -> Batch:
    """Return what an event changes; an event that changes nothing gives an empty batch.

    Parameters
    ----------
    name
        The event's name, in capitals.
    payload
        Its payload, which is not changed.
    scope
        What to make the batch in.
    is_verifying
        Whether to make sure that what is stored can be read back.

    Raises
    ------
    ValueError
        If the payload is not what Discord documents.
    """
    with Batch(name, scope, is_verifying=is_verifying) as batch:
        batch.guild_id = _guild_in(name, payload)
        event = OUTAGE if name in _UNAVAILABLE and payload.get("unavailable") else name
        for handler in scope.handlers.get(event) or _find_handlers(event, scope):
            handler(payload, batch)

    return batch


def _guild_in(name: str, payload: Payload) -> object:
    return payload.get("id" if name in _OF_GUILD else "guild_id")


def lost_event(name: str, payload: Payload) -> LostEvent:
    """Return what is known of an event that was lost, be its payload as malformed as it may."""
    try:
        return LostEvent(name, int(_GUILD.parse(_guild_in(name, payload))))
    except MALFORMED:
        return LostEvent(name, None)


def lost_batch(batch: Batch) -> LostEvent:
    """Return the same of an event whose batch could not be written."""
    try:
        return LostEvent(batch.name, int(_GUILD.parse(batch.guild_id)))
    except MALFORMED:
        return LostEvent(batch.name, None)


def may_change(name: str, table: Table[typing.Any]) -> bool:
    """Whether an event may change rows of a table."""
    column, _ = _DERIVED.get(name, (None, None))
    return name in table.handlers or column in table.column_by_name


def _find_handlers(event: str, scope: Scope) -> tuple[Handler, ...]:
    handlers = [handler for table in scope.tables for handler in table.handlers.get(event, ())]
    if event in _DERIVED:
        _, derived = _DERIVED[event]
        handlers.append(derived)
    if handlers:  # others' names, which are anybody's, are not kept
        scope.handlers[event] = tuple(handlers)
    return tuple(handlers)


def own_id(payload: Payload) -> int:
    """Return the bot's own ID, which a READY tells.

    Raises
    ------
    ValueError
        If it does not.
    """
    try:
        return int(payload["user"]["id"])
    except MALFORMED as fault:
        raise malformed("READY", fault) from fault


def shard_of(payload: Payload) -> Shard:
    """Return the shard that a READY is of; without sharding, the only one."""
    number, count = payload.get("shard") or (0, 1)
    if not 0 <= number < count:
        raise ValueError(f"shard {number} of {count} does not exist")

    return Shard(number, count)


def _session_begun(payload: Payload, batch: Batch) -> None:
    """Delete what belongs to guilds of the shard that are not listed."""
    if "guilds" not in payload:
        return

    shard = shard_of(payload)
    listed = [guild["id"] for guild in payload["guilds"]]
    for table in _with_column("guild_id", batch):
        batch.sweep(table, shard, listed)


def _session_missed(payload: Payload, batch: Batch) -> None:
    """Delete what is true of a session only, since it is that of an earlier one, or has missed some of this one."""
    for table in batch.scope.tables:
        if table.hidden_by is not None:
            batch.sweep(table, shard_of(payload), ())


def _guild_deleted(payload: Payload, batch: Batch) -> None:
    """Delete the guild and all that belongs to it, in every table."""
    for table in _with_column("guild_id", batch):
        batch.delete(table, guild_id=payload["id"])


def _channel_deleted(payload: Payload, batch: Batch) -> None:
    """Delete the channel or thread and all that is in it, in every table."""
    for table in _with_column("channel_id", batch):
        batch.delete(table, channel_id=payload["id"])


def _with_column(name: str, batch: Batch) -> list[Table[typing.Any]]:
    return [table for table in batch.scope.tables if name in table.column_by_name]


_DERIVED: typing.Final[dict[str, tuple[str, Handler]]] = {
    "READY": ("guild_id", _session_begun),
    UNDER_WAY: ("guild_id", _session_missed),
    "GUILD_DELETE": ("guild_id", _guild_deleted),
    "CHANNEL_DELETE": ("channel_id", _channel_deleted),
    "THREAD_DELETE": ("channel_id", _channel_deleted),
}
"""What events do to every table that has a column of a name."""
