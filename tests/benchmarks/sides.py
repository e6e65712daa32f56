"""What is compared: sake_lite, Sake on Redis, and hikari's own cache in memory, each driven in the same words.

Events go through hikari's real event manager to each side's own handlers.
"""

from __future__ import annotations

__all__ = ["Memory", "SakeLite", "SakeOnRedis", "Side"]

import abc
import asyncio
import contextlib
import importlib.util
import inspect
import pathlib
import tempfile
import typing

import hikari
from hikari import impl

import sake_lite

from . import redis_server
from .payloads import GUILD, READY, Event, Payload

if typing.TYPE_CHECKING:
    import collections.abc

# The bot's ID is the token's first part; nothing here connects to anything.
_TOKEN: typing.Final[str] = "MTAw.bench.mark"


def _bot(components: hikari.api.CacheComponents) -> hikari.GatewayBot:
    settings = impl.CacheSettings(components=components)
    return hikari.GatewayBot(
        _TOKEN,
        banner=None,
        logs=None,
        suppress_optimization_warning=True,
        intents=hikari.Intents.ALL,
        cache_settings=settings,
        auto_chunk_members=False,
    )


class _Shard:
    """As much of a shard as the handlers look at."""

    id = 0
    shard_count = 1
    intents = hikari.Intents.ALL

    def get_user_id(self) -> hikari.Snowflake:
        return hikari.Snowflake(100)


SHARD: typing.Final = typing.cast("hikari.api.GatewayShard", _Shard())


class Side(abc.ABC):
    """A cache that is measured."""

    name: typing.ClassVar[str]

    @abc.abstractmethod
    async def start(self) -> None:
        """Begin with an empty store."""

    @abc.abstractmethod
    async def stop(self) -> None:
        """Give everything back."""

    async def forget(self) -> None:  # noqa: B027 - what keeps nothing has nothing to forget
        """Keep no row in memory that a program which has just started would not have."""

    @abc.abstractmethod
    async def take_in(self, events: collections.abc.Iterable[Event], *, at_once: bool = False) -> None:
        """Take in events, and return when all are stored; `at_once` leaves the loop no turn between two of them."""

    @abc.abstractmethod
    async def get_member(self, user_id: int) -> object:
        """Return a member."""

    @abc.abstractmethod
    async def iterate(self) -> int:
        """Go through all members of the guild; returns how many."""

    @abc.abstractmethod
    async def set_member(self, payload: Payload) -> None:
        """Store a member, and return when it is stored."""


class _Persistent(Side):
    """What the two caches of the standard have in common."""

    _bot: hikari.GatewayBot
    _cache: typing.Any

    async def take_in(self, events: collections.abc.Iterable[Event], *, at_once: bool = False) -> None:
        for name, payload in events:
            self._bot.event_manager.dispatch(
                hikari.ShardPayloadEvent(app=self._bot, shard=SHARD, payload=payload, name=name)
            )
            if not at_once:
                await self._between(name)
        await self._handled()

    async def _between(self, name: str) -> None:
        """Let an event be taken up before the next one comes."""
        await asyncio.sleep(0)

    async def _handled(self) -> None:
        # hikari names the tasks in which it runs listeners, and keeps them to itself.
        if handlers := [task for task in asyncio.all_tasks() if task.get_name().startswith("handler ")]:
            await asyncio.wait(handlers)

    async def get_member(self, user_id: int) -> object:
        return await self._cache.get_member(GUILD, user_id)

    async def iterate(self) -> int:
        count = 0
        async for _ in self._cache.iter_members_for_guild(GUILD):
            count += 1
        return count

    async def set_member(self, payload: Payload) -> None:
        await self._cache.set_member(GUILD, payload)


class SakeLite(_Persistent):
    """Ours, on a file in a temporary folder."""

    name = "sake_lite"

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        await self.stop()
        self._folder = tempfile.TemporaryDirectory()
        self._bot = _bot(hikari.api.CacheComponents.NONE)
        path = pathlib.Path(self._folder.name, "bot.db")
        self._cache: sake_lite.SQLiteCache = sake_lite.SQLiteCache(path, self._bot, self._bot.event_manager)
        await self._cache.open()
        await self.take_in([READY])

    async def stop(self) -> None:
        if self._folder is not None:
            await self._cache.close()
            self._folder.cleanup()
            self._folder = None

    async def forget(self) -> None:
        await self._cache.close()
        await self._cache.open()

    async def take_in(self, events: collections.abc.Iterable[Event], *, at_once: bool = False) -> None:
        await super().take_in(events, at_once=at_once)
        await self._cache.flush()


class SakeOnRedis(_Persistent):
    """hikari-sake, as it comes, on a Redis server of its own on loopback that writes nothing to disk."""

    name = "Sake on Redis"

    def __init__(self) -> None:
        self._server = contextlib.ExitStack()
        self._address: str | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether both the package and the server are there."""
        return importlib.util.find_spec("sake") is not None and redis_server.is_installed()

    async def start(self) -> None:
        from sake import redis

        await self.stop()
        self._address = self._server.enter_context(redis_server.run())
        self._bot = _bot(hikari.api.CacheComponents.NONE)
        self._cache: redis.RedisCache = redis.RedisCache(self._address, self._bot, self._bot.event_manager)
        await self._cache.open()
        await self.take_in([READY])

    async def stop(self) -> None:
        if self._address is not None:
            await self._cache.close()
            self._server.close()
            self._address = None

    async def _between(self, name: str) -> None:
        # Its handlers overtake each other: members of a chunk are lost when they are stored before GUILD_CREATE has
        # cleared the guild. It asks for chunks only after that, so this is what a bot would see.
        if name == "GUILD_CREATE":
            await self._handled()
        else:
            await super()._between(name)


class Memory(Side):
    """hikari's own cache: gone with the program, so the limit rather than a rival."""

    name = "hikari, in memory"

    async def start(self) -> None:
        self._bot = _bot(hikari.api.CacheComponents.ALL)

    async def stop(self) -> None:
        del self._bot

    async def take_in(self, events: collections.abc.Iterable[Event], *, at_once: bool = False) -> None:
        handlers: typing.Any = self._bot.event_manager
        for name, payload in events:
            handled = getattr(handlers, f"on_{name.lower()}")(SHARD, payload)
            if inspect.isawaitable(handled):
                await handled
            if not at_once:
                await asyncio.sleep(0)

    async def get_member(self, user_id: int) -> object:
        return self._bot.cache.get_member(GUILD, user_id)

    async def iterate(self) -> int:
        return sum(1 for _ in self._bot.cache.get_members_view_for_guild(GUILD).values())

    async def set_member(self, payload: Payload) -> None:
        member = self._bot.entity_factory.deserialize_member(payload, guild_id=hikari.Snowflake(GUILD))
        cache: typing.Any = self._bot.cache
        cache.update_member(member)
