"""Who listens to changes, and telling them, once the changes are in the file.

One gateway event may change a great many rows, so telling is done in slices, between which the event loop does what
else there is to do. What is yet to be told is held in memory, so the writer commits nothing more until all is told.
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
    from ._operations import AnyTable

# So many changes are told of in one turn of the event loop.
_SLICE: typing.Final[int] = 50


class Listeners:
    """Those who listen to changes on one event manager, for one opening of a cache.

    Parameters
    ----------
    event_manager
        What dispatches the events.
    app
        What the entities are bound to.
    tables
        The tables that are kept.
    """

    __slots__ = ("_any", "_app", "_dispatch", "_events", "_has_listener", "_is_all_told", "_left", "_untold", "is_told")

    def __init__(
        self, event_manager: hikari.api.EventManager, app: hikari.RESTAware, tables: collections.abc.Iterable[AnyTable]
    ) -> None:
        self._app = app
        self._dispatch = event_manager.dispatch
        self._events = {table: table.change for table in tables if table.change is not None}
        self._any = _any_of(*self._events.values()) if self._events else hikari.Event
        # Nothing public tells of those who wait with `wait_for`, but what hikari itself asks before it makes an event.
        self._has_listener: collections.abc.Callable[[type[hikari.Event]], object] = getattr(
            event_manager, "_enabled_for_event", event_manager.get_listeners
        )
        self._is_all_told = asyncio.Event()
        self._is_all_told.set()
        self._untold: collections.deque[Changes] = collections.deque()
        self._left = self._events_left()
        self.is_told = True
        """Whether all that was to be told is dispatched."""

    def watched(self) -> tuple[AnyTable, ...]:
        """Return the tables whose changes somebody listens to, or waits for, at this moment."""
        # Asked at every commit, and nearly always nobody does.
        if not (self._events and self._has_listener(self._any)):
            return ()

        return tuple([table for table, event in self._events.items() if self._has_listener(event)])

    def tell(self, changes: collections.abc.Iterable[Changes]) -> None:
        """Dispatch the event of each change, in order, after those that are not dispatched yet."""
        self._untold.extend(changes)
        if self._untold and self.is_told:
            self.is_told = False
            self._is_all_told.clear()
            self._left = self._events_left()
            self._tell_some()

    def _events_left(self) -> collections.abc.Iterator[Change[typing.Any, typing.Any]]:
        while self._untold:
            table, cause, rows = self._untold.popleft()
            event = self._events[table]
            for key, (old, new) in rows.items():
                yield event(table, key, old=old, new=new, cause=cause, app=self._app)

    def _tell_some(self) -> None:
        is_over = False
        try:
            some = [*itertools.islice(self._left, _SLICE)]
            is_over = len(some) < _SLICE
            for event in some:
                self._dispatch(event)
        finally:
            if is_over:
                self.is_told = True
                self._is_all_told.set()
            else:
                asyncio.get_running_loop().call_soon(self._tell_some)

    async def told(self) -> None:
        """Wait until all that was to be told is dispatched."""
        await self._is_all_told.wait()


@functools.cache
def _any_of(*events: type[hikari.Event]) -> type[hikari.Event]:
    """Return a type that is all of some events: who listens to any of them listens to it."""
    return types.new_class("AnyChange", events)
