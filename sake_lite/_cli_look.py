"""`sake-lite info`, `show`, `list` and `check`: the commands that look into a file.

They are thin: what there is in a file is what `CacheFile` and `SQLiteCache.check` say.
"""

from __future__ import annotations

__all__ = ["check", "info", "list_rows", "show"]

import asyncio
import contextlib
import datetime
import itertools
import pathlib
import sys
import typing
import warnings

import click

from ._cli_screen import (
    FILE,
    RESOURCE,
    RESOURCES,
    complain,
    json_option,
    json_text,
    print_json,
    print_table,
    progress,
    say,
)
from .cache import SQLiteCache
from .file import CacheFile

if typing.TYPE_CHECKING:
    import collections.abc

    from ._check import CheckReport
    from ._listing import Listing
    from ._table import Key, Table
    from ._views import ResourceView, Summary

# As many rows as `list` shows to a person who does not say how many.
_SHOWN: typing.Final[int] = 50

# The references that an option of `list` chooses by: whoever wrote a message is its user.
_REFERENCES: typing.Final = {"guild": ("guild",), "channel": ("channel",), "user": ("user", "author")}


@click.command()
@click.argument("file", type=FILE)
@json_option
def info(file: pathlib.Path, *, as_json: bool) -> None:
    """Say how much there is in FILE.

    Of each resource, that is its rows, their bytes, and when they were updated, in UTC; the bytes are those of expired
    rows, too.
    """
    with CacheFile(file) as cache, progress("counting") as tell:
        summaries: dict[str, Summary] = {}
        resources = cache.resources
        for number, (name, resource) in enumerate(resources.items()):
            tell(f"counting {name}", number, len(resources))
            summaries[name] = resource.summary()
        size, version = cache.size, cache.version

    if as_json:
        found = {name: _fields_of(summary) for name, summary in summaries.items()}
        print_json({"file": str(cache.path), "size": size, "version": version, "resources": found})
        return

    print_table(
        ["resource", "rows", "bytes", "oldest update", "newest update", "expired"],
        [
            [name, f"{each.rows:,}", f"{each.bytes:,}", _time(each.oldest), _time(each.newest), f"{each.expired:,}"]
            for name, each in summaries.items()
        ],
        numbers={"rows", "bytes", "expired"},
        whole={"resource", "rows", "bytes", "oldest update", "newest update", "expired"},
    )
    say(f"{cache.path.name}: {size:,} bytes, version {version}; times are UTC")


def _time(moment: datetime.datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _fields_of(summary: Summary) -> dict[str, object]:
    return {
        "rows": summary.rows,
        "expired": summary.expired,
        "bytes": summary.bytes,
        "oldest": summary.oldest and summary.oldest.isoformat(),
        "newest": summary.newest and summary.newest.isoformat(),
    }


@click.command(epilog=RESOURCES)
@click.argument("file", type=FILE)
@click.argument("resource", metavar="RESOURCE", type=RESOURCE)
@click.argument("key", nargs=-1)
@json_option
def show(file: pathlib.Path, resource: str, key: tuple[str, ...], *, as_json: bool) -> None:
    """Write one entry, as Discord sent it.

    KEY is its ID, its code, or the IDs of guild and user; the bot's own user, RESOURCE me, needs none. With --json it
    is on one line.
    """
    with CacheFile(file) as cache:
        view = cache.resources[resource]
        print_json(view.payload(*_key_of(view.table, key)), indent=None if as_json else 2)


def _key_of(table: Table[typing.Any], given: tuple[str, ...]) -> Key:
    """Return a key as a person gave it in texts."""
    if table.is_own_user and not given:
        return ()

    if len(given) != len(table.key):
        names = " ".join(column.name.upper() for column in table.key)
        raise click.UsageError(f"an entry of {table.name} is found by {names}")

    try:
        return tuple(column.parse(text) for column, text in zip(table.key, given, strict=True))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="KEY") from None


@click.command("list", epilog=RESOURCES)
@click.argument("file", type=FILE)
@click.argument("resource", metavar="RESOURCE", type=RESOURCE)
@click.option("--guild", type=int, metavar="ID", help="Only those of this guild.")
@click.option("--channel", type=int, metavar="ID", help="Only those in this channel.")
@click.option("--user", type=int, metavar="ID", help="Only those of this user; of messages, those that the user wrote.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="How many at most; 50, or all with --json.")
@json_option
def list_rows(file: pathlib.Path, resource: str, *, limit: int | None, as_json: bool, **references: int | None) -> None:
    """List the entries of a resource.

    They come in the order of their keys, so that of messages the oldest come first; one of --guild, --channel and
    --user chooses among them. A person sees the IDs, what tells the entries from each other, and times in UTC; with
    --json, all that Discord sent.

    Damaged rows are skipped, and counted at the end. Ends with 1 where there are any, or no entry.
    """
    with CacheFile(file) as cache, _complaining_of_damage():
        view = _chosen(cache.resources[resource], references)
        listed = (
            _write_array(itertools.islice(view.payloads(), limit)) if as_json else _show_first(view, limit, references)
        )
    if not listed:
        chosen = [f" for {option} {value}" for option, value in references.items() if value is not None]
        complain(f"no {resource}{''.join(chosen)}")
        raise click.exceptions.Exit(1)


def _show_first(
    view: ResourceView[typing.Any], limit: int | None, references: collections.abc.Mapping[str, int | None]
) -> int:
    """Show a person the first entries, and return how many these are."""
    limit = limit or _SHOWN
    with progress(f"listing {view.name}"):
        listing = view.head(limit)
        rows = listing.texts()
    if rows:
        whole = {column.name for column in view.table.columns} | _moments(listing)
        print_table(listing.columns, rows, whole=whole, dropped=_dropped(view.table, references))
    if listing.total > len(rows) == limit:  # else those that are missing are damaged
        complain(f"… and {listing.total - len(rows):,} more; --limit says how many to list")
    return len(rows)


def _moments(listing: Listing) -> set[str]:
    """Return the columns that have times."""
    columns = zip(listing.columns, zip(*listing.rows, strict=True), strict=True)
    return {name for name, values in columns if any(isinstance(value, datetime.datetime) for value in values)}


def _dropped(table: Table[typing.Any], references: collections.abc.Mapping[str, int | None]) -> list[str]:
    """Return the columns of IDs that a person misses least, those first which are the same in all rows."""
    named = {f"{name}_id" for option, value in references.items() if value is not None for name in _REFERENCES[option]}
    chosen = [column.name for column in table.references if column.name in named]
    others = [column.name for column in reversed(table.columns) if column not in table.key]
    return [*dict.fromkeys([*chosen, *others])]


def _chosen(
    view: ResourceView[typing.Any], references: collections.abc.Mapping[str, int | None]
) -> ResourceView[typing.Any]:
    """Return the view of those entries that the options name."""
    named = {option: value for option, value in references.items() if value is not None}
    if len(named) > 1:
        raise click.UsageError(f"choose by one of {', '.join(f'--{option}' for option in named)}")

    for option, value in named.items():
        reference = next((each for each in _REFERENCES[option] if each in view.references), None)
        if reference is None:
            options = [f"--{name}" for name, among in _REFERENCES.items() if {*among} & {*view.references}]
            has = f"can be chosen by {', '.join(options)}" if options else "cannot be chosen so"
            raise click.UsageError(f"{view.name} have no {option}; they {has}")
        return getattr(view, f"for_{reference}")(value)
    return view


def _write_array(payloads: collections.abc.Iterable[object]) -> int:
    """Write a JSON array with one value a line, each as soon as it is read, and return how many these are."""
    number = 0
    sys.stdout.write("[")
    try:
        for number, payload in enumerate(payloads, 1):
            sys.stdout.write(f"{',' if number > 1 else ''}\n{json_text(payload)}")
    finally:  # what could be read is an array, whatever follows cannot be
        sys.stdout.write("\n]\n")
    return number


@contextlib.contextmanager
def _complaining_of_damage() -> collections.abc.Generator[None, None, None]:
    """End with 1 where the block met damaged rows, of which there is a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for warning in caught:
        complain(str(warning.message))
    if caught:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("file", type=FILE)
@click.option("--delete-invalid", is_flag=True, help="Delete the damaged rows, and only those; stop the bot before.")
@json_option
def check(file: pathlib.Path, *, delete_invalid: bool, as_json: bool) -> None:
    """Say what is wrong with FILE.

    Looked at are its pages, and each row's bytes, identity and entity. Ends with 0 where nothing is wrong, with 1 where
    something is, or the file cannot be looked at, and with 2 for wrong arguments. What is deleted was wrong: it ends
    with 1 once more, and with 0 the next time.
    """
    with progress("checking"):
        report = asyncio.run(_check(file, delete_invalid=delete_invalid))

    if as_json:
        problems = [{"table": each.table, "key": each.key, "fault": each.fault} for each in report.problems]
        counts = {"rows": report.rows, "damaged": report.damaged, "deleted": report.deleted}
        print_json({"is_sound": report.is_sound, **counts, "problems": problems})
    else:
        rows = [[name, f"{rows:,}"] for name, rows in report.rows.items()]
        print_table(["table", "rows"], rows, numbers={"rows"}, whole={"table", "rows"})
        for problem in report.problems:
            say(str(problem))
        say(_summary(report))
    if not report.is_sound:
        raise click.exceptions.Exit(1)


async def _check(file: pathlib.Path, *, delete_invalid: bool) -> CheckReport:
    async with SQLiteCache(file, read_only=True) as cache:
        report = await cache.check()
    if not (delete_invalid and report.damaged):
        return report

    async with SQLiteCache(file, housekeeping=False) as cache:
        return await cache.check(delete_invalid=True)


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
