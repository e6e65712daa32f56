"""What waits to be written, in order: batches, and, in the place of events that are lost, that they are.

The writer (`_writer.py`) takes groups from the front, and puts back those that could not be written. There are two
ways to lose an event that was queued: where too much waits, the oldest are dropped, and who awaits an event while
nothing can be written is told so. That it is lost then waits in its place, and is tried again until it is written: else
what depends on having seen it would go on counting as true.

Nothing here waits, or touches the file.
"""

from __future__ import annotations

__all__ = ["Queued", "WriteQueue"]

import collections
import collections.abc
import dataclasses
import itertools
import time
import typing

from ._gateway import lost_batch

if typing.TYPE_CHECKING:
    from ._answer import Answer
    from ._batch import Batch
    from ._gateway import LostEvent
    from ._memory import RowMemory

# Few and small, and nothing makes up for them: what they remove would stay.
_NEVER_DROPPED: typing.Final = frozenset({"READY", "GUILD_DELETE"})

# Below those of all batches that were submitted: that of what tells which events were dropped.
_DROPPED_NUMBER: typing.Final[int] = -1


@dataclasses.dataclass(slots=True, eq=False)
class Queued:
    """A batch that waits."""

    number: int
    """Its place among all that were ever queued."""
    batch: Batch
    answer: Answer[list[int]] | None
    """What is set when it is committed, where somebody waits for it."""
    submitted: float
    """When, in the seconds of `time.monotonic`, where somebody waits for it."""
    lost: tuple[LostEvent, ...] = ()
    """Of which events it tells that they were lost."""


class WriteQueue:
    """The queue of one opening.

    Parameters
    ----------
    memory
        What forgets the rows that a batch may change, once that is queued.
    make_loss
        Returns the batch that is written in the place of events that were lost; empty where nothing depends on them.
    on_lost
        Is called with each event that is lost, as soon as that is known.
    """

    __slots__ = ("_dropped", "_make_loss", "_memory", "_numbers", "_on_lost", "_waiting", "rows")

    def __init__(
        self,
        memory: RowMemory,
        make_loss: collections.abc.Callable[[collections.abc.Sequence[LostEvent]], Batch],
        on_lost: collections.abc.Callable[[LostEvent], None],
    ) -> None:
        self._dropped: set[LostEvent] = set()
        self._make_loss = make_loss
        self._memory = memory
        self._numbers = itertools.count()
        self._on_lost = on_lost
        self._waiting: collections.deque[Queued] = collections.deque()
        self.rows = 0
        """How many rows are to be written, those of groups that are being written among them."""

    def __bool__(self) -> bool:
        return bool(self._waiting or self._dropped)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def last_number(self) -> int | None:
        """The number of what was queued last, if that still waits."""
        return self._waiting[-1].number if self._waiting else None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for something that waits."""
        return any(queued.answer is not None for queued in self._waiting)

    def append(self, batch: Batch, answer: Answer[list[int]] | None, *, lost: tuple[LostEvent, ...] = ()) -> None:
        """Queue a batch, which tells of some events that they were `lost`, if it does."""
        self._memory.forget(batch)
        submitted = 0.0 if answer is None else time.monotonic()
        self._waiting.append(Queued(next(self._numbers), batch, answer, submitted, lost))
        self.rows += batch.rows

    def lose(self, event: LostEvent) -> Batch:
        """Note that an event is lost; returns what is to be queued for it, which is nothing if that is empty."""
        self._on_lost(event)
        return self._make_loss([event])

    def take_group(self, most_rows: int, *, is_alone: bool) -> list[Queued]:
        """Take the next few batches, of at most so many rows, unless the first alone has more; only one if `is_alone`.

        What becomes of them is to be said by `settle` or `put_back`.
        """
        if self._dropped:
            self._waiting.appendleft(self._loss(_DROPPED_NUMBER, tuple(self._dropped)))
            self._dropped.clear()

        group: list[Queued] = []
        rows = 0
        while self._waiting and (not group or rows + self._waiting[0].batch.rows <= most_rows):
            queued = self._waiting.popleft()
            rows += queued.batch.rows
            group.append(queued)
            if is_alone:
                break

        return group

    def settle(self, group: list[Queued]) -> None:
        """Note that a group was written, or will never be."""
        self.rows -= sum([queued.batch.rows for queued in group])

    def put_back(self, group: list[Queued]) -> None:
        """Put back a group that was not written."""
        for queued in reversed(group):
            if queued.number == _DROPPED_NUMBER:  # it is made anew, with what is dropped until then
                self.settle([queued])
                self._dropped.update(queued.lost)
            else:
                self._waiting.appendleft(queued)

    def withdraw(self, is_impatient: collections.abc.Callable[[Queued], bool]) -> list[Queued]:
        """Take out what those who wait for it are no longer to wait for; in its place waits that it is lost."""
        waiting, self._waiting = self._waiting, collections.deque()
        withdrawn: list[Queued] = []
        for queued in waiting:
            if queued.answer is None or not is_impatient(queued):
                self._waiting.append(queued)
                continue

            withdrawn.append(queued)
            event = lost_batch(queued.batch)
            if self.lose(event):
                self._append_loss(queued.number, event)

        self.settle(withdrawn)
        return withdrawn

    def drop_oldest(self, most_rows: int) -> int:
        """Drop the oldest that nobody waits for, while more than so many rows wait; returns how many rows went."""
        dropped = 0
        kept: list[Queued] = []
        while self._waiting and self.rows > most_rows and self._waiting[0].answer is None:
            queued = self._waiting.popleft()
            if queued.batch.name in _NEVER_DROPPED:
                kept.append(queued)
                continue
            self.settle([queued])
            dropped += queued.batch.rows
            event = lost_batch(queued.batch)
            self._dropped.update(queued.lost or [event])
            self._on_lost(event)

        self._waiting.extendleft(reversed(kept))
        return dropped

    def clear(self) -> list[Queued]:
        """Give up all that waits, and return it."""
        given_up = [*self._waiting]
        self.rows = 0
        self._waiting.clear()
        self._dropped.clear()
        return given_up

    def _append_loss(self, number: int, event: LostEvent) -> None:
        """Queue that an event is lost, together with those lost right before it, so that many are one batch."""
        lost: dict[LostEvent, None] = {event: None}
        if self._waiting and (before := self._waiting[-1]).lost:
            self.settle([self._waiting.pop()])
            lost = {**dict.fromkeys(before.lost), **lost}
        self._waiting.append(self._loss(number, tuple(lost)))

    def _loss(self, number: int, lost: tuple[LostEvent, ...]) -> Queued:
        batch = self._make_loss(lost)
        self._memory.forget(batch)
        self.rows += batch.rows
        return Queued(number, batch, None, 0.0, lost)
