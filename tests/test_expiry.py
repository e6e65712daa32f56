"""How long entries live. Time is the one thing that is replaced here: nobody waits a day."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import math
import sqlite3
import typing

import hikari
import pytest
import samples
from conftest import check_file
from samples import GUILD, USER

import sake_lite
from sake_lite import EntryNotFound, _config, _housekeeping
from sake_lite._session import Session

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

DAY = 86_400.0


class Clock:
    """A clock that stands still until it is moved; it starts now."""

    def __init__(self) -> None:
        self.now = _config.now()

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_config, "now", clock)
    return clock


@pytest.fixture
def cache(clock: Clock, cache: sake_lite.SQLiteCache) -> sake_lite.SQLiteCache:
    return cache


async def _is_there(entity: collections.abc.Awaitable[object]) -> bool:
    try:
        await entity
    except EntryNotFound:
        return False
    return True


async def _user_is_there(cache: sake_lite.SQLiteCache, number: int = USER) -> bool:
    """Whether a user is there; get, iteration and count have to agree."""
    by_get = await _is_there(cache.get_user(number))
    by_iteration = number in [user.id async for user in cache.iter_users()]
    assert by_get == by_iteration
    assert await cache.iter_users().len() == len(await cache.iter_users())
    return by_get


Store: typing.TypeAlias = "collections.abc.Callable[..., collections.abc.Awaitable[None]]"
Get: typing.TypeAlias = "collections.abc.Callable[[sake_lite.SQLiteCache], collections.abc.Awaitable[object]]"


def _store_user(cache: sake_lite.SQLiteCache, **time: typing.Any) -> collections.abc.Awaitable[None]:
    return cache.set_user(samples.user(), **time)


def _store_message(cache: sake_lite.SQLiteCache, **time: typing.Any) -> collections.abc.Awaitable[None]:
    return cache.set_message(samples.message(1), **time)


def _store_invite(cache: sake_lite.SQLiteCache, **time: typing.Any) -> collections.abc.Awaitable[None]:
    return cache.set_invite(samples.invite("x"), **time)


_EXPIRING: list[tuple[str, Store, Get]] = [
    ("user", _store_user, lambda cache: cache.get_user(USER)),
    ("message", _store_message, lambda cache: cache.get_message(1)),
    ("invite", _store_invite, lambda cache: cache.get_invite("x")),
]


@pytest.mark.parametrize(("name", "store", "get"), _EXPIRING, ids=[name for name, *_ in _EXPIRING])
@pytest.mark.parametrize("expire", [60, 60.0, datetime.timedelta(minutes=1)])
async def test_an_explicit_time(
    name: str, store: Store, get: Get, expire: float, cache: sake_lite.SQLiteCache, clock: Clock
) -> None:
    await store(cache, expire_time=expire)
    clock.advance(59.9)
    assert await _is_there(get(cache))
    iterate = getattr(cache, f"iter_{name}s")
    assert await iterate().len() == len(await iterate()) == 1

    clock.advance(0.1)
    assert not await _is_there(get(cache))
    assert await iterate().len() == len(await iterate()) == 0


@pytest.mark.parametrize(("name", "store", "get"), _EXPIRING, ids=[name for name, *_ in _EXPIRING])
@pytest.mark.parametrize("expire", [math.inf, math.nan, 1e30, datetime.timedelta.max])
async def test_never(
    name: str, store: Store, get: Get, expire: float, cache: sake_lite.SQLiteCache, clock: Clock
) -> None:
    await store(cache, expire_time=expire)
    clock.advance(10_000 * 365 * DAY)
    assert await _is_there(get(cache)), name


@pytest.mark.parametrize(("name", "store", "get"), _EXPIRING, ids=[name for name, *_ in _EXPIRING])
@pytest.mark.parametrize("expire", [-1, -0.1, datetime.timedelta(seconds=-1), "60", True])
async def test_a_time_that_makes_no_sense_stores_nothing(
    name: str, store: Store, get: Get, expire: object, cache: sake_lite.SQLiteCache
) -> None:
    with pytest.raises(ValueError, match=f"set_{name}: a lifetime"):
        await store(cache, expire_time=expire)
    assert not await _is_there(get(cache))


async def test_an_explicit_time_shortens_and_an_event_only_lengthens(
    cache: sake_lite.SQLiteCache, clock: Clock
) -> None:
    await cache.set_message(samples.message(1), expire_time=10 * DAY)
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    clock.advance(9 * DAY)
    assert await _is_there(cache.get_message(1)), "the event did not shorten it"

    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    clock.advance(1.5 * DAY)
    assert not await _is_there(cache.get_message(1)), "to a day from when it was seen"

    await cache.set_message(samples.message(2), expire_time=math.inf)
    await cache.set_message(samples.message(2), expire_time=5)
    clock.advance(5)
    assert not await _is_there(cache.get_message(2))


@pytest.mark.parametrize("name", ["user", "message", "invite"])
async def test_with_expire(name: str, cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    _, store, get = next(entry for entry in _EXPIRING if entry[0] == name)
    with_expire = getattr(cache, f"with_{name}_expire")
    invite = samples.invite("x")
    del invite["max_age"]

    async def store_by_default() -> None:
        await (cache.set_invite(invite) if name == "invite" else store(cache))

    assert with_expire(30) is cache
    await store_by_default()
    clock.advance(30)
    assert not await _is_there(get(cache))

    with_expire(None)
    await store_by_default()
    clock.advance(DAY - 1)
    assert await _is_there(get(cache))

    with pytest.raises(ValueError, match="negative"):
        with_expire(-5)


async def test_invites_end_when_they_say(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    created_at = datetime.datetime.fromtimestamp(clock.now / 1000 - 50, datetime.UTC).isoformat()
    await cache.ingest("INVITE_CREATE", samples.invite("short", max_age=60, created_at=created_at))
    await cache.ingest("INVITE_CREATE", samples.invite("for ever", max_age=0))
    without = samples.invite("unsaid")
    del without["max_age"]
    await cache.ingest("INVITE_CREATE", without)
    assert [invite.code async for invite in cache.iter_invites()] == ["for ever", "short", "unsaid"]
    clock.advance(10.1)
    assert [invite.code async for invite in cache.iter_invites()] == ["for ever", "unsaid"]
    clock.advance(30 * DAY)
    assert [invite.code async for invite in cache.iter_invites()] == ["for ever"]


async def test_a_message_keeps_its_expiry_when_it_is_updated(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    await cache.set_message(samples.message(1), expire_time=100)
    clock.advance(90)
    await cache.ingest("MESSAGE_UPDATE", {"id": "1", "content": "edited"})
    assert await cache.update_message({"id": "1", "content": "edited again"})
    clock.advance(10)
    assert not await _is_there(cache.get_message(1))

    assert not await cache.update_message({"id": "1", "content": "too late"}), "an expired message is not there"
    await cache.set_message(samples.message(2), expire_time=100)
    assert await cache.update_message({"id": "2", "content": "edited"}, expire_time=500)
    clock.advance(499)
    assert (await cache.get_message(2)).content == "edited"


async def test_update_message(cache: sake_lite.SQLiteCache) -> None:
    assert not await cache.update_message({"id": "1", "content": "unknown"})
    assert await cache.iter_messages().len() == 0
    with pytest.raises(ValueError, match="update_message: the payload has no id"):
        await cache.update_message({"content": "whose?"})


async def test_a_user_lives_while_a_member_is_that_user(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    await cache.set_member(GUILD, samples.member())
    clock.advance(30 * DAY)
    assert await _user_is_there(cache)

    await cache.delete_member(GUILD, USER)
    assert not await _user_is_there(cache)

    await cache.set_member(GUILD, samples.member())
    clock.advance(DAY / 2)
    await cache.delete_member(GUILD, USER)
    assert await _user_is_there(cache), "half a day after it was last seen"
    clock.advance(DAY / 2)
    assert not await _user_is_there(cache)


async def test_being_seen_renews_a_user(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    clock.advance(DAY * 0.8)
    await cache.ingest("MESSAGE_CREATE", samples.message(2))
    clock.advance(DAY * 0.8)
    assert await _user_is_there(cache)


async def test_being_seen_again_soon_writes_nothing(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    await cache.set_user(samples.user())
    written = cache.stats().rows
    clock.advance(DAY * 0.09)
    await cache.set_user(samples.user())
    assert cache.stats().rows == written
    clock.advance(DAY * 0.02)
    await cache.set_user(samples.user())
    assert cache.stats().rows == written + 1


@pytest.mark.parametrize(
    ("intents", "stays"),
    [(hikari.Intents.ALL, True), (hikari.Intents.ALL & ~hikari.Intents.GUILD_MEMBERS, False)],
    ids=["with the intent", "without"],
)
async def test_members_expire_where_nobody_tells_that_they_leave(
    intents: hikari.Intents, stays: bool, path: pathlib.Path, clock: Clock
) -> None:
    bot = hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, intents=intents, suppress_optimization_warning=True
    )
    with contextlib.nullcontext() if stays else pytest.warns(hikari.MissingIntentWarning):
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
    async with cache:
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=[samples.member()], member_count=9))
        clock.advance(DAY * 0.9)
        assert await _is_there(cache.get_member(GUILD, USER))
        member = samples.member()
        del member["user"]
        await cache.ingest("MESSAGE_CREATE", samples.message(1, member=member))
        clock.advance(DAY * 0.9)
        assert await _is_there(cache.get_member(GUILD, USER)), "seen in between"
        clock.advance(DAY)
        assert await _is_there(cache.get_member(GUILD, USER)) == stays
        assert await cache.iter_members_for_guild(GUILD).len() == int(stays)
    check_file(path)


async def _keep_house(cache: sake_lite.SQLiteCache) -> None:
    """Do now what is done every minute."""
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    await session.housekeeping.tidy()


async def test_housekeeping_removes_what_expired(
    cache: sake_lite.SQLiteCache, clock: Clock, path: pathlib.Path
) -> None:
    members = [samples.member(number) for number in range(1, 1_202)]
    await cache.ingest("GUILD_MEMBERS_CHUNK", {"guild_id": str(GUILD), "members": members})
    await cache.clear_members()
    await cache.set_member(GUILD, members[7])
    clock.advance(2 * DAY)
    assert await cache.iter_users().len() == 1
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM users").fetchone() == (1_201,)
        await _keep_house(cache)
        assert other.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert await _user_is_there(cache, 8)


async def test_housekeeping_keeps_the_newest_messages(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path, message_limit=20) as cache:
        for number in range(1, 51):
            await cache.ingest("MESSAGE_CREATE", samples.message(number))
        await _keep_house(cache)
        assert [message.id async for message in cache.iter_messages()] == [*range(31, 51)]
    check_file(path)


async def test_housekeeping_happens_by_itself(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(_housekeeping, "_INTERVAL", 0.01)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_user(samples.user(), expire_time=5)
        clock.advance(6)
        with contextlib.closing(sqlite3.connect(path)) as other:
            async with asyncio.timeout(10):
                while other.execute("SELECT count(*) FROM users").fetchone() != (0,):
                    await asyncio.sleep(0.01)
    check_file(path)


async def test_the_intents_of_the_shard_decide(path: pathlib.Path, clock: Clock) -> None:
    """Where the cache was given no bot, the shard that an event comes from says what the bot is told of."""
    bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)

    class Shard:
        id = 0
        shard_count = 1
        intents = hikari.Intents.GUILDS

    async with sake_lite.SQLiteCache(path, bot.rest, bot.event_manager) as cache:
        payload = samples.guild_create(members=[samples.member()], member_count=9)
        shard = typing.cast("hikari.api.GatewayShard", Shard())
        event = hikari.ShardPayloadEvent(app=bot, shard=shard, payload=payload, name="GUILD_CREATE")
        await bot.event_manager.dispatch(event, return_tasks=True)
        assert await _is_there(cache.get_member(GUILD, USER))
        clock.advance(DAY)
        assert not await _is_there(cache.get_member(GUILD, USER))
    check_file(path)


async def test_members_of_a_bot_that_no_longer_has_the_intent_expire(path: pathlib.Path, clock: Clock) -> None:
    guilds = {shard: (number << 22) + 1 for shard, number in ((0, 2), (1, 3))}
    async with sake_lite.SQLiteCache(path) as cache:
        for guild_id in guilds.values():
            await cache.ingest("GUILD_MEMBER_ADD", samples.member(guild_id=str(guild_id)))
    bot = hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, intents=hikari.Intents.GUILDS, suppress_optimization_warning=True
    )
    with pytest.warns(hikari.MissingIntentWarning):
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
    async with cache:
        listed = [{"id": str(guilds[0]), "unavailable": True}]
        await cache.ingest("READY", {"user": samples.me(), "guilds": listed, "shard": [0, 2]})
        clock.advance(DAY * 0.9)
        assert await _is_there(cache.get_member(guilds[0], USER))
        clock.advance(DAY)
        assert not await _is_there(cache.get_member(guilds[0], USER)), "nobody would have told that they left"
        assert await _is_there(cache.get_member(guilds[1], USER)), "another shard's, which may have it"
        assert await _user_is_there(cache), "kept by that one"
    check_file(path)


async def test_an_expired_member_keeps_no_user(cache: sake_lite.SQLiteCache, clock: Clock, path: pathlib.Path) -> None:
    await cache.ingest("GUILD_MEMBER_ADD", samples.member(guild_id=str(GUILD)))
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE members SET expires_at = ?", (clock.now + 1_000,))
    clock.advance(2 * DAY)
    assert not await _user_is_there(cache)


async def test_a_reaction_does_not_prolong_a_message(cache: sake_lite.SQLiteCache, clock: Clock) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    clock.advance(DAY * 0.9)
    reaction = {"user_id": "1", "channel_id": "1", "message_id": "1", "emoji": {"id": None, "name": "x"}}
    await cache.ingest("MESSAGE_REACTION_ADD", reaction)
    assert (await cache.get_message(1)).reactions
    clock.advance(DAY * 0.2)
    assert not await _is_there(cache.get_message(1))
