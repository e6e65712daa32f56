"""Iterating over a table: a window of rows at a time, decoded as they are consumed."""

from __future__ import annotations

__all__ = ["CacheIterator"]

import asyncio
import collections
import collections.abc
import itertools
import logging
import operator
import typing

import hikari

from . import _config, abc, errors
from ._codec import MOST_TOGETHER

if typing.TYPE_CHECKING:
    from ._column import Column
    from ._table import Key, Row, Table

EntityT = typing.TypeVar("EntityT")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# Rows per hop: few at first, since those who stop early want no more.
_FIRST_ROWS: typing.Final[int] = 100
_WINDOW_ROWS: typing.Final[int] = 2_000

# Rows after which the event loop has a turn, where whoever iterates leaves it none: about 1 ms of members. It is a
# multiple of `MOST_TOGETHER`.
_TURN_ROWS: typing.Final[int] = 100

_Parameters: typing.TypeAlias = "dict[str, typing.Any]"


class Fetch(typing.Protocol):
    """Reads rows after all that was queued before."""

    async def __call__(self, sql: str, parameters: _Parameters, /) -> list[Row]:
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
    reference
        The column and its value to iterate over; `None` for all rows. A value of `None` is that of no row.
    """

    __slots__ = (
        "_after",
        "_doubtful",
        "_factory",
        "_fetch",
        "_is_last",
        "_is_skipping",
        "_position",
        "_reference",
        "_results",
        "_rows",
        "_size",
        "_table",
        "_turn",
    )

    def __init__(
        self,
        table: Table[EntityT],
        factory: collections.abc.Callable[[], hikari.api.EntityFactory],
        fetch: Fetch,
        reference: tuple[Column, int | str | None] | None = None,
    ) -> None:
        self._table = table
        self._factory = factory
        self._fetch = fetch
        self._reference = reference
        self._rows: list[Row] = []
        self._size = _FIRST_ROWS
        self._position = 0
        self._results: collections.deque[EntityT | errors.InvalidDataFound] = collections.deque()
        self._is_last = reference is not None and reference[1] is None
        self._is_skipping = False
        self._after: Key = table.below_all_keys
        # The keys, as the file has them, of damaged rows that were met after that one: they may be what is damaged, so
        # it is not gone on from them until what follows confirms their order.
        self._doubtful: list[Key] = []
        # Tasks that share an iterator advance it one after the other, so that each row is handed out, and once.
        self._turn = asyncio.Lock()

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
        """Build the next few entities, which together is quicker."""
        if self._position == len(self._rows):
            await self._next_window()
        elif self._position % _TURN_ROWS == 0:
            await asyncio.sleep(0)

        rows = self._rows[self._position : self._position + MOST_TOGETHER]
        self._position += len(rows)
        self._results.extend(self._build_sound(rows) or [self._build(row) for row in rows])

    def _build_sound(self, rows: list[Row]) -> list[EntityT] | None:
        """Return the entities of rows in which there is nothing to find fault with; `None` where there is."""
        if self._doubtful:
            return None

        try:
            entities = self._table.build_together(self._factory(), rows)
        except errors.InvalidDataFound:
            return None

        # Only now is it certain that the keys are of the types that they should be, and so can be compared.
        keys = [self._after, *(row[: len(self._table.key)] for row in rows)]
        if any(map(operator.ge, keys, keys[1:])):
            return None

        self._after = keys[-1]
        return entities

    def _build(self, row: Row) -> EntityT | errors.InvalidDataFound:
        """Return a row's entity, or its fault, going on from its key only where the row is what it says."""
        key = row[: len(self._table.key)]
        if self._doubtful and _is_ascending(self._after, self._doubtful[-1], key):
            self._after = self._doubtful[-1]
            self._doubtful.clear()

        try:
            payload = self._table.open_row(row)
            if key <= self._after:
                raise errors.InvalidDataFound(f"the row {key} of {self._table.name} stands where it does not belong")
        except errors.InvalidDataFound as error:
            self._doubtful.append(key)
            return error

        self._after = key
        self._doubtful.clear()
        try:
            return self._table.build(self._factory(), key, payload)
        except errors.InvalidDataFound as error:
            return error

    async def len(self) -> int:
        """Count the entries that the iterator covers at this moment, without consuming it.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is closed.
        """
        if self._reference is not None and self._reference[1] is None:
            return 0

        ((count,),) = await self._fetch(self._table.count(self._column), self._parameters())
        return count

    def skip_invalid(self) -> typing.Self:
        """Skip damaged rows, logging each, instead of raising `InvalidDataFound` for them; returns the iterator."""
        self._is_skipping = True
        return self

    @property
    def _column(self) -> Column | None:
        return self._reference[0] if self._reference else None

    def _parameters(self) -> _Parameters:
        # Rows that were met already, but could not be gone on from, come again.
        size = self._size + len(self._doubtful)
        parameters: _Parameters = {"moment": _config.now(), "size": size}
        if self._reference is not None:
            parameters[self._reference[0].name] = self._reference[1]
        for column, value in zip(self._table.key, self._after, strict=True):
            parameters[f"after_{column.name}"] = value

        return parameters

    async def _next_window(self) -> None:
        if self._is_last:
            self._complete()

        parameters = self._parameters()
        rows = await self._fetch(self._table.window(self._column), parameters)
        self._is_last = len(rows) < parameters["size"]
        met = set(self._doubtful)
        self._rows = [row for row in rows if row[: len(self._table.key)] not in met] if met else rows
        self._position = 0
        self._size = _WINDOW_ROWS


def _is_ascending(*keys: Key) -> bool:
    """Whether keys of numbers are in order; of texts it is not asked, since a damaged one may be no text."""
    if not all(isinstance(part, int) for key in keys for part in key):
        return False

    return all(first < second for first, second in itertools.pairwise(keys))
