"""Walking over a table's rows in the order of their keys: what to ask for next, and what is made of what came.

Nothing here reads: who walks asks the file for a window of rows whenever none is left, and nothing is held open in
between.
"""

from __future__ import annotations

__all__ = ["TURN_ROWS", "Parameters", "Reference", "Walk", "walk_entities"]

import collections.abc
import itertools
import operator
import typing

from . import _config, errors
from ._codec import MOST_TOGETHER

if typing.TYPE_CHECKING:
    import hikari

    from ._codec import Payload
    from ._column import Column
    from ._table import EntityT, Key, Row, Table

    Reference: typing.TypeAlias = "tuple[Column, int | str | None]"

T = typing.TypeVar("T")

# Rows per window: few at first, since those who stop early want no more.
_FIRST_ROWS: typing.Final[int] = 100
_WINDOW_ROWS: typing.Final[int] = 2_000

TURN_ROWS: typing.Final[int] = 40
"""Rows after which an event loop should have a turn: about 1 ms of members. It is a multiple of `MOST_TOGETHER`."""

Parameters: typing.TypeAlias = "dict[str, typing.Any]"
"""The parameters of a query."""


class Walk(typing.Generic[T]):
    """One walk over a table's visible rows, or those of one reference.

    Each window begins after the last key of the one before: rows that are added or removed meanwhile are met or not,
    and no key is met twice.

    Parameters
    ----------
    table
        The table.
    reference
        The column and its value whose rows are meant; `None` for all rows. A value of `None` is that of no row.
    together
        Makes something of a few rows at once; raises `InvalidDataFound` if there is fault with any.
    alone
        Makes it of one row, by its key and payload; raises `InvalidDataFound`.
    """

    __slots__ = (
        "_alone",
        "_doubtful",
        "_is_last",
        "_reference",
        "_size",
        "_table",
        "_together",
        "after",
        "position",
        "rows",
    )

    def __init__(
        self,
        table: Table[typing.Any],
        reference: Reference | None,
        together: collections.abc.Callable[[list[Row]], collections.abc.Sequence[T]],
        alone: collections.abc.Callable[[Key, Payload], T],
    ) -> None:
        self._table = table
        self._reference = reference
        self._together = together
        self._alone = alone
        self._size = _FIRST_ROWS
        self._is_last = self._is_of_nothing
        self.after: Key = table.below_all_keys
        """The key after which the next window begins; what notes it can go on from there another time."""
        # The keys, as the file has them, of damaged rows that were met after that one: they may be what is damaged, so
        # it is not gone on from them until what follows confirms their order.
        self._doubtful: list[Key] = []
        self.rows: list[Row] = []
        """The window."""
        self.position = 0
        """How many of its rows were given."""

    @property
    def _is_of_nothing(self) -> bool:
        return self._reference is not None and self._reference[1] is None

    @property
    def _column(self) -> Column | None:
        return self._reference[0] if self._reference else None

    def count_query(self) -> tuple[str, Parameters] | None:
        """Return the query that counts the rows at this moment; `None` where there can be none."""
        return None if self._is_of_nothing else (self._table.count(self._column), self._parameters())

    def window_query(self) -> tuple[str, Parameters] | None:
        """Return the query of the next window, once all rows of this one were given; `None` at the end."""
        return None if self._is_last else (self._table.window(self._column), self._parameters())

    def take_window(self, rows: list[Row], asked: Parameters) -> None:
        """Take the rows that `window_query`, whose parameters these were, returned.

        Raises
        ------
        BackendError
            If damage makes the same rows come again and again.
        """
        self._is_last = len(rows) < asked["size"]
        met = set(self._doubtful)
        self.rows = [row for row in rows if row[: len(self._table.key)] not in met] if met else rows
        if rows and not self.rows and not self._is_last:
            raise errors.BackendError(
                f"{self._table.name} is damaged, its rows are out of order, so that what follows is unreachable; check "
                "the file"
            )
        self.position = 0
        self._size = _WINDOW_ROWS

    def make_next(self) -> collections.abc.Sequence[T | errors.InvalidDataFound]:
        """Make what there is to make of the next few rows, which together is quicker; of a damaged one, its fault."""
        rows = self.rows[self.position : self.position + MOST_TOGETHER]
        self.position += len(rows)
        return self._make_together(rows) or [self._make_alone(row) for row in rows]

    def _parameters(self) -> Parameters:
        # Rows that were met already, but could not be gone on from, come again.
        size = self._size + len(self._doubtful)
        parameters: Parameters = {"moment": _config.now(), "size": size}
        if self._reference is not None:
            parameters[self._reference[0].name] = self._reference[1]
        for column, value in zip(self._table.key, self.after, strict=True):
            parameters[f"after_{column.name}"] = value

        return parameters

    def _make_together(self, rows: list[Row]) -> collections.abc.Sequence[T] | None:
        """Return what is made of rows in which there is nothing to find fault with; `None` where there is."""
        if self._doubtful:
            return None

        try:
            made = self._together(rows)
        except errors.InvalidDataFound:
            return None

        # Only now is it certain that the keys are of the types that they should be, and so can be compared.
        keys = [self.after, *(row[: len(self._table.key)] for row in rows)]
        if any(map(operator.ge, keys, keys[1:])):
            return None

        self.after = keys[-1]
        return made

    def _make_alone(self, row: Row) -> T | errors.InvalidDataFound:
        """Return what is made of a row, or its fault, going on from its key only where the row is what it says."""
        key = row[: len(self._table.key)]
        if self._doubtful and _is_ascending(self.after, self._doubtful[-1], key):
            self.after = self._doubtful[-1]
            self._doubtful.clear()

        try:
            payload = self._table.open_row(row)
            if key <= self.after:
                raise errors.InvalidDataFound(f"the row {key} of {self._table.name} stands where it does not belong")
        except errors.InvalidDataFound as error:
            self._doubtful.append(key)
            return error

        self.after = key
        self._doubtful.clear()
        try:
            return self._alone(key, payload)
        except errors.InvalidDataFound as error:
            return error


def walk_entities(
    table: Table[EntityT],
    reference: Reference | None,
    factory: collections.abc.Callable[[], hikari.api.EntityFactory],
) -> Walk[EntityT]:
    """Return a walk that gives entities, each built by the factory that `factory` then returns."""
    return Walk(
        table,
        reference,
        lambda rows: table.build_together(factory(), rows),
        lambda key, payload: table.build(factory(), key, payload),
    )


def _is_ascending(*keys: Key) -> bool:
    """Whether keys of numbers are in order; of texts it is not asked, since a damaged one may be no text."""
    if not all(isinstance(part, int) for key in keys for part in key):
        return False

    return all(first < second for first, second in itertools.pairwise(keys))
