"""Who listens to changes, and telling them, once the changes are in the file.

An event goes to each listener in a task of its own, as hikari does it, so that one event may change a great many rows
at once is for the telling to mind: it is done in slices, between which the event loop does what else there is to do.
"""

from __future__ import annotations

__all__ = ["Listeners"]

import asyncio
import collections
import collections.abc
import functools
import types
import typing

if typing.TYPE_CHECKING:
    import hikari

    from ._change import Changed
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

    __slots__ = ("_app", "_event_manager", "_events", "_is_free", "_untold")

    def __init__(
        self, event_manager: hikari.api.EventManager, app: hikari.RESTAware, tables: collections.abc.Iterable[AnyTable]
    ) -> None:
        self._app = app
        self._event_manager = event_manager
        self._events = {table: table.change for table in tables if table.change is not None}
        self._is_free = asyncio.Event()
        self._is_free.set()
        self._untold: collections.deque[Changed] = collections.deque()

    def watched(self) -> tuple[AnyTable, ...]:
        """Return the tables whose changes somebody listens to, or waits for, at this moment."""
        # Nearly always nobody does, which is asked at every commit.
        if not (self._events and self._has_listener(_any_of(*self._events.values()))):
            return ()

        return tuple([table for table, event in self._events.items() if self._has_listener(event)])

    def _has_listener(self, event: type[hikari.Event]) -> bool:
        # Nothing public tells of those who wait with `wait_for`, but what hikari itself asks before it makes an event.
        asked = getattr(self._event_manager, "_enabled_for_event", self._event_manager.get_listeners)
        return bool(asked(event))

    def tell(self, changes: collections.abc.Iterable[Changed]) -> None:
        """Dispatch the event of each change, in order, after those that are not dispatched yet."""
        self._untold.extend(changes)
        if self._untold and self._is_free.is_set():
            self._is_free.clear()
            self._tell_some()

    def _tell_some(self) -> None:
        try:
            for _ in range(min(_SLICE, len(self._untold))):
                changed = self._untold.popleft()
                self._event_manager.dispatch(self._events[changed.table](changed, self._app))
        finally:
            if self._untold:
                asyncio.get_running_loop().call_soon(self._tell_some)
            else:
                self._is_free.set()

    @property
    def is_told(self) -> bool:
        """Whether all that was to be told is dispatched."""
        return self._is_free.is_set()

    async def told(self) -> None:
        """Wait until all that was to be told is dispatched."""
        await self._is_free.wait()


@functools.cache
def _any_of(*events: type[hikari.Event]) -> type[hikari.Event]:
    """Return a type that is all of some events: who listens to any of them listens to it."""
    return types.new_class("AnyChange", events)
