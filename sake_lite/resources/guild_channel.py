"""Channels of guilds; threads and direct messages are not among them."""

from __future__ import annotations

__all__ = ["ChannelChange", "GuildChannelCache"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._iterator import CacheIterator
from .._table import Table
from ._base import Resource

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload

# Those for which hikari's factory builds a `PermissibleGuildChannel`. A type that hikari does not know is not stored.
_TYPES: typing.Final = frozenset(
    {
        hikari.ChannelType.GUILD_TEXT,
        hikari.ChannelType.GUILD_VOICE,
        hikari.ChannelType.GUILD_CATEGORY,
        hikari.ChannelType.GUILD_NEWS,
        hikari.ChannelType.GUILD_STAGE,
        hikari.ChannelType.GUILD_FORUM,
        hikari.ChannelType.GUILD_MEDIA,
    }
)


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.PermissibleGuildChannel:
    channel = factory.deserialize_channel(payload)
    if not isinstance(channel, hikari.PermissibleGuildChannel):
        raise TypeError(f"a {type(channel).__name__} is not a channel with permissions")

    return channel


class ChannelChange(Change[hikari.PermissibleGuildChannel, tuple[hikari.Snowflake]]):
    """A guild's channel was created, changed, or deleted."""

    __slots__ = ()


GUILD_CHANNELS: Table[hikari.PermissibleGuildChannel] = Table(
    name="guild_channels",
    key=(snowflake("channel_id", "id"),),
    references=(snowflake("guild_id"),),
    decode=_decode,
    change=ChannelChange,
    intents=hikari.Intents.GUILDS,
    listed_as="channels",
)


@GUILD_CHANNELS.on("GUILD_CREATE")
def _guild_channels(payload: Payload, batch: Batch) -> None:
    if "channels" in payload:
        known = [channel for channel in payload["channels"] if channel["type"] in _TYPES]
        batch.replace(GUILD_CHANNELS, known, guild_id=payload["id"])


@GUILD_CHANNELS.on("CHANNEL_CREATE", "CHANNEL_UPDATE")
def _channel(payload: Payload, batch: Batch) -> None:
    if payload["type"] in _TYPES:
        batch.upsert(GUILD_CHANNELS, payload)
    elif "guild_id" in payload:
        batch.delete(GUILD_CHANNELS, channel_id=payload["id"])  # it became what hikari has no class for


@GUILD_CHANNELS.on("CHANNEL_PINS_UPDATE")
def _pins_updated(payload: Payload, batch: Batch) -> None:
    pinned = {"id": payload["channel_id"], "last_pin_timestamp": payload.get("last_pin_timestamp")}
    batch.merge(GUILD_CHANNELS, pinned, insert=False)


class GuildChannelCache(Resource, abc.RefGuildChannelCache):
    """Channels of guilds, from GUILD_CREATE, CHANNEL_* and CHANNEL_PINS_UPDATE."""

    __slots__ = ()
    tables: typing.ClassVar = (GUILD_CHANNELS,)

    async def get_guild_channel(self, channel_id: hikari.Snowflakeish, /) -> hikari.PermissibleGuildChannel:
        return await self._get(GUILD_CHANNELS, channel_id)

    def iter_guild_channels(self) -> CacheIterator[hikari.PermissibleGuildChannel]:
        return self._iterate(GUILD_CHANNELS)

    def iter_guild_channels_for_guild(
        self, guild_id: hikari.Snowflakeish, /
    ) -> CacheIterator[hikari.PermissibleGuildChannel]:
        return self._iterate(GUILD_CHANNELS, guild_id=guild_id)

    async def delete_guild_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        await self._delete(GUILD_CHANNELS, channel_id=channel_id)

    async def clear_guild_channels(self) -> None:
        await self._delete(GUILD_CHANNELS)

    async def clear_guild_channels_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(GUILD_CHANNELS, guild_id=guild_id)

    async def set_guild_channel(self, payload: Payload, /) -> None:
        """Store a channel of a guild.

        Parameters
        ----------
        payload
            The channel's JSON object, as Discord sends it, with its `guild_id`.

        Raises
        ------
        ValueError
            If the payload lacks an ID that it is stored by, or is of no type of guild channel; nothing is stored
            then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_guild_channel") as batch:
            payload = self._checked(payload)
            if payload.get("type") not in _TYPES:
                raise ValueError(f"{payload.get('type')!r} is not a type of guild channel")
            batch.upsert(GUILD_CHANNELS, payload)

        await self._commit(batch)
