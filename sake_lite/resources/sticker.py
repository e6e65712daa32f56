"""Stickers of guilds, which the Sake standard does not have."""

from __future__ import annotations

__all__ = ["StickerCache", "StickerChange"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._iterator import CacheIterator
from .._table import Table
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.GuildSticker:
    return factory.deserialize_guild_sticker(payload)


class StickerChange(Change[hikari.GuildSticker, tuple[hikari.Snowflake]]):
    """A guild's sticker was added, changed, or removed."""

    __slots__ = ()


STICKERS: Table[hikari.GuildSticker] = Table(
    name="stickers",
    key=(snowflake("sticker_id", "id"),),
    references=(snowflake("guild_id"),),
    decode=_decode,
    change=StickerChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_EMOJIS,
    listed_as="stickers",
)


@STICKERS.on("GUILD_CREATE", "GUILD_UPDATE")
def _guild_stickers(payload: Payload, batch: Batch) -> None:
    if "stickers" in payload:
        batch.replace(STICKERS, payload["stickers"], guild_id=payload["id"])


@STICKERS.on("GUILD_STICKERS_UPDATE")
def _stickers(payload: Payload, batch: Batch) -> None:
    batch.replace(STICKERS, payload["stickers"], guild_id=payload["guild_id"])


@USERS.on("GUILD_CREATE", "GUILD_STICKERS_UPDATE")
def _makers(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [sticker["user"] for sticker in payload.get("stickers", ()) if sticker.get("user")])


class StickerCache(Resource, abc.RefStickerCache):
    """Stickers of guilds, from GUILD_CREATE, GUILD_UPDATE and GUILD_STICKERS_UPDATE."""

    __slots__ = ()
    tables: typing.ClassVar = (STICKERS,)

    async def get_sticker(self, sticker_id: hikari.Snowflakeish, /) -> hikari.GuildSticker:
        return await self._get(STICKERS, sticker_id)

    def iter_stickers(self) -> CacheIterator[hikari.GuildSticker]:
        return self._iterate(STICKERS)

    def iter_stickers_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildSticker]:
        return self._iterate(STICKERS, guild_id=guild_id)

    async def delete_sticker(self, sticker_id: hikari.Snowflakeish, /) -> None:
        await self._delete(STICKERS, sticker_id=sticker_id)

    async def clear_stickers(self) -> None:
        await self._delete(STICKERS)

    async def clear_stickers_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(STICKERS, guild_id=guild_id)

    async def set_sticker(self, guild_id: hikari.Snowflakeish, payload: Payload, /) -> None:
        """Store a sticker of a guild, and the user who made it.

        Parameters
        ----------
        guild_id
            The guild.
        payload
            The sticker's JSON object, as Discord sends it.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_sticker") as batch:
            payload = self._checked(payload)
            batch.upsert(STICKERS, payload, guild_id=guild_id)
            if user := payload.get("user"):
                batch.upsert(USERS, user)

        await self._commit(batch)
