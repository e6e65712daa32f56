"""The one task that writes: what is queued (`_queue.py`), committed in groups, in order.

Whoever has something to write submits a batch and, if they asked for it, awaits its answer, which is there after the
commit. The task takes what is queued, lets the writer's thread apply it in one transaction, and gives the answers.
What is awaited goes to the thread without it, if that is free and nothing has failed; then the task only has to see to
what fails.
Where a batch cannot be applied, the group is applied anew with a savepoint for each, so that it is rolled back alone;
where SQLite itself fails, the whole group is, and what nobody awaits is tried again until there is room, in order, up
to `max_pending_rows`.

Awaited batches are not tried again: their callers are told. A lock held by another process is the exception, for which
callers wait out their `busy_timeout`.

A group can end in four ways: it is committed (`_settle_group`); nothing can be written at present, and it waits with
all others (`_put_back`); one batch in it spoilt it, and its batches are written one by one until that one fails alone
(`_blame_one`); or the event loop cancelled the task while the group was with the thread, and whether it was committed
is looked up before anything else is written (`_recover_group`).
"""

from __future__ import annotations

__all__ = ["Writer"]

import asyncio
import collections
import collections.abc
import contextlib
import datetime
import logging
import math
import re
import sqlite3
import time
import typing

from . import _execute, errors
from ._answer import Answer, resume_each
from ._change_log import ChangeLog
from ._chunked import AwaitedTables
from ._gateway import LOSS, lost_batch
from ._queue import WriteQueue
from ._stats import Stats

if typing.TYPE_CHECKING:
    from . import _config
    from ._batch import Batch
    from ._connection import Connection
    from ._gateway import LostEvent
    from ._listeners import Listeners
    from ._memory import RowMemory
    from ._queue import Queued

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# A group holds at most so many rows, unless one batch alone has more: an event is one transaction.
_GROUP_ROWS: typing.Final[int] = 8_000

# How long events wait for others to be committed with, in seconds, while nobody waits for them: every commit writes
# whole pages, however little of them changed. Reading, `set_*` and `flush` do not wait.
_LINGER: typing.Final[float] = 0.1

# Pauses between attempts while nothing can be written, in seconds.
_SHORTEST_PAUSE: typing.Final[float] = 0.01
_FIRST_PAUSE: typing.Final[float] = 0.1
_LONGEST_PAUSE: typing.Final[float] = 5.0

# So many different faults of events are logged as warnings.
_LOGGED_CAUSES: typing.Final[int] = 200

# The number of nothing: below those of all batches that were queued.
_NOTHING_QUEUED: typing.Final[int] = -1

# What tells one entry's fault from another's of the same cause.
_DIGITS: typing.Final = re.compile(r"\d+")


class Writer:
    """The queue and its task.

    Parameters
    ----------
    connection
        The connection that writes, which nothing else uses.
    config
        For `busy_timeout` and `max_pending_rows`.
    memory
        What forgets the rows that a batch may change, once that is queued.
    make_loss
        Returns the batch that is written in the place of events that were lost; empty where nothing depends on them.
    listeners
        Who is told what was changed, once it is committed; `None` where nobody can be.
    on_lost
        Is called with each event that is lost, as soon as that is known.
    """

    __slots__ = (
        "_alone",
        "_awaited",
        "_called",
        "_closing",
        "_config",
        "_connection",
        "_counts",
        "_deadline",
        "_ended",
        "_fault",
        "_is_closed",
        "_last_commit",
        "_last_error",
        "_listeners",
        "_locked_since",
        "_log",
        "_logged",
        "_loop",
        "_memory",
        "_queue",
        "_refusal",
        "_task",
        "_waiters",
        "_wakeup",
        "_writing",
    )

    def __init__(
        self,
        connection: Connection,
        config: _config.Config,
        memory: RowMemory,
        make_loss: collections.abc.Callable[[collections.abc.Sequence[LostEvent]], Batch],
        listeners: Listeners | None = None,
        *,
        on_lost: collections.abc.Callable[[LostEvent], None],
    ) -> None:
        self._alone = 0  # so many batches are written one by one, since one of them spoilt its group
        self._awaited = AwaitedTables()
        # Set where somebody waits, and so deserves an answer at once, or a group is full; events can wait for the disk.
        self._called = asyncio.Event()
        self._closing = False
        self._config = config
        self._connection = connection
        self._counts: collections.Counter[str] = collections.Counter()
        self._deadline: float | None = None  # until when, at closing, what cannot be written is tried again
        self._ended: asyncio.Future[None] | None = None  # of the group that is with the thread
        self._fault: Exception | None = None  # of the last group, until another one is committed
        self._is_closed = False
        self._last_commit: float | None = None
        self._last_error: str | None = None
        self._listeners = listeners
        self._locked_since: float | None = None
        self._log = ChangeLog()
        self._loop = asyncio.get_running_loop()
        self._logged: set[tuple[str, str]] = set()
        self._memory = memory
        self._queue = WriteQueue(memory, make_loss, on_lost)
        self._refusal: errors.BackendError | None = None
        self._waiters: collections.deque[tuple[int, asyncio.Future[None]]] = collections.deque()
        self._wakeup = asyncio.Event()
        self._writing: list[Queued] = []
        self._task = self._start()

    def _start(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run(), name="sake_lite writer")
        task.add_done_callback(self._on_end)
        return task

    def _on_end(self, _: asyncio.Task[None]) -> None:
        if self._queue or self._writing:
            self._go_on()

    def submit(self, batch: Batch) -> None:
        """Queue a batch that nobody waits for; it is kept until it can be written."""
        self._enqueue(batch, None)

    def submit_awaited(self, batch: Batch) -> Answer[list[int]]:
        """Queue a batch; what is returned is to be awaited, for its commit and what its operations came to (`Outcome`).

        That raises a `BackendError` where SQLite failed, and a `ValueError` where a payload was malformed. Cancelling
        it does not undo the batch.

        Raises
        ------
        BackendError
            If the writer refuses what is awaited (`refuse`).
        ClosedClient
            If the writer is closed.
        """
        if self._refusal is not None:
            self.lose(lost_batch(batch))
            raise errors.BackendError(self._refusal.message)

        answer: Answer[list[int]] = Answer(self._loop)
        self._enqueue(batch, answer)
        return answer

    def refuse(self, error: errors.BackendError | None) -> None:
        """Raise an error for all that is awaited from now on, since nobody would find what is written, or no longer."""
        if self._refusal is None and error is not None:
            _LOGGER.error("%s", error)
        elif self._refusal is not None and error is None:
            _LOGGER.warning("%s is there again", self._connection.path)
        self._refusal = error

    @property
    def is_settled(self) -> bool:
        """Whether all that was queued is committed."""
        # Asked at every read.
        return not (self._queue or self._writing)

    async def settled(self) -> bool:
        """Wait until all that is queued at this moment is committed or given up.

        Returns
        -------
        bool
            Whether it is. While nothing can be written, this returns at once, so that reads answer from what is
            committed: that is all, if nothing waits.
        """
        if not self.is_settled and self._last_error is None:
            self._go_on()
            last = self._queue.last_number
            if last is None:
                last = self._writing[-1].number if self._writing else _NOTHING_QUEUED
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append((last, waiter))
            self._write_soon()
            await waiter

        return self._last_error is None or self.is_settled

    def report_malformed(self, event: LostEvent, exception: BaseException) -> None:
        """Log, once for each event and kind of fault, that an event could not be stored and was dropped."""
        self._counts["failures"] += 1
        name = event.name
        cause = (name, _DIGITS.sub("#", str(exception)))
        is_new = cause not in self._logged and len(self._logged) < _LOGGED_CAUSES
        if is_new:
            self._logged.add(cause)
        level = logging.ERROR if isinstance(exception, errors.BackendError) else logging.WARNING
        message = "%s could not be stored and is dropped: %.500s"
        _LOGGER.log(level if is_new else logging.DEBUG, message, name, exception)
        self.lose(event)

    def lose(self, event: LostEvent) -> None:
        """Queue, in the place of an event that is lost, that what depends on it is void."""
        if event.name == LOSS:
            return

        if loss := self._queue.lose(event):
            self._enqueue(loss, None, lost=(event,))

    def stats(self) -> Stats:
        """Return what was done and what is yet to do."""
        last_commit = self._last_commit
        return Stats(
            queued_batches=len(self._queue) + len(self._writing),
            queued_rows=self._queue.rows,
            batches=self._counts["batches"],
            rows=self._counts["rows"],
            commits=self._counts["commits"],
            last_commit=None if last_commit is None else datetime.datetime.fromtimestamp(last_commit, datetime.UTC),
            failures=self._counts["failures"],
            dropped_rows=self._counts["dropped_rows"],
            last_error=self._last_error,
        )

    async def close(self) -> None:
        """Write all that is queued and end the task; what cannot be written within `busy_timeout` is lost, loudly."""
        self._closing = True
        self._wakeup.set()
        self._called.set()
        await self._wait_out(self._task)
        # The loop may have cancelled it, as it does with all tasks at the end of `asyncio.run`; it may do so again.
        try:
            while self._queue or self._ended is not None:
                self._task = self._start()
                await self._wait_out(self._task)
                if not self._task.cancelled():
                    self._task.result()  # which raises what nobody foresaw, instead of trying for ever
        finally:
            self._is_closed = True
            self._release_waiters()
        if self._listeners is not None:  # nothing tells of these changes again
            await self._listeners.told()

    @staticmethod
    async def _wait_out(task: asyncio.Task[None]) -> None:
        """Wait until a task has ended, also where whoever waits is cancelled meanwhile."""
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])

    async def _recover_group(self) -> None:
        """Find out what became of the group that was with the thread when the task was cancelled."""
        ended = self._ended
        # The thread does one thing after the other, so once this returns, that group is in the file or never will be.
        await self._connection.run(lambda _: None)
        if self._ended is ended:  # else it was committed, and perhaps the next one is with the thread
            self._ended = self._fault = None
            self._return_group()

    def _enqueue(self, batch: Batch, answer: Answer[list[int]] | None, *, lost: tuple[LostEvent, ...] = ()) -> None:
        if self._is_closed:
            raise errors.ClosedClient("the cache was closed meanwhile")

        self._queue.append(batch, answer, lost=lost)
        if self._last_error is not None and not self._writing:  # else the oldest are with the thread
            self._drop_oldest()

        if self._task.done():
            self._go_on()
        if answer is not None or self._queue.rows >= _GROUP_ROWS:
            self._write_soon()
        else:
            self._wakeup.set()

    def _write_soon(self) -> None:
        """Have what is queued written without waiting for more: by the thread at once, or else by the task."""
        if self._queue and self._ended is None and self._fault is None and self._has_room:
            self._begin_group()  # the task has nothing to do about it, unless it fails
        if self._queue:
            self._wakeup.set()
            self._called.set()

    @property
    def _has_room(self) -> bool:
        """Whether more may be committed before all is told."""
        return self._listeners is None or self._listeners.has_room

    def _go_on(self) -> None:
        """Start the task again where the loop has cancelled it, as `asyncio.run` does before its last tasks end."""
        if self._task.done() and not self._closing:
            self._task = self._start()

    async def _run(self) -> None:
        if self._ended is not None:
            await self._recover_group()

        pause = _FIRST_PAUSE
        while True:
            if not self._has_work:
                if not self._closing:
                    await self._wait_for_work()
                    continue
                if self._ended is None:
                    return

            if self._listeners is not None and not self._has_room:
                await self._listeners.room()
                continue

            cause = await self._write_group()
            if cause is None:
                pause = _FIRST_PAUSE
                continue

            if self._closing:
                self._deadline = self._deadline or time.monotonic() + self._config.busy_timeout
                if time.monotonic() >= self._deadline:
                    self._give_up(cause)
                    return

            await self._pause(pause if self._deadline is None else min(pause, self._deadline - time.monotonic()))
            pause = min(pause * 2, _LONGEST_PAUSE)

    @property
    def _has_work(self) -> bool:
        """Whether the task has something to do: to begin a group, or to see to one that failed."""
        return bool(self._queue) or (self._ended is not None and self._ended.done())

    async def _wait_for_work(self) -> None:
        self._wakeup.clear()
        self._called.clear()
        await self._wakeup.wait()
        if not self._called.is_set():
            await self._wait_for_call(_LINGER)

    async def _pause(self, pause: float) -> None:
        """Wait between two attempts, but not for long where somebody waits for an answer."""
        self._called.clear()
        if not self._closing and (self._waiters or self._queue.is_awaited):
            pause = _SHORTEST_PAUSE

        await self._wait_for_call(pause)

    async def _wait_for_call(self, longest: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._called.wait()

    def _begin_group(self) -> asyncio.Future[None]:
        """Hand the next group to the thread; the future is done when it is committed, and settled, or has failed."""
        group = self._writing = self._take_group()
        ended: asyncio.Future[None] = self._loop.create_future()
        self._ended = ended

        # In the event loop's own turn, so that those who wait for the commit do not wait for the task as well.
        def end(written: _execute.Written | None, fault: Exception | None) -> None:
            self._fault = fault
            try:
                if written is not None:
                    self._settle_group(written.outcomes, written.rows)
                    if written.changes and self._listeners is not None:
                        self._listeners.tell(written.changes)
            finally:
                if not ended.done():
                    ended.set_result(None)
                if fault is None:
                    self._ended = None  # so that the next group can begin, also before the task is told
                else:
                    self._wakeup.set()
                    self._called.set()
                # Last, since whoever waited goes on here, and may come with more.
                resume_each([queued.answer for queued in group if queued.answer is not None])

        batches = [queued.batch for queued in group]
        watched = () if self._listeners is None else self._listeners.watched()
        self._connection.post(end, _execute.write_group, batches, self._awaited, self._log, watched)
        return ended

    async def _write_group(self) -> errors.BackendError | None:
        """Write the next group, if none is being written; return why nothing could be written, or `None`."""
        await (self._ended or self._begin_group())
        if self._fault is None:
            return None

        self._ended = None
        self._memory.clear()  # perhaps it is in the file all the same
        cause = errors.from_sqlite(self._fault, self._connection.path)
        if _execute.is_common_fault(self._fault):
            self._put_back(cause)
            return cause

        self._fault = None
        self._blame_one(cause)
        return None

    def _blame_one(self, cause: errors.BackendError) -> None:
        """Find the batch for which a group failed, by writing its batches one by one; a batch that fails alone goes."""
        if len(self._writing) == 1:
            self._settle_group([cause], 0)
        else:
            self._alone = len(self._writing)
            self._locked_since = None
            self._return_group()

    def _return_group(self) -> None:
        self._queue.put_back(self._writing)
        self._writing = []

    def _settle_group(self, outcomes: list[_execute.Outcome], rows: int) -> None:
        """Count what was written, and give everyone concerned their answers, with which `end` lets them go on."""
        self._deadline = self._locked_since = None
        if committed := sum([isinstance(outcome, list) for outcome in outcomes]):
            self._counts["batches"] += committed
            self._counts["commits"] += 1
            self._last_commit = time.time()
            if self._last_error is not None:
                _LOGGER.warning("%s can be written again; %d rows wait", self._connection.path, self._queue.rows)
            self._last_error = None

        written, self._writing = self._writing, []
        self._queue.settle(written)
        self._counts["rows"] += rows
        for queued, outcome in zip(written, outcomes, strict=True):
            if isinstance(outcome, list):
                if queued.answer is not None and not queued.answer.done():
                    queued.answer.set_result(outcome)
            elif queued.answer is None:
                is_malformed = isinstance(outcome, ValueError)
                self.report_malformed(
                    lost_batch(queued.batch), outcome if is_malformed else self._as_ours(queued.batch, outcome)
                )
            else:
                self._fail(queued, self._as_ours(queued.batch, outcome))
                self.lose(lost_batch(queued.batch))

        self._release_waiters(until=written[-1].number)

    def _take_group(self) -> list[Queued]:
        is_alone = self._alone > 0
        self._alone -= is_alone
        return self._queue.take_group(_GROUP_ROWS, is_alone=is_alone)

    def _as_ours(self, batch: Batch, exception: Exception) -> Exception:
        if isinstance(exception, errors.SakeException):
            return exception
        if isinstance(exception, (sqlite3.Error, MemoryError)):
            return errors.from_sqlite(exception, self._connection.path)

        return ValueError(f"{batch.name}: {exception}")  # a payload that was encoded on the thread

    def _fail(self, queued: Queued, exception: Exception) -> None:
        self._counts["failures"] += 1
        if queued.answer is not None and not queued.answer.done():
            queued.answer.set_exception(exception)
            queued.answer.resume_soon()

    def _put_back(self, cause: errors.BackendError) -> None:
        """Keep what nobody awaits for the next attempt, tell those who await, and let the readers go on."""
        self._return_group()
        is_lock = errors.result_code(cause.base_exception or cause) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
        patient_since = time.monotonic() - self._config.busy_timeout
        if is_lock:
            self._locked_since = self._locked_since or time.monotonic() - self._config.attempt_timeout
            if self._locked_since > patient_since:
                return
        else:
            self._locked_since = None

        if self._last_error is None:
            _LOGGER.error("nothing can be written, events are kept until it can: %s", cause)

        self._last_error = cause.message
        for queued in self._queue.withdraw(lambda queued: not is_lock or queued.submitted <= patient_since):
            self._fail(queued, errors.BackendError(cause.message, exception=cause.base_exception))

        self._drop_oldest()
        self._release_waiters()

    def _drop_oldest(self) -> None:
        dropped = self._queue.drop_oldest(self._config.max_pending_rows)
        if dropped and not self._counts["dropped_rows"]:
            _LOGGER.error("more than max_pending_rows wait to be written: the oldest events are dropped from now on")

        self._counts["dropped_rows"] += dropped

    def _give_up(self, cause: errors.BackendError) -> None:
        _LOGGER.error("%d rows are lost at closing: %s", self._queue.rows, cause)
        self._counts["dropped_rows"] += self._queue.rows
        for queued in self._queue.clear():
            self._fail(queued, errors.BackendError(cause.message, exception=cause.base_exception))

    def _release_waiters(self, until: float = math.inf) -> None:
        while self._waiters and self._waiters[0][0] <= until:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
