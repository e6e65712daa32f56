"""What became of the rows of a file that is copied, by resource: what is told at the end, and noted on the way."""

from __future__ import annotations

__all__ = ["EXPIRED", "Copied", "CopyReport"]

import dataclasses
import typing

if typing.TYPE_CHECKING:
    from ._table import Key

EXPIRED: typing.Final[str] = "expired"
"""Why a row is left out that is no longer there."""

# Rows of one resource that are named in the report; the others are only counted.
_MOST_NAMED: typing.Final[int] = 100


@dataclasses.dataclass(slots=True)
class Copied:
    """What became of the rows of one resource."""

    rows: int = 0
    """How many were copied."""

    left_out: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    """How many were not, though there is nothing wrong with them, by the reason."""

    faults: int = 0
    """How many were not since something is wrong: with the row, or with what follows in the file."""

    named: list[str] = dataclasses.field(default_factory=list[str])
    """The rows that were not copied, the first of them, each by its key and with the reason, in a sentence."""

    endless: int = 0
    """How many were copied whose end was lost, since Sake keeps such for ever."""

    deleted: int = 0
    """How many were deleted from the server, since the file does not have them."""

    others: int = 0
    """How many of Sake's are on the server that the file does not have, and were not deleted."""

    after: Key | None = None
    """The key of the last row that was dealt with, while there may be more."""

    is_done: bool = False
    """Whether all were dealt with."""

    def leave_out(self, reason: str, rows: int = 1) -> None:
        """Count rows that are not copied, for a reason that is nobody's fault."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + rows

    def fail(self, fault: str) -> None:
        """Count a row, or what follows, as wrong, unless a run before has met it, and name it."""
        if fault not in self.named:
            self.faults += 1
            self.name(fault)

    def name(self, sentence: str) -> None:
        """Name a row that is not copied."""
        if len(self.named) < _MOST_NAMED:
            self.named.append(sentence)


@dataclasses.dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied and what was not."""

    server: str
    """The Redis server, as messages may show it."""

    resources: dict[str, Copied]
    """What became of each resource, by the name of its table."""

    before: int
    """How many rows an earlier run, which was interrupted, had copied."""

    @property
    def rows(self) -> int:
        """How many rows were copied, those of an interrupted run before too."""
        return sum(each.rows for each in self.resources.values())

    @property
    def is_whole(self) -> bool:
        """Whether nothing was wrong."""
        return not any(each.faults for each in self.resources.values())
