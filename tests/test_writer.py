"""Writing while something is wrong: what waits, what is told to whom, and what goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import sqlite3
import subprocess
import sys
import threading
import typing

import hikari
import pytest
import samples
from conftest import check_file
from samples import GUILD

import sake_lite
from sake_lite import BackendError, _execute
from sake_lite._session import Session

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> collections.abc.Generator[sqlite3.Connection]:
    """Hold the lock on a file, as another process would that is in the middle of a transaction."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


class _Shard:
    id = 0
    shard_count = 1
    intents = hikari.Intents.ALL


@functools.cache
def _bot() -> hikari.GatewayBot:
    return hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)


async def _dispatch(cache: sake_lite.SQLiteCache, name: str, payload: samples.Payload) -> None:
    """Give the cache an event as hikari does, without waiting for it to be written."""
    event = hikari.ShardPayloadEvent(
        app=_bot(), shard=typing.cast("hikari.api.GatewayShard", _Shard()), payload=payload, name=name
    )
    await cache._on_shard_payload(event)  # pyright: ignore[reportPrivateUsage]


async def _until(condition: collections.abc.Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_lock_that_is_released_in_time_is_waited_for(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    with _locked(path):
        write = asyncio.ensure_future(cache.set_role(GUILD, samples.role(1)))
        done, _ = await asyncio.wait([write], timeout=0.2)
        assert not done
    await write
    assert (await cache.get_role(1)).id == 1


async def test_a_lock_that_is_held_for_longer(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    async with sake_lite.SQLiteCache(path, busy_timeout=0.1) as cache:
        await cache.set_role(GUILD, samples.role(1))
        with _locked(path), caplog.at_level(logging.WARNING, "hikari.sake_lite"):
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(2)})
            with pytest.raises(BackendError, match="locked by another process") as caught:
                await cache.set_role(GUILD, samples.role(3))
            assert isinstance(caught.value.base_exception, sqlite3.OperationalError)
            assert (await cache.get_role(1)).id == 1, "reads go on"
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(4)})
            stats = cache.stats()
            assert stats.last_error is not None
            assert stats.queued_batches >= 2

        await _until(lambda: cache.stats().queued_batches == 0)
        assert [role.id async for role in cache.iter_roles()] == [1, 2, 4]
        assert cache.stats().last_error is None
        assert cache.stats().failures == 1
        await cache.set_role(GUILD, samples.role(5))

    assert len([record for record in caplog.records if "nothing can be written" in record.message]) == 1
    check_file(path)


async def _limit_pages(cache: sake_lite.SQLiteCache, pages: int | None) -> None:
    """Make the disk as full as it gets: SQLite may not make the file larger than it is."""
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    limit = 2**30 if pages is None else pages
    await session._writing.run(  # pyright: ignore[reportPrivateUsage]
        lambda connection: connection.execute(f"PRAGMA max_page_count = {limit}").fetchall()
    )


def _large(number: int) -> samples.Payload:
    return samples.role(number, name="x" * 50_000)


async def test_a_full_disk(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_role(GUILD, samples.role(1))
    await _limit_pages(cache, 1)
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": _large(2)})
    with pytest.raises(BackendError, match="no room is left"):
        await cache.set_role(GUILD, _large(3))
    assert [role.id async for role in cache.iter_roles()] == [1], "reads go on"

    await _limit_pages(cache, None)
    await cache.set_role(GUILD, samples.role(4))
    assert [role.id async for role in cache.iter_roles()] == [1, 2, 4], "what nobody awaited was kept, in order"


async def test_the_oldest_events_are_dropped_beyond_the_limit(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with sake_lite.SQLiteCache(path, max_pending_rows=10) as cache:
        await _limit_pages(cache, 1)
        with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
            for number in range(1, 31):
                await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": _large(number)})
                await _until(lambda: cache.stats().last_error is not None)
        stats = cache.stats()
        assert stats.dropped_rows == 20
        assert stats.queued_rows == 10
        assert len([record for record in caplog.records if "dropped" in record.message]) == 1
        await _limit_pages(cache, None)
        await cache.flush()
        assert [role.id async for role in cache.iter_roles()] == [*range(21, 31)]
    check_file(path)


async def test_closing_while_nothing_can_be_written(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = sake_lite.SQLiteCache(path, busy_timeout=0.1)
    await cache.open()
    with _locked(path):
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(1)})
        write = asyncio.ensure_future(cache.set_role(GUILD, samples.role(2)))
        await asyncio.sleep(0)
        with caplog.at_level(logging.ERROR, "hikari.sake_lite"):
            await cache.close()
        with pytest.raises(BackendError):
            await write
    assert "lost at closing" in caplog.text
    async with cache:
        assert await cache.iter_roles().len() == 0
    check_file(path)


@pytest.mark.parametrize("members", [1, 100], ids=["small", "large"])
async def test_a_malformed_event_is_logged_once_and_costs_itself_alone(
    members: int, cache: sake_lite.SQLiteCache, caplog: pytest.LogCaptureFixture
) -> None:
    """A large event is encoded on the writer's thread, where its fault turns up later; the outcome is the same."""
    listed: list[samples.Payload] = [*(samples.member(number + 1) for number in range(members)), {"user": {}}]
    bad = samples.guild_create(members=listed, roles=[samples.role(9)])
    with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
        for number in (1, 2):
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(number)})
            await _dispatch(cache, "GUILD_CREATE", bad)
    assert [role.id async for role in cache.iter_roles()] == [1, 2]
    assert await cache.iter_members().len() == await cache.iter_guilds().len() == 0
    (record,) = [record for record in caplog.records if "could not be stored" in record.message]
    assert "GUILD_CREATE" in record.message
    assert cache.stats().failures == 2


_BAD_INPUT: list[tuple[str, tuple[typing.Any, ...], str]] = [
    ("set_emoji", (GUILD, {}), "no id"),
    ("set_emoji", (-1, {"id": "1"}), "not a snowflake"),
    ("set_emoji", (None, {"id": "1"}), "NoneType"),
    ("set_guild", ({"name": "x"},), "no id"),
    ("set_guild_channel", ({"id": "1", "type": 0},), "no guild_id"),
    ("set_guild_channel", ({"id": "1", "type": 11, "guild_id": "1"},), "11 is not a type of guild channel"),
    ("set_invite", ({"channel_id": "1"},), "no code"),
    ("set_me", ({"username": "x"},), "no id"),
    ("set_member", (GUILD, {"nick": "x"}), "no user.id"),
    ("set_member", (2**63, samples.member()), "not a snowflake"),
    ("set_message", ({"id": "x"},), "'x' is not a snowflake"),
    ("set_message", ({"id": True},), "True is not a snowflake"),
    ("set_presence", ({"user": {"id": "1"}},), "no guild_id"),
    ("set_role", (GUILD, None), "None"),
    ("set_role", (GUILD, []), "list"),
    ("set_role", (GUILD, {"id": "1", "x": {1, 2}}), "holds set"),
    ("set_role", (GUILD, {"id": "1", "x": "\ud800"}), "surrogates"),
    ("set_role", (GUILD, {"id": "1", "x": object()}), "object"),
    ("set_role", (GUILD, {"id": "1", b"x": 1}), "the key b'x'"),
    ("set_role", (GUILD, {"id": "1", "x": "x" * 9_000_000}), "too large"),
    ("set_user", ({"id": "1" * 30},), "not a snowflake"),
    ("set_voice_state", (GUILD, {"user_id": "1", "channel_id": None}), "no channel_id"),
    ("update_message", ({"content": "x"},), "no id"),
]


@pytest.mark.parametrize(("method", "arguments", "fault"), _BAD_INPUT)
async def test_bad_input_is_named_and_stores_nothing(
    method: str, arguments: tuple[typing.Any, ...], fault: str, cache: sake_lite.SQLiteCache
) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        await getattr(cache, method)(*arguments)
    assert method in str(caught.value)
    assert not isinstance(caught.value, BackendError)
    assert cache.stats().rows == 0
    assert cache.stats().batches == 0


@pytest.mark.parametrize("nonce", [["x"], {"x": 1}, 1.5, 2**70, "\ud800"], ids=repr)
async def test_a_chunk_whose_nonce_is_no_text_is_refused(nonce: object, cache: sake_lite.SQLiteCache) -> None:
    chunk = {"guild_id": str(GUILD), "members": [samples.member()], "chunk_index": 0, "chunk_count": 1, "nonce": nonce}
    with pytest.raises(ValueError, match=r"GUILD_MEMBERS_CHUNK: .* is not a text") as caught:
        await cache.ingest("GUILD_MEMBERS_CHUNK", chunk)
    assert not isinstance(caught.value, BackendError)
    assert cache.stats().batches == 0


async def test_stats(cache: sake_lite.SQLiteCache) -> None:
    fresh = cache.stats()
    assert (fresh.batches, fresh.rows, fresh.commits, fresh.last_commit, fresh.last_error) == (0, 0, 0, None, None)
    await cache.set_role(GUILD, samples.role(1))
    await cache.set_role(GUILD, samples.role(1))
    stats = cache.stats()
    assert (stats.batches, stats.rows, stats.commits, stats.queued_batches, stats.queued_rows) == (2, 1, 2, 0, 0)
    assert stats.last_commit is not None
    assert stats.last_commit.tzinfo is not None
    with pytest.raises(AttributeError):
        stats.rows = 5  # pyright: ignore[reportAttributeAccessIssue]


async def test_flush_waits_for_events_that_nobody_awaits(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(1)})
    await cache.flush()
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT role_id FROM roles").fetchall() == [(1,)]


async def test_an_event_that_comes_while_an_awaited_write_is_under_way_is_written_without_being_asked_for(
    cache: sake_lite.SQLiteCache,
) -> None:
    with _busy_thread(cache):
        awaited = asyncio.ensure_future(cache.set_role(GUILD, samples.role(1)))
        await _until(lambda: bool(_writer(cache)._writing))
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(2)})
    await awaited
    await _until(lambda: cache.stats().queued_batches == 0)
    assert await cache.iter_roles().len() == 2


@pytest.mark.parametrize("is_read", [False, True], ids=["written", "written and read"])
async def test_events_after_an_awaited_write_are_committed_together(
    cache: sake_lite.SQLiteCache, is_read: bool
) -> None:
    """They wait for each other as they always do, and are not hurried by whoever was in a hurry before."""
    await _dispatch(cache, "READY", {"user": samples.me(1)})
    await _until(lambda: cache.stats().queued_batches == 0 and not _writer(cache)._wakeup.is_set())
    waiting: list[collections.abc.Awaitable[object]] = [cache.set_role(GUILD, samples.role(1))]
    if is_read:
        waiting.append(cache.get_role(1))
    await asyncio.gather(*waiting)
    commits = cache.stats().commits
    for number in (2, 3):
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(number)})
        for _ in range(10):  # of the loop's turns, in which what is hurried would be on its way already
            await asyncio.sleep(0)
    await cache.flush()
    assert cache.stats().commits == commits + 1


async def test_what_was_acknowledged_is_in_the_file(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        for number in range(1, 50):
            await cache.set_role(GUILD, samples.role(number))
            assert other.execute("SELECT max(role_id) FROM roles").fetchone() == (number,)


async def test_a_batch_that_the_file_refuses_does_not_stop_the_others(
    cache: sake_lite.SQLiteCache, path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _dispatch(cache, "READY", {"user": samples.me(1)})
    await cache.flush()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE presences")
    with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
        for number in (1, 2, 3):
            await _dispatch(cache, "PRESENCE_UPDATE", samples.presence(number))
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(number)})
        await cache.flush()
    assert [role.id async for role in cache.iter_roles()] == [1, 2, 3]
    assert cache.stats().failures == 3
    assert cache.stats().last_error is None
    assert len([record for record in caplog.records if "PRESENCE_UPDATE" in record.message]) == 1
    with pytest.raises(BackendError, match="presences"):
        await cache.set_presence(samples.presence(1))


async def test_a_page_that_is_damaged_does_not_stop_the_others(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as other:
        ((root,),) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'presences'").fetchall()
        ((size,),) = other.execute("PRAGMA page_size").fetchall()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)

    async with sake_lite.SQLiteCache(path) as cache:
        await _dispatch(cache, "PRESENCE_UPDATE", samples.presence(1))
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(1)})
        with pytest.raises(BackendError, match="is damaged"):
            await cache.set_presence(samples.presence(1))
        await cache.set_role(GUILD, samples.role(2))
        assert [role.id async for role in cache.iter_roles()] == [1, 2]


async def test_a_read_that_fails_leaves_those_beside_it_alone(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_user(samples.user())
    failed, user = await asyncio.gather(
        cache.get_invite("\ud800"), cache.get_user(samples.USER), return_exceptions=True
    )
    assert isinstance(failed, sake_lite.EntryNotFound)
    assert isinstance(user, hikari.User)
    for code in ("", "\ud800"):
        await cache.delete_invite(code)


def _writer(cache: sake_lite.SQLiteCache) -> typing.Any:
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    return session.writer


@contextlib.contextmanager
def _busy_thread(cache: sake_lite.SQLiteCache) -> collections.abc.Generator[None]:
    """Keep the writer's thread busy, so that what is written meanwhile is under way until the end of the block."""
    may_go_on = threading.Event()
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    waiting = asyncio.ensure_future(session._writing.run(lambda _: may_go_on.wait(10)))  # pyright: ignore[reportPrivateUsage]
    try:
        yield
    finally:
        may_go_on.set()
        del waiting


async def test_a_closing_that_is_cancelled_over_and_over(path: pathlib.Path) -> None:
    """All of it, and the writer's task: what was queued is written all the same, once, and everybody is answered."""
    cache = sake_lite.SQLiteCache(path, busy_timeout=2)
    await cache.open()
    await cache.ingest("GUILD_CREATE", samples.guild_create(member_count=3))
    with _locked(path):
        writes = [
            asyncio.ensure_future(cache.ingest("GUILD_MEMBER_ADD", samples.member(number, guild_id=str(GUILD))))
            for number in range(1, 6)
        ]
        await _until(lambda: bool(_writer(cache)._writing))
        closing = asyncio.ensure_future(cache.close())
        for _ in range(60):  # in which the lock is waited for, and found to be held, several times
            await asyncio.sleep(0.02)
            for task in asyncio.all_tasks() - {*writes, asyncio.current_task()}:
                task.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(*writes)
        await asyncio.wait([closing])
        await cache.close()
    async with cache:
        assert (await cache.get_guild(GUILD)).member_count == 8
        assert [member.id async for member in cache.iter_members()] == [1, 2, 3, 4, 5]
    check_file(path)


async def test_closing_ends_though_each_attempt_fails_in_another_way(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: sqlite3.Connection, batches: list[object], *_args: object) -> typing.NoReturn:
        fault = sqlite3.DatabaseError("a fault")
        fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT if len(batches) > 1 else sqlite3.SQLITE_FULL
        raise fault

    cache = sake_lite.SQLiteCache(path, busy_timeout=1)
    await cache.open()
    monkeypatch.setattr(_execute, "write_group", fail)
    for number in (1, 2, 3):
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(number)})
    async with asyncio.timeout(5):
        await cache.close()
    check_file(path)


@pytest.mark.parametrize("and_then", ["close", "write"])
async def test_a_group_that_is_under_way_when_the_task_is_cancelled(and_then: str, path: pathlib.Path) -> None:
    """It is neither lost nor written twice: a member is counted once."""
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    await cache.ingest("GUILD_CREATE", samples.guild_create(member_count=3))
    with _busy_thread(cache):
        await asyncio.sleep(0)
        added = asyncio.ensure_future(cache.ingest("GUILD_MEMBER_ADD", samples.member(guild_id=str(GUILD))))
        await _until(lambda: bool(_writer(cache)._writing))
        _writer(cache)._task.cancel()
        await asyncio.sleep(0)
    if and_then == "close":
        await cache.close()
        await cache.open()
    else:
        await cache.set_role(GUILD, samples.role(1))
    await added
    assert (await cache.get_guild(GUILD)).member_count == 4
    assert (await cache.get_member(GUILD, samples.USER)).id == samples.USER
    await cache.close()
    check_file(path)


async def test_what_waits_when_the_task_is_cancelled_while_closing(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    with _busy_thread(cache):
        await asyncio.sleep(0)
        writes = [asyncio.ensure_future(cache.set_role(GUILD, samples.role(1)))]
        await _until(lambda: bool(_writer(cache)._writing))
        writes += [asyncio.ensure_future(cache.set_role(GUILD, samples.role(number))) for number in (2, 3)]
        await asyncio.sleep(0)
        task = _writer(cache)._task
        closing = asyncio.ensure_future(cache.close())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(closing, *writes)
    async with cache:
        assert [role.id async for role in cache.iter_roles()] == [1, 2, 3]
    check_file(path)


async def test_different_faults_of_one_event_are_each_logged(
    cache: sake_lite.SQLiteCache, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
        for _ in range(3):
            await _dispatch(cache, "MESSAGE_CREATE", {})
            await _dispatch(cache, "MESSAGE_CREATE", {"author": {"id": "x"}, "id": "1", "channel_id": "1"})
        for number in range(3):
            await _dispatch(cache, "MESSAGE_CREATE", samples.message(1, channel_id=-number - 1))
    assert len([record for record in caplog.records if "could not be stored" in record.message]) == 3
    assert cache.stats().failures == 9


async def test_a_group_that_was_recovered_counts_as_written(cache: sake_lite.SQLiteCache) -> None:
    await _limit_pages(cache, 1)
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": _large(1)})
    await _until(lambda: cache.stats().last_error is not None)
    await _limit_pages(cache, None)
    with _busy_thread(cache):
        await asyncio.sleep(0)
        await _until(lambda: bool(_writer(cache)._writing))
        _writer(cache)._task.cancel()
        await asyncio.sleep(0)
    await _until(lambda: cache.stats().queued_batches == 0)
    assert cache.stats().last_error is None
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(2)})
    assert (await cache.get_role(2)).id == 2
    assert cache.stats().queued_rows == 0


async def test_a_cancelled_caller_s_error_is_nobody_s(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    async with sake_lite.SQLiteCache(path, busy_timeout=0.1) as cache:
        with _locked(path):
            writing = asyncio.ensure_future(cache.set_role(GUILD, samples.role(1)))
            await asyncio.sleep(0)
            writing.cancel()
            await _until(lambda: cache.stats().failures == 1)
    opening = asyncio.ensure_future(sake_lite.SQLiteCache(path.parent).open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    del writing, opening
    gc.collect()
    assert "never retrieved" not in caplog.text
    check_file(path)


async def test_an_event_that_could_not_be_read_back_is_dropped(
    cache: sake_lite.SQLiteCache, caplog: pytest.LogCaptureFixture
) -> None:
    for flags in (2**64, -(2**64) - 1):
        await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": "1", "role": samples.role(1, flags=flags)})
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": "1", "role": samples.role(2, name="\xe9\xc2\xc3")})
    assert [role.name async for role in cache.iter_roles()] == ["\xe9\xc2\xc3"]
    assert "GUILD_ROLE_CREATE could not be stored" in caplog.text


_WITHOUT_MEMORY = """
import asyncio, sqlite3, sys, sake_lite

class Roles(sake_lite.resources.RoleCache):
    pass

async def main():
    async with Roles(sys.argv[1]) as cache:
        sqlite3.connect(":memory:").execute("PRAGMA hard_heap_limit = 3000000")
        try:
            roles = [{"id": str(number), "name": "x" * 1_000_000} for number in range(10, 26)]
            await cache.ingest("GUILD_CREATE", {"id": "1", "roles": roles})
        except sake_lite.BackendError as error:
            print(error)
        await cache.set_role(1, {"id": "2"})
        print(await cache.iter_roles().len())

asyncio.run(main())
"""


def test_memory_that_runs_out(path: pathlib.Path) -> None:
    """In a process of its own, since the limit is SQLite's for the whole process, and can only be lowered."""
    command = [sys.executable, "-c", _WITHOUT_MEMORY, str(path)]
    ran = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "memory ran out while using" in ran.stdout
    assert "can be written again" in ran.stderr
    assert ran.stdout.endswith("\n1\n")
    check_file(path)


async def test_a_loss_is_written_down_though_nothing_else_waits(path: pathlib.Path) -> None:
    """What is dropped, since it is too much by itself, may be all that waits."""
    async with sake_lite.SQLiteCache(path, busy_timeout=0.05, max_pending_rows=5) as cache:
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=[samples.member(1)], member_count=1))
        assert await cache.members_complete(GUILD)
        with _locked(path):
            members = [samples.member(number) for number in range(2, 10)]
            await _dispatch(cache, "GUILD_CREATE", samples.guild_create(members=members, member_count=9))
            await _until(lambda: cache.stats().dropped_rows > 0)
            assert cache.stats().queued_rows == 0
        await _until(lambda: cache.stats().last_error is None)
        assert not await cache.members_complete(GUILD)
    check_file(path)


async def test_after_events_were_dropped_no_guild_s_members_count_as_complete(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path, max_pending_rows=10) as cache:
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=[samples.member()], member_count=1))
        assert await cache.members_complete(GUILD)
        await _limit_pages(cache, 1)
        # READY is old, but nothing would make up for it.
        await _dispatch(cache, "READY", {"user": samples.me(1), "guilds": [{"id": str(GUILD)}]})
        await _dispatch(cache, "GUILD_CREATE", samples.guild_create(5, channels=[samples.channel(name="x" * 50_000)]))
        await _until(lambda: cache.stats().last_error is not None)
        await _dispatch(cache, "GUILD_MEMBER_ADD", samples.member(5, nick="x" * 50_000, guild_id=str(GUILD)))
        for number in range(1, 11):
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": _large(number)})
        assert cache.stats().dropped_rows > 0
        await _limit_pages(cache, None)
        await cache.flush()
        assert not await cache.members_complete(GUILD), "who joined was among what was dropped"
        assert (await cache.get_me()).id == 1
        assert cache.stats().queued_rows == 0
    check_file(path)


async def test_closing_after_events_were_dropped_gives_up_once(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That something was dropped is to be written down, too; where that cannot be done, it is lost with the rest."""
    cache = sake_lite.SQLiteCache(path, busy_timeout=0.05, max_pending_rows=2)
    await cache.open()
    with _locked(path), caplog.at_level(logging.WARNING, "hikari.sake_lite"):
        for number in range(1, 6):
            await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(number)})
        await _until(lambda: cache.stats().dropped_rows > 0)
        write = asyncio.ensure_future(cache.set_role(GUILD, samples.role(6)))
        await asyncio.sleep(0)
        await cache.close()
        with pytest.raises(BackendError):
            await write
    assert len([record for record in caplog.records if "lost at closing" in record.message]) == 1
    async with cache:
        assert await cache.iter_roles().len() == 0
    check_file(path)
