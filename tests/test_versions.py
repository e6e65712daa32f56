"""Files of older versions: brought up to date in one transaction or left as they were, with their rows intact.

`tests/layouts` has a file of every version that was released. `python tests/test_versions.py` makes the one of the
current version, which is to be done once, before its release; it is never made anew.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import gzip
import logging
import math
import os
import pathlib
import sqlite3
import sys
import tempfile
import threading
import typing

import cbor2
import pytest
import samples
from conftest import check_file
from processes import run_at_the_same_moment
from samples import GUILD, SAMPLES, USER, iterate, thousands

import sake_lite
from sake_lite import BackendError, _layout

_LAYOUTS: typing.Final = pathlib.Path(__file__).with_name("layouts")
_NUMBERS: typing.Final = range(3)
_TABLES: typing.Final = {table.name: table for table in sake_lite.SQLiteCache.all_tables}

_MADE_AT: typing.Final = 1_795_435_200_000
"""When the rows of a layout were stored, as the file spells it: 2026-11-23, 12:00 UTC."""

_ENDS_AT: typing.Final = 32_503_680_000_000
"""When some of them expire: in the year 3000."""


async def _store(path: pathlib.Path) -> None:
    """Store rows in each table, none of which expires."""
    forever: dict[str, typing.Any] = {f"{name}_expire": math.inf for name in ("user", "member", "message", "invite")}
    async with sake_lite.SQLiteCache(path, **forever) as cache:
        await cache.ingest("READY", {"user": samples.me(), "guilds": [{"id": str(GUILD)}, {"id": str(thousands(9))}]})
        await cache.ingest("GUILD_CREATE", samples.guild_create(member_count=1, members=[samples.member()]))
        for sample in SAMPLES:
            for number in _NUMBERS:
                await sample.store(cache, number)


def make_layout(version: int = _layout.USER_VERSION) -> pathlib.Path:
    """Make the file that shows what the current version's files are like, and return where it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "layout.db")
        asyncio.run(_store(path))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f"UPDATE {name} SET updated_at = ?", (_MADE_AT,))
            connection.execute("UPDATE messages SET expires_at = ? WHERE message_id = ?", (_ENDS_AT, thousands(1)))
            connection.execute("VACUUM")
        check_file(path)
        _LAYOUTS.mkdir(exist_ok=True)
        packed = _LAYOUTS / f"{version}.db.gz"
        packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        return packed


def _unpack(packed: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def _released() -> list[pathlib.Path]:
    return sorted(_LAYOUTS.glob("*.db.gz"))


@contextlib.contextmanager
def _sqlite(path: pathlib.Path) -> collections.abc.Generator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _version(path: pathlib.Path) -> int:
    with _sqlite(path) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def _everything(path: pathlib.Path) -> dict[str, list[typing.Any]]:
    """Return the layout and all rows of a file."""
    with _sqlite(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            "": connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall(),
            "version": connection.execute("PRAGMA user_version").fetchall(),
            **{name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in names},
        }


# What was released.


def test_there_is_a_layout_of_every_version() -> None:
    assert [packed.name for packed in _released()] == [f"{n}.db.gz" for n in range(1, _layout.USER_VERSION + 1)]
    assert sorted(_layout.MIGRATIONS) == [*range(1, _layout.USER_VERSION)], "and a way from each to the next"
    for packed in _released():
        assert packed.stat().st_size < 20_000


async def test_a_new_file_is_as_the_layout_of_its_version_says(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A change of the layout needs a new version: who has a file of this one has it without the change."""
    async with sake_lite.SQLiteCache(path):
        pass
    current = _unpack(_LAYOUTS / f"{_layout.USER_VERSION}.db.gz", tmp_path / "layout.db")
    for pragma in ("application_id", "user_version", "auto_vacuum", "journal_mode", "page_size", "encoding"):
        with _sqlite(path) as new, _sqlite(current) as old:
            assert new.execute(f"PRAGMA {pragma}").fetchall() == old.execute(f"PRAGMA {pragma}").fetchall(), pragma
    assert _everything(path)[""] == _everything(current)[""]


def _shape(path: pathlib.Path) -> dict[str, list[typing.Any]]:
    """Return what tables and indexes a file has, but not in which words they were made."""
    with _sqlite(path) as connection:
        strict = connection.execute("SELECT name, type, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
        indexes = connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'").fetchall()
        return {
            "tables": sorted(strict),
            "indexes": sorted(indexes),
            **{
                name: sorted(row[1:] for row in connection.execute(f"PRAGMA table_xinfo({name})").fetchall())
                for name, _, _ in strict
            },
            **{name: connection.execute(f"PRAGMA index_xinfo({name})").fetchall() for name, _ in indexes},
        }


@pytest.mark.parametrize("packed", _released(), ids=lambda packed: packed.name)
async def test_a_file_of_any_version_is_opened_with_its_rows_intact(
    packed: pathlib.Path, path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    _unpack(packed, path)
    before = _everything(path)
    async with sake_lite.SQLiteCache(path) as cache:
        assert (await cache.get_me()).id == USER
        assert [await cache.members_complete(guild) for guild in (GUILD, thousands(9))] == [True, False]
        counts = {"guilds": 4, "members": 4, "users": 5}
        for sample in SAMPLES:
            found = [sample.key(entity) async for entity in iterate(cache, sample)]
            assert {sample.expected(number) for number in _NUMBERS} <= {*found}
            assert len(found) == counts.get(sample.table, 3) - (sample.table == "users")
            assert await iterate(cache, sample).len() == len(found)
            for number in _NUMBERS:
                assert sample.key(await sample.get(cache, number)) == sample.expected(number)
        assert (await cache.get_message(thousands(1))).content == f"message{thousands(1)}"
        assert (await cache.check()).is_sound
    check_file(path)

    after = _everything(path)
    for name, table in _TABLES.items():
        assert _payloads(after, name) == _payloads(before, name), "not even a payload's order has changed"
        assert len(after[name]) == len(before[name]) >= (1 if table.is_own_user else 3)
    with _sqlite(path) as connection:
        assert connection.execute("SELECT message_id, expires_at FROM messages ORDER BY 1").fetchall() == [
            (thousands(0), None),
            (thousands(1), _ENDS_AT),
            (thousands(2), None),
        ]
        for name in _TABLES:
            assert connection.execute(f"SELECT DISTINCT updated_at FROM {name}").fetchall() == [(_MADE_AT,)]

    new = tmp_path / "new.db"
    async with sake_lite.SQLiteCache(new):
        pass
    assert _shape(path) == _shape(new)
    assert _version(path) == _layout.USER_VERSION


def _payloads(contents: dict[str, list[typing.Any]], name: str) -> list[str]:
    return sorted(repr(cbor2.loads(row[-1])) for row in contents[name])


# From one version to the next.

_MIGRATIONS: typing.Final[dict[int, tuple[str, ...]]] = {
    1: (
        "ALTER TABLE roles ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",
        "UPDATE roles SET seen = seen + 1",
        "CREATE TABLE notes (a INTEGER) STRICT",
    ),
    2: ("INSERT INTO notes SELECT role_id FROM roles", "UPDATE users SET updated_at = updated_at + 1"),
}


def _set_version(
    monkeypatch: pytest.MonkeyPatch, migrations: dict[int, tuple[str, ...]], pragmas: tuple[str, ...] = ()
) -> None:
    """Have this be a version that follows on what these statements lead to."""
    monkeypatch.setattr(_layout, "USER_VERSION", max(migrations) + 1)
    monkeypatch.setattr(_layout, "MIGRATIONS", migrations)
    monkeypatch.setattr(_layout, "_PRAGMAS", (*_layout._PRAGMAS, *pragmas))  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def old(path: pathlib.Path) -> pathlib.Path:
    """A file of version 1."""
    return _unpack(_LAYOUTS / "1.db.gz", path)


async def _assert_as_stored(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for sample in SAMPLES:
            for number in _NUMBERS:
                assert sample.key(await sample.get(cache, number)) == sample.expected(number)
        assert (await cache.check()).is_sound


def _assert_migrated_once(path: pathlib.Path, before: dict[str, list[typing.Any]]) -> None:
    after = _everything(path)
    assert after["version"] == [(3,)]
    assert [row[-1] for row in after["roles"]] == [1] * 3
    assert [row[:-1] for row in after["roles"]] == before["roles"]
    assert after["notes"] == [(row[0],) for row in before["roles"]]
    # `updated_at` stands after the key and the check value.
    assert [row[2] for row in after["users"]] == [row[2] + 1 for row in before["users"]]
    for name in _TABLES.keys() - {"roles", "users"}:
        assert after[name] == before[name]


async def test_an_older_file_goes_through_all_versions_in_between(
    old: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = _everything(old)
    _set_version(monkeypatch, _MIGRATIONS)
    with caplog.at_level(logging.INFO, "hikari.sake_lite"):
        await _assert_as_stored(old)
    assert f"{old} was brought from version 1 to 3" in caplog.text
    _assert_migrated_once(old, before)
    check_file(old)

    caplog.clear()
    with caplog.at_level(logging.INFO, "hikari.sake_lite"):
        await _assert_as_stored(old)
    assert caplog.text == ""
    _assert_migrated_once(old, before)


async def test_a_file_of_a_version_in_between_takes_the_rest_of_the_way(
    old: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _everything(old)
    with monkeypatch.context() as patch:
        _set_version(patch, {1: _MIGRATIONS[1]})
        await _assert_as_stored(old)
    assert _version(old) == 2
    _set_version(monkeypatch, _MIGRATIONS)
    await _assert_as_stored(old)
    _assert_migrated_once(old, before)


async def test_a_new_file_needs_no_migration(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_version(monkeypatch, {1: ("SELECT missing",), 2: ("SELECT missing",)})
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    assert _version(path) == 3


_FILL: typing.Final = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) "
    "INSERT INTO users SELECT i, 0, 0, NULL, zeroblob(4000) FROM n"
)

_FAULTS: typing.Final[dict[str, tuple[dict[int, tuple[str, ...]], tuple[str, ...], str]]] = {
    "no table": ({1: (*_MIGRATIONS[1], "UPDATE missing SET a = 1"), 2: _MIGRATIONS[2]}, (), "no such table: missing"),
    "no SQL": ({1: (*_MIGRATIONS[1], "UPDATE users SE"), 2: _MIGRATIONS[2]}, (), "syntax error"),
    "in the second step": ({1: _MIGRATIONS[1], 2: (*_MIGRATIONS[2], "SELECT missing")}, (), "no such column: missing"),
    "a rule is broken": (
        {1: (*_MIGRATIONS[1], "UPDATE users SET data = NULL"), 2: _MIGRATIONS[2]},
        (),
        "NOT NULL constraint failed",
    ),
    "a full disk": (
        {1: _MIGRATIONS[1], 2: (*_MIGRATIONS[2], _FILL)},
        ("PRAGMA max_page_count = 150",),
        "no room is left",
    ),
    "a full disk, with much in the log": (
        {1: (*_MIGRATIONS[1], _FILL), 2: _MIGRATIONS[2]},
        ("PRAGMA cache_size = 10", "PRAGMA max_page_count = 400"),
        "no room is left",
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
async def test_a_migration_that_fails_leaves_the_old_file(
    fault: str, old: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _everything(old)
    migrations, pragmas, says = _FAULTS[fault]
    with monkeypatch.context() as patch:
        _set_version(patch, migrations, pragmas)
        cache = sake_lite.SQLiteCache(old, on_corrupt="set_aside")
        for _ in range(2):
            with pytest.raises(BackendError, match=says) as caught:
                await cache.open()
            assert str(old) in caught.value.message
            assert isinstance(caught.value.base_exception, sqlite3.Error)
            assert not cache.is_alive
    assert [part.name for part in old.parent.iterdir()] == [old.name]
    assert _everything(old) == before
    await _assert_as_stored(old)
    assert _everything(old) == before
    check_file(old)

    # Once it is mended, it goes through.
    _set_version(monkeypatch, _MIGRATIONS)
    await _assert_as_stored(old)
    _assert_migrated_once(old, before)


async def test_readers_of_the_old_file_see_all_of_a_migration_or_nothing(
    old: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> int:
        with _sqlite(old) as other:
            ((version,),) = other.execute("PRAGMA user_version").fetchall()
            seen.append((version, len(other.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchall())))
        return 0

    migrate = _layout._migrate  # pyright: ignore[reportPrivateUsage]

    def migrate_and_look(connection: sqlite3.Connection, path: pathlib.Path) -> None:
        connection.create_function("look", 0, look)
        migrate(connection, path)

    statements = {step: (*each, "SELECT look()") for step, each in _MIGRATIONS.items()}
    _set_version(monkeypatch, {1: statements[1], 2: (*statements[2], "UPDATE roles SET seen = seen + look()")})
    monkeypatch.setattr(_layout, "_migrate", migrate_and_look)
    async with sake_lite.SQLiteCache(old):
        look()
    assert seen[:-1] == [(1, 0)] * 5
    assert seen[-1] == (3, 1)


async def test_two_caches_that_find_the_old_file_at_once_migrate_it_once(
    old: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has seen that it is old before the other begins."""
    before = _everything(old)
    both_have_seen = threading.Barrier(2, timeout=20)
    transaction = _layout._transaction  # pyright: ignore[reportPrivateUsage]

    def transaction_of_both(connection: sqlite3.Connection) -> contextlib.AbstractContextManager[None]:
        both_have_seen.wait()
        return transaction(connection)

    _set_version(monkeypatch, _MIGRATIONS)
    monkeypatch.setattr(_layout, "_transaction", transaction_of_both)
    one, two = sake_lite.SQLiteCache(old), sake_lite.SQLiteCache(old)
    with caplog.at_level(logging.INFO, "hikari.sake_lite"):
        await asyncio.gather(one.open(), two.open())
    assert [record.getMessage() for record in caplog.records] == [f"{old} was brought from version 1 to 3"]
    await one.set_user(samples.user(1))
    assert (await two.get_user(1)).id == 1
    await one.delete_user(1)
    await asyncio.gather(one.close(), two.close())
    _assert_migrated_once(old, before)
    check_file(old)


_MIGRATE = """
import asyncio, sys, sake_lite, test_versions
from sake_lite import _layout

async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        await cache.get_me()

_layout.USER_VERSION, _layout.MIGRATIONS = 3, test_versions._MIGRATIONS
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


@pytest.mark.long
def test_processes_that_find_the_old_file_at_once_migrate_it_once(old: pathlib.Path) -> None:
    before = _everything(old)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _MIGRATE, str(old)]
    run_at_the_same_moment([command] * 2, environment)
    _assert_migrated_once(old, before)
    check_file(old)


async def test_a_cache_of_an_older_version_refuses_what_it_has_become(
    old: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _set_version(patch, _MIGRATIONS)
        await _assert_as_stored(old)
    before = old.read_bytes()
    with pytest.raises(BackendError, match=r"newer version.*version 3, .*update sake_lite") as caught:
        await sake_lite.SQLiteCache(old, on_corrupt="set_aside").open()
    assert str(old) in caught.value.message
    assert old.read_bytes() == before


if __name__ == "__main__":
    print(make_layout())
