"""What is taken from aiosqlite beyond its public surface; these fail where an upgrade of it changes that."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import typing

import pytest

from sake_lite import BackendError, ClosedClient
from sake_lite._connection import Connection

if typing.TYPE_CHECKING:
    import pathlib


@pytest.fixture
async def connection(path: pathlib.Path) -> typing.AsyncIterator[Connection]:
    path.touch()
    connection = await Connection.connect(path, mode="rw", busy_timeout=1)
    yield connection
    await connection.close()


async def test_a_function_runs_in_one_hop_on_the_connection_s_own_thread(connection: Connection) -> None:
    def function(raw: sqlite3.Connection, number: int, *, more: int) -> tuple[int, threading.Thread]:
        raw.execute("CREATE TABLE t (a)")
        raw.execute("INSERT INTO t VALUES (?)", (number,))
        ((found,),) = raw.execute("SELECT a + ? FROM t", (more,)).fetchall()
        return found, threading.current_thread()

    found, thread = await connection.run(function, 5, more=2)
    assert found == 7
    assert thread is not threading.current_thread()
    assert thread.daemon, "a program that forgets to close must end"


async def test_nothing_leaves_in_its_own_shape(connection: Connection) -> None:
    for fault in (sqlite3.OperationalError("x"), MemoryError(), OSError("x"), UnicodeDecodeError("x", b"x", 0, 1, "x")):

        def fail(_: sqlite3.Connection, fault: Exception = fault) -> None:
            raise fault

        with pytest.raises(BackendError, match=r"bot\.db") as caught:
            await connection.run(fail)
        assert caught.value.base_exception is fault
        assert caught.value.__cause__ is fault


async def test_cancelling_a_caller_does_not_stop_the_function(connection: Connection) -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def function(_: sqlite3.Connection) -> None:
        may_end.wait(10)
        has_ended.set()

    caller = asyncio.ensure_future(connection.run(function))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    may_end.set()
    await connection.run(lambda _: None)
    assert has_ended.is_set()


async def test_a_closed_connection(path: pathlib.Path) -> None:
    path.touch()
    connection = await Connection.connect(path, mode="ro", busy_timeout=1)
    await connection.close()
    with pytest.raises(ClosedClient):
        await connection.run(lambda _: None)


async def test_a_file_that_is_not_there(path: pathlib.Path) -> None:
    with pytest.raises(BackendError, match="cannot be opened"):
        await Connection.connect(path, mode="rw", busy_timeout=1)
    assert not path.exists()


async def test_what_was_given_first_is_answered_first(connection: Connection) -> None:
    answered: list[int] = []

    async def ask(number: int) -> None:
        await connection.run(lambda _: None)
        answered.append(number)

    def fail(_: sqlite3.Connection) -> None:
        raise ValueError

    asked: list[asyncio.Task[None]] = []
    for number in range(0, 60, 3):
        connection.post(lambda _, fault, number=number: answered.append(number), fail)
        asked.append(asyncio.create_task(ask(number + 1)))
        await asyncio.sleep(0)
        connection.post(lambda _, fault, number=number: answered.append(number + 2), lambda _: None)
    await asyncio.gather(*asked)
    await connection.run(lambda _: None)
    assert answered == [*range(60)]


async def test_a_closing_that_is_cancelled_leaves_nothing_open(path: pathlib.Path) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def function(_: sqlite3.Connection) -> bool:
        has_begun.set()
        return may_end.wait(10)

    path.touch()
    connection = await Connection.connect(path, mode="rw", busy_timeout=1)
    waiting = asyncio.ensure_future(connection.run(function))
    await asyncio.sleep(0)
    await asyncio.to_thread(has_begun.wait, 10)
    closing = asyncio.ensure_future(connection.close())
    await asyncio.sleep(0)
    closing.cancel()
    may_end.set()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert await waiting
    assert connection._callbacks._counter is None  # pyright: ignore[reportPrivateUsage]
