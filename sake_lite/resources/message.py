"""Messages, in guilds and in direct messages."""

from __future__ import annotations

__all__ = ["MessageCache", "MessageChange"]

import typing

import hikari

from .. import _codec, _reactions, abc
from .._change import Change
from .._column import snowflake
from .._iterator import CacheIterator
from .._table import Table
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload
    from .._config import ExpireT


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.Message:
    return factory.deserialize_message(payload)


class MessageChange(Change[hikari.Message, tuple[hikari.Snowflake]]):
    """A message was sent, edited, reacted to, or deleted."""

    __slots__ = ()


MESSAGES: Table[hikari.Message] = Table(
    name="messages",
    key=(snowflake("message_id", "id"),),
    references=(snowflake("author_id", "author.id"), snowflake("channel_id"), snowflake("guild_id", optional=True)),
    decode=_decode,
    change=MessageChange,
    intents=hikari.Intents.ALL_MESSAGES | hikari.Intents.ALL_MESSAGE_REACTIONS,
    lifetime=lambda config, _: config.message_expire,
    updates_renew=False,
    limit=lambda config: config.message_limit,
)

# What a payload has that is a message by itself, and not only what changed of one.
_WHOLE: typing.Final = frozenset(
    {
        "attachments",
        "author",
        "channel_id",
        "content",
        "edited_timestamp",
        "embeds",
        "flags",
        "pinned",
        "timestamp",
        "tts",
        "type",
    }
)


@MESSAGES.on("MESSAGE_CREATE")
def _message(payload: Payload, batch: Batch) -> None:
    batch.upsert(MESSAGES, payload)


@MESSAGES.on("MESSAGE_UPDATE")
def _message_updated(payload: Payload, batch: Batch) -> None:
    batch.merge(MESSAGES, payload, insert=payload.keys() >= _WHOLE)


@MESSAGES.on("MESSAGE_DELETE")
def _message_deleted(payload: Payload, batch: Batch) -> None:
    batch.delete(MESSAGES, message_id=payload["id"])


@MESSAGES.on("MESSAGE_DELETE_BULK")
def _messages_deleted(payload: Payload, batch: Batch) -> None:
    for message_id in payload["ids"]:
        batch.delete(MESSAGES, message_id=message_id)


@MESSAGES.on("MESSAGE_REACTION_ADD")
def _reaction_added(payload: Payload, batch: Batch) -> None:
    _modify_reactions(payload, batch, _reactions.counting(payload, batch.scope.own_id, +1))


@MESSAGES.on("MESSAGE_REACTION_REMOVE")
def _reaction_removed(payload: Payload, batch: Batch) -> None:
    _modify_reactions(payload, batch, _reactions.counting(payload, batch.scope.own_id, -1))


@MESSAGES.on("MESSAGE_REACTION_REMOVE_ALL")
def _reactions_removed(payload: Payload, batch: Batch) -> None:
    _modify_reactions(payload, batch, lambda _: [])


@MESSAGES.on("MESSAGE_REACTION_REMOVE_EMOJI")
def _emoji_removed(payload: Payload, batch: Batch) -> None:
    _modify_reactions(payload, batch, _reactions.without(payload["emoji"]))


def _modify_reactions(payload: Payload, batch: Batch, change: _reactions.Change) -> None:
    def changed(message: Payload | None) -> Payload | None:
        if message is None:
            return None

        there: list[Payload] = message.get("reactions") or []
        reactions = change(there)
        return message if reactions == there else {**message, "reactions": reactions}

    batch.modify(MESSAGES, changed, message_id=payload["message_id"])


@USERS.on("MESSAGE_CREATE")
def _author(payload: Payload, batch: Batch) -> None:
    # A webhook's author is its name and picture of the moment, under the webhook's ID.
    if not payload.get("webhook_id"):
        batch.upsert(USERS, payload["author"])


class MessageCache(Resource, abc.RefMessageCache):
    """Messages and the reactions to them, from MESSAGE_*, for `message_expire` and up to `message_limit` of them."""

    __slots__ = ()
    tables: typing.ClassVar = (MESSAGES,)

    async def get_message(self, message_id: hikari.Snowflakeish, /) -> hikari.Message:
        return await self._get(MESSAGES, message_id)

    def iter_messages(self) -> CacheIterator[hikari.Message]:
        return self._iterate(MESSAGES)

    def iter_messages_for_author(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        return self._iterate(MESSAGES, author_id=user_id)

    def iter_message_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        return self._iterate(MESSAGES, channel_id=channel_id)

    def iter_messages_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        """Iterate over the messages of one channel; `iter_message_for_channel` as one would spell it."""
        return self.iter_message_for_channel(channel_id)

    def iter_messages_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        return self._iterate(MESSAGES, guild_id=guild_id)

    async def delete_message(self, message_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MESSAGES, message_id=message_id)

    async def clear_messages(self) -> None:
        await self._delete(MESSAGES)

    async def clear_messages_for_author(self, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MESSAGES, author_id=user_id)

    async def clear_messages_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MESSAGES, channel_id=channel_id)

    async def clear_messages_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MESSAGES, guild_id=guild_id)

    async def set_message(self, payload: Payload, /, *, expire_time: ExpireT | None = None) -> None:
        """Store a message, and its author unless that is a webhook.

        Parameters
        ----------
        payload
            The message's JSON object, as Discord sends it.
        expire_time
            How long to keep it, in seconds or as a `timedelta`; by default the cache's `message_expire`.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by, or the time is negative; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_message") as batch:
            payload = self._checked(payload)
            batch.upsert(MESSAGES, payload, expire=expire_time)
            if not payload.get("webhook_id"):
                batch.upsert(USERS, payload.get("author", {}))

        await self._commit(batch)

    async def update_message(self, payload: Payload, /, *, expire_time: ExpireT | None = None) -> bool:
        """Lay a partial message over the stored one, field by field.

        Parameters
        ----------
        payload
            What changed, as a JSON object with the message's `id`.
        expire_time
            How long to keep it from now on, in seconds or as a `timedelta`; by default as long as before.

        Returns
        -------
        bool
            Whether the message was stored; one that was not is not stored by this.

        Raises
        ------
        ValueError
            If the payload has no ID, or the time is negative; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("update_message") as batch:
            batch.merge(MESSAGES, _codec.copy(payload), insert=False, expire=expire_time)

        (stored,) = await self._commit(batch)
        return bool(stored)

    def with_message_expire(self, expire: ExpireT | None, /) -> typing.Self:
        """Set how long messages are kept, for those seen from now on.

        Parameters
        ----------
        expire
            Seconds or a `timedelta`; `inf` for ever, `None` the default of one day.

        Returns
        -------
        Self
            The cache, so that calls can be chained.

        Raises
        ------
        ValueError
            If it is negative.
        """
        return self._with_settings(message_expire=expire)
