"""What the commands share: the arguments that they take, and how they write to a terminal, or to what is none.

On a terminal there are tables that fit it, colours, and a bar for what takes long. Elsewhere there is plain text, and
nothing is cut.
"""

from __future__ import annotations

__all__ = [
    "FILE",
    "RESOURCE",
    "RESOURCES",
    "STANDARD",
    "NewFile",
    "complain",
    "json_option",
    "json_text",
    "print_json",
    "print_table",
    "progress",
    "say",
    "write_what_can_be_written",
]

import contextlib
import io
import json
import os
import pathlib
import re
import sys
import threading
import typing

import click
import rich.console
import rich.highlighter
import rich.progress

from . import _file
from ._cli_table import TextTable
from .cache import SQLiteCache

if typing.TYPE_CHECKING:
    import collections.abc

    from ._export import Progress

FILE: typing.Final = click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)
"""A cache's file, which is there."""

RESOURCE: typing.Final = click.Choice([table.name for table in SQLiteCache.all_tables])
"""The name of a resource."""

RESOURCES: typing.Final = f"RESOURCE is one of {', '.join(RESOURCE.choices)}."
"""What those names are."""

STANDARD: typing.Final = pathlib.Path("-")
"""The name that stands for the standard input and output."""

json_option: typing.Final = click.option("--json", "as_json", is_flag=True, help="Write JSON, for other programs.")

# What takes longer has a bar, in seconds.
_SHOWN_AFTER: typing.Final[float] = 1.0

# So wide that no table is cut where there is no terminal.
_WIDE: typing.Final[int] = 100_000

# What a terminal obeys instead of showing it, which people put into names: control characters, and those that turn the
# direction of writing. JSON has the first 32 escaped already.
_CONTROLS: typing.Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class NewFile(click.Path):
    """A file that may be there or not, in a folder that is there; `-` may stand for the standard output or input."""

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=pathlib.Path, allow_dash=allow_dash)

    def convert(self, value: typing.Any, param: click.Parameter | None, ctx: click.Context | None) -> pathlib.Path:
        """Return the absolute path, or `STANDARD`."""
        given = pathlib.Path(os.fsdecode(super().convert(value, param, ctx)))
        if self.allow_dash and given == STANDARD:
            return given

        try:
            path = _file.absolute(given)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not path.parent.is_dir():
            self.fail(f"the folder {path.parent} does not exist", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{path} is not a file", param, ctx)
        return path


def _console(*, stderr: bool = False) -> rich.console.Console:
    console = rich.console.Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def say(text: str) -> None:
    """Write a line to the standard output."""
    _console().print(_printable(text))


def complain(text: str) -> None:
    """Write a line to the standard error."""
    _console(stderr=True).print(_printable(text))


def print_table(
    columns: collections.abc.Sequence[str],
    rows: collections.abc.Iterable[collections.abc.Sequence[str]],
    *,
    numbers: collections.abc.Container[str] = (),
    whole: collections.abc.Container[str] = (),
    dropped: collections.abc.Sequence[str] = (),
) -> None:
    """Write a table to the standard output.

    Where a terminal is too narrow for it, columns are dropped, then texts are broken into lines, and where that is not
    enough, each row becomes lines of its own.

    Parameters
    ----------
    columns
        The names of the columns.
    rows
        The texts in each row.
    numbers
        Which columns are aligned to the right.
    whole
        Which columns are not broken into lines.
    dropped
        The columns that can be dropped, in this order.
    """
    printable = [[_printable(text) for text in row] for row in rows]
    table = TextTable(columns=list(columns), rows=printable, numbers=numbers, whole=whole)
    console = _console()
    if not console.is_terminal:
        sys.stdout.writelines(f"{line}\n" for line in table.lines(table.widths()))
        return

    narrow, missing = _without_some(table, dropped, console.width)
    widths = narrow.fitted_widths(console.width)
    if widths is None:
        console.out("\n".join(table.blocks()), highlight=False, end="")
        return

    header, *lines = narrow.lines(widths)
    console.out(header, style="bold", highlight=False)
    console.out("".join(f"{line}\n" for line in lines), highlight=False, end="")
    if missing:
        complain(f"not shown, for want of room: {', '.join(missing)}")


def _without_some(
    table: TextTable, dropped: collections.abc.Sequence[str], width: int
) -> tuple[TextTable, collections.abc.Sequence[str]]:
    """Return the table without as many of the columns as it takes to fit a width, and which these are."""
    for number, column in enumerate(dropped):
        if table.is_within(width):
            return table, dropped[:number]
        table = table.without(column)
    return table, dropped


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Write a value as JSON to the standard output."""
    console = _console()
    text = json_text(value, indent=indent)
    if console.is_terminal:
        console.print(rich.highlighter.JSONHighlighter()(text))
    else:
        sys.stdout.write(f"{text}\n")


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON that the standard output can write, and no terminal obeys."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode, indent=indent)
    return _printable(text)


def _printable(text: str) -> str:
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_what_can_be_written() -> None:
    """Let texts that the standard output and error have no bytes for be escaped, instead of ending the program.

    What is written to an output that was closed, as by `>&-`, goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, pathlib.Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def progress(begun_with: str) -> collections.abc.Generator[Progress, None, None]:
    """Show how far the block has come, once it has taken a second, if the standard error is a terminal.

    Yields
    ------
    Progress
        What to call with what is being done, how much of it is, and of how much. Without it the bar only moves.
    """
    console = _console(stderr=True)
    bars = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bars.add_task(begun_with, total=None)
    timer = threading.Timer(_SHOWN_AFTER, bars.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda what, done, of: bars.update(task, description=what, completed=done, total=of)
    finally:
        timer.cancel()
        timer.join()
        if bars.live.is_started:
            bars.stop()
