"""How figures grow with the file: from 10,000 members to 1,000,000, in guilds of 10,000.

Each file is filled in one process and looked at in another, so that memory is that of looking alone; what is compared
between sizes is measured in turns, since a machine's speed drifts. Run as a module, it does one of these for one size,
and prints its figures as JSON.
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
_TURNS: typing.Final[int] = 5
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
    Figure("memory", "memory grown by opening it and iterating", "MiB"),
)


class _Cache(sake_lite.resources.MemberCache, sake_lite.resources.UserCache):
    """Members and users only."""


def measure_all(
    sizes: collections.abc.Iterable[int], tell: collections.abc.Callable[[int], object]
) -> dict[int, dict[str, float]]:
    """Measure every size, one after the other, telling which is next."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: pathlib.Path(folder, f"{size}.db") for size in sizes}
        results: dict[int, dict[str, float]] = {}
        for size, path in paths.items():
            tell(size)
            results[size] = _in_a_process("fill", size, path) | _in_a_process("look", size, path)

        gets: dict[int, list[float]] = {size: [] for size in paths}
        for _ in range(_TURNS):
            for size, path in paths.items():
                gets[size].append(_in_a_process("get", size, path)["get"])
    return {size: figures | {"get": statistics.median(gets[size])} for size, figures in results.items()}


def _in_a_process(task: str, size: int, path: pathlib.Path) -> dict[str, float]:
    command = [sys.executable, "-m", __name__, task, str(size), str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _guilds(members: int) -> dict[int, list[int]]:
    """Return who is in which guild."""
    user_ids = payloads.member_ids(members)
    starts = range(0, members, _GUILD_MEMBERS)
    return {payloads.GUILD + number: user_ids[start : start + _GUILD_MEMBERS] for number, start in enumerate(starts)}


async def _fill(members: int, path: pathlib.Path) -> dict[str, float]:
    spent = 0.0
    async with _Cache(path) as cache:
        for guild_id, user_ids in _guilds(members).items():
            events = payloads.guild_events(user_ids, guild_id)
            begun = time.perf_counter()
            for event in events:
                await cache.ingest(*event)
            spent += time.perf_counter() - begun

    return {"ingest": spent * 1e6 / members, "file": path.stat().st_size / _MIB}


async def _look(members: int, path: pathlib.Path) -> dict[str, float]:
    cache = _Cache(path)
    figures = await _iterating(cache, members)
    start = time.perf_counter()
    assert await cache.iter_members().len() == members
    figures["len"] = (time.perf_counter() - start) * 1e3
    await cache.close()
    return figures | {"open": await _opening(cache)}


async def _get(members: int, path: pathlib.Path) -> dict[str, float]:
    places = [(guild_id, user_id) for guild_id, user_ids in _guilds(members).items() for user_id in user_ids]
    asked = random.Random(members).sample(places, min(_CALLS, len(places)))
    async with _Cache(path) as cache:
        return {"get": await median_call(lambda place: cache.get_member(*place), asked)}


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


async def _iterating(cache: _Cache, members: int) -> dict[str, float]:
    """Open the file and iterate over it, and again: the first time grows memory, the second is timed."""
    process = psutil.Process()
    before = process.memory_info().rss
    await cache.open()
    assert await _iterate(cache.iter_members()) == members
    grown = (process.memory_info().rss - before) / _MIB
    start = time.perf_counter()
    await _iterate(cache.iter_members())
    return {"memory": grown, "iterate": (time.perf_counter() - start) * 1e6 / members}


if __name__ == "__main__":
    tasks = {"fill": _fill, "look": _look, "get": _get}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=tasks)
    parser.add_argument("members", type=int)
    parser.add_argument("path", type=pathlib.Path)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(tasks[arguments.task](arguments.members, arguments.path))))
