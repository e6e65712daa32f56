"""The command line: `sake-lite`, or `python -m sake_lite`.

It needs the extra `cli` (click and rich). What it does is done by the cache itself; here are arguments, output and exit
codes: 0 where all is well, 1 where something is wrong with a file, 2 for wrong arguments.
"""

from __future__ import annotations

__all__ = ["main"]

import asyncio
import pathlib

import click
import rich.console
import rich.table

from . import CheckReport, SakeException, SQLiteCache


@click.group()
def main() -> None:
    """Look into a sake_lite file."""


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--delete-invalid", is_flag=True, help="Delete the damaged rows, and only those.")
def check(file: pathlib.Path, *, delete_invalid: bool) -> None:
    """Say what is wrong with FILE: its pages, and each row's bytes, identity and entity."""
    console = rich.console.Console(soft_wrap=True, highlight=False)
    try:
        report = asyncio.run(_check(file, delete_invalid=delete_invalid))
    except SakeException as error:
        console.print(str(error), markup=False)
        raise click.exceptions.Exit(1) from None

    _print(console, report)
    if not report.is_sound:
        raise click.exceptions.Exit(1)


async def _check(file: pathlib.Path, *, delete_invalid: bool) -> CheckReport:
    async with SQLiteCache(file, read_only=not delete_invalid) as cache:
        return await cache.check(delete_invalid=delete_invalid)


def _print(console: rich.console.Console, report: CheckReport) -> None:
    table = rich.table.Table("table", rich.table.Column("rows", justify="right"), box=None, pad_edge=False)
    for name, rows in report.rows.items():
        table.add_row(name, f"{rows:,}")
    console.print(table)
    for problem in report.problems:
        console.print(str(problem), markup=False)
    console.print(_summary(report), markup=False)


def _summary(report: CheckReport) -> str:
    if report.is_sound:
        return "Nothing is wrong."

    found = f"Problems found: {len(report.problems)}."
    return f"{found} Damaged rows deleted: {report.deleted}." if report.deleted else found
