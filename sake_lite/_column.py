"""The columns of a table: what they hold, where a payload has it, and what values can be there at all."""

from __future__ import annotations

__all__ = ["MAX_SNOWFLAKE", "Column", "Value", "reading", "snowflake", "text"]

import collections.abc
import dataclasses
import functools
import operator
import typing

import hikari

from ._codec import USUAL_MAPS, is_map

if typing.TYPE_CHECKING:
    from ._codec import Payload

Value: typing.TypeAlias = "int | str | None"

MAX_SNOWFLAKE: typing.Final[int] = 2**63 - 1
"""The largest ID that SQLite's integers hold; Discord's stay below it until the year 2084."""

_MAX_DIGITS: typing.Final[int] = 19

# The IDs of an event are read several times, and those of its guild and channel with the next events again.
_REMEMBERED: typing.Final[int] = 4_096


def _parse_snowflake(value: object) -> int:
    """Read a snowflake out of a payload: text of digits, as Discord sends it, or an integer."""
    if type(value) is str:
        return _parse_digits(value)

    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SNOWFLAKE:
        return int(value)

    raise ValueError(f"{value!r} is not a snowflake")


@functools.lru_cache(_REMEMBERED)
def _parse_digits(value: str) -> int:
    if len(value) <= _MAX_DIGITS and value.isdigit() and value.isascii() and (number := int(value)) <= MAX_SNOWFLAKE:
        return number

    raise ValueError(f"{value!r} is not a snowflake")


def _parse_text(value: object) -> str:
    if isinstance(value, str) and _is_storable(value):
        return value

    raise ValueError(f"{value!r} is not a text")


def _is_storable(value: str) -> bool:
    """Whether a text can be a key: not empty, and no lone surrogates, which UTF-8 has no bytes for."""
    return bool(value) and (value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value))


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column whose value is taken from the payload, and which the payload of a row that is read must confirm.

    Parameters
    ----------
    name
        The column's name in the file.
    affinity
        Its SQLite type.
    paths
        Where in a payload the value may be, the first that is there counting.
    parse
        Turns the payload's value into the column's; raises `ValueError`.
    is_optional
        Whether a row may lack it.
    """

    name: str
    affinity: typing.Literal["INTEGER", "TEXT"]
    paths: tuple[tuple[str, ...], ...]
    parse: collections.abc.Callable[[object], int | str]
    is_optional: bool = False

    read: collections.abc.Callable[[Payload], Value] = dataclasses.field(init=False, compare=False, repr=False)
    """Return a payload's value for this column; raises `ValueError` if it is missing (and not optional) or not what it
    should be.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", _reader(self))

    def texts(self, payloads: collections.abc.Iterable[typing.Any], /) -> collections.abc.Iterable[object]:
        """Return what stands first among the paths in each payload, unread; raises `KeyError` where nothing does."""
        for step in self.paths[0]:
            payloads = map(operator.itemgetter(step), payloads)
        return payloads

    def argument(self, value: object, /) -> int | str | None:
        """Return what a method's argument is in this column, or `None` where no row can have that value.

        Raises
        ------
        TypeError
            If it is of the wrong type.
        """
        if self.affinity == "TEXT":
            if not isinstance(value, str):
                raise TypeError(f"{self.name} must be a str, not {type(value).__name__}")
            return value if _is_storable(value) else None

        if type(value) is hikari.Snowflake or type(value) is int:  # nearly always, and quickly asked
            return value if 0 <= value <= MAX_SNOWFLAKE else None

        try:
            number = -1 if isinstance(value, bool) else operator.index(typing.cast("typing.SupportsIndex", value))
        except TypeError:
            raise TypeError(f"{self.name} must be a snowflake (an int), not {type(value).__name__}") from None

        return number if 0 <= number <= MAX_SNOWFLAKE else None


def _reader(column: Column) -> collections.abc.Callable[[Payload], Value]:
    """Return what reads a column out of a payload.

    That is done for every row that comes or goes, so that the usual case, a text at the end of one path of one or two
    steps, has a function of its own; whatever else they meet goes the general way.
    """
    paths, parse = column.paths, column.parse

    def read(payload: Payload) -> Value:
        for path in paths:
            value: typing.Any = payload
            for step in path:
                value = value.get(step) if is_map(value) else None
            if value is not None:
                return parse(value)

        if column.is_optional:
            return None

        raise ValueError(f"the payload has no {' or '.join('.'.join(path) for path in paths)}")

    def read_step(payload: Payload) -> Value:
        value = payload.get(first)
        return parse_text(value) if type(value) is str else read(payload)

    def read_two_steps(payload: Payload) -> Value:
        outer: typing.Any = payload.get(first)
        value = outer.get(last) if type(outer) in USUAL_MAPS else None
        return parse_text(value) if type(value) is str else read(payload)

    parse_text = _parse_digits if parse is _parse_snowflake else parse
    first, last = paths[0][0], paths[0][-1]
    return {1: read_step, 2: read_two_steps}.get(len(paths[0]), read)


def reading(columns: collections.abc.Sequence[Column]) -> collections.abc.Callable[[Payload], tuple[Value, ...]]:
    """Return what reads columns out of a payload; it raises `ValueError` if one is missing or not what it should be."""
    # Unrolled as far as tables have columns, since a loop in it takes as long as the reading.
    reads = [column.read for column in columns]
    match reads:
        case [a]:
            return lambda payload: (a(payload),)
        case [a, b]:
            return lambda payload: (a(payload), b(payload))
        case [a, b, c]:
            return lambda payload: (a(payload), b(payload), c(payload))
        case [a, b, c, d]:
            return lambda payload: (a(payload), b(payload), c(payload), d(payload))
        case _:
            return lambda payload: tuple([read(payload) for read in reads])


def _paths(name: str, paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in paths or (name,))


def snowflake(name: str, /, *paths: str, optional: bool = False) -> Column:
    """Describe a column of snowflakes, found in a payload under the dotted `paths` (by default, under its own name)."""
    return Column(name, "INTEGER", _paths(name, paths), _parse_snowflake, optional)


def text(name: str, /, *paths: str) -> Column:
    """Describe a column of text, found in a payload under the dotted `paths` (by default, under its own name)."""
    return Column(name, "TEXT", _paths(name, paths), _parse_text)
