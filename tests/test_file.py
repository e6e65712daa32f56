"""Files that cannot be used: each is refused by name, with what to do, before anything is written to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import typing

import pytest
import samples
from conftest import check_file
from processes import run_at_the_same_moment
from samples import GUILD

import sake_lite
from sake_lite import BackendError, _layout

if typing.TYPE_CHECKING:
    import pathlib


def _sqlite(path: pathlib.Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _make(path: pathlib.Path) -> None:
    async def make() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_role(GUILD, samples.role(1))

    asyncio.run(make())


def _another_program(path: pathlib.Path) -> None:
    _sqlite(path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")


def _marked_by_another_program(path: pathlib.Path) -> None:
    _sqlite(path, "PRAGMA application_id = 77", "CREATE TABLE t (a)")


def _newer(path: pathlib.Path) -> None:
    _make(path)
    _sqlite(path, f"PRAGMA user_version = {_layout.USER_VERSION + 1}")


def _garbage(path: pathlib.Path) -> None:
    path.write_bytes(b"This is not a database. " * 500)


def _short(path: pathlib.Path) -> None:
    path.write_bytes(b"SQ")


def _truncated(path: pathlib.Path) -> None:
    _make(path)
    path.write_bytes(path.read_bytes()[:5_000])


_UNUSABLE = {
    _another_program: "belongs to another program",
    _marked_by_another_program: "belongs to another program, or is damaged",
    _newer: "newer version, foreign or damaged",
    _garbage: "is not a SQLite database",
    _short: "is not a SQLite database",
    _truncated: "is damaged",
}


@pytest.mark.parametrize(("make", "says"), _UNUSABLE.items(), ids=[make.__name__ for make in _UNUSABLE])
def test_a_file_that_is_not_ours_or_broken(make: typing.Any, says: str, path: pathlib.Path) -> None:
    make(path)
    before = path.read_bytes()

    async def use() -> None:
        cache = sake_lite.SQLiteCache(path)
        for _ in range(2):
            with pytest.raises(BackendError, match=says) as caught:
                await cache.open()
            assert str(path) in caught.value.message
            assert not cache.is_alive

    asyncio.run(use())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BackendError, match="is a folder; name a file in it"):
        await sake_lite.SQLiteCache(tmp_path).open()
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BackendError, match="does not exist; create it first"):
        await sake_lite.SQLiteCache(tmp_path / "missing" / "bot.db").open()
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_file_is_a_new_one(path: pathlib.Path) -> None:
    path.touch()
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    check_file(path)


async def test_an_old_sqlite(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(BackendError, match=r"needs SQLite 3\.37\.0 or later"):
        await sake_lite.SQLiteCache(path).open()
    assert not path.exists()


def test_the_file_says_what_it_is(path: pathlib.Path) -> None:
    """What a stranger finds: STRICT tables, plain CBOR, a log, and an ID and version in the header."""
    _make(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (_layout.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (_layout.USER_VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
        ours = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
        resources = {table.name for table in sake_lite.SQLiteCache.all_tables}
        assert ours == dict.fromkeys([*resources, "complete_member_lists", "awaited_guilds"], 1)


async def test_the_header_says_whose_it_is_from_the_first_moment(path: pathlib.Path) -> None:
    """Also while all of the rest is still in the log."""
    async with sake_lite.SQLiteCache(path):
        header = path.read_bytes()[:100]
    assert int.from_bytes(header[68:72], "big") == _layout.APPLICATION_ID


async def test_a_table_that_is_damaged_later_is_a_backend_error(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        # Enough for the second half of the file to be theirs alone, and not the schema's.
        await asyncio.gather(*(cache.set_role(GUILD, samples.role(n, name="x" * 500)) for n in range(1, 1_000)))
    with path.open("r+b") as file:
        file.seek(0, 2)
        size = file.tell()
        file.seek(size // 2)
        file.write(bytes(range(256)) * ((size - size // 2) // 256))
    async with sake_lite.SQLiteCache(path) as cache:
        # Which of the two depends on whether SQLite or the check value meets the damage first.
        with pytest.raises((BackendError, sake_lite.InvalidDataFound)):
            async for _ in cache.iter_roles():
                pass


async def test_a_table_that_is_missing_is_a_backend_error(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    _sqlite(path, "DROP TABLE roles")
    for call in (
        cache.get_role(1),
        cache.iter_roles().len(),
        cache.set_role(GUILD, samples.role(1)),
        cache.clear_roles(),
    ):
        with pytest.raises(BackendError, match=str(path)) as caught:
            await call
        assert isinstance(caught.value.base_exception, sqlite3.Error)


@pytest.mark.parametrize("make", [_another_program, _newer], ids=["foreign", "newer"])
def test_a_file_with_a_log_is_refused_untouched(make: typing.Any, path: pathlib.Path) -> None:
    """Another program was killed: opening its file to write would fold its log in."""
    make(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE more (a)")
        connection.commit()
        kept = {file: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    for file, data in kept.items():
        file.write_bytes(data)

    async def use() -> None:
        with pytest.raises(BackendError):
            await sake_lite.SQLiteCache(path).open()

    assert len(kept) == 2
    asyncio.run(use())
    assert {file: file.read_bytes() for file in kept} == kept


_CREATE = """
import asyncio, sys, sake_lite
async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": "1", "role": {"id": sys.argv[2]}})
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.long)])
def test_processes_that_create_a_file_at_the_same_moment(tmp_path: pathlib.Path, rounds: int) -> None:
    for number in range(rounds):
        path = tmp_path / f"{number}.db"
        arguments = [[sys.executable, "-c", _CREATE, str(path), str(role)] for role in range(1, 5)]
        run_at_the_same_moment(arguments)

        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT role_id FROM roles ORDER BY 1").fetchall() == [(1,), (2,), (3,), (4,)]
        check_file(path)


_OPEN_AND_CLOSE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM roles").fetchall()
connection.close()
"""


async def test_opening_a_second_cache_leaves_the_first_one_s_locks_alone(path: pathlib.Path) -> None:
    """Else another process takes itself for the last one to close the file, and takes the log away."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
        async with sake_lite.SQLiteCache(path) as second:
            await second.set_role(GUILD, samples.role(2))

        ran = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", _OPEN_AND_CLOSE, str(path)], check=False)
        assert ran.returncode == 0
        assert path.with_name("bot.db-wal").exists(), "the log is still there"
        for number in range(3, 101):
            await cache.set_role(GUILD, samples.role(number))

    check_file(path)
    async with sake_lite.SQLiteCache(path) as cache:
        assert [role.id async for role in cache.iter_roles()] == [*range(1, 101)]


async def test_what_is_no_file(path: pathlib.Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(BackendError, match="is not a file"):
            await sake_lite.SQLiteCache(path).open()
