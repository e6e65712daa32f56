"""What one task awaits of a thread, and goes on with at once when it is there.

With a future of asyncio's own, the task goes on in the event loop's next turn, before which the loop looks at its
sockets and its clocks. After a hop to a thread, for which the processor slept, that takes as long as decoding the row
that was read. This is the future-like object that `asyncio.isfuture` tells of, as far as one `await` needs it.
"""

from __future__ import annotations

__all__ = ["Answer", "resume_each"]

import asyncio
import typing

if typing.TYPE_CHECKING:
    import collections.abc
    import contextvars

T = typing.TypeVar("T")


class Answer(typing.Generic[T]):
    """An answer that is yet to come, for the one task that awaits it.

    Whoever gives it says what it is (`set_result`, `set_exception`), brings its own affairs in order, and then lets the
    task go on (`resume`), which runs as if it were called from there; or soon, where that cannot be (`resume_soon`).

    Parameters
    ----------
    loop
        The event loop of the task.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_exception", "_is_done", "_loop", "_result")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False  # the task looks for it, and sets it
        self._callback: collections.abc.Callable[[typing.Self], object] | None = None
        self._context: contextvars.Context | None = None
        self._exception: BaseException | None = None
        self._is_done = False
        self._loop = loop
        self._result: T | None = None

    def __await__(self) -> collections.abc.Generator[typing.Self, None, T]:
        if not self._is_done:
            if self._callback is not None:
                raise RuntimeError("another task awaits this already")
            self._asyncio_future_blocking = True
            yield self
        if not self._is_done:
            raise RuntimeError("a task goes on that has no answer yet: it is not driven by asyncio")
        return self.result()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of the task, which makes sure that it is its own."""
        return self._loop

    def done(self) -> bool:
        """Whether it is there, or the task no longer awaits it."""
        return self._is_done

    def result(self) -> T:
        """Return the answer, or raise what it is instead; that is raised once, and nothing is left to return."""
        if self._exception is not None:
            exception, self._exception = self._exception, None
            try:
                raise exception
            finally:
                del exception  # else it would hold itself, by the traceback of this frame
        return typing.cast("T", self._result)

    def set_result(self, result: T) -> None:
        """Note the answer; `resume` has to follow."""
        self._is_done = True
        self._result = result

    def set_exception(self, exception: BaseException) -> None:
        """Note what is raised instead; `resume` has to follow."""
        self._is_done = True
        self._exception = exception

    def add_done_callback(
        self, callback: collections.abc.Callable[[typing.Self], object], *, context: contextvars.Context
    ) -> None:
        """Note how the task goes on, which asks for this when it begins to wait."""
        self._callback, self._context = callback, context

    def cancel(self, msg: object = None) -> bool:
        """Have the task, which is being cancelled, go on in the event loop's next turn, if it still waits."""
        if self._is_done:
            return False

        self.set_exception(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))
        self.resume_soon()
        return True

    def resume(self) -> None:
        """Let the task go on, if the answer is there, until it awaits something else; for where no task runs."""
        if not self._is_done or self._callback is None or self._context is None:
            return

        callback, self._callback = self._callback, None
        context, self._context = self._context, None
        context.run(callback, self)

    def resume_soon(self) -> None:
        """Let the task go on in the event loop's next turn, as asyncio's own futures do; for where one may run."""
        self._loop.call_soon(self.resume)


def resume_each(answers: collections.abc.Iterable[Answer[typing.Any]]) -> None:
    """Let the tasks that await these go on, one after the other."""
    for answer in (waiting := iter(answers)):
        try:
            answer.resume()
        except BaseException:  # most likely it ends the program; the others are not to hang meanwhile
            for other in waiting:
                other.resume_soon()
            raise
