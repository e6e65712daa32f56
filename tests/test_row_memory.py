"""The rows that are remembered: never another than the file's, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
import typing

import hikari
import pytest
import samples
from conftest import check_file
from samples import GUILD, SAMPLES, USER, Sample

import sake_lite
from sake_lite import EntryNotFound, _config, _session
from sake_lite._batch import Batch
from sake_lite._memory import RowMemory
from sake_lite._session import Session
from sake_lite.resources._awaited import AWAITED
from sake_lite.resources.presence import PRESENCES

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

_BYTES: typing.Final[int] = 1024 * 1024


@pytest.fixture
async def cache(path: pathlib.Path) -> collections.abc.AsyncIterator[sake_lite.SQLiteCache]:
    """A cache that remembers rows, whatever the default of this run of the tests is."""
    async with sake_lite.SQLiteCache(path, row_cache_bytes=_BYTES) as cache:
        yield cache
    check_file(path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[list[float]]:
    """The time, in seconds, by which the memory is trusted, and by which rows expire."""
    moment = [time.monotonic()]
    begun = moment[0], _config.now()

    class Time:
        @staticmethod
        def monotonic() -> float:
            return moment[0]

    monkeypatch.setattr(_session, "time", Time)
    monkeypatch.setattr(_config, "now", lambda: begun[1] + int((moment[0] - begun[0]) * 1000))
    yield moment


_Read: typing.TypeAlias = "collections.abc.Callable[[], collections.abc.Awaitable[typing.Any]]"


def _is_remembered(read: _Read) -> bool:
    """Whether a row is read without waiting for the file."""
    reading = read().__await__()
    try:
        next(reading)
    except StopIteration:
        return True
    reading.close()
    return False


async def _remember(read: _Read) -> None:
    """Read a row until it is remembered: it also has to be made sure that nobody else has written."""
    async with asyncio.timeout(10):
        await read()
        while not _is_remembered(read):
            await read()


def _behind_its_back(path: pathlib.Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(sql)


async def test_a_row_that_is_read_again_does_not_ask_the_file_and_what_others_write_is_seen_after_a_second(
    cache: sake_lite.SQLiteCache, path: pathlib.Path, clock: list[float]
) -> None:
    await cache.set_role(GUILD, samples.role(1))
    await _remember(lambda: cache.get_role(1))
    _behind_its_back(path, "DELETE FROM roles")
    assert (await cache.get_role(1)).id == 1

    clock[0] += 1.1
    with pytest.raises(EntryNotFound):
        await cache.get_role(1)
    await asyncio.sleep(0)
    with pytest.raises(EntryNotFound):
        await cache.get_role(1)


async def test_all_rows_are_doubted_once_somebody_else_has_written(
    cache: sake_lite.SQLiteCache, path: pathlib.Path, clock: list[float]
) -> None:
    for number in (1, 2):
        await cache.set_role(GUILD, samples.role(number))
        await _remember(lambda number=number: cache.get_role(number))
    _behind_its_back(path, "DELETE FROM roles WHERE role_id = 2")
    clock[0] += 1.1
    await _remember(lambda: cache.get_role(1))
    with pytest.raises(EntryNotFound):
        await cache.get_role(2)


async def test_without_memory_what_others_write_is_seen_at_once(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path, row_cache_bytes=0) as cache:
        await cache.set_role(GUILD, samples.role(1))
        for _ in range(3):
            await cache.get_role(1)
        assert not _is_remembered(lambda: cache.get_role(1))
        _behind_its_back(path, "DELETE FROM roles")
        with pytest.raises(EntryNotFound):
            await cache.get_role(1)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
async def test_a_remembered_row_is_forgotten_when_it_is_deleted(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    forgetting = [lambda: sample.delete(cache, 1), getattr(cache, f"clear_{sample.table}")]
    if sample.table not in {"guilds", "users"}:  # what is in the guild goes with it
        forgetting.append(lambda: cache.ingest("GUILD_DELETE", {"id": str(GUILD)}))
    for forget in forgetting:
        await sample.store(cache, 1)
        await _remember(lambda: sample.get(cache, 1))
        await forget()
        with pytest.raises(EntryNotFound):
            await sample.get(cache, 1)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
async def test_another_cache_of_the_same_file_sees_what_is_written(
    sample: Sample, cache: sake_lite.SQLiteCache, path: pathlib.Path, clock: list[float]
) -> None:
    async with sake_lite.SQLiteCache(path, row_cache_bytes=_BYTES) as other:
        await sample.store(cache, 1)
        await _remember(lambda: sample.get(other, 1))
        await sample.delete(cache, 1)
        clock[0] += 1.1
        with pytest.raises(EntryNotFound):
            await sample.get(other, 1)


async def test_what_a_new_session_hides_is_not_remembered(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_presence(samples.presence(USER))
    await cache.set_voice_state(GUILD, samples.voice_state(USER))
    reads = (lambda: cache.get_presence(GUILD, USER), lambda: cache.get_voice_state(GUILD, USER))
    for read in reads:
        await _remember(read)

    ready = {"user": samples.me(9), "guilds": [{"id": str(GUILD), "unavailable": True}], "shard": [0, 1]}
    await cache.ingest("READY", ready)
    for read in reads:
        with pytest.raises(EntryNotFound):
            await read()


def test_a_note_that_hides_rows_makes_them_forgotten(path: pathlib.Path) -> None:
    """READY also sweeps those tables, which would do; but nothing else that ever writes such a note has to."""
    scope = sake_lite.SQLiteCache(path)._scope  # pyright: ignore[reportPrivateUsage]
    memory = RowMemory(_BYTES)
    key = (GUILD, USER)
    asked = memory.ask(PRESENCES, key)
    memory.keep(asked, b"\xa0", None)
    assert memory.recall(PRESENCES, key, 0) == {}
    with Batch("note", scope) as batch:
        batch.upsert(AWAITED, {"guild_id": GUILD})
    memory.forget(batch)
    assert memory.recall(PRESENCES, key, 0) is None


async def test_the_first_read_after_opening_is_remembered(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    async with sake_lite.SQLiteCache(path, row_cache_bytes=_BYTES) as cache:
        await cache.flush()  # by then SQLite has said whether anybody has written
        await cache.get_role(1)
        assert _is_remembered(lambda: cache.get_role(1))


def test_a_read_that_was_under_way_when_all_was_forgotten_is_not_kept() -> None:
    memory = RowMemory(_BYTES)
    memory.keep(memory.ask(PRESENCES, (1, 1)), b"\xa0", None)
    asked = memory.ask(PRESENCES, (1, 2))
    memory.clear()
    assert memory.size == 0
    memory.keep(asked, b"\xa0", None)
    memory.forgo(asked)
    assert memory.recall(PRESENCES, (1, 1), 0) is None
    assert memory.recall(PRESENCES, (1, 2), 0) is None


def test_a_read_that_is_over_leaves_nothing_behind() -> None:
    memory = RowMemory(_BYTES)
    first, second = memory.ask(PRESENCES, (1, 1)), memory.ask(PRESENCES, (1, 1))
    memory.forgo(first)
    memory.keep(second, b"\xa0", None)
    memory.forgo(second)
    assert memory.recall(PRESENCES, (1, 1), 0) == {}
    assert not memory._asked  # pyright: ignore[reportPrivateUsage]


def test_a_read_that_began_before_its_table_was_forgotten_is_not_kept_by_one_that_began_after(
    path: pathlib.Path,
) -> None:
    scope = sake_lite.SQLiteCache(path)._scope  # pyright: ignore[reportPrivateUsage]
    memory = RowMemory(_BYTES)
    early = memory.ask(PRESENCES, (1, 1))
    with Batch("clear", scope) as batch:
        batch.delete(PRESENCES)
    memory.forget(batch)
    late = memory.ask(PRESENCES, (1, 1))
    memory.keep(early, b"\xa1\x61\x31\x01", None)
    assert memory.recall(PRESENCES, (1, 1), 0) is None
    memory.keep(late, b"\xa0", None)
    assert memory.recall(PRESENCES, (1, 1), 0) == {}


def test_the_row_that_was_unread_for_longest_makes_room() -> None:
    memory = RowMemory(900)  # two rows' worth
    for number in (1, 2):
        memory.keep(memory.ask(PRESENCES, (1, number)), b"\xa0", None)
    assert memory.recall(PRESENCES, (1, 1), 0) == {}
    memory.keep(memory.ask(PRESENCES, (1, 3)), b"\xa0", None)
    assert [memory.recall(PRESENCES, (1, number), 0) for number in (1, 2, 3)] == [{}, None, {}]


async def test_a_remembered_row_expires(cache: sake_lite.SQLiteCache, clock: list[float]) -> None:
    await cache.set_user(samples.user(1), expire_time=10)
    await cache.set_user(samples.user(2), expire_time=10)
    await cache.set_member(GUILD, samples.member(2))  # keeps the user
    for number in (1, 2):
        await _remember(lambda number=number: cache.get_user(number))

    clock[0] += 100_000
    with pytest.raises(EntryNotFound):
        await cache.get_user(1)
    assert (await cache.get_user(2)).id == 2
    await cache.delete_member(GUILD, 2)
    with pytest.raises(EntryNotFound):
        await cache.get_user(2)


async def test_a_row_that_was_removed_does_not_come_back_when_the_clock_is_set_back(
    cache: sake_lite.SQLiteCache, clock: list[float]
) -> None:
    await cache.set_user(samples.user(1), expire_time=60)
    await _remember(lambda: cache.get_user(1))
    clock[0] += 120
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    await session.housekeeping.tidy()
    clock[0] -= 120
    with pytest.raises(EntryNotFound):
        await cache.get_user(1)


async def test_an_expiry_that_is_changed_counts(cache: sake_lite.SQLiteCache, clock: list[float]) -> None:
    message = samples.message(1)
    await cache.set_message(message)
    await _remember(lambda: cache.get_message(1))
    await cache.update_message({"id": "1"}, expire_time=5)
    await _remember(lambda: cache.get_message(1))
    clock[0] += 6
    with pytest.raises(EntryNotFound):
        await cache.get_message(1)


async def test_what_is_done_to_an_entity_is_done_to_that_one_alone(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_member(GUILD, samples.member(1, roles=["5", "6"]))
    await _remember(lambda: cache.get_member(GUILD, 1))
    member = await cache.get_member(GUILD, 1)
    member.nickname = "changed"
    typing.cast("list[hikari.Snowflake]", member.role_ids).clear()
    again = await cache.get_member(GUILD, 1)
    assert again.nickname is None
    assert [int(role) for role in again.role_ids] == [5, 6, GUILD]


@pytest.mark.parametrize("limit", [0, 2_000, 50_000])
async def test_it_takes_no_more_than_it_may(limit: int, path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path, row_cache_bytes=limit) as cache:
        await asyncio.gather(*(cache.set_role(GUILD, samples.role(number)) for number in range(1, 300)))
        for _ in range(2):
            for number in range(1, 300):
                assert (await cache.get_role(number)).id == number
        session = cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        assert (limit > 0) * limit * 0.5 <= session._memory.size <= limit  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("size", [-1, 1.5, True, "16 MiB"])
def test_sizes_that_make_no_sense(size: typing.Any, path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="row_cache_bytes must be a whole number of bytes"):
        sake_lite.SQLiteCache(path, row_cache_bytes=size)


class _Race:
    """Readers and writers of the same few members; every write has a nickname of its own."""

    def __init__(self, cache: sake_lite.SQLiteCache, seed: int) -> None:
        self.cache = cache
        self.random = random.Random(seed)
        self.histories: dict[int, list[str | None]] = {number: [None] for number in range(1, 6)}
        self.checked = 0
        self._numbers = 0

    def _next(self, user_id: int) -> samples.Payload:
        self._numbers += 1
        nickname = str(self._numbers)
        self.histories[user_id].append(nickname)
        return samples.member(user_id, nick=nickname)

    def _event(self, name: str, payload: samples.Payload) -> None:
        """Take in an event as hikari hands it over, up to where others have their turn."""
        session = self.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        session.writer.submit(self.cache._make_batch(name, payload))  # pyright: ignore[reportPrivateUsage]

    async def write(self) -> None:
        user_id = self.random.choice([*self.histories])
        guild: samples.Payload = {"guild_id": str(GUILD)}
        match self.random.randrange(8):
            case 0 | 1:
                await self.cache.set_member(GUILD, self._next(user_id))
            case 2:
                self._event("GUILD_MEMBER_UPDATE", self._next(user_id) | guild)
            case 3:  # large, hence encoded later
                others = [samples.member(number) for number in range(100, 150)]
                chunk = {"members": [*others, self._next(user_id)], "chunk_index": 0, "chunk_count": 1}
                self._event("GUILD_MEMBERS_CHUNK", guild | chunk)
            case 4:
                self.histories[user_id].append(None)
                self._event("GUILD_MEMBER_REMOVE", guild | {"user": samples.user(user_id)})
            case 5:
                self.histories[user_id].append(None)
                await self.cache.delete_member(GUILD, user_id)
            case 6:  # a whole guild, which replaces all
                members = [self._next(number) for number in self.histories]
                self._event("GUILD_CREATE", samples.guild_create(members=members, member_count=len(members)))
            case _:
                await asyncio.sleep(0)

    async def read(self) -> None:
        user_id = self.random.choice([*self.histories])
        before = len(self.histories[user_id]) - 1
        try:
            nickname = (await self.cache.get_member(GUILD, user_id)).nickname
        except EntryNotFound:
            nickname = None
        assert nickname in self.histories[user_id][before:], f"{nickname} of {user_id} is stale"
        self.checked += 1

    async def run(self, steps: int) -> None:
        async def reading() -> None:
            for _ in range(steps):
                await self.read()

        async def writing() -> None:
            for _ in range(steps // 4):
                await self.write()
                for _ in range(self.random.randrange(4)):
                    await self.read()

        await asyncio.gather(reading(), reading(), writing(), writing(), writing())


@pytest.mark.parametrize("limit", [1_500, _BYTES], ids=["crowded", "roomy"])
@pytest.mark.parametrize("seed", range(6))
async def test_no_stale_row_is_served_while_the_same_rows_are_read_and_written(
    seed: int, limit: int, path: pathlib.Path
) -> None:
    print("seed", seed)
    async with sake_lite.SQLiteCache(path, row_cache_bytes=limit) as cache:
        race = _Race(cache, seed)
        await race.run(200)
    assert race.checked > 400
    check_file(path)


async def test_no_row_that_could_not_be_written_is_served(path: pathlib.Path) -> None:
    """While nothing can be written, reads answer from what is committed, and go on with the news once they are."""
    async with sake_lite.SQLiteCache(path, busy_timeout=0.05, row_cache_bytes=_BYTES) as cache:
        await cache.set_member(GUILD, samples.member(1, nick="old"))
        await _remember(lambda: cache.get_member(GUILD, 1))
        race = _Race(cache, 0)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            race._event("GUILD_MEMBER_UPDATE", samples.member(1, nick="new") | {"guild_id": str(GUILD)})  # pyright: ignore[reportPrivateUsage]
            async with asyncio.timeout(10):
                while cache.stats().last_error is None:
                    await asyncio.sleep(0.001)
            for _ in range(3):
                assert (await cache.get_member(GUILD, 1)).nickname == "old"
            other.execute("ROLLBACK")
        await cache.flush()
        assert (await cache.get_member(GUILD, 1)).nickname == "new"
    check_file(path)
