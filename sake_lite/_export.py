"""A file's rows as lines of JSON, and such lines as rows of a file.

The first line says what it is, each one after it is a row, expired ones too, and the last says how many there were:

    {"format": "sake_lite export", "version": 1}
    {"table": "roles", "updated_at": 1764067200000, "expires_at": null, "payload": {"id": "1", "name": "role", …}}
    {"end": true, "rows": 1}

The times are Unix milliseconds, and the payload is Discord's, with what it leaves out where that is clear from the
context (a member's guild); the columns of a row are what its payload says. What is noted of a gateway session is not
exported, since it is not true elsewhere: rows of a past one, which count as deleted, and which lists are complete.

Nothing here knows of the command line. Where lines are kept is the caller's matter; `_copy.py` makes files whole.
"""

from __future__ import annotations

__all__ = ["ExportReport", "ImportReport", "Progress", "export_rows", "import_rows"]

import collections.abc
import dataclasses
import itertools
import json
import math
import sqlite3
import typing

import hikari

from . import _codec, _config, errors
from ._app import as_app
from ._batch import MALFORMED, Batch, Scope, malformed
from ._brief import BriefReader
from ._column import MAX_SNOWFLAKE
from ._operations import Replace
from ._rows import EncodedRow, encode
from ._session import Session
from ._table import with_notes

if typing.TYPE_CHECKING:
    import pathlib

    from ._table import AnyTable, Row

Progress: typing.TypeAlias = "collections.abc.Callable[[str, int, int], object]"
"""What is told how far it has come: with what, how much of it is done, and of how much."""

_FORMAT: typing.Final[str] = "sake_lite export"
_VERSION: typing.Final[int] = 1

# The fields of a line.
_FIELDS: typing.Final = ("table", "updated_at", "expires_at", "payload")

# The fields of the last line.
_END_FIELDS: typing.Final = ("end", "rows")

# Rows that are read in one statement, and that are stored in one transaction.
_ROWS: typing.Final[int] = 2_000

# No line of an export is as long: a payload has at most 1 MiB, and JSON spells no byte of it in more than six.
_LONGEST_LINE: typing.Final[int] = 8 * 1024 * 1024


@dataclasses.dataclass(slots=True)
class ExportReport:
    """What was exported."""

    rows: int = 0
    """How many rows."""

    faults: list[str] = dataclasses.field(default_factory=list[str])
    """What is missing, since it is damaged, or may be: a sentence each, which names table and key."""


@dataclasses.dataclass(slots=True)
class ImportReport:
    """How far an import has come."""

    rows: int = 0
    """How many rows there are to be stored; all are known before the first one is."""

    stored: int = 0
    """How many of them are stored."""

    refused: int = 0
    """How many of them are such that hikari makes no entity of them, so that nobody can read them."""


def export_rows(
    path: pathlib.Path,
    tables: collections.abc.Sequence[AnyTable],
    lines: typing.BinaryIO,
    target: str,
    show: Progress,
) -> ExportReport:
    """Write all rows of some tables, but for those that count as deleted, as lines.

    All is of one moment. While it is read, the log of a bot that writes cannot be folded in, which takes about ten
    seconds for a million rows; so `lines` should be a file, and nothing that waits for a reader.

    Parameters
    ----------
    path
        The file to read, absolute.
    tables
        The tables. One that the file lacks counts as empty.
    lines
        What to write to: a file, which is emptied first.
    target
        How errors name it.
    show
        What is told how far it has come.

    Raises
    ------
    BackendError
        If the file is missing, not ours, of another version, or cannot be read, or the lines cannot be written. What is
        damaged in it is left out, and in the report.
    """

    def export(connection: sqlite3.Connection) -> ExportReport:
        report = ExportReport()
        with errors.from_backend(target):
            lines.seek(0)  # it may be asked for once more, where somebody began to write to the file meanwhile
            lines.truncate()
            lines.write(_as_line({"format": _FORMAT, "version": _VERSION}))
        connection.execute("BEGIN")
        for table in tables:
            try:
                for found in _windows(connection, table, report, show):
                    texts = [text for row in found if (text := _text_of(table, row, report)) is not None]
                    report.rows += len(texts)
                    with errors.from_backend(target):
                        lines.write(b"".join(texts))
            except sqlite3.DatabaseError as exception:
                error = errors.from_sqlite(exception, path)
                if not errors.is_damage(error):
                    raise
                report.faults.append(f"{table.name} cannot be read to its end: {error.message}")
        with errors.from_backend(target):
            lines.write(_as_line(dict(zip(_END_FIELDS, (True, report.rows), strict=True))))
        return report

    return BriefReader(path, with_notes(tables)).read(export)


def _windows(
    connection: sqlite3.Connection, table: AnyTable, report: ExportReport, show: Progress
) -> collections.abc.Iterator[collections.abc.Sequence[Row]]:
    """Yield all rows of a table as `Table.exported` selects them; what shows that there are others is in the report."""
    ((total,),) = connection.execute(table.count_exported).fetchall()
    done, last, is_in_order = 0, -(2**63), True
    # One statement goes from page to page, past a damaged rowid, after which another one would begin elsewhere.
    cursor = connection.execute(table.exported)
    while found := cursor.fetchmany(_ROWS):
        yield found
        rowids = [last, *(row[0] for row in found)]
        is_in_order = is_in_order and all(before < after for before, after in itertools.pairwise(rowids))
        last = rowids[-1]
        done += len(found)
        show(table.name, done, total)
    if not is_in_order or done != total:
        report.faults.append(
            f"{table.name} is damaged, and rows may be missing: {done:,} were found where {total:,} are counted"
            f"{'' if is_in_order else ', out of order'}"
        )


def _text_of(table: AnyTable, found: Row, report: ExportReport) -> bytes | None:
    """Return a row as a line; `None`, and its fault in the report, where it is damaged."""
    _, updated_at, expires_at, *row = found
    key = table.describe(row[: len(table.key)])
    try:
        payload = table.open_row(tuple(row))
        values = (table.name, _moment(updated_at), None if expires_at is None else _moment(expires_at), payload)
        return _as_line(dict(zip(_FIELDS, values, strict=True)))
    except errors.InvalidDataFound as error:
        report.faults.append(error.message)
    except ValueError as exception:
        report.faults.append(f"the row {key} of {table.name} cannot be exported: {exception}")
    return None


def _as_line(value: dict[str, typing.Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _moment(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_SNOWFLAKE:
        return value

    raise ValueError(f"{value!r:.80} is no moment in Unix milliseconds")


async def import_rows(
    path: pathlib.Path,
    tables: collections.abc.Sequence[AnyTable],
    lines: typing.BinaryIO,
    source: str,
    *,
    report: ImportReport,
    show: Progress,
) -> None:
    """Store the rows of an export.

    All lines are looked at before the first one is stored. Then so many rows at a time are: where that fails in the
    middle, as on a full disk, the import can be repeated, which changes nothing in the rows that are there already.

    Where the file has noted that it has all members of a guild, or that a guild's presences and voice states are a past
    session's, and there are such rows for that guild, this is forgotten: only the gateway can say so of what is there
    then.

    Parameters
    ----------
    path
        The file to write, absolute; it is created where it is missing. What it has under the same keys is overwritten,
        and another bot's own user replaced.
    tables
        The tables that there are.
    lines
        The export: a file that nobody else writes to, since it is read twice.
    source
        How errors name it.
    report
        What tells how far it has come, also where it fails or is interrupted.
    show
        What is told so.

    Raises
    ------
    ValueError
        If it is no export, or one of another version, or a line is not what it should be: the message says which line,
        and why; or if it is cut off. Nothing is stored then.
    BackendError
        If the lines cannot be read, or the file cannot be written; the message says how many rows are stored.
    """
    with errors.from_backend(source):
        size = lines.seek(0, 2)
    factory = as_app(None).entity_factory
    for row in _read(lines, source, tables):
        report.rows += 1
        report.refused += _is_refused(row, factory)
        if report.rows % _ROWS == 0:
            show("looking at the lines", lines.tell(), size)

    scope = Scope(tables=with_notes(tables), config=_config.Config(housekeeping=False))
    session = await Session.open(path, lambda: scope)
    try:
        entries = _read(lines, source, tables)
        while some := list(itertools.islice(entries, _ROWS)):
            await session.commit(_batch_of(some, scope))
            report.stored += len(some)
            show("storing", report.stored, report.rows)
    except errors.BackendError as error:
        so_far = f"{report.stored:,} of {report.rows:,} rows are stored"
        message = f"{so_far}; once it can be written, import again: {error.message}"
        raise errors.BackendError(message, exception=error) from error
    finally:
        await session.close()


def _is_refused(row: EncodedRow, factory: hikari.api.EntityFactory) -> bool:
    try:
        (key,) = row.keys()
        row.table.build(factory, key, _codec.decode_own(row.values[-1]))
    except errors.InvalidDataFound as error:
        return not isinstance(error.base_exception, hikari.UnrecognisedEntityError)  # a newer hikari may know it

    return False


def _batch_of(entries: collections.abc.Sequence[EncodedRow], scope: Scope) -> Batch:
    batch = Batch("import", scope)
    incomplete: set[tuple[AnyTable, int]] = set()
    for row in entries:
        if row.table.is_own_user:
            batch.add(Replace(row, {}))
        else:
            batch.upsert_row(row)
        if row.table.completeness is not None:
            incomplete.update((row.table.completeness, guild_id) for guild_id in row.guilds())
    for completeness, guild_id in incomplete:
        batch.delete(completeness, guild_id=guild_id)
    return batch


def _read(
    lines: typing.BinaryIO, source: str, tables: collections.abc.Iterable[AnyTable]
) -> collections.abc.Iterator[EncodedRow]:
    """Yield what is to be stored for each line, encoded."""
    by_name = {table.name: table for table in tables}
    number = rows = 0
    is_ended = False
    with errors.from_backend(source):
        lines.seek(0)
    for number, line in enumerate(iter(lambda: _next_line(lines, source), b""), 1):
        try:
            if number == 1:
                _check_header(line)
            elif line.strip():
                if is_ended:
                    raise ValueError("the export goes on after the line that ends it")
                entry = _object_of(line)
                if is_ended := entry.keys() == set(_END_FIELDS):
                    _check_end(entry, rows)
                else:
                    yield _row_of(entry, by_name)
                    rows += 1
        except MALFORMED as fault:
            raise malformed(f"{source}, line {number}", fault) from fault
    if not number:
        raise ValueError(f"{source} is empty, and so no export")
    if not is_ended:
        raise ValueError(f"{source} is cut off: the line that ends an export is missing")


def _next_line(lines: typing.BinaryIO, source: str) -> bytes:
    with errors.from_backend(source):
        return lines.readline(_LONGEST_LINE)


def _check_header(line: bytes) -> None:
    try:
        header = _object_of(line)
    except ValueError:
        header = {}
    if header.get("format") != _FORMAT:
        raise ValueError(f"this is not how an export begins, which names the format {_FORMAT!r}")
    if type(header.get("version")) is not int or header["version"] != _VERSION:
        raise ValueError(
            f"the export is of version {header.get('version')!r:.80}, and {_VERSION} is the one that is known"
        )


def _check_end(entry: dict[str, typing.Any], rows: int) -> None:
    if entry["end"] is not True or type(entry["rows"]) is not int or entry["rows"] != rows:
        raise ValueError(f"the export ends with {entry['rows']!r:.80} rows, and here are {rows}")


def _row_of(entry: dict[str, typing.Any], tables: dict[str, AnyTable]) -> EncodedRow:
    """Return what is to be stored for a line, encoded; raises one of `MALFORMED`."""
    if entry.keys() != set(_FIELDS):
        raise ValueError(f"a row has the fields {', '.join(_FIELDS)}, and this {', '.join(entry) or 'none':.80}")

    name, updated_at, expires_at, payload = [entry[field] for field in _FIELDS]
    table = tables.get(name) if isinstance(name, str) else None
    if table is None:
        raise ValueError(f"there is no table {name!r:.80}; it may be a newer sake_lite's")

    expiry = None if expires_at is None else _moment(expires_at)
    values = encode(table, payload, {}, _moment(updated_at), expiry, is_verifying=True)
    return EncodedRow(table, values, is_explicit=True)


def _object_of(line: bytes) -> dict[str, typing.Any]:
    """Return the JSON object that a line is; raises `ValueError`, or `RecursionError`."""
    if len(line) == _LONGEST_LINE:
        raise ValueError(f"it is longer than {_LONGEST_LINE:,} bytes, which no row is")

    value = json.loads(line, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_unambiguous)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is expected, not {type(value).__name__}")
    return typing.cast("dict[str, typing.Any]", value)


def _unambiguous(pairs: list[tuple[str, typing.Any]]) -> dict[str, typing.Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.80} is there twice in an object")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number that JSON has")
    return value
