"""How the commands lay a table out: in columns that fit a width or, where they cannot, each row as lines of its own.

It makes lines of texts and writes nothing; `_cli_screen.py` does.
"""

from __future__ import annotations

__all__ = ["TextTable"]

import dataclasses
import itertools
import typing

import rich.cells

if typing.TYPE_CHECKING:
    import collections.abc

# What is between columns.
_GAP: typing.Final[str] = "  "

# A column that can be broken into lines is not made narrower than this.
_NARROWEST: typing.Final[int] = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Texts in columns."""

    columns: list[str]
    """The names of the columns."""

    rows: list[list[str]]
    """The texts in each row, as many as there are names, each on one line."""

    numbers: collections.abc.Container[str] = ()
    """Which columns are aligned to the right."""

    whole: collections.abc.Container[str] = ()
    """Which columns are not broken into lines."""

    def without(self, column: str) -> TextTable:
        """Return the table without one of its columns."""
        kept = [name != column for name in self.columns]
        rows = [list(itertools.compress(row, kept)) for row in self.rows]
        return dataclasses.replace(self, columns=list(itertools.compress(self.columns, kept)), rows=rows)

    def widths(self) -> list[int]:
        """Return how wide each column is, in cells of a terminal."""
        columns = zip(self.columns, *self.rows, strict=True)
        return [max(map(rich.cells.cell_len, column)) for column in columns]

    def is_within(self, width: int) -> bool:
        """Return whether the whole table fits a width."""
        return _sum(self.widths()) <= width

    def fitted_widths(self, width: int) -> list[int] | None:
        """Return widths of columns, some of them broken into lines, that fit together, or `None` where none do."""
        widths = self.widths()
        breakable = [index for index, name in enumerate(self.columns) if name not in self.whole]
        while _sum(widths) > width:
            widest = max(breakable, key=widths.__getitem__, default=None)
            if widest is None or widths[widest] <= _NARROWEST:
                return None
            widths[widest] -= 1
        return widths

    def lines(self, widths: collections.abc.Sequence[int]) -> collections.abc.Iterator[str]:
        """Iterate over the lines of the table, those of its header first, in columns of these widths."""
        for row in [self.columns, *self.rows]:
            yield "\n".join(self._lines_of(row, widths))

    def _lines_of(
        self, row: collections.abc.Sequence[str], widths: collections.abc.Sequence[int]
    ) -> collections.abc.Iterator[str]:
        broken = [_broken(text, width) for text, width in zip(row, widths, strict=True)]
        for texts in itertools.zip_longest(*broken, fillvalue=""):
            parts = zip(self.columns, texts, widths, strict=True)
            yield _GAP.join(_padded(text, width, name in self.numbers) for name, text, width in parts).rstrip()

    def blocks(self) -> collections.abc.Iterator[str]:
        """Iterate over the rows, each as lines of a name and a text, those without a text left out."""
        width = max(map(rich.cells.cell_len, self.columns))
        for row in self.rows:
            pairs = zip(self.columns, row, strict=True)
            yield "".join(f"{_padded(name, width, False)}{_GAP}{text}\n" for name, text in pairs if text)


def _sum(widths: collections.abc.Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _broken(text: str, width: int) -> list[str]:
    return [text] if rich.cells.cell_len(text) <= width else rich.cells.chop_cells(text, width)


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - rich.cells.cell_len(text))
    return f"{space}{text}" if is_number else f"{text}{space}"
