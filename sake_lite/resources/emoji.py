"""Custom emojis of guilds."""

from __future__ import annotations

__all__ = ["EmojiCache", "EmojiChange"]

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


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.KnownCustomEmoji:
    return factory.deserialize_known_custom_emoji(payload, guild_id=hikari.Snowflake(payload["guild_id"]))


class EmojiChange(Change[hikari.KnownCustomEmoji, tuple[hikari.Snowflake]]):
    """A guild's emoji was added, changed, or removed."""

    __slots__ = ()


EMOJIS: Table[hikari.KnownCustomEmoji] = Table(
    name="emojis",
    key=(snowflake("emoji_id", "id"),),
    references=(snowflake("guild_id"),),
    decode=_decode,
    change=EmojiChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_EMOJIS,
    listed_as="emojis",
)


@EMOJIS.on("GUILD_CREATE", "GUILD_UPDATE")
def _guild_emojis(payload: Payload, batch: Batch) -> None:
    if "emojis" in payload:
        batch.replace(EMOJIS, payload["emojis"], guild_id=payload["id"])


@EMOJIS.on("GUILD_EMOJIS_UPDATE")
def _emojis(payload: Payload, batch: Batch) -> None:
    batch.replace(EMOJIS, payload["emojis"], guild_id=payload["guild_id"])


@USERS.on("GUILD_CREATE", "GUILD_EMOJIS_UPDATE")
def _makers(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [emoji["user"] for emoji in payload.get("emojis", ()) if emoji.get("user")])


class EmojiCache(Resource, abc.RefEmojiCache):
    """Custom emojis of guilds, from GUILD_CREATE, GUILD_UPDATE and GUILD_EMOJIS_UPDATE."""

    __slots__ = ()
    tables: typing.ClassVar = (EMOJIS,)

    async def get_emoji(self, emoji_id: hikari.Snowflakeish, /) -> hikari.KnownCustomEmoji:
        return await self._get(EMOJIS, emoji_id)

    def iter_emojis(self) -> CacheIterator[hikari.KnownCustomEmoji]:
        return self._iterate(EMOJIS)

    def iter_emojis_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.KnownCustomEmoji]:
        return self._iterate(EMOJIS, guild_id=guild_id)

    async def delete_emoji(self, emoji_id: hikari.Snowflakeish, /) -> None:
        await self._delete(EMOJIS, emoji_id=emoji_id)

    async def clear_emojis(self) -> None:
        await self._delete(EMOJIS)

    async def clear_emojis_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(EMOJIS, guild_id=guild_id)

    async def set_emoji(self, guild_id: hikari.Snowflakeish, payload: Payload, /) -> None:
        """Store a custom emoji of a guild, and the user who made it.

        Parameters
        ----------
        guild_id
            The guild.
        payload
            The emoji's JSON object, as Discord sends it.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_emoji") as batch:
            payload = self._checked(payload)
            batch.upsert(EMOJIS, payload, guild_id=guild_id)
            if user := payload.get("user"):
                batch.upsert(USERS, user)

        await self._commit(batch)
