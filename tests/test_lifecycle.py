"""Opening and closing: again and again, at once, in other event loops, and by a bot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pathlib
import sqlite3
import stat
import subprocess
import sys
import textwrap
import typing
import warnings

import hikari
import pytest
import samples
from conftest import check_file
from samples import GUILD

import sake_lite
from sake_lite import ClosedClient, _file, _housekeeping
from sake_lite._connection import Connection
from sake_lite._session import Session

if typing.TYPE_CHECKING:
    import collections.abc

TOKEN = "MTAw.loop.back"


def _bot(**settings: typing.Any) -> hikari.GatewayBot:
    settings = {
        "intents": hikari.Intents.ALL,
        "banner": None,
        "logs": None,
        "suppress_optimization_warning": True,
        **settings,
    }
    return hikari.GatewayBot(TOKEN, **settings)


async def test_opening_and_closing_again(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    assert not cache.is_alive
    await cache.close()
    for number in range(1, 4):
        await cache.open()
        await cache.open()
        assert cache.is_alive
        await cache.set_role(GUILD, samples.role(number))
        await cache.close()
        await cache.close()
        assert not cache.is_alive
        check_file(path)

    async with cache:
        assert await cache.iter_roles().len() == 3


async def test_opening_and_closing_at_once(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    for _ in range(10):
        await asyncio.gather(cache.open(), cache.open(), cache.open())
        assert cache.is_alive
        await asyncio.gather(cache.close(), cache.close(), cache.close())
        assert not cache.is_alive
        await asyncio.gather(cache.open(), cache.close(), cache.open())
        await cache.set_role(GUILD, samples.role(1))
        await cache.close()

    check_file(path)


async def test_a_cancelled_opening(path: pathlib.Path) -> None:
    for turns in range(12):
        cache = sake_lite.SQLiteCache(path)
        opening = asyncio.ensure_future(cache.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await cache.open()
        await cache.set_role(GUILD, samples.role(1))
        await cache.close()

    check_file(path)


async def test_closing_writes_what_is_queued(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    writes = [asyncio.ensure_future(cache.set_role(GUILD, samples.role(number))) for number in range(1, 501)]
    await asyncio.sleep(0)
    await cache.close()
    await asyncio.gather(*writes)
    check_file(path)
    async with cache:
        assert await cache.iter_roles().len() == 500


async def test_closing_while_reads_are_under_way(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    for turns in range(12):
        await cache.open()
        await cache.set_role(GUILD, samples.role(1))
        reads = [asyncio.ensure_future(cache.get_role(1)) for _ in range(20)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await cache.close()
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(result, (hikari.Role, ClosedClient)) for result in results), results

    check_file(path)


async def test_an_iterator_of_a_cache_that_was_closed(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
        iterator = cache.iter_roles()
    with pytest.raises(ClosedClient):
        await anext(iterator)
    with pytest.raises(ClosedClient):
        await iterator.len()


def test_each_event_loop_works(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)

    async def use(number: int) -> int:
        async with cache:
            await cache.set_role(GUILD, samples.role(number))
            return await cache.iter_roles().len()

    assert [asyncio.run(use(number)) for number in (1, 2, 3)] == [1, 2, 3]
    check_file(path)


def test_a_loop_that_ended_without_closing(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)

    async def forget() -> None:
        await cache.open()
        await cache.set_role(GUILD, samples.role(1))

    async def go_on() -> int:
        with pytest.raises(ClosedClient):
            await cache.get_role(1)
        async with cache:
            await cache.set_role(GUILD, samples.role(2))
            return await cache.iter_roles().len()

    asyncio.run(forget())
    assert not cache.is_alive
    assert asyncio.run(go_on()) == 2
    check_file(path)


def test_a_cache_belongs_to_its_event_loop(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    first = asyncio.new_event_loop()
    first.run_until_complete(cache.open())

    async def use() -> None:
        for call in (
            cache.get_role(1),
            cache.set_role(GUILD, samples.role(1)),
            cache.open(),
            cache.close(),
            cache.flush(),
        ):
            with pytest.raises(ClosedClient, match="another event loop"):
                await call

    asyncio.run(use())
    first.run_until_complete(cache.close())
    first.close()
    check_file(path)


def test_closing_in_finally_when_everything_is_cancelled(path: pathlib.Path) -> None:
    """`asyncio.run` cancels all tasks at its end, the writer's too; what was queued is written all the same."""
    cache = sake_lite.SQLiteCache(path)

    async def work(is_open: asyncio.Event) -> None:
        await cache.open()
        is_open.set()
        try:
            await asyncio.Event().wait()
        finally:
            writes = [asyncio.ensure_future(cache.set_role(GUILD, samples.role(number))) for number in range(1, 301)]
            await asyncio.sleep(0)
            await cache.close()
            await asyncio.gather(*writes)

    async def main() -> None:
        is_open = asyncio.Event()
        worker = asyncio.ensure_future(work(is_open))
        await is_open.wait()
        assert not worker.done()

    asyncio.run(main())
    check_file(path)

    async def count() -> int:
        async with cache:
            return await cache.iter_roles().len()

    assert asyncio.run(count()) == 300


@pytest.mark.parametrize(
    "end", ["pass", "raise RuntimeError('on purpose')", "raise SystemExit(3)", "raise KeyboardInterrupt"]
)
def test_a_program_that_forgets_to_close_ends(end: str, path: pathlib.Path) -> None:
    program = f"""
        import asyncio, sake_lite
        cache = sake_lite.SQLiteCache({str(path)!r})

        async def main():
            await cache.open()
            await cache.ingest("GUILD_ROLE_CREATE", {{"guild_id": "1", "role": {{"id": "2"}}}})
            {end}

        asyncio.run(main())
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], timeout=20, capture_output=True, check=False
    )
    assert (ended.returncode == 0) == (end == "pass"), ended.stderr

    async def count() -> int:
        async with sake_lite.SQLiteCache(path) as cache:
            return await cache.iter_roles().len()

    assert asyncio.run(count()) == 1, "what was acknowledged is there"
    check_file(path)


async def test_the_bot_opens_and_closes_it(path: pathlib.Path) -> None:
    bot = _bot()
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    assert cache.app is bot
    assert cache.event_manager is bot.event_manager
    await bot.event_manager.dispatch(hikari.StartingEvent(app=bot), return_tasks=True)
    assert cache.is_alive
    await bot.event_manager.dispatch(hikari.StoppingEvent(app=bot), return_tasks=True)
    assert cache.is_alive, "shards still deliver"
    await bot.event_manager.dispatch(hikari.StoppedEvent(app=bot), return_tasks=True)
    assert not cache.is_alive
    check_file(path)


async def test_a_closed_cache_listens_to_nothing(path: pathlib.Path) -> None:
    bot = _bot()
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
    async with cache:
        assert len(bot.event_manager.get_listeners(hikari.ShardPayloadEvent)) == 1
    assert len(bot.event_manager.get_listeners(hikari.ShardPayloadEvent)) == 0


def test_event_managed_needs_an_event_manager(path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="event_manager"):
        sake_lite.SQLiteCache(path, event_managed=True)


def test_missing_intents_are_warned_of(path: pathlib.Path) -> None:
    bot = _bot(intents=hikari.Intents.GUILDS)
    with pytest.warns(hikari.MissingIntentWarning) as warned:
        sake_lite.SQLiteCache(path, bot, bot.event_manager)
    tables = {str(warning.message).split()[0] for warning in warned}
    assert tables == {"emojis", "invites", "members", "messages", "presences", "stickers", "voice_states"}
    assert {warning.filename for warning in warned} == {__file__}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sake_lite.SQLiteCache(path, bot)  # nothing fills it, so nothing is missing
        full = _bot(intents=sake_lite.SQLiteCache.all_intents())
        sake_lite.SQLiteCache(path, full, full.event_manager)


@pytest.mark.parametrize(
    "name", ["plain.db", "with space.db", "what?.db", "100%.db", "a#b.db", "%41.db", "ünïcödé 🍶.db"]
)
async def test_paths_name_the_file_that_they_name(name: str, tmp_path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(str(tmp_path / name)) as cache:
        await cache.set_role(GUILD, samples.role(1))
    assert [file.name for file in tmp_path.iterdir()] == [name]
    check_file(tmp_path / name)


async def test_a_relative_path_is_that_of_the_beginning(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = sake_lite.SQLiteCache("bot.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with cache:
        assert repr(str(tmp_path / "bot.db")) in repr(cache)
    check_file(tmp_path / "bot.db")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
async def test_the_file_is_private(path: pathlib.Path) -> None:
    previous = os.umask(0)
    try:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_role(GUILD, samples.role(1))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(previous)
    assert modes == {"bot.db": 0o600, "bot.db-wal": 0o600, "bot.db-shm": 0o600}

    path.chmod(0o640)
    async with sake_lite.SQLiteCache(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o640, "an existing file's mode is left alone"


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_is_no_file(path: str) -> None:
    with pytest.raises(ValueError, match="a cache needs a file"):
        sake_lite.SQLiteCache(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"user_expire": -1},
        {"message_limit": -1},
        {"message_limit": 2**70},
        {"message_limit": True},
        {"busy_timeout": 1e10},
        {"busy_timeout": -1},
        {"busy_timeout": float("nan")},
        {"max_pending_rows": -1},
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense(settings: dict[str, typing.Any], path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"negative|busy_timeout|whole number"):
        sake_lite.SQLiteCache(path, **settings)


async def test_a_choice_of_resources(path: pathlib.Path) -> None:
    class Mine(sake_lite.resources.MemberCache, sake_lite.resources.UserCache):
        __slots__ = ()

    assert Mine.all_intents() == hikari.Intents.GUILDS | hikari.Intents.GUILD_MEMBERS
    async with Mine(path) as cache:
        payload = samples.guild_create(members=[samples.member()], roles=[samples.role(1)])
        await cache.ingest("GUILD_CREATE", payload)
        await cache.ingest("MESSAGE_CREATE", samples.message(1, author=5))
        assert (await cache.get_member(GUILD, samples.USER)).id == samples.USER
        assert [user.id async for user in cache.iter_users()] == [5, samples.USER]
        await cache.ingest("GUILD_DELETE", {"id": str(GUILD)})
        assert await cache.iter_members().len() == 0

    async with sake_lite.SQLiteCache(path) as whole:
        assert await whole.iter_roles().len() == 0
        assert await whole.iter_users().len() == 2
    check_file(path)


async def test_a_single_resource(path: pathlib.Path) -> None:
    async with sake_lite.resources.UserCache(path) as cache:
        await cache.set_user(samples.user())
        assert (await cache.get_user(samples.USER)).id == samples.USER
    check_file(path)


async def test_without_a_bot_the_network_says_so(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_user(samples.user())
    user = await cache.get_user(samples.USER)
    assert isinstance(user.app, hikari.RESTAware)
    with pytest.raises(hikari.ComponentStateConflictError, match="without a bot"):
        await user.fetch_self()


async def test_a_rest_client_is_an_app(path: pathlib.Path) -> None:
    rest = _bot().rest
    async with sake_lite.SQLiteCache(path, rest) as cache:
        await cache.set_user(samples.user())
        user = await cache.get_user(samples.USER)
        assert isinstance(user.app, hikari.RESTAware)
        assert user.app.rest is rest


def test_using_and_closing_in_finally_when_everything_is_cancelled(path: pathlib.Path) -> None:
    """The writer's task is cancelled like all others; what is asked for after that is done all the same."""
    cache = sake_lite.SQLiteCache(path)

    async def work(is_open: asyncio.Event) -> None:
        await cache.open()
        is_open.set()
        try:
            await asyncio.Event().wait()
        finally:
            await cache.set_role(GUILD, samples.role(1))
            assert (await cache.get_role(1)).id == 1
            await cache.close()

    async def main() -> None:
        is_open = asyncio.Event()
        worker = asyncio.ensure_future(work(is_open))
        await is_open.wait()
        assert not worker.done()

    asyncio.run(main())
    check_file(path)


async def test_a_cancelled_with_block_leaves_nothing_open(path: pathlib.Path) -> None:
    async def use(cache: sake_lite.SQLiteCache) -> None:
        async with cache:
            await asyncio.Event().wait()

    for turns in range(15):
        cache = sake_lite.SQLiteCache(path)
        using = asyncio.ensure_future(use(cache))
        for _ in range(turns):
            await asyncio.sleep(0)
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        assert not cache.is_alive

    check_file(path)


async def test_a_bot_that_starts_without_its_file(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    bot = _bot()
    path = tmp_path / "missing" / "bot.db"
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    with caplog.at_level(logging.ERROR, "hikari.sake_lite"):
        await bot.event_manager.dispatch(hikari.StartingEvent(app=bot), return_tasks=True)
    assert "the bot starts without its cache" in caplog.text
    with pytest.raises(ClosedClient, match=r"could not be opened when the bot started: .*create it first") as caught:
        await cache.get_me()
    assert isinstance(caught.value.base_exception, sake_lite.BackendError)

    path.parent.mkdir()
    async with cache:
        await cache.set_me(samples.me())
    with pytest.raises(ClosedClient, match="the cache is not open"):
        await cache.get_me()
    check_file(path)


@pytest.mark.parametrize("app", ["a token", 5, object()])
def test_an_app_that_is_none(app: typing.Any, path: pathlib.Path) -> None:
    with pytest.raises(TypeError, match="app must be a bot"):
        sake_lite.SQLiteCache(path, app)
    with pytest.raises(TypeError, match="app must be a bot"):
        sake_lite.SQLiteCache(path, typing.cast("typing.Any", _bot().event_manager))


def _session(cache: sake_lite.SQLiteCache) -> typing.Any:
    session = cache._session  # pyright: ignore[reportPrivateUsage]
    assert isinstance(session, Session)
    return session


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"], ids=["file", "log", "index of the log"])
async def test_nothing_is_written_to_what_nobody_would_find(
    suffix: str,
    is_replaced: bool,
    cache: sake_lite.SQLiteCache,
    path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is acknowledged is in the file that the path names, so as long as it names another, nothing is."""

    def denied(_: pathlib.Path) -> typing.NoReturn:
        raise PermissionError(13, "Permission denied")

    await cache.set_role(GUILD, samples.role(1))
    part = path.with_name(path.name + suffix)
    away = path.with_name("away")
    part.rename(away)
    if is_replaced:
        part.write_bytes(b"")
    for _ in range(2):
        await _session(cache).look_for_file()
        with pytest.raises(sake_lite.BackendError, match=r"bot\.db.* was deleted or replaced; close the cache"):
            await cache.set_role(GUILD, samples.role(2))
    with monkeypatch.context() as patch:
        patch.setattr(_file, "identities", denied)
        await _session(cache).look_for_file()
    with pytest.raises(sake_lite.BackendError, match="was deleted or replaced"):
        await cache.flush()
    assert (await cache.get_role(1)).id == 1

    away.replace(part)
    await _session(cache).look_for_file()
    await cache.set_role(GUILD, samples.role(3))
    assert [role.id async for role in cache.iter_roles()] == [1, 3]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR", "WARNING"]


async def test_a_file_that_the_system_will_not_tell_of_counts_as_there(
    cache: sake_lite.SQLiteCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: pathlib.Path) -> typing.NoReturn:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(_file, "identities", denied)
        await _session(cache).look_for_file()
    await cache.set_role(GUILD, samples.role(1))
    assert (await cache.get_role(1)).id == 1


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["fails", "is cancelled"])
async def test_the_log_is_folded_in_though_closing_the_reading_connection(
    is_cancelled: bool, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    await cache.set_role(GUILD, samples.role(1))
    session = _session(cache)
    reading: Connection = session._reading
    is_reached = asyncio.Event()
    close = Connection.close

    async def close_or_not(connection: Connection) -> None:
        await close(connection)
        if connection is reading:
            is_reached.set()
            if not is_cancelled:
                raise RuntimeError("on purpose")
            await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", close_or_not)
        closing = asyncio.ensure_future(session.close())
        await is_reached.wait()
        if is_cancelled:
            closing.cancel()
        with pytest.raises(asyncio.CancelledError if is_cancelled else RuntimeError):
            await closing
    check_file(path)


async def test_without_housekeeping_nothing_is_removed(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what has expired nor messages beyond the limit, and the next one who keeps house removes them."""
    looked = 0
    look_for_file = Session.look_for_file

    async def look(session: Session) -> None:
        nonlocal looked
        looked += 1
        await look_for_file(session)

    async def until(condition: collections.abc.Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    def count(table: str) -> int:
        with contextlib.closing(sqlite3.connect(path)) as other:
            ((rows,),) = other.execute(f"SELECT count(*) FROM {table}").fetchall()
        return rows

    monkeypatch.setattr(_housekeeping, "_INTERVAL", 0.001)
    monkeypatch.setattr(Session, "look_for_file", look)
    async with sake_lite.SQLiteCache(path, housekeeping=False, message_limit=2) as cache:
        for number in range(1, 6):
            await cache.set_message(samples.message(number))
        await cache.set_user(samples.user(7), expire_time=0)
        first = looked
        await until(lambda: looked > first + 3)  # three whole rounds
        assert (count("messages"), count("users")) == (5, 2)
        assert [message.id async for message in cache.iter_messages()] == [1, 2, 3, 4, 5]
    check_file(path)
    async with sake_lite.SQLiteCache(path, message_limit=2):
        await until(lambda: (count("messages"), count("users")) == (2, 1))
    check_file(path)


async def test_a_read_that_fails_since_somebody_has_begun_to_write_says_so(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without locks, what is half written looks like damage, about which nothing should be done."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 101):
            await cache.set_role(GUILD, samples.role(number, name="x" * 1_000))
    monkeypatch.setattr(_file, "_may_write", _no)
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert (await cache.get_role(1)).id == 1
        os.truncate(path, 8192)  # what is to be read next is not there now
        for read in (cache.get_role(90), anext(cache.iter_roles()), cache.iter_roles().len()):
            with pytest.raises(sake_lite.BackendError, match="somebody has begun to write to"):
                await read


def _no(_: pathlib.Path) -> bool:
    return False
