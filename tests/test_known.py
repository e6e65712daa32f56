"""What is not found does not exist only where the cache knows that: never wrongly, and as widely as it can.

Asked through Tanjun's stores, which say so, and its converters, which then do not ask Discord.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
import typing
from pathlib import Path

import hikari
import pytest
import samples
import tanjun
from gateway import Gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_discord import guild, member
from tanjun.dependencies import async_cache
from test_tanjun import ADA, BOT, CHANNEL, GUILD, LISTED, MEMBERS, NOBODY, ROLE, client_of, knows, running, tea_house

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc

    from samples import Payload

OTHER: typing.Final = 3_000
READY: typing.Final = {"user": samples.me(), "guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]}
REFUSED: typing.Final = "refused"
ALL: typing.Final = {*LISTED, *MEMBERS}
ROLES: typing.Final = {async_cache.SfGuildBound[hikari.Role]}
CHANNELS: typing.Final = {async_cache.SfGuildBound[hikari.PermissibleGuildChannel]}
EMOJIS: typing.Final = {async_cache.SfGuildBound[hikari.KnownCustomEmoji]}
OF_GUILD: typing.Final = {"guild_id": str(GUILD)}


def _other() -> Payload:
    return guild(OTHER, "Library", [member(BOT, "bot")]) | {"stickers": []}


def _refuse(path: Path) -> None:
    """Have a file refuse roles and members of a name, each with the batch that it is in, as a fault of SQLite's may."""

    async def make() -> None:
        async with sake_lite.SQLiteCache(path):
            pass

    asyncio.run(make())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("roles", "members"):
            connection.execute(
                f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} "
                f"WHEN instr(NEW.data, CAST('{REFUSED}' AS BLOB)) BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        connection.commit()


@pytest.fixture
def refusing(path: Path) -> Path:
    _refuse(path)
    return path


@contextlib.asynccontextmanager
async def _gateway(path: Path, **more: typing.Any) -> collections.abc.AsyncGenerator[tuple[Gateway, tanjun.Client]]:
    async with Gateway(path, asks=False, **more) as gateway:
        client = client_of(gateway.cache)
        await gateway.send("READY", READY)
        await gateway.send("GUILD_CREATE", tea_house())
        await gateway.send("GUILD_CREATE", _other())
        assert await knows(client) == await knows(client, OTHER) == ALL
        yield gateway, client


@contextlib.contextmanager
def _locked(path: Path) -> collections.abc.Generator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


# What a lost event makes unknown: its name, its payload, and what is no longer known of its guild, and of others.
_LOST: typing.Final[dict[str, tuple[str, Payload, set[typing.Any], set[typing.Any]]]] = {
    "a role": ("GUILD_ROLE_CREATE", {**OF_GUILD, "role": None}, ROLES, set()),
    "a role of nobody knows whom": ("GUILD_ROLE_CREATE", {"guild_id": "?", "role": None}, ROLES, ROLES),
    "emojis": ("GUILD_EMOJIS_UPDATE", {**OF_GUILD, "emojis": [None]}, EMOJIS, set()),
    "a channel": ("CHANNEL_CREATE", {**OF_GUILD, "type": 0}, CHANNELS, set()),
    "a channel's end": ("CHANNEL_DELETE", {**OF_GUILD, "id": None}, CHANNELS, set()),
    "a member": ("GUILD_MEMBER_ADD", {**OF_GUILD, "user": None}, MEMBERS, set()),
    "a member of nobody knows whom": ("GUILD_MEMBER_ADD", {"user": None}, MEMBERS, MEMBERS),
    "a guild": ("GUILD_CREATE", tea_house() | {"roles": None}, ALL, set()),
    "an outage": ("GUILD_DELETE", {"id": "?"}, ALL, ALL),
    "a session": ("READY", {"guilds": 5}, ALL, ALL),
    "a message": ("MESSAGE_CREATE", {**OF_GUILD, "id": None}, set(), set()),
}


@pytest.mark.parametrize("lost", _LOST)
@pytest.mark.parametrize("is_awaited", [False, True], ids=["of the gateway", "awaited"])
async def test_a_malformed_event_makes_unknown_what_it_concerns(lost: str, is_awaited: bool, path: Path) -> None:
    name, payload, of_guild, of_others = _LOST[lost]
    async with _gateway(path) as (gateway, client):
        if is_awaited:
            with pytest.raises(ValueError, match=name):
                await gateway.cache.ingest(name, payload)
        else:
            await gateway.send(name, payload)
        assert await knows(client) == ALL - of_guild
        assert await knows(client, OTHER) == ALL - of_others
        await gateway.send("GUILD_CREATE", tea_house())
        assert await knows(client) == ALL
        assert await knows(client, OTHER) == ALL - of_others, "which was not listed anew"


@pytest.mark.parametrize("is_awaited", [False, True], ids=["of the gateway", "awaited"])
@pytest.mark.parametrize(
    ("name", "payload", "unknown"),
    [
        ("GUILD_ROLE_CREATE", {**OF_GUILD, "role": samples.role(NOBODY, name=REFUSED)}, ROLES),
        ("GUILD_MEMBER_ADD", samples.member(NOBODY, nick=REFUSED, guild_id=str(GUILD)), MEMBERS),
        ("GUILD_CREATE", tea_house() | {"roles": [samples.role(ROLE, name=REFUSED)]}, ALL),
    ],
    ids=["a role", "a member", "a guild"],
)
async def test_an_event_that_cannot_be_written_makes_unknown_what_it_concerns(
    name: str, payload: Payload, unknown: set[typing.Any], is_awaited: bool, refusing: Path
) -> None:
    async with _gateway(refusing) as (gateway, client):
        # Some ask before it is written, and so before it fails.
        store: typing.Any = client.get_type_dependency(async_cache.SfGuildBound[hikari.Role])
        if is_awaited:
            write = asyncio.ensure_future(gateway.cache.ingest(name, payload))
            await asyncio.sleep(0)
        else:
            await gateway.send(name, payload)
            write = None
        asked = await asyncio.gather(*[store.get_from_guild(GUILD, NOBODY) for _ in range(5)], return_exceptions=True)
        are_known = {isinstance(answer, async_cache.EntryNotFound) for answer in asked}
        assert are_known == {ROLES.isdisjoint(unknown)}
        if write is not None:
            with pytest.raises(sake_lite.BackendError, match=REFUSED):
                await write
        assert await knows(client) == ALL - unknown
        assert await gateway.cache.members_complete(GUILD) == (MEMBERS.isdisjoint(unknown))
        assert await knows(client, OTHER) == ALL
        await gateway.send("GUILD_CREATE", tea_house())
        assert await knows(client) == ALL


async def test_a_guild_that_was_listed_for_the_first_time_and_not_written_is_not_known(refusing: Path) -> None:
    async with Gateway(refusing, asks=False) as gateway:
        client = client_of(gateway.cache)
        await gateway.send("GUILD_CREATE", tea_house() | {"roles": [samples.role(ROLE, name=REFUSED)]})
        assert await knows(client) == set()


async def test_a_guild_that_is_listed_after_an_event_was_lost_is_known(path: Path) -> None:
    """Though nothing of either was written when both had come."""
    async with _gateway(path) as (gateway, client):
        await gateway.send("GUILD_ROLE_CREATE", {**OF_GUILD, "role": None})
        await gateway.send("GUILD_CREATE", tea_house())
        await gateway.send("GUILD_MEMBER_ADD", {**OF_GUILD, "user": None})
        assert await knows(client) == ALL - MEMBERS


async def test_an_awaited_event_that_found_no_room_is_lost_in_its_place(path: Path) -> None:
    """What came before it waits, and is written before that is known; what its caller tries again comes after."""
    joins = samples.member(NOBODY, guild_id=str(GUILD))
    async with _gateway(path, busy_timeout=0.05) as (gateway, client):
        with _locked(path):
            await gateway.send("GUILD_CREATE", tea_house())
            for name, payload in {"GUILD_MEMBER_ADD": joins, "GUILD_CREATE": _other()}.items():
                with pytest.raises(sake_lite.BackendError, match="locked"):
                    await gateway.cache.ingest(name, payload)
            assert await knows(client) == await knows(client, OTHER) == set(), "nothing, while nothing can be written"
        await gateway.cache.flush()
        assert await knows(client) == ALL - MEMBERS
        assert not await gateway.cache.members_complete(GUILD)
        assert await knows(client, OTHER) == set()
        await gateway.cache.ingest("GUILD_CREATE", _other())
        assert await knows(client, OTHER) == ALL
        assert gateway.cache.stats().queued_batches == 0


async def test_what_is_tried_again_with_success_is_known(path: Path) -> None:
    async with sake_lite.SQLiteCache(path, busy_timeout=0.05) as cache:
        client = client_of(cache)
        with _locked(path), pytest.raises(sake_lite.BackendError, match="locked"):
            await cache.ingest("GUILD_CREATE", tea_house())
        await cache.ingest("GUILD_CREATE", tea_house())
        assert await knows(client) == ALL


async def test_that_an_awaited_event_is_lost_is_written_once_something_can_be(path: Path) -> None:
    """After what was queued before it, though nothing comes after it."""
    async with _gateway(path, busy_timeout=0.05) as (gateway, client):
        with _locked(path):
            await gateway.send("GUILD_CREATE", tea_house())
            with pytest.raises(sake_lite.BackendError, match="locked"):
                await gateway.cache.ingest("GUILD_MEMBER_ADD", samples.member(NOBODY, guild_id=str(GUILD)))
            assert gateway.cache.stats().queued_batches == 2
            assert not await gateway.cache.members_complete(GUILD)
        async with asyncio.timeout(10):
            while gateway.cache.stats().last_error is not None:
                await asyncio.sleep(0.01)
        assert not await gateway.cache.members_complete(GUILD)
        assert await knows(client) == ALL - MEMBERS
        assert await knows(client, OTHER) == ALL


async def test_that_awaited_events_are_lost_outlives_the_session_that_lost_them(path: Path) -> None:
    """Many, one after the other, are one batch."""
    async with _gateway(path, busy_timeout=0.05) as (gateway, _):
        await gateway.cache.flush()
        with _locked(path):
            for number in range(3):
                with pytest.raises(sake_lite.BackendError, match="locked"):
                    news = samples.member(NOBODY + number, guild_id=str(GUILD))
                    await gateway.cache.ingest("GUILD_MEMBER_ADD", news)
            assert gateway.cache.stats().queued_batches == 1
            assert not await gateway.cache.members_complete(OTHER), "while nothing can be written, nothing is known"
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert not await cache.members_complete(GUILD)
        assert await cache.members_complete(OTHER)


async def test_who_was_told_of_a_failure_leaves_nothing_unknown_behind(path: Path) -> None:
    """What fails is in no list, and nothing else waits."""
    async with _gateway(path, busy_timeout=0.05) as (gateway, client):
        await gateway.cache.flush()
        with _locked(path), pytest.raises(sake_lite.BackendError, match="locked"):
            await gateway.cache.ingest("MESSAGE_CREATE", samples.message(5))
        assert await knows(client) == ALL


async def test_an_event_that_was_dropped_makes_unknown_what_it_concerns(path: Path) -> None:
    async with _gateway(path, busy_timeout=0.05, max_pending_rows=3) as (gateway, client):
        with _locked(path):
            await gateway.send("GUILD_ROLE_CREATE", {**OF_GUILD, "role": samples.role(NOBODY)})
            with pytest.raises(sake_lite.BackendError, match="locked"):
                await gateway.cache.flush()
            for number in range(3):
                await gateway.send("GUILD_ROLE_DELETE", {"guild_id": str(OTHER), "role_id": str(10_000 + number)})
            assert gateway.cache.stats().dropped_rows == 1
        await gateway.cache.flush()
        assert await knows(client) == ALL - ROLES
        assert await knows(client, OTHER) == ALL
        await gateway.send("GUILD_CREATE", tea_house())
        assert await knows(client) == ALL


async def test_a_write_that_is_refused_since_the_file_is_gone_is_lost(path: Path) -> None:
    async with _gateway(path) as (gateway, client):
        await gateway.cache.flush()
        session: typing.Any = gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        session.writer.refuse(sake_lite.BackendError("it was deleted"))
        with pytest.raises(sake_lite.BackendError, match="it was deleted"):
            await gateway.cache.ingest("GUILD_ROLE_CREATE", {**OF_GUILD, "role": samples.role(NOBODY)})
        assert await knows(client) == ALL - ROLES


# What others write.


async def _fault(store: async_cache.SfGuildBound[typing.Any], key: int) -> type[Exception]:
    """Return what a store raises for an entity of the guild: that there is none is a kind of not knowing."""
    with pytest.raises(async_cache.CacheMissError) as caught:
        await store.get_from_guild(GUILD, key)
    return caught.type


@pytest.mark.parametrize("delete", ["delete_member", "purge_user"])
async def test_who_another_cache_removes_while_completeness_is_remembered(delete: str, path: Path) -> None:
    async with _gateway(path) as (gateway, client), sake_lite.SQLiteCache(path) as other:
        await gateway.cache.flush()
        store = client.get_type_dependency(async_cache.SfGuildBound[hikari.Member])
        assert store
        for _ in range(2):
            assert await _fault(store, NOBODY) is async_cache.EntryNotFound
        await getattr(other, delete)(*([GUILD, ADA] if delete == "delete_member" else [ADA]))
        assert await _fault(store, ADA) is async_cache.CacheMissError
        assert not await gateway.cache.members_complete(GUILD)


@pytest.mark.parametrize("is_foreign", [False, True])
async def test_all_roles_are_all_or_none_beside_a_deletion(is_foreign: bool, path: Path) -> None:
    async with _gateway(path) as (gateway, client):
        store = client.get_type_dependency(async_cache.SfGuildBound[hikari.Role])
        assert store
        seen: set[int] = set()
        for turns in range(60):
            await knows(client)  # notices what was deleted
            await gateway.send("GUILD_CREATE", tea_house())
            await gateway.cache.flush()
            whole = {int(role.id) for role in await store.iter_for_guild(GUILD)}
            assert ROLE in whole

            async def read() -> collections.abc.Sequence[hikari.Role]:
                return await store.iter_for_guild(GUILD)

            reading = asyncio.create_task(read())
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            if is_foreign:
                _delete_with_sqlite(path)
            else:
                await gateway.cache.delete_role(ROLE)
            found = {int(role.id) for role in await reading}
            assert found in (set(), whole)
            seen.add(len(found))
        assert len(seen) == 2, "both were met"


async def test_a_check_that_deletes_makes_unknown_what_it_deletes(path: Path) -> None:
    async with _gateway(path) as (gateway, client):
        # Their users are checked after the roles, which takes a while.
        members = [samples.member(number) for number in range(9_000, 24_000)]
        chunk = {"guild_id": "5", "members": members, "chunk_index": 0, "chunk_count": 1}
        await gateway.send("GUILD_MEMBERS_CHUNK", chunk)
        await gateway.cache.flush()
        session: typing.Any = gateway.cache._session  # pyright: ignore[reportPrivateUsage]
        # By the cache's own connection, so that it knows all the same.
        await session._writing.run(sqlite3.Connection.execute, f"UPDATE roles SET checksum = 1 WHERE role_id = {ROLE}")
        store = client.get_type_dependency(async_cache.SfGuildBound[hikari.Role])
        assert store
        assert await _fault(store, NOBODY) is async_cache.EntryNotFound
        checking = asyncio.create_task(gateway.cache.check(delete_invalid=True))
        while not checking.done():
            assert await _fault(store, ROLE) is async_cache.CacheMissError
        assert (await checking).deleted == 1


def _delete_with_sqlite(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM roles WHERE role_id = ?", (ROLE,))


@pytest.mark.parametrize("row_cache_bytes", [0, None])
async def test_what_another_connection_deletes_is_not_said_not_to_exist(
    row_cache_bytes: int | None, path: Path
) -> None:
    async with _gateway(path, row_cache_bytes=row_cache_bytes) as (gateway, client):
        _delete_with_sqlite(path)
        assert await knows(client) == MEMBERS
        assert await knows(client, OTHER) == MEMBERS, "there is no telling what they deleted"
        await gateway.send("GUILD_CREATE", tea_house())
        assert await knows(client) == ALL


async def test_what_another_cache_deletes_is_not_said_not_to_exist(path: Path) -> None:
    async with _gateway(path) as (_, client):
        async with sake_lite.SQLiteCache(path) as other:
            await other.delete_role(ROLE)
            await other.delete_member(GUILD, ADA)
        assert await knows(client) == set()


async def test_who_reads_only_makes_nothing_unknown(path: Path) -> None:
    async with _gateway(path) as (_, client):
        async with sake_lite.SQLiteCache(path, read_only=True) as other:
            assert (await other.get_role(ROLE)).id == ROLE
        with sake_lite.CacheFile(path) as file:
            assert len(file.roles) > 0
        assert await knows(client) == ALL


# On the loopback Discord.


async def test_tanjun_asks_discord_only_for_what_a_lost_event_concerns(path: Path) -> None:
    roles, person = f"GET /guilds/{GUILD}/roles", f"GET /guilds/{GUILD}/members/{NOBODY}"
    async with running(path) as bot:
        ada = await bot.cache.get_member(GUILD, ADA)
        await bot.discord.dispatch("GUILD_ROLE_CREATE", {**OF_GUILD, "role": None})
        assert await bot.convert(tanjun.to_member, NOBODY) == (None, [])
        permissions = await tanjun.permissions.fetch_permissions(bot.client, ada)
        assert bot.discord.requests == [roles]
        await bot.discord.dispatch("GUILD_MEMBER_ADD", {**OF_GUILD, "user": None})
        assert await bot.convert(tanjun.to_member, NOBODY) == (None, [person])
        await bot.discord.dispatch("GUILD_CREATE", tea_house())
        assert await bot.convert(tanjun.to_member, NOBODY) == (None, [])
        assert await tanjun.permissions.fetch_permissions(bot.client, ada, channel=CHANNEL) != permissions
        assert bot.discord.requests == []


# Whatever happens.

_GUILDS: typing.Final = (GUILD, OTHER)
_STEP: typing.Final = st.sampled_from(
    [
        *("list", "list in vain", "create", "create in vain", "malformed", "malformed of any"),
        *("outage", "session", "by hand", "ask", "ask", "ask"),
    ]
)
_STEPS: typing.Final = st.lists(st.tuples(_STEP, st.sampled_from(_GUILDS)), max_size=14)


class _Discord:
    """What there is, as Discord has it, and what becomes of it on its way to a cache."""

    def __init__(self, gateway: Gateway, store: typing.Any) -> None:
        self._asked: list[asyncio.Task[None]] = []
        self._gateway = gateway
        self._roles: dict[int, list[int]] = {guild_id: [guild_id] for guild_id in _GUILDS}
        self._store = store
        self.said: set[int] = set()

    async def step(self, name: str, guild_id: int) -> None:
        send, there = self._gateway.send, self._roles[guild_id]
        payload: Payload = {"guild_id": str(guild_id)}
        number = 10_000 + sum(map(len, self._roles.values()))
        match name:
            case "list" | "list in vain":
                last = REFUSED if name == "list in vain" else "sound"
                roles = [samples.role(role_id, name=last) for role_id in there]
                house = guild(guild_id, "House", [member(BOT, "bot")])
                await send("GUILD_CREATE", house | {"roles": roles, "stickers": []})
            case "create" | "create in vain":
                there.append(number)
                role = samples.role(number, name=REFUSED if name == "create in vain" else "sound")
                await send("GUILD_ROLE_CREATE", payload | {"role": role})
            case "malformed" | "malformed of any":
                there.append(number)
                await send("GUILD_ROLE_CREATE", {**(payload if name == "malformed" else {}), "role": None})
            case "outage":
                await send("GUILD_DELETE", {"id": str(guild_id), "unavailable": True})
            case "session":
                await send("READY", READY)
            case "by hand":
                await self._gateway.cache.delete_role(there[-1])
            case _:
                self._asked += [asyncio.create_task(self._ask(guild_id, role_id)) for role_id in (*there, NOBODY)]
                await asyncio.sleep(0)

    async def _ask(self, guild_id: int, role_id: int) -> None:
        try:
            assert (await self._store.get_from_guild(guild_id, role_id)).id == role_id
        except async_cache.EntryNotFound:
            self.said.add(role_id)
        except async_cache.CacheMissError:
            pass

    async def answered(self) -> None:
        await asyncio.gather(*self._asked)
        self._asked.clear()


@settings(max_examples=25, deadline=None)
@given(_STEPS)
def test_whatever_happens_nothing_that_exists_is_said_not_to(steps: list[tuple[str, int]]) -> None:
    _try_out(steps)


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_whatever_else_happens_nothing_that_exists_is_said_not_to(steps: list[tuple[str, int]]) -> None:
    _try_out(steps)


def _try_out(steps: list[tuple[str, int]]) -> None:
    async def run(path: Path) -> None:
        async with Gateway(path, asks=False) as gateway:
            store = client_of(gateway.cache).get_type_dependency(async_cache.SfGuildBound[hikari.Role])
            discord = _Discord(gateway, store)
            for name, guild_id in steps:
                await discord.step(name, guild_id)
            await discord.answered()
            assert discord.said <= {NOBODY}

            await gateway.cache.flush()  # what is lost has turned out to be
            for guild_id in _GUILDS:
                discord.said.clear()
                await discord.step("list", guild_id)
                await discord.step("ask", guild_id)
                await discord.answered()
                assert discord.said == {NOBODY}, "it is known again"

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bot.db")
        _refuse(path)
        asyncio.run(run(path))
