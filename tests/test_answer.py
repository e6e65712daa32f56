"""Whoever awaits the cache is a task like any other: it can be cancelled, keeps its context, and goes on once."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import typing

import hypothesis
import hypothesis.strategies as st
import pytest
import samples
from samples import GUILD

import sake_lite
from sake_lite._answer import Answer

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

_NAME: contextvars.ContextVar[str] = contextvars.ContextVar("_NAME")


async def _nicknames(cache: sake_lite.SQLiteCache) -> set[str | None]:
    return {member.nickname async for member in cache.iter_members_for_guild(GUILD)}


async def test_a_caller_goes_on_as_its_own_task_in_its_own_context(cache: sake_lite.SQLiteCache) -> None:
    async def use(name: str, number: int) -> None:
        task = asyncio.current_task()
        _NAME.set(name)
        for _ in range(20):
            await cache.set_member(GUILD, samples.member(number, nick=name))
            await cache.get_member(GUILD, number)
            assert (_NAME.get(), asyncio.current_task()) == (name, task)

    await asyncio.gather(*(use(f"caller {number}", number) for number in range(1, 20)))
    assert await _nicknames(cache) == {f"caller {number}" for number in range(1, 20)}


async def test_a_caller_that_has_enough_of_waiting_goes_on_and_what_it_asked_for_is_done(
    cache: sake_lite.SQLiteCache,
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await cache.set_member(GUILD, samples.member(1, nick="patient"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cache.get_user(1), 0)
    assert await _nicknames(cache) == {"patient"}


async def test_a_caller_is_told_why_it_was_cancelled(cache: sake_lite.SQLiteCache) -> None:
    reading = asyncio.create_task(cache.get_member(GUILD, 1))
    await asyncio.sleep(0)
    assert reading.cancel("no longer needed")
    assert not reading.done()
    with pytest.raises(asyncio.CancelledError, match="no longer needed"):
        await reading


async def test_a_caller_may_cancel_others_whose_answers_came_with_its_own(cache: sake_lite.SQLiteCache) -> None:
    """They are cancelled as they go on: as with asyncio's own futures, a cancellation is not lost."""
    others: list[asyncio.Task[None]] = []

    async def write_first() -> None:
        await cache.set_member(GUILD, samples.member(2))
        assert [other.cancel() for other in others] == [True] * 3

    before = asyncio.create_task(cache.set_member(GUILD, samples.member(1)))
    await asyncio.sleep(0)  # while its commit is under way, the others wait, and are committed together
    first = asyncio.create_task(write_first())
    others += [asyncio.create_task(cache.set_member(GUILD, samples.member(number))) for number in (3, 4, 5)]
    await asyncio.gather(before, first)
    assert cache.stats().commits == 2
    ended = await asyncio.gather(*others, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
    assert await cache.iter_members_for_guild(GUILD).len() == 5


async def test_a_caller_may_close_the_cache_and_open_it_as_soon_as_it_goes_on(cache: sake_lite.SQLiteCache) -> None:
    async def close_and_open() -> None:
        await cache.set_member(GUILD, samples.member(1))
        await cache.close()
        await cache.open()

    async def write(number: int) -> None:
        await cache.set_member(GUILD, samples.member(number))

    await asyncio.gather(close_and_open(), *(write(number) for number in range(2, 10)))
    assert await cache.iter_members_for_guild(GUILD).len() == 9


_PROGRAM: typing.Final = """
import asyncio, sys
import sake_lite

async def write(cache, number):
    try:
        await cache.set_member(1_000, {"user": {"id": str(number)}, "roles": []})
        if number == 2:
            raise SystemExit(7)
        await cache.get_user(99)
    finally:
        print("over", number)

async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        await asyncio.gather(*(write(cache, number) for number in range(1, 6)))

asyncio.run(main())
"""


def test_a_caller_that_ends_the_program_lets_the_others_end(path: pathlib.Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, path]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 7, ran.stderr
    assert sorted(ran.stdout.splitlines()) == [f"over {number}" for number in range(1, 6)]


# By itself.


async def test_it_is_what_asyncio_takes_for_a_future() -> None:
    assert asyncio.isfuture(Answer[int](asyncio.get_running_loop()))


async def test_one_that_is_there_is_returned_or_raised_without_waiting() -> None:
    answer = Answer[int](asyncio.get_running_loop())
    answer.set_result(7)
    answer.resume()
    assert await answer == 7

    answer = Answer[int](asyncio.get_running_loop())
    answer.set_exception(ValueError("there is none"))
    with pytest.raises(ValueError, match="there is none"):
        await answer


async def test_only_one_task_may_await_it() -> None:
    """The second is told, so that neither waits for ever."""
    answer = Answer[int](asyncio.get_running_loop())

    async def wait() -> int:
        return await answer

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    with pytest.raises(RuntimeError, match="another task awaits this already"):
        await second
    answer.set_result(7)
    answer.resume_soon()
    assert await first == 7


async def test_who_goes_on_before_it_is_there_is_told(cache: sake_lite.SQLiteCache) -> None:
    """And not that there is no such entry; asyncio's own tasks never do that."""
    reading = cache.get_member(GUILD, 1)
    reading.send(None)
    with pytest.raises(RuntimeError, match="has no answer yet"):
        reading.send(None)


async def test_it_cannot_be_awaited_in_another_event_loop() -> None:
    answer = Answer[int](asyncio.get_running_loop())

    async def wait() -> int:
        return await answer

    def run() -> None:
        with pytest.raises(RuntimeError, match="attached to a different loop"):
            asyncio.run(wait())

    await asyncio.to_thread(run)


_STEPS = st.lists(
    st.tuples(st.sampled_from(["give", "raise", "cancel", "turn of the loop"]), st.integers(0, 2)), max_size=30
)


class _Waiters:
    """Tasks that await one answer each, of ours or of asyncio's own kind."""

    def __init__(self, make: collections.abc.Callable[[], Answer[int] | asyncio.Future[int]]) -> None:
        self._answers = [make() for _ in range(3)]
        self.tasks = [asyncio.create_task(self._wait(answer)) for answer in self._answers]

    async def _wait(self, answer: Answer[int] | asyncio.Future[int]) -> str:
        try:
            return f"given {await answer}"
        except ValueError as error:
            return f"raised {error}"
        except asyncio.CancelledError as error:
            return f"cancelled {error} while {answer.done() and 'it was there'}"

    def step(self, name: str, number: int) -> None:
        answer = self._answers[number]
        if name == "cancel":
            self.tasks[number].cancel(f"by {number}")
        elif not answer.done():
            if name == "give":
                answer.set_result(number)
            else:
                answer.set_exception(ValueError(number))

    def resume(self) -> None:
        for answer in self._answers:
            if isinstance(answer, Answer):
                answer.resume_soon()


@hypothesis.settings(deadline=None, max_examples=200, print_blob=True)
@hypothesis.given(_STEPS)
def test_tasks_end_as_with_futures_whatever_comes_when(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = _Waiters(lambda: Answer(loop)), _Waiters(loop.create_future)
        await asyncio.sleep(0)  # all wait
        for name, number in [*steps, *(("give", number) for number in range(3)), ("turn of the loop", 0)]:
            if name == "turn of the loop":
                ours.resume()
                await asyncio.sleep(0)
            else:
                ours.step(name, number)
                theirs.step(name, number)
        async with asyncio.timeout(10):
            assert await asyncio.gather(*ours.tasks) == await asyncio.gather(*theirs.tasks)

    asyncio.run(run())
