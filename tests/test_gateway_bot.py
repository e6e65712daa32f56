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
from sake_lite import _layout

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


def _people(count: int) -> list[dict[str, typing.Any]]:
    return [member(100, "loopback bot"), *(member(10_000 + number, f"m{number}") for number in range(count - 1))]


def _presence(user_id: str) -> dict[str, typing.Any]:
    activity = {"name": "a game", "type": 0, "created_at": 1_790_000_000_000}
    return {"user": {"id": user_id}, "status": "online", "activities": [activity], "client_status": {"web": "online"}}


def _voice_state(user_id: str, channel_id: int) -> dict[str, typing.Any]:
    flags = dict.fromkeys(("deaf", "mute", "self_deaf", "self_mute", "self_video", "suppress"), False)
    return {"user_id": user_id, "channel_id": str(channel_id), "session_id": "session", **flags}


def _record_requests(discord: LoopbackDiscord) -> list[dict[str, typing.Any]]:
    """Return the list to which requests for members will be added."""
    requests: list[dict[str, typing.Any]] = []
    answer = discord.send_chunks

    async def record(request: dict[str, typing.Any]) -> None:
        requests.append(request)
        await answer(request)

    discord.send_chunks = record
    return requests


async def _until_complete(cache: sake_lite.SQLiteCache, *guilds: int) -> None:
    async with asyncio.timeout(30):
        for guild_id in guilds:
            while not await cache.members_complete(guild_id):
                await asyncio.sleep(0.01)


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


async def test_a_second_run_of_the_same_writes_next_to_nothing(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flash cards wear out: what the log takes in at a second, identical start is under 5 % of the first's."""
    # The log is not folded in while the bot runs, so that its size is what was written to it.
    pragmas = [pragma.replace("autocheckpoint = 4000", "autocheckpoint = 0") for pragma in _layout._PRAGMAS]  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(_layout, "_PRAGMAS", pragmas)
    log = path.with_name(f"{path.name}-wal")
    written: list[int] = []
    small = [guild(100_000 + number * 10, f"small {number}", _people(3)) for number in range(60)]
    async with LoopbackDiscord([*_guilds(), *small]) as discord:
        for entry in discord.guilds.values():
            users = [member["user"]["id"] for member in entry["members"]]
            entry["presences"] = [_presence(user_id) for user_id in users[::4]]
            entry["voice_states"] = [_voice_state(user_id, int(entry["id"]) + 1) for user_id in users[::50]]
        for _ in range(2):
            async with _running(discord, path) as (_, cache):
                await _until_complete(cache, OTHER)
                await cache.flush()
                assert await cache.iter_presences().len() == MEMBERS // 4 + 1 + len(small)
                assert await cache.iter_voice_states().len() == MEMBERS // 50 + 1 + len(small)
                written.append(log.stat().st_size)
    print(f"log of the first start: {written[0]:,} bytes; of the second: {written[1]:,}, {written[1] / written[0]:.1%}")
    assert written[0] > 500_000
    assert written[1] < written[0] * 0.05


async def test_what_happened_while_the_bot_was_off(path: pathlib.Path) -> None:
    """One guild was left, another joined; in a third somebody left and somebody joined."""
    left, stayed, joined = guild(1_000, "left", _people(20)), guild(2_000, "stayed", _people(30)), 3_000
    async with LoopbackDiscord([left, stayed]) as discord:
        async with _running(discord, path) as (bot, cache):
            await _until_complete(cache, 1_000, 2_000)
            ada = left["members"][1]
            for number, where in ((5_000, left), (5_001, stayed)):
                await discord.dispatch(
                    "MESSAGE_CREATE", message(number, int(where["id"]) + 1, int(where["id"]), ada, "")
                )
                await bot.wait_for(hikari.GuildMessageCreateEvent, timeout=10)

        del discord.guilds["1000"]
        discord.guilds[str(joined)] = guild(joined, "joined", _people(2_500))
        people = discord.guilds["2000"]["members"]
        discord.guilds["2000"] |= {"members": [*people[:10], *people[11:], member(99_999, "new")]}
        async with _running(discord, path) as (_, cache):
            await _until_complete(cache, 2_000, joined)
            assert {found.name async for found in cache.iter_guilds()} == {"stayed", "joined"}
            for iterator in (
                cache.iter_members_for_guild(1_000),
                cache.iter_roles_for_guild(1_000),
                cache.iter_guild_channels_for_guild(1_000),
                cache.iter_messages_for_guild(1_000),
            ):
                assert await iterator.len() == 0
            assert [found.id async for found in cache.iter_messages()] == [5_001]
            members = {found.id async for found in cache.iter_members_for_guild(2_000)}
            assert members == {int(person["user"]["id"]) for person in discord.guilds["2000"]["members"]}
            assert 99_999 in members
            assert await cache.iter_members_for_guild(joined).len() == 2_500
            assert not await cache.members_complete(1_000)


class _Interrupted(LoopbackDiscord):
    """Loses the connection after the first chunk; what follows is sent while nobody is connected."""

    def __init__(self, guilds: list[dict[str, typing.Any]], *, can_resume: bool) -> None:
        super().__init__(guilds)
        self.can_resume = can_resume
        self.first_chunk = asyncio.Event()
        self.interruptions = 0

    async def dispatch(self, name: str, payload: dict[str, typing.Any]) -> None:
        await super().dispatch(name, payload)
        if name == "GUILD_MEMBERS_CHUNK" and not self.interruptions:
            self.interruptions += 1
            if self.can_resume:
                await self.disconnect()
            else:
                await self.end_session()


async def _fill(path: pathlib.Path, people: list[dict[str, typing.Any]]) -> None:
    """Make a file of an earlier run, in which a guild has one member more."""
    async with sake_lite.SQLiteCache(path) as cache:
        before = [*people, member(77_777, "who left long ago")]
        await cache.ingest("GUILD_MEMBERS_CHUNK", {"guild_id": "1000", "members": before})


async def test_a_connection_that_is_lost_in_the_middle_of_chunking_and_resumed(path: pathlib.Path) -> None:
    people = _people(2_500)
    await _fill(path, people)
    async with _Interrupted([guild(1_000, "large", people)], can_resume=True) as discord:
        requests = _record_requests(discord)
        async with _running(discord, path) as (_, cache):
            await _until_complete(cache, 1_000)
            assert discord.interruptions == 1
            assert len(requests) == 1, "the session went on, so that the rest of the chunks came by itself"
            members = {found.id async for found in cache.iter_members_for_guild(1_000)}
            assert members == {int(person["user"]["id"]) for person in people}


async def test_a_connection_that_is_lost_in_the_middle_of_chunking_for_good(path: pathlib.Path) -> None:
    """The rest of the chunks never comes: nobody is removed for it; the new session asks again."""
    people = _people(2_500)
    await _fill(path, people)
    async with _Interrupted([guild(1_000, "large", people)], can_resume=False) as discord:
        requests = _record_requests(discord)
        counts: list[int] = []

        def listen(bot: hikari.GatewayBot, cache: sake_lite.SQLiteCache) -> None:
            @bot.listen()
            async def on_ready(_: hikari.ShardReadyEvent) -> None:
                counts.append(await cache.iter_members().len())

        async with _running(discord, path, listen) as (_, cache):
            await _until_complete(cache, 1_000)
            assert discord.interruptions == 1
            assert len({request["nonce"] for request in requests}) == len(requests) == 2
            assert counts == [2_501, 2_501], "as each of the sessions began"
            members = {found.id async for found in cache.iter_members_for_guild(1_000)}
            assert members == {int(person["user"]["id"]) for person in people}


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
    async with LoopbackDiscord(_guilds()) as discord:
        requests = _record_requests(discord)
        async with _running(discord, path) as (_, cache):
            await _until_all_members(cache)
    assert [(request["guild_id"], request["presences"]) for request in requests] == [(str(OTHER), True)]
