"""Having a thread's callbacks called in the event loop, for less than `call_soon_threadsafe` takes.

asyncio wakes its loop through a pair of sockets, which it reads twice, and only after the callbacks: meanwhile what
those gave the thread to do waits for the interpreter's lock. Linux has a counter for this, `eventfd`, which is written
and read once. Where there is none, or the loop cannot watch it, asyncio's own way does.
"""

from __future__ import annotations

__all__ = ["Callbacks"]

import collections
import collections.abc
import contextvars
import io
import os
import sys
import threading
import typing

if typing.TYPE_CHECKING:
    import asyncio

    _Callback: typing.TypeAlias = collections.abc.Callable[[], object]

# What is added to the counter, and how many bytes it is read as.
_ONE: typing.Final[bytes] = (1).to_bytes(8, sys.byteorder)


class Callbacks:
    """The callbacks that threads have called in one event loop, in order.

    Parameters
    ----------
    loop
        The event loop, which runs.
    """

    __slots__ = ("_counter", "_is_calling", "_lock", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_calling = False
        self._lock = threading.Lock()  # else the counter may be closed while it is written, and its number given away
        self._loop = loop
        self._waiting: collections.deque[_Callback] = collections.deque()
        self._counter = self._watched_counter()

    def _watched_counter(self) -> io.FileIO | None:
        """Return a counter that the loop watches, if there can be one."""
        if sys.platform != "linux" or not hasattr(os, "eventfd"):
            return None

        try:
            counter = io.FileIO(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), "r+")
        except OSError:  # too many files are open
            return None

        try:
            # Outside of the context of whoever opens the cache, which callbacks of threads have nothing to do with.
            contextvars.Context().run(self._loop.add_reader, counter, self._on_counted)
        except (NotImplementedError, OSError):  # it watches no files, or no more of them
            counter.close()
            return None

        return counter

    def call(self, callback: _Callback) -> None:
        """Have a callback called in the event loop; from any thread.

        Raises
        ------
        RuntimeError
            If the loop is closed, as far as that is noticed; nobody is left to call it then.
        """
        self._waiting.append(callback)
        with self._lock:
            # A callback may run the loop, as notebooks can have it, which cannot enter `_on_counted` once more.
            if self._counter is not None and not self._is_calling:
                self._counter.write(_ONE)
                return

        self._loop.call_soon_threadsafe(self._call_waiting)

    def close(self) -> None:
        """Let go of the counter; what comes yet is called all the same, if the loop is not closed itself."""
        with self._lock:
            counter, self._counter = self._counter, None
        if counter is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(counter)
            counter.close()
        if self._waiting and not self._loop.is_closed():
            self._loop.call_soon(self._call_waiting)

    def _on_counted(self) -> None:
        if self._counter is not None:
            self._counter.read(len(_ONE))
        self._is_calling = True
        try:
            self._call_waiting()
        finally:
            self._is_calling = False

    def _call_waiting(self) -> None:
        for _ in range(len(self._waiting)):
            if not self._waiting:  # the loop ran in one of them, and has called the others
                return
            callback = self._waiting.popleft()
            try:
                callback()
            except BaseException:
                # It is the loop's to report. It ends this turn, but the others must not wait for whatever comes next.
                self._loop.call_soon(self._call_waiting)
                raise
