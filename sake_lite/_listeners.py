"""Who listens to changes, and telling them, once the changes are in the file.

One gateway event may change a great many rows, so telling is done in slices, between which the event loop does what
else there is to do. What is yet to be told is held in memory, so there is a bound to how far commits may run ahead.
"""

from __future__ import annotations

__all__ = ["Listeners"]

import asyncio
import collections
import collections.abc
import functools
import itertools
import types
import typing

import hikari

if typing.TYPE_CHECKING:
    from ._change import Change, Changes
    from ._table import AnyTable
    from .resources import Resource

# So many changes are told of in one turn of the event loop.
_SLICE: typing.Final[int] = 50

# From so many rows on that wait behind the commit that is being told, nothing more is committed. That commit itself
# does not count, however large it is: it is in memory already, and everything else would wait for it.
_BOUND: typing.Final[int] = 8_000


class Listeners:
    """Those who listen to changes on one event manager, for one opening of a cache.

    Parameters
    ----------
    event_manager
        What dispatches the events.
    cache
        The cache whose changes they are.
    tables
        The tables that are kept.
    """

    __slots__ = (
        "_any",
        "_behind",
        "_cache",
        "_dispatch",
        "_events",
        "_has_listener",
        "_has_room",
        "_is_all_told",
        "_left",
        "_untold",
    )

    def __init__(
        self, event_manager: hikari.api.EventManager, cache: Resource, tables: collections.abc.Iterable[AnyTable]
    ) -> None:
        self._behind = 0  # so many rows wait behind the commit that is being told
        self._cache = cache
        self._dispatch = event_manager.dispatch
        self._events = {table: table.change for table in tables if table.change is not None}
        self._any = _any_of(*self._events.values()) if self._events else hikari.Event
        # Nothing public tells of those who wait with `wait_for`, but what hikari itself asks before it makes an event.
        self._has_listener: collections.abc.Callable[[type[hikari.Event]], object] = getattr(
            event_manager, "_enabled_for_event", event_manager.get_listeners
        )
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_all_told = asyncio.Event()
        self._is_all_told.set()
        self._left = self._events_left()
        self._untold: collections.deque[list[Changes]] = collections.deque()  # of each commit

    def watched(self) -> tuple[AnyTable, ...]:
        """Return the tables whose changes somebody listens to, or waits for, at this moment."""
        # Asked at every commit, and nearly always nobody does.
        if not (self._events and self._has_listener(self._any)):
            return ()

        return tuple([table for table, event in self._events.items() if self._has_listener(event)])

    def tell(self, changes: list[Changes]) -> None:
        """Dispatch the event of each change of a commit, in order, after those that are not dispatched yet."""
        self._untold.append(changes)
        self._behind += _rows(changes)
        if self._is_all_told.is_set():
            self._is_all_told.clear()
            self._left = self._events_left()
            self._tell_some()
        elif not self.has_room:
            self._has_room.clear()

    def _events_left(self) -> collections.abc.Iterator[Change[typing.Any, typing.Any]]:
        while self._untold:
            changes = self._untold.popleft()
            self._behind -= _rows(changes)
            if self.has_room:
                self._has_room.set()
            for table, cause, rows in changes:
                event = self._events[table]
                for key, (old, new) in rows.items():
                    yield event(table, key, old=old, new=new, cause=cause, cache=self._cache)

    def _tell_some(self) -> None:
        is_over = False
        try:
            some = [*itertools.islice(self._left, _SLICE)]
            is_over = len(some) < _SLICE
            for event in some:
                self._dispatch(event)
        finally:
            if is_over:
                self._is_all_told.set()
            else:
                asyncio.get_running_loop().call_soon(self._tell_some)

    @property
    def has_room(self) -> bool:
        """Whether more may be committed before all is told."""
        return self._behind < _BOUND

    async def room(self) -> None:
        """Wait until more may be committed."""
        await self._has_room.wait()

    async def told(self) -> None:
        """Wait until all that was to be told is dispatched."""
        await self._is_all_told.wait()


def _rows(changes: list[Changes]) -> int:
    return sum([len(each.rows) for each in changes])


@functools.cache
def _any_of(*events: type[hikari.Event]) -> type[hikari.Event]:
    """Return a type that is all of some events: who listens to any of them listens to it."""
    return types.new_class("AnyChange", events)
