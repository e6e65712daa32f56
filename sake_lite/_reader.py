"""Reading: point reads and windows of rows, on a connection of their own.

Reads asked for in the same turn of the event loop share one hop to the reader's thread, and point reads of one table
share statements. Every read takes all of its
rows and ends its statement within the hop: a cursor left open would go on showing an old state of the file and keep
the log from being folded in.
"""

from __future__ import annotations

__all__ = ["CacheIterator", "Reader"]

import asyncio
import collections
import collections.abc
import itertools
import logging
import sqlite3
import typing

import hikari

from . import _config, abc, errors
from ._points import fetch_point, fetch_points

if typing.TYPE_CHECKING:
    from ._column import Column
    from ._connection import Connection
    from ._memory import Key
    from ._table import Row, Table

EntityT = typing.TypeVar("EntityT")

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# Rows per hop of an iteration. They are decoded as they are consumed, but a loop that consumes them without a pause
# of its own holds the event loop for a window at a time: 4 to 5 ms of members.
_WINDOW_ROWS: typing.Final[int] = 200

_Parameters: typing.TypeAlias = "dict[str, typing.Any]"
_Rows: typing.TypeAlias = "list[Row]"


class _Query(typing.NamedTuple):
    sql: str
    parameters: _Parameters


class _Point(typing.NamedTuple):
    table: Table[typing.Any]
    key: Key


_Read: typing.TypeAlias = "tuple[_Query | _Point, asyncio.Future[_Rows]]"


class Reader:
    """The connection that reads, and the reads that wait for it.

    Parameters
    ----------
    connection
        The connection that reads, which nothing else uses.
    """

    __slots__ = ("_connection", "_waiting")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[_Read] = []

    def fetch(self, sql: str, parameters: _Parameters) -> asyncio.Future[_Rows]:
        """Return the future of all rows of a query.

        Its exception is a `BackendError` where SQLite fails, and a `ClosedClient` where the cache is closed meanwhile.
        """
        return self._join(_Query(sql, parameters))

    def get(self, table: Table[typing.Any], key: Key) -> asyncio.Future[_Rows]:
        """Return the future of the visible row under a key, its `expires_at` following it, or of no row.

        Its exception is that of `fetch`.
        """
        return self._join(_Point(table, key))

    def _join(self, query: _Query | _Point) -> asyncio.Future[_Rows]:
        """Have a query asked with the next hop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Rows] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._start_hop)

        self._waiting.append((query, future))
        return future

    def _start_hop(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            hop = self._connection.submit(_fetch_each, [query for query, _ in waiting], _config.now())
        except errors.ClosedClient as exception:
            for _, future in waiting:
                # One exception object raised in many tasks would mix up their tracebacks.
                future.set_exception(errors.ClosedClient(exception.message))
        else:
            hop.add_done_callback(lambda hop: self._end_hop(waiting, hop))

    def _end_hop(self, waiting: list[_Read], hop: asyncio.Future[list[_Rows | Exception]]) -> None:
        try:
            results = hop.result()
        except Exception as exception:  # noqa: BLE001 - whatever it is, those who wait are told
            results = [exception] * len(waiting)
        for (_, future), result in zip(waiting, results, strict=True):
            if future.done():
                continue
            if isinstance(result, list):
                future.set_result(result)
            else:
                future.set_exception(errors.from_sqlite(result, self._connection.path))


def _fetch_each(connection: sqlite3.Connection, queries: list[_Query | _Point], moment: int) -> list[_Rows | Exception]:
    """Ask queries on the reader's thread; each has its rows or its own error."""
    keys: collections.defaultdict[Table[typing.Any], list[Key]] = collections.defaultdict(list)
    for query in queries:
        if isinstance(query, _Point):
            keys[query.table].append(query.key)

    found = {table: fetch_points(connection, table, asked, moment) for table, asked in keys.items()}
    return [_fetch_one(connection, query, found, moment) for query in queries]


def _fetch_one(
    connection: sqlite3.Connection,
    query: _Query | _Point,
    found: dict[Table[typing.Any], dict[Key, _Rows]],
    moment: int,
) -> _Rows | Exception:
    try:
        if isinstance(query, _Query):
            return connection.execute(query.sql, query.parameters).fetchall()

        table, key = query
        return found[table][key] if key in found[table] else fetch_point(connection, table, key, moment)
    except Exception as exception:  # noqa: BLE001 - it must not take the other reads of the hop along
        return exception


class Fetch(typing.Protocol):
    """Reads rows after all that was queued before; `Resource` gives it to its iterators."""

    async def __call__(self, sql: str, parameters: _Parameters, /) -> _Rows:
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
        "_buffer",
        "_doubtful",
        "_factory",
        "_fetch",
        "_is_last",
        "_is_skipping",
        "_reference",
        "_table",
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
        self._buffer: collections.abc.Iterator[Row] = iter(())
        self._is_last = reference is not None and reference[1] is None
        self._is_skipping = False
        self._after: tuple[typing.Any, ...] = table.below_all_keys
        # The keys, as the file has them, of damaged rows that were met after that one: they may be what is damaged, so
        # it is not gone on from them until what follows confirms their order.
        self._doubtful: list[tuple[typing.Any, ...]] = []

    async def __anext__(self) -> EntityT:
        while True:
            row = next(self._buffer, None)
            if row is None:
                await self._fetch_window()
                continue

            try:
                return self._build(row)
            except errors.InvalidDataFound as error:
                if isinstance(error.base_exception, hikari.UnrecognisedEntityError):
                    _LOGGER.debug("skipped: %s", error)
                elif self._is_skipping:
                    _LOGGER.warning("skipped: %s", error)
                else:
                    raise

    def _build(self, row: Row) -> EntityT:
        """Return a row's entity, going on from its key only where the row is what it says."""
        key = row[: len(self._table.key)]
        if self._doubtful and _is_ascending(self._after, self._doubtful[-1], key):
            self._after = self._doubtful[-1]
            self._doubtful.clear()

        try:
            payload = self._table.open_row(row)
            if key <= self._after:
                raise errors.InvalidDataFound(f"the row {key} of {self._table.name} stands where it does not belong")
        except errors.InvalidDataFound:
            self._doubtful.append(key)
            raise

        self._after = key
        self._doubtful.clear()
        return self._table.build(self._factory(), key, payload)

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
        size = _WINDOW_ROWS + len(self._doubtful)
        parameters: _Parameters = {"moment": _config.now(), "size": size}
        if self._reference is not None:
            parameters[self._reference[0].name] = self._reference[1]
        for column, value in zip(self._table.key, self._after, strict=True):
            parameters[f"after_{column.name}"] = value

        return parameters

    async def _fetch_window(self) -> None:
        if self._is_last:
            self._complete()

        parameters = self._parameters()
        rows = await self._fetch(self._table.window(self._column), parameters)
        self._is_last = len(rows) < parameters["size"]
        met = set(self._doubtful)
        self._buffer = iter([row for row in rows if row[: len(self._table.key)] not in met])


def _is_ascending(*keys: tuple[typing.Any, ...]) -> bool:
    """Whether keys of numbers are in order; of texts it is not asked, since a damaged one may be no text."""
    if not all(isinstance(part, int) for key in keys for part in key):
        return False

    return all(first < second for first, second in itertools.pairwise(keys))
