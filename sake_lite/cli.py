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
from ._cli_redis import to_redis


@click.group()
def main() -> None:
    """Look into a sake_lite file."""


main.add_command(to_redis)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--delete-invalid", is_flag=True, help="Delete the damaged rows, and only those.")
def check(file: pathlib.Path, *, delete_invalid: bool) -> None:
    """Say what is wrong with FILE: its pages, and each row's bytes, identity and entity.

    Ends with 0 where nothing is wrong, with 1 where something is, or the file cannot be looked at, and with 2 for wrong
    arguments.
    """
    console = rich.console.Console(soft_wrap=True, highlight=False)
    try:
        report = asyncio.run(_check(file, delete_invalid=delete_invalid))
    except SakeException as error:
        rich.console.Console(soft_wrap=True, highlight=False, stderr=True).print(str(error), markup=False)
        raise click.exceptions.Exit(1) from None

    _print(console, report)
    if not report.is_sound:
        raise click.exceptions.Exit(1)


async def _check(file: pathlib.Path, *, delete_invalid: bool) -> CheckReport:
    async with SQLiteCache(file, read_only=True) as cache:
        report = await cache.check()
    if not (delete_invalid and report.damaged):
        return report

    async with SQLiteCache(file, housekeeping=False) as cache:
        return await cache.check(delete_invalid=True)


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

    found = [f"Problems found: {len(report.problems)}."]
    if report.deleted:
        found.append(f"Damaged rows deleted: {report.deleted}.")
    elif report.damaged:
        found.append("Stop the bot and use --delete-invalid to delete the rows that are damaged.")
    if not all(problem.key for problem in report.problems):
        found.append(
            "What is not one row's cannot be mended: to start afresh, move the file and its -wal and -shm away."
        )
    return " ".join(found)
