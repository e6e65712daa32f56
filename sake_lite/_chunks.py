"""Asking Discord for the members that a GUILD_CREATE left out.

hikari does so itself only where its own cache is on, which beside this one it need not be.
"""

from __future__ import annotations

__all__ = ["ChunkRequests"]

import itertools
import logging
import typing

import hikari

if typing.TYPE_CHECKING:
    from ._codec import Payload

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


class ChunkRequests:
    """Requests for the members of guilds, through the shard that announced the guild.

    Parameters
    ----------
    include_presences
        Whether to ask for presences too.
    """

    __slots__ = ("_include_presences", "_numbers")

    def __init__(self, *, include_presences: bool) -> None:
        self._include_presences = include_presences
        self._numbers = itertools.count()

    async def after(self, event: hikari.ShardPayloadEvent) -> None:
        """Request a guild's members if the event, which the cache took in, announces a guild without all of them."""
        if event.name != "GUILD_CREATE" or not _lacks_members(event.payload):
            return

        guild_id = hikari.Snowflake(event.payload["id"])
        nonce = f"sake.{guild_id}.{next(self._numbers)}"  # Discord allows 32 bytes
        try:
            await event.shard.request_guild_members(guild_id, include_presences=self._include_presences, nonce=nonce)
        except Exception as exception:  # noqa: BLE001 - nothing of ours is raised into the gateway
            _LOGGER.warning("the members of guild %s could not be requested: %s", guild_id, exception)


def _lacks_members(payload: Payload) -> bool:
    if payload.get("unavailable"):
        return False

    count = payload.get("member_count")
    return isinstance(count, int) and len(payload.get("members") or ()) < count
