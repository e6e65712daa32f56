"""Members of guilds."""

from __future__ import annotations

__all__ = ["MemberCache", "MemberChange"]

import math
import typing

import hikari

from .. import abc
from .._change import Change
from .._chunks import ChunkRequests
from .._column import snowflake
from .._gateway import LOSS, OUTAGE, UNDER_WAY, shard_of
from .._iterator import CacheIterator
from .._table import Table
from ._awaited import AWAITED
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload
    from .._config import Config


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.Member:
    return factory.deserialize_member(payload)


def _is_told(intents: hikari.Intents | None) -> bool:
    """Whether the gateway tells when a member joins or leaves."""
    return intents is None or hikari.Intents.GUILD_MEMBERS in intents


def _lifetime(config: Config, intents: hikari.Intents | None) -> float:
    """Where nobody tells when a member leaves, the row must end by itself."""
    return math.inf if _is_told(intents) else config.member_expire


# The events without each of which it is not known who is a member, or that nobody tells it for a while.
_TELLING: typing.Final = frozenset({"GUILD_CREATE", "GUILD_DELETE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", "READY"})

_GUILD = snowflake("guild_id")
_USER = snowflake("user_id", "user.id")

COMPLETE: Table[hikari.Snowflake] = Table(
    name="complete_member_lists",
    key=(_GUILD,),
    decode=lambda _, payload: hikari.Snowflake(payload["guild_id"]),
    hidden_by=AWAITED,
)
"""The guilds whose members are all stored. Who joins or leaves between two sessions is not told, so READY ends it."""


class MemberChange(Change[hikari.Member, tuple[hikari.Snowflake, hikari.Snowflake]]):
    """A member joined, changed, or left, or is known to the cache for the first time."""

    __slots__ = ()


MEMBERS: Table[hikari.Member] = Table(
    name="members",
    key=(_GUILD, _USER),
    references=(_GUILD, _USER),
    decode=_decode,
    change=MemberChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_MEMBERS,
    lifetime=_lifetime,
    keeps=USERS,
    completeness=COMPLETE,
    partly_listed_as="members",
)


@MEMBERS.on("READY", UNDER_WAY)
def _session_begun(payload: Payload, batch: Batch) -> None:
    shard = shard_of(payload)
    batch.ignore_chunks(MEMBERS, shard=shard)
    batch.expire(MEMBERS, shard)  # those who were stored while their leaving would have been told, if it no longer is


@MEMBERS.on("GUILD_CREATE")
def _guild_members(payload: Payload, batch: Batch) -> None:
    guild_id, members = payload["id"], payload.get("members", [])
    is_whole = bool(members) and len(members) >= payload.get("member_count", math.inf)
    if is_whole:
        batch.replace(MEMBERS, members, guild_id=guild_id)
    else:
        batch.upsert_all(MEMBERS, members, guild_id=guild_id)

    if is_whole and _is_told(batch.scope.intents):
        batch.upsert(COMPLETE, {"guild_id": guild_id})
    else:
        batch.delete(COMPLETE, guild_id=guild_id)


@MEMBERS.on("GUILD_MEMBERS_CHUNK")
def _chunk(payload: Payload, batch: Batch) -> None:
    guild_id = payload["guild_id"]
    batch.upsert_all(MEMBERS, payload["members"], guild_id=guild_id)
    if nonce := payload.get("nonce"):  # others' requests may have one, too, or none
        batch.take_chunk(MEMBERS, nonce, payload["chunk_index"], payload["chunk_count"], guild_id=guild_id)


@MEMBERS.on("GUILD_DELETE", OUTAGE)
def _guild_gone(payload: Payload, batch: Batch) -> None:
    batch.ignore_chunks(MEMBERS, guild_id=payload["id"])


@COMPLETE.on(OUTAGE)
def _guild_unavailable(payload: Payload, batch: Batch) -> None:
    batch.delete(COMPLETE, guild_id=payload["id"])  # nobody tells who joins meanwhile


@MEMBERS.on(LOSS)
def _events_lost(payload: Payload, batch: Batch) -> None:
    guilds = {event.guild_id for event in payload["events"] if event.name in _TELLING}
    for where in [{}] if None in guilds else [{"guild_id": guild_id} for guild_id in guilds]:
        batch.ignore_chunks(MEMBERS, **where)
        batch.delete(COMPLETE, **where)


@MEMBERS.on("GUILD_MEMBER_ADD")
def _member_added(payload: Payload, batch: Batch) -> None:
    batch.upsert(MEMBERS, payload)


@MEMBERS.on("GUILD_MEMBER_UPDATE")
def _member_updated(payload: Payload, batch: Batch) -> None:
    batch.merge(MEMBERS, payload)  # `deaf`, `mute` and others may be missing


@MEMBERS.on("GUILD_MEMBER_REMOVE")
def _member_removed(payload: Payload, batch: Batch) -> None:
    batch.delete(MEMBERS, guild_id=payload["guild_id"], user_id=payload["user"]["id"])


@MEMBERS.on("MESSAGE_CREATE")
def _member_of_message(payload: Payload, batch: Batch) -> None:
    if payload.get("member") and "guild_id" in payload and not payload.get("webhook_id"):
        # In the order in which Discord lists a guild's members, so that one who is stored is recognised by the bytes.
        member = {"user": payload["author"], **payload["member"], "guild_id": payload["guild_id"]}
        batch.merge(MEMBERS, member, is_familiar=True)


@MEMBERS.on("VOICE_STATE_UPDATE")
def _member_of_voice_state(payload: Payload, batch: Batch) -> None:
    if payload.get("member") and "guild_id" in payload:
        # Whoever leaves the guild also leaves the voice channel, and Discord does not say in which order it tells that.
        is_leaving = payload["channel_id"] is None
        guild_id = payload["guild_id"]
        batch.merge(MEMBERS, payload["member"], insert=not is_leaving, is_familiar=True, guild_id=guild_id)


@MEMBERS.on("INTERACTION_CREATE")
def _member_of_interaction(payload: Payload, batch: Batch) -> None:
    if payload.get("member") and "guild_id" in payload:
        # The permissions are those in the interaction's channel.
        member = {name: value for name, value in payload["member"].items() if name != "permissions"}
        batch.merge(MEMBERS, member, is_familiar=True, guild_id=payload["guild_id"])


@USERS.on("GUILD_CREATE", "GUILD_MEMBERS_CHUNK")
def _users_of_members(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [member["user"] for member in payload.get("members", ())])


@USERS.on("GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE")
def _user_of_member(payload: Payload, batch: Batch) -> None:
    batch.upsert(USERS, payload["user"])


class MemberCache(Resource, abc.RefMemberCache):
    """Members of guilds, from GUILD_CREATE, GUILD_MEMBER*, messages, voice states and interactions."""

    __slots__ = ()
    tables: typing.ClassVar = (MEMBERS,)

    async def get_member(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> hikari.Member:
        return await self._get(MEMBERS, guild_id, user_id)

    def iter_members(self) -> CacheIterator[hikari.Member]:
        return self._iterate(MEMBERS)

    def iter_members_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Member]:
        return self._iterate(MEMBERS, guild_id=guild_id)

    def iter_members_for_user(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Member]:
        return self._iterate(MEMBERS, user_id=user_id)

    async def delete_member(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MEMBERS, guild_id=guild_id, user_id=user_id)

    async def clear_members(self) -> None:
        await self._delete(MEMBERS)

    async def clear_members_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MEMBERS, guild_id=guild_id)

    async def clear_members_for_user(self, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(MEMBERS, user_id=user_id)

    async def set_member(self, guild_id: hikari.Snowflakeish, payload: Payload, /) -> None:
        """Store a member of a guild, and the user in it.

        Parameters
        ----------
        guild_id
            The guild, which a member's payload from the REST API does not name.
        payload
            The member's JSON object, as Discord sends it.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_member") as batch:
            payload = self._checked(payload)
            batch.upsert(MEMBERS, payload, guild_id=guild_id)
            batch.upsert(USERS, payload.get("user", {}))

        await self._commit(batch)

    async def members_complete(self, guild_id: hikari.Snowflakeish, /) -> bool:
        """Tell whether all members of a guild are stored, so that whoever is not found is not a member.

        They are once a GUILD_CREATE listed them all, or all chunks that the cache asked for are in
        (`chunk_on_guild_create`), until the bot connects anew or the guild is unavailable: who joins meanwhile is not
        told. In a file that no bot uses at the moment, it is what was true when the bot stopped. They never are without
        the GUILD_MEMBERS intent, nor after a member was removed by hand, or an event was lost that may have told who
        joined; nor as long as something waits that cannot be written.

        Raises
        ------
        InvalidDataFound
            If the note of it is damaged.
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is not open.
        """
        return await self._is_complete(MEMBERS, guild_id)

    def chunk_on_guild_create(self, shard_aware: hikari.ShardAware | None, /) -> typing.Self:
        """Set whether to request the members that a GUILD_CREATE leaves out.

        Parameters
        ----------
        shard_aware
            The bot; `None` turns it off, which is the default.

        Returns
        -------
        Self
            The cache, so that calls can be chained.

        Raises
        ------
        ValueError
            If the cache has no event manager, or the bot lacks the GUILD_MEMBERS intent.
        """
        if shard_aware is None:
            self._chunks = None
            return self

        if self.event_manager is None:
            raise ValueError("members can only be requested by a cache with an event manager")

        if hikari.Intents.GUILD_MEMBERS not in shard_aware.intents:
            raise ValueError("members can only be requested with the GUILD_MEMBERS intent")

        wants_presences = isinstance(self, abc.PresenceCache) and hikari.Intents.GUILD_PRESENCES in shard_aware.intents
        self._chunks = ChunkRequests(MEMBERS, include_presences=wants_presences)
        return self
