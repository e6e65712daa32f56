"""Whoever writes down every change that is told has what a reader finds, but for what ends by time alone."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
import typing

import hikari
import pytest
import samples
from gateway import Gateway
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from test_change_events import until_told
from test_event_model import Events, Model

import sake_lite
from sake_lite import _config, events
from sake_lite._session import Session
from sake_lite.resources.member import MEMBERS
from sake_lite.resources.user import USERS

if typing.TYPE_CHECKING:
    from sake_lite._batch import Batch
    from sake_lite._operations import AnyTable

    AnyChange: typing.TypeAlias = events.Change[typing.Any, typing.Any]
    Rows: typing.TypeAlias = dict[typing.Any, typing.Any]


class Mirror:
    """What there is, according to what was told."""

    def __init__(self) -> None:
        self.heard: list[AnyChange] = []
        self.rows: dict[AnyTable, Rows] = {table: {} for table in sake_lite.SQLiteCache.all_tables}

    async def hear(self, event: AnyChange) -> None:
        self.heard.append(event)

    async def catch_up(self, gateway: Gateway) -> None:
        """Write down all that was told until now."""
        await until_told(gateway)
        assert gateway.cache.stats().failures == 0
        for event in self.heard:
            rows = self.rows[event._table]  # pyright: ignore[reportPrivateUsage]
            old, new = event._old_row, event._new_row  # pyright: ignore[reportPrivateUsage]
            assert rows.pop(event.key, None) == old, event
            assert old != new, event
            if new is not None:
                rows[event.key] = new
        self.heard.clear()


async def find(cache: sake_lite.SQLiteCache, table: AnyTable) -> Rows:
    """Return what a reader finds."""
    after = {f"after_{name}": value for name, value in table.key_parameters(table.below_all_keys).items()}
    parameters = {"moment": _config.now(), "size": 1_000, **after}
    found = await cache._fetch(table.window(None), parameters)  # pyright: ignore[reportPrivateUsage]
    return {row[: len(table.key)]: row for row in found}


class Replayed(Events):
    """Any events, restarts and sessions."""

    def __init__(self) -> None:
        self.mirror = Mirror()
        super().__init__()

    def start(self) -> Gateway:
        gateway = super().start()
        gateway.bot.event_manager.subscribe(events.Change, self.mirror.hear)
        return gateway

    async def compare(self, cache: sake_lite.SQLiteCache, model: Model) -> None:
        await self.mirror.catch_up(self.gateway)
        for table in cache.all_tables:
            assert self.mirror.rows[table] == await find(cache, table)


GUILDS = st.integers(1, 2)
NUMBERS = st.integers(11, 13)
NAMES = st.sampled_from("ab")
LIFETIMES = st.sampled_from([0, 1, 3, None])


class _Statements:
    """What one batch does, in any order, which no event does in every order."""

    upsert_user = st.tuples(st.just("upsert user"), NUMBERS, NAMES, LIFETIMES)
    merge_user = st.tuples(st.just("merge user"), NUMBERS, NAMES, LIFETIMES)
    delete_user = st.tuples(st.just("delete user"), NUMBERS)
    upsert_member = st.tuples(st.just("upsert member"), GUILDS, NUMBERS, LIFETIMES)
    delete_member = st.tuples(st.just("delete member"), GUILDS, NUMBERS)
    replace_members = st.tuples(st.just("replace members"), GUILDS, st.sets(NUMBERS))
    any = st.one_of(upsert_user, merge_user, delete_user, upsert_member, delete_member, replace_members)

    @staticmethod
    def add(batch: Batch, statement: tuple[typing.Any, ...]) -> None:
        match statement:
            case ("upsert user", number, name, lifetime):
                batch.upsert(USERS, samples.user(number, username=name), expire=lifetime)
            case ("merge user", number, name, lifetime):
                batch.merge(USERS, {"id": str(number), "username": name}, insert=False, expire=lifetime)
            case ("delete user", number):
                batch.delete(USERS, user_id=number)
            case ("upsert member", guild, number, lifetime):
                batch.upsert(MEMBERS, samples.member(number), expire=lifetime, guild_id=guild)
            case ("delete member", guild, number):
                batch.delete(MEMBERS, guild_id=guild, user_id=number)
            case ("replace members", guild, numbers):
                batch.replace(MEMBERS, [samples.member(number) for number in numbers], guild_id=guild)
            case _:
                raise AssertionError(statement)


class Kept(RuleBasedStateMachine):
    """Users who soon expire, and members who keep them, while time goes by only where a rule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.moment = _config.now()
        self.patch.setattr(_config, "now", lambda: self.moment)
        self.mirror = Mirror()

    @initialize(is_told=st.booleans())
    def start(self, is_told: bool) -> None:
        """Begin; members expire, too, where nobody tells when they leave."""
        intents = hikari.Intents.ALL if is_told else hikari.Intents.ALL_UNPRIVILEGED
        path = pathlib.Path(self.folder.name, "bot.db")
        with pytest.warns(hikari.MissingIntentWarning):  # of the presences, which are of no matter here
            settings: typing.Any = {"user_expire": 2, "member_expire": 3}
            self.gateway = Gateway(path, intents=intents & ~hikari.Intents.GUILD_PRESENCES, asks=False, **settings)
        self.runner.run(self.gateway.__aenter__())
        for event in (events.UserChange, events.MemberChange):
            self.gateway.bot.event_manager.subscribe(event, self.mirror.hear)

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.runner.run(self.gateway.__aexit__())
        self.patch.undo()
        self.runner.close()
        self.folder.cleanup()

    def send(self, name: str, payload: samples.Payload) -> None:
        self.runner.run(self.gateway.send(name, payload))

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.wait_for(seconds)

    def wait_for(self, seconds: int) -> None:
        self.runner.run(self._wait(seconds))

    async def _wait(self, seconds: int) -> None:
        await self._compare()
        self.moment += seconds * 1_000
        for table in (USERS, MEMBERS):
            found = await find(self.gateway.cache, table)
            assert found.items() <= self.mirror.rows[table].items(), "time ends, and brings nothing"
            self.mirror.rows[table] = found

    @rule()
    def tidy(self) -> None:
        session = self.gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        self.runner.run(session.housekeeping.tidy())

    @rule(seconds=st.sampled_from([0, 0, 2]), statements=st.lists(_Statements.any, min_size=1, max_size=6))
    def write(self, seconds: int, statements: list[tuple[typing.Any, ...]]) -> None:
        if seconds:
            self.wait_for(seconds)
        self.runner.run(self._write(statements))

    async def _write(self, statements: list[tuple[typing.Any, ...]]) -> None:
        with self.gateway.cache._batch("write") as batch:  # pyright: ignore[reportPrivateUsage]
            for statement in statements:
                _Statements.add(batch, statement)
        session = self.gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        session.writer.submit(batch)  # several are written together

    @rule(guild=GUILDS, numbers=st.sets(NUMBERS), is_whole=st.booleans())
    def guild_create(self, guild: int, numbers: set[int], is_whole: bool) -> None:
        members = [samples.member(number) for number in numbers]
        count = len(members) + (not is_whole)
        self.send("GUILD_CREATE", samples.guild_create(guild, members=members, member_count=count))

    @rule(guild=GUILDS)
    def guild_delete(self, guild: int) -> None:
        self.send("GUILD_DELETE", {"id": str(guild)})

    @rule(guild=GUILDS, number=NUMBERS, name=NAMES, event=st.sampled_from(["ADD", "UPDATE", "REMOVE"]))
    def member(self, guild: int, number: int, name: str, event: str) -> None:
        payload = {**samples.member(number), "user": samples.user(number, username=name), "guild_id": str(guild)}
        self.send(f"GUILD_MEMBER_{event}", payload)

    @rule(listed=st.sets(GUILDS))
    def ready(self, listed: set[int]) -> None:
        self.send("READY", {"user": samples.me(99), "guilds": [{"id": str(guild)} for guild in listed]})

    @invariant()
    def both_say_the_same(self) -> None:
        if hasattr(self, "gateway"):
            self.runner.run(self._compare_some())

    async def _compare_some(self) -> None:
        session = self.gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        if session.writer.stats().queued_batches >= 3:  # else they wait for more, to be written together
            await self._compare()

    async def _compare(self) -> None:
        await self.mirror.catch_up(self.gateway)
        for table in (USERS, MEMBERS):
            assert self.mirror.rows[table] == await find(self.gateway.cache, table)


_SETTINGS = settings(deadline=None, print_blob=True)
_EXAMPLES: typing.Final[dict[type[RuleBasedStateMachine], tuple[int, int]]] = {Replayed: (8, 30), Kept: (20, 30)}


@pytest.mark.parametrize("machine", _EXAMPLES)
def test_replaying_changes_gives_what_a_reader_finds(machine: type[RuleBasedStateMachine]) -> None:
    count, steps = _EXAMPLES[machine]
    run_state_machine_as_test(machine, settings=settings(_SETTINGS, max_examples=count, stateful_step_count=steps))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("machine", _EXAMPLES)
def test_replaying_many_changes_gives_what_a_reader_finds(machine: type[RuleBasedStateMachine]) -> None:
    many = settings(_SETTINGS, max_examples=6 * _EXAMPLES[machine][0], stateful_step_count=50)
    run_state_machine_as_test(machine, settings=many)
