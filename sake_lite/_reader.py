"""Reading, on a connection of its own.

Reads asked for in the same turn of the event loop share one hop to the reader's thread, and point reads of one table
share statements. Every read takes all of its
rows and ends its statement within the hop: a cursor left open would go on showing an old state of the file and keep
the log from being folded in.
"""

from __future__ import annotations

__all__ = ["Reader"]

import asyncio
import collections
import sqlite3
import typing

from . import _config, errors
from ._points import fetch_point, fetch_points

if typing.TYPE_CHECKING:
    from ._connection import Connection
    from ._memory import Key
    from ._table import Row, Table

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
