"""Guilds, without what belongs to them: their channels, roles, members and so on are resources of their own."""

from __future__ import annotations

__all__ = ["GuildCache", "GuildChange"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._gateway import OUTAGE
from .._iterator import CacheIterator
from .._table import LISTS, Table
from ._base import Resource

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload
    from .._operations import PayloadChange

# What else GUILD_CREATE lists, for which there is no table.
_OTHER_LISTS: typing.Final = frozenset({"guild_scheduled_events", "soundboard_sounds", "stage_instances"})

# The own user's ID decides only about threads, which are not asked for here.
_NO_USER: typing.Final = hikari.Snowflake(0)


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.GatewayGuild:
    return factory.deserialize_gateway_guild(payload, user_id=_NO_USER).guild()


class GuildChange(Change[hikari.GatewayGuild, tuple[hikari.Snowflake]]):
    """A guild was joined, changed, or left; whether it is available, and how many members it has, are changes too."""

    __slots__ = ()


GUILDS: Table[hikari.GatewayGuild] = Table(
    name="guilds", key=(snowflake("guild_id", "id"),), decode=_decode, change=GuildChange, intents=hikari.Intents.GUILDS
)


def _without_children(payload: Payload) -> dict[str, typing.Any]:
    return {name: value for name, value in payload.items() if name not in LISTS and name not in _OTHER_LISTS}


@GUILDS.on("GUILD_CREATE")
def _guild(payload: Payload, batch: Batch) -> None:
    batch.upsert(GUILDS, _without_children(payload))


@GUILDS.on("GUILD_UPDATE")
def _guild_updated(payload: Payload, batch: Batch) -> None:
    # It lacks `joined_at`, `large`, `member_count`, `unavailable`.
    batch.merge(GUILDS, _without_children(payload), insert=False)


@GUILDS.on(OUTAGE)
def _guild_unavailable(payload: Payload, batch: Batch) -> None:
    batch.merge(GUILDS, {"id": payload["id"], "unavailable": True}, insert=False)


@GUILDS.on("GUILD_MEMBER_ADD")
def _member_added(payload: Payload, batch: Batch) -> None:
    batch.modify(GUILDS, _counting(+1), guild_id=payload["guild_id"])


@GUILDS.on("GUILD_MEMBER_REMOVE")
def _member_removed(payload: Payload, batch: Batch) -> None:
    batch.modify(GUILDS, _counting(-1), guild_id=payload["guild_id"])


def _counting(step: int) -> PayloadChange:
    def change(guild: Payload | None) -> Payload | None:
        count = guild.get("member_count") if guild else None
        if guild is None or not isinstance(count, int):
            return guild
        return {**guild, "member_count": max(0, count + step)}

    return change


class GuildCache(Resource, abc.RefGuildCache):
    """Guilds, from GUILD_CREATE, GUILD_UPDATE and GUILD_DELETE; their `member_count` follows GUILD_MEMBER_*."""

    __slots__ = ()
    tables: typing.ClassVar = (GUILDS,)

    async def get_guild(self, guild_id: hikari.Snowflakeish, /) -> hikari.GatewayGuild:
        return await self._get(GUILDS, guild_id)

    def iter_guilds(self) -> CacheIterator[hikari.GatewayGuild]:
        return self._iterate(GUILDS)

    async def delete_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(GUILDS, guild_id=guild_id)

    async def clear_guilds(self) -> None:
        await self._delete(GUILDS)

    async def set_guild(self, payload: Payload, /) -> None:
        """Store a guild.

        Parameters
        ----------
        payload
            The guild's JSON object, as Discord sends it. Lists of what belongs to the guild are left out.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_guild") as batch:
            batch.upsert(GUILDS, _without_children(self._checked(payload)))

        await self._commit(batch)
