"""Events that are written together leave what they leave one by one."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import typing

import cbor2
import hikari
import pytest
import samples
from conftest import check_file
from gateway import Shard
from samples import CHANNEL, GUILD

import sake_lite
from sake_lite import _config
from sake_lite._batch import Batch
from sake_lite._session import Session
from sake_lite.resources.member import MEMBERS
from sake_lite.resources.user import USERS

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    Event: typing.TypeAlias = "tuple[str, samples.Payload]"

_USERS: typing.Final = range(1, 25)
_MESSAGES: typing.Final = range(1_000, 1_012)
_IN_GUILD: typing.Final = {"guild_id": str(GUILD)}
_IN_CHANNEL: typing.Final = {"channel_id": str(CHANNEL), "guild_id": str(GUILD)}


def _events(seed: int, count: int, kinds: str) -> list[Event]:
    """Return events of few members, users and messages, most of which build on what is stored."""
    numbers = random.Random(seed)
    news = iter(range(1_000_000))

    def one() -> Event:
        user_id, message_id, new = numbers.choice(_USERS), numbers.choice(_MESSAGES), str(next(news))
        user = samples.user(user_id, global_name=new)
        match numbers.randrange(18 if kinds == "building" else 26):
            case 0 | 1 | 2 | 3:
                author = {name: value for name, value in samples.member(user_id, nick=new).items() if name != "user"}
                return "MESSAGE_CREATE", samples.message(message_id, author=user_id, member=author, content=new)
            case 4 | 5 | 6 | 7 | 8 | 9:
                return "GUILD_MEMBER_UPDATE", {"user": user, "roles": [new], **_IN_GUILD}
            case 10 | 11:
                return "GUILD_MEMBER_ADD", samples.member(user_id, nick=new) | _IN_GUILD
            case 18:
                return "GUILD_MEMBER_REMOVE", {"user": user, **_IN_GUILD}
            case 12 | 13:
                return "MESSAGE_UPDATE", {"id": str(message_id), "content": new, **_IN_CHANNEL}
            case 14 | 15:
                reaction = {"emoji": {"id": None, "name": "x"}, "user_id": str(user_id), "message_id": str(message_id)}
                return "MESSAGE_REACTION_ADD", reaction | _IN_CHANNEL
            case 19:
                return "MESSAGE_DELETE", {"id": str(message_id), **_IN_CHANNEL}
            case 16 | 17:
                return "PRESENCE_UPDATE", samples.presence(user_id) | {"user": {**user, "bot": False}}
            case 20 | 21:
                return "GUILD_MEMBER_ADD", {"user": {"id": "no snowflake"}, **_IN_GUILD}  # fails alone
            case 22 if kinds == "faulty":  # large, and fails where it is encoded, on the writer's thread
                members = [*map(samples.member, range(100, 400)), {"user": {"id": "no snowflake"}}]
                return "GUILD_MEMBERS_CHUNK", {"members": members, **_IN_GUILD, "chunk_index": 0, "chunk_count": 1}
            case 23:
                members = [samples.member(number, nick=new) for number in numbers.sample(_USERS, 12)]
                return "GUILD_CREATE", samples.guild_create(members=members, member_count=len(members))
            case 24 if numbers.random() < 0.3:
                return "GUILD_DELETE", {"id": str(GUILD)}
            case _:
                ready = {"user": samples.me(9), "guilds": [{"id": str(GUILD), "unavailable": True}], "shard": [0, 1]}
                return "READY", ready

    return [one() for _ in range(count)]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> int:
    """The moment, in Unix milliseconds, at which the clock stands."""
    moment = _config.now()
    monkeypatch.setattr(_config, "now", lambda: moment)
    return moment


async def _file_after(
    path: pathlib.Path, groups: collections.abc.Iterable[list[Event]]
) -> tuple[dict[str, list[typing.Any]], int]:
    """Take events in, a group at a time; returns all rows of the file, and how many were written in all."""
    bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)
    shard = typing.cast("hikari.api.GatewayShard", Shard())
    async with sake_lite.SQLiteCache(path) as cache:
        for group in groups:
            for name, payload in group:
                event = hikari.ShardPayloadEvent(app=bot, shard=shard, payload=payload, name=name)
                await cache._on_shard_payload(event)  # pyright: ignore[reportPrivateUsage]
            await cache.flush()
        written = cache.stats().rows
    check_file(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}
    return rows, written


@pytest.mark.parametrize("kinds", ["building", "sound", "faulty"])
@pytest.mark.parametrize("seed", range(6))
async def test_events_written_together_leave_what_they_leave_one_by_one(
    seed: int, kinds: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print("seed", seed)
    moment = _config.now()
    monkeypatch.setattr(_config, "now", lambda: moment)
    events = _events(seed, 240, kinds)
    alone, written_alone = await _file_after(tmp_path / "alone.db", [[event] for event in events])
    groups = [events[start : start + 80] for start in range(0, 240, 80)]
    together, written_together = await _file_after(tmp_path / "together.db", groups)
    assert any(alone.values())
    for name, rows in alone.items():
        assert together[name] == rows, name
    assert written_together == written_alone


async def _assert_alike(groups: collections.abc.Sequence[list[Event]], tmp_path: pathlib.Path) -> dict[str, typing.Any]:
    """Assert that groups of events leave what the events leave one by one, and return the rows."""
    together, _ = await _file_after(tmp_path / "together.db", groups)
    alone, _ = await _file_after(tmp_path / "alone.db", [[event] for group in groups for event in group])
    assert together == alone
    return together


async def test_a_thread_that_is_left_in_a_group_does_not_come_back_with_what_is_pinned_in_it(
    tmp_path: pathlib.Path, frozen: int
) -> None:
    ready = {"user": samples.me(9), "guilds": [{"id": str(GUILD)}], "shard": [0, 1]}
    left = {"id": "5", "member_count": 1, "removed_member_ids": ["9"], **_IN_GUILD}
    pinned = {"channel_id": "5", "last_pin_timestamp": "2026-01-01T00:00:00+00:00", **_IN_GUILD}
    rows = await _assert_alike(
        [
            [("READY", ready), ("THREAD_CREATE", samples.thread(5) | {"type": 12})],
            [("THREAD_MEMBERS_UPDATE", left), ("CHANNEL_PINS_UPDATE", pinned)],
        ],
        tmp_path,
    )
    assert rows["threads"] == []


async def test_what_a_large_event_says_is_built_upon_in_its_group(tmp_path: pathlib.Path, frozen: int) -> None:
    """Its rows are encoded after the group was looked at."""
    members = [samples.member(number, nick="new") for number in range(1, 51)]
    chunk = {"members": members, "chunk_index": 0, "chunk_count": 1, **_IN_GUILD}
    update = {"user": samples.user(5), "roles": ["7"], **_IN_GUILD}
    rows = await _assert_alike(
        [
            [("GUILD_MEMBER_ADD", samples.member(5, nick="old") | _IN_GUILD)],
            [("GUILD_MEMBERS_CHUNK", chunk), ("GUILD_MEMBER_UPDATE", update)],
        ],
        tmp_path,
    )
    (member,) = [cbor2.loads(row[-1]) for row in rows["members"] if row[1] == 5]
    assert (member["nick"], member["roles"]) == ("new", ["7"])


@pytest.mark.parametrize("is_expired_when_written", [False, True])
async def test_a_row_that_expires_between_two_events_of_a_group_counts_for_each_as_of_its_own_moment(
    is_expired_when_written: bool, path: pathlib.Path, frozen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sake_lite.SQLiteCache(path, user_expire=10) as cache:
        await cache.set_user(samples.user(5, global_name="stored"))
        session = cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        scope = cache._scope  # pyright: ignore[reportPrivateUsage]
        for later, user_id in ((9_000, 6), (20_000, 5)) if is_expired_when_written else ((9_000, 5), (20_000, 6)):
            monkeypatch.setattr(_config, "now", lambda later=later: frozen + later)
            batch = Batch("users", scope)
            batch.merge(USERS, {"id": str(user_id), "username": "changed"}, insert=is_expired_when_written)
            session.writer.submit(batch)
        await cache.flush()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((data,),) = connection.execute("SELECT data FROM users WHERE user_id = 5").fetchall()
    assert cbor2.loads(data).get("global_name") == (None if is_expired_when_written else "stored")
    assert cbor2.loads(data)["username"] == "changed"


async def test_rows_are_counted_alike_though_they_share_statements(path: pathlib.Path, frozen: int) -> None:
    """A user who is seen again is not written for a later expiry, and takes none of another's count."""
    counts: list[int] = []
    for is_together in (False, True):
        async with sake_lite.SQLiteCache(path.with_name(f"{is_together}.db")) as cache:
            session = cache._session  # pyright: ignore[reportPrivateUsage]
            assert isinstance(session, Session)
            await cache.set_user(samples.user(1))
            before = cache.stats().rows
            presence = samples.presence(1) | {"user": samples.user(1)}
            for name, payload in (("PRESENCE_UPDATE", presence), ("MESSAGE_CREATE", samples.message(5, author=2))):
                session.writer.submit(cache._make_batch(name, payload))  # pyright: ignore[reportPrivateUsage]
                if not is_together:
                    await cache.flush()
            await cache.flush()
            counts.append(cache.stats().rows - before)
    assert counts == [3, 3]


@pytest.mark.parametrize("is_explicit_last", [False, True])
async def test_explicit_and_other_expiries_of_one_row_keep_their_order(
    is_explicit_last: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = _config.now()
    monkeypatch.setattr(_config, "now", lambda: moment)
    path = tmp_path / "bot.db"
    async with sake_lite.SQLiteCache(path, user_expire=100) as cache:
        explicit = cache.set_user(samples.user(1), expire_time=10)
        other = cache.set_user(samples.user(1))
        # The first one is written at once, and those that come meanwhile together.
        await asyncio.gather(
            cache.set_role(GUILD, samples.role(1)), *((other, explicit) if is_explicit_last else (explicit, other))
        )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((expires_at,),) = connection.execute("SELECT expires_at FROM users").fetchall()
    assert expires_at - moment == (10_000 if is_explicit_last else 100_000)


async def test_an_update_that_cannot_be_read_back_leaves_the_row_as_it_was(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    deep: list[typing.Any] = []
    for _ in range(70):
        deep = [deep]
    there = samples.member(1, nick="there") | _IN_GUILD
    await _file_after(path, [[("GUILD_MEMBER_ADD", there)], [("GUILD_MEMBER_UPDATE", there | {"more": deep})]])
    assert "nested too deeply" in caplog.text
    async with sake_lite.SQLiteCache(path) as cache:
        assert (await cache.get_member(GUILD, 1)).nickname == "there"


async def test_a_user_whom_a_member_brings_back_in_the_same_group_is_built_upon(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that had expired when the group began is there again once something in the group keeps it."""
    moment = _config.now()
    monkeypatch.setattr(_config, "now", lambda: moment)
    async with sake_lite.SQLiteCache(path, user_expire=10) as cache:
        await cache.set_user(samples.user(5, global_name="kept"))
        monkeypatch.setattr(_config, "now", lambda: moment + 20_000)
        scope = cache._scope  # pyright: ignore[reportPrivateUsage]
        member, users = Batch("member", scope), Batch("users", scope)
        member.merge(MEMBERS, samples.member(5) | _IN_GUILD)
        for number in range(5, 20):
            users.merge(USERS, {"id": str(number), "username": "changed"}, insert=number == 5)
        session = cache._session  # pyright: ignore[reportPrivateUsage]
        assert isinstance(session, Session)
        session.writer.submit(member)
        session.writer.submit(users)
        user = await cache.get_user(5)
        assert (user.username, user.global_name) == ("changed", "kept")
    check_file(path)


@pytest.mark.parametrize(
    ("oddity", "fault"),
    [(2**70, "read back"), ("\ud800", "stored"), (object(), "stored"), ("x" * 9_000_000, "too large")],
    ids=["big integer", "surrogate", "no JSON", "too large"],
)
async def test_a_large_event_with_one_row_that_cannot_be_stored_is_refused_alone(
    oddity: object, fault: str, path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    members = [samples.member(number) for number in range(100, 200)]
    members[70]["odd"] = oddity
    chunk = {"members": members, **_IN_GUILD, "chunk_index": 0, "chunk_count": 1}
    there = samples.member(1) | _IN_GUILD, samples.member(2) | _IN_GUILD
    add = "GUILD_MEMBER_ADD"
    rows, _ = await _file_after(path, [[(add, there[0]), ("GUILD_MEMBERS_CHUNK", chunk), (add, there[1])]])
    assert [row[1] for row in rows["members"]] == [1, 2]
    assert "GUILD_MEMBERS_CHUNK could not be stored" in caplog.text
    assert fault in caplog.text


def _said_by(user_id: int, number: int, **member: object) -> Event:
    """Return a message whose author is a member of the guild."""
    parts = samples.member(user_id, **member)
    author = parts.pop("user")
    return "MESSAGE_CREATE", samples.message(number) | {"author": author, "member": parts} | _IN_CHANNEL


@pytest.mark.parametrize("column", ["checksum", "data"])
async def test_a_damaged_member_is_mended_by_a_message_though_it_says_nothing_new(
    column: str, path: pathlib.Path
) -> None:
    await _file_after(path, [[_said_by(1, 1)]])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        damage = "checksum + 1" if column == "checksum" else "CAST(substr(data, 1, length(data) - 1) || x'00' AS BLOB)"
        assert connection.execute(f"UPDATE members SET {column} = {damage}").rowcount == 1
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(sake_lite.InvalidDataFound):
            await cache.get_member(GUILD, 1)
    await _file_after(path, [[_said_by(1, 2)]])
    async with sake_lite.SQLiteCache(path) as cache:
        assert (await cache.get_member(GUILD, 1)).id == 1


async def test_what_a_message_says_anew_of_a_member_is_stored_though_python_takes_it_for_equal(
    path: pathlib.Path,
) -> None:
    await _file_after(path, [[_said_by(1, 1, flags=1, mute=False)]])
    rows, _ = await _file_after(path, [[_said_by(1, 2, flags=True, mute=0)]])
    ((*_, data),) = rows["members"]
    member = cbor2.loads(data)
    assert (member["flags"], type(member["flags"]), type(member["mute"])) == (True, bool, int)


async def test_a_member_who_speaks_again_is_written_only_if_something_is_new(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = _config.now()
    for later, nick, written in ((0, "old", 0), (1_000, "old", 0), (2_000, "new", 2_000)):
        monkeypatch.setattr(_config, "now", lambda later=later: moment + later)
        await _file_after(path, [[_said_by(1, later + 1, nick=nick)]])
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT updated_at FROM members").fetchall() == [(moment + written,)]
