"""A SQLite connection on a thread of its own.

aiosqlite owns the thread and the hop to it; the way back is ours (`_callbacks.py`). What is wanted of it beyond its
public surface, several statements in one hop and a thread that does not keep a forgotten program alive, is taken here
and nowhere else, which is why aiosqlite's minor version is pinned.
"""

from __future__ import annotations

__all__ = ["Connection", "Mode", "decode_text"]

import asyncio
import functools
import logging
import typing

import aiosqlite

from . import errors
from ._answer import Answer
from ._callbacks import Callbacks

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib
    import sqlite3

    P = typing.ParamSpec("P")
    T = typing.TypeVar("T")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# How long a thread may take to finish what it was given before a closing program stops waiting for it, in seconds.
_CLOSE_TIMEOUT: typing.Final[float] = 30.0


Mode: typing.TypeAlias = typing.Literal["ro", "rw", "ro&immutable=1"]


class Connection:
    """One connection to one file, used through functions that run on its thread.

    Parameters
    ----------
    path
        The file, as errors name it.
    connection
        The aiosqlite connection to drive, already connected.
    """

    __slots__ = ("_callbacks", "_closed", "_connection", "_done", "_given", "_loop", "path")

    def __init__(self, path: pathlib.Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._closed = False
        self._connection = connection
        self._done = 0  # of how many functions the thread has been given; counted by itself
        self._given = 0
        self._loop = asyncio.get_running_loop()
        self._callbacks = Callbacks(self._loop)

    @classmethod
    async def connect(cls, path: pathlib.Path, *, mode: Mode, busy_timeout: float) -> Connection:
        """Connect to an existing file.

        Parameters
        ----------
        path
            The file, absolute.
        mode
            `"ro"` to read only, `"rw"` to write, `"ro&immutable=1"` to read what nobody can change.
        busy_timeout
            How long SQLite waits for another process's lock, in seconds.

        Raises
        ------
        BackendError
            If the file cannot be opened.
        """
        # A file: URI built by hand opens another file where the name has a ?, # or %.
        connection = aiosqlite.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=busy_timeout,
            isolation_level=None,  # transactions are begun by name, IMMEDIATE, and never by Python's guess
            cached_statements=512,
            check_same_thread=False,  # for `abandon`, where the thread is dead
        )
        # Else a program that forgets to close, or dies of an exception, would hang at its end for ever.
        thread = connection._thread  # pyright: ignore[reportPrivateUsage]
        thread.daemon = True
        with errors.from_backend(path):
            try:
                await connection
            except BaseException:
                # It ends by itself, but must not be left to tell that to an event loop that is gone.
                await asyncio.to_thread(thread.join, _CLOSE_TIMEOUT)
                raise

        # A damaged text must not keep its neighbours from being read; what it says is compared with the payload.
        connection.text_factory = decode_text
        return cls(path, connection)

    @property
    def is_busy(self) -> bool:
        """Whether the thread has not done all yet that it was given."""
        return self._done != self._given

    async def run(
        self,
        function: collections.abc.Callable[typing.Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call `function(connection, *args, **kwargs)` on the thread: one hop, however many statements it runs.

        Cancelling the caller does not stop the function.

        Raises
        ------
        BackendError
            For whatever SQLite raises in it.
        ClosedClient
            If the connection is closed.
        """
        answer: Answer[T] = Answer(self._loop)

        def end(result: T | None, fault: Exception | None) -> None:
            if answer.done():
                return
            if fault is None:
                answer.set_result(typing.cast("T", result))
            else:
                answer.set_exception(fault)
            answer.resume()

        self.post(end, function, *args, **kwargs)
        with errors.from_backend(self.path):
            return await answer

    def post(
        self,
        then: collections.abc.Callable[[T | None, Exception | None], object],
        function: collections.abc.Callable[typing.Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Have a function called as `run` does, and then `then`, in the event loop, with what it returned or raised.

        What was given first is answered first, by `run` as well.

        Raises
        ------
        ClosedClient
            If the connection is closed.
        """
        if self._closed:
            raise errors.ClosedClient("the cache was closed meanwhile")

        aiosqlite_connection: typing.Any = self._connection
        callbacks = self._callbacks

        def call() -> None:
            try:
                result = function(aiosqlite_connection._conn, *args, **kwargs)
            except Exception as exception:  # noqa: BLE001 - it is passed on
                callbacks.call(functools.partial(then, None, exception))
            else:
                callbacks.call(functools.partial(then, result, None))
            finally:
                self._done += 1

        self._given += 1
        aiosqlite_connection._tx.put_nowait((None, call))

    async def close(self) -> None:
        """Close the connection, after what its thread was already given; once for each connection."""
        self._closed = True
        try:
            with errors.from_backend(self.path):
                await asyncio.wait_for(self._connection.close(), _CLOSE_TIMEOUT)
        except errors.BackendError as exception:
            _LOGGER.error("closing a connection to %s failed: %s", self.path, exception)
        finally:
            self._callbacks.close()

    def abandon(self) -> None:
        """Let go of a connection whose event loop is gone, without waiting for its thread."""
        self._closed = True
        self._callbacks.close()
        aiosqlite_connection: typing.Any = self._connection
        if aiosqlite_connection._thread.is_alive():
            aiosqlite_connection.stop()
        else:
            # It died of the loop's end, and nobody else will close what it leaves.
            aiosqlite_connection._conn.close()


def decode_text(data: bytes) -> str:
    """Decode a text that SQLite returns, whatever is in it."""
    return data.decode("utf-8", "surrogateescape")
