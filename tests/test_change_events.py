"""What was there before: an event for everything that changes for a reader, while somebody listens."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import typing

import hikari
import pytest
import samples
from gateway import Gateway
from loopback_discord import LoopbackDiscord, guild, member, message
from samples import CHANNEL, GUILD, USER, Payload

import sake_lite
from sake_lite import _config, _listeners, _writer, events
from sake_lite._session import Session
from sake_lite.resources.member import MEMBERS
from sake_lite.resources.message import MESSAGES

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    AnyChange: typing.TypeAlias = events.Change[typing.Any, typing.Any]

IN_GUILD: typing.Final = {"guild_id": str(GUILD)}
LISTED: typing.Final = {"user": samples.me(99), "guilds": [{"id": str(GUILD), "unavailable": True}]}


class _Mark(hikari.Event):
    """What is dispatched behind all that is to be heard."""

    app: typing.Any = None


class Listening(Gateway):
    """A gateway, and what was heard of changes since it was last asked."""

    def __init__(self, path: pathlib.Path, *types: type[AnyChange]) -> None:
        super().__init__(path)
        self._heard: list[AnyChange] = []
        for each in types:
            self.bot.event_manager.subscribe(each, self.hear)

    async def hear(self, event: AnyChange) -> None:
        self._heard.append(event)

    async def heard(self) -> list[typing.Any]:
        await until_told(self)
        return self.told()

    def told(self) -> list[typing.Any]:
        heard, self._heard = self._heard, []
        return heard

    @property
    def count(self) -> int:
        """How many were heard until now, while others may be on their way."""
        return len(self._heard)

    async def summary(self) -> list[tuple[str, bool, bool]]:
        return [(str(event), event.old is not None, event.new is not None) for event in await self.heard()]

    async def writer(self, function: collections.abc.Callable[[sqlite3.Connection], typing.Any]) -> typing.Any:
        """Call a function with the connection that writes, on its thread."""
        session = self.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        return await session._writing.run(function)  # pyright: ignore[reportPrivateUsage]

    async def temporary(self) -> set[str]:
        found = await self.writer(lambda raw: raw.execute("SELECT name FROM temp.sqlite_master").fetchall())
        return {name for (name,) in found if not name.startswith(("members_", "sqlite_"))}


async def until_told(gateway: Gateway) -> None:
    """Wait until listeners were told of all that was sent; they are called in order."""

    async def be_told(_: _Mark) -> None:
        pass

    await gateway.cache.flush()
    await all_dispatched(gateway)
    gateway.bot.event_manager.subscribe(_Mark, be_told)
    await gateway.bot.event_manager.dispatch(_Mark(), return_tasks=True)
    gateway.bot.event_manager.unsubscribe(_Mark, be_told)


async def all_dispatched(gateway: Gateway) -> None:
    session = gateway.cache._session  # pyright: ignore[reportPrivateUsage]
    if isinstance(session, Session) and (listeners := session.writer._listeners):  # pyright: ignore[reportPrivateUsage]
        await listeners.told()


def _whole(**more: typing.Any) -> Payload:
    lists = {
        "channels": [samples.channel(CHANNEL)],
        "roles": [samples.role(30), samples.role(31)],
        "members": [samples.member(11), samples.member(12)],
        "member_count": 2,
    }
    return samples.guild_create(GUILD, **lists | more)


async def test_a_deletion_brings_what_was_deleted(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        await gateway.send("MESSAGE_CREATE", samples.message(5, content="sake"))
        await gateway.send("MESSAGE_DELETE", {"id": "5", "channel_id": str(CHANNEL), **IN_GUILD})
        created, deleted = await gateway.heard()
        assert isinstance(deleted, events.MessageChange)
        assert created.old is None
        assert created.new is not None
        assert deleted.new is None
        assert deleted.old is not None
        assert (deleted.old.id, deleted.old.content, deleted.old.author.id) == (5, "sake", USER)
        assert deleted.old is deleted.old, "it is made once"
        assert (deleted.key, deleted.cause, deleted.app) == ((5,), "MESSAGE_DELETE", gateway.bot)
        assert isinstance(deleted.key[0], hikari.Snowflake)
        assert str(deleted) == "<MessageChange of message_id=5 by MESSAGE_DELETE>"


async def test_an_edit_brings_both(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        await gateway.cache.set_message(samples.message(5, content="before"))
        await gateway.heard()
        await gateway.send("MESSAGE_UPDATE", {"id": "5", "content": "after"})
        (edited,) = await gateway.heard()
        assert (edited.old.content, edited.new.content) == ("before", "after")
        assert await gateway.cache.get_message(*edited.key) == edited.new


async def test_the_deletion_of_a_real_bot(path: pathlib.Path) -> None:
    async with LoopbackDiscord([guild(1_000, "Tea house", [member(201, "ada")])]) as discord:
        bot = hikari.GatewayBot(
            discord.token,
            rest_url=discord.url,
            banner=None,
            logs=None,
            suppress_optimization_warning=True,
            intents=hikari.Intents.ALL,
        )
        bot_cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
        told: asyncio.Queue[tuple[str | None, bool]] = asyncio.Queue()

        @bot.listen(sake_lite.events.MessageChange)
        async def on_change(event: sake_lite.events.MessageChange) -> None:
            if event.old is not None and event.new is None:
                is_there = await bot_cache.iter_messages().len() > 0
                await told.put((event.old.content, is_there))

        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        try:
            ada = discord.guilds["1000"]["members"][0]
            await discord.dispatch("MESSAGE_CREATE", message(3_000, 1_001, 1_000, ada, "Is anyone listening?"))
            await discord.dispatch("MESSAGE_DELETE", {"id": "3000", "channel_id": "1001", "guild_id": "1000"})
            async with asyncio.timeout(20):
                assert await told.get() == ("Is anyone listening?", False), "a listener reads what is there now"
        finally:
            await bot.close()


async def test_each_resource_tells_of_what_comes_and_goes(path: pathlib.Path) -> None:
    """What is stored by hand and cleared by hand is told of, for every resource by its own event."""
    for sample in samples.SAMPLES:
        (table,) = [table for table in sake_lite.SQLiteCache.all_tables if table.name == sample.table]
        assert table.change is not None
        where = path.with_name(f"{sample.table}.db")
        async with Listening(where, table.change) as gateway:
            await sample.store(gateway.cache, 1)
            await getattr(gateway.cache, f"clear_{sample.table}")()
            came, went = await gateway.heard()
            assert type(came) is type(went) is table.change
            assert came.new == went.old
            assert (came.old, went.new) == (None, None)
            assert came.key == went.key


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=str)
async def test_a_call_is_named_as_the_cause(sample: samples.Sample, path: pathlib.Path) -> None:
    (table,) = [table for table in sake_lite.SQLiteCache.all_tables if table.name == sample.table]
    assert table.change is not None
    calls = {name for name in dir(sake_lite.SQLiteCache) if name.startswith(("set_", "delete_"))}
    clears = [name for name in dir(sake_lite.SQLiteCache) if f"{name}_for_".startswith(f"clear_{table.name}_for_")]
    assert clears
    async with Listening(path, table.change) as gateway:
        for clear in clears:
            await sample.store(gateway.cache, 1)
            (came,) = await gateway.heard()
            _, _, reference = clear.partition("_for_")
            row: Payload = dict(zip(table.column_by_name, came._new_row, strict=False))
            await getattr(gateway.cache, clear)(*([row[f"{reference}_id"]] if reference else []))
            (went,) = await gateway.heard()
            assert (came.cause in calls, went.cause) == (True, clear)

        await sample.store(gateway.cache, 1)
        await sample.delete(gateway.cache, 1)
        came, went = await gateway.heard()
        assert went.cause in calls
        await sample.store(gateway.cache, 1)
        await getattr(gateway.cache, went.cause)(*went.key)
        assert [event.cause for event in await gateway.heard()] == [came.cause, went.cause]


async def test_the_own_user_is_deleted_by_name(path: pathlib.Path) -> None:
    async with Listening(path, events.MeChange) as gateway:
        await gateway.cache.set_me(samples.me(99))
        await gateway.cache.delete_me()
        assert [event.cause for event in await gateway.heard()] == ["set_me", "delete_me"]


async def test_of_two_caches_each_says_that_it_is_its_own(path: pathlib.Path) -> None:
    async with Listening(path, events.RoleChange) as gateway:
        other = sake_lite.SQLiteCache(path.with_name("other.db"), gateway.bot, gateway.bot.event_manager)
        async with other:
            await gateway.send("GUILD_ROLE_CREATE", {"role": samples.role(30), **IN_GUILD})
            await other.flush()
            told = await gateway.heard()
            assert {id(event.cache) for event in told} == {id(gateway.cache), id(other)}
            for event in told:
                assert event.app is event.cache.app
                assert await event.cache.get_role(*event.key) == event.new


async def test_closing_waits_until_all_is_told(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not told then is told never: the rows are gone."""
    monkeypatch.setattr(_listeners, "_SLICE", 1)
    members = [samples.member(number) for number in range(1, 1_001)]
    async with Listening(path, events.MemberChange) as gateway:
        await gateway.send("GUILD_CREATE", _whole(members=members, member_count=len(members)))
        await gateway.heard()
        await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
        await gateway.cache.close()
        await asyncio.sleep(0)
        gone = gateway.told()
        assert [event.key[1] for event in gone if event.new is None] == [*range(1, 1_001)]
        await gateway.cache.open()


def test_every_resource_has_an_event_and_no_note_does() -> None:
    classes = {getattr(events, name) for name in dir(events)} - {events.Change}
    assert classes == {table.change for table in sake_lite.SQLiteCache.all_tables}
    notes = {note for table in sake_lite.SQLiteCache.all_tables for note in table.notes}
    assert notes
    assert {note.change for note in notes} == {None}
    for each in classes:
        assert issubclass(each, events.Change)
        assert each.__doc__


async def test_what_a_guild_no_longer_lists_has_gone(path: pathlib.Path) -> None:
    async with Listening(path, events.ChannelChange, events.RoleChange, events.MemberChange) as gateway:
        await gateway.send("GUILD_CREATE", _whole())
        assert len(await gateway.heard()) == 5
        await gateway.send("GUILD_CREATE", _whole())
        assert await gateway.heard() == [], "nothing has changed"
        await gateway.send("GUILD_CREATE", _whole(channels=[], roles=[samples.role(30, name="new")], member_count=9))
        assert await gateway.summary() == [
            (f"<ChannelChange of channel_id={CHANNEL} by GUILD_CREATE>", True, False),
            ("<RoleChange of role_id=30 by GUILD_CREATE>", True, True),
            ("<RoleChange of role_id=31 by GUILD_CREATE>", True, False),
        ]


async def test_a_guild_and_a_channel_take_along_what_is_in_them(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange, events.MemberChange, events.GuildChange) as gateway:
        await gateway.send("GUILD_CREATE", _whole())
        for number in (5, 6):
            await gateway.send("MESSAGE_CREATE", samples.message(number, channel_id=CHANNEL + number))
        await gateway.heard()
        await gateway.send("CHANNEL_DELETE", samples.channel(CHANNEL + 5))
        assert await gateway.summary() == [("<MessageChange of message_id=5 by CHANNEL_DELETE>", True, False)]
        await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
        gone = [event.old for event in await gateway.heard()]
        assert [each.id for each in gone] == [GUILD, 11, 12, 6]


async def test_a_member_who_leaves(path: pathlib.Path) -> None:
    async with Listening(path, events.MemberChange, events.PresenceChange, events.GuildChange) as gateway:
        await gateway.send("GUILD_CREATE", _whole(presences=[samples.presence(11)]))
        await gateway.heard()
        await gateway.send("GUILD_MEMBER_REMOVE", {"user": samples.user(11), **IN_GUILD})
        told: dict[type[AnyChange], typing.Any] = {type(event): event for event in await gateway.heard()}
        assert told.keys() == {events.MemberChange, events.PresenceChange, events.GuildChange}
        left, counted = told[events.MemberChange], told[events.GuildChange]
        assert (left.old.username, left.new, left.key) == ("user11", None, (GUILD, 11))
        assert (counted.old.member_count, counted.new.member_count) == (2, 1)


async def test_a_restart_tells_who_left_meanwhile(path: pathlib.Path) -> None:
    async with Gateway(path) as before:
        await before.send("READY", LISTED)
        await before.send("GUILD_CREATE", _whole(members=[samples.member(n) for n in (11, 12, 13)]))
        await before.send("MESSAGE_CREATE", samples.message(5))

    async with Listening(path, events.Change) as gateway:
        await gateway.send("READY", {"user": samples.me(99), "guilds": []})
        heard = [event for event in await gateway.heard() if event.cause == "READY"]
        gone: dict[type[AnyChange], typing.Any] = {type(event): event.old for event in heard}
        assert gone[events.GuildChange].name == samples.guild()["name"]
        assert gone[events.MemberChange].id == 13
        assert gone[events.MessageChange].content == "message5"


async def test_the_last_chunk_tells_who_left_meanwhile(path: pathlib.Path) -> None:
    async with Gateway(path) as before:
        await before.send("GUILD_CREATE", _whole())

    async with Listening(path, events.MemberChange) as gateway:
        await gateway.send("READY", LISTED)
        await gateway.send("GUILD_CREATE", _whole(members=[], member_count=2))
        ((_, nonce),) = gateway.shard.requests
        for index, number in enumerate((11, 14)):
            assert await gateway.heard() == []
            chunk = {"members": [samples.member(number)], "chunk_index": index, "chunk_count": 2, "nonce": nonce}
            await gateway.send("GUILD_MEMBERS_CHUNK", {**chunk, **IN_GUILD})
        assert await gateway.summary() == [
            (f"<MemberChange of guild_id={GUILD}, user_id=14 by GUILD_MEMBERS_CHUNK>", False, True),
            (f"<MemberChange of guild_id={GUILD}, user_id=12 by GUILD_MEMBERS_CHUNK>", True, False),
        ]


async def test_what_was_true_of_a_session_goes_with_it(path: pathlib.Path) -> None:
    """Its rows are hidden and shown again, though most of them are not written."""
    speaking = [samples.voice_state(11), samples.voice_state(12)]
    async with Listening(path, events.VoiceStateChange) as gateway:
        await gateway.send("GUILD_CREATE", _whole(voice_states=speaking))
        await gateway.heard()
        await gateway.send("READY", LISTED)
        assert [(event.key[1], event.new) for event in await gateway.heard()] == [(11, None), (12, None)]
        await gateway.send("READY", LISTED)
        assert await gateway.heard() == [], "it was gone already"
        await gateway.send("GUILD_CREATE", _whole(voice_states=[speaking[1]]))
        (came,) = await gateway.heard()
        assert (came.key[1], came.old, came.new.channel_id) == (12, None, CHANNEL)

        await gateway.send("READY", LISTED)
        await gateway.heard()
        await gateway.send("VOICE_STATE_UPDATE", {**samples.voice_state(13), **IN_GUILD})
        (came,) = await gateway.heard()
        assert came.key[1] == 13, "those of the session before were gone already"


async def test_changes_come_in_order_each_event_by_itself(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange, events.UserChange) as gateway:
        for number in (5, 6, 7):
            await gateway.send("MESSAGE_CREATE", samples.message(number, author=number))
            await gateway.send("MESSAGE_UPDATE", {"id": str(number), "content": "a"})
            await gateway.send("MESSAGE_UPDATE", {"id": str(number), "content": "b"})
            await gateway.send("MESSAGE_DELETE", {"id": str(number)})
        told = [event for event in await gateway.heard() if isinstance(event, events.MessageChange)]
        assert gateway.cache.stats().commits == 1
        contents = [(event.old and event.old.content, event.new and event.new.content) for event in told]
        assert contents == [
            step
            for number in (5, 6, 7)
            for step in [(None, f"message{number}"), (f"message{number}", "a"), ("a", "b"), ("b", None)]
        ]
        assert [event.key[0] for event in told] == [number for number in (5, 6, 7) for _ in range(4)]


async def _leave_and_begin_to_tell(gateway: Listening, numbers: range, patch: pytest.MonkeyPatch) -> None:
    """Let a guild's members go, and halt while some of them are yet to be told of."""
    members = [*map(samples.member, numbers)]
    await gateway.send("GUILD_CREATE", _whole(members=members, member_count=len(numbers)))
    await gateway.heard()
    patch.setattr(_listeners, "_SLICE", 1)
    await gateway.cache.ingest("GUILD_DELETE", {"id": str(GUILD)})
    patch.setattr(_listeners, "_SLICE", 0)


async def test_nobody_waits_until_all_is_told(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others read and write while many are told of, and all hear in the order of the commits."""
    numbers = range(100, 400)
    async with Listening(path, events.MemberChange, events.MessageChange) as gateway:
        await _leave_and_begin_to_tell(gateway, numbers, monkeypatch)
        await gateway.cache.set_message(samples.message(5))
        await gateway.send("MESSAGE_CREATE", samples.message(6))
        assert (await gateway.cache.get_message(6)).id == 6
        await gateway.cache.flush()
        assert gateway.count < len(numbers)
        monkeypatch.undo()
        assert [event.key[-1] for event in await gateway.heard()] == [*numbers, 5, 6]


async def test_what_is_yet_to_be_told_has_a_bound(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory, so commits do not run ahead of it by any length."""
    numbers = range(100, 400)
    async with Listening(path, events.MemberChange, events.MessageChange) as gateway:
        await _leave_and_begin_to_tell(gateway, numbers, monkeypatch)
        monkeypatch.setattr(_listeners, "_BOUND", 10)
        for number in range(1, 11):
            await gateway.cache.set_message(samples.message(number))

        beyond = asyncio.create_task(gateway.cache.set_message(samples.message(11)))
        commits = gateway.cache.stats().commits
        for _ in range(20):  # a commit would be among what the thread does meanwhile
            await gateway.writer(lambda _: None)
        assert not beyond.done()
        assert gateway.cache.stats().commits == commits
        assert gateway.count < len(numbers)
        monkeypatch.undo()
        await beyond
        assert [event.key[-1] for event in await gateway.heard()] == [*numbers, *range(1, 12)]


class _Members(sake_lite.resources.MemberCache, sake_lite.resources.UserCache):
    """What a cache keeps that is told of nobody's messages."""


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "listened to" in record.getMessage()]


async def test_listening_to_what_is_not_kept_is_warned_of(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Gateway(path) as gateway:
        pass

    manager = gateway.bot.event_manager
    heard = Listening(path.with_name("unused.db")).hear
    for each in (events.Change, events.MemberChange, events.MessageChange):
        manager.subscribe(each, heard)
    async with _Members(path, gateway.bot, manager) as cache:
        await gateway.send("READY", LISTED)
        manager.subscribe(events.RoleChange, heard)
        for _ in range(2):
            await gateway.send("READY", LISTED)
        of_messages, of_roles = _warnings(caplog)
        assert "MessageChange" in of_messages
        assert "MessageCache" in of_messages
        assert repr(cache) in of_messages
        assert "RoleChange" in of_roles


async def test_what_another_cache_keeps_is_not_warned_of(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        async with _Members(path.with_name("members.db"), gateway.bot, gateway.bot.event_manager):
            await gateway.send("READY", LISTED)
        assert _warnings(caplog) == []


async def test_listening_without_the_intents_is_warned_of(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(hikari.MissingIntentWarning):
        gateway = Gateway(path, intents=hikari.Intents.ALL_UNPRIVILEGED, asks=False)
    heard = Listening(path.with_name("unused.db")).hear
    for each in (events.MemberChange, events.RoleChange):
        gateway.bot.event_manager.subscribe(each, heard)
    async with gateway:
        for _ in range(2):
            await gateway.send("READY", LISTED)
        (warning,) = _warnings(caplog)
        assert "MemberChange" in warning
        assert "GUILD_MEMBERS" in warning


async def test_what_is_equal_is_no_change(path: pathlib.Path) -> None:
    async with Listening(path, events.Change) as gateway:
        await gateway.cache.set_message(samples.message(5), expire_time=60)
        await gateway.cache.set_member(GUILD, samples.member(11))
        await gateway.heard()
        await gateway.cache.set_message(samples.message(5), expire_time=600)
        await gateway.cache.set_member(GUILD, samples.member(11))
        await gateway.cache.delete_message(6)
        await gateway.cache.clear_roles()
        await gateway.send("MESSAGE_REACTION_REMOVE_ALL", {"message_id": "5", "channel_id": str(CHANNEL)})
        assert await gateway.heard() == []


async def test_what_has_expired_was_not_there_and_is_removed_silently(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [_config.now()]
    monkeypatch.setattr(_config, "now", lambda: clock[0])
    async with Listening(path, events.MessageChange) as gateway:
        for number in (5, 6, 7):
            await gateway.cache.set_message(samples.message(number), expire_time=60)
        await gateway.heard()
        clock[0] += 61_000
        await gateway.cache.set_message(samples.message(5))  # the same as the one that has expired
        await gateway.cache.delete_message(6)
        session = gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        await session.housekeeping.tidy()
        (came,) = await gateway.heard()
        assert (came.key, came.old) == ((5,), None)

        await gateway.cache.set_message(samples.message(5), expire_time=0)
        (went,) = await gateway.heard()
        assert (went.old.id, went.new) == (5, None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moment in milliseconds, which stands still until a test moves it."""
    moment = [_config.now()]
    monkeypatch.setattr(_config, "now", lambda: moment[0])
    return moment


_LEAVE: typing.Final = {"user": samples.user(11, username="later"), **IN_GUILD}


async def test_a_user_who_was_kept_changes_with_the_member(path: pathlib.Path, clock: list[int]) -> None:
    """What is told is what a reader finds before and after the event, whichever row it wrote first."""
    async with Listening(path, events.UserChange) as gateway:
        await gateway.cache.set_member(GUILD, samples.member(11))
        await gateway.heard()
        clock[0] += 2 * 86_400_000
        await gateway.send("GUILD_MEMBER_REMOVE", _LEAVE)
        (changed,) = await gateway.heard()
        assert (changed.old.username, changed.new.username) == ("user11", "later")


async def test_a_user_goes_with_the_last_member_and_comes_with_the_next(path: pathlib.Path, clock: list[int]) -> None:
    async with Listening(path, events.UserChange) as gateway:
        for guild_id in (GUILD, GUILD + 1):
            await gateway.cache.set_member(guild_id, samples.member(11))
        await gateway.heard()
        clock[0] += 2 * 86_400_000
        await gateway.cache.delete_member(GUILD, 11)
        assert await gateway.heard() == []
        await gateway.send("GUILD_DELETE", {"id": str(GUILD + 1)})
        (went,) = await gateway.heard()
        assert (went.key, went.cause, went.old.username, went.new) == ((11,), "GUILD_DELETE", "user11", None)

        # A member who comes back, and brings nothing of the user along but the ID.
        batch = gateway.cache._batch("come back")  # pyright: ignore[reportPrivateUsage]
        batch.upsert(MEMBERS, samples.member(11), guild_id=GUILD)
        await gateway.cache._commit(batch)  # pyright: ignore[reportPrivateUsage]
        (came,) = await gateway.heard()
        assert (came.old, came.new.username) == (None, "user11")
        assert await gateway.cache.get_user(11) == came.new


async def test_who_goes_with_many_members_is_found_in_an_index(path: pathlib.Path, clock: list[int]) -> None:
    """What SQLite does for each user does not grow with their number."""

    async def steps_for(count: int) -> int:
        async with Listening(path.with_name(f"{count}.db"), events.UserChange) as gateway:
            members = [samples.member(number) for number in range(1, count + 1)]
            await gateway.send("GUILD_CREATE", _whole(members=members, member_count=count))
            assert len(await gateway.heard()) == count
            clock[0] += 2 * 86_400_000
            steps = itertools.count()
            await gateway.writer(lambda raw: raw.set_progress_handler(lambda: next(steps) and 0, 100))
            await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
            assert [event.new for event in await gateway.heard()] == [None] * count
            return next(steps)

    assert await steps_for(1_200) < 5 * await steps_for(300)


async def test_messages_beyond_the_limit_go_silently(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        gateway.cache._with_settings(message_limit=1)  # pyright: ignore[reportPrivateUsage, reportArgumentType]
        for number in (5, 6, 7):
            await gateway.cache.set_message(samples.message(number))
        await gateway.heard()
        session = gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        await session.housekeeping.tidy()
        assert await gateway.cache.iter_messages().len() == 1
        assert await gateway.heard() == []
        await gateway.cache.delete_message(7)
        assert len(await gateway.heard()) == 1


async def test_a_purge_tells_what_is_gone(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        await gateway.cache.set_message(samples.message(5, author=11))
        await gateway.cache.set_message(samples.message(6, author=12, mentions=[samples.user(11)]))
        await gateway.heard()
        await gateway.cache.purge_user(11)
        gone, altered = await gateway.heard()
        assert (gone.cause, gone.key, gone.new) == ("purge_user", (5,), None)
        assert (altered.key, altered.new.user_mentions_ids) == ((6,), [])


async def test_a_damaged_row_is_not_passed_on(path: pathlib.Path) -> None:
    async with Listening(path, events.MessageChange) as gateway:
        for number in (5, 6):
            await gateway.cache.set_message(samples.message(number))
        await gateway.heard()
        await gateway.writer(lambda raw: raw.execute("UPDATE messages SET checksum = checksum + 1"))
        await gateway.heard()
        await gateway.cache.delete_message(5)
        (went,) = await gateway.heard()
        assert (went.key, went.new) == ((5,), None)
        with pytest.raises(sake_lite.InvalidDataFound, match="message_id=5"):
            _ = went.old
        report = await gateway.cache.check(delete_invalid=True)
        assert [problem.table for problem in report.problems] == [MESSAGES.name]
        assert await gateway.heard() == [], "nothing happened on Discord"


async def test_an_event_that_fails_tells_nothing_and_its_neighbours_do(path: pathlib.Path) -> None:
    async with Listening(path, events.RoleChange, events.MemberChange) as gateway:
        await gateway.heard()
        await gateway.send("GUILD_ROLE_CREATE", {"role": samples.role(30), **IN_GUILD})
        # So many are encoded on the writer's thread, where it turns out what is wrong with one of them.
        members = [*map(samples.member, range(100, 400)), {"user": {"id": "no snowflake"}}]
        await gateway.send("GUILD_CREATE", _whole(members=members, roles=[samples.role(32)], member_count=301))
        await gateway.send("GUILD_ROLE_DELETE", {"role_id": "30", **IN_GUILD})
        assert await gateway.summary() == [
            ("<RoleChange of role_id=30 by GUILD_ROLE_CREATE>", False, True),
            ("<RoleChange of role_id=30 by GUILD_ROLE_DELETE>", True, False),
        ]
        assert gateway.cache.stats().failures == 1


async def test_what_is_tried_again_is_told_once(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_writer, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(_writer, "_LONGEST_PAUSE", 0.02)
    async with Listening(path, events.MessageChange) as gateway:
        await gateway.send("READY", LISTED)
        await gateway.heard()
        await gateway.writer(lambda raw: raw.execute("PRAGMA max_page_count = 1").fetchall())
        for number in range(5, 25):
            await gateway.send("MESSAGE_CREATE", samples.message(number, content="x" * 3_000))
        with pytest.raises(sake_lite.BackendError, match="no room"):
            await gateway.cache.set_message(samples.message(4, content="x" * 100_000))
        assert gateway._heard == []  # pyright: ignore[reportPrivateUsage]
        await gateway.writer(lambda raw: raw.execute(f"PRAGMA max_page_count = {2**30}").fetchall())
        async with asyncio.timeout(10):
            while gateway.cache.stats().last_error is not None:
                await asyncio.sleep(0.01)
        assert [event.key[0] for event in await gateway.heard()] == [*range(5, 25)]


async def test_nothing_is_done_for_what_nobody_listens_to(path: pathlib.Path) -> None:
    async with Listening(path) as gateway:
        statements: list[str] = []
        assert await gateway.temporary() == set()
        await gateway.writer(lambda raw: raw.set_trace_callback(statements.append))
        await gateway.send("READY", LISTED)
        await gateway.send("MESSAGE_CREATE", samples.message(5))
        await gateway.cache.flush()
        assert any("INSERT INTO messages" in each for each in statements)
        assert not any("change_" in each for each in statements)

        # Only what is listened to is watched, and only as long.
        gateway.bot.event_manager.subscribe(events.RoleChange, gateway.hear)
        await gateway.send("MESSAGE_DELETE", {"id": "5"})
        await gateway.cache.flush()
        watching = await gateway.temporary()
        assert {"change_log_roles", "change_roles_came", "change_roles_changed", "change_roles_went"} <= watching
        assert not any("messages" in each for each in watching)
        gateway.bot.event_manager.unsubscribe(events.RoleChange, gateway.hear)
        await gateway.cache.set_role(GUILD, samples.role(30))
        assert await gateway.heard() == []
        # The triggers rest from then on, and end with the connection.
        statements.clear()
        await gateway.cache.set_role(GUILD, samples.role(31))
        own = [each for each in statements if not each.startswith("--")]  # what triggers do is traced as a comment
        assert not any("change_" in each for each in own)
        assert await gateway.writer(lambda raw: raw.execute("SELECT * FROM change_log_roles").fetchall()) == []
        await gateway.cache.close()
        await gateway.cache.open()
        assert await gateway.temporary() == set()


async def test_who_comes_later_hears_what_comes_later(path: pathlib.Path) -> None:
    async with Listening(path) as gateway:
        await gateway.cache.set_role(GUILD, samples.role(30))
        gateway.bot.event_manager.subscribe(events.RoleChange, gateway.hear)
        await gateway.cache.delete_role(30)
        assert await gateway.summary() == [("<RoleChange of role_id=30 by delete_role>", True, False)]


async def test_one_can_wait_for_a_change(path: pathlib.Path) -> None:
    async with Listening(path) as gateway:
        await gateway.cache.set_role(GUILD, samples.role(30, name="old"))
        waiting = asyncio.create_task(gateway.bot.event_manager.wait_for(events.RoleChange, timeout=10))
        await asyncio.sleep(0)  # it begins
        await gateway.cache.delete_role(30)
        changed = await waiting
        assert changed.old is not None
        assert changed.old.name == "old"
        await gateway.cache.set_role(GUILD, samples.role(30))
        noted = await gateway.writer(lambda raw: raw.execute("SELECT count(*) FROM change_log_roles").fetchone())
        assert noted == (0,), "nobody waits any longer"
        made = await gateway.temporary()

        with gateway.bot.event_manager.stream(events.RoleChange, timeout=10).filter(("new", None)) as stream:
            await gateway.cache.set_role(GUILD, samples.role(31))
            await gateway.cache.delete_role(31)
            async for each in stream.limit(1):
                assert each.key == (31,)
        assert await gateway.temporary() == made


async def test_a_listener_that_fails_stops_nobody(path: pathlib.Path) -> None:
    async with Listening(path, events.RoleChange) as gateway:
        failed: list[BaseException] = []

        @gateway.bot.listen(hikari.ExceptionEvent)
        async def on_failure(event: hikari.ExceptionEvent[typing.Any]) -> None:
            failed.append(event.exception)

        @gateway.bot.listen()
        async def on_change(event: events.RoleChange) -> None:
            raise RuntimeError(str(event))

        await gateway.cache.set_role(GUILD, samples.role(30))
        assert len(await gateway.heard()) == 1
        await gateway.cache.delete_role(30)
        assert len(await gateway.heard()) == 1
        assert [str(each) for each in failed] == [
            "<RoleChange of role_id=30 by set_role>",
            "<RoleChange of role_id=30 by delete_role>",
        ]


async def test_another_event_manager_is_asked_what_is_public(path: pathlib.Path) -> None:
    """One that is not hikari's own has no more than the interface."""

    class Public:
        def __init__(self, theirs: hikari.api.EventManager) -> None:
            self.subscribe, self.unsubscribe = theirs.subscribe, theirs.unsubscribe
            self.get_listeners, self.dispatch = theirs.get_listeners, theirs.dispatch

    async with Listening(path, events.RoleChange) as gateway:
        manager = typing.cast("hikari.api.EventManager", Public(gateway.bot.event_manager))
        async with sake_lite.SQLiteCache(path.with_name("other.db"), gateway.bot, manager) as cache:
            await cache.set_role(GUILD, samples.role(30))
        assert len(await gateway.heard()) == 1
