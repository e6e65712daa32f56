"""Many callers at once: order, atomicity, cancelling, and an event loop that stays free."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sqlite3
import time
import typing

import pytest
import samples
from conftest import check_file
from samples import GUILD

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

ROLES = 40


def _guild_with_roles(generation: int) -> samples.Payload:
    roles = [samples.role(generation * 1_000 + number, name=str(generation)) for number in range(ROLES)]
    return samples.guild_create(roles=roles)


async def test_readers_never_see_part_of_a_guild(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    """Fifty GUILD_CREATEs replace all roles of a guild, while readers look at it in every way there is."""
    is_over = False
    seen: list[set[str]] = []

    async def read() -> None:
        while not is_over:
            counted = await cache.iter_roles_for_guild(GUILD).len()
            assert counted in {0, ROLES}
            roles = [role.name async for role in cache.iter_roles_for_guild(GUILD)]
            assert len(roles) in {0, ROLES}
            seen.append(set(roles))

    async def write() -> None:
        nonlocal is_over
        for generation in range(1, 51):
            await cache.ingest("GUILD_CREATE", _guild_with_roles(generation))
        is_over = True

    await asyncio.gather(write(), *(read() for _ in range(4)))
    assert all(len(names) <= 1 for names in seen), "a window holds roles of one generation"
    assert len({name for names in seen for name in names}) > 1, "the readers saw some of it happen"


async def test_another_connection_never_sees_part_of_a_guild(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    """The same from outside, in the file itself, with a guild large enough to be written in many statements."""
    await cache.ingest("GUILD_CREATE", samples.guild_create())
    members = [samples.member(number) for number in range(1, 2_001)]
    counts: set[int] = set()
    with contextlib.closing(sqlite3.connect(path)) as other:
        for _ in range(5):
            writing = asyncio.ensure_future(
                cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=2_000))
            )
            while not writing.done():
                counts.add(other.execute("SELECT count(*) FROM members").fetchone()[0])
                await asyncio.sleep(0)
            counts.add(other.execute("SELECT count(*) FROM members").fetchone()[0])
            await cache.clear_members()
    assert counts == {0, 2_000}


async def test_updates_end_as_the_last_one_queued_says(cache: sake_lite.SQLiteCache) -> None:
    writes = [cache.set_member(GUILD, samples.member(nick=str(number))) for number in range(600)]
    await asyncio.gather(*writes)
    assert (await cache.get_member(GUILD, samples.USER)).nickname == "599"


async def test_a_read_sees_what_was_queued_before_it(cache: sake_lite.SQLiteCache) -> None:
    for number in range(300):
        write = asyncio.ensure_future(cache.set_member(GUILD, samples.member(nick=str(number))))
        await asyncio.sleep(0)  # the call is made, and not yet committed
        assert (await cache.get_member(GUILD, samples.USER)).nickname == str(number)
        assert [member.nickname async for member in cache.iter_members()] == [str(number)]
        await write


@pytest.mark.parametrize("kind", ["a read", "a write"])
async def test_an_iteration_gives_way_to_others(kind: str, cache: sake_lite.SQLiteCache) -> None:
    """Though it has a thousand rows more to give, of a window that it has read."""
    members = [samples.member(number) for number in range(1, 2_001)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=2_000))
    calls: dict[str, collections.abc.Callable[[], collections.abc.Coroutine[typing.Any, typing.Any, object]]] = {
        "a read": lambda: cache.get_member(GUILD, 7),
        "a write": lambda: cache.set_role(GUILD, samples.role(1)),
    }
    given = 0
    call: asyncio.Task[object] | None = None
    async for _ in cache.iter_members():
        given += 1
        if given == 200:
            call = asyncio.create_task(calls[kind]())
        if call is not None and call.done():
            break
    assert given < 1_000


async def test_calls_share_transactions(cache: sake_lite.SQLiteCache) -> None:
    await asyncio.gather(*(cache.set_role(GUILD, samples.role(number)) for number in range(1, 501)))
    stats = cache.stats()
    assert stats.batches == stats.rows == 500
    assert stats.commits < 50


@pytest.mark.parametrize("seed", range(5))
async def test_cancelled_calls_leave_the_cache_working(seed: int, cache: sake_lite.SQLiteCache) -> None:
    print(f"seed {seed}")
    generator = random.Random(seed)
    await cache.set_user(samples.user())

    def call(number: int) -> typing.Coroutine[typing.Any, typing.Any, object]:
        kinds: list[typing.Callable[[], typing.Coroutine[typing.Any, typing.Any, object]]] = [
            lambda: cache.set_role(GUILD, samples.role(number)),
            lambda: cache.get_user(samples.USER),
            lambda: cache.iter_users().len(),
            lambda: cache.ingest("GUILD_CREATE", _guild_with_roles(number)),
            cache.flush,
        ]
        return generator.choice(kinds)()

    for round_number in range(30):
        calls = [asyncio.ensure_future(call(round_number * 100 + number + 1)) for number in range(10)]
        for _ in range(generator.randrange(12)):
            await asyncio.sleep(0)
        for task in calls:
            task.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(result is None or not isinstance(result, Exception) for result in results)

    await cache.set_role(GUILD, samples.role(7, name="after"))
    assert (await cache.get_role(7)).name == "after"
    assert cache.stats().failures == 0


async def _longest_turn(work: typing.Awaitable[object]) -> tuple[float, float]:
    """Return the longest turn of the event loop during some work, and how long the work took, in seconds."""
    working = asyncio.ensure_future(work)
    began = last = time.perf_counter()
    longest = 0.0
    while not working.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await working
    return longest, last - began


async def test_the_event_loop_stays_free(cache: sake_lite.SQLiteCache) -> None:
    """Taking in and iterating over 5,000 members holds the loop for a small part of the time that it takes.

    The best of three counts: the machine may hold the process itself, and that says nothing about the cache.
    """
    members = [samples.member(number) for number in range(1, 5_001)]
    parts_in: list[float] = []
    parts_out: list[float] = []
    for _ in range(3):
        await cache.clear_members()
        payload = samples.guild_create(members=members, member_count=5_000)
        longest, took = await _longest_turn(cache.ingest("GUILD_CREATE", payload))
        parts_in.append(longest / took)
        longest, took = await _longest_turn(cache.iter_members().count())
        parts_out.append(longest / took)

    assert min(parts_in) < 1 / 6
    assert min(parts_out) < 1 / 6
    assert await cache.iter_members().len() == 5_000


async def test_iterating_leaves_turns_to_others(cache: sake_lite.SQLiteCache) -> None:
    """Even in a loop that awaits nothing else: others have theirs after a hundred rows, at the latest."""
    members = [samples.member(number) for number in range(1, 3_001)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=3_000))
    given = 0
    seen: list[int] = []

    async def others() -> None:
        while True:
            seen.append(given)
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    async for _ in cache.iter_members():
        given += 1
    other.cancel()
    assert given == 3_000
    assert max(later - earlier for earlier, later in itertools.pairwise(seen)) <= 100


async def test_tasks_that_share_an_iterator_get_each_row_once(cache: sake_lite.SQLiteCache) -> None:
    await asyncio.gather(*(cache.set_role(GUILD, samples.role(number)) for number in range(1, 901)))
    iterator = cache.iter_roles()
    found = [int((await anext(iterator)).id) for _ in range(150)]

    async def work() -> None:
        async for role in iterator:
            found.append(int(role.id))
            await asyncio.sleep(0)

    await asyncio.gather(work(), work(), work())
    assert sorted(found) == [*range(1, 901)]


async def test_two_caches_on_one_file(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as first, sake_lite.SQLiteCache(path) as second:
        await asyncio.gather(
            *(first.set_role(GUILD, samples.role(number)) for number in range(1, 200)),
            *(second.set_role(GUILD, samples.role(number)) for number in range(1_001, 1_200)),
        )
        assert await first.iter_roles().len() == await second.iter_roles().len() == 398
    check_file(path)
