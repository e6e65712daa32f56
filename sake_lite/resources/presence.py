"""Presences of members: whether they are online, and what they are doing."""

from __future__ import annotations

__all__ = ["PresenceCache", "PresenceChange"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._iterator import CacheIterator
from .._table import Table
from ._awaited import AWAITED
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.MemberPresence:
    return factory.deserialize_member_presence(payload)


_GUILD = snowflake("guild_id")
_USER = snowflake("user_id", "user.id")


class PresenceChange(Change[hikari.MemberPresence, tuple[hikari.Snowflake, hikari.Snowflake]]):
    """A member came online, does something else, or went offline."""

    __slots__ = ()


PRESENCES: Table[hikari.MemberPresence] = Table(
    name="presences",
    key=(_GUILD, _USER),
    references=(_GUILD, _USER),
    decode=_decode,
    change=PresenceChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_PRESENCES,
    hidden_by=AWAITED,
    partly_listed_as="presences",
)


def _is_offline(presence: Payload) -> bool:
    return presence["status"] == hikari.Status.OFFLINE


@PRESENCES.on("GUILD_CREATE")
def _guild_presences(payload: Payload, batch: Batch) -> None:
    online = [presence for presence in payload.get("presences", ()) if not _is_offline(presence)]
    batch.replace(PRESENCES, online, guild_id=payload["id"])


@PRESENCES.on("GUILD_MEMBERS_CHUNK")
def _chunk(payload: Payload, batch: Batch) -> None:
    presences = payload.get("presences", ())
    batch.upsert_all(PRESENCES, [each for each in presences if not _is_offline(each)], guild_id=payload["guild_id"])
    for presence in filter(_is_offline, presences):
        batch.delete(PRESENCES, guild_id=payload["guild_id"], user_id=presence["user"]["id"])


@PRESENCES.on("PRESENCE_UPDATE")
def _presence(payload: Payload, batch: Batch) -> None:
    if _is_offline(payload):
        batch.delete(PRESENCES, guild_id=payload["guild_id"], user_id=payload["user"]["id"])
    else:
        batch.upsert(PRESENCES, payload)


@PRESENCES.on("GUILD_MEMBER_REMOVE")
def _member_removed(payload: Payload, batch: Batch) -> None:
    batch.delete(PRESENCES, guild_id=payload["guild_id"], user_id=payload["user"]["id"])


@USERS.on("GUILD_CREATE", "GUILD_MEMBERS_CHUNK")
def _users_of_presences(payload: Payload, batch: Batch) -> None:
    for presence in payload.get("presences", ()):
        _user_of_presence(presence, batch)


@USERS.on("PRESENCE_UPDATE")
def _user_of_presence(payload: Payload, batch: Batch) -> None:
    # Most presences name only the user's ID.
    if "username" in payload["user"]:
        batch.merge(USERS, payload["user"])


class PresenceCache(Resource, abc.RefPresenceCache):
    """Presences of members, from GUILD_CREATE, PRESENCE_UPDATE and GUILD_MEMBERS_CHUNK; who is offline has none."""

    __slots__ = ()
    tables: typing.ClassVar = (PRESENCES,)

    async def get_presence(
        self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /
    ) -> hikari.MemberPresence:
        return await self._get(PRESENCES, guild_id, user_id)

    def iter_presences(self) -> CacheIterator[hikari.MemberPresence]:
        return self._iterate(PRESENCES)

    def iter_presences_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.MemberPresence]:
        return self._iterate(PRESENCES, guild_id=guild_id)

    def iter_presences_for_user(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.MemberPresence]:
        return self._iterate(PRESENCES, user_id=user_id)

    async def delete_presence(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(PRESENCES, guild_id=guild_id, user_id=user_id)

    async def clear_presences(self) -> None:
        await self._delete(PRESENCES)

    async def clear_presences_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(PRESENCES, guild_id=guild_id)

    async def clear_presences_for_user(self, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(PRESENCES, user_id=user_id)

    async def set_presence(self, payload: Payload, /) -> None:
        """Store a member's presence.

        Parameters
        ----------
        payload
            The presence's JSON object, as Discord sends it, with its `guild_id`.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_presence") as batch:
            batch.upsert(PRESENCES, self._checked(payload))

        await self._commit(batch)
