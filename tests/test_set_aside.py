"""`on_corrupt="set_aside"`: a damaged file is kept under another name, and a new one takes its place; no other is."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import datetime
import json
import logging
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import types
import typing

import pytest
import samples
from conftest import check_file
from processes import AS_NOBODY
from samples import GUILD

import sake_lite
from sake_lite import BackendError, _file, _layout

_ROLES: typing.Final = 300
_PAGE: typing.Final = 4096


async def _store_roles(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await asyncio.gather(*(cache.set_role(GUILD, samples.role(n, name="x" * 500)) for n in range(1, _ROLES + 1)))


def _with_log(path: pathlib.Path, *statements: str) -> None:
    """Run statements, and leave the log where it is, as one that was killed does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode = WAL", *statements):
            connection.execute(statement)
        kept = {part: b"" if part.name.endswith("-shm") else part.read_bytes() for part in path.parent.iterdir()}
    for part, data in kept.items():
        part.write_bytes(data or bytes(32768))


@pytest.fixture(scope="module")
def sound() -> collections.abc.Iterator[pathlib.Path]:
    """A file that is sound and has many pages, to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bot.db")
        asyncio.run(_store_roles(path))
        yield path


@pytest.fixture
def path(sound: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of it."""
    return pathlib.Path(shutil.copyfile(sound, tmp_path / "bot.db"))


def _overwrite(path: pathlib.Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _garbage(path: pathlib.Path) -> None:
    path.write_bytes(b"This is no database. " * 500)


def _two_bytes(path: pathlib.Path) -> None:
    path.write_bytes(b"SQ")


def _truncated(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[: 2 * _PAGE + 100])


def _overwritten(path: pathlib.Path) -> None:
    """Overwrite a page of roles, which nothing reads before somebody asks for them."""
    pages = path.stat().st_size // _PAGE
    _overwrite(path, (pages - 20) * _PAGE, b"\xff" * _PAGE)


def _header(path: pathlib.Path) -> None:
    _overwrite(path, 0, b"\x00" * 16)


def _half_a_header(path: pathlib.Path) -> None:
    _overwrite(path, 8, b"\xff" * 8)


def _page_size(path: pathlib.Path) -> None:
    _overwrite(path, 16, b"\x00\x07")


def _first_page(path: pathlib.Path) -> None:
    _overwrite(path, 100, b"\xff" * (_PAGE - 100))


def _overwritten_with_a_log(path: pathlib.Path) -> None:
    """Somebody was killed, and the disk failed: what was written last is in the log only."""
    _with_log(path, "UPDATE roles SET updated_at = 0 WHERE role_id = 1")
    _overwritten(path)


def _truncated_with_a_log(path: pathlib.Path) -> None:
    _with_log(path, "UPDATE roles SET updated_at = 0 WHERE role_id = 1")
    _truncated(path)


def _garbage_with_a_log(path: pathlib.Path) -> None:
    _with_log(path, "UPDATE roles SET updated_at = 0 WHERE role_id = 1")
    _garbage(path)


_DAMAGES: typing.Final[tuple[collections.abc.Callable[[pathlib.Path], None], ...]] = (
    _garbage,
    _two_bytes,
    _truncated,
    _overwritten,
    _header,
    _half_a_header,
    _page_size,
    _first_page,
    _overwritten_with_a_log,
    _truncated_with_a_log,
    _garbage_with_a_log,
)


def _name_of(damage: collections.abc.Callable[[pathlib.Path], None]) -> str:
    return damage.__name__.strip("_").replace("_", " ")


def _bytes(folder: pathlib.Path) -> dict[str, bytes]:
    """Return what is in a folder, but for what SQLite shares between processes beside a log."""
    return {part.name: part.read_bytes() for part in folder.iterdir() if not part.name.endswith("-shm")}


def _aside(folder: pathlib.Path) -> list[str]:
    """Return the names of the files that were set aside, without those of their logs."""
    return sorted(part.name for part in folder.glob("*.corrupt-*") if not part.name.endswith(("-wal", "-shm")))


def _cache(path: pathlib.Path, **settings: typing.Any) -> sake_lite.SQLiteCache:
    return sake_lite.SQLiteCache(path, on_corrupt="set_aside", **settings)


@pytest.mark.parametrize("damage", _DAMAGES, ids=_name_of)
async def test_a_damaged_file_is_kept_as_it_is_and_a_new_one_takes_its_place(
    damage: collections.abc.Callable[[pathlib.Path], None], path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(path)
    before = _bytes(path.parent)
    with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
        async with _cache(path) as cache:
            assert await cache.iter_roles().len() == 0
            await cache.set_role(GUILD, samples.role(1))
            assert (await cache.check()).is_sound
        async with _cache(path) as cache:
            assert (await cache.get_role(1)).id == 1

    (record,) = caplog.records
    aside = _aside(path.parent)[0]
    assert re.fullmatch(r"bot\.db\.corrupt-\d{8}T\d{6}", aside)
    assert str(path) in record.getMessage()
    assert aside in record.getMessage()
    after = _bytes(path.parent)
    del after["bot.db"]
    assert after == {name.replace("bot.db", aside): data for name, data in before.items()}
    check_file(path)


@pytest.mark.parametrize("damage", _DAMAGES, ids=_name_of)
async def test_by_default_a_damaged_file_is_refused_and_left_as_it_is(
    damage: collections.abc.Callable[[pathlib.Path], None], path: pathlib.Path
) -> None:
    damage(path)
    before = _bytes(path.parent)
    cache = sake_lite.SQLiteCache(path)
    for _ in range(2):
        if damage in {_overwritten, _overwritten_with_a_log}:
            # Nobody looks at all pages here; it is found out by whoever reads the page, and by `check`.
            async with cache:
                assert not (await cache.check()).is_sound
                with pytest.raises(BackendError, match="is damaged") as caught:
                    await cache.iter_roles()
        else:
            with pytest.raises(BackendError, match=r"is damaged|is not a SQLite database") as caught:
                await cache.open()
        assert str(path) in caught.value.message
        assert re.search("move it away|restore a copy", caught.value.message)
    if damage is not _overwritten_with_a_log:  # what was opened was written to: the log is folded in
        assert _bytes(path.parent) == before
    assert _aside(path.parent) == []


async def test_what_was_only_in_the_log_is_kept_with_the_file(path: pathlib.Path) -> None:
    _overwritten_with_a_log(path)
    async with _cache(path):
        pass
    aside = path.with_name(_aside(path.parent)[0])
    with contextlib.closing(sqlite3.connect(aside)) as connection:
        row = connection.execute("SELECT updated_at FROM roles WHERE role_id = 1").fetchone()
    assert row == (0,)


async def test_a_sound_file_stays_where_it_is(path: pathlib.Path) -> None:
    _with_log(path, "UPDATE roles SET updated_at = 0 WHERE role_id = 1")
    for _ in range(2):
        async with _cache(path) as cache:
            assert await cache.iter_roles().len() == _ROLES
    assert _aside(path.parent) == []
    check_file(path)


async def test_a_log_that_is_none_is_no_damage(path: pathlib.Path) -> None:
    """SQLite takes no notice of what is no log, and the file beside it is whole."""
    path.with_name("bot.db-wal").write_bytes(b"This is no log. " * 500)
    async with _cache(path) as cache:
        assert await cache.iter_roles().len() == _ROLES
    assert _aside(path.parent) == []
    check_file(path)


async def test_those_of_the_same_second_are_all_kept(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2026, 11, 23, 12, 30, 59, tzinfo=datetime.UTC)
    clock = types.SimpleNamespace(now=moment.astimezone)
    monkeypatch.setattr(_file, "datetime", types.SimpleNamespace(datetime=clock, UTC=datetime.UTC))
    for number in range(3):
        path.write_bytes(f"damage {number} ".encode() * 500)
        async with _cache(path) as cache:
            await cache.set_role(GUILD, samples.role(1))
    name = "bot.db.corrupt-20261123T123059"
    assert _aside(path.parent) == [name, f"{name}-2", f"{name}-3"]
    kept = [path.with_name(each).read_bytes() for each in _aside(path.parent)]
    assert kept == [f"damage {number} ".encode() * 500 for number in range(3)]
    check_file(path)


@pytest.mark.parametrize("damage", [_garbage, _overwritten], ids=_name_of)
async def test_several_that_find_the_damage_at_once_set_one_file_aside(
    damage: collections.abc.Callable[[pathlib.Path], None], sound: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Else the second would put away what the first has begun to write to. One after the other is not the same."""
    for attempt in range(5):
        path = tmp_path / str(attempt) / "bot.db"
        path.parent.mkdir()
        shutil.copyfile(sound, path)
        damage(path)
        caches = [_cache(path) for _ in range(3)]
        opened = await asyncio.gather(*(cache.open() for cache in caches), return_exceptions=True)
        assert opened == [None] * 3
        for number, cache in enumerate(caches):
            await cache.set_role(GUILD, samples.role(number))
        for cache in caches:
            await cache.close()
        assert len(_aside(path.parent)) == 1
        check_file(path)
        async with _cache(path) as cache:
            assert [role.id async for role in cache.iter_roles()] == [0, 1, 2]


async def test_one_that_was_slow_to_find_the_damage_leaves_the_new_file_alone(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes start on a damaged file; one is done, and writes, when the other comes to rename it."""
    _garbage(path)
    first = _cache(path)

    async def open_first_then_rename(
        slow_path: pathlib.Path, damaged: tuple[int, int] | None, error: BackendError
    ) -> None:
        monkeypatch.setattr(_file, "set_aside", set_aside)
        await first.open()
        await first.set_role(GUILD, samples.role(1))
        await set_aside(slow_path, damaged, error)

    set_aside = _file.set_aside
    monkeypatch.setattr(_file, "set_aside", open_first_then_rename)
    slow = _cache(path)
    await slow.open()
    await slow.set_role(GUILD, samples.role(2))
    await first.set_role(GUILD, samples.role(3))
    await slow.close()
    await first.close()
    assert len(_aside(path.parent)) == 1
    check_file(path)
    async with _cache(path) as cache:
        assert [role.id async for role in cache.iter_roles()] == [1, 2, 3]


async def test_no_two_rename_at_once(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither sees that it is the damaged file still before the other has renamed it."""
    _garbage(path)
    here = threading.local()
    both_have_seen = threading.Barrier(2, timeout=0.2)
    rename, identity = _file._rename, _file.identity  # pyright: ignore[reportPrivateUsage]

    def rename_here(path: pathlib.Path, damaged: tuple[int, int] | None) -> pathlib.Path | None:
        here.is_renaming = True
        try:
            return rename(path, damaged)
        finally:
            here.is_renaming = False

    def identity_of_both(path: pathlib.Path) -> tuple[int, int] | None:
        found = identity(path)
        if getattr(here, "is_renaming", False):
            with contextlib.suppress(threading.BrokenBarrierError):
                both_have_seen.wait()
        return found

    monkeypatch.setattr(_file, "_rename", rename_here)
    monkeypatch.setattr(_file, "identity", identity_of_both)
    one, two = _cache(path), _cache(path)
    await asyncio.gather(one.open(), two.open())
    await one.set_role(GUILD, samples.role(1))
    await two.set_role(GUILD, samples.role(2))
    await asyncio.gather(one.close(), two.close())
    assert both_have_seen.broken, "the second waited for the first, which waited in vain"
    assert len(_aside(path.parent)) == 1
    check_file(path)


async def test_a_log_that_goes_at_that_moment_is_no_reason_not_to_set_the_file_aside(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever closes the file last deletes its log."""
    _garbage(path)
    path.with_name("bot.db-wal").write_bytes(b"a log")
    rename = pathlib.Path.rename

    def close_then_rename(part: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        if part.name == "bot.db-wal":
            part.unlink()
        return rename(part, target)

    monkeypatch.setattr(pathlib.Path, "rename", close_then_rename)
    async with _cache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    assert len(_aside(path.parent)) == 1
    check_file(path)


async def test_damage_that_is_met_later_is_raised_and_the_file_stays(path: pathlib.Path) -> None:
    async with _cache(path) as cache:
        _overwritten(path)
        before = path.read_bytes()
        for _ in range(2):
            with pytest.raises(BackendError, match="is damaged") as caught:
                await cache.iter_roles()
            assert str(path) in caught.value.message
        await cache.set_user(samples.user())
        assert (await cache.get_user(samples.USER)).id == samples.USER, "what is not damaged is used as before"
        assert len(path.read_bytes()) >= len(before)
    assert _aside(path.parent) == []

    async with _cache(path) as cache:
        assert await cache.iter_roles().len() == 0
    assert len(_aside(path.parent)) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
async def test_the_new_file_is_private_and_the_old_one_s_mode_is_its_own(path: pathlib.Path) -> None:
    _garbage(path)
    path.chmod(0o640)
    async with _cache(path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name(_aside(path.parent)[0]).stat().st_mode & 0o777 == 0o640


# What is not damaged, though it cannot be used.


def _another_program(path: pathlib.Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")


def _another_program_with_a_log(path: pathlib.Path) -> None:
    path.unlink()
    _with_log(path, "CREATE TABLE t (a)")


def _marked_by_another_program(path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 77")


def _newer(path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {_layout.USER_VERSION + 1}")


def _newer_and_damaged(path: pathlib.Path) -> None:
    """What a newer version holds to be damaged is its own matter."""
    _newer(path)
    _overwritten(path)


def _another_program_s_and_damaged(path: pathlib.Path) -> None:
    _marked_by_another_program(path)
    _overwritten(path)


_OTHERS: typing.Final[dict[collections.abc.Callable[[pathlib.Path], None], str]] = {
    _another_program: "belongs to another program",
    _another_program_with_a_log: "belongs to another program",
    _marked_by_another_program: "belongs to another program",
    _another_program_s_and_damaged: "belongs to another program",
    _newer: "newer version, foreign or damaged",
    _newer_and_damaged: "newer version, foreign or damaged",
}


@pytest.mark.parametrize("make", _OTHERS, ids=_name_of)
async def test_a_file_of_others_is_never_renamed(
    make: collections.abc.Callable[[pathlib.Path], None], path: pathlib.Path
) -> None:
    make(path)
    before = _bytes(path.parent)
    for _ in range(2):
        with pytest.raises(BackendError, match=_OTHERS[make]) as caught:
            await _cache(path).open()
        assert str(path) in caught.value.message
    assert _bytes(path.parent) == before


async def test_a_folder_is_never_renamed(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bot.db"
    folder.mkdir()
    with pytest.raises(BackendError, match="is a folder"):
        await _cache(folder).open()
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("damage", [None, _overwritten], ids=["sound", "damaged"])
async def test_a_file_that_another_process_keeps_for_itself_is_not_renamed(
    damage: collections.abc.Callable[[pathlib.Path], None] | None, path: pathlib.Path
) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        if damage is not None:
            damage(path)
        before = path.read_bytes()
        with pytest.raises(BackendError, match="locked by another process") as caught:
            await _cache(path, busy_timeout=0.05).open()
        assert str(path) in caught.value.message
        assert _aside(path.parent) == []
        assert path.read_bytes() == before
    async with _cache(path) as cache:
        assert await cache.iter_roles().len() == (_ROLES if damage is None else 0)


async def test_a_name_that_the_system_refuses_is_no_damage(tmp_path: pathlib.Path) -> None:
    for read_only in (False, True):
        cache = sake_lite.SQLiteCache(tmp_path / ("x" * 300), on_corrupt="set_aside", read_only=read_only)
        with pytest.raises(BackendError, match="x" * 300):
            await cache.open()
    assert list(tmp_path.iterdir()) == []


_NOBODY = f"""
import asyncio, concurrent.futures.thread, json, sys, sake_lite
{AS_NOBODY}

async def use(path):
    try:
        async with sake_lite.SQLiteCache(path, on_corrupt="set_aside") as cache:
            return f"opened, with {{await cache.iter_roles().len()}} roles"
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"

async def main():
    print(json.dumps([await use(path) for path in sys.argv[1:]]))

asyncio.run(main())
"""

_FORBIDDEN: typing.Final = {
    "a file that may not be read": (0o777, 0o000),
    "a file that may not be written": (0o777, 0o444),
    "a folder that may not be written": (0o555, 0o666),
    "neither": (0o555, 0o444),
    "a folder that may not be looked into": (0o000, 0o666),
}
"""The modes of a folder, and of the file in it."""

_STATES: typing.Final = (None, _garbage, _overwritten)


class _Tried(typing.NamedTuple):
    path: pathlib.Path
    before: bytes
    result: str


@pytest.fixture(scope="module")
def tried(sound: pathlib.Path) -> collections.abc.Iterator[dict[tuple[str, object], _Tried]]:
    """What became of opening files that the system protects, in one process for all of them."""
    with tempfile.TemporaryDirectory() as name:  # everybody may look into what is above it, unlike pytest's own
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        cases = [(place, state) for place in _FORBIDDEN for state in _STATES]
        paths = [folder / str(number) / "bot.db" for number in range(len(cases))]
        before: list[bytes] = []
        for path, (place, state) in zip(paths, cases, strict=True):
            path.parent.mkdir()
            shutil.copyfile(sound, path)
            if state is not None:
                state(path)
            before.append(path.read_bytes())
            path.chmod(_FORBIDDEN[place][1])
            path.parent.chmod(_FORBIDDEN[place][0])
        command = [sys.executable, "-c", _NOBODY, *map(str, paths)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        for path in paths:
            path.parent.chmod(0o755)
        assert ran.returncode == 0, ran.stderr
        tries = zip(paths, before, json.loads(ran.stdout), strict=True)
        yield {case: _Tried(*each) for case, each in zip(cases, tries, strict=True)}


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
@pytest.mark.parametrize("place", _FORBIDDEN)
def test_what_the_system_forbids_is_no_reason_to_rename(place: str, tried: dict[tuple[str, object], _Tried]) -> None:
    """A damaged file that may be read is renamed where its folder may be written to, and nothing else is."""
    for state in _STATES:
        path, before, result = tried[place, state]
        if _aside(path.parent):
            assert state is not None
            assert place == "a file that may not be written"
            assert result == "opened, with 0 roles"
            assert path.with_name(_aside(path.parent)[0]).read_bytes() == before
        else:
            assert result.startswith("BackendError: ")
            assert str(path) in result
            assert [part.name for part in path.parent.iterdir()] == ["bot.db"]
            path.chmod(0o600)
            assert path.read_bytes() == before
