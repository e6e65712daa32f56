"""Several processes over one file: shards that write to it, a notebook that reads in it, and whoever locks it.

Every other process here is a real one. What it does it says in lines, and goes on when it is sent one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import typing

import pytest
import samples
from conftest import check_file
from samples import GUILD

import sake_lite
from sake_lite import BackendError


class _Process:
    """A Python program that is talked with in lines."""

    def __init__(self, program: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1]
        return line.strip()

    def tell(self, line: object = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def end(self) -> str:
        """Wait for its end, and return what it complained of."""
        _, complaints = self._process.communicate(timeout=60)
        return complaints


def _column(path: pathlib.Path, sql: str) -> list[int]:
    """Return what SQLite alone finds in the file."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        return [value for (value,) in other.execute(sql).fetchall()]


_SHARD = """
import asyncio, json, random, sys, hikari, samples, sake_lite

path, shard, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
guild = (shard << 22) + 1_000_000_000_000_000_000 // 2**24 * 2**24
bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)

class Shard:
    id, shard_count, intents = shard, 4, hikari.Intents.ALL

async def dispatch(cache, name, payload):
    await cache._on_shard_payload(hikari.ShardPayloadEvent(app=bot, shard=Shard(), payload=payload, name=name))

async def main():
    async with sake_lite.SQLiteCache(path) as cache:
        await dispatch(cache, "READY", {"user": samples.me(1), "shard": [shard, 4], "guilds": [{"id": str(guild)}]})
        members = [samples.member(shard * 100_000 + n) for n in range(200)]
        await dispatch(cache, "GUILD_CREATE", samples.guild_create(guild, members=members, member_count=200))
        await cache.flush()
        print("open", flush=True)
        sys.stdin.readline()
        for round in range(rounds):
            first = shard * 1_000_000 + round * 20
            calls = [cache.set_role(guild, samples.role(first + n)) for n in range(10)]
            for n in range(10, 20):
                await dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(guild), "role": samples.role(first + n)})
            member = samples.member(shard * 100_000 + 1_000 + round, guild_id=str(guild))
            await dispatch(cache, "GUILD_MEMBER_ADD", member)
            message = samples.message(shard * 1_000_000 + round, guild_id=guild, content="x" * 2_000)
            await cache.ingest("MESSAGE_CREATE", message)
            await asyncio.gather(*calls)
            # What this one wrote, it reads.
            assert (await cache.get_role(first + 19)).id == first + 19
        await cache.flush()
        count = (await cache.get_guild(guild)).member_count
        print(json.dumps([guild, count, cache.stats().failures, cache.stats().dropped_rows]), flush=True)

asyncio.run(main())
"""


def _write_as_shards(path: pathlib.Path, shards: int, rounds: int) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_Process(_SHARD, path, shard, rounds)) for shard in range(shards)]
        for process in processes:
            assert process.hear() == "open"
        for process in processes:
            process.tell()
        results = [json.loads(process.hear()) for process in processes]
        assert [process.end() for process in processes] == [""] * shards, "nobody had anything to complain of"

    for shard, (guild, member_count, failures, dropped_rows) in enumerate(results):
        assert (member_count, failures, dropped_rows) == (200 + rounds, 0, 0)
        roles = _column(path, f"SELECT role_id FROM roles WHERE guild_id = {guild} ORDER BY role_id")
        assert roles == [*range(shard * 1_000_000, shard * 1_000_000 + rounds * 20)]
        messages = _column(path, f"SELECT message_id FROM messages WHERE guild_id = {guild} ORDER BY message_id")
        assert messages == [*range(shard * 1_000_000, shard * 1_000_000 + rounds)]
        members = _column(path, f"SELECT user_id FROM members WHERE guild_id = {guild} ORDER BY user_id")
        first = shard * 100_000
        assert members == [*range(first, first + 200), *range(first + 1_000, first + 1_000 + rounds)]
    assert _column(path, "SELECT count(*) FROM guilds") == [shards]
    check_file(path)


def test_two_shards_write_to_one_file_and_nothing_is_lost(path: pathlib.Path) -> None:
    _write_as_shards(path, shards=2, rounds=20)


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("shards", [2, 4])
def test_shards_write_to_one_file_for_long_and_nothing_is_lost(shards: int, path: pathlib.Path) -> None:
    _write_as_shards(path, shards, rounds=1_200)


_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    connection.execute(line)
    print("done", flush=True)
"""


async def test_a_lock_held_for_less_than_busy_timeout_is_no_fault(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Though it is held for longer than one attempt takes."""
    async with sake_lite.SQLiteCache(path, busy_timeout=1) as cache:
        with _Process(_LOCK, path) as other:
            other.tell("BEGIN EXCLUSIVE")
            await asyncio.to_thread(other.hear)
            calls = [asyncio.ensure_future(cache.set_role(GUILD, samples.role(number))) for number in range(1, 4)]
            done, _ = await asyncio.wait(calls, timeout=0.4)
            assert not done
            assert cache.stats().last_error is None
            other.tell("ROLLBACK")
            await asyncio.gather(*calls)
        assert [role.id async for role in cache.iter_roles()] == [1, 2, 3]
        assert cache.stats().failures == 0
    assert caplog.records == []
    check_file(path)


@pytest.mark.parametrize("is_killed", [False, True], ids=["and released", "by a process that is killed"])
async def test_a_lock_held_for_longer_than_busy_timeout_fails_the_calls_of_that_time_alone(
    is_killed: bool, path: pathlib.Path
) -> None:
    async with sake_lite.SQLiteCache(path, busy_timeout=0.3) as cache:
        await cache.set_role(GUILD, samples.role(1))
        with _Process(_LOCK, path) as other:
            other.tell("BEGIN IMMEDIATE")
            await asyncio.to_thread(other.hear)
            begun = time.monotonic()
            calls = [cache.set_role(GUILD, samples.role(number)) for number in range(2, 12)]
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, BackendError)
                assert f"{path} is locked by another process" in error.message
                assert error.message.endswith("(OperationalError: database is locked)")
            assert 0.3 <= time.monotonic() - begun < 3
            assert (await cache.get_role(1)).id == 1
            assert [role.id async for role in cache.iter_roles()] == [1]

            late = asyncio.ensure_future(cache.set_role(GUILD, samples.role(12)))
            await asyncio.sleep(0)
            if is_killed:
                await asyncio.to_thread(other.kill)
            else:
                other.tell("ROLLBACK")
                await asyncio.to_thread(other.hear)
            await late  # it came in time to be written
        await cache.set_role(GUILD, samples.role(13))
        assert [role.id async for role in cache.iter_roles()] == [1, 12, 13]
        assert cache.stats().failures == 10
    check_file(path)


async def test_a_lock_in_the_middle_of_opening_is_waited_for(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    with _Process(_LOCK, path) as other:
        other.tell("PRAGMA locking_mode = EXCLUSIVE")
        await asyncio.to_thread(other.hear)
        other.tell("BEGIN EXCLUSIVE")
        await asyncio.to_thread(other.hear)
        with pytest.raises(BackendError, match=f"{path} is locked by another process"):
            await sake_lite.SQLiteCache(path, busy_timeout=0.1).open()
        opening = asyncio.ensure_future(cache.open())
        done, _ = await asyncio.wait([opening], timeout=0.1)
        assert not done
        await asyncio.to_thread(other.kill)
        await opening
    async with cache:
        assert (await cache.get_role(1)).id == 1
    check_file(path)


_READ = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
connection.execute("BEGIN")
print(connection.execute("SELECT count(*) FROM messages").fetchall()[0][0], flush=True)
sys.stdin.readline()
print(connection.execute("SELECT count(*) FROM messages").fetchall()[0][0], flush=True)
connection.execute("ROLLBACK")
print("over", flush=True)
sys.stdin.readline()
"""

_MIB = 2**20


async def _write(cache: sake_lite.SQLiteCache, megabytes: int, first: int) -> None:
    """Write over the same rows again and again, so that the file itself stays small."""
    for each in range(megabytes):
        messages = [samples.message(n, content=f"{first + each}" + "x" * 65_000) for n in range(1, 17)]
        await asyncio.gather(*map(cache.set_message, messages))


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_killed", [False, True], ids=["that ends", "that is killed"])
async def test_the_log_grows_while_a_long_reader_stays_and_is_at_most_journal_size_limit_once_it_is_gone(
    is_killed: bool, path: pathlib.Path
) -> None:
    log = path.with_name("bot.db-wal")
    async with sake_lite.SQLiteCache(path) as cache:
        await _write(cache, 60, 0)
        usual = log.stat().st_size
        print(f"without a reader: {usual / _MIB:.1f} MiB")
        # `wal_autocheckpoint` is 4,000 pages, which is when it begins anew, after the transaction that got there.
        assert usual < 20 * _MIB
        with _Process(_READ, path) as reader:
            assert await asyncio.to_thread(reader.hear) == "16"
            await _write(cache, 60, 100)
            grown = log.stat().st_size
            print(f"with a reader: {grown / _MIB:.1f} MiB")
            assert grown > 60 * _MIB, "nothing that the reader may need is taken away"
            if is_killed:
                await asyncio.to_thread(reader.kill)
            else:
                reader.tell()
                assert await asyncio.to_thread(reader.hear) == "16"
                assert await asyncio.to_thread(reader.hear) == "over"
            sizes: list[int] = []
            for each in range(60):
                await _write(cache, 1, 200 + each)
                sizes.append(log.stat().st_size)
        print(f"after it: at most {max(sizes) / _MIB:.1f} MiB, at last {sizes[-1] / _MIB:.1f} MiB")
        assert max(sizes) <= grown + 3 * _MIB, "it went on growing"
        assert max(sizes[2:]) <= 32 * _MIB, "it is cut at the next beginning to `journal_size_limit`"
        assert (await cache.get_message(1)).content == "259" + "x" * 65_000
    check_file(path)


async def test_an_iterator_that_is_not_at_its_end_keeps_the_log_from_nothing(path: pathlib.Path) -> None:
    log = path.with_name("bot.db-wal")
    async with sake_lite.SQLiteCache(path, row_cache_bytes=0) as cache:
        await asyncio.gather(*(cache.set_role(GUILD, samples.role(n)) for n in range(1, 3_001)))
        iterators = [cache.iter_roles(), cache.iter_roles_for_guild(GUILD)]
        for iterator in iterators:
            assert (await anext(iterator)).id == 1
        await _write(cache, 40, 0)
        assert log.stat().st_size < 20 * _MIB
        assert [await iterator.count() for iterator in iterators] == [2_999, 2_999]
    check_file(path)


_WRITE = """
import asyncio, sys, samples, sake_lite

async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        for line in sys.stdin:
            roles = [samples.role(n + 1, name=line.strip()) for n in range(40)]
            await cache.ingest("GUILD_CREATE", samples.guild_create(roles=roles, name=line.strip()))
            print(line.strip(), flush=True)
        print("closing", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "row_cache_bytes",
    [
        pytest.param(None, id="with rows in memory"),
        pytest.param(0, id="without rows in memory", marks=pytest.mark.long),
    ],
)
async def test_a_read_only_cache_follows_a_process_that_writes_and_outlives_it(
    row_cache_bytes: int | None, path: pathlib.Path
) -> None:
    with _Process(_WRITE, path) as writer:
        writer.tell(0)
        assert await asyncio.to_thread(writer.hear) == "0"
        async with sake_lite.SQLiteCache(path, read_only=True, row_cache_bytes=row_cache_bytes) as cache:
            for generation in range(1, 31):
                writer.tell(generation)
                acknowledged = asyncio.ensure_future(asyncio.to_thread(writer.hear))
                while not acknowledged.done():
                    names = {role.name async for role in cache.iter_roles()}
                    assert names <= {str(generation - 1), str(generation)}
                    assert len(names) == 1, "all roles of a window come from one event"
                    assert await cache.iter_roles().len() == 40
                assert {role.name async for role in cache.iter_roles()} == {str(generation)}
                if row_cache_bytes == 0:
                    assert (await cache.get_guild(GUILD)).name == str(generation)
            begun = time.monotonic()
            while (await cache.get_guild(GUILD)).name != "30":
                assert time.monotonic() - begun < 1.5, "what is remembered is old for a second at most"
                await asyncio.sleep(0.01)
            with pytest.raises(BackendError, match="open read-only"):
                await cache.set_role(GUILD, samples.role(1))

            await asyncio.to_thread(writer.kill)
            assert {role.name async for role in cache.iter_roles()} == {"30"}
            async with sake_lite.SQLiteCache(path) as next_writer:
                await next_writer.set_role(GUILD, samples.role(41, name="31"))
                assert await cache.iter_roles().len() == 41
            assert (await cache.get_role(41)).name == "31", "though whoever wrote it has closed the file"
    async with sake_lite.SQLiteCache(path) as last:
        assert await last.iter_roles().len() == 41
    check_file(path)


@pytest.mark.long
async def test_two_processes_whose_rows_are_the_same_end_with_those_of_one_of_them(path: pathlib.Path) -> None:
    """Two that take in the same guild: each event is there as a whole, whichever came last."""
    with _Process(_WRITE, path) as first, _Process(_WRITE, path) as second:
        for number in range(100):
            for process in (first, second):
                process.tell(f"{number}")
            heard = await asyncio.gather(*(asyncio.to_thread(process.hear) for process in (first, second)))
            assert heard == [f"{number}"] * 2
    async with sake_lite.SQLiteCache(path) as cache:
        assert {role.name async for role in cache.iter_roles()} == {"99"}
        assert (await cache.check()).is_sound
    check_file(path)
