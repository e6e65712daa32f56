"""A real `hikari.GatewayBot` on the loopback Discord: its event manager, its shard, its listeners."""

from __future__ import annotations

import asyncio
import contextlib
import typing

import hikari
import pytest
from conftest import check_file
from loopback_discord import LoopbackDiscord, guild, member, message

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

GUILD, OTHER = 1_000, 2_000
MEMBERS = 1_300


@contextlib.asynccontextmanager
async def _running(
    discord: LoopbackDiscord,
    path: pathlib.Path,
    listen: collections.abc.Callable[[hikari.GatewayBot, sake_lite.SQLiteCache], None] | None = None,
) -> collections.abc.AsyncGenerator[tuple[hikari.GatewayBot, sake_lite.SQLiteCache]]:
    """Run a bot whose cache is the file, until the end of the block; then check the file."""
    bot = hikari.GatewayBot(
        discord.token,
        rest_url=discord.url,
        banner=None,
        logs=None,
        suppress_optimization_warning=True,
        intents=hikari.Intents.ALL,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    cache.chunk_on_guild_create(bot)
    if listen:
        listen(bot, cache)
    await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
    try:
        yield bot, cache
    finally:
        await bot.close()
    assert not cache.is_alive
    check_file(path)


def _guilds() -> list[dict[str, typing.Any]]:
    tea_house = [member(100, "loopback bot"), member(201, "ada"), member(202, "grace")]
    large = [member(100, "loopback bot"), *(member(10_000 + number, f"m{number}") for number in range(MEMBERS - 1))]
    return [guild(GUILD, "Tea house", tea_house), guild(OTHER, "Arcade", large)]


async def _until_all_members(cache: sake_lite.SQLiteCache) -> None:
    async with asyncio.timeout(20):
        while await cache.iter_members_for_guild(OTHER).len() < MEMBERS:
            await asyncio.sleep(0.01)


async def test_every_message_is_found_inside_its_own_listener(path: pathlib.Path) -> None:
    results: asyncio.Queue[tuple[int, str | None, str]] = asyncio.Queue()

    def listen(bot: hikari.GatewayBot, cache: sake_lite.SQLiteCache) -> None:
        @bot.listen()
        async def on_message(event: hikari.GuildMessageCreateEvent) -> None:
            found, author = await asyncio.gather(
                cache.get_message(event.message_id), cache.get_member(event.guild_id, event.author_id)
            )
            await results.put((found.id, found.content, author.username))

    async with LoopbackDiscord(_guilds()) as discord, _running(discord, path, listen) as (_, cache):
        ada = discord.guilds[str(GUILD)]["members"][1]
        for number in range(300):
            await discord.dispatch("MESSAGE_CREATE", message(3_000 + number, GUILD + 1, GUILD, ada, str(number)))

        async with asyncio.timeout(20):
            found = [await results.get() for _ in range(300)]
        assert sorted(found) == [(3_000 + number, str(number), "ada") for number in range(300)]
        assert cache.stats().failures == 0


async def test_two_runs_on_one_file(path: pathlib.Path) -> None:
    async with LoopbackDiscord(_guilds()) as discord:
        async with _running(discord, path) as (bot, cache):
            await _until_all_members(cache)
            ada = discord.guilds[str(GUILD)]["members"][1]
            await discord.dispatch("MESSAGE_CREATE", message(3_000, GUILD + 1, GUILD, ada, "first run"))
            await bot.wait_for(hikari.GuildMessageCreateEvent, timeout=10)

        async with _running(discord, path) as (_, cache):
            assert (await cache.get_message(3_000)).content == "first run"
            assert (await cache.get_me()).id == 100
            await _until_all_members(cache)

    async with sake_lite.SQLiteCache(path) as cache:
        assert [found.name async for found in cache.iter_guilds()] == ["Tea house", "Arcade"]
        assert await cache.iter_members_for_guild(OTHER).len() == MEMBERS
        assert await cache.iter_users().len() == MEMBERS + 2
        assert (await cache.get_member(GUILD, 201)).username == "ada"


async def test_a_second_run_of_the_same_writes_next_to_nothing(path: pathlib.Path) -> None:
    written: list[int] = []
    async with LoopbackDiscord(_guilds()) as discord:
        for _ in range(2):
            async with _running(discord, path) as (_, cache):
                await _until_all_members(cache)
                await cache.flush()
                written.append(cache.stats().rows)
    assert written[0] > 2 * MEMBERS
    assert written[1] < written[0] / 100


async def test_malformed_events_raise_nothing_into_hikari(path: pathlib.Path) -> None:
    errors: list[BaseException] = []

    def listen(bot: hikari.GatewayBot, _: sake_lite.SQLiteCache) -> None:
        @bot.listen()
        async def on_error(event: hikari.ExceptionEvent[typing.Any]) -> None:
            errors.append(event.exception)

    async with LoopbackDiscord(_guilds()[:1]) as discord, _running(discord, path, listen) as (_, cache):
        async with asyncio.timeout(10):
            while not await cache.iter_guilds().len():
                await asyncio.sleep(0.01)
        # hikari itself does not parse these, since nobody listens to their typed events.
        for name in ("GUILD_ROLE_CREATE", "GUILD_ROLE_DELETE", "INVITE_CREATE", "CHANNEL_PINS_UPDATE"):
            await discord.dispatch(name, {"guild_id": [], "role": 5})
        ada = discord.guilds[str(GUILD)]["members"][1]
        await discord.dispatch("MESSAGE_CREATE", message(3_000, GUILD + 1, GUILD, ada, "afterwards"))
        async with asyncio.timeout(10):
            while not await cache.iter_messages().len():
                await asyncio.sleep(0.01)
        assert cache.stats().failures == 4
    assert errors == []


def test_requesting_members_needs_an_event_manager_and_the_intent(path: pathlib.Path) -> None:
    bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)
    with pytest.raises(ValueError, match="event manager"):
        sake_lite.SQLiteCache(path, bot).chunk_on_guild_create(bot)
    with pytest.warns(hikari.MissingIntentWarning):
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
    with pytest.raises(ValueError, match="GUILD_MEMBERS intent"):
        cache.chunk_on_guild_create(bot)
    assert cache.chunk_on_guild_create(None) is cache


async def test_presences_are_requested_with_the_members(path: pathlib.Path) -> None:
    requests: list[dict[str, typing.Any]] = []

    class Recording(LoopbackDiscord):
        async def send_chunks(self, request: dict[str, typing.Any]) -> None:
            requests.append(request)
            await super().send_chunks(request)

    async with Recording(_guilds()) as discord, _running(discord, path) as (_, cache):
        await _until_all_members(cache)
    assert [(request["guild_id"], request["presences"]) for request in requests] == [(str(OTHER), True)]
