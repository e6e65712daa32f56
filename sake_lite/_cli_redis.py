"""`sake-lite to-redis`: the command that copies a file to a Redis server, for Sake.

Here are arguments, output and exit codes; what it does is done in `_to_redis.py`, which needs the extra `redis`.
"""

from __future__ import annotations

__all__ = ["to_redis"]

import asyncio
import pathlib
import typing

import click

from . import errors
from ._cli_screen import FILE, complain, print_table, progress, say

if typing.TYPE_CHECKING:
    from ._copy_report import CopyReport


@click.command()
@click.argument("file", type=FILE)
@click.argument("address", metavar="redis://HOST:PORT")
@click.option(
    "--delete-others",
    is_flag=True,
    help="Delete what hikari-sake has on the server and FILE has not; else it is counted.",
)
def to_redis(file: pathlib.Path, address: str, *, delete_others: bool) -> None:
    """Copy all rows of FILE that hikari-sake has a place for to a Redis server, as hikari-sake lays them out.

    FILE is only read, and may be in use. What is on the server under the same keys is overwritten. Nothing is deleted
    unless that is asked for, and then entries of hikari-sake's only, and none of a resource with damaged rows.
    Interrupted, and run again, it goes on where it was if nobody has written to FILE since, and begins anew otherwise.

    Ends with 0 where all was copied that Sake has a place for, with 1 where rows were damaged, or FILE or the server
    fails, and with 2 for wrong arguments, or if the extra `redis` is not installed.
    """
    try:
        report = _copy(file, address, delete_others=delete_others)
    except KeyboardInterrupt:
        complain("interrupted; run the same command again to go on")
        raise click.exceptions.Exit(1) from None
    except errors.SakeException as error:
        complain(f"{error}\nWhat was copied until then stays there; run the same command again to go on.")
        raise click.exceptions.Exit(1) from None

    _print(report)
    _warn_of_others(report, delete_others=delete_others)
    if not report.is_whole:
        raise click.exceptions.Exit(1)


def _copy(file: pathlib.Path, address: str, *, delete_others: bool) -> CopyReport:
    try:
        from . import _redis_server, _to_redis  # noqa: PLC0415 - what they need may be missing
    except ModuleNotFoundError as error:
        needs = f"to-redis needs {error.name}: pip install 'sake_lite[cli,redis]', with Python 3.13 at the latest"
        raise click.UsageError(needs) from None

    try:
        _redis_server.without_secrets(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="redis://HOST:PORT") from None

    with progress("copying") as show:
        return asyncio.run(_to_redis.copy(file, address, show, delete_others=delete_others))


def _print(report: CopyReport) -> None:
    rows = [
        (name, f"{copied.rows:,}", f"{copied.faults + sum(copied.left_out.values()):,}")
        for name, copied in report.resources.items()
    ]
    print_table(("resource", "copied", "not copied"), rows, numbers=("copied", "not copied"))
    for name, copied in report.resources.items():
        for reason, count in copied.left_out.items():
            say(f"{name}: {count:,} not copied: {reason}.")
        if copied.deleted:
            say(f"{name}: {copied.deleted:,} deleted from the server, which the file does not have.")
        if copied.endless:
            say(f"{name}: {copied.endless:,} copied without their end, which Sake cannot keep.")
        for sentence in copied.named:
            say(sentence)
    say(_summary(report))


def _warn_of_others(report: CopyReport, *, delete_others: bool) -> None:
    """Say what else a bot would find on the server."""
    others = {name: copied.others for name, copied in report.resources.items() if copied.others}
    for name, count in others.items():
        complain(
            f"warning: of {name}, the server has {count:,} that the file does not have, and a bot would find them."
        )
    if others:
        complain(
            "They stay, since what is damaged in the file may be what is missing."
            if delete_others
            else "With --delete-others they are deleted."
        )


def _summary(report: CopyReport) -> str:
    said = [f"Rows copied to {report.server}: {report.rows:,}."]
    if report.before:
        said.append(f"An interrupted run had copied {report.before:,} of them.")
    faults = sum(copied.faults for copied in report.resources.values())
    if faults:
        said.append(f"Faults: {faults:,}; `sake-lite check` tells more of the file.")
    return " ".join(said)
