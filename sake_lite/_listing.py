"""A small table of values, such as a query's result: a terminal shows it as text, and a notebook as HTML."""

from __future__ import annotations

__all__ = ["Listing"]

import datetime
import html
import re
import typing
import unicodedata

from . import _frames

if typing.TYPE_CHECKING:
    import collections.abc

    import pandas as pd

# As wide as a column of text is shown, in characters, and as many rows as are shown of a longer table.
_WIDTH: typing.Final[int] = 40
_ROWS: typing.Final[int] = 50

# Numbers in groups, as people read them; snowflakes are not.
_NUMBER: typing.Final = re.compile(r"\d{1,3}(,\d{3})*( bytes)?")

# What puts emojis together, which is not printable by itself.
_JOINER: typing.Final[str] = "\u200d"


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
        names = [_text(name) for name in self.columns]
        widths = [max(map(_width, column)) for column in zip(names, *cells, strict=True)]
        are_numbers = self._are_numbers()

        def line(values: collections.abc.Iterable[str]) -> str:
            parts = zip(values, widths, are_numbers, strict=True)
            return "  ".join(_padded(text, width, is_number) for text, width, is_number in parts)

        lines = [line(names), line("─" * width for width in widths), *map(line, cells)]
        return "\n".join(part.rstrip() for part in [_line(self.caption), *lines, self._rest] if part)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return it as HTML, as a notebook shows it."""
        styles = ["text-align: right" if is_number else "text-align: left" for is_number in self._are_numbers()]

        def line(tag: str, values: collections.abc.Iterable[str]) -> str:
            pairs = zip(values, styles, strict=True)
            cells = (f'<{tag} style="{style}">{html.escape(text)}</{tag}>' for text, style in pairs)
            return f"<tr>{''.join(cells)}</tr>"

        # The class keeps MathJax from taking what people write between dollars for formulas.
        names = map(_text, self.columns)
        body = "".join(line("td", map(_text, row)) for row in self.rows[:_ROWS])
        caption = f"<caption>{html.escape(_line(self.caption))}</caption>" if self.caption else ""
        rest = f"<p>{html.escape(self._rest)}</p>" if self._rest else ""
        parts = f"{caption}<thead>{line('th', names)}</thead><tbody>{body}</tbody>"
        return f'<table class="tex2jax_ignore">{parts}</table>{rest}'

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
        there = [[value for value in column if value is not None] for column in columns]
        return [bool(values) and all(map(_is_number, values)) for values in there]


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: object) -> str:
    """Return a value as a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"

    text = _line(str(value))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _line(text: str) -> str:
    """Return a text on one line, so that it only shows itself."""
    return "".join(map(_shown, " ".join(text.split())))


def _shown(character: str) -> str:
    """Return a character so that it only shows itself: people name themselves with what a terminal would obey."""
    if character.isprintable() or character == _JOINER:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if character == _JOINER or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - _width(text))
    return f"{space}{text}" if is_number else f"{text}{space}"
