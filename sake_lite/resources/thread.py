"""Threads, which the Sake standard does not have; the channels that they are in are in `guild_channel.py`."""

from __future__ import annotations

__all__ = ["ThreadCache", "ThreadChange"]

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

# Those for which hikari has a class. A type that it does not know is not stored.
_TYPES: typing.Final = frozenset(
    {
        hikari.ChannelType.GUILD_NEWS_THREAD,
        hikari.ChannelType.GUILD_PUBLIC_THREAD,
        hikari.ChannelType.GUILD_PRIVATE_THREAD,
    }
)


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.GuildThreadChannel:
    if "user_id" not in (payload.get("member") or {}):
        payload = {**payload, "member": None}  # whose membership it is, was not known
    return factory.deserialize_guild_thread(payload)


class ThreadChange(Change[hikari.GuildThreadChannel, tuple[hikari.Snowflake]]):
    """A thread was created, changed, or deleted; or is archived, and so not in a list of those that are active."""

    __slots__ = ()


THREADS: Table[hikari.GuildThreadChannel] = Table(
    name="threads",
    key=(snowflake("thread_id", "id"),),
    references=(snowflake("channel_id", "parent_id"), snowflake("guild_id")),
    decode=_decode,
    change=ThreadChange,
    intents=hikari.Intents.GUILDS,
    partly_listed_as="threads",
)


@THREADS.on("GUILD_CREATE")
def _guild_threads(payload: Payload, batch: Batch) -> None:
    if "threads" in payload:
        batch.replace(THREADS, _known(payload["threads"], batch), guild_id=payload["id"])


@THREADS.on("THREAD_LIST_SYNC")
def _threads_listed(payload: Payload, batch: Batch) -> None:
    """Replace the threads of the channels that the list is about, of the whole guild where it says none."""
    guild_id = payload["guild_id"]
    parents: list[str] = payload.get("channel_ids") or []
    members = {member["id"]: member for member in payload.get("members", ())}
    threads = [
        {**thread, "member": members[thread["id"]]} if thread["id"] in members else thread
        for thread in _known(payload["threads"], batch)
    ]
    if not parents:
        batch.replace(THREADS, threads, guild_id=guild_id)

    for parent in parents:
        listed = [thread for thread in threads if thread["parent_id"] == parent]
        batch.replace(THREADS, listed, of={"channel_id": parent}, guild_id=guild_id)


@THREADS.on("THREAD_CREATE", "THREAD_UPDATE")
def _thread(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(THREADS, _known([payload], batch))
    if payload["type"] not in _TYPES:
        batch.delete(THREADS, thread_id=payload["id"])  # it became what hikari has no class for


@THREADS.on("THREAD_DELETE")
def _thread_deleted(payload: Payload, batch: Batch) -> None:
    batch.delete(THREADS, thread_id=payload["id"])  # with what is in it, as a channel


@THREADS.on("CHANNEL_DELETE")
def _channel_deleted(payload: Payload, batch: Batch) -> None:
    """Delete what is in the channel's threads, before they go with the channel."""
    for table in batch.scope.tables:
        if "channel_id" in table.column_by_name and table is not THREADS:
            batch.delete_matching(table, "channel_id", THREADS, channel_id=payload["id"])


@THREADS.on("THREAD_MEMBERS_UPDATE")
def _members_updated(payload: Payload, batch: Batch) -> None:
    count = payload["member_count"]
    is_removed = batch.scope.own_id in [int(user_id) for user_id in payload.get("removed_member_ids", ())]

    def change(thread: Payload | None) -> Payload | None:
        if thread is None or (is_removed and thread["type"] == hikari.ChannelType.GUILD_PRIVATE_THREAD):
            return None
        return {**thread, "member_count": count}

    batch.modify(THREADS, change, thread_id=payload["id"])


@THREADS.on("CHANNEL_PINS_UPDATE")
def _pins_updated(payload: Payload, batch: Batch) -> None:
    pinned = {"id": payload["channel_id"], "last_pin_timestamp": payload.get("last_pin_timestamp")}
    batch.merge(THREADS, pinned, insert=False)


def _known(threads: typing.Any, batch: Batch) -> list[Payload]:
    """Return the threads that are of a known type, their member, which GUILD_CREATE does not name, being the bot."""
    known: list[Payload] = [thread for thread in threads if thread["type"] in _TYPES]
    own_id = batch.scope.own_id
    return [
        {**thread, "member": {"id": thread["id"], "user_id": str(own_id), **thread["member"]}}
        if own_id is not None and thread.get("member")
        else thread
        for thread in known
    ]


class ThreadCache(Resource, abc.RefThreadCache):
    """Threads, from GUILD_CREATE and THREAD_*."""

    __slots__ = ()
    tables: typing.ClassVar = (THREADS,)

    async def get_thread(self, thread_id: hikari.Snowflakeish, /) -> hikari.GuildThreadChannel:
        return await self._get(THREADS, thread_id)

    def iter_threads(self) -> CacheIterator[hikari.GuildThreadChannel]:
        return self._iterate(THREADS)

    def iter_threads_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildThreadChannel]:
        return self._iterate(THREADS, channel_id=channel_id)

    def iter_threads_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildThreadChannel]:
        return self._iterate(THREADS, guild_id=guild_id)

    async def delete_thread(self, thread_id: hikari.Snowflakeish, /) -> None:
        await self._delete(THREADS, thread_id=thread_id)

    async def clear_threads(self) -> None:
        await self._delete(THREADS)

    async def clear_threads_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        await self._delete(THREADS, channel_id=channel_id)

    async def clear_threads_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(THREADS, guild_id=guild_id)

    async def set_thread(self, payload: Payload, /) -> None:
        """Store a thread.

        Parameters
        ----------
        payload
            The thread's JSON object, as Discord sends it, with its `guild_id`.

        Raises
        ------
        ValueError
            If the payload lacks an ID that it is stored by, or is of no type of thread; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_thread") as batch:
            payload = self._checked(payload)
            if payload.get("type") not in _TYPES:
                raise ValueError(f"{payload.get('type')!r} is not a type of thread")
            batch.upsert_all(THREADS, _known([payload], batch))

        await self._commit(batch)
