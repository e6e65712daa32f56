"""A disk that is full, or fails, or may not be written: who is told, what waits, what is lost, and what is in the file.

The disks are as real as can be had: one that is full, a size that the system lets no file exceed, and SQLite's own
limit of a file's pages, which can be had everywhere. Only what cannot be caused is raised in SQLite's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import typing

import hikari
import pytest
import samples
from conftest import check_file
from processes import AS_NOBODY
from samples import GUILD

import sake_lite
from sake_lite import BackendError, _writer
from sake_lite._session import Session

if typing.TYPE_CHECKING:
    import collections.abc


class _Disk:
    """Where a cache's file is, and no more than that may be written."""

    reason: str
    """What is said of it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    async def fill(self, cache: sake_lite.SQLiteCache) -> None:
        raise NotImplementedError

    async def free(self, cache: sake_lite.SQLiteCache) -> None:
        raise NotImplementedError


class _FewPages(_Disk):
    """SQLite may not make the file larger than it is."""

    reason = "no room is left to write to"

    async def fill(self, cache: sake_lite.SQLiteCache) -> None:
        await self._limit(cache, 1)

    async def free(self, cache: sake_lite.SQLiteCache) -> None:
        await self._limit(cache, 2**30)

    async def _limit(self, cache: sake_lite.SQLiteCache, pages: int) -> None:
        await _session(cache)._writing.run(lambda raw: raw.execute(f"PRAGMA max_page_count = {pages}").fetchall())  # pyright: ignore[reportPrivateUsage]


class _SmallDisk(_Disk):
    """A small file system, which another file fills."""

    reason = "no room is left to write to"

    def fill_now(self) -> None:
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (1_000_000, 4_096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass
        assert os.statvfs(self.path.parent).f_bfree == 0

    def free_now(self) -> None:
        self._ballast.unlink(missing_ok=True)

    async def fill(self, cache: sake_lite.SQLiteCache) -> None:
        self.fill_now()

    async def free(self, cache: sake_lite.SQLiteCache) -> None:
        self.free_now()

    @property
    def _ballast(self) -> pathlib.Path:
        return self.path.with_name("ballast")


class _LimitedFiles(_Disk):
    """The system lets this process make no file larger than the log is: writing fails, for no want of room."""

    reason = "the system failed to read or write"

    async def fill(self, cache: sake_lite.SQLiteCache) -> None:
        self._limit(self.path.with_name(f"{self.path.name}-wal").stat().st_size)

    async def free(self, cache: sake_lite.SQLiteCache) -> None:
        self._limit(None)

    def _limit(self, size: int | None) -> None:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


@contextlib.contextmanager
def _small_disk(folder: pathlib.Path) -> collections.abc.Generator[_SmallDisk]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        refusal = mounted.stderr.strip() if mounted.returncode else ""
    except OSError as error:
        refusal = str(error)
    if refusal:
        pytest.skip(f"no file system can be mounted here ({refusal}); the other disks show the same")
    try:
        yield _SmallDisk(folder / "bot.db")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(params=["few pages", "small disk", "limited files"])
def disk(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> collections.abc.Iterator[_Disk]:
    match request.param:
        case "small disk":
            with _small_disk(tmp_path / "disk") as small:
                yield small
        case "limited files":
            if os.name != "posix":
                pytest.skip("limits of a process are POSIX's; the other disks show the same")
            limited = _LimitedFiles(tmp_path / "bot.db")
            yield limited
            limited._limit(None)  # pyright: ignore[reportPrivateUsage]
        case _:
            yield _FewPages(tmp_path / "bot.db")


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> collections.abc.Iterator[_SmallDisk]:
    with _small_disk(tmp_path / "disk") as small:
        yield small


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again soon, so that the tests take no longer than they must."""
    monkeypatch.setattr(_writer, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(_writer, "_LONGEST_PAUSE", 0.05)


@contextlib.asynccontextmanager
async def _cache(path: pathlib.Path, **settings: typing.Any) -> collections.abc.AsyncGenerator[sake_lite.SQLiteCache]:
    """An open cache, in whose gateway session nothing was missed."""
    async with sake_lite.SQLiteCache(path, **settings) as cache:
        await _dispatch(cache, "READY", {"user": samples.me(1)})
        await cache.flush()
        yield cache


def _session(cache: sake_lite.SQLiteCache) -> Session:
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    return session


class _Shard:
    id = 0
    shard_count = 1
    intents = hikari.Intents.ALL


_BOT: typing.Final = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)


async def _dispatch(cache: sake_lite.SQLiteCache, name: str, payload: samples.Payload) -> None:
    """Give the cache an event as hikari does, without waiting for it to be written."""
    shard = typing.cast("hikari.api.GatewayShard", _Shard())
    event = hikari.ShardPayloadEvent(app=_BOT, shard=shard, payload=payload, name=name)
    await cache._on_shard_payload(event)  # pyright: ignore[reportPrivateUsage]


async def _until(condition: collections.abc.Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def _written(cache: sake_lite.SQLiteCache) -> None:
    await _until(lambda: cache.stats().queued_batches == 0 and cache.stats().last_error is None)


def _large(number: int) -> samples.Payload:
    return samples.role(number, name=f"{number} " + "x" * 50_000)


async def _dispatch_role(cache: sake_lite.SQLiteCache, role: samples.Payload) -> None:
    await _dispatch(cache, "GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": role})


def _whole_guild(number: int, members: int) -> samples.Payload:
    roles = [samples.role(number * 1_000 + n) for n in range(5)]
    channels = [samples.channel(number * 1_000 + n, number) for n in range(5)]
    listed = [samples.member(n + 1, nick="x" * 2_000) for n in range(members)]
    return samples.guild_create(number, roles=roles, channels=channels, members=listed, member_count=members)


def _column(path: pathlib.Path, sql: str) -> list[int]:
    """Return what SQLite alone finds in the file, as any other program would."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as other:
        return [value for (value,) in other.execute(sql).fetchall()]


def _roles(path: pathlib.Path) -> list[int]:
    return _column(path, "SELECT role_id FROM roles ORDER BY role_id")


def _counts(path: pathlib.Path, guild_id: int) -> list[int]:
    """Return how many rows a guild has in each table."""
    tables = ("guilds", "guild_channels", "roles", "members", "complete_member_lists")
    return [*(_column(path, f"SELECT count(*) FROM {name} WHERE guild_id = {guild_id}")[0] for name in tables)]


async def _write_until_it_fails(cache: sake_lite.SQLiteCache) -> tuple[list[int], BackendError]:
    """Return what was acknowledged, and what then was not."""
    acknowledged: list[int] = []
    for number in range(1_000, 1_500):
        try:
            await cache.set_role(GUILD, _large(number))
        except BackendError as error:
            return acknowledged, error
        acknowledged.append(number)
    pytest.fail("the disk is large")


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, but for numbers and reasons."""
    told = ["nothing can be written", "oldest events are dropped", "can be written again", "lost at closing"]
    return [next((each for each in told if each in record.message), record.message) for record in caplog.records]


async def test_what_is_acknowledged_is_there_and_what_waits_is_written_once_there_is_room(
    disk: _Disk, caplog: pytest.LogCaptureFixture
) -> None:
    async with _cache(disk.path) as cache:
        await cache.ingest("GUILD_CREATE", _whole_guild(GUILD, 3))
        caplog.set_level(logging.WARNING, "hikari.sake_lite")
        caplog.clear()
        before = _roles(disk.path)
        await disk.fill(cache)
        acknowledged, error = await _write_until_it_fails(cache)
        assert error.message.startswith(f"{disk.reason} {disk.path}")
        assert isinstance(error.base_exception, sqlite3.OperationalError)
        assert str(error.base_exception) in error.message

        for number in range(10):
            await _dispatch_role(cache, _large(2_000 + number))
            await _dispatch(cache, "GUILD_MEMBER_ADD", samples.member(100 + number, guild_id=str(GUILD)))
            for write in (
                cache.set_role(GUILD, _large(3_000 + number)),
                cache.ingest("GUILD_CREATE", _whole_guild(7, 500)),
            ):
                with pytest.raises(BackendError, match=disk.reason):
                    await write
        assert _roles(disk.path) == [*acknowledged, *before] == [role.id async for role in cache.iter_roles()]
        assert (await cache.get_guild(GUILD)).member_count == 3, "reads go on, from what is committed"
        assert cache.stats().queued_batches == 20 + 10, "and that each GUILD_CREATE is lost, in its place"
        assert cache.stats().last_error == error.message or disk.reason in str(cache.stats().last_error)

        await disk.free(cache)
        await _written(cache)
        waited = [*range(2_000, 2_010)]
        assert _roles(disk.path) == [*acknowledged, *waited, *before] == [role.id async for role in cache.iter_roles()]
        assert (await cache.get_guild(GUILD)).member_count == 13, "each event counts once, however often it was tried"
        await cache.set_role(GUILD, _large(4_000))
        assert (cache.stats().failures, cache.stats().dropped_rows) == (21, 0)
        assert _said(caplog) == ["nothing can be written", "can be written again"]
    check_file(disk.path)


async def test_nothing_of_a_large_event_is_there_until_all_of_it_is(disk: _Disk) -> None:
    async with _cache(disk.path) as cache:
        await cache.ingest("GUILD_CREATE", _whole_guild(GUILD, 20))
        await cache.ingest("GUILD_CREATE", _whole_guild(7, 2))
        await disk.fill(cache)
        # The first one is there already, and is to be replaced.
        for guild in (GUILD, 8):
            await _dispatch(cache, "GUILD_CREATE", _whole_guild(guild, 1_000))
        await _dispatch(cache, "GUILD_DELETE", {"id": "7"})
        await _until(lambda: cache.stats().last_error is not None)
        with pytest.raises(BackendError, match=disk.reason):
            await cache.ingest("GUILD_CREATE", _whole_guild(9, 1_000))
        assert _counts(disk.path, GUILD) == [1, 5, 5, 20, 1]
        assert _counts(disk.path, 7) == [1, 5, 5, 2, 1]
        assert _counts(disk.path, 8) == _counts(disk.path, 9) == [0, 0, 0, 0, 0]
        assert await cache.iter_members().len() == 22

        await disk.free(cache)
        await _written(cache)
        assert _counts(disk.path, GUILD) == _counts(disk.path, 8) == [1, 5, 5, 1_000, 1]
        assert _counts(disk.path, 7) == _counts(disk.path, 9) == [0, 0, 0, 0, 0]
    check_file(disk.path)


async def test_each_time_without_room_is_told_of_once_and_the_oldest_events_go(
    disk: _Disk, caplog: pytest.LogCaptureFixture
) -> None:
    async with _cache(disk.path, max_pending_rows=20) as cache:
        await cache.ingest("GUILD_CREATE", _whole_guild(GUILD, 1))
        caplog.set_level(logging.WARNING, "hikari.sake_lite")
        caplog.clear()
        acknowledged: list[int] = []
        for time, dropped in ((1, 80), (2, 160)):
            await disk.fill(cache)
            written, _ = await _write_until_it_fails(cache)
            acknowledged += written
            for number in range(100):
                await _dispatch_role(cache, _large(time * 10_000 + number))
                with contextlib.suppress(BackendError):
                    # A hundred attempts, and as many faults.
                    await cache.flush()
            assert cache.stats().last_error is not None
            stats = cache.stats()
            assert (stats.queued_rows, stats.dropped_rows) == (20, dropped)
            await disk.free(cache)
            await _written(cache)
            late = [role for role in _roles(disk.path) if role // 10_000 == time]
            assert late == [*range(time * 10_000 + 80, time * 10_000 + 100)], "the newest, in order"
            for number in late:  # so that the disk is as it was
                await cache.delete_role(number)
            assert [role for role in _roles(disk.path) if 1_000 <= role < 2_000] == sorted(set(acknowledged))

    told = _said(caplog)
    assert told.count("nothing can be written") == told.count("can be written again") == 2
    assert told.count("oldest events are dropped") >= 1
    assert len(told) <= 6, "not once for each event"
    check_file(disk.path)


async def test_what_could_not_be_written_is_never_read(disk: _Disk) -> None:
    """Not what waits either, though it was handed over before."""
    async with _cache(disk.path) as cache:
        for number in (1, 2, 3):
            await cache.set_role(GUILD, samples.role(number, name="old"))
        await disk.fill(cache)
        await _write_until_it_fails(cache)
        for _ in range(3):
            assert (await cache.get_role(1)).name == "old"  # from memory, the second time
            with pytest.raises(BackendError):
                await cache.set_role(GUILD, _large(1))
            with pytest.raises(BackendError):
                await asyncio.gather(cache.delete_role(2), cache.set_role(GUILD, _large(5)))
            await _dispatch_role(cache, _large(3))
            names = [(await cache.get_role(number)).name for number in (1, 2, 3)]
            assert names == ["old"] * 3 == [role.name async for role in cache.iter_roles() if role.id <= 3]
            with pytest.raises(sake_lite.EntryNotFound):
                await cache.get_role(5)
        await disk.free(cache)
        await cache.flush()
        names = [(await cache.get_role(number)).name[:3] for number in (1, 2, 3)]
        assert names == ["old", "old", "3 x"]
    check_file(disk.path)


async def test_closing_while_the_disk_is_full_loses_nothing_that_was_acknowledged(
    small_disk: _SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """The log cannot be folded in; it stays, and the next opening finds all in it."""
    cache = sake_lite.SQLiteCache(small_disk.path, busy_timeout=0.2)
    await cache.open()
    small_disk.fill_now()
    acknowledged, _ = await _write_until_it_fails(cache)
    small_disk.free_now()
    await cache.set_role(GUILD, _large(1))
    small_disk.fill_now()
    await _dispatch_role(cache, _large(2))
    with caplog.at_level(logging.ERROR, "hikari.sake_lite"):
        async with asyncio.timeout(10):
            await cache.close()
    there = [1, *acknowledged]
    if "lost at closing" in caplog.text:
        assert "1 rows are lost at closing: no room is left" in caplog.text
    else:
        there.insert(1, 2)
    small_disk.free_now()
    assert _roles(small_disk.path) == there
    async with cache:
        await cache.set_role(GUILD, samples.role(3))
        assert {role.id async for role in cache.iter_roles()} == {*there, 3}
    check_file(small_disk.path)


async def test_opening_while_the_disk_is_full_says_so_and_leaves_nothing_in_the_way(small_disk: _SmallDisk) -> None:
    cache = sake_lite.SQLiteCache(small_disk.path)
    small_disk.fill_now()
    for _ in range(2):
        with pytest.raises(BackendError, match=str(small_disk.path)) as caught:
            await cache.open()
        assert "no room is left" in caught.value.message or "the system failed to read or write" in caught.value.message
        assert not cache.is_alive
    small_disk.free_now()
    async with cache:
        await cache.set_role(GUILD, samples.role(1))
    check_file(small_disk.path)


async def test_opening_what_a_killed_one_left_while_the_disk_is_full(
    small_disk: _SmallDisk, path: pathlib.Path
) -> None:
    async with sake_lite.SQLiteCache(path) as killed:
        for number in range(1, 21):
            await killed.set_role(GUILD, _large(number))
        for name in ("bot.db", "bot.db-wal"):  # all that is left once the machine was started anew
            shutil.copyfile(path.with_name(name), small_disk.path.with_name(name))
    small_disk.fill_now()
    cache = sake_lite.SQLiteCache(small_disk.path)
    with pytest.raises(BackendError, match=str(small_disk.path)):
        await cache.open()
    small_disk.free_now()
    assert _roles(small_disk.path) == [*range(1, 21)]
    async with cache:
        await cache.set_role(GUILD, samples.role(21))
        assert await cache.iter_roles().len() == 21
    check_file(small_disk.path)


async def test_housekeeping_is_put_off_and_goes_on(disk: _Disk) -> None:
    async with _cache(disk.path) as cache:
        for number in range(1, 51):
            await cache.set_user(samples.user(number, username="x" * 5_000), expire_time=0)
        await disk.fill(cache)
        await _write_until_it_fails(cache)
        await _dispatch_role(cache, _large(1))
        await _until(lambda: cache.stats().last_error is not None)
        # Deleting needs room, too, unless it happens to fit into what the log has left.
        with contextlib.suppress(BackendError):
            await _session(cache).housekeeping.tidy()
        await disk.free(cache)
        await cache.flush()
        await _session(cache).housekeeping.tidy()
        assert _column(disk.path, "SELECT count(*) FROM users") == [0]
    check_file(disk.path)


# Faults that cannot be caused.


class _Faulty:
    """A connection that fails at a statement as SQLite does, which may have rolled back by itself then."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.faults: dict[str, int] = {}
        self.is_rolling_back = False
        self.raised = 0
        self._raw = raw

    @classmethod
    def beneath(cls, cache: sake_lite.SQLiteCache) -> _Faulty:
        connection: typing.Any = _session(cache)._writing._connection  # pyright: ignore[reportPrivateUsage]
        connection._connection = cls(connection._connection)
        return connection._connection

    def execute(self, sql: str, *parameters: typing.Any) -> sqlite3.Cursor:
        for start, code in self.faults.items():
            if sql.startswith(start):
                self.raised += 1
                if self.is_rolling_back:
                    self._raw.execute("ROLLBACK")
                error = sqlite3.OperationalError("it was on purpose")
                error.sqlite_errorcode = code
                raise error
        return self._raw.execute(sql, *parameters)

    def __getattr__(self, name: str) -> typing.Any:
        return getattr(self._raw, name)


_FAULTS = {
    sqlite3.SQLITE_IOERR_WRITE: "the system failed to read or write",
    sqlite3.SQLITE_IOERR_FSYNC: "the system failed to read or write",
    sqlite3.SQLITE_FULL: "no room is left to write to",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_READONLY_DBMOVED: "cannot be written",
}


@pytest.mark.parametrize("code", _FAULTS)
@pytest.mark.parametrize(
    ("statement", "is_rolling_back"),
    [
        ("BEGIN", False),
        ("INSERT INTO members", False),
        ("INSERT INTO members", True),
        ("COMMIT", False),
        ("COMMIT", True),
    ],
)
async def test_a_fault_at_any_statement_of_a_group_undoes_all_of_it(
    statement: str, is_rolling_back: bool, code: int, path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with _cache(path) as cache:
        await cache.ingest("GUILD_CREATE", _whole_guild(GUILD, 3))
        await cache.ingest("GUILD_CREATE", _whole_guild(7, 1))
        before = [_counts(path, guild) for guild in (GUILD, 7, 8)]
        caplog.set_level(logging.WARNING, "hikari.sake_lite")
        caplog.clear()
        faulty = _Faulty.beneath(cache)
        faulty.faults, faulty.is_rolling_back = {statement: code}, is_rolling_back
        await _dispatch_role(cache, samples.role(1))
        await _dispatch(cache, "GUILD_CREATE", _whole_guild(8, 300))
        await _dispatch(cache, "GUILD_MEMBER_ADD", samples.member(100, guild_id=str(GUILD)))
        writes = [
            cache.set_member(GUILD, samples.member(101)),
            cache.ingest("GUILD_CREATE", _whole_guild(9, 2)),
            cache.delete_guild(7),
            cache.update_message({"id": "1"}),
        ]
        for error in await asyncio.gather(*writes, return_exceptions=True):
            assert isinstance(error, BackendError), error
            assert _FAULTS[code] in error.message
            assert str(path) in error.message
            assert error.base_exception is error.__cause__ or isinstance(error.base_exception, sqlite3.OperationalError)
        assert faulty.raised
        assert [_counts(path, guild) for guild in (GUILD, 7, 8)] == before
        assert (await cache.get_guild(GUILD)).member_count == 3
        assert cache.stats().queued_batches == 3 + 1, "and that the GUILD_CREATE is lost"

        faulty.faults = {}
        await cache.flush()
        assert _counts(path, GUILD) == [1, 5, 6, 4, 1]
        assert _counts(path, 8) == [1, 5, 5, 300, 1]
        assert _counts(path, 7) == [1, 5, 5, 1, 1]
        assert _counts(path, 9) == [0, 0, 0, 0, 0]
        assert (await cache.get_guild(GUILD)).member_count == 4
        assert _said(caplog) == ["nothing can be written", "can be written again"]
        assert (cache.stats().failures, cache.stats().dropped_rows) == (4, 0)
    check_file(path)


async def test_a_rollback_that_fails_as_well_costs_nothing(path: pathlib.Path) -> None:
    """The transaction is still open then, in which nothing can be begun."""
    async with _cache(path) as cache:
        await cache.ingest("GUILD_CREATE", _whole_guild(GUILD, 3))
        faulty = _Faulty.beneath(cache)
        faulty.faults = {"INSERT INTO roles": sqlite3.SQLITE_IOERR_WRITE, "ROLLBACK": sqlite3.SQLITE_NOMEM}
        await _dispatch_role(cache, samples.role(1))
        await _until(lambda: faulty.raised >= 2)
        faulty.faults = {}
        await _until(lambda: cache.stats().queued_batches == 0)
        assert _column(path, "SELECT count(*) FROM roles WHERE role_id = 1") == [1]
        await cache.set_role(GUILD, samples.role(2))
        assert cache.stats().failures == 0
    check_file(path)


async def test_the_newest_event_is_kept_though_the_oldest_are_with_the_file(path: pathlib.Path) -> None:
    """What is being tried at the moment is older than what comes in meanwhile."""
    async with _cache(path, busy_timeout=0.2, max_pending_rows=5) as cache:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(1, 6):
                await _dispatch_role(cache, samples.role(number))
            await _until(lambda: cache.stats().last_error is not None)
            await _until(lambda: bool(_session(cache).writer._writing))  # pyright: ignore[reportPrivateUsage]
            for number in range(6, 11):
                await _dispatch_role(cache, samples.role(number))
            other.execute("ROLLBACK")
        await _written(cache)
        assert {*range(6, 11)} <= {*_roles(path)}
    check_file(path)


# What may not be written. In a process that is nobody, since nothing is forbidden to root.


_FORBIDDEN = f"""
import asyncio, concurrent.futures.thread, json, sys, sake_lite
{AS_NOBODY}

async def use(path, read_only):
    done = []
    try:
        async with sake_lite.SQLiteCache(path, read_only=read_only) as cache:
            done.append("opened")
            done.append(f"read {{await cache.iter_roles().len()}}")
            if not read_only:
                await cache.set_role(1, {{"id": "2"}})
                done.append("written")
    except sake_lite.BackendError as error:
        done.append(error.message)
    return done

async def use_until_forbidden(folder):
    path = os.path.join(folder, "bot.db")
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(1, {{"id": "1"}})
        os.chmod(path, 0o444)
        os.chmod(folder, 0o555)
        await cache.set_role(1, {{"id": "2"}})
        await cache.ingest("GUILD_ROLE_CREATE", {{"guild_id": "1", "role": {{"id": "3"}}}})

async def main():
    folder, *paths = sys.argv[1:]
    await use_until_forbidden(folder)
    print(json.dumps({{path: [await use(path, read_only) for read_only in (False, True)] for path in paths}}))

asyncio.run(main())
"""

# The modes of a folder and of the file in it, what is said of it, and whether it can be read.
_PLACES: typing.Final[dict[str, tuple[int, int | None, str, bool]]] = {
    "no file in a folder": (0o555, None, "Permission denied", False),
    "a file in a folder": (0o555, 0o666, "cannot be written: the file or its folder is read-only", True),
    "a file": (0o777, 0o444, "cannot be written: the file is read-only", True),
    "a file that may not be read either": (0o777, 0o000, "cannot be opened", False),
}


class _Tried(typing.NamedTuple):
    """What became of opening a file, to write and to read."""

    path: pathlib.Path
    says: str
    is_readable: bool
    writing: list[str]
    reading: list[str]


@pytest.fixture(scope="module")
def tried() -> collections.abc.Iterator[dict[str, _Tried]]:
    """What became of opening a file in each place, in one process for all of them."""
    with tempfile.TemporaryDirectory() as name:  # everybody may look into what is above it, unlike pytest's own
        pathlib.Path(name).chmod(0o755)
        paths = {place: pathlib.Path(name, str(number), "bot.db") for number, place in enumerate(_PLACES)}
        for path, (folder_mode, file_mode, _, _) in zip(paths.values(), _PLACES.values(), strict=True):
            path.parent.mkdir()
            if file_mode is not None:
                asyncio.run(_store_role(path))
                path.chmod(file_mode)
            path.parent.chmod(folder_mode)
        free = pathlib.Path(name, "free")
        free.mkdir()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.chown(free, 65534, 65534)
        command = [sys.executable, "-c", _FORBIDDEN, str(free), *map(str, paths.values())]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert ran.returncode == 0, ran.stderr
        results = json.loads(ran.stdout)
        free.chmod(0o755)
        while_open = _Tried(free / "bot.db", "", is_readable=True, writing=[], reading=[])
        yield {"while it was open": while_open} | {
            place: _Tried(path, *_PLACES[place][2:], *results[str(path)]) for place, path in paths.items()
        }
        for path in paths.values():
            path.parent.chmod(0o755)


async def _store_role(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
@pytest.mark.parametrize("place", _PLACES)
def test_what_may_not_be_written_is_said_at_opening(place: str, tried: dict[str, _Tried]) -> None:
    it = tried[place]
    (message,) = it.writing
    assert str(it.path) in message
    assert it.says in message


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
@pytest.mark.parametrize("place", _PLACES)
def test_what_may_not_be_written_is_left_as_it_was_and_can_be_read(place: str, tried: dict[str, _Tried]) -> None:
    it = tried[place]
    if it.is_readable:
        assert it.reading == ["opened", "read 1"]
    else:
        (message,) = it.reading
        assert str(it.path) in message
    assert "written" not in it.writing
    is_there = _PLACES[place][1] is not None
    assert [file.name for file in it.path.parent.iterdir()] == ["bot.db"] * is_there
    if is_there:
        assert _roles(it.path) == [1]


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
async def test_what_may_not_be_written_any_more_after_it_was_opened(tried: dict[str, _Tried]) -> None:
    """What is open stays open: all is written, and none of it is lost though the log cannot be removed."""
    path = tried["while it was open"].path
    assert _roles(path) == [1, 2, 3]
    path.chmod(0o600)
    async with sake_lite.SQLiteCache(path) as cache:
        assert await cache.iter_roles().len() == 3
    check_file(path)
