"""Users, learnt from everything that names one.

Where that is another resource's row, such as a member or a message, what its events tell of users is handled in that
resource's module.
"""

from __future__ import annotations

__all__ = ["UserCache", "UserChange"]

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
