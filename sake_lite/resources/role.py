"""Roles of guilds."""

from __future__ import annotations

__all__ = ["RoleCache", "RoleChange"]

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


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.Role:
    return factory.deserialize_role(payload, guild_id=hikari.Snowflake(payload["guild_id"]))


class RoleChange(Change[hikari.Role, tuple[hikari.Snowflake]]):
    """A guild's role was created, changed, or deleted."""

    __slots__ = ()


ROLES: Table[hikari.Role] = Table(
    name="roles",
    key=(snowflake("role_id", "id"),),
    references=(snowflake("guild_id"),),
    decode=_decode,
    change=RoleChange,
    intents=hikari.Intents.GUILDS,
    listed_as="roles",
)


@ROLES.on("GUILD_CREATE", "GUILD_UPDATE")
def _guild_roles(payload: Payload, batch: Batch) -> None:
    if "roles" in payload:
        batch.replace(ROLES, payload["roles"], guild_id=payload["id"])


@ROLES.on("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE")
def _role(payload: Payload, batch: Batch) -> None:
    batch.upsert(ROLES, payload["role"], guild_id=payload["guild_id"])


@ROLES.on("GUILD_ROLE_DELETE")
def _role_deleted(payload: Payload, batch: Batch) -> None:
    batch.delete(ROLES, role_id=payload["role_id"])


class RoleCache(Resource, abc.RefRoleCache):
    """Roles of guilds, from GUILD_CREATE, GUILD_UPDATE and GUILD_ROLE_*."""

    __slots__ = ()
    tables: typing.ClassVar = (ROLES,)

    async def get_role(self, role_id: hikari.Snowflakeish, /) -> hikari.Role:
        return await self._get(ROLES, role_id)

    def iter_roles(self) -> CacheIterator[hikari.Role]:
        return self._iterate(ROLES)

    def iter_roles_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Role]:
        return self._iterate(ROLES, guild_id=guild_id)

    async def delete_role(self, role_id: hikari.Snowflakeish, /) -> None:
        await self._delete(ROLES, role_id=role_id)

    async def clear_roles(self) -> None:
        await self._delete(ROLES)

    async def clear_roles_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(ROLES, guild_id=guild_id)

    async def set_role(self, guild_id: hikari.Snowflakeish, payload: Payload, /) -> None:
        """Store a role of a guild.

        Parameters
        ----------
        guild_id
            The guild.
        payload
            The role's JSON object, as Discord sends it.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_role") as batch:
            batch.upsert(ROLES, self._checked(payload), guild_id=guild_id)

        await self._commit(batch)
