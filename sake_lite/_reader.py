"""Reading, on a connection of its own.

Reads asked for in the same turn of the event loop share hops to the reader's thread: the first one goes at once, the
others together behind it, where point reads of one table share statements, and what they find is decoded together.
Every read takes all of its rows and ends its statement within the hop: a cursor left open would go on showing an old
state of the file and keep the log from being folded in. What has to be of one moment is read in a transaction
(`_snapshot.py`), in one hop too.
"""

from __future__ import annotations

__all__ = ["Reader"]

import asyncio
import collections
import collections.abc
import sqlite3
import typing

from . import _config, errors
from ._answer import Answer, resume_each
from ._points import FoundRow, FoundRows, fetch_point, fetch_points

if typing.TYPE_CHECKING:
    from ._connection import Connection
    from ._table import Key, Row, Table

_T = typing.TypeVar("_T")

_Parameters: typing.TypeAlias = "dict[str, typing.Any]"
_Rows: typing.TypeAlias = "list[Row]"


class _Query(typing.NamedTuple):
    sql: str
    parameters: _Parameters


class _Point(typing.NamedTuple):
    table: Table[typing.Any]
    key: Key


class _Call(typing.NamedTuple):
    function: collections.abc.Callable[[sqlite3.Connection, int], object]


_Question: typing.TypeAlias = "_Query | _Point | _Call"
_Read: typing.TypeAlias = "tuple[_Question, Answer[typing.Any]]"


class Reader:
    """The connection that reads, and the reads that wait for it.

    Parameters
    ----------
    connection
        The connection that reads, which nothing else uses.
    """

    __slots__ = ("_connection", "_is_turn_over", "_loop", "_waiting")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_turn_over = True
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Read] = []

    def fetch(self, sql: str, parameters: _Parameters) -> Answer[_Rows]:
        """Return the answer that is all rows of a query.

        Its exception is a `BackendError` where SQLite fails, and a `ClosedClient` where the cache is closed meanwhile.
        """
        return self._join(_Query(sql, parameters))

    def get(self, table: Table[typing.Any], key: Key) -> Answer[FoundRow | None]:
        """Return the answer that is the visible row under a key, if there is one.

        Its exception is that of `fetch`.
        """
        return self._join(_Point(table, key))

    def call(self, function: collections.abc.Callable[[sqlite3.Connection, int], _T]) -> Answer[_T]:
        """Return the answer that is what a function reads, given the connection and the moment, in Unix milliseconds.

        Its exception is that of `fetch`, or the `SakeException` that the function raised.
        """
        return self._join(_Call(function))

    def _join(self, question: _Question) -> Answer[typing.Any]:
        """Ask at once, if it is the first question of this turn of the event loop; else together with the others."""
        answer: Answer[typing.Any] = Answer(self._loop)
        self._waiting.append((question, answer))
        if not self._is_turn_over:
            return answer

        self._is_turn_over = False
        self._start_hop()
        self._loop.call_soon(self._end_turn)
        return answer

    def _end_turn(self) -> None:
        self._is_turn_over = True
        if self._waiting:
            self._start_hop()

    def _start_hop(self) -> None:
        waiting, self._waiting = self._waiting, []

        def end(results: list[object] | None, fault: Exception | None) -> None:
            self._take_results(waiting, [fault] * len(waiting) if fault is not None else results or [])
            resume_each([answer for _, answer in waiting])

        try:
            self._connection.post(end, _answer_each, [question for question, _ in waiting], _config.now())
        except errors.ClosedClient as exception:
            # One exception object raised in many tasks would mix up their tracebacks.
            self._take_results(waiting, [errors.ClosedClient(exception.message) for _ in waiting])
            for _, answer in waiting:
                answer.resume_soon()  # not at once, since one of the tasks is who asks

    def _take_results(self, waiting: list[_Read], results: collections.abc.Sequence[object]) -> None:
        for (_, answer), result in zip(waiting, results, strict=True):
            if answer.done():
                continue
            if not isinstance(result, Exception):
                answer.set_result(result)
            elif isinstance(result, errors.SakeException):
                answer.set_exception(result)
            else:
                answer.set_exception(errors.from_sqlite(result, self._connection.path))


def _answer_each(connection: sqlite3.Connection, questions: list[_Question], moment: int) -> list[object]:
    """Answer questions on the reader's thread; each has its answer or its own error."""
    points = _Points(connection, questions, moment)
    return [_answer(connection, question, points, moment) for question in questions]


def _answer(connection: sqlite3.Connection, question: _Question, points: _Points, moment: int) -> object:
    try:
        match question:
            case _Point(table, key):
                return points.find(table, key)
            case _Query(sql, parameters):
                return connection.execute(sql, parameters).fetchall()
            case _Call(function):
                return function(connection, moment)
    except Exception as exception:  # noqa: BLE001 - it must not take the other reads of the hop along
        return exception


class _Points:
    """The point reads of one hop."""

    __slots__ = ("_connection", "_found", "_moment", "_rows")

    def __init__(self, connection: sqlite3.Connection, questions: list[_Question], moment: int) -> None:
        self._connection = connection
        self._moment = moment
        self._found: dict[Table[typing.Any], FoundRows] = {}
        self._rows: dict[Table[typing.Any], dict[Key, _Rows]] = {}
        if len(questions) > 1:
            keys: collections.defaultdict[Table[typing.Any], list[Key]] = collections.defaultdict(list)
            for question in questions:
                if isinstance(question, _Point):
                    keys[question.table].append(question.key)
            self._rows = {table: fetch_points(connection, table, asked, moment) for table, asked in keys.items()}

    def find(self, table: Table[typing.Any], key: Key) -> FoundRow | None:
        """Return the visible row under a key, if there is one."""
        rows = self._rows[table].get(key) if table in self._rows else None
        if rows is None:
            rows = fetch_point(self._connection, table, key, self._moment)
        if not rows:
            return None

        found = self._found.get(table)
        if found is None or found.is_full:
            found = self._found[table] = FoundRows(table)
        return found.add(rows[0][:-1], rows[0][-1])
