"""`check`: what is wrong with a file is found, and deleted where that is asked for, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import typing
import zlib

import cbor2
import click.testing
import pytest
import samples
from conftest import check_file
from samples import GUILD, SAMPLES, Sample

import sake_lite
from sake_lite import _config, _housekeeping, cli
from sake_lite._batch import Batch
from sake_lite._operations import DeleteRows
from sake_lite._session import Session
from sake_lite.resources.role import ROLES

if typing.TYPE_CHECKING:
    import pathlib

_TABLES = {table.name: table for table in sake_lite.SQLiteCache.all_tables}


def _sqlite(path: pathlib.Path, sql: str, *parameters: object) -> list[typing.Any]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql, parameters).fetchall()


async def _store_three_of_each(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_me(samples.me())
    for sample in SAMPLES:
        for number in range(3):
            await sample.store(cache, number)


async def test_a_sound_file(cache: sake_lite.SQLiteCache) -> None:
    await _store_three_of_each(cache)
    report = await cache.check()
    assert report.is_sound
    assert report.problems == ()
    assert report.deleted == 0
    assert report.rows["me"] == 1
    assert all(report.rows[sample.table] >= 3 for sample in SAMPLES)
    assert report.rows.keys() >= _TABLES.keys()


@pytest.mark.parametrize("damage", ["checksum", "data", "reference"])
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
async def test_a_damaged_row_is_named_and_deleted_alone(sample: Sample, damage: str, path: pathlib.Path) -> None:
    table = _TABLES[sample.table]
    references = [column for column in table.columns if column not in table.key]
    if damage == "reference" and not references:
        damage = "checksum"
    change = {
        "checksum": "checksum = checksum + 1",
        "data": "data = x'a0'",
        "reference": f"{references[0].name} = 77" if references else "",
    }[damage]
    async with sake_lite.SQLiteCache(path) as cache:
        await _store_three_of_each(cache)
        before = (await cache.check()).rows[sample.table]
    key = table.key[-1].name
    _sqlite(path, f"UPDATE {sample.table} SET {change} WHERE {key} = ?", sample.expected(1))

    async with sake_lite.SQLiteCache(path) as cache:
        report = await cache.check()
        (problem,) = report.problems
        assert not report.is_sound
        assert problem.table == sample.table
        assert problem.key is not None
        assert f"{key}={sample.expected(1)}" in problem.key
        assert sample.table in str(problem)
        assert str(sample.expected(1)) in str(problem)
        assert await getattr(cache, f"iter_{sample.table}")().len() == before

        report = await cache.check(delete_invalid=True)
        assert report.deleted == 1
        assert report.problems == (problem,)
        report = await cache.check()
        assert report.is_sound
        assert report.rows[sample.table] == before - 1
        with pytest.raises(sake_lite.EntryNotFound):
            await sample.get(cache, 1)
        for number in (0, 2):
            assert sample.key(await sample.get(cache, number)) == sample.expected(number)
    check_file(path)


async def test_an_expired_row_is_looked_at_too(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_message(samples.message(1), expire_time=0)
    _sqlite(path, "UPDATE messages SET checksum = 0")
    async with sake_lite.SQLiteCache(path) as cache:
        assert [problem.table for problem in (await cache.check()).problems] == ["messages"]


async def test_a_channel_type_of_another_hikari_is_no_damage(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_guild_channel(samples.channel(1))
    data = cbor2.dumps(samples.channel(1) | {"type": 99})
    _sqlite(path, "UPDATE guild_channels SET data = ?, checksum = ?", data, zlib.crc32(data))
    async with sake_lite.SQLiteCache(path) as cache:
        report = await cache.check(delete_invalid=True)
        assert report.is_sound
        assert report.rows["guild_channels"] == 1


async def test_a_damaged_page_is_found(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(200):
            await cache.set_role(GUILD, samples.role(number))
    ((root,),) = _sqlite(path, "SELECT rootpage FROM sqlite_master WHERE name = 'roles'")
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        report = await cache.check()
        assert not report.is_sound
        assert any(problem.table is None for problem in report.problems), "SQLite's own verdict"
        assert any(problem.table == "roles" and problem.key is None for problem in report.problems)
        assert report.rows["users"] == 0, "the tables after it are looked at"


async def test_a_row_that_was_written_anew_meanwhile_is_not_deleted(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_role(GUILD, samples.role(1))
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    ((rowid, checksum, data),) = await session.fetch("SELECT rowid, checksum, data FROM roles", {})
    await cache.set_role(GUILD, samples.role(1) | {"name": "new"})
    batch = Batch("check", session.scope())
    batch.add(DeleteRows(ROLES, ((rowid, checksum, data),)))
    assert await session.commit(batch) == [0]
    assert (await cache.get_role(1)).name == "new"


async def test_without_a_damaged_member_a_guild_is_no_longer_complete(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        members = [samples.member(number) for number in (1, 2)]
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=2))
        assert await cache.members_complete(GUILD)
    _sqlite(path, "UPDATE members SET checksum = 0 WHERE user_id = 1")
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.check()
        assert await cache.members_complete(GUILD)
        await cache.check(delete_invalid=True)
        assert not await cache.members_complete(GUILD)


async def test_a_file_that_is_open_read_only_is_checked_and_left_alone(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    _sqlite(path, "UPDATE roles SET checksum = 0")
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert len((await cache.check()).problems) == 1
        with pytest.raises(sake_lite.BackendError, match="open read-only"):
            await cache.check(delete_invalid=True)


async def _file_with_roles(path: pathlib.Path) -> None:
    """Store nine roles, in whose names is what they can be found by, and damage the third."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 10):
            await cache.set_role(GUILD, samples.role(number, name=f"é\x80name{number}-"))
    _sqlite(path, "UPDATE roles SET checksum = 0 WHERE role_id = 3")


def _flip(path: pathlib.Path, before: bytes, change: bytes, bits: int) -> None:
    """Flip bits of the last byte of the last `change` that stands before what occurs once, as a disk does it."""
    data = bytearray(path.read_bytes())
    assert data.count(before) == 1
    at = data.rfind(change, 0, data.find(before)) + len(change) - 1
    data[at] ^= bits
    path.write_bytes(data)


async def _assert_the_third_and_the_seventh_go(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        report = await cache.check(delete_invalid=True)
        keys = [problem.key for problem in report.problems if problem.key is not None]
        assert keys == ["role_id=3", "role_id=7"]
        assert report.deleted == 2
        assert not any("stays" in problem.fault for problem in report.problems)
        assert [role.id async for role in cache.iter_roles_for_guild(GUILD)] == [1, 2, 4, 5, 6, 8, 9]
        await cache.set_role(GUILD, samples.role(7, name="new"))
        assert (await cache.get_role(7)).name == "new"
        report = await cache.check()
        assert report.is_sound
        assert report.rows["roles"] == 8
    check_file(path)


async def test_a_row_that_its_index_does_not_know_is_deleted_with_the_others(path: pathlib.Path) -> None:
    """One bit of what it refers to flipped, so that it is not found in the index of that, to be taken out there."""
    await _file_with_roles(path)
    _flip(path, b"name7-", GUILD.to_bytes(4, "big"), 0x10)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        _sqlite(path, "DELETE FROM roles WHERE role_id = 7")
    await _assert_the_third_and_the_seventh_go(path)


def _make_text_of_data(path: pathlib.Path, number: int) -> None:
    """Flip the one bit of a row of `roles` that says that its data is a blob."""
    ((length,),) = _sqlite(path, "SELECT length(data) FROM roles WHERE role_id = ?", number)
    kind = 2 * length + 12  # https://www.sqlite.org/fileformat.html#record_format
    assert 0x80 <= kind < 0x4000
    _flip(path, f"name{number}-".encode(), bytes([0x80 | kind >> 7, kind & 0x7F]), 1)


async def test_data_that_has_become_a_text_is_deleted(path: pathlib.Path) -> None:
    await _file_with_roles(path)
    _make_text_of_data(path, 7)
    assert _sqlite(path, "SELECT typeof(data) FROM roles WHERE role_id IN (6, 7)") == [("blob",), ("text",)]
    await _assert_the_third_and_the_seventh_go(path)


async def test_what_only_hikari_refuses_is_named_and_stays(path: pathlib.Path) -> None:
    """Its bytes are what was written, and another hikari may make something of them."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
        role = {name: value for name, value in samples.role(2).items() if name != "color"}
        await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": role})
        for _ in range(2):
            report = await cache.check(delete_invalid=True)
            (problem,) = report.problems
            assert problem.key == "role_id=2"
            assert "refused by hikari" in problem.fault
            assert (report.deleted, report.rows["roles"]) == (0, 2)
    check_file(path)


# The command line.


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sake_lite", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


async def _two_roles(path: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Store two roles, and check the file while a bot has it open."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in (1, 2):
            await cache.set_role(GUILD, samples.role(number))
        return _run("check", path)


def test_the_command_line(path: pathlib.Path) -> None:
    sound = asyncio.run(_two_roles(path))
    assert (sound.returncode, sound.stderr) == (0, "")
    assert "roles                     2" in sound.stdout
    assert sound.stdout.endswith("Nothing is wrong.\n")

    _sqlite(path, "UPDATE roles SET checksum = 0 WHERE role_id = 2")
    before = path.read_bytes()
    damaged = _invoke("check", path)
    assert (damaged.exit_code, damaged.stderr) == (1, "")
    assert "the row role_id=2 of roles is damaged" in damaged.stdout
    assert "Problems found: 1. Stop the bot and use --delete-invalid" in damaged.stdout
    assert path.read_bytes() == before

    mended = _run("check", "--delete-invalid", path)
    assert (mended.returncode, mended.stderr) == (1, "")
    assert mended.stdout.endswith("Problems found: 1. Damaged rows deleted: 1.\n")
    assert _invoke("check", path).exit_code == 0
    assert _sqlite(path, "SELECT role_id FROM roles") == [(1,)]


def test_the_command_line_without_a_file_that_can_be_used(path: pathlib.Path) -> None:
    missing = _run("check", path)
    assert missing.returncode == 2
    assert "does not exist" in missing.stderr
    assert not path.exists()
    assert _invoke("check").exit_code == 2
    assert _invoke("chekc", path).exit_code == 2

    path.write_bytes(b"This is no database. " * 500)
    foreign = _invoke("check", path)
    assert (foreign.exit_code, foreign.stdout) == (1, "")
    assert f"{path} is not a SQLite database" in foreign.stderr


def test_the_command_line_says_what_it_needs() -> None:
    code = "import sys; sys.modules['click'] = None; from sake_lite.__main__ import main; main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert run.stderr == "the command line needs click: pip install 'sake_lite[cli]'\n"


def _invoke(*arguments: object) -> click.testing.Result:
    """Run the command line in this process."""
    return click.testing.CliRunner().invoke(cli.main, [*map(str, arguments)])


def test_the_command_line_deletes_data_that_has_become_a_text(path: pathlib.Path) -> None:
    asyncio.run(_file_with_roles(path))
    _make_text_of_data(path, 7)
    for arguments, last in ((("check",), "use --delete-invalid"), (("check", "--delete-invalid"), "rows deleted: 2.")):
        result = _invoke(*arguments, path)
        assert isinstance(result.exception, SystemExit)
        assert result.exit_code == 1
        assert "the row role_id=7 of roles is damaged" in result.output
        assert last in result.output
    assert _invoke("check", path).exit_code == 0


def test_the_command_line_deletes_nothing_but_what_is_damaged(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what its own settings, which are not those of the bot, would have removed, however long it takes."""
    looked = asyncio.Semaphore(0)
    check = sake_lite.SQLiteCache.check
    look_for_file = Session.look_for_file

    async def fill() -> None:
        async with sake_lite.SQLiteCache(path, message_limit=10) as cache:
            for number in range(1, 9):
                await cache.set_message(samples.message(number), expire_time=0 if number == 1 else None)

    async def look(session: Session) -> None:
        await look_for_file(session)
        looked.release()

    async def check_after_a_round(cache: sake_lite.SQLiteCache, *, delete_invalid: bool = False) -> object:
        if delete_invalid:
            async with asyncio.timeout(10):
                for _ in range(3):
                    await looked.acquire()
        return await check(cache, delete_invalid=delete_invalid)

    asyncio.run(fill())
    _sqlite(path, "UPDATE messages SET checksum = 0 WHERE message_id = 5")
    monkeypatch.setattr(_config.Config.__dataclass_fields__["message_limit"], "default", 3)
    monkeypatch.setattr(_housekeeping, "_INTERVAL", 0.001)
    monkeypatch.setattr(Session, "look_for_file", look)
    monkeypatch.setattr(sake_lite.SQLiteCache, "check", check_after_a_round)
    result = _invoke("check", "--delete-invalid", path)
    assert result.output.endswith("Problems found: 1. Damaged rows deleted: 1.\n")
    assert _sqlite(path, "SELECT message_id FROM messages") == [(1,), (2,), (3,), (4,), (6,), (7,), (8,)]
