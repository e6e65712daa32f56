"""What is measured of each side, and what is hoped for.

Every measurement is one turn of one side: it prepares what it needs, lets the collector rest, and returns one figure.
`__main__` has the sides take turns, since the machine's speed drifts.
"""

from __future__ import annotations

__all__ = ["OPERATIONS", "Operation", "World", "median_call"]

import asyncio
import collections.abc
import dataclasses
import gc
import itertools
import statistics
import time
import typing

from . import payloads
from .sides import Side

# How many reads and writes of a turn are timed one by one, and how many more come before them, untimed.
_CALLS: typing.Final[int] = 500
_WARMING: typing.Final[int] = 100

# How many reads are timed together where one is too quick.
_BLOCK: typing.Final[int] = 50

# How often the event loop is asked whether it is free, in seconds.
_HEARTBEAT: typing.Final[float] = 0.0005


class World:
    """What all turns share: the members, and how far they were used up.

    Parameters
    ----------
    members
        How many members the guild has.
    many
        How many messages come at once, and members are asked for at once.
    """

    def __init__(self, members: int, many: int) -> None:
        self.ids = payloads.member_ids(members)
        self.events = payloads.guild_events(self.ids)
        self.many = many
        self.numbers = itertools.count()
        self._rest = itertools.cycle(self.ids)

    def some(self, count: int) -> list[int]:
        """Return others of the members at each call, as far as there are."""
        return list(itertools.islice(self._rest, min(count, len(self.ids))))


Measurement: typing.TypeAlias = "collections.abc.Callable[[Side, World], collections.abc.Awaitable[float]]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One line of the table, measured of all sides in turns.

    Parameters
    ----------
    key
        Its name in `benchmarks.json`.
    title
        What is done.
    unit
        What the figures are in; less is better.
    measure
        One turn of one side.
    reach, aim
        How many times as fast as Sake it should be, at least and hopefully.
    most, hoped
        What it should take, at most and hopefully, in `unit`, whatever Sake takes.
    beside_memory
        How many times what hikari's own cache takes it should take, hopefully.
    """

    key: str
    title: str
    unit: str
    measure: Measurement
    reach: float | None = None
    aim: float | None = None
    most: float | None = None
    hoped: float | None = None
    beside_memory: float | None = None


def _rest() -> None:
    """Keep the collector from looking, in the middle of a measurement, at what was there before it."""
    gc.collect()
    gc.freeze()


async def _timed(work: collections.abc.Awaitable[object]) -> float:
    """Return how long something takes, in microseconds."""
    _rest()
    start = time.perf_counter()
    await work
    return (time.perf_counter() - start) * 1e6


async def median_call(
    call: collections.abc.Callable[[typing.Any], collections.abc.Awaitable[object]],
    arguments: collections.abc.Sequence[object],
) -> float:
    """Return the median of what a call takes, in microseconds, once it has been made a few times."""
    times: list[float] = []
    for number, argument in enumerate(arguments):
        if number == min(_WARMING, len(arguments) - 1):
            _rest()
            times.clear()
        start = time.perf_counter()
        await call(argument)
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


async def _first_time(side: Side, world: World) -> float:
    await side.start()
    return await _timed(side.take_in(world.events)) / len(world.ids)


async def _again(side: Side, world: World) -> float:
    return await _timed(side.take_in(world.events)) / len(world.ids)


async def _messages(side: Side, world: World) -> float:
    events = payloads.messages(world.some(world.many), first=next(world.numbers) * world.many)
    return await _timed(side.take_in(events, at_once=True)) / len(events)


async def _seen_lately(side: Side, world: World) -> float:
    """Time blocks of calls: where a side works in memory, looking at the clock would be part of what is seen."""
    user_ids = world.some(_BLOCK)
    for user_id in user_ids:
        await side.get_member(user_id)

    _rest()
    times: list[float] = []
    for _ in range(_CALLS // _BLOCK):
        start = time.perf_counter()
        for user_id in user_ids:
            await side.get_member(user_id)
        times.append((time.perf_counter() - start) * 1e6 / len(user_ids))
    return statistics.median(times)


async def _not_seen(side: Side, world: World) -> float:
    await side.forget()
    return await median_call(side.get_member, world.some(_WARMING + _CALLS))


async def _gathered(side: Side, world: World) -> float:
    await side.forget()
    user_ids = world.some(world.many)
    return await _timed(asyncio.gather(*(side.get_member(user_id) for user_id in user_ids))) / len(user_ids)


async def _iterated(side: Side, world: World) -> float:
    await side.forget()
    return await _timed(side.iterate()) / len(world.ids)


async def _changed(side: Side, world: World) -> float:
    nickname = f"nickname {next(world.numbers)}"
    # Sake only builds members whose payload names the guild, and does not add it.
    guild_id = str(payloads.GUILD)
    news = (payloads.member(user_id, nickname) for user_id in world.some(_WARMING + _CALLS))
    return await median_call(side.set_member, [{**payload, "guild_id": guild_id} for payload in news])


async def _stall(work: collections.abc.Awaitable[object]) -> float:
    """Return for how long, at most, the event loop had no turn for anybody else, in milliseconds."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            start = time.perf_counter()
            await asyncio.sleep(_HEARTBEAT)
            longest = max(longest, time.perf_counter() - start - _HEARTBEAT)

    _rest()
    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)
    await work
    await asyncio.sleep(2 * _HEARTBEAT)  # the last beat ends after the work
    heart.cancel()
    return longest * 1e3


async def _stall_taking_in(side: Side, world: World) -> float:
    await side.start()
    return await _stall(side.take_in(world.events))


async def _stall_iterating(side: Side, world: World) -> float:
    return await _stall(side.iterate())


OPERATIONS: typing.Final[tuple[Operation, ...]] = (
    Operation(
        key="first_time",
        title="GUILD_CREATE and chunks in, first time, with users",
        unit="µs a member",
        measure=_first_time,
        reach=1.3,
        aim=1.8,
    ),
    Operation(key="again", title="the same again, unchanged", unit="µs a member", measure=_again, reach=1.8, aim=2.5),
    Operation(
        key="messages", title="1,000 MESSAGE_CREATE at once", unit="µs a message", measure=_messages, reach=2.7, aim=4
    ),
    Operation(
        key="seen_lately",
        title="get_member, row seen lately",
        unit="µs",
        measure=_seen_lately,
        reach=8,
        beside_memory=4,
    ),
    Operation(key="not_seen", title="get_member, row not seen before", unit="µs", measure=_not_seen, reach=1, aim=1.3),
    Operation(
        key="gathered",
        title="1,000 different members at once by gather",
        unit="µs a member",
        measure=_gathered,
        reach=2.5,
        aim=4,
    ),
    Operation(
        key="iterated", title="iterate a guild's members", unit="µs a member", measure=_iterated, reach=1.3, aim=2
    ),
    Operation(
        key="changed",
        title="awaited set_member of a changed member",
        unit="µs",
        measure=_changed,
        reach=1.7,
        aim=2.5,
    ),
    Operation(
        key="stall_iterating",
        title="longest stall while 10,000 members are iterated",
        unit="ms",
        measure=_stall_iterating,
        most=15,
        hoped=5,
    ),
    Operation(
        key="stall_taking_in",
        title="longest stall while 10,000 members come in",
        unit="ms",
        measure=_stall_taking_in,
        most=15,
        hoped=5,
    ),
)
