"""Teapots of guilds, each in a channel: a resource that is made up, as the only file that one takes.

Its entities are hikari's stage instances, and its payloads theirs, with the user who made the pot as `potter`. It is a
module of `sake_lite.resources` in a copy of the package, and a mixin of the tests' own beside.
"""

from __future__ import annotations

__all__ = ["TeapotCache", "TeapotChange"]

import typing

import hikari

from sake_lite._change import Change
from sake_lite._column import snowflake
from sake_lite._iterator import CacheIterator
from sake_lite._table import Table
from sake_lite.resources._base import Resource
from sake_lite.resources.user import USERS

if typing.TYPE_CHECKING:
    from sake_lite._batch import Batch
    from sake_lite._codec import Payload


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.StageInstance:
    return factory.deserialize_stage_instance(payload)


class TeapotChange(Change[hikari.StageInstance, tuple[hikari.Snowflake]]):
    """A teapot was made, changed, or broke."""

    __slots__ = ()


TEAPOTS: Table[hikari.StageInstance] = Table(
    name="teapots",
    key=(snowflake("teapot_id", "id"),),
    references=(snowflake("channel_id"), snowflake("guild_id")),
    decode=_decode,
    change=TeapotChange,
    intents=hikari.Intents.GUILD_INTEGRATIONS,
    listed_as="teapots",
)


@TEAPOTS.on("GUILD_CREATE")
def _guild_teapots(payload: Payload, batch: Batch) -> None:
    if "teapots" in payload:
        batch.replace(TEAPOTS, payload["teapots"], guild_id=payload["id"])


@TEAPOTS.on("TEAPOT_CREATE", "TEAPOT_UPDATE")
def _teapot(payload: Payload, batch: Batch) -> None:
    batch.upsert(TEAPOTS, payload)


@TEAPOTS.on("TEAPOT_DELETE")
def _teapot_deleted(payload: Payload, batch: Batch) -> None:
    batch.delete(TEAPOTS, teapot_id=payload["id"])


@USERS.on("GUILD_CREATE")
def _potters(payload: Payload, batch: Batch) -> None:
    batch.upsert_all(USERS, [teapot["potter"] for teapot in payload.get("teapots", ())])


@USERS.on("TEAPOT_CREATE", "TEAPOT_UPDATE")
def _potter(payload: Payload, batch: Batch) -> None:
    batch.upsert(USERS, payload["potter"])


class TeapotCache(Resource):
    """Teapots, from GUILD_CREATE and TEAPOT_*."""

    __slots__ = ()
    tables: typing.ClassVar = (TEAPOTS,)

    async def get_teapot(self, teapot_id: hikari.Snowflakeish, /) -> hikari.StageInstance:
        return await self._get(TEAPOTS, teapot_id)

    def iter_teapots(self) -> CacheIterator[hikari.StageInstance]:
        return self._iterate(TEAPOTS)

    def iter_teapots_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.StageInstance]:
        return self._iterate(TEAPOTS, guild_id=guild_id)

    async def delete_teapot(self, teapot_id: hikari.Snowflakeish, /) -> None:
        await self._delete(TEAPOTS, teapot_id=teapot_id)
