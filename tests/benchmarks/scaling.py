"""How figures grow with the file: from 10,000 members to 1,000,000, in guilds of 10,000.

Each size is measured in a process of its own, so that memory is that of the size alone. Run as a module, it measures
one size and prints it as JSON.
"""

from __future__ import annotations

__all__ = ["FIGURES", "SIZES", "Figure", "measure_all"]

import argparse
import asyncio
import dataclasses
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import psutil

import sake_lite

from . import payloads
from .operations import median_call

if typing.TYPE_CHECKING:
    import collections.abc

SIZES: typing.Final = (10_000, 30_000, 100_000, 150_000, 300_000, 1_000_000)
_GUILD_MEMBERS: typing.Final[int] = 10_000
_CALLS: typing.Final[int] = 600
_OPENINGS: typing.Final[int] = 9
_MIB: typing.Final[int] = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Figure:
    """One thing that is measured at every size."""

    key: str
    title: str
    unit: str


FIGURES: typing.Final = (
    Figure("get", "get_member, row not seen before", "µs"),
    Figure("iterate", "iterate all members", "µs a member"),
    Figure("len", "iter_members().len()", "ms"),
    Figure("ingest", "members and users in", "µs a member"),
    Figure("open", "open the file", "ms"),
    Figure("file", "size of the file", "MiB"),
    Figure("memory", "memory grown after iterating them all", "MiB"),
)


class _Cache(sake_lite.resources.MemberCache, sake_lite.resources.UserCache):
    """Members and users only."""


def measure_all(
    sizes: collections.abc.Iterable[int], tell: collections.abc.Callable[[int], object]
) -> dict[int, dict[str, float]]:
    """Measure every size, one after the other, telling which is next."""
    results: dict[int, dict[str, float]] = {}
    for size in sizes:
        tell(size)
        command = [sys.executable, "-m", __name__, str(size)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results[size] = json.loads(output)
    return results


async def _measure(members: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bot.db")
        cache = _Cache(path)
        places, ingest = await _fill(cache, members)
        opening = await _opening(cache)
        figures = {"ingest": ingest, "open": opening, "file": path.stat().st_size / _MIB}

        await cache.open()
        # The first iteration of a process warms up more than this file.
        await _iterate(cache.iter_members_for_guild(places[0][0]))
        figures["memory"], figures["iterate"] = await _iterating(cache, members)
        asked = random.Random(members).sample(places, min(_CALLS, len(places)))
        figures["get"] = await median_call(lambda place: cache.get_member(*place), asked)
        start = time.perf_counter()
        assert await cache.iter_members().len() == members
        figures["len"] = (time.perf_counter() - start) * 1e3
        await cache.close()
        return figures


async def _fill(cache: _Cache, members: int) -> tuple[list[tuple[int, int]], float]:
    """Fill a file; returns where the members are, and the microseconds that each took."""
    places: list[tuple[int, int]] = []
    spent = 0.0
    await cache.open()
    user_ids = payloads.member_ids(members)
    for number, start in enumerate(range(0, members, _GUILD_MEMBERS)):
        guild_id = payloads.GUILD + number
        of_guild = user_ids[start : start + _GUILD_MEMBERS]
        events = payloads.guild_events(of_guild, guild_id)
        begun = time.perf_counter()
        for event in events:
            await cache.ingest(*event)
        spent += time.perf_counter() - begun
        places += [(guild_id, user_id) for user_id in of_guild]

    await cache.close()
    return places, spent * 1e6 / members


async def _opening(cache: _Cache) -> float:
    times: list[float] = []
    for _ in range(_OPENINGS):
        start = time.perf_counter()
        await cache.open()
        times.append((time.perf_counter() - start) * 1e3)
        await cache.close()
    return statistics.median(times)


async def _iterate(members: sake_lite.CacheIterator[typing.Any]) -> int:
    count = 0
    async for _ in members:
        count += 1
    return count


async def _iterating(cache: _Cache, members: int) -> tuple[float, float]:
    """Return by how many MiB the process grew, and how many microseconds a member took."""
    process = psutil.Process()
    before = process.memory_info().rss
    start = time.perf_counter()
    assert await _iterate(cache.iter_members()) == members
    taken = (time.perf_counter() - start) * 1e6 / members
    return (process.memory_info().rss - before) / _MIB, taken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("members", type=int)
    print(json.dumps(asyncio.run(_measure(parser.parse_args().members))))
