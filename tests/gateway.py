"""A gateway whose events a test makes up, and which hikari's real event manager takes in."""

from __future__ import annotations

import typing

import hikari
from conftest import check_file

import sake_lite

if typing.TYPE_CHECKING:
    import pathlib

    from samples import Payload


class Shard:
    """As much of hikari's shard as a cache sees, without a connection: requests are kept to be answered by the test."""

    def __init__(self, intents: hikari.Intents = hikari.Intents.ALL) -> None:
        self.id = 0
        self.shard_count = 1
        self.intents = intents
        self.is_connected = True
        self.requests: list[tuple[int, str]] = []

    async def request_guild_members(self, guild: int, *, include_presences: bool, nonce: str) -> None:
        if not self.is_connected:
            raise hikari.ComponentStateConflictError("shard 0 is not connected so it cannot be interacted with")
        assert include_presences
        assert len(nonce) <= 32
        self.requests.append((int(guild), nonce))


class Gateway:
    """A cache with a real event manager, and a shard whose events the test makes up."""

    def __init__(
        self,
        path: pathlib.Path,
        *,
        intents: hikari.Intents = hikari.Intents.ALL,
        asks: bool = True,
        **settings: typing.Any,
    ) -> None:
        self.bot = hikari.GatewayBot(
            "MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True, intents=intents
        )
        self.cache = sake_lite.SQLiteCache(path, self.bot, self.bot.event_manager, **settings)
        self.path = path
        self.shard = Shard(intents)
        if asks:
            self.cache.chunk_on_guild_create(self.bot)

    async def __aenter__(self) -> typing.Self:
        await self.cache.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()
        check_file(self.path)

    async def send(self, name: str, payload: Payload) -> None:
        shard = typing.cast("hikari.api.GatewayShard", self.shard)
        event = hikari.ShardPayloadEvent(app=self.bot, shard=shard, payload=payload, name=name)
        await self.bot.event_manager.dispatch(event, return_tasks=True)
