"""`purge_user`: a person is gone from every table, and nobody else is."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import typing

import pytest
import samples
from conftest import check_file
from samples import CHANNEL, GUILD, USER, Payload

import sake_lite
from sake_lite import _purge

if typing.TYPE_CHECKING:
    import pathlib

# Digits that occur nowhere else.
PERSON = 777_888_999_000_111
OTHER_GUILD = GUILD + 50


def _person() -> Payload:
    return samples.user(PERSON, username="the person")


def _mention(number: int) -> Payload:
    return samples.message(number, mentions=[_person(), samples.user(5)])


async def _fill(cache: sake_lite.SQLiteCache) -> None:
    """Store everything that can tell of the person, and the same of others beside it."""
    for guild_id in (GUILD, OTHER_GUILD):
        members = [samples.member(), samples.member(user=_person())]
        payload = samples.guild_create(
            guild_id,
            members=members,
            member_count=2,
            presences=[samples.presence(), samples.presence(user=_person())],
            voice_states=[samples.voice_state(), samples.voice_state(PERSON)],
            emojis=[samples.emoji(guild_id, user=_person()), samples.emoji(guild_id + 1, user=samples.user())],
            stickers=[samples.sticker(guild_id, user=_person())],
        )
        await cache.ingest("GUILD_CREATE", payload)

    await cache.set_message(samples.message(1))
    await cache.set_message(samples.message(2, author=PERSON))
    await cache.set_message(_mention(3), expire_time=1_000)
    await cache.set_message(samples.message(4, referenced_message=samples.message(2, author=PERSON), type=19))
    interaction = {"id": "1", "type": 2, "user": _person(), "authorizing_integration_owners": {}}
    await cache.set_message(samples.message(5, interaction_metadata=interaction))
    resolved: Payload = {
        "users": {str(PERSON): _person(), "5": samples.user(5)},
        "members": {str(PERSON): {"roles": []}},
    }
    await cache.set_message(samples.message(6, resolved=resolved))
    await cache.set_message(samples.message(7, guild_id=None, author=PERSON))
    await cache.set_invite(samples.invite("by", inviter=_person(), max_age=0))
    await cache.set_invite(samples.invite("for", inviter=samples.user(), target_type=1, target_user=_person()))


def _rows_with(path: pathlib.Path, text: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as other:
        tables = [name for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        return [
            f"{table}: {row}"
            for table in tables
            for row in other.execute(f"SELECT * FROM {table}").fetchall()
            if text.encode() in row[-1] or int(PERSON) in row
        ]


async def test_a_person_is_gone_from_every_table(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await _fill(cache)
    assert len(_rows_with(path, str(PERSON))) > 15
    await cache.purge_user(PERSON)
    assert _rows_with(path, str(PERSON)) == []
    assert _rows_with(path, "the person") == []


async def test_the_rest_stays_and_can_be_read(cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache)
    await cache.purge_user(PERSON)
    assert [message.id async for message in cache.iter_messages()] == [1, 3, 4, 5, 6]
    assert (await cache.get_message(3)).user_mentions_ids == [5]
    assert (await cache.get_message(4)).referenced_message is None
    invites = {invite.code: (invite.inviter, invite.target_user) async for invite in cache.iter_invites()}
    assert invites["by"] == (None, None)
    assert invites["for"][0] is not None
    assert invites["for"][1] is None
    assert [emoji.user is None async for emoji in cache.iter_emojis_for_guild(GUILD)] == [True, False]
    assert [member.id async for member in cache.iter_members_for_guild(OTHER_GUILD)] == [USER]
    assert await cache.iter_stickers().len() == 2
    assert {user.id async for user in cache.iter_users()} == {USER}


async def test_what_stays_keeps_its_expiry(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await cache.set_message(_mention(3), expire_time=1_000)
    await cache.set_invite(samples.invite("by", inviter=_person(), max_age=0), expire_time=1_000)
    with contextlib.closing(sqlite3.connect(path)) as other:
        statement = "SELECT expires_at FROM messages UNION ALL SELECT expires_at FROM invites"
        before = other.execute(statement).fetchall()
        await cache.purge_user(PERSON)
        assert other.execute(statement).fetchall() == before


async def test_a_row_that_is_nothing_without_the_person_goes(cache: sake_lite.SQLiteCache) -> None:
    emoji = {"id": "77", "name": "x", "user": _person()}
    reaction = {"count": 1, "me": False, "count_details": {"burst": 0, "normal": 1}, "emoji": emoji}
    await cache.set_message(samples.message(1, reactions=[reaction]))
    await cache.set_message(samples.message(2))
    await cache.purge_user(PERSON)
    assert [message.id async for message in cache.iter_messages()] == [2]


async def test_a_guild_that_the_person_owns_stays(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_guild(samples.guild(owner_id=str(PERSON)))
    await cache.set_guild({"id": str(OTHER_GUILD), "owner_id": str(PERSON)})  # of which hikari makes no guild
    await cache.purge_user(PERSON)
    assert (await cache.get_guild(GUILD)).owner_id == PERSON
    assert await cache.iter_guilds().len() == 2


async def test_many_rows(cache: sake_lite.SQLiteCache) -> None:
    for number in range(1, 251):
        await cache.set_message(_mention(number) if number % 2 else samples.message(number, author=PERSON))
    await cache.purge_user(PERSON)
    assert [message.id async for message in cache.iter_messages()] == [*range(1, 251, 2)]
    assert [message.user_mentions_ids async for message in cache.iter_messages()] == [[5]] * 125


async def test_expired_and_damaged_rows_go_too(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await cache.set_message(_mention(1), expire_time=0)
    await cache.set_message(_mention(2))
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE messages SET checksum = checksum + 1 WHERE message_id = 2")
    await cache.purge_user(PERSON)
    assert _rows_with(path, str(PERSON)) == []


async def test_the_own_user_can_be_purged(cache: sake_lite.SQLiteCache) -> None:
    await cache.set_me(samples.me(PERSON))
    await cache.purge_user(PERSON)
    with pytest.raises(sake_lite.EntryNotFound):
        await cache.get_me()


async def test_nobody(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await _fill(cache)
    before = _rows_with(path, str(PERSON))
    for user_id in (1, 2**70, -1):
        await cache.purge_user(user_id)
    assert _rows_with(path, str(PERSON)) == before
    with pytest.raises(TypeError):
        await cache.purge_user("1")  # pyright: ignore[reportArgumentType]


async def test_a_cache_with_fewer_resources(path: pathlib.Path) -> None:
    class Mine(sake_lite.resources.MessageCache):
        """Messages alone."""

    async with Mine(path) as cache:
        await cache.set_message(_mention(1))
        await cache.set_message(samples.message(2, author=PERSON, channel_id=CHANNEL))
        await cache.purge_user(PERSON)
        assert [message.id async for message in cache.iter_messages()] == [1]
    check_file(path)


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_closing_in_the_middle_of_it_ends_it(turns: int, path: pathlib.Path) -> None:
    """Whatever it is waiting for, it ends, and what it has not done it says."""
    cache = sake_lite.SQLiteCache(path)
    async with cache:
        roles = [samples.role(number, tags={"bot_id": str(PERSON)}) for number in range(1, 250)]
        await cache.ingest("GUILD_CREATE", samples.guild_create(roles=roles))
        purging = asyncio.ensure_future(cache.purge_user(PERSON))
        for _ in range(turns):
            await asyncio.sleep(0.0003)
    async with asyncio.timeout(10):
        with contextlib.suppress(sake_lite.ClosedClient):
            await purging
    check_file(path)


def _damage_code(path: pathlib.Path, code: bytes, kind: str) -> None:
    """Flip a bit of an invite's code, or the one that says of what type it is, in the table and its indexes."""
    data = bytearray(path.read_bytes())
    text = 2 * len(code) + 13  # https://www.sqlite.org/fileformat.html#record_format
    changed = 0
    at = data.find(code)
    while at >= 0:
        # The types stand shortly before the code, but in the payload, where CBOR says just before it how long it is.
        head = data.rfind(text, max(0, at - 14), at)
        if data[at - 1] != 0x60 | len(code) and head >= 0:
            data[at + 1 if kind == "no UTF-8" else head] ^= 0x80 if kind == "no UTF-8" else 1
            changed += 1
        at = data.find(code, at + 1)
    assert changed == 4, "the table and three indexes"
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["bytes", "no UTF-8"])
async def test_a_damaged_key_does_not_keep_the_person_in_what_stands_behind_it(kind: str, path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 7):
            await cache.set_invite(samples.invite(f"code{number:02}", inviter=_person()))
        await cache.set_sticker(GUILD, samples.sticker(1, user=_person()))
    _damage_code(path, b"code03", kind)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.purge_user(PERSON)
        assert [invite.code async for invite in cache.iter_invites()] == [f"code{n:02}" for n in (1, 2, 4, 5, 6)]
        assert (await cache.check()).is_sound
    assert _rows_with(path, str(PERSON)) == []
    check_file(path)


# To be appended to tests/test_purge.py (with `from sake_lite import _purge`) once purge_user is mended.


def _damage_code_once(path: pathlib.Path, code: bytes, kind: str, place: int) -> None:
    """Flip one bit, in the table or in one of its indexes."""
    data = bytearray(path.read_bytes())
    text = 2 * len(code) + 13
    places: list[int] = []
    at = data.find(code)
    while at >= 0:
        head = data.rfind(text, max(0, at - 14), at)
        if data[at - 1] != 0x60 | len(code) and head >= 0:
            places.append(at + 1 if kind == "no UTF-8" else head)
        at = data.find(code, at + 1)
    assert len(places) == 4
    data[places[place]] ^= 0x80 if kind == "no UTF-8" else 1
    path.write_bytes(data)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("kind", ["bytes", "no UTF-8"])
async def test_one_flipped_bit_of_a_key_keeps_nothing_of_the_person(kind: str, place: int, path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 7):
            await cache.set_invite(samples.invite(f"code{number:02}", inviter=_person()))
        await cache.set_sticker(GUILD, samples.sticker(1, user=_person()))
    _damage_code_once(path, b"code03", kind, place)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.purge_user(PERSON)
    assert _rows_with(path, str(PERSON)) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("kind", ["bytes", "no UTF-8"])
async def test_a_damaged_key_at_the_end_of_a_step(
    kind: str, number: int, rows: int, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_purge, "_ROWS", rows)
    async with sake_lite.SQLiteCache(path) as cache:
        for each in range(1, 7):
            await cache.set_invite(samples.invite(f"code{each:02}", inviter=_person()))
        await cache.set_sticker(GUILD, samples.sticker(1, user=_person()))
    _damage_code(path, f"code{number:02}".encode(), kind)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.purge_user(PERSON)
    assert _rows_with(path, str(PERSON)) == []
