"""What a run found, as a table, as Markdown for the README, and as JSON; `charts.py` draws it."""

from __future__ import annotations

__all__ = ["Line", "Results", "lines", "markdown", "print_lines", "read", "write"]

import dataclasses
import json
import typing

import rich.console
import rich.table

from .operations import OPERATIONS, Operation
from .sides import Memory, SakeLite, SakeOnRedis

if typing.TYPE_CHECKING:
    import pathlib

_RESULTS: typing.Final[str] = "benchmarks.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Results:
    """What a run found.

    Parameters
    ----------
    machine
        What it ran on.
    medians
        For each operation's key, the median of each side, by the side's name, in the operation's unit.
    scaling
        For each number of members, what `FIGURES` lists.
    """

    machine: dict[str, str]
    medians: dict[str, dict[str, float]]
    scaling: dict[int, dict[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table, as text."""

    title: str
    ours: str
    sake: str
    memory: str
    ratio: str
    wanted: str
    factor: float | None
    """How many times better than it has to be."""

    has_aim: bool
    """Whether it is as good as was hoped for."""


def lines(results: Results) -> list[Line]:
    """Return the table's lines, as far as they were measured."""
    compared = [_compared(operation, results.medians[operation.key]) for operation in OPERATIONS]
    return [*compared, *_alone(results.scaling)]


def _compared(operation: Operation, medians: dict[str, float]) -> Line:
    ours, sake, memory = (medians.get(side.name) for side in (SakeLite, SakeOnRedis, Memory))
    assert ours is not None
    ratio = sake / ours if sake is not None else None
    if operation.most is not None and operation.hoped is not None:
        wanted = f"{operation.most:g} {operation.unit} ({operation.hoped:g})"
        factor, has_aim = operation.most / ours, ours <= operation.hoped
    else:
        assert operation.reach is not None
        aims = f"{operation.aim:g}×" if operation.aim else f"{operation.beside_memory:g}× hikari's time"
        wanted = f"{operation.reach:g}× ({aims})"
        factor = ratio / operation.reach if ratio is not None else None
        has_aim = ratio is not None and ratio >= (operation.aim or operation.reach)
        if operation.beside_memory is not None and memory is not None:
            has_aim = has_aim and ours <= operation.beside_memory * memory

    return Line(
        title=operation.title,
        ours=_figure(ours, operation.unit),
        sake=_figure(sake, operation.unit),
        memory=_figure(memory, operation.unit),
        ratio=f"{ratio:.2f}×" if ratio is not None else "",
        wanted=wanted,
        factor=factor,
        has_aim=has_aim,
    )


def _alone(scaling: dict[int, dict[str, float]]) -> list[Line]:
    """Return the lines for which there is nothing to compare with."""
    found: list[Line] = []
    if many := scaling.get(150_000):
        found.append(_limited("open a file of 150,000 members", many["open"], "ms", 50, 10))
        found.append(_limited("memory grown by opening it and iterating them all", many["memory"], "MiB", 40, 16))
    if 10_000 in scaling and 1_000_000 in scaling:
        times = scaling[1_000_000]["get"] / scaling[10_000]["get"]
        found.append(_limited("get at 1,000,000 rows beside 10,000 rows", times, "× the time", 1.5, 1.2))
    return found


def _limited(title: str, figure: float, unit: str, most: float, hoped: float) -> Line:
    return Line(
        title=title,
        ours=_figure(figure, unit),
        sake="",
        memory="",
        ratio="",
        wanted=f"{most:g} {unit} ({hoped:g})",
        factor=most / max(figure, 1e-9),
        has_aim=figure <= hoped,
    )


def _figure(figure: float | None, unit: str) -> str:
    if figure is None:
        return ""

    digits = 0 if figure >= 100 else 1 if figure >= 10 else 2
    return f"{figure:,.{digits}f} {unit}"


_HEADINGS: typing.Final = ("", "sake_lite", "Sake on Redis", "hikari, in memory", "beside Sake", "to reach (aim)")


def _cells(line: Line) -> tuple[str, ...]:
    verdict = "" if line.factor is None else " ✓✓" if line.has_aim else " ✓" if line.factor >= 1 else " ✗"
    return (line.title, line.ours, line.sake, line.memory, line.ratio, line.wanted + verdict)


def print_lines(results: Results) -> None:
    """Print the table, and what it was measured on."""
    table = rich.table.Table(*_HEADINGS, caption=", ".join(results.machine.values()))
    for line in lines(results):
        table.add_row(*_cells(line))
    console = rich.console.Console()
    if not console.is_terminal:
        console = rich.console.Console(width=200)  # where nobody looks, lines are as long as they are
    console.print(table)


def markdown(results: Results) -> str:
    """Return the table as Markdown."""
    rows = [_HEADINGS, ("---",) + ("---:",) * 4 + ("---",), *(_cells(line) for line in lines(results))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(results: Results, folder: pathlib.Path) -> None:
    """Write the results into a folder."""
    text = json.dumps(dataclasses.asdict(results), indent=2, ensure_ascii=False)
    (folder / _RESULTS).write_text(f"{text}\n", encoding="utf-8")


def read(folder: pathlib.Path) -> Results:
    """Read what `write` wrote."""
    fields = json.loads((folder / _RESULTS).read_text(encoding="utf-8"))
    fields["scaling"] = {int(size): figures for size, figures in fields["scaling"].items()}
    return Results(**fields)
