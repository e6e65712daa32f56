"""`to-redis`: what is in a file is there for Sake on a real Redis server, and what is not is told, with the reason."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import typing

import click.testing
import hikari
import payloads
import psutil
import pytest
import redis.asyncio
import sake.redis
import samples
from benchmarks import redis_server
from conftest import check_file, needs_redis
from samples import CHANNEL, GUILD, SAMPLES, USER
from test_round_trip import RESOURCES, assert_same

import sake_lite
from sake_lite import _redis_server, _sake_others, _sake_rows, _to_redis, cli

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from samples import Payload

    from sake_lite._copy_report import CopyReport

_LACKING: typing.Final = {"stickers", "threads"}

# Sake's own, for users that nobody has said anything of: an hour.
_DEFAULT: typing.Final = sake.redis.DEFAULT_EXPIRE / 1000

_USERS, _MESSAGES, _INVITES, _REFERENCES = (
    int(getattr(sake.redis.ResourceIndex, name)) for name in ("USER", "MESSAGE", "INVITE", "REFERENCE")
)


@pytest.fixture(scope="module")
def server() -> collections.abc.Iterator[str]:
    needs_redis()
    with redis_server.run() as address:
        yield address


@pytest.fixture(autouse=True)
def _few_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few rows be many."""
    if request.node.get_closest_marker("long") is None:
        monkeypatch.setattr(_to_redis, "_AT_ONCE", 60)


@pytest.fixture
async def address(server: str) -> str:
    """The address of an empty Redis server."""
    async with _redis(server) as client:
        await client.flushall()
    return server


@contextlib.asynccontextmanager
async def _redis(address: str, database: int = 0) -> collections.abc.AsyncGenerator[redis.asyncio.Redis[bytes]]:
    client = redis.asyncio.Redis.from_url(address, db=database)
    try:
        yield client
    finally:
        await client.close(close_connection_pool=True)


@contextlib.asynccontextmanager
async def _open_sake(
    address: str, own_user: Payload | None = None
) -> collections.abc.AsyncGenerator[sake.redis.RedisCache]:
    """Sake as a bot uses it, after the READY by which Sake knows who it is, where that is given."""
    bot = hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True, intents=hikari.Intents.ALL
    )
    async with sake.redis.RedisCache(address, bot, bot.event_manager) as cache:
        if own_user is not None:
            shard = typing.cast("hikari.api.GatewayShard", None)
            event = hikari.ShardPayloadEvent(app=bot, shard=shard, payload={"user": own_user}, name="READY")
            await bot.event_manager.dispatch(event, return_tasks=True)
        try:
            yield cache
        finally:
            await _redis_server.disconnect(cache)


def _nothing(_resource: str, _rows: int, _of: int) -> None:
    """Take no note of how far it has come."""


async def _copy(path: pathlib.Path, address: str) -> CopyReport:
    return await _to_redis.copy(path, address, _nothing)


def _sqlite(path: pathlib.Path, sql: str, *parameters: object) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql, parameters)


async def _store(path: pathlib.Path, **rows: int) -> None:
    """Store so many rows of some resources, by the names of their tables."""
    async with sake_lite.SQLiteCache(path) as cache:
        for sample in SAMPLES:
            await asyncio.gather(*(sample.store(cache, number) for number in range(rows.get(sample.table, 0))))


async def _store_members(path: pathlib.Path, count: int) -> None:
    """Store a guild with so many members, their users and a role."""
    members = [samples.member(samples.thousands(number)) for number in range(count)]
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, roles=[samples.role(1)]))


# What is copied.


def test_each_of_sakes_resources_is_filled() -> None:
    """Sake's methods are found by their names, and none is left over."""
    targets = {table.name: _sake_rows.target_of(table) for table in sake_lite.SQLiteCache.all_tables}
    assert {name for name, target in targets.items() if target is None} == _LACKING
    setters = {name for name in dir(sake.redis.RedisCache) if name.startswith("set_")}
    assert {target.setter for target in targets.values() if target is not None} == setters


async def _store_everything(path: pathlib.Path) -> None:
    """Store what Discord sends of a guild, and then each payload of each resource that it documents."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("READY", {"user": payloads.OWN_USERS["plain"], "guilds": [{"id": payloads.GUILD_ID}]})
        await cache.ingest("GUILD_CREATE", payloads.whole_guild())
        for message in payloads.MESSAGES.values():
            await cache.ingest("MESSAGE_CREATE", message)
        for invite in payloads.INVITES.values():
            await cache.ingest("INVITE_CREATE", invite)
        for resource in RESOURCES.values():
            for payload in {**resource.payloads, **resource.unsent}.values():
                await resource.store(cache, payload)


async def test_sake_finds_what_we_have(path: pathlib.Path, address: str) -> None:
    await _store_everything(path)
    before = path.read_bytes()
    report = await _copy(path, address)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert [each.named for each in report.resources.values() if each.named] == []
    assert report.is_whole
    assert {name: each.left_out for name, each in report.resources.items() if each.left_out} == {
        name: {f"Sake has no {name}": 1} for name in _LACKING
    }

    own_user = payloads.OWN_USERS["full"]
    async with sake_lite.SQLiteCache(path, read_only=True) as ours, _open_sake(address, own_user) as theirs:
        for resource in RESOURCES.values():
            for payload in {**resource.payloads, **resource.unsent}.values():
                found = await resource.get(typing.cast("typing.Any", theirs), payload)
                assert_same(found, await _expected(ours, await resource.get(ours, payload)))
        for sample in SAMPLES:
            if sample.table not in _LACKING:
                await _assert_all_are_there(ours, theirs, sample, report)


async def _expected(ours: sake_lite.SQLiteCache, entity: object) -> object:
    """Return what Sake is to find for an entity of ours: its voice states have their members in them."""
    if isinstance(entity, hikari.VoiceState) and entity.member is None:
        entity.member = await ours.get_member(entity.guild_id, entity.user_id)
    return entity


async def _assert_all_are_there(
    ours: sake_lite.SQLiteCache, theirs: sake.redis.RedisCache, sample: samples.Sample, report: CopyReport
) -> None:
    found = {sample.key(each): each async for each in getattr(theirs, f"iter_{sample.table}")()}
    expected = {sample.key(each): each async for each in samples.iterate(ours, sample)}
    assert expected
    assert report.resources[sample.table].rows == len(expected)
    if sample.table == "users":
        # Sake also keeps the own user there.
        own_user = await ours.get_me()
        del found[own_user.id]
        expected.pop(own_user.id, None)
    assert found.keys() == expected.keys()
    for key, entity in expected.items():
        assert_same(found[key], await _expected(ours, entity))


async def test_sake_finds_them_by_guild_and_channel(path: pathlib.Path, address: str) -> None:
    await _store_everything(path)
    await _copy(path, address)
    names = [name for name in dir(sake.redis.RedisCache) if re.fullmatch(r"iter_\w+_for_\w+", name)]
    assert len(names) == 7
    async with sake_lite.SQLiteCache(path, read_only=True) as ours, _open_sake(address) as theirs:
        for name in names:
            place = payloads.GUILD_ID if name.endswith("guild") else payloads.VOICE_CHANNEL_ID
            found, expected = [
                sorted([repr(await _expected(ours, each)) async for each in getattr(cache, name)(int(place))])
                for cache in (theirs, ours)
            ]
            assert found, name
            assert found == expected, name


async def test_members_are_added_to_voice_states(path: pathlib.Path, address: str) -> None:
    """Sake reads the member there; a state whose member is nowhere in the file is left out, and named."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in (1, 2, 3):
            await cache.set_voice_state(GUILD, samples.voice_state(number))
        await cache.set_member(GUILD, samples.member(1, nick="One"))
        await cache.set_member(GUILD, samples.member(3))
    _sqlite(path, "UPDATE members SET checksum = 0 WHERE user_id = 3")
    report = await _copy(path, address)
    states = report.resources["voice_states"]
    assert (states.rows, states.faults, sum(states.left_out.values())) == (1, 1, 1)
    missing, damaged = states.named
    assert missing.startswith(f"the row guild_id={GUILD}, user_id=2 of voice_states is left out: ")
    assert damaged.startswith(f"the row guild_id={GUILD}, user_id=3 of voice_states needs another: the row ")
    async with _open_sake(address) as theirs:
        state = await theirs.get_voice_state(GUILD, 1)
        assert state.member is not None
        assert state.member.nickname == "One"
        assert [each.user_id async for each in theirs.iter_voice_states()] == [1]


async def test_copied_again_nobody_is_in_two_channels(path: pathlib.Path, address: str) -> None:
    for channel in (CHANNEL, CHANNEL + 1):
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_voice_state(GUILD, samples.voice_state(channel_id=channel, member=samples.member()))
            await cache.set_voice_state(GUILD, samples.voice_state(7, member=samples.member(7)))
        assert (await _copy(path, address)).resources["voice_states"].rows == 2
    async with _open_sake(address) as theirs:
        assert [state.user_id async for state in theirs.iter_voice_states_for_channel(CHANNEL)] == [7]
        assert [state.user_id async for state in theirs.iter_voice_states_for_channel(CHANNEL + 1)] == [USER]


# How long it is kept.


async def _remaining(address: str, database: int, key: object) -> float:
    """Return for how many seconds Redis keeps something: -1 is for ever, -2 is not at all."""
    async with _redis(address, database) as client:
        milliseconds = await client.pttl(str(key))
    return milliseconds if milliseconds < 0 else milliseconds / 1000


async def test_ends_are_kept(path: pathlib.Path, address: str) -> None:
    created_at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    async with sake_lite.SQLiteCache(path) as cache:
        # These name users, of whom the file itself says how long they are kept.
        await cache.set_member(GUILD, samples.member(1))
        await cache.set_message(samples.message(1, author=1))
        await cache.set_me(samples.me(2))
        await cache.set_user(samples.user(1), expire_time=60)
        await cache.set_user(samples.user(2), expire_time=float("inf"))
        await cache.set_message(samples.message(2, author=1), expire_time=30)
        await cache.set_message(samples.message(3, author=1), expire_time=float("inf"))
        await cache.set_invite(samples.invite("a", created_at=created_at, max_age=1_800))
        await cache.set_invite(samples.invite("b", created_at=created_at, max_age=0))
        await cache.set_invite(samples.invite("c"), expire_time=90)
        # Storing the messages has renewed the first user.
        await cache.set_user(samples.user(1), expire_time=60)
    assert (await _copy(path, address)).is_whole
    for database, key, expected in (
        (_USERS, 1, 60),
        (_USERS, 2, -1),
        (_USERS, "ME", -1),
        (_MESSAGES, 1, 86_400),
        (_MESSAGES, 2, 30),
        (_MESSAGES, 3, -1),
        (_INVITES, "a", 1_800),
        (_INVITES, "b", -1),
        (_INVITES, "c", 90),
    ):
        remaining = await _remaining(address, database, key)
        # What it took until here has gone by.
        assert remaining == -1 if expected == -1 else 0 < expected - remaining < 20, key


async def test_what_has_ended_is_left_out(path: pathlib.Path, address: str) -> None:
    async with sake_lite.SQLiteCache(path, housekeeping=False) as cache:
        for number, expire in ((1, 0), (2, 0), (3, 60)):
            await cache.set_message(samples.message(number, author=9), expire_time=expire)
        await cache.set_user(samples.user(8), expire_time=0)
        await cache.set_member(GUILD, samples.member(9))
        await cache.set_user(samples.user(9), expire_time=0)  # but the member keeps it
        # A new session has listed the guild, so what this said of the past one is hidden.
        await cache.set_presence(samples.presence())
        await cache.ingest("READY", {"user": samples.me(7), "guilds": [{"id": str(GUILD)}]})
    report = await _copy(path, address)
    assert report.is_whole
    left_out = {name: each.left_out for name, each in report.resources.items() if each.left_out}
    assert left_out == {"messages": {"expired": 2}, "users": {"expired": 1}, "presences": {"of a past session": 1}}
    assert _DEFAULT - 20 < await _remaining(address, _USERS, 9) < _DEFAULT
    assert await _remaining(address, _USERS, 8) == -2
    async with _open_sake(address) as theirs:
        assert [message.id async for message in theirs.iter_messages()] == [3]
        assert [each.user_id async for each in theirs.iter_presences()] == []


async def test_members_that_end_are_counted(path: pathlib.Path, address: str) -> None:
    """Sake's do not."""
    await _store_members(path, 3)
    _sqlite(path, "UPDATE members SET expires_at = ? WHERE user_id = ?", 2**50, samples.thousands(1))
    report = await _copy(path, address)
    assert (report.resources["members"].rows, report.resources["members"].endless) == (3, 1)


# What is wrong.


async def test_damaged_rows_are_named(path: pathlib.Path, address: str) -> None:
    await _store(path, roles=30, messages=5)
    key = samples.thousands(7)
    async with sake_lite.SQLiteCache(path) as cache:
        role = {name: value for name, value in samples.role(9).items() if name != "color"}
        await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": role})
    _sqlite(path, "UPDATE roles SET checksum = 0 WHERE role_id = ?", key)
    report = await _copy(path, address)
    roles = report.resources["roles"]
    assert (roles.rows, roles.faults) == (29, 2)
    assert roles.named[0].startswith("the row role_id=9 of roles is refused by hikari")
    assert roles.named[1].startswith(f"the row role_id={key} of roles is damaged: ")
    assert not report.is_whole
    assert report.resources["messages"].rows == 5
    async with _open_sake(address) as theirs:
        assert len([role async for role in theirs.iter_roles()]) == 29


def _damage_page(path: pathlib.Path, number: int) -> None:
    """Damage the leaf of the table in which a member is, who is stored before the users of all of them."""
    data = bytearray(path.read_bytes())
    start = data.index(f"user{samples.thousands(number)}".encode()) // 4096 * 4096
    data[start : start + 4096] = b"\xff" * 4096
    path.write_bytes(data)


async def test_a_damaged_page_costs_what_is_behind_it(path: pathlib.Path, address: str) -> None:
    await _store_members(path, 3_000)
    _damage_page(path, 2_900)
    report = await _copy(path, address)
    assert not report.is_whole
    faults = [sentence for each in report.resources.values() for sentence in each.named]
    assert any("cannot be read to its end: " in sentence for sentence in faults), faults
    assert report.resources["roles"].rows == 1
    assert report.resources["members"].rows >= 2_000


# Going on.


async def _interrupt(path: pathlib.Path, address: str, members: int) -> int:
    """Copy until so many members were dealt with, and stop; returns how many they are."""
    met: list[int] = []

    def progress(name: str, done: int, _of: int) -> None:
        if name == "members" and done >= members and not met:
            met.append(done)
            task.cancel()

    task = asyncio.create_task(_to_redis.copy(path, address, progress))
    with pytest.raises(asyncio.CancelledError):
        await task
    return met[0]


async def _forget_member(address: str, number: int) -> None:
    async with _open_sake(address) as theirs:
        await theirs.delete_member(GUILD, samples.thousands(number))


async def _numbers(address: str) -> set[int]:
    """Return which of the members are there."""
    async with _open_sake(address) as theirs:
        found = {int(member.id) async for member in theirs.iter_members_for_guild(GUILD)}
    return {number for number in range(300) if samples.thousands(number) in found}


async def test_it_goes_on_where_it_was(path: pathlib.Path, address: str) -> None:
    await _store_members(path, 300)
    _sqlite(path, "UPDATE members SET checksum = 0 WHERE user_id = ?", samples.thousands(3))
    assert await _interrupt(path, address, 60) == 60
    await _forget_member(address, 0)  # it would be there again, had it begun anew
    assert await _interrupt(path, address, 140) == 160
    report = await _copy(path, address)
    assert report.before == 160  # a guild, and the members but for the damaged one
    members = report.resources["members"]
    assert (members.rows, members.faults, len(members.named)) == (299, 1, 1)
    assert await _numbers(address) == set(range(300)) - {0, 3}

    async with _redis(address, _REFERENCES) as client:
        assert await client.keys("sake_lite*") == [], "nothing is left of the note"
    assert (await _copy(path, address)).before == 0


async def _stop_at(path: pathlib.Path, address: str, step: int) -> int:
    """Copy until so many steps were told, and stop; returns how many were told, where there are fewer."""
    told = 0

    def progress(_resource: str, _rows: int, _of: int) -> None:
        nonlocal told
        told += 1
        if told == step:
            task.cancel()

    task = asyncio.create_task(_to_redis.copy(path, address, progress))
    await asyncio.wait([task])
    assert task.cancelled() == (told >= step)
    return told


async def test_it_stops_wherever_it_is(path: pathlib.Path, address: str) -> None:
    """Also where the client of Redis loses the cancellation: with the first that is then asked of it."""
    await _store(path, **{sample.table: 2 for sample in SAMPLES})
    steps = await _stop_at(path, address, 1_000)
    assert steps > 20
    for step in range(1, steps):
        await _stop_at(path, address, step)
        assert (await _copy(path, address)).is_whole


async def test_it_begins_anew_where_the_file_changed(path: pathlib.Path, address: str) -> None:
    await _store_members(path, 300)
    await _interrupt(path, address, 60)
    await _forget_member(address, 0)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_member(GUILD, samples.member(samples.thousands(1), nick="changed"))
    report = await _copy(path, address)
    assert (report.before, report.resources["members"].rows) == (0, 300)
    assert await _numbers(address) == set(range(300))
    async with _open_sake(address) as theirs:
        assert (await theirs.get_member(GUILD, samples.thousands(1))).nickname == "changed"


async def test_it_begins_anew_where_what_it_copied_is_gone(path: pathlib.Path, address: str) -> None:
    await _store_members(path, 300)
    await _interrupt(path, address, 60)
    async with _redis(address) as client:
        await client.flushall()
    assert (await _copy(path, address)).before == 0
    assert await _numbers(address) == set(range(300))


@pytest.mark.parametrize(
    "note", ["[", "[]", "\xff", json.dumps({"subject": "another", "copied": {"members": {"rows": 1}}})]
)
async def test_a_foreign_note_counts_as_none(path: pathlib.Path, address: str, note: str) -> None:
    await _store(path, roles=3)
    async with _redis(address, _REFERENCES) as client:
        await client.set("sake_lite:to-redis", note.encode("latin-1"))
    report = await _copy(path, address)
    assert (report.before, report.rows) == (0, 3)


async def test_a_server_that_goes_away(path: pathlib.Path) -> None:
    """The connection is lost in the middle, which is told with the server's name."""
    needs_redis()
    await _store_members(path, 300)
    with contextlib.ExitStack() as running:
        address = running.enter_context(redis_server.run())

        def progress(name: str, done: int, _of: int) -> None:
            if name == "members" and done >= 60:
                running.close()

        with pytest.raises(_redis_server.RedisFailure, match=f"the Redis server {address} cannot be used: "):
            await _to_redis.copy(path, address, progress)


async def test_while_the_bot_writes(path: pathlib.Path, address: str) -> None:
    """What was there when it began is there, and writing goes on meanwhile."""
    await _store_members(path, 300)
    copied = asyncio.Event()
    written = 0

    async def write(cache: sake_lite.SQLiteCache) -> None:
        nonlocal written
        while not copied.is_set():
            written += 1
            await cache.set_role(GUILD, samples.role(10 + written))
            await cache.set_member(GUILD, samples.member(samples.thousands(written % 300), nick=str(written)))

    async with sake_lite.SQLiteCache(path) as cache:
        writing = asyncio.create_task(write(cache))
        report = await _copy(path, address)
        copied.set()
        await writing
        assert [role.id async for role in cache.iter_roles()] == [1, *range(11, 11 + written)]
    check_file(path)
    assert report.is_whole
    assert report.resources["members"].rows == 300
    assert written > 10
    assert await _numbers(address) == set(range(300))


# What the server has and the file has not.


async def _store_and_delete(path: pathlib.Path, address: str) -> None:
    """Copy three rows of each resource, and delete the first of them in the file."""
    await _store(path, **{sample.table: 3 for sample in SAMPLES})
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_me(samples.me(USER))
    await _copy(path, address)
    async with sake_lite.SQLiteCache(path) as cache:
        for sample in SAMPLES:
            await sample.delete(cache, 0)


async def _on_server(address: str) -> dict[str, set[typing.Any]]:
    """Return the keys of what Sake finds of each resource, all of it and, where Sake has that, in the guild."""
    found: dict[str, set[typing.Any]] = {}
    async with _open_sake(address, samples.me(USER)) as theirs:
        for sample in SAMPLES:
            if sample.table not in _LACKING:
                found[sample.table] = {sample.key(each) async for each in getattr(theirs, f"iter_{sample.table}")()}
            iterate = getattr(theirs, f"iter_{sample.table}_for_guild", None)
            if iterate is not None:
                assert {sample.key(each) async for each in iterate(GUILD)} == found[sample.table]
                assert await iterate(GUILD).len() == len(found[sample.table])
        in_channel = {state.user_id async for state in theirs.iter_voice_states_for_channel(CHANNEL)}
        assert in_channel == found["voice_states"]
    return found


def _expected_on_server(first: int) -> dict[str, set[typing.Any]]:
    """Return the keys of the rows from the first to the third, and of the own user, who is the messages' author too."""
    there = {
        sample.table: {sample.expected(number) for number in range(first, 3)}
        for sample in SAMPLES
        if sample.table not in _LACKING
    }
    there["users"].add(USER)
    return there


async def test_what_the_file_lacks_is_counted_and_stays(path: pathlib.Path, address: str) -> None:
    await _store_and_delete(path, address)
    report = await _copy(path, address)
    assert {name for name, copied in report.resources.items() if copied.others} == _expected_on_server(0).keys()
    assert {(copied.others, copied.deleted) for copied in report.resources.values()} == {(1, 0), (0, 0)}
    assert report.is_whole
    assert await _on_server(address) == _expected_on_server(0)


async def test_what_the_file_lacks_is_deleted_where_that_is_asked_for(path: pathlib.Path, address: str) -> None:
    await _store_and_delete(path, address)
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert {name for name, copied in report.resources.items() if copied.deleted} == _expected_on_server(0).keys()
    assert {(copied.others, copied.deleted) for copied in report.resources.values()} == {(0, 1), (0, 0)}
    assert report.is_whole
    assert await _on_server(address) == _expected_on_server(1)

    again = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert {(copied.others, copied.deleted) for copied in again.resources.values()} == {(0, 0)}
    async with _redis(address, _REFERENCES) as client:
        assert await client.keys("sake_lite*") == [], "nothing is left of the note"


async def test_nothing_is_deleted_that_may_be_somebody_elses(path: pathlib.Path, address: str) -> None:
    """Another program may use the same databases, with numbers for keys, too."""
    await _store_members(path, 3)
    foreign = {
        b"12345": b"a session",
        b"23456": b'{"id": "1"}',
        b"34567": b"[" * 50_000,
        b"007": b'{"id": "7"}',
        b"session:1": b'{"id": "1"}',
        b"\xff": b"",
    }
    for database in range(11):
        async with _redis(address, database) as client:
            for key, value in foreign.items():
                await client.set(key, value)
            await client.hset("98765", mapping={"1": "a visit", "two": "", "3": '{"user": {"id": "3"}}'})
            await client.rpush("87654", "first")
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert {(copied.others, copied.deleted, copied.faults) for copied in report.resources.values()} == {(0, 0, 0)}
    for database in range(11):
        async with _redis(address, database) as client:
            assert {key: await client.get(key) for key in foreign} == foreign
            assert await client.hlen("98765") == 3
            assert await client.llen("87654") == 1


async def test_the_own_user_is_not_taken_for_another(path: pathlib.Path, address: str) -> None:
    """Sake puts it among the users, where the file may have lost it after a day."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_me(samples.me(7))
        await cache.delete_user(7)
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert {(copied.others, copied.deleted) for copied in report.resources.values()} == {(0, 0)}
    async with _open_sake(address) as theirs:
        assert (await theirs.get_user(7)).id == (await theirs.get_me()).id == 7


async def test_what_is_damaged_in_the_file_stays_on_the_server(path: pathlib.Path, address: str) -> None:
    """And all of its resource: what is damaged may be the key."""
    await _store(path, roles=3, emojis=1)
    await _copy(path, address)
    _sqlite(path, "UPDATE roles SET role_id = 99 WHERE role_id = ?", samples.thousands(0))
    _sqlite(path, "DELETE FROM roles WHERE role_id = ?", samples.thousands(1))
    _sqlite(path, "DELETE FROM emojis")
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert (report.resources["roles"].others, report.resources["roles"].deleted) == (2, 0)
    assert report.resources["emojis"].deleted == 1
    async with _open_sake(address) as theirs:
        assert {int(role.id) async for role in theirs.iter_roles()} == {samples.thousands(n) for n in range(3)}


async def test_what_cannot_be_read_of_the_file_stays_on_the_server(path: pathlib.Path, address: str) -> None:
    await _store_members(path, 300)
    await _copy(path, address)
    _damage_page(path, 250)
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    members = report.resources["members"]
    assert [sentence.partition(": ")[0] for sentence in members.named[-2:]] == [
        "members cannot be read to its end",
        "members cannot be compared with the server's",
    ]
    assert members.deleted == 0
    assert await _numbers(address) == set(range(300))


async def test_deleting_goes_on_where_it_was(path: pathlib.Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sake_others, "_WINDOW", 50)
    await _store_members(path, 300)
    await _copy(path, address)
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 300):
            await cache.delete_member(GUILD, samples.thousands(number))

    deleting = sake.redis.MemberCache.delete_member
    left = 70

    async def interrupted(self: sake.redis.MemberCache, *key: hikari.Snowflakeish) -> None:
        nonlocal left
        left -= 1
        if not left:
            task.cancel()
        await deleting(self, *key)

    monkeypatch.setattr(sake.redis.MemberCache, "delete_member", interrupted)
    task = asyncio.create_task(_to_redis.copy(path, address, _nothing, delete_others=True))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 < len(await _numbers(address)) < 300

    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert report.before > 0
    assert await _numbers(address) == {0}
    assert 200 < report.resources["members"].deleted < 300, "but for those whose deletion was not noted any more"


async def test_counting_is_not_gone_on_with_by_deleting(path: pathlib.Path, address: str) -> None:
    """What was dealt with when nothing was to be deleted is dealt with again."""
    await _store_and_delete(path, address)
    await _interrupt(path, address, 2)
    report = await _to_redis.copy(path, address, _nothing, delete_others=True)
    assert report.before == 0
    assert report.resources["emojis"].deleted == 1


# The command line.


def _invoke(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli.main, ["to-redis", *map(str, arguments)])


def test_the_command_line(path: pathlib.Path) -> None:
    needs_redis()
    asyncio.run(_store(path, roles=20, members=3, threads=2))
    with redis_server.run() as address:
        first = _invoke(path, address)
        _sqlite(path, "UPDATE roles SET checksum = 0 WHERE role_id = ?", samples.thousands(7))
        second = _invoke(path, address)
    assert (first.exit_code, first.stderr) == (0, "")
    assert re.search(r"^roles +20 +0$", first.stdout, re.MULTILINE)
    assert "threads: 2 not copied: Sake has no threads.\n" in first.stdout
    assert first.stdout.endswith(f"Rows copied to {address}: 26.\n")
    assert (second.exit_code, second.stderr) == (1, "")
    assert re.search(r"^roles +19 +1$", second.stdout, re.MULTILINE)
    assert f"the row role_id={samples.thousands(7)} of roles is damaged: " in second.stdout
    assert second.stdout.endswith("Faults: 1; `sake-lite check` tells more of the file.\n")


def test_the_command_line_warns_of_what_else_is_on_the_server(path: pathlib.Path) -> None:
    needs_redis()
    asyncio.run(_store(path, roles=3))
    with redis_server.run() as address:
        _invoke(path, address)
        _sqlite(path, "DELETE FROM roles WHERE role_id = ?", samples.thousands(1))
        warned, deleted, last = (
            _invoke(path, address),
            _invoke(path, address, "--delete-others"),
            _invoke(path, address),
        )
        _invoke(path, address)
        _sqlite(path, "DELETE FROM roles WHERE role_id = ?", samples.thousands(2))
        _sqlite(path, "UPDATE roles SET checksum = 0")
        damaged = _invoke(path, address, "--delete-others")
    warning = "warning: of roles, the server has 1 that the file does not have, and a bot would find them.\n"
    assert (warned.exit_code, warned.stderr) == (0, f"{warning}With --delete-others they are deleted.\n")
    assert (deleted.exit_code, deleted.stderr) == (0, "")
    assert "roles: 1 deleted from the server, which the file does not have.\n" in deleted.stdout
    assert (last.exit_code, last.stderr) == (0, "")
    assert damaged.exit_code == 1
    assert damaged.stderr.startswith(f"{warning}They stay, since ")


async def _set_password(address: str, password: str) -> None:
    async with _redis(address) as connected:
        client: typing.Any = connected
        await client.config_set("requirepass", password)


def test_a_password_is_used_and_never_shown(path: pathlib.Path) -> None:
    needs_redis()
    asyncio.run(_store(path, roles=2))
    with redis_server.run() as address:
        host = address.removeprefix("redis://")
        asyncio.run(_set_password(address, "swordfish"))
        result = _invoke(path, f"redis://:swordfish@{host}")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.endswith(f"Rows copied to {address}: 2.\n")
        for wrong in (f"redis://:sword@{host}", f"redis://me:sword@{host}", f"{address}?password=sword", address):
            result = _invoke(path, wrong)
            assert result.exit_code == 1
            assert f"the Redis server {address} cannot be used: " in result.stderr
            assert "sword@" not in result.output
            assert "=sword" not in result.output


_NO_SERVER: typing.Final = {
    "nobody": "redis://me:secret@127.0.0.1:{port}",
    "no such socket": "unix://me:secret@/nowhere/at.all?socket_timeout=1",
    "unknown option": "redis://:secret@127.0.0.1:{port}?sekret=secret",
    "option of the wrong type": "redis://:secret@127.0.0.1:{port}?socket_timeout=secret",
    "no name of a host": "redis://:secret@" + "a" * 70 + ":{port}",
}


@pytest.mark.parametrize("address", _NO_SERVER.values(), ids=_NO_SERVER)
def test_a_server_that_cannot_be_used(path: pathlib.Path, address: str) -> None:
    asyncio.run(_store(path, roles=1))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = _invoke(path, address.format(port=port))
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "cannot be used: " in result.stderr
    assert "run the same command again" in result.stderr
    assert "secret" not in result.output


@pytest.mark.parametrize(
    "address",
    [
        "",
        "secret",
        "http://:secret@127.0.0.1",
        "redis://",
        "redis://:secret@",
        "redis://:secret/word@127.0.0.1:6379",
        "redis://me:12/secret@127.0.0.1:6379",
        "redis://me:12?secret@127.0.0.1:6379",
        "redis://me:12#secret@127.0.0.1:6379",
        "redis://:secret@[::1:6379",
        "redis://:secret@127.0.0.1:port",
        "redis://:secret@127.0.0.1:6379/0",
        "redis://:secret@127.0.0.1:6379?db=1",
        "unix://:secret@",
    ],
)
def test_an_address_that_is_none(path: pathlib.Path, address: str) -> None:
    """Also one with a database: Sake would put all its databases into that one, one over the other."""
    asyncio.run(_store(path, roles=1))
    result = _invoke(path, address)
    assert result.exit_code == 2
    assert "Invalid value for redis://HOST:PORT" in result.stderr
    assert "secret" not in result.output


def test_addresses_as_they_are_shown() -> None:
    for address, shown in {
        "redis://localhost": "redis://localhost",
        "redis://localhost:6379/": "redis://localhost:6379",
        "rediss://me:secret@example.com:1?socket_timeout=3": "rediss://example.com:1",
        "redis://:p%40ss@[::1]:6379": "redis://[::1]:6379",
        "unix://me:secret@/run/redis.sock": "unix:///run/redis.sock",
    }.items():
        assert _redis_server.without_secrets(address) == shown


def test_a_file_that_is_none(path: pathlib.Path) -> None:
    missing = _invoke(path, "redis://127.0.0.1:1")
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr
    assert list(path.parent.iterdir()) == []
    assert _invoke(path.parent, "redis://127.0.0.1:1").exit_code == 2
    assert _invoke().exit_code == 2
    path.write_bytes(b"This is no database. " * 500)
    foreign = _invoke(path, "redis://127.0.0.1:1")
    assert (foreign.exit_code, foreign.stdout) == (1, "")
    assert f"{path} is not a SQLite database" in foreign.stderr


@pytest.mark.parametrize("name", ["sake", "redis"])
def test_without_the_extra(path: pathlib.Path, name: str) -> None:
    asyncio.run(_store(path, roles=1))
    code = f"import sys; sys.modules[{name!r}] = None; from sake_lite.__main__ import main; main()"
    command = [sys.executable, "-c", code, "to-redis", str(path), "redis://127.0.0.1:1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert "pip install 'sake_lite[cli,redis]'" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(os.name == "nt", reason="a signal cannot be sent to one process there")
def test_ctrl_c(path: pathlib.Path) -> None:
    """While it waits for a server that does not answer."""
    asyncio.run(_store(path, roles=1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        address = f"redis://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "sake_lite", "to-redis", str(path), address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1)  # it has asked
                process.send_signal(signal.SIGINT)
                told = process.communicate(timeout=30)
    assert told == ("", "interrupted; run the same command again to go on\n")
    assert process.returncode == 1


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_large_file(path: pathlib.Path, address: str) -> None:
    """100,000 members and their users take less than two minutes, and no more memory than a few."""
    async with sake_lite.SQLiteCache(path) as cache:
        for guild in range(10):
            members = [samples.member(samples.thousands(guild * 10_000 + number)) for number in range(10_000)]
            await cache.ingest("GUILD_CREATE", samples.guild_create(GUILD + guild, members=members))
    process = psutil.Process()
    before, most = process.memory_info().rss, 0

    def progress(_resource: str, _rows: int, _of: int) -> None:
        nonlocal most
        most = max(most, process.memory_info().rss)

    begun = time.monotonic()
    report = await _to_redis.copy(path, address, progress)
    assert time.monotonic() - begun < 120
    assert report.resources["members"].rows == report.resources["users"].rows == 100_000
    assert most - before < 32 * 2**20
