"""Asking Discord for the members that a GUILD_CREATE left out.

hikari does so itself only where its own cache is on, which beside this one it need not be. What becomes of the answer,
GUILD_MEMBERS_CHUNK, is said in `resources/member.py`.
"""

from __future__ import annotations

__all__ = ["ChunkRequests"]

import itertools
import logging
import secrets
import typing

import hikari

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._codec import Payload
    from ._table import AnyTable

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


class ChunkRequests:
    """Requests for the members of guilds, through the shard that announced the guild.

    Parameters
    ----------
    table
        Where the members go.
    include_presences
        Whether to ask for presences too.
    """

    __slots__ = ("_include_presences", "_nonces", "_table", "_unsent")

    def __init__(self, table: AnyTable, *, include_presences: bool) -> None:
        self._table = table
        self._include_presences = include_presences
        # Another cache on the same bot, or this one after a restart, must not take these chunks for its own. Discord
        # allows 32 bytes.
        token = secrets.token_hex(6)
        self._nonces = (f"sake.{token}.{number}" for number in itertools.count())
        self._unsent: dict[int, dict[int, str]] = {}

    def prepare(self, event: hikari.ShardPayloadEvent, batch: Batch) -> None:
        """Expect a guild's members if an event, whose batch this is, announces the guild without all of them."""
        unsent = self._unsent.setdefault(event.shard.id, {})
        if event.name == "READY":
            unsent.clear()  # the guilds will be announced again
        elif event.name == "GUILD_CREATE" and _lacks_members(event.payload):
            guild_id = int(event.payload["id"])
            unsent[guild_id] = next(self._nonces)
            batch.await_chunks(self._table, unsent[guild_id], guild_id=guild_id)

    def forget(self) -> None:
        """Forget the requests that were not sent: a cache that is opened anew no longer expects their chunks."""
        self._unsent.clear()

    async def send(self, shard: hikari.api.GatewayShard) -> None:
        """Send the requests that a shard has not sent yet; those for which it fails are left to the next time."""
        unsent = self._unsent.get(shard.id, {})
        while unsent:
            guild_id, nonce = unsent.popitem()
            try:
                await shard.request_guild_members(guild_id, include_presences=self._include_presences, nonce=nonce)
            except Exception as exception:  # noqa: BLE001 - nothing of ours is raised into the gateway
                unsent.setdefault(guild_id, nonce)
                _LOGGER.warning("the members of guild %s could not be requested yet: %s", guild_id, exception)
                return


def _lacks_members(payload: Payload) -> bool:
    if payload.get("unavailable"):
        return False

    count = payload.get("member_count")
    return isinstance(count, int) and len(payload.get("members") or ()) < count
