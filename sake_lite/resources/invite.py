"""Invites to guilds and group chats."""

from __future__ import annotations

__all__ = ["InviteCache", "InviteChange"]

import datetime
import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake, text
from .._config import deadline
from .._iterator import CacheIterator
from .._table import Table
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload
    from .._config import ExpireT


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.InviteWithMetadata:
    # hikari needs a `max_age`, which Discord may leave out.
    return factory.deserialize_invite_with_metadata({"max_age": 0, **payload})


class InviteChange(Change[hikari.InviteWithMetadata, tuple[str]]):
    """An invite was created or deleted."""

    __slots__ = ()


INVITES: Table[hikari.InviteWithMetadata] = Table(
    name="invites",
    key=(text("code"),),
    references=(
        snowflake("channel_id", "channel_id", "channel.id", optional=True),
        snowflake("guild_id", "guild_id", "guild.id", optional=True),
    ),
    decode=_decode,
    change=InviteChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_INVITES,
    lifetime=lambda config, _: config.invite_expire,
)


@INVITES.on("INVITE_CREATE")
def _invite(payload: Payload, batch: Batch) -> None:
    """Store an invite for as long as it says that it is valid."""
    max_age = payload.get("max_age")
    if max_age is None:
        batch.upsert(INVITES, payload)
    elif max_age == 0:
        batch.upsert_until(INVITES, payload, None)
    else:
        created_at = datetime.datetime.fromisoformat(payload["created_at"])
        batch.upsert_until(INVITES, payload, deadline(int(created_at.timestamp() * 1000), max_age))


@INVITES.on("INVITE_DELETE")
def _invite_deleted(payload: Payload, batch: Batch) -> None:
    batch.delete(INVITES, code=payload["code"])


@USERS.on("INVITE_CREATE")
def _users_of_invite(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [payload[role] for role in ("inviter", "target_user") if payload.get(role)])


class InviteCache(Resource, abc.RefInviteCache):
    """Invites, from INVITE_CREATE and INVITE_DELETE, until they end."""

    __slots__ = ()
    tables: typing.ClassVar = (INVITES,)

    async def get_invite(self, invite_code: str, /) -> hikari.InviteWithMetadata:
        return await self._get(INVITES, invite_code)

    def iter_invites(self) -> CacheIterator[hikari.InviteWithMetadata]:
        return self._iterate(INVITES)

    def iter_invites_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.InviteWithMetadata]:
        return self._iterate(INVITES, channel_id=channel_id)

    def iter_invites_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.InviteWithMetadata]:
        return self._iterate(INVITES, guild_id=guild_id)

    async def delete_invite(self, invite_code: str, /) -> None:
        await self._delete(INVITES, code=invite_code)

    async def clear_invites(self) -> None:
        await self._delete(INVITES)

    async def clear_invites_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        await self._delete(INVITES, channel_id=channel_id)

    async def clear_invites_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(INVITES, guild_id=guild_id)

    async def set_invite(self, payload: Payload, /, *, expire_time: ExpireT | None = None) -> None:
        """Store an invite, and the users that it names.

        Parameters
        ----------
        payload
            The invite's JSON object with its metadata, as Discord sends it.
        expire_time
            How long to keep it, in seconds or as a `timedelta`; by default until it ends, or for the cache's
            `invite_expire` where it does not say when that is.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by, or the time is negative; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_invite") as batch:
            payload = self._checked(payload)
            if expire_time is None:
                _invite(payload, batch)
            else:
                batch.upsert(INVITES, payload, expire=expire_time)
            batch.upsert_all(USERS, [payload[role] for role in ("inviter", "target_user") if payload.get(role)])

        await self._commit(batch)

    def with_invite_expire(self, expire: ExpireT | None, /) -> typing.Self:
        """Set how long invites are kept that do not say when they end, for those seen from now on.

        Parameters
        ----------
        expire
            Seconds or a `timedelta`; `inf` for ever, `None` the default of 30 days.

        Returns
        -------
        Self
            The cache, so that calls can be chained.

        Raises
        ------
        ValueError
            If it is negative.
        """
        return self._with_settings(invite_expire=expire)
