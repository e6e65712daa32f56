"""The bot's own user."""

from __future__ import annotations

__all__ = ["MeCache", "MeChange"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._table import Table
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.OwnUser:
    return factory.deserialize_my_user(payload)


class MeChange(Change[hikari.OwnUser, tuple[hikari.Snowflake]]):
    """The bot's own user changed."""

    __slots__ = ()


ME: Table[hikari.OwnUser] = Table(
    name="me", key=(snowflake("user_id", "id"),), decode=_decode, change=MeChange, is_own_user=True
)


@ME.on("READY")
def _ready(payload: Payload, batch: Batch) -> None:
    batch.replace(ME, [payload["user"]])  # another bot's user, from before the token was changed, goes


@ME.on("USER_UPDATE")
def _user_updated(payload: Payload, batch: Batch) -> None:
    batch.replace(ME, [payload])


class MeCache(Resource, abc.RefMeCache):
    """The bot's own user, from READY and USER_UPDATE."""

    __slots__ = ()
    tables: typing.ClassVar = (ME,)

    async def get_me(self) -> hikari.OwnUser:
        return await self._get_only(ME)

    async def delete_me(self) -> None:
        await self._delete(ME)

    async def set_me(self, payload: Payload, /) -> None:
        """Store the bot's own user, also as a user among the others.

        Parameters
        ----------
        payload
            The own user's JSON object, as Discord sends it.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_me") as batch:
            payload = self._checked(payload)
            batch.replace(ME, [payload])
            batch.upsert(USERS, payload)
            own_id = payload.get("id", "")

        await self._commit(batch)
        self._update_scope(own_id=int(own_id))
