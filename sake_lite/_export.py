"""A file's rows as lines of JSON, and such lines as rows of a file.

The first line says what it is, and each one after it is a row, expired and hidden ones too:

    {"format": "sake_lite export", "version": 1}
    {"table": "roles", "updated_at": 1764067200000, "expires_at": null, "payload": {"id": "1", "name": "role", …}}

The times are Unix milliseconds, and the payload is Discord's, with what it leaves out where that is clear from the
context (a member's guild); the columns of a row are what its payload says. The notes of a table come before its rows.

Nothing here knows of the command line. Where lines are kept is the caller's matter; `_copy.py` makes files whole.
"""

from __future__ import annotations

__all__ = ["ExportReport", "Progress", "export_rows", "import_rows"]

import collections.abc
import dataclasses
import json
import math
import sqlite3
import typing

from . import _config, errors
from ._batch import MALFORMED, Batch, Scope, malformed
from ._brief import BriefReader
from ._column import MAX_SNOWFLAKE
from ._operations import Rows
from ._session import Session
from ._table import with_notes

if typing.TYPE_CHECKING:
    import pathlib

    from ._table import Row, Table

_AnyTable: typing.TypeAlias = "Table[typing.Any]"

Progress: typing.TypeAlias = "collections.abc.Callable[[str, int, int], object]"
"""What is told how far it has come: with what, how much of it is done, and of how much."""

_FORMAT: typing.Final[str] = "sake_lite export"
_VERSION: typing.Final[int] = 1

# The fields of a line.
_FIELDS: typing.Final = ("table", "updated_at", "expires_at", "payload")

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
    """What is missing, since it is damaged: a sentence each, which names table and key."""


def export_rows(
    path: pathlib.Path,
    tables: collections.abc.Sequence[_AnyTable],
    lines: typing.BinaryIO,
    target: str,
    show: Progress,
) -> ExportReport:
    """Write all rows of some tables, and their notes, as lines.

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
    wanted = with_notes(tables)

    def export(connection: sqlite3.Connection) -> ExportReport:
        report = ExportReport()
        with errors.from_backend(target):
            lines.seek(0)  # it may be asked for once more, where somebody began to write to the file meanwhile
            lines.truncate()
            lines.write(_as_line({"format": _FORMAT, "version": _VERSION}))
        connection.execute("BEGIN")
        for table in wanted:
            try:
                for found in _windows(connection, table, show):
                    texts = [text for row in found if (text := _text_of(table, row, report)) is not None]
                    report.rows += len(texts)
                    with errors.from_backend(target):
                        lines.write(b"".join(texts))
            except sqlite3.DatabaseError as exception:
                error = errors.from_sqlite(exception, path)
                if not errors.is_damage(error):
                    raise
                report.faults.append(f"{table.name} cannot be read to its end: {error.message}")
        return report

    return BriefReader(path, wanted).read(export)


def _windows(
    connection: sqlite3.Connection, table: _AnyTable, show: Progress
) -> collections.abc.Iterator[collections.abc.Sequence[Row]]:
    """Yield all rows of a table as `walk_with_times` selects them."""
    ((total,),) = connection.execute(table.count_stored).fetchall()
    done, after, before = 0, -(2**63), None
    while after != before and (
        found := connection.execute(table.walk_with_times, {"after": after, "size": _ROWS}).fetchall()
    ):
        yield found
        done += len(found)
        show(table.name, done, total)
        before, after = after, max(after, found[-1][0])  # damage may have put rows out of order


def _text_of(table: _AnyTable, found: Row, report: ExportReport) -> bytes | None:
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
    tables: collections.abc.Sequence[_AnyTable],
    lines: typing.BinaryIO,
    source: str,
    show: Progress,
) -> int:
    """Store the rows of an export, and return how many there are.

    All lines are looked at before the first one is stored. Then so many rows at a time are: where that fails in the
    middle, as on a full disk, the import can be repeated, which changes nothing in the rows that are there already.

    Parameters
    ----------
    path
        The file to write, absolute; it is created where it is missing. What it has under the same keys is overwritten.
    tables
        The tables that there are.
    lines
        The export: a file.
    source
        How errors name it.
    show
        What is told how far it has come.

    Raises
    ------
    ValueError
        If it is no export, or one of another version, or a line is not what it should be: the message says which line,
        and why. Nothing is stored then.
    BackendError
        If the lines cannot be read, or the file cannot be written; the message says how many rows are stored.
    """
    known = with_notes(tables)
    with errors.from_backend(source):
        size = lines.seek(0, 2)
    rows = 0
    for _ in _read(lines, source, known):
        rows += 1
        if rows % _ROWS == 0:
            show("looking at the lines", lines.tell(), size)

    scope = Scope(tables=known, config=_config.Config(housekeeping=False))
    session = await Session.open(path, lambda: scope)
    stored = 0
    try:
        for batch in _batches(_read(lines, source, known), scope):
            await session.commit(batch)
            stored += batch.rows
            show("storing", stored, rows)
    except errors.BackendError as error:
        message = f"{stored:,} of {rows:,} rows are stored; once it can be written, import again: {error.message}"
        raise errors.BackendError(message, exception=error) from error
    finally:
        await session.close()
    return rows


def _batches(entries: collections.abc.Iterable[Rows], scope: Scope) -> collections.abc.Iterator[Batch]:
    batch = Batch("import", scope)
    for rows in entries:
        batch.add(rows)
        if batch.rows == _ROWS:
            yield batch
            batch = Batch("import", scope)
    if batch:
        yield batch


def _read(
    lines: typing.BinaryIO, source: str, tables: collections.abc.Iterable[_AnyTable]
) -> collections.abc.Iterator[Rows]:
    """Yield what is to be stored for each line, encoded."""
    by_name = {table.name: table for table in tables}
    with errors.from_backend(source):
        lines.seek(0)
    for number, line in enumerate(iter(lambda: _next_line(lines, source), b""), 1):
        try:
            if number == 1:
                _check_header(line)
            elif line.strip():
                yield _rows_of(line, by_name)
        except MALFORMED as fault:
            raise malformed(f"{source}, line {number}", fault) from fault
    if not lines.tell():
        raise ValueError(f"{source} is empty, and so no export")


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
    if header.get("version") != _VERSION:
        raise ValueError(
            f"the export is of version {header.get('version')!r:.80}, and {_VERSION} is the one that is known"
        )


def _rows_of(line: bytes, tables: dict[str, _AnyTable]) -> Rows:
    """Return what is to be stored for a line, encoded; raises one of `MALFORMED`."""
    entry = _object_of(line)
    if entry.keys() != set(_FIELDS):
        raise ValueError(f"a row has the fields {', '.join(_FIELDS)}, and this {', '.join(entry) or 'none':.80}")

    name, updated_at, expires_at, payload = [entry[field] for field in _FIELDS]
    table = tables.get(name) if isinstance(name, str) else None
    if table is None:
        raise ValueError(f"there is no table {name!r:.80}; it may be a newer sake_lite's")

    expiry = None if expires_at is None else _moment(expires_at)
    rows = Rows(table, [payload], {}, _moment(updated_at), expiry, is_explicit=True, is_verifying=True)
    rows.encode()
    return rows


def _object_of(line: bytes) -> dict[str, typing.Any]:
    """Return the JSON object that a line is; raises `ValueError`, or `RecursionError`."""
    if len(line) == _LONGEST_LINE:
        raise ValueError(f"it is longer than {_LONGEST_LINE:,} bytes, which no row is")

    value = json.loads(line, parse_constant=_finite, parse_float=_finite)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is expected, not {type(value).__name__}")
    return typing.cast("dict[str, typing.Any]", value)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number that JSON has")
    return value
