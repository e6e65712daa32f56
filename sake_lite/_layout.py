"""What a file holds: its mark and version, its tables, its log; how that is looked at, made, and brought up to date.

All of it runs on a connection's thread, on a connection that `_file.py` has made.
"""

from __future__ import annotations

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "USER_VERSION",
    "check_pages",
    "inspect",
    "judge",
    "look",
    "set_up",
    "set_up_read_only",
    "tune_reader",
]

import contextlib
import logging
import sqlite3
import time
import typing

from . import _chunked, errors

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from . import _config
    from ._table import Table

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

APPLICATION_ID: typing.Final[int] = 0x53414B45
"""Marks a SQLite file as ours; "SAKE" in ASCII."""

USER_VERSION: typing.Final[int] = 1
"""The version of the layout that this release reads and writes."""

MIGRATIONS: typing.Final[dict[int, tuple[str, ...]]] = {}
"""The statements that make a file of one version one of the next; a file of each is in `tests/layouts`."""

# Measured with 100,000 members: a larger page cache and rarer checkpoints than SQLite's defaults write a third faster.
_PRAGMAS: typing.Final[tuple[str, ...]] = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -16000",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 33554432",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)


def set_up(
    connection: sqlite3.Connection, path: pathlib.Path, tables: list[Table[typing.Any]], config: _config.Config
) -> None:
    """Check, create or migrate, and tune, on the connection's thread."""
    version = look(connection, path)
    if version is None:
        # Before the log exists, so that the header in the file itself says whose it is from the first moment.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("BEGIN IMMEDIATE")
        if judge(connection, path) is None:  # another process may have been quicker
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {USER_VERSION}")
        connection.execute("COMMIT")

    _enter_wal(connection, path, config.busy_timeout)
    for pragma in _PRAGMAS:
        connection.execute(pragma)

    _migrate(connection, path)
    _create_tables(connection, tables)
    for table in tables:
        if table.completeness is not None:
            for statement in _chunked.schema(table):
                connection.execute(statement)

    connection.execute(f"PRAGMA busy_timeout = {int(config.attempt_timeout * 1000)}")


def set_up_read_only(connection: sqlite3.Connection, path: pathlib.Path, tables: list[Table[typing.Any]]) -> None:
    """Check and tune, and let tables that the file lacks be there for this connection, empty.

    Raises
    ------
    BackendError
        If the file is not ours, or of another version.
    sqlite3.Error
        If SQLite fails.
    """
    version = look(connection, path)
    if version is not None and version != USER_VERSION:
        raise errors.BackendError(
            f"{path} is of an older version ({version}, not {USER_VERSION}); open it once without `read_only`, which "
            "brings it up to date"
        )

    tune_reader(connection)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    for table in _with_keepers(tables):
        if table.name not in there:
            connection.execute(table.schema[0].replace("CREATE TABLE", "CREATE TEMP TABLE"))

    connection.execute("PRAGMA query_only = ON")


def tune_reader(connection: sqlite3.Connection) -> None:
    """Set what a connection that reads needs."""
    connection.execute("PRAGMA cache_size = -8000").close()
    connection.execute("PRAGMA temp_store = MEMORY").close()
    connection.execute("PRAGMA trusted_schema = OFF").close()


def inspect(connection: sqlite3.Connection, path: pathlib.Path, config: _config.Config) -> None:
    """Refuse a file that is not ours; where damage is to be set aside, also for what would be found out later."""
    connection.execute("PRAGMA query_only = ON")
    look(connection, path)
    if config.on_corrupt == "set_aside":
        check_pages(connection, path)


def check_pages(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Refuse a file whose pages SQLite finds damaged.

    Raises
    ------
    BackendError
        If it does.
    sqlite3.Error
        If SQLite fails.
    """
    ((answer,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if answer != "ok":
        fault = sqlite3.DatabaseError(answer)
        fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise errors.from_sqlite(fault, path)


def _migrate(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Bring an older file up to this version, in one transaction."""
    if judge(connection, path) == USER_VERSION:
        return

    with _transaction(connection):
        version = judge(connection, path) or USER_VERSION  # another process may have been quicker
        for older in range(version, USER_VERSION):
            for statement in MIGRATIONS[older]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {USER_VERSION}")

    if version != USER_VERSION:
        _LOGGER.info("%s was brought from version %s to %s", path, version, USER_VERSION)


def look(connection: sqlite3.Connection, path: pathlib.Path) -> int | None:
    """Return the version of the file as of one moment, as `judge` does: another process may be creating it."""
    connection.execute("BEGIN")
    try:
        return judge(connection, path)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def judge(connection: sqlite3.Connection, path: pathlib.Path) -> int | None:
    """Return the version of a file that is ours, or `None` for a new one.

    Raises
    ------
    BackendError
        For every other file.
    sqlite3.Error
        If SQLite fails.
    """
    ((application_id,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if application_id == 0 and version == 0:
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
            raise errors.BackendError(f"{path} belongs to another program; give the cache another name")
        return None

    if application_id not in {0, APPLICATION_ID}:
        raise errors.BackendError(f"{path} belongs to another program, or is damaged; give the cache another name")

    if application_id != APPLICATION_ID or not 0 < version <= USER_VERSION:
        raise errors.BackendError(
            f"{path} is of a newer version, foreign or damaged (application {application_id:#x}, version {version}, "
            f"not {APPLICATION_ID:#x} and {USER_VERSION}); update sake_lite, or move the file away to start afresh"
        )

    return version


def _enter_wal(connection: sqlite3.Connection, path: pathlib.Path, busy_timeout: float) -> None:
    # The first switch of a file does not wait for locks, whatever the connection's timeout.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            ((mode,),) = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as exception:
            if errors.result_code(exception) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break

    if mode != "wal":
        raise errors.BackendError(
            f"{path} cannot have a write-ahead log (SQLite answered {mode!r}); is it on a network drive? "
            "A cache needs a local one"
        )


def _create_tables(connection: sqlite3.Connection, tables: list[Table[typing.Any]]) -> None:
    wanted = _with_keepers(tables)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    if {table.name for table in wanted} <= there:
        return

    with _transaction(connection):
        for table in wanted:
            for statement in table.schema:
                connection.execute(statement)


def _with_keepers(tables: list[Table[typing.Any]]) -> list[Table[typing.Any]]:
    """Return tables, and those on whose rows it depends whether theirs are there."""
    return list(dict.fromkeys([*tables, *(keeper for table in tables for keeper in table.keepers)]))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> collections.abc.Generator[None, None, None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
