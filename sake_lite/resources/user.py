"""Users, learnt from everything that names one: members, messages, voice states, presences, invites, emojis."""

from __future__ import annotations

__all__ = ["USERS", "UserCache", "UserChange"]

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
    from .._config import ExpireT


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.User:
    return factory.deserialize_user(payload)


class UserChange(Change[hikari.User, tuple[hikari.Snowflake]]):
    """A user changed, came, or went.

    One who was last seen longer than `user_expire` ago goes with the last member that is that user, and comes with the
    next.
    """

    __slots__ = ()


USERS: Table[hikari.User] = Table(
    name="users",
    key=(snowflake("user_id", "id"),),
    decode=_decode,
    change=UserChange,
    lifetime=lambda config, _: config.user_expire,
)


@USERS.on("GUILD_CREATE", "GUILD_MEMBERS_CHUNK")
def _users_of_members(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [member["user"] for member in payload.get("members", ())])


@USERS.on("GUILD_CREATE", "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE")
def _users_of_emojis_and_stickers(payload: Payload, batch: Batch) -> None:
    made = [*payload.get("emojis", ()), *payload.get("stickers", ())]
    batch.upsert_all(USERS, [each["user"] for each in made if each.get("user")])


@USERS.on("GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE")
def _user_of_member(payload: Payload, batch: Batch) -> None:
    batch.upsert(USERS, payload["user"])


@USERS.on("MESSAGE_CREATE")
def _author(payload: Payload, batch: Batch) -> None:
    # A webhook's author is its name and picture of the moment, under the webhook's ID.
    if not payload.get("webhook_id"):
        batch.upsert(USERS, payload["author"])


@USERS.on("VOICE_STATE_UPDATE")
def _user_of_voice_state(payload: Payload, batch: Batch) -> None:
    if payload.get("member"):
        batch.upsert(USERS, payload["member"]["user"])


@USERS.on("GUILD_CREATE", "GUILD_MEMBERS_CHUNK")
def _users_of_presences(payload: Payload, batch: Batch) -> None:
    for presence in payload.get("presences", ()):
        _user_of_presence(presence, batch)


@USERS.on("PRESENCE_UPDATE")
def _user_of_presence(payload: Payload, batch: Batch) -> None:
    # Most presences name only the user's ID.
    if "username" in payload["user"]:
        batch.merge(USERS, payload["user"])


@USERS.on("INVITE_CREATE")
def _users_of_invite(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [payload[role] for role in ("inviter", "target_user") if payload.get(role)])


@USERS.on("INTERACTION_CREATE")
def _users_of_interaction(payload: Payload, batch: Batch) -> None:
    """Store who interacts, in a guild or in a direct message, and the users that they chose or named."""
    member: Payload = payload.get("member") or {}
    data: Payload = payload.get("data") or {}
    resolved: Payload = data.get("resolved") or {}
    users: Payload = resolved.get("users") or {}
    actors = [actor for actor in (payload.get("user"), member.get("user")) if actor is not None]
    batch.upsert_all(USERS, [*actors, *users.values()])


@USERS.on("USER_UPDATE")
def _own_user(payload: Payload, batch: Batch) -> None:
    batch.upsert(USERS, payload)


class UserCache(Resource, abc.RefUserCache):
    """Users, while a cached member is that user, and else until `user_expire` after they were last seen."""

    __slots__ = ()
    tables: typing.ClassVar = (USERS,)

    async def get_user(self, user_id: hikari.Snowflakeish, /) -> hikari.User:
        return await self._get(USERS, user_id)

    def iter_users(self) -> CacheIterator[hikari.User]:
        return self._iterate(USERS)

    async def delete_user(self, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(USERS, user_id=user_id)

    async def clear_users(self) -> None:
        await self._delete(USERS)

    async def set_user(self, payload: Payload, /, *, expire_time: ExpireT | None = None) -> None:
        """Store a user.

        Parameters
        ----------
        payload
            The user's JSON object, as Discord sends it.
        expire_time
            How long to keep it, in seconds or as a `timedelta`; by default the cache's `user_expire`.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by, or the time is negative; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_user") as batch:
            batch.upsert(USERS, self._checked(payload), expire=expire_time)

        await self._commit(batch)

    def with_user_expire(self, expire: ExpireT | None, /) -> typing.Self:
        """Set how long users are kept, for those seen from now on.

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
        return self._with_settings(user_expire=expire)
