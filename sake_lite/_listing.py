"""A small table of values, such as a query's result: a terminal shows it as text, and a notebook as HTML."""

from __future__ import annotations

__all__ = ["Listing"]

import datetime
import html
import re
import typing

from . import _frames

if typing.TYPE_CHECKING:
    import collections.abc

    import pandas as pd

# As wide as a column of text is shown, in characters, and as many rows as are shown of a longer table.
_WIDTH: typing.Final[int] = 40
_ROWS: typing.Final[int] = 50

# Numbers in groups, as people read them; snowflakes are not.
_NUMBER: typing.Final = re.compile(r"[\d,]+( bytes)?")


class Listing:
    """Rows of values under named columns.

    Parameters
    ----------
    columns
        The names.
    rows
        The values of each row, as many as there are names.
    caption
        What stands above the table where it is shown.
    total
        How many rows there are, where these are only the first.
    """

    __slots__ = ("caption", "columns", "rows", "total")

    def __init__(
        self,
        columns: collections.abc.Iterable[str],
        rows: collections.abc.Iterable[collections.abc.Iterable[object]],
        *,
        caption: str = "",
        total: int | None = None,
    ) -> None:
        self.caption = caption
        self.columns: list[str] = list(columns)
        self.rows: list[tuple[typing.Any, ...]] = [tuple(row) for row in rows]
        self.total = len(self.rows) if total is None else total

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> collections.abc.Iterator[tuple[typing.Any, ...]]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> tuple[typing.Any, ...]:
        return self.rows[index]

    def texts(self) -> list[list[str]]:
        """Return the values as a person reads them, each on one line."""
        return [[_text(value) for value in row] for row in self.rows]

    def __repr__(self) -> str:
        cells = [[_text(value) for value in row] for row in self.rows[:_ROWS]]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        are_numbers = self._are_numbers()

        def line(values: collections.abc.Iterable[str]) -> str:
            parts = zip(values, widths, are_numbers, strict=True)
            return "  ".join(text.rjust(width) if is_number else text.ljust(width) for text, width, is_number in parts)

        lines = [line(self.columns), line("─" * width for width in widths), *map(line, cells)]
        return "\n".join(part.rstrip() for part in [self.caption, *lines, self._rest] if part)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return it as HTML, as a notebook shows it."""
        styles = ["text-align: right" if is_number else "text-align: left" for is_number in self._are_numbers()]

        def line(tag: str, values: collections.abc.Iterable[str]) -> str:
            pairs = zip(values, styles, strict=True)
            cells = (f'<{tag} style="{style}">{html.escape(text)}</{tag}>' for text, style in pairs)
            return f"<tr>{''.join(cells)}</tr>"

        body = "".join(line("td", map(_text, row)) for row in self.rows[:_ROWS])
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        rest = f"<p>{html.escape(self._rest)}</p>" if self._rest else ""
        return f"<table>{caption}<thead>{line('th', self.columns)}</thead><tbody>{body}</tbody></table>{rest}"

    def to_pandas(self) -> pd.DataFrame:
        """Return it as a data frame: whole numbers, snowflakes among them, are exact though some may be missing.

        Raises
        ------
        ImportError
            If pandas is not installed; the extra `notebook` has it.
        """
        return _frames.from_rows(self.columns, self.rows)

    @property
    def _rest(self) -> str:
        shown = min(len(self.rows), _ROWS)
        return f"… and {self.total - shown:,} more rows" if self.total > shown else ""

    def _are_numbers(self) -> list[bool]:
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return [bool(column) and all(map(_is_number, column)) for column in columns]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value) is not None)


def _text(value: object) -> str:
    """Return a value as a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"

    text = " ".join(str(value).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
