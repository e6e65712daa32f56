"""Payloads and rows as pandas data frames, which keep every snowflake exact.

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

# How Discord spells moments; what people write is no whole field of it.
_MOMENT: typing.Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

# Fields that hold what people wrote, which may look like anything.
_WRITTEN: typing.Final = frozenset({"content", "description", "name", "nick", "title", "topic", "username"})

_LARGEST: typing.Final[int] = 2**63 - 1

# Up to here a float has a value for every whole number.
_EXACT: typing.Final[int] = 2**53


def flatten(payload: Payload, prefix: str = "") -> dict[str, typing.Any]:
    """Return a payload's fields with those of objects in it beside them, as `user.username`; lists stay as they are."""
    flat: dict[str, typing.Any] = {}
    for name, value in payload.items():
        if isinstance(value, dict):
            flat |= flatten(typing.cast("Payload", value), f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def from_payloads(
    columns: collections.abc.Sequence[str],
    rows: collections.abc.Sequence[tuple[tuple[typing.Any, ...], Payload]],
) -> pd.DataFrame:
    """Return a data frame of payloads, the values of a table's columns first.

    Snowflakes become whole numbers (`Int64`, which has a word for "missing"), moments UTC timestamps.

    Parameters
    ----------
    columns
        The names of the table's columns.
    rows
        Their values, and the payload, of each row.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    names = dict.fromkeys([*columns, *(name for _, payload in rows for name in payload)])
    values = {name: [payload.get(name) for _, payload in rows] for name in names}
    for number, name in enumerate(columns):
        values[name] = [row[number] for row, _ in rows]
    return _frame({name: _read(name, column) for name, column in values.items()}, len(rows))


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
    series = [pandas.Series(_array([row[number] for row in rows])) for number, _ in enumerate(columns)]
    frame = pandas.concat(series, axis=1) if series else pandas.DataFrame()
    frame.columns = list(columns)  # two may have one name
    return frame


def _frame(columns: dict[str, list[typing.Any]], length: int) -> pd.DataFrame:
    pandas = _pandas()
    return pandas.DataFrame({name: _array(values) for name, values in columns.items()}, index=range(length))


def _read(name: str, values: list[typing.Any]) -> list[typing.Any]:
    """Read a field's texts as what they stand for, if all of them do."""
    field = name.rpartition(".")[2]
    texts = [value for value in values if value is not None]
    if field in _WRITTEN or not texts or not all(isinstance(text, str) for text in texts):
        return values

    if field == "id" or field.endswith("_id"):
        if all(text.isdecimal() and text.isascii() and int(text) <= _LARGEST for text in texts):
            return [None if value is None else int(value) for value in values]
    elif all(map(_MOMENT.fullmatch, texts)):
        moments = [moment_or(value) for value in values]
        if not any(isinstance(moment, str) for moment in moments):
            return moments

    return values


def moment_or(value: object) -> typing.Any:
    """Return the moment that a text spells as Discord does, and everything else as it is."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        with contextlib.suppress(ValueError):  # of no calendar, but of a damaged or invented payload
            return datetime.datetime.fromisoformat(value).astimezone(datetime.UTC)
    return value


def _array(values: list[typing.Any]) -> typing.Any:
    """Return a column, of a type that has a word for what is missing and loses nothing."""
    pandas = _pandas()
    kinds: set[type] = {type(value) for value in values if value is not None}
    if kinds == {datetime.datetime}:
        return pandas.to_datetime(values, utc=True)
    if kinds == {bool}:
        return pandas.array(values, dtype="boolean")
    if kinds == {int} and all(value is None or -_LARGEST <= value <= _LARGEST for value in values):
        return pandas.array(values, dtype="Int64")
    if float in kinds and kinds <= {int, float} and all(value is None or abs(value) <= _EXACT for value in values):
        return pandas.array(values, dtype="Float64")
    if kinds == {str}:
        return pandas.array(values, dtype="string")
    return pandas.Series(values, dtype=object).array


def _pandas() -> typing.Any:
    try:
        import pandas  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ImportError("data frames need pandas: pip install 'sake_lite[notebook]'") from error
    return pandas
