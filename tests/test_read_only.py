"""Reading somebody else's file: all of the standard's reads, wherever the file is, and nothing is changed by it."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import inspect
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import typing

import hikari
import pytest
import samples
from conftest import check_file
from files import UNUSABLE, contents, copy
from processes import AS_NOBODY
from samples import CHANNEL, GUILD, SAMPLES, USER, Sample, iterate, thousands

import sake_lite
from sake_lite import BackendError, _config, _file, _layout, _session

# What there is to call, by the class itself.


def _public() -> dict[str, typing.Any]:
    methods = inspect.getmembers(sake_lite.SQLiteCache, callable)
    return {name: method for name, method in methods if not name.startswith("_")}


_GETS: typing.Final = [name for name in _public() if name.startswith("get_")]
_ITERATIONS: typing.Final = [name for name in _public() if name.startswith("iter_")]
_TELLS: typing.Final = ["members_complete", "permissions_for"]
_WRITES: typing.Final = [
    name
    for name, method in _public().items()
    if inspect.iscoroutinefunction(method) and name not in {*_GETS, *_TELLS, "check", "open", "close"}
]

_GIVEN: typing.Final[dict[str, typing.Any]] = {
    "channel_id": CHANNEL,
    "emoji_id": 1,
    "guild_id": GUILD,
    "invite_code": "code000001",
    "message_id": thousands(1),
    "name": "GUILD_CREATE",
    "role_id": 1,
    "sticker_id": 1,
    "thread_id": 1,
    "user_id": USER,
}
"""What is in the file, by the names of arguments."""


def _arguments(name: str) -> list[typing.Any]:
    """Return arguments for a method, by their names."""
    _, *parameters = inspect.signature(getattr(sake_lite.SQLiteCache, name)).parameters.values()
    required = [each.name for each in parameters if each.default is each.empty]
    return [_payload(name) if each == "payload" else _GIVEN[each] for each in required]


def _payload(name: str) -> samples.Payload:
    if name == "ingest":
        return samples.guild_create()
    make: typing.Any = getattr(samples, name.partition("_")[2].removeprefix("guild_"))
    return make("code") if name == "set_invite" else make(1)


async def _everything(cache: sake_lite.SQLiteCache) -> dict[str, typing.Any]:
    """Return what all methods that read return, in words."""
    found: dict[str, typing.Any] = {}
    for name in _GETS:
        found[name] = repr(await getattr(cache, name)(*_arguments(name)))
    for name in _ITERATIONS:
        arguments = _arguments(name)
        found[name] = [repr(entity) async for entity in getattr(cache, name)(*arguments)]
        assert await getattr(cache, name)(*arguments).len() == len(found[name]), name
    found["members_complete"] = [await cache.members_complete(guild) for guild in (GUILD, thousands(1))]
    found["permissions_for"] = [await cache.permissions_for(GUILD, USER, place) for place in (None, CHANNEL, 1)]
    return found


async def test_all_that_reads_works_as_for_whoever_writes(whole: pathlib.Path, path: pathlib.Path) -> None:
    copy(whole, path)
    async with sake_lite.SQLiteCache(path) as cache:
        expected = await _everything(cache)
    assert len(_GETS) >= len(sake_lite.SQLiteCache.all_tables)
    assert [name for name in _ITERATIONS if not expected[name]] == [], "else nothing was shown"
    assert expected["members_complete"] == [True, False]
    assert expected["permissions_for"] == [hikari.Permissions.all_permissions()] * 3

    before = contents(path.parent)
    cache = sake_lite.SQLiteCache(path, read_only=True)
    for _ in range(2):
        async with cache:
            assert cache.is_alive
            assert await _everything(cache) == expected
            assert await _everything(cache) == expected, "what is remembered is the same"
            assert (await cache.check()).is_sound
            assert cache.stats() == sake_lite.Stats()
            with pytest.raises(sake_lite.EntryNotFound):
                await cache.get_role(2**70)
        assert not cache.is_alive
        assert contents(path.parent) == before
    with pytest.raises(sake_lite.ClosedClient):
        await cache.get_me()
    check_file(path)


async def test_what_would_write_says_that_the_file_is_open_read_only(whole: pathlib.Path, path: pathlib.Path) -> None:
    copy(whole, path)
    before = contents(path.parent)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        for name in _WRITES:
            arguments = _arguments(name)
            # What no row can have, and would change nothing, is told the same.
            for given in (arguments, [2**70 if isinstance(value, int) else value for value in arguments]):
                with pytest.raises(BackendError, match="open it without `read_only` to write") as caught:
                    await getattr(cache, name)(*given)
                assert f"{path} is open read-only" in caught.value.message
        assert (await cache.get_me()).id == USER
    assert contents(path.parent) == before


def test_the_methods_that_write_are_found() -> None:
    for kind in ("set_", "delete_", "clear_"):
        assert len([name for name in _WRITES if name.startswith(kind)]) >= 10
    assert {"ingest", "flush", "purge_user", "update_message"} <= set(_WRITES)


async def test_checking_and_deleting_what_is_damaged(killed: pathlib.Path, path: pathlib.Path) -> None:
    copy(killed, path)
    before = contents(path.parent)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        report = await cache.check()
        assert report.is_sound
        assert report.rows["roles"] == 5
        with pytest.raises(BackendError, match="open read-only"):
            await cache.check(delete_invalid=True)
    assert contents(path.parent) == before


def test_an_event_manager_has_nothing_to_write_to(path: pathlib.Path) -> None:
    bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)
    for event_managed in (False, True):
        with pytest.raises(ValueError, match="read_only cannot take in the events"):
            sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=event_managed, read_only=True)
    assert sake_lite.SQLiteCache(path, bot, read_only=True).app is bot


# Beside somebody who writes.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds, by which rows in memory are trusted."""
    moment = [time.monotonic()]

    class Time:
        @staticmethod
        def monotonic() -> float:
            return moment[0]

    monkeypatch.setattr(_session, "time", Time)
    return moment


async def _comes_true(condition: collections.abc.Callable[[], collections.abc.Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("row_cache_bytes", [0, 16 * 1024 * 1024], ids=["from the file", "from memory"])
@pytest.mark.parametrize("is_writer_first", [False, True], ids=["reader first", "writer first"])
async def test_what_others_write_is_seen(
    is_writer_first: bool, row_cache_bytes: int, whole: pathlib.Path, path: pathlib.Path, clock: list[float]
) -> None:
    copy(whole, path)
    writer = sake_lite.SQLiteCache(path)
    reader = sake_lite.SQLiteCache(path, read_only=True, row_cache_bytes=row_cache_bytes)
    async with contextlib.AsyncExitStack() as stack:
        for cache in (writer, reader) if is_writer_first else (reader, writer):
            await stack.enter_async_context(cache)
        for sample in SAMPLES:
            for number in range(3):
                for _ in range(3):
                    await sample.get(reader, number)

            async def is_gone(sample: Sample = sample) -> bool:
                try:
                    await sample.get(reader, 0)
                except sake_lite.EntryNotFound:
                    return True
                assert row_cache_bytes, "nothing is remembered"
                return False

            await sample.delete(writer, 0)
            if sample.table == "users":
                await writer.delete_member(GUILD, thousands(0))
            await sample.store(writer, 5)
            assert sample.key(await sample.get(reader, 5)) == sample.expected(5), "it was not asked for before"
            found = [sample.key(entity) async for entity in iterate(reader, sample)]
            assert sample.expected(5) in found
            assert sample.expected(0) not in found
            clock[0] += 1.01
            await _comes_true(is_gone)
            for _ in range(5):
                assert await is_gone(), "what was remembered before is not trusted again"

        await writer.set_guild(samples.guild(thousands(1), name="renamed"))
        clock[0] += 1.01

        async def is_renamed() -> bool:
            return (await reader.get_guild(thousands(1))).name == "renamed"

        await _comes_true(is_renamed)


@pytest.mark.parametrize("is_writer_first", [False, True], ids=["reader first", "writer first"])
@pytest.mark.parametrize("is_reader_last", [False, True], ids=["writer last", "reader last"])
async def test_what_is_beside_the_file_in_the_end(
    is_writer_first: bool, is_reader_last: bool, whole: pathlib.Path, path: pathlib.Path
) -> None:
    copy(whole, path)
    writer, reader = sake_lite.SQLiteCache(path), sake_lite.SQLiteCache(path, read_only=True)
    for cache in (writer, reader) if is_writer_first else (reader, writer):
        await cache.open()
    await writer.set_role(GUILD, samples.role(1, name="written"))
    assert (await reader.get_role(1)).name == "written"
    for cache in (writer, reader) if is_reader_last else (reader, writer):
        await cache.close()

    left = sorted(part.name for part in path.parent.iterdir())
    if is_writer_first and is_reader_last:
        # SQLite leaves the log to whoever writes next, since who closed last may not.
        assert left == ["bot.db", "bot.db-shm", "bot.db-wal"]
    else:
        assert left == ["bot.db"]
    async with sake_lite.SQLiteCache(path, read_only=True) as again:
        assert (await again.get_role(1)).name == "written"
    assert sorted(part.name for part in path.parent.iterdir()) == left
    async with sake_lite.SQLiteCache(path) as again:
        assert (await again.get_role(1)).name == "written"
    check_file(path)


async def test_reading_after_a_kill(killed: pathlib.Path, path: pathlib.Path) -> None:
    """All that was acknowledged is seen, and the log stays for whoever writes next."""
    copy(killed, path)
    before = contents(path.parent)
    assert before.keys() == {"bot.db", "bot.db-wal", "bot.db-shm"}
    for _ in range(2):
        async with (
            sake_lite.SQLiteCache(path, read_only=True) as one,
            sake_lite.SQLiteCache(path, read_only=True) as two,
        ):
            for cache in (one, two):
                await _assert_as_acknowledged(cache)
        assert contents(path.parent) == before

    async with sake_lite.SQLiteCache(path) as cache:
        await _assert_as_acknowledged(cache)
    check_file(path)


async def _assert_as_acknowledged(cache: sake_lite.SQLiteCache) -> None:
    for sample in SAMPLES:
        assert sample.key(await sample.get(cache, 3)) == sample.expected(3)
        if sample.table != "users":  # a member is that user
            with pytest.raises(sake_lite.EntryNotFound):
                await sample.get(cache, 0)


async def test_a_log_without_what_is_shared_beside_it(killed: pathlib.Path, path: pathlib.Path) -> None:
    """As where the two files were moved elsewhere."""
    copy(killed, path)
    path.with_name("bot.db-shm").unlink()
    before = contents(path.parent)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        await _assert_as_acknowledged(cache)
    assert contents(path.parent) == {**before, "bot.db-shm": b""}


# Where nobody may write.

_NOBODY = f"""
import asyncio, concurrent.futures.thread, json, sys, test_read_only
{AS_NOBODY}

async def use(path):
    found = {{}}
    try:
        test_read_only.pathlib.Path(path).open("r+b").close()
        found["may write"] = True
    except PermissionError:
        pass
    try:
        async with test_read_only.sake_lite.SQLiteCache(path, read_only=True) as cache:
            for sample in test_read_only.SAMPLES:
                found[sample.table] = [str(key) for key in await test_read_only.samples.keys(cache, sample)]
            await sample.get(cache, 1)
            found["check"] = [str(problem) for problem in (await cache.check()).problems]
    except test_read_only.BackendError as error:
        found["error"] = error.message
    return found

async def main():
    print(json.dumps({{path: await use(path) for path in sys.argv[1:]}}))

asyncio.run(main())
"""


class _Place(typing.NamedTuple):
    """Where a file is, and how it was left."""

    path: pathlib.Path
    before: dict[str, bytes]
    found: dict[str, typing.Any]


_PLACES: typing.Final = {
    "closed": (0o555, 0o444, ("bot.db",)),
    "closed, and the folder could be written to": (0o777, 0o444, ("bot.db",)),
    "closed, and the file could be written to": (0o555, 0o666, ("bot.db",)),
    "with a log": (0o555, 0o444, ("bot.db", "bot.db-wal", "bot.db-shm")),
    "with a log, and the folder could be written to": (0o777, 0o444, ("bot.db", "bot.db-wal", "bot.db-shm")),
    "with a log, and the files could be written to": (0o555, 0o666, ("bot.db", "bot.db-wal", "bot.db-shm")),
    "with a log, without what is shared": (0o555, 0o444, ("bot.db", "bot.db-wal")),
    "with an empty log": (0o555, 0o444, ("bot.db", "bot.db-wal", "bot.db-shm")),
}
"""The modes of a folder and of what is in it, and what is in it."""


@pytest.fixture(scope="module")
def places(whole: pathlib.Path, killed: pathlib.Path) -> collections.abc.Iterator[dict[str, _Place]]:
    """What somebody else found in each place, one process for all of them."""
    with tempfile.TemporaryDirectory() as name:  # everybody may look into what is above it, unlike pytest's own
        pathlib.Path(name).chmod(0o755)
        paths = {place: pathlib.Path(name, str(number), "bot.db") for number, place in enumerate(_PLACES)}
        for place, path in paths.items():
            folder_mode, mode, parts = _PLACES[place]
            path.parent.mkdir()
            for part in parts:
                source = (
                    whole if parts == ("bot.db",) or (part == "bot.db" and place == "with an empty log") else killed
                )
                shutil.copyfile(source.with_name(part), path.with_name(part))
            if place == "with an empty log":
                path.with_name("bot.db-wal").write_bytes(b"")
                path.with_name("bot.db-shm").write_bytes(bytes(32768))
            for part in parts:
                path.with_name(part).chmod(mode)
            path.parent.chmod(folder_mode)
        before = {place: contents(path.parent) for place, path in paths.items()}
        ran = subprocess.run(
            [sys.executable, "-c", _NOBODY, *map(str, paths.values())],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        for path in paths.values():
            path.parent.chmod(0o755)
        assert ran.returncode == 0, ran.stderr
        results = json.loads(ran.stdout)
        yield {place: _Place(path, before[place], results[str(path)]) for place, path in paths.items()}


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
@pytest.mark.parametrize("name", _PLACES)
def test_a_file_that_cannot_be_written_is_read_and_left_as_it_was(name: str, places: dict[str, _Place]) -> None:
    place = places[name]
    _, mode, parts = _PLACES[name]
    assert contents(place.path.parent) == place.before
    if "without what is shared" in name:  # SQLite reads no log without it, and cannot make it here
        assert f"{place.path} has a log, but no -shm beside it" in place.found["error"]
        return

    assert "error" not in place.found
    assert ("may write" in place.found) == (mode == 0o666)
    is_killed = len(parts) > 1 and name != "with an empty log"
    for sample in SAMPLES:
        keys = place.found[sample.table]
        assert (str(sample.expected(3)) in keys) == is_killed
        if sample.table != "users":
            assert (str(sample.expected(0)) in keys) != is_killed
    assert place.found["check"] == []


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process taken for one that may write nothing; the system lets root write everywhere."""
    monkeypatch.setattr(_file, "_may_write", lambda _: False)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]


_Read: typing.TypeAlias = "collections.abc.Callable[[sake_lite.SQLiteCache], collections.abc.Awaitable[object]]"

_READS: typing.Final[dict[str, _Read]] = {
    "from memory": lambda cache: cache.get_role(1),
    "from the file": lambda cache: cache.get_role(1),
    "what there is not": lambda cache: cache.get_role(2),
    "many": lambda cache: cache.iter_roles(),
    "a count": lambda cache: cache.iter_roles().len(),
    "the own user": lambda cache: cache.get_me(),
    "whether all members are there": lambda cache: cache.members_complete(GUILD),
    "what a member may do": lambda cache: cache.permissions_for(GUILD, USER, CHANNEL),
}


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("is_closed", [False, True], ids=["and goes on", "and closes"])
@pytest.mark.parametrize("name", _READS)
async def test_who_may_not_lock_a_file_is_told_when_somebody_begins_to_write(
    name: str, is_closed: bool, whole: pathlib.Path, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read as it lies there, so what is read from then on may be old, or part of something."""
    copy(whole, path)
    reader = sake_lite.SQLiteCache(path, read_only=True, row_cache_bytes=0 if name == "from the file" else None)
    async with reader, contextlib.AsyncExitStack() as stack:
        before = contents(path.parent)
        assert before.keys() == {"bot.db"}, "nothing is made that only somebody else could remove"
        for _ in range(3):
            assert (await reader.get_role(1)).name == "role1"
            with contextlib.suppress(sake_lite.EntryNotFound):
                await _READS[name](reader)
        monkeypatch.undo()
        writer = await stack.enter_async_context(sake_lite.SQLiteCache(path))
        await writer.set_role(GUILD, samples.role(1, name="written"))
        if is_closed:
            await writer.close()
        for _ in range(2):
            with pytest.raises(BackendError, match=r"begun to write to .* close it and open it again") as caught:
                await _READS[name](reader)
            assert str(path) in caught.value.message
    async with reader:
        assert (await reader.get_role(1)).name == "written"


# What cannot be opened.


@pytest.mark.parametrize("on_corrupt", ["raise", "set_aside"])
@pytest.mark.parametrize("name", UNUSABLE)
async def test_what_cannot_be_read_is_refused_by_name_and_left_alone(
    name: str, on_corrupt: typing.Literal["raise", "set_aside"], whole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    make, says = UNUSABLE[name]
    path = tmp_path / "folder" / "bot.db"
    path.parent.mkdir()
    copy(whole, path)
    make(path)
    before = contents(path.parent) if path.is_file() else {}
    cache = sake_lite.SQLiteCache(path, read_only=True, on_corrupt=on_corrupt)
    for _ in range(2):
        with pytest.raises(BackendError, match=says) as caught:
            await cache.open()
        assert str(path) in caught.value.message
        assert not cache.is_alive
    after = contents(path.parent) if path.is_file() else {}
    if "log" in name:
        assert before.keys() == {"bot.db", "bot.db-wal"} | ({"bot.db-shm"} & before.keys())
        after.pop("bot.db-shm", None)
        before.pop("bot.db-shm", None)
    assert after == before
    if name == "missing":
        assert list(path.parent.iterdir()) == []
    elif "missing" in name:
        assert not path.parent.exists()


async def test_an_older_version_is_left_to_whoever_writes(
    whole: pathlib.Path, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(whole, path)
    before = contents(path.parent)
    monkeypatch.setattr(_layout, "USER_VERSION", 2)
    monkeypatch.setitem(_layout.MIGRATIONS, 1, ("UPDATE roles SET updated_at = 0",))
    with pytest.raises(BackendError, match=r"older version.*open it once without `read_only`") as caught:
        await sake_lite.SQLiteCache(path, read_only=True).open()
    assert str(path) in caught.value.message
    assert contents(path.parent) == before
    async with sake_lite.SQLiteCache(path):
        pass
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert (await cache.get_me()).id == USER


async def test_a_file_that_another_process_keeps_for_itself(whole: pathlib.Path, path: pathlib.Path) -> None:
    copy(whole, path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        cache = sake_lite.SQLiteCache(path, read_only=True, busy_timeout=0.05)
        with pytest.raises(BackendError, match="locked by another process") as caught:
            await cache.open()
        assert str(path) in caught.value.message
    async with cache:
        assert (await cache.get_me()).id == USER


# What is not in the file.


class _Some(sake_lite.resources.RoleCache, sake_lite.resources.UserCache):
    """A choice of resources, without what refers to them."""

    __slots__ = ()


async def _count(cache: sake_lite.SQLiteCache) -> dict[str, int]:
    return {sample.table: await iterate(cache, sample).len() for sample in SAMPLES}


async def test_tables_that_the_file_lacks_are_empty(path: pathlib.Path) -> None:
    async with _Some(path) as some:
        await some.set_role(GUILD, samples.role(1))
        await some.set_user(samples.user())
    before = contents(path.parent)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert await _count(cache) == {**dict.fromkeys((sample.table for sample in SAMPLES), 0), "roles": 1, "users": 1}
        for sample in SAMPLES:
            assert len(await samples.keys(cache, sample)) == (sample.table in {"roles", "users"})
            with pytest.raises(sake_lite.EntryNotFound):
                await sample.get(cache, 1)
        with pytest.raises(sake_lite.EntryNotFound):
            await cache.get_me()
        assert not await cache.members_complete(GUILD)
        report = await cache.check()
        assert report.is_sound
        assert {name for name, rows in report.rows.items() if rows} == {"roles", "users"}
    assert contents(path.parent) == before


async def test_a_choice_of_resources_reads_a_whole_file(whole: pathlib.Path, path: pathlib.Path) -> None:
    copy(whole, path)
    async with _Some(path, read_only=True) as some:
        assert await some.iter_roles().len() == 5
        assert (await some.get_user(USER)).id == USER
        assert (await some.check()).rows.keys() == {"roles", "users"}


async def test_an_empty_file_is_an_empty_cache_and_stays_an_empty_file(path: pathlib.Path) -> None:
    path.touch()
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert set((await _count(cache)).values()) == {0}
        assert (await cache.check()).is_sound
    assert contents(path.parent) == {"bot.db": b""}


async def test_what_has_expired_is_invisible_and_stays_in_the_file(
    whole: pathlib.Path, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(whole, path)
    before = contents(path.parent)
    later = _config.now() + 2 * 86_400_000
    monkeypatch.setattr(_config, "now", lambda: later)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert await samples.keys(cache, next(sample for sample in SAMPLES if sample.table == "messages")) == []
        assert await cache.iter_messages().len() == 0
        with pytest.raises(sake_lite.EntryNotFound):
            await cache.get_message(thousands(1))
        assert (await cache.check()).rows["messages"] == 3
    assert contents(path.parent) == before
