"""What is removed without being asked for, and that it holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import typing

import pytest
import samples
from conftest import check_file
from samples import GUILD, USER

import sake_lite
from sake_lite import _config, _housekeeping
from sake_lite._session import Session

if typing.TYPE_CHECKING:
    import pathlib

DAY = 86_400_000


async def _tidy(cache: sake_lite.SQLiteCache) -> None:
    """Do now what is done every minute."""
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    await session.housekeeping.tidy()


def _later(monkeypatch: pytest.MonkeyPatch, milliseconds: int) -> None:
    moment = _config.now() + milliseconds
    monkeypatch.setattr(_config, "now", lambda: moment)


def _count(path: pathlib.Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as other:
        ((count,),) = other.execute(f"SELECT count(*) FROM {table}").fetchall()
    return count


async def _chunk(cache: sake_lite.SQLiteCache, numbers: range) -> None:
    members = [samples.member(number) for number in numbers]
    await cache.ingest("GUILD_MEMBERS_CHUNK", {"guild_id": str(GUILD), "members": members})


async def test_users_that_nobody_refers_to_go_and_the_others_stay(
    cache: sake_lite.SQLiteCache, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where those to keep and those to remove are mixed over many steps."""
    await _chunk(cache, range(1, 2_001))
    for number in range(1, 2_001, 3):
        await cache.delete_member(GUILD, number)
    _later(monkeypatch, 2 * DAY)
    kept = [number for number in range(1, 2_001) if number % 3 != 1]
    assert [user.id async for user in cache.iter_users()] == kept
    assert _count(path, "users") == 2_000
    await _tidy(cache)
    assert _count(path, "users") == len(kept)
    assert [user.id async for user in cache.iter_users()] == kept


async def test_users_that_members_keep_cost_the_writer_nothing(
    cache: sake_lite.SQLiteCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _chunk(cache, range(1, 1_501))
    _later(monkeypatch, 2 * DAY)
    before = cache.stats().batches
    await _tidy(cache)
    assert cache.stats().batches == before


async def test_no_step_is_large(
    cache: sake_lite.SQLiteCache, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other writes come in between: they wait for one step at most."""
    await _chunk(cache, range(1, 3_001))
    await cache.clear_members()
    _later(monkeypatch, 2 * DAY)
    left: list[int] = []
    tidying = asyncio.create_task(_tidy(cache))
    while not tidying.done():
        await cache.set_role(GUILD, samples.role(len(left) + 1))
        left.append(_count(path, "users"))
    await tidying
    steps = [before - after for before, after in zip([3_000, *left], left, strict=False)]
    assert len(left) > 4
    assert max(steps) <= 1_000
    assert left[-1] == 0


async def test_the_file_shrinks(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await asyncio.gather(*(cache.set_message(samples.message(n, content="x" * 900)) for n in range(1, 4_001)))
        await cache.set_role(GUILD, samples.role(1))
        session = cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        await session.fold_log()
        large = path.stat().st_size
        assert large > 4_000_000

        _later(monkeypatch, 2 * DAY)
        before = cache.stats().batches
        await _tidy(cache)
        assert cache.stats().batches - before < 20, "many rows and many pages for each step"
        assert path.stat().st_size < large / 8, "while it is open, too"
        assert (await cache.get_role(1)).id == 1
    check_file(path)


async def test_a_file_that_is_in_use_keeps_a_reserve(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    """Pages that will be wanted again are not given back, which would wear out the disk for nothing."""
    await asyncio.gather(*(cache.set_message(samples.message(n, content="x" * 900)) for n in range(1, 2_001)))
    for number in range(1, 101):
        await cache.delete_message(number)
    before = cache.stats().batches
    await _tidy(cache)
    assert cache.stats().batches == before
    assert await cache.iter_messages().len() == 1_900


async def test_it_goes_on_after_something_cancelled_all_tasks(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_housekeeping, "_INTERVAL", 0.01)
    async with sake_lite.SQLiteCache(path) as cache:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        await cache.set_user(samples.user(USER), expire_time=0)
        async with asyncio.timeout(10):
            while _count(path, "users"):
                await asyncio.sleep(0.01)
    check_file(path)
    assert [task.get_name() for task in asyncio.all_tasks() if "sake_lite" in task.get_name()] == []
