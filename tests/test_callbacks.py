"""What threads have the event loop call is called there, once and in order, by whatever the loop can be woken with."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import subprocess
import sys
import threading
import typing

import pytest
import samples
from samples import GUILD

import sake_lite
from sake_lite._callbacks import Callbacks

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

_NAME: contextvars.ContextVar[str] = contextvars.ContextVar("_NAME", default="nobody")
_MANY: typing.Final[int] = 500


class _DeafLoop(asyncio.SelectorEventLoop):
    """A loop that watches no files, as the one of Windows does not."""

    fault: Exception = NotImplementedError()

    def add_reader(self, fd: object, callback: object, *args: object) -> typing.NoReturn:
        raise self.fault


class _FullLoop(_DeafLoop):
    """A loop of a user who may have no more files watched."""

    fault = OSError(errno.ENOSPC, "No space left on device")


def _anything(_: pytest.MonkeyPatch) -> None:
    """Leave what the machine has."""


def _no_eventfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd", raising=False)


def _no_files_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> typing.NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "eventfd", refuse, raising=False)


@pytest.fixture(params=[_anything, _no_eventfd, _no_files_left], ids=["anything", "no eventfd", "no files left"])
async def callbacks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> typing.AsyncIterator[Callbacks]:
    request.param(monkeypatch)
    callbacks = Callbacks(asyncio.get_running_loop())
    yield callbacks
    callbacks.close()


async def _call_from_thread(callbacks: Callbacks, *called: collections.abc.Callable[[], object]) -> None:
    """Have these called by a thread, and wait until the last one was."""
    end = asyncio.Event()

    def call() -> None:
        for callback in (*called, end.set):
            callbacks.call(callback)

    thread = threading.Thread(target=call)
    thread.start()
    async with asyncio.timeout(10):
        await end.wait()
    thread.join()


async def test_callbacks_of_several_threads_are_called_in_the_loop_s_own_each_thread_s_in_order(
    callbacks: Callbacks,
) -> None:
    called: dict[str, list[tuple[int, int]]] = {name: [] for name in "abcd"}

    def note(name: str, number: int) -> None:
        called[name].append((number, threading.get_ident()))

    await asyncio.gather(
        *(
            _call_from_thread(callbacks, *(lambda name=name, n=n: note(name, n) for n in range(_MANY)))
            for name in called
        )
    )
    for numbers in called.values():
        assert numbers == [(number, threading.get_ident()) for number in range(_MANY)]


async def test_one_that_fails_is_reported_and_keeps_none_of_the_others_from_being_called(callbacks: Callbacks) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    fault, called = ValueError("a fault"), list[int]()

    def fail() -> None:
        raise fault

    await _call_from_thread(callbacks, lambda: called.append(1), fail, fail, lambda: called.append(2))
    assert called == [1, 2]
    assert reported == [fault, fault]


async def test_callbacks_have_nothing_of_the_context_of_whoever_opened(callbacks: Callbacks) -> None:
    _NAME.set("somebody")
    later = Callbacks(asyncio.get_running_loop())
    names: list[str] = []
    await _call_from_thread(callbacks, lambda: names.append(_NAME.get()))
    await _call_from_thread(later, lambda: names.append(_NAME.get()))
    later.close()
    assert names == ["nobody", "nobody"]


async def test_what_waits_at_closing_is_called_and_so_is_what_comes_yet(callbacks: Callbacks) -> None:
    called: list[int] = []
    callbacks.call(lambda: called.append(1))
    callbacks.close()
    assert not called
    await _call_from_thread(callbacks, lambda: called.append(2))
    assert called == [1, 2]


# What notebooks have installed where cells run a loop that runs already.
_NESTED = """
import asyncio
import nest_asyncio
import sake_lite
import sys

async def main() -> None:
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        for _ in range(20):
            await cache.flush()
            asyncio.get_running_loop().run_until_complete(cache.flush())
            print(asyncio.get_running_loop().run_until_complete(cache.iter_roles().len()))

nest_asyncio.apply()
asyncio.run(main())
"""


def test_a_loop_that_runs_in_a_callback(path: pathlib.Path) -> None:
    command = [sys.executable, "-c", _NESTED, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout.split(), ended.stderr) == (["0"] * 20, "")


def test_a_loop_that_is_closed_calls_nothing_and_leaves_nothing_open() -> None:
    called: list[int] = []
    with asyncio.Runner() as runner:
        callbacks = Callbacks(runner.get_loop())
    callbacks.close()
    with pytest.raises(RuntimeError):
        callbacks.call(lambda: called.append(1))
    assert not called


@pytest.mark.parametrize("loop", [_DeafLoop, _FullLoop])
def test_a_cache_in_a_loop_that_watches_no_files(loop: type[_DeafLoop], path: pathlib.Path) -> None:
    async def use() -> list[int]:
        async with sake_lite.SQLiteCache(path) as cache:
            await asyncio.gather(*(cache.set_role(GUILD, samples.role(number)) for number in range(1, 50)))
            assert (await cache.get_role(7)).id == 7
            return [role.id async for role in cache.iter_roles()]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(use()) == [*range(1, 50)]
