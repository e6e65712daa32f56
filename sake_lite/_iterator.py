"""Iterating over a table in an event loop: a window of rows at a time, decoded as they are consumed."""

from __future__ import annotations

__all__ = ["CacheIterator"]

import asyncio
import collections
import collections.abc
import logging
import typing

import hikari

from . import abc, errors
from ._walk import TURN_ROWS, Parameters, walk_entities

if typing.TYPE_CHECKING:
    from ._table import Row, Table
    from ._walk import Reference

EntityT = typing.TypeVar("EntityT")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


class Fetch(typing.Protocol):
    """Reads rows after all that was queued before."""

    async def __call__(self, sql: str, parameters: Parameters, /) -> list[Row]:
        """Return all rows of a query."""
        ...


class CacheIterator(abc.CacheIterator[EntityT]):
    """Iterates over a table's visible entities, or those of one reference, in the order of their keys.

    Rows come a window at a time, each window read afresh after the last key seen: nothing is held open in between, rows
    that are added or removed meanwhile are met or not, and no key is met twice.

    Parameters
    ----------
    table
        The table.
    factory
        Returns the entity factory to build with.
    fetch
        Reads rows.
    give_way
        Lets others have a turn, in the event loop and on the threads.
    reference
        The column and its value to iterate over; `None` for all rows. A value of `None` is that of no row.
    """

    __slots__ = ("_fetch", "_give_way", "_is_skipping", "_results", "_turn", "_walk")

    def __init__(
        self,
        table: Table[EntityT],
        factory: collections.abc.Callable[[], hikari.api.EntityFactory],
        fetch: Fetch,
        give_way: collections.abc.Callable[[], collections.abc.Awaitable[None]],
        reference: Reference | None = None,
    ) -> None:
        self._fetch = fetch
        self._give_way = give_way
        self._is_skipping = False
        self._results: collections.deque[EntityT | errors.InvalidDataFound] = collections.deque()
        # Tasks that share an iterator advance it one after the other, so that each row is handed out, and once.
        self._turn = asyncio.Lock()
        self._walk = walk_entities(table, reference, factory)

    async def __anext__(self) -> EntityT:
        while True:
            while self._results:
                result = self._results.popleft()
                if not isinstance(result, errors.InvalidDataFound):
                    return result
                if isinstance(result.base_exception, hikari.UnrecognisedEntityError):
                    _LOGGER.debug("skipped: %s", result)
                elif self._is_skipping:
                    _LOGGER.warning("skipped: %s", result)
                else:
                    raise result

            async with self._turn:
                if not self._results:
                    await self._advance()

    async def _advance(self) -> None:
        """Build the next few entities."""
        walk = self._walk
        if walk.position == len(walk.rows):
            await self._next_window()
        elif walk.position % TURN_ROWS == 0:
            await self._give_way()

        self._results.extend(walk.make_next())

    async def _next_window(self) -> None:
        query = self._walk.window_query()
        if query is None:
            self._complete()  # raises StopAsyncIteration

        self._walk.take_window(await self._fetch(*query), query[1])

    async def len(self) -> int:
        """Count the entries that the iterator covers at this moment, without consuming it.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is closed.
        """
        query = self._walk.count_query()
        if query is None:
            return 0

        ((count,),) = await self._fetch(*query)
        return count

    def skip_invalid(self) -> typing.Self:
        """Skip damaged rows, logging each, instead of raising `InvalidDataFound` for them; returns the iterator."""
        self._is_skipping = True
        return self
