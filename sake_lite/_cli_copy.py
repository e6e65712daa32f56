"""`sake-lite export`, `import` and `compact`: the commands that make one file of another.

What they do is done in `_export.py` and `_copy.py`; here are arguments and output.
"""

from __future__ import annotations

__all__ = ["compact", "export", "import_"]

import asyncio
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import typing

import click

from . import _copy, _export, _file, errors
from ._cli_screen import FILE, RESOURCE, RESOURCES, STANDARD, NewFile, complain, progress, say
from .cache import SQLiteCache
from .file import CacheFile

if typing.TYPE_CHECKING:
    import collections.abc


class _Output(NewFile):
    """A new file, or something that is there and no file, such as `/dev/stdout` or another pipe; `-` too."""

    def __init__(self) -> None:
        super().__init__(allow_dash=True)

    def convert(self, value: typing.Any, param: click.Parameter | None, ctx: click.Context | None) -> pathlib.Path:
        """Return the absolute path, what is no file as it is named, or `STANDARD`."""
        given = pathlib.Path(os.fsdecode(value))
        return given if _is_pipe(given) else super().convert(value, param, ctx)


def _is_pipe(path: pathlib.Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


@click.command(epilog=RESOURCES)
@click.argument("file", type=FILE)
@click.argument("resources", metavar="[RESOURCE]...", nargs=-1, type=RESOURCE)
@click.option(
    "--out",
    type=_Output(),
    required=True,
    metavar="FILE.jsonl",
    help="Where to; what is there is replaced once the export is whole. - is the standard output.",
)
def export(file: pathlib.Path, resources: tuple[str, ...], out: pathlib.Path) -> None:
    """Write all that is in FILE as lines of JSON.

    That is all of it, or all of some of its resources, rows that expired too. It is of one moment, and the bot may be
    running. Damaged rows are left out and named, and it ends with 1 then.
    """
    path = _file.absolute(file)
    if out in {path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))}:
        raise click.BadParameter(f"{out} is what is exported", param_hint="--out")

    is_piped = out == STANDARD or _is_pipe(out)
    if not is_piped:
        _copy.refuse_database(out)
    tables = [table for table in SQLiteCache.all_tables if not resources or table.name in resources]
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(_spool() if is_piped else _new(out))
        with progress("exporting") as show:
            report = _export.export_rows(path, tables, lines, str(out), show)
        if is_piped:
            lines.seek(0)
            _pass_on(lines, out)

    for fault in report.faults:
        complain(fault)
    if not is_piped:
        say(f"Rows exported to {out.name}: {report.rows:,}.")
    if report.faults:
        complain(f"Left out, since it is damaged: {len(report.faults):,}.")
        raise click.exceptions.Exit(1)


def _pass_on(lines: typing.BinaryIO, out: pathlib.Path) -> None:
    if out == STANDARD:
        shutil.copyfileobj(lines, sys.stdout.buffer)
    else:
        with out.open("wb") as pipe:
            shutil.copyfileobj(lines, pipe)


def _spool() -> typing.BinaryIO:
    """Return an unnamed file for what goes through a pipe, whose other end may wait for as long as it likes."""
    with errors.from_backend(tempfile.gettempdir()):
        return typing.cast("typing.BinaryIO", tempfile.TemporaryFile())


@contextlib.contextmanager
def _new(path: pathlib.Path) -> collections.abc.Generator[typing.BinaryIO, None, None]:
    with _copy.replacing(path) as part, errors.from_backend(path), part.open("wb") as lines:
        yield lines


@click.command("import")
@click.argument("file", type=NewFile())
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=pathlib.Path),
    required=True,
    metavar="FILE.jsonl",
    help="What export wrote. - is the standard input.",
)
def import_(file: pathlib.Path, source: pathlib.Path) -> None:
    """Store what export wrote in FILE.

    FILE is created if it is missing; if a bot uses it, stop that before. What it has under the same keys is
    overwritten, all else stays. If any line is wrong, it is named, and nothing is stored.
    """
    name = "the standard input" if source == STANDARD else str(source)
    _copy.refuse_used(file)
    report = _export.ImportReport()
    with _lines_of(source, name) as lines, progress("importing") as show:
        try:
            asyncio.run(_export.import_rows(file, SQLiteCache.all_tables, lines, name, report=report, show=show))
        except errors.SakeException:
            raise
        except ValueError as error:
            complain(f"{error}; nothing is imported")
            raise click.exceptions.Exit(1) from None
        except KeyboardInterrupt:
            complain(f"{report.stored:,} of {report.rows:,} rows are stored; to have all, import again")
            raise

    say(f"Rows imported from {name}: {report.rows:,}.")
    if report.refused:
        complain(f"Rows of which hikari makes no entity: {report.refused:,}; `sake-lite check` names them.")


def _lines_of(source: pathlib.Path, name: str) -> typing.BinaryIO:
    """Return an export in an unnamed file: it is read twice, and neither may change between, nor be a pipe."""
    lines = _spool()
    try:
        with errors.from_backend(name):
            if source == STANDARD:
                shutil.copyfileobj(sys.stdin.buffer, lines)
            else:
                with source.open("rb") as given:
                    shutil.copyfileobj(given, lines)
    except BaseException:
        lines.close()
        raise
    return lines


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--into", type=NewFile(), metavar="COPY", help="The copy; the bot may be running, and FILE stays as it is."
)
def compact(file: pathlib.Path, into: pathlib.Path | None) -> None:
    """Make FILE, or a copy of it, small.

    FILE itself can be made as small as it can be only while no bot uses it. With --into, a copy is made that is, as of
    one moment: the way to copy a file that is in use.
    """
    path = _file.absolute(file)
    before = CacheFile(path).size
    with progress("compacting"):
        if into is None:
            _copy.compact(path)
        else:
            _copy.compact_into(path, into)

    after = CacheFile(into or path).size
    if into is None:
        say(f"{path.name}: {before:,} bytes before, {after:,} bytes now.")
    else:
        say(f"{path.name}: {before:,} bytes, {into.name}: {after:,} bytes.")
