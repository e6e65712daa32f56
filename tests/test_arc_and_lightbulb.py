"""The examples for arc and lightbulb on the loopback Discord: a command is used, and answered from the cache."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import typing

import hikari
import pytest
from conftest import UNUSABLE, check_file, needs_lightbulb
from loopback_discord import LoopbackDiscord, guild, member, message

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib
    import types

TEA_HOUSE, ARCADE, LIBRARY = 1_000, 2_000, 3_000
ADA = member(201, "ada")


@pytest.fixture(params=["arc_bot", pytest.param("lightbulb_bot", marks=needs_lightbulb)])
def example(request: pytest.FixtureRequest) -> types.ModuleType:
    return importlib.import_module(request.param)


def _guilds() -> list[dict[str, typing.Any]]:
    others = [member(10_000 + number, f"m{number}") for number in range(300)]
    return [
        guild(TEA_HOUSE, "Tea house", [member(100, "loopback bot"), ADA]),
        # Some of its members, ada among them, have to be requested: these come after every GUILD_CREATE.
        guild(ARCADE, "Arcade", [member(100, "loopback bot"), *others, ADA]),
        guild(LIBRARY, "Library", [member(100, "loopback bot"), member(202, "grace")]),
    ]


def _bot(discord: LoopbackDiscord) -> hikari.GatewayBot:
    return hikari.GatewayBot(
        discord.token,
        rest_url=discord.url,
        banner=None,
        logs=None,
        auto_chunk_members=False,
        suppress_optimization_warning=True,
        intents=sake_lite.SQLiteCache.all_intents() | hikari.Intents.MESSAGE_CONTENT,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )


@contextlib.asynccontextmanager
async def _running(
    example: types.ModuleType, discord: LoopbackDiscord, path: pathlib.Path
) -> collections.abc.AsyncGenerator[hikari.GatewayBot]:
    """Run an example's bot until the end of the block, from when it has all guilds and all members."""
    bot = _bot(discord)
    example.make_client(bot, path)
    has_members = asyncio.Event()

    @bot.listen()
    async def on_chunk(event: hikari.MemberChunkEvent) -> None:
        if event.chunk_index == event.chunk_count - 1:
            has_members.set()

    await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
    try:
        await asyncio.wait_for(has_members.wait(), timeout=10)
        yield bot
    finally:
        await bot.close()
    check_file(path)


async def test_a_command_is_answered_from_the_cache(
    example: types.ModuleType, path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hikari.sake_lite")
    async with LoopbackDiscord(_guilds()) as discord, _running(example, discord, path):
        response = await asyncio.wait_for(discord.invoke("servers", TEA_HOUSE, ADA), timeout=10)

    assert response["type"] == hikari.ResponseType.MESSAGE_CREATE
    assert response["data"]["content"] == "Tea house\nArcade"
    assert response["data"]["flags"] == hikari.MessageFlag.EPHEMERAL
    said = [record.getMessage() for record in caplog.records if record.name.startswith("hikari.sake_lite")]
    assert said == [], "as where the cache was not open before the bot connected"


async def test_the_cache_hears_all_from_the_first_guild_to_the_last_message(
    example: types.ModuleType, path: pathlib.Path
) -> None:
    """It is open before the bot connects, and until it has disconnected, though no command asks for it."""
    async with LoopbackDiscord(_guilds()) as discord, _running(example, discord, path) as bot:

        @bot.listen()
        async def on_stopping(_: hikari.StoppingEvent) -> None:
            with bot.stream(hikari.GuildMessageCreateEvent, timeout=10) as heard:
                await discord.dispatch("MESSAGE_CREATE", message(5_000, TEA_HOUSE + 1, TEA_HOUSE, ADA, "wait!"))
                await heard.next()

    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert await cache.iter_guilds().map(lambda found: found.name) == ["Tea house", "Arcade", "Library"]
        for guild_id, count in ((TEA_HOUSE, 2), (ARCADE, 302), (LIBRARY, 2)):
            assert await cache.iter_members_for_guild(guild_id).len() == count
            assert await cache.members_complete(guild_id)
        assert [found.id async for found in cache.iter_messages()] == [5_000]


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
async def test_without_its_file_a_command_is_answered_and_the_log_says_why(
    example: types.ModuleType,
    spoil: collections.abc.Callable[[pathlib.Path], object],
    path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    spoil(path)
    async with LoopbackDiscord(_guilds()) as discord:
        bot = _bot(discord)
        example.make_client(bot, path)
        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        response = await asyncio.wait_for(discord.invoke("servers", TEA_HOUSE, ADA), timeout=10)
        await bot.close()

    assert response["data"]["content"] == "I cannot look that up now."
    assert response["data"]["flags"] == hikari.MessageFlag.EPHEMERAL
    said = [(record.name, record.getMessage()) for record in caplog.records]
    assert [name for name, _ in said] == ["hikari.sake_lite", example.__name__], "and no traceback in any hook"
    for _, line in said:
        assert f"{path} is " in line


async def test_arcs_hooks_find_the_cache_open(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "arc_bot")
    example = importlib.import_module("arc_bot")
    async with LoopbackDiscord(_guilds()) as discord, _running(example, discord, path):
        pass
    first, last = [record.getMessage() for record in caplog.records if record.name == "arc_bot"]
    assert first.startswith("loopback bot knows ")
    rows = int(last.removesuffix(" rows were written"))
    assert rows > 300
