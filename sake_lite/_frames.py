"""Payloads and rows as pandas data frames, in which every value is what it was, snowflakes above all.

pandas is imported when it is asked for, as it is needed for nothing else.
"""

from __future__ import annotations

__all__ = ["flatten", "from_payloads", "from_rows", "moment_or"]

import contextlib
import datetime
import re
import typing

if typing.TYPE_CHECKING:
    import collections.abc

    import pandas as pd

    from ._codec import Payload
    from ._column import Column

# How Discord spells moments; more digits than these would be lost.
_MOMENT: typing.Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")

# The ends of the names of fields that hold moments. Others, which people write, may look like anything.
_MOMENTS: typing.Final = ("timestamp", "_at", "_since", "_time", "_until")

# Fields that hold lists of snowflakes, beside those whose names end in `_ids`.
_LISTS: typing.Final = frozenset({"roles", "mention_roles", "applied_tags"})

# A snowflake's one spelling.
_SNOWFLAKE: typing.Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)

_LARGEST: typing.Final[int] = 2**63 - 1

# Up to here a float has a value for every whole number.
_EXACT: typing.Final[int] = 2**53

# Whole numbers, and moments, with a word for what is missing.
_WHOLE: typing.Final[str] = "Int64"
_UTC: typing.Final[str] = "datetime64[us, UTC]"


def flatten(payloads: collections.abc.Sequence[Payload]) -> list[dict[str, typing.Any]]:
    """Return the fields of payloads with those of objects in them beside them, as `user.username`.

    Lists stay as they are, and so do objects that are empty, those whose fields are named by IDs, which would make as
    many columns as there are IDs, and those whose fields would share a name with others, be it in another payload.
    """
    dotted = {name for payload in payloads for name in payload if "." in name}
    taken = {name[:place] for name in dotted for place, character in enumerate(name) if character == "."}
    return [dict(_flat(payload, taken)) for payload in payloads]


def _flat(
    payload: Payload, taken: collections.abc.Container[str] = (), prefix: str = ""
) -> collections.abc.Iterator[tuple[str, typing.Any]]:
    for name, value in payload.items():
        if name not in taken and _has_columns(value):
            yield from _flat(value, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _has_columns(value: object) -> typing.TypeGuard[Payload]:
    """Whether fields of an object are the same in other payloads, and told from what is in them by their dots."""
    if not (value and isinstance(value, dict)):
        return False

    names = typing.cast("Payload", value).keys()
    return not (all(map(str.isdecimal, names)) or any("." in name for name in names))


def from_payloads(
    columns: collections.abc.Sequence[Column],
    keys: collections.abc.Sequence[tuple[typing.Any, ...]],
    payloads: collections.abc.Sequence[Payload],
) -> pd.DataFrame:
    """Return a data frame of payloads, the values of a table's columns first.

    Snowflakes become whole numbers (`Int64`, which has a word for "missing"), also those in lists such as `roles`, and
    moments UTC timestamps.

    Parameters
    ----------
    columns
        The table's columns.
    keys
        Their values in each row.
    payloads
        The payload of each row.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    pandas = _pandas()
    arrays = {
        column.name: pandas.array([key[number] for key in keys], dtype=_dtype_of(column))
        for number, column in enumerate(columns)
    }
    for name, values in _by_field(payloads).items():
        if name not in arrays:
            arrays[name] = _field(name, values)
        elif not _are_same(values, arrays[name]):
            arrays[_beside(name, arrays)] = _field(name, values)
    return pandas.DataFrame(arrays, index=range(len(keys)))


def from_rows(
    columns: collections.abc.Sequence[str], rows: collections.abc.Sequence[collections.abc.Sequence[typing.Any]]
) -> pd.DataFrame:
    """Return a data frame of rows, in which whole numbers stay exact.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    pandas = _pandas()
    arrays = {number: _array([row[number] for row in rows]) for number, _ in enumerate(columns)}
    frame = pandas.DataFrame(arrays, index=range(len(rows)))
    frame.columns = list(columns)  # two may have one name
    return frame


def moment_or(name: str, value: object) -> typing.Any:
    """Return the moment that a field of this name holds, as Discord spells it, and everything else as it is."""
    if name.endswith(_MOMENTS) and isinstance(value, str) and _MOMENT.fullmatch(value):
        with contextlib.suppress(OverflowError, ValueError):  # of no calendar, but of a damaged or invented payload
            return datetime.datetime.fromisoformat(value).astimezone(datetime.UTC)
    return value


def _dtype_of(column: Column) -> str:
    return _WHOLE if column.affinity == "INTEGER" else "string"


def _by_field(payloads: collections.abc.Sequence[Payload]) -> dict[str, list[typing.Any]]:
    """Return the values of each field, `None` where a payload lacks it."""
    fields: dict[str, list[typing.Any]] = {}
    for number, payload in enumerate(payloads):
        for name, value in payload.items():
            if name not in fields:
                fields[name] = [None] * len(payloads)
            fields[name][number] = value
    return fields


def _are_same(values: list[typing.Any], column: typing.Any) -> bool:
    """Whether a payload's field says what the table's column of its name does, as far as it is there."""
    return all(value is None or str(value) == str(known) for value, known in zip(values, column, strict=True))


def _beside(name: str, taken: collections.abc.Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _field(name: str, values: list[typing.Any]) -> typing.Any:
    """Return a field as a column, its texts as what they stand for, if all of them do."""
    field = name.rpartition(".")[2]
    if field == "id" or field.endswith("_id"):
        if all(map(_is_snowflake_or_none, values)):
            return _pandas().array([None if value is None else int(value) for value in values], dtype=_WHOLE)
    elif field in _LISTS or field.endswith("_ids"):
        if all(map(_are_snowflakes_or_none, values)):
            return _array([value and [int(each) for each in value] for value in values])
    elif name.endswith(_MOMENTS):
        moments = [moment_or(name, value) for value in values]
        if all(moment is None or isinstance(moment, datetime.datetime) for moment in moments):
            return _pandas().array(moments, dtype=_UTC)

    return _array(values)


def _is_snowflake_or_none(value: object) -> bool:
    if isinstance(value, str):
        return _SNOWFLAKE.fullmatch(value) is not None and int(value) <= _LARGEST
    return value is None or (type(value) is int and 0 <= value <= _LARGEST)


def _are_snowflakes_or_none(value: object) -> bool:
    if not isinstance(value, list):
        return value is None
    return all(isinstance(each, str) and _is_snowflake_or_none(each) for each in typing.cast("list[object]", value))


def _array(values: list[typing.Any]) -> typing.Any:
    """Return a column, of a type that has a word for what is missing and loses nothing."""
    pandas = _pandas()
    kinds: set[type] = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pandas.array(values, dtype="boolean")
    if kinds == {int} and all(value is None or -_LARGEST <= value <= _LARGEST for value in values):
        return pandas.array(values, dtype=_WHOLE)
    if float in kinds and kinds <= {int, float} and all(map(_is_exact_as_float, values)):
        return pandas.array(values, dtype="Float64")
    if kinds == {str}:
        return pandas.array(values, dtype="string")
    return pandas.Series(values, dtype=object).array


def _is_exact_as_float(value: object) -> bool:
    return not isinstance(value, int) or abs(value) <= _EXACT


def _pandas() -> typing.Any:
    try:
        import pandas  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ImportError("data frames need pandas: pip install 'sake_lite[notebook]'") from error
    return pandas
