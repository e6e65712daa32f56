"""What each gateway event does to the file; one test for a line of the event table, in its order."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import sqlite3
import typing

import cbor2
import hikari
import pytest
import samples
from conftest import check_file
from samples import CHANNEL, GUILD, USER, Payload

from sake_lite import EntryNotFound, SQLiteCache

if typing.TYPE_CHECKING:
    import pathlib

    import sake_lite

    Cache: typing.TypeAlias = SQLiteCache

OTHER_GUILD, OTHER_USER = GUILD + 50, USER + 50


async def _ids(iterator: sake_lite.abc.CacheIterator[typing.Any]) -> list[int]:
    return [entity.user_id if hasattr(entity, "user_id") else entity.id async for entity in iterator]


def _full_guild(number: int = GUILD, **more: object) -> Payload:
    return samples.guild_create(
        number,
        channels=[
            samples.channel(number + 1),
            samples.channel(number + 2, type=4),
            samples.channel(number + 3, type=99),
        ],
        emojis=[samples.emoji(number + 4, user=samples.user(USER + 7))],
        roles=[samples.role(number), samples.role(number + 5)],
        members=[samples.member(USER), samples.member(USER + 1)],
        presences=[samples.presence(USER, 0)],
        voice_states=[samples.voice_state(USER, number + 2)],
        stickers=[samples.sticker(number + 6, user=samples.user(USER + 8))],
        threads=[samples.thread(number + 7, number + 1), samples.thread(number + 8, number + 1, type=99)],
        **more,
    )


def _ready(*guilds: int, shard: tuple[int, int] | None = None, **more: object) -> Payload:
    listed = [{"id": str(number), "unavailable": True} for number in guilds]
    return {"user": samples.me(USER), "guilds": listed, **({"shard": [*shard]} if shard else {}), **more}


async def _rows_of(cache: Cache, guild_id: int) -> set[str]:
    """Return the resources that have rows of a guild."""
    iterators = {
        table.name: getattr(cache, f"iter_{table.name}_for_guild")(guild_id)
        for table in cache.all_tables
        if "guild_id" in table.column_by_name and table.name != "guilds"
    }
    found = {name for name, iterator in iterators.items() if await iterator.len()}
    return found | ({"guilds"} if guild_id in await _ids(cache.iter_guilds()) else set())


async def _fill(cache: Cache, *guilds: int) -> None:
    """Store something of every resource in each guild."""
    for number in guilds:
        await cache.ingest("GUILD_CREATE", _full_guild(number))
        await cache.ingest("MESSAGE_CREATE", samples.message(number, guild_id=number))
        await cache.ingest("INVITE_CREATE", samples.invite(str(number), guild_id=number))


_ALL_OF_A_GUILD = {table.name for table in SQLiteCache.all_tables if "guild_id" in table.column_by_name}


async def test_ready(cache: Cache) -> None:
    await cache.set_me(samples.me(USER, username="another bot"))
    await cache.ingest("READY", _ready(user=samples.me(OTHER_USER), session_id="s", v=10))
    assert (await cache.get_me()).id == OTHER_USER


async def test_ready_removes_the_guilds_that_were_left(cache: Cache) -> None:
    await _fill(cache, GUILD, OTHER_GUILD)
    await cache.set_message(samples.message(1, guild_id=None))
    await cache.ingest("READY", _ready(OTHER_GUILD))
    assert await _rows_of(cache, GUILD) == set()
    assert await _rows_of(cache, OTHER_GUILD) == _ALL_OF_A_GUILD - {"presences", "voice_states"}
    assert await _ids(cache.iter_presences()) == await _ids(cache.iter_voice_states()) == []
    assert (await cache.get_message(1)).guild_id is None, "a direct message belongs to no guild"


async def test_ready_is_about_its_own_shard(cache: Cache) -> None:
    guilds = {number: (number << 22) + 5 for number in range(1, 7)}
    await _fill(cache, *guilds.values())
    await cache.ingest("READY", _ready(guilds[4], shard=(1, 3)))
    assert await _rows_of(cache, guilds[1]) == set(), "of this shard, and not listed"
    assert await _rows_of(cache, guilds[4]) == _ALL_OF_A_GUILD - {"presences", "voice_states"}, "listed"
    for number in (2, 3, 5, 6):
        assert await _rows_of(cache, guilds[number]) == _ALL_OF_A_GUILD, "of another shard"


async def test_ready_marks_guilds_as_unavailable_until_they_come(cache: Cache, path: pathlib.Path) -> None:
    await _fill(cache, GUILD)
    await cache.ingest("READY", _ready(GUILD, OTHER_GUILD))
    assert _awaited(path) == [GUILD, OTHER_GUILD]
    assert (await cache.get_guild(GUILD)).name == f"guild{GUILD}"
    assert await _ids(cache.iter_guilds()) == [GUILD], "nothing is known of the other one yet"
    await cache.ingest("GUILD_CREATE", {"id": str(GUILD), "unavailable": True})
    assert _awaited(path) == [GUILD, OTHER_GUILD], "an outage that is not over"
    await cache.ingest("GUILD_CREATE", _full_guild())
    assert _awaited(path) == [OTHER_GUILD]
    await cache.ingest("READY", _ready(GUILD))
    assert _awaited(path) == [GUILD]


def _awaited(path: pathlib.Path) -> list[int]:
    """Return the guilds that are noted as unavailable since READY; hikari's guilds do not say it."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        return [guild_id for (guild_id,) in other.execute("SELECT guild_id FROM awaited_guilds").fetchall()]


async def test_ready_without_a_list_of_guilds_says_nothing_of_them(cache: Cache) -> None:
    await _fill(cache, GUILD)
    await cache.ingest("READY", {"user": samples.me(USER)})
    assert await _rows_of(cache, GUILD) == _ALL_OF_A_GUILD


async def test_resumed(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("RESUMED", {})
    assert await cache.iter_roles().len() == 2


async def test_user_update(cache: Cache) -> None:
    await cache.ingest("USER_UPDATE", samples.me(USER, username="renamed"))
    assert (await cache.get_me()).username == "renamed"
    assert (await cache.get_user(USER)).username == "renamed"
    assert await cache.iter_users().len() == 1
    await cache.ingest("USER_UPDATE", samples.me(OTHER_USER))
    assert (await cache.get_me()).id == OTHER_USER, "there is one own user"


async def test_guild_create(cache: Cache, path: pathlib.Path) -> None:
    payload = _full_guild()
    before = copy.deepcopy(payload)
    await cache.ingest("GUILD_CREATE", payload)
    assert payload == before

    guild = await cache.get_guild(GUILD)
    assert (guild.name, guild.member_count) == (f"guild{GUILD}", 3)
    lists = {*samples.LISTS, "stage_instances", "guild_scheduled_events", "soundboard_sounds"}
    assert lists <= payload.keys()
    assert _stored_guild(path).keys() == payload.keys() - lists, "what it lists is stored by itself"
    assert await _ids(cache.iter_guild_channels_for_guild(GUILD)) == [GUILD + 1, GUILD + 2]
    assert await _ids(cache.iter_emojis_for_guild(GUILD)) == [GUILD + 4]
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD, GUILD + 5]
    assert await _ids(cache.iter_members_for_guild(GUILD)) == [USER, USER + 1]
    assert await _ids(cache.iter_presences_for_guild(GUILD)) == [USER]
    assert await _ids(cache.iter_voice_states_for_guild(GUILD)) == [USER]
    state = await cache.get_voice_state(GUILD, USER)
    assert state.member is not None
    assert (state.member.id, state.member.guild_id) == (USER, GUILD)
    assert await _ids(cache.iter_stickers_for_guild(GUILD)) == [GUILD + 6]
    assert await _ids(cache.iter_threads_for_guild(GUILD)) == [GUILD + 7]
    assert (await cache.get_thread(GUILD + 7)).guild_id == GUILD
    assert await _ids(cache.iter_users()) == [USER, USER + 1, USER + 7, USER + 8]


async def test_guild_create_replaces_what_it_lists(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_CREATE", _full_guild(OTHER_GUILD))
    fewer = samples.guild_create(GUILD, roles=[samples.role(GUILD, name="kept")], channels=[samples.channel(GUILD + 2)])
    await cache.ingest("GUILD_CREATE", fewer)
    assert [role.name async for role in cache.iter_roles_for_guild(GUILD)] == ["kept"]
    assert await _ids(cache.iter_guild_channels_for_guild(GUILD)) == [GUILD + 2]
    for iterator in (
        cache.iter_emojis_for_guild(GUILD),
        cache.iter_presences_for_guild(GUILD),
        cache.iter_voice_states_for_guild(GUILD),
        cache.iter_stickers_for_guild(GUILD),
        cache.iter_threads_for_guild(GUILD),
    ):
        assert await iterator.len() == 0, "an empty list empties"

    assert await cache.iter_roles_for_guild(OTHER_GUILD).len() == 2


async def test_guild_create_and_chunks_tell_who_is_offline(cache: Cache) -> None:
    offline = samples.presence(USER, status="offline")
    await cache.ingest("GUILD_CREATE", samples.guild_create(presences=[offline, samples.presence(OTHER_USER)]))
    assert await _ids(cache.iter_presences()) == [OTHER_USER]
    chunk = {"guild_id": str(GUILD), "members": [], "presences": [{**offline, "user": {"id": str(OTHER_USER)}}]}
    await cache.ingest("GUILD_MEMBERS_CHUNK", chunk)
    assert await _ids(cache.iter_presences()) == []


async def test_guild_create_with_part_of_the_members_keeps_the_others(cache: Cache) -> None:
    members = [samples.member(USER + number) for number in range(3)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=3))
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members[:1], member_count=3))
    assert await cache.iter_members_for_guild(GUILD).len() == 3


async def test_guild_create_with_all_members_forgets_the_others(cache: Cache) -> None:
    members = [samples.member(USER + number) for number in range(3)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=3))
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members[:2], member_count=2))
    assert await _ids(cache.iter_members_for_guild(GUILD)) == [USER, USER + 1]


async def test_guild_create_may_list_more_members_than_it_counts(cache: Cache) -> None:
    members = [samples.member(USER + number) for number in range(3)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=3))
    await cache.ingest("GUILD_CREATE", samples.guild_create(members=members[:2], member_count=1))
    assert await _ids(cache.iter_members_for_guild(GUILD)) == [USER, USER + 1]
    assert await cache.members_complete(GUILD)


async def test_guild_create_lists_voice_states_that_are_in_no_channel(cache: Cache) -> None:
    states = [samples.voice_state(USER, None), samples.voice_state(OTHER_USER)]
    await cache.ingest("GUILD_CREATE", samples.guild_create(voice_states=states))
    assert await _ids(cache.iter_voice_states()) == [OTHER_USER]


async def test_guild_create_of_an_unavailable_guild_changes_nothing_else(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_CREATE", {"id": str(GUILD), "unavailable": True})
    assert (await cache.get_guild(GUILD)).name == f"guild{GUILD}"
    assert await cache.iter_roles_for_guild(GUILD).len() == 2

    await cache.ingest("GUILD_CREATE", {"id": str(OTHER_GUILD), "unavailable": True})
    assert await _ids(cache.iter_guilds()) == [GUILD]


async def test_guild_update(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    changed = samples.guild(name="renamed", roles=[samples.role(GUILD)], emojis=[], stickers=[samples.sticker(5)])
    for name in ("joined_at", "large", "member_count"):
        del changed[name]
    await cache.ingest("GUILD_UPDATE", changed)

    guild = await cache.get_guild(GUILD)
    assert (guild.name, guild.member_count, guild.is_large) == ("renamed", 3, False)
    assert guild.joined_at is not None
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD]
    assert await cache.iter_emojis_for_guild(GUILD).len() == 0
    assert await _ids(cache.iter_stickers_for_guild(GUILD)) == [5]
    assert await cache.iter_guild_channels_for_guild(GUILD).len() == 2

    await cache.ingest("GUILD_UPDATE", samples.guild(OTHER_GUILD))
    assert await _ids(cache.iter_guilds()) == [GUILD], "an update makes no guild"

    await cache.ingest("GUILD_UPDATE", {"id": str(GUILD), "name": "again"})
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD], "a list that is missing changes nothing"


async def test_guild_delete(cache: Cache) -> None:
    await _fill(cache, GUILD, OTHER_GUILD)
    await cache.ingest("GUILD_DELETE", {"id": str(GUILD)})
    assert await _rows_of(cache, GUILD) == set()
    assert await _rows_of(cache, OTHER_GUILD) == _ALL_OF_A_GUILD


def _stored_guild(path: pathlib.Path) -> Payload:
    """Return a guild's payload as it is in the file; hikari's guilds do not say whether they are unavailable."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        ((data,),) = other.execute("SELECT data FROM guilds").fetchall()
    return cbor2.loads(data)


async def test_guild_delete_of_an_outage_keeps_everything(cache: Cache, path: pathlib.Path) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    assert await _ids(cache.iter_guilds()) == [GUILD]
    assert await cache.iter_members_for_guild(GUILD).len() == 2
    assert _stored_guild(path)["unavailable"] is True
    await cache.ingest("GUILD_CREATE", _full_guild())
    assert _stored_guild(path).get("unavailable") is False


@pytest.mark.parametrize("event", ["CHANNEL_CREATE", "CHANNEL_UPDATE"])
async def test_channel_create_and_update(event: str, cache: Cache) -> None:
    await cache.ingest(event, samples.channel(name="new"))
    assert (await cache.get_guild_channel(CHANNEL)).name == "new"
    await cache.ingest(event, {"id": "5", "type": 1, "recipients": [], "last_message_id": None})
    await cache.ingest(event, samples.channel(6, type=99))
    assert await _ids(cache.iter_guild_channels()) == [CHANNEL]


async def test_channel_delete(cache: Cache) -> None:
    for number in (CHANNEL, CHANNEL + 1):
        in_thread = number + 500
        await cache.ingest("CHANNEL_CREATE", samples.channel(number))
        await cache.ingest("THREAD_CREATE", samples.thread(in_thread, number))
        for where in (number, in_thread):
            await cache.ingest("MESSAGE_CREATE", samples.message(where, channel_id=where))
            await cache.ingest("INVITE_CREATE", samples.invite(str(where), channel_id=where))
            await cache.ingest("VOICE_STATE_UPDATE", samples.voice_state(where, where, guild_id=str(GUILD)))
    await cache.ingest("CHANNEL_DELETE", samples.channel(CHANNEL))

    left = [CHANNEL + 1, CHANNEL + 501]
    assert await _ids(cache.iter_guild_channels()) == left[:1]
    assert await _ids(cache.iter_threads()) == left[1:]
    assert await _ids(cache.iter_messages()) == left
    assert [invite.code async for invite in cache.iter_invites()] == [str(number) for number in left]
    assert await _ids(cache.iter_voice_states()) == left


async def test_channel_pins_update(cache: Cache) -> None:
    await cache.ingest("CHANNEL_CREATE", samples.channel())
    pinned = {"guild_id": str(GUILD), "channel_id": str(CHANNEL)}
    await cache.ingest("CHANNEL_PINS_UPDATE", {**pinned, "last_pin_timestamp": "2026-11-23T12:00:00+00:00"})
    channel = await cache.get_guild_channel(CHANNEL)
    assert isinstance(channel, hikari.GuildTextChannel)
    assert channel.last_pin_timestamp is not None

    await cache.ingest("CHANNEL_PINS_UPDATE", pinned)
    channel = await cache.get_guild_channel(CHANNEL)
    assert isinstance(channel, hikari.GuildTextChannel)
    assert channel.last_pin_timestamp is None

    await cache.ingest("CHANNEL_PINS_UPDATE", {"channel_id": "5"})
    assert await _ids(cache.iter_guild_channels()) == [CHANNEL]

    await cache.ingest("THREAD_CREATE", samples.thread(7))
    await cache.ingest("CHANNEL_PINS_UPDATE", {"channel_id": "7", "last_pin_timestamp": "2026-11-23T12:00:00+00:00"})
    assert (await cache.get_thread(7)).last_pin_timestamp is not None


@pytest.mark.parametrize("event", ["THREAD_CREATE", "THREAD_UPDATE"])
async def test_thread_create_and_update(event: str, cache: Cache) -> None:
    member = {"id": "7", "user_id": str(USER), "join_timestamp": "2026-11-23T12:00:00+00:00", "flags": 0}
    await cache.ingest(event, samples.thread(7, name="new", member=member))
    thread = await cache.get_thread(7)
    assert (thread.name, thread.parent_id) == ("new", CHANNEL)
    assert thread.member is not None
    assert thread.member.user_id == USER
    await cache.ingest(event, samples.thread(7, name="newer"))
    assert (await cache.get_thread(7)).name == "newer"
    await cache.ingest(event, samples.thread(7, type=99))
    assert await _ids(cache.iter_threads()) == [], "hikari has no class for that"


async def test_thread_delete(cache: Cache) -> None:
    for number in (7, 8):
        await cache.ingest("THREAD_CREATE", samples.thread(number))
        await cache.ingest("MESSAGE_CREATE", samples.message(number, channel_id=number))
    await cache.ingest("THREAD_DELETE", {"id": "7", "guild_id": str(GUILD), "parent_id": str(CHANNEL), "type": 11})
    assert await _ids(cache.iter_threads()) == await _ids(cache.iter_messages()) == [8]


async def test_thread_list_sync(cache: Cache) -> None:
    for number, parent in ((7, CHANNEL), (8, CHANNEL + 1), (9, CHANNEL + 2)):
        await cache.ingest("THREAD_CREATE", samples.thread(number, parent))
    await cache.ingest("THREAD_CREATE", samples.thread(10, CHANNEL + 9, OTHER_GUILD))
    member = {"id": "11", "user_id": str(USER), "join_timestamp": "2026-11-23T12:00:00+00:00", "flags": 0}
    threads: dict[str, typing.Any] = {"threads": [samples.thread(11, CHANNEL)], "members": [member]}
    parents = [str(CHANNEL), str(CHANNEL + 1)]
    await cache.ingest("THREAD_LIST_SYNC", {"guild_id": str(GUILD), "channel_ids": parents, **threads})
    assert await _ids(cache.iter_threads()) == [9, 10, 11]
    assert (await cache.get_thread(11)).member is not None

    await cache.ingest("THREAD_LIST_SYNC", {"guild_id": str(GUILD), **threads})
    assert await _ids(cache.iter_threads()) == [10, 11]
    await cache.ingest("THREAD_LIST_SYNC", {"guild_id": str(GUILD), "channel_ids": [], "threads": [], "members": []})
    assert await _ids(cache.iter_threads()) == [10]


async def test_thread_members_update(cache: Cache) -> None:
    await cache.ingest("READY", _ready(GUILD))
    await cache.ingest("THREAD_CREATE", samples.thread(7))
    await cache.ingest("THREAD_CREATE", samples.thread(8, type=12))
    for number in (7, 8, 9):
        update = {"id": str(number), "guild_id": str(GUILD), "member_count": 30}
        await cache.ingest("THREAD_MEMBERS_UPDATE", {**update, "removed_member_ids": [str(OTHER_USER)]})
    assert [thread.approximate_member_count async for thread in cache.iter_threads()] == [30, 30]

    for number in (7, 8):
        update = {"id": str(number), "guild_id": str(GUILD), "member_count": 29, "removed_member_ids": [str(USER)]}
        await cache.ingest("THREAD_MEMBERS_UPDATE", update)
    assert [(each.id, each.approximate_member_count) async for each in cache.iter_threads()] == [(7, 29)], (
        "the bot can no longer see the private one"
    )


async def test_threads_of_a_guild_create_know_that_their_member_is_the_bot(cache: Cache) -> None:
    member = {"join_timestamp": "2026-11-23T12:00:00+00:00", "flags": 0}
    payload = samples.guild_create(threads=[samples.thread(7, member=member), samples.thread(8)])
    await cache.ingest("GUILD_CREATE", payload)
    assert (await cache.get_thread(7)).member is None, "it is not known yet who the bot is"
    await cache.ingest("READY", _ready(GUILD))
    await cache.ingest("GUILD_CREATE", payload)
    thread = await cache.get_thread(7)
    assert thread.member is not None
    assert (thread.member.user_id, thread.member.thread_id) == (USER, 7)
    assert (await cache.get_thread(8)).member is None


async def test_guild_stickers_update(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    stickers = [samples.sticker(8), samples.sticker(9, user=samples.user(USER + 9))]
    await cache.ingest("GUILD_STICKERS_UPDATE", {"guild_id": str(GUILD), "stickers": stickers})
    assert await _ids(cache.iter_stickers_for_guild(GUILD)) == [8, 9]
    assert (await cache.get_user(USER + 9)).id == USER + 9


async def test_guild_emojis_update(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    emojis = [samples.emoji(8), samples.emoji(9, user=samples.user(USER + 9))]
    await cache.ingest("GUILD_EMOJIS_UPDATE", {"guild_id": str(GUILD), "emojis": emojis})
    assert await _ids(cache.iter_emojis_for_guild(GUILD)) == [8, 9]
    assert (await cache.get_user(USER + 9)).id == USER + 9


async def test_guild_member_add(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_MEMBER_ADD", samples.member(OTHER_USER, guild_id=str(GUILD)))
    assert (await cache.get_member(GUILD, OTHER_USER)).id == OTHER_USER
    assert (await cache.get_user(OTHER_USER)).id == OTHER_USER
    assert (await cache.get_guild(GUILD)).member_count == 4


async def test_guild_member_update(cache: Cache) -> None:
    await cache.ingest("GUILD_MEMBER_ADD", samples.member(mute=True, guild_id=str(GUILD)))
    changed = samples.member(nick="renamed", guild_id=str(GUILD))
    del changed["mute"], changed["deaf"]
    await cache.ingest("GUILD_MEMBER_UPDATE", changed)
    member = await cache.get_member(GUILD, USER)
    assert (member.nickname, member.is_mute) == ("renamed", True)

    await cache.ingest("GUILD_MEMBER_UPDATE", samples.member(OTHER_USER, guild_id=str(GUILD)))
    assert (await cache.get_member(GUILD, OTHER_USER)).id == OTHER_USER
    assert (await cache.get_user(OTHER_USER)).id == OTHER_USER


async def test_guild_member_remove(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user(USER)})
    assert await _ids(cache.iter_members()) == [USER + 1]
    assert await cache.iter_presences().len() == 0
    assert await cache.iter_voice_states().len() == 0
    assert (await cache.get_guild(GUILD)).member_count == 2


async def test_guild_members_chunk(cache: Cache) -> None:
    chunk = {
        "guild_id": str(GUILD),
        "members": [samples.member(USER), samples.member(OTHER_USER)],
        "presences": [{**samples.presence(USER), "guild_id": None}],
        "chunk_index": 0,
        "chunk_count": 1,
    }
    await cache.ingest("GUILD_MEMBERS_CHUNK", chunk)
    assert await _ids(cache.iter_members_for_guild(GUILD)) == [USER, OTHER_USER]
    assert await _ids(cache.iter_users()) == [USER, OTHER_USER]
    assert await _ids(cache.iter_presences_for_guild(GUILD)) == [USER]

    whole = samples.presence(user=samples.user(9))
    await cache.ingest("GUILD_MEMBERS_CHUNK", {"guild_id": str(GUILD), "members": [], "presences": [whole]})
    assert (await cache.get_user(9)).id == 9


async def test_guild_role_create_update_delete(cache: Cache) -> None:
    await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(1, name="first")})
    await cache.ingest("GUILD_ROLE_UPDATE", {"guild_id": str(GUILD), "role": samples.role(1, name="second")})
    assert (await cache.get_role(1)).name == "second"
    await cache.ingest("GUILD_ROLE_DELETE", {"guild_id": str(GUILD), "role_id": "1"})
    assert await cache.iter_roles().len() == 0


async def test_invite_create_and_delete(cache: Cache) -> None:
    invite = samples.invite("code", inviter=samples.user(USER), target_user=samples.user(OTHER_USER))
    await cache.ingest("INVITE_CREATE", invite)
    assert (await cache.get_invite("code")).channel_id == CHANNEL
    assert await _ids(cache.iter_users()) == [USER, OTHER_USER]
    await cache.ingest("INVITE_DELETE", {"code": "code", "channel_id": str(CHANNEL)})
    assert await cache.iter_invites().len() == 0


async def test_message_create(cache: Cache) -> None:
    member = samples.member(USER, nick="nick")
    del member["user"]
    await cache.ingest("MESSAGE_CREATE", samples.message(1, member=member))
    assert (await cache.get_message(1)).content == "message1"
    assert (await cache.get_user(USER)).id == USER
    stored = await cache.get_member(GUILD, USER)
    assert (stored.nickname, stored.user.username) == ("nick", f"user{USER}")


@pytest.mark.parametrize("event", ["MESSAGE_CREATE", "VOICE_STATE_UPDATE", "INTERACTION_CREATE"])
async def test_what_a_member_is_seen_in_may_tell_only_part_of_them(event: str, cache: Cache) -> None:
    await cache.ingest("GUILD_MEMBER_ADD", samples.member(USER, mute=True, guild_id=str(GUILD)))
    part = samples.member(USER, nick="nick")
    del part["mute"]
    payload: Payload = {
        "MESSAGE_CREATE": samples.message(1, member={name: value for name, value in part.items() if name != "user"}),
        "VOICE_STATE_UPDATE": samples.voice_state(guild_id=str(GUILD), member=part),
        "INTERACTION_CREATE": {"id": "1", "guild_id": str(GUILD), "member": part},
    }[event]
    await cache.ingest(event, payload)
    member = await cache.get_member(GUILD, USER)
    assert (member.nickname, member.is_mute) == ("nick", True)


async def test_message_create_of_a_webhook_is_nobody(cache: Cache) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1, webhook_id="9", member=samples.member(USER)))
    assert (await cache.get_message(1)).webhook_id == 9
    assert await cache.iter_users().len() == 0
    assert await cache.iter_members().len() == 0


async def test_message_create_in_a_direct_message(cache: Cache) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1, guild_id=None))
    assert (await cache.get_message(1)).guild_id is None
    assert await _ids(cache.iter_messages_for_channel(CHANNEL)) == [1]


async def test_message_update(cache: Cache) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    await cache.ingest("MESSAGE_UPDATE", {"id": "1", "channel_id": str(CHANNEL), "content": "edited"})
    message = await cache.get_message(1)
    assert (message.content, message.author.id, message.guild_id) == ("edited", USER, GUILD)

    await cache.ingest("MESSAGE_UPDATE", {"id": "2", "channel_id": str(CHANNEL), "content": "of an unknown message"})
    await cache.ingest("MESSAGE_UPDATE", samples.message(3, content="whole"))
    assert [message.content async for message in cache.iter_messages()] == ["edited", "whole"]


async def test_message_delete_and_bulk(cache: Cache) -> None:
    for number in range(1, 6):
        await cache.ingest("MESSAGE_CREATE", samples.message(number))
    await cache.ingest("MESSAGE_DELETE", {"id": "1", "channel_id": str(CHANNEL)})
    await cache.ingest("MESSAGE_DELETE_BULK", {"ids": ["2", "4", "77"], "channel_id": str(CHANNEL)})
    assert await _ids(cache.iter_messages()) == [3, 5]


def _reaction(emoji: Payload, user_id: int = OTHER_USER, **more: object) -> Payload:
    return {"user_id": str(user_id), "channel_id": str(CHANNEL), "message_id": "1", "emoji": emoji, **more}


async def _reactions(cache: Cache) -> list[tuple[str, int, bool]]:
    return [(str(each.emoji), each.count, each.is_me) for each in (await cache.get_message(1)).reactions]


_TEA: Payload = {"id": None, "name": "🍵"}
_SAKE: Payload = {"id": "55", "name": "sake", "animated": False}


async def test_message_reaction_add_and_remove(cache: Cache) -> None:
    await cache.ingest("READY", _ready())
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_TEA))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_TEA, USER))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_SAKE))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction({**_SAKE, "name": "renamed"}))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction({"id": None, "name": "sake"}))
    assert await _reactions(cache) == [("🍵", 2, True), ("<:sake:55>", 2, False), ("sake", 1, False)]

    await cache.ingest("MESSAGE_REACTION_REMOVE", _reaction(_TEA, USER))
    await cache.ingest("MESSAGE_REACTION_REMOVE", _reaction({"id": "55", "name": None}))
    await cache.ingest("MESSAGE_REACTION_REMOVE", _reaction({"id": None, "name": "sake"}))
    await cache.ingest("MESSAGE_REACTION_REMOVE", _reaction({"id": None, "name": "never there"}))
    assert await _reactions(cache) == [("🍵", 1, False), ("<:sake:55>", 1, False)]
    await cache.ingest("MESSAGE_REACTION_ADD", {**_reaction(_TEA), "message_id": "2"})
    assert await _ids(cache.iter_messages()) == [1]


async def test_super_reactions_are_counted_by_themselves(cache: Cache) -> None:
    await cache.ingest("READY", _ready())
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_TEA, USER, burst=True, burst_colors=["#ff0000"]))
    await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_TEA, burst=False))
    (tea,) = (await cache.get_message(1)).reactions
    assert (tea.count, tea.count_details.burst, tea.count_details.normal) == (2, 1, 1)
    assert (tea.is_me, tea.is_me_burst, [*tea.burst_colors]) == (False, True, [hikari.Color(0xFF0000)])
    await cache.ingest("MESSAGE_REACTION_REMOVE", _reaction(_TEA, USER, burst=True))
    (tea,) = (await cache.get_message(1)).reactions
    assert (tea.count, tea.count_details.burst, tea.is_me_burst) == (1, 0, False)


async def test_message_reaction_remove_all_and_emoji(cache: Cache) -> None:
    there = [{"emoji": emoji, "count": 3, "me": False} for emoji in (_TEA, _SAKE, {"id": "56", "name": "sake"})]
    await cache.ingest("MESSAGE_CREATE", samples.message(1, reactions=there))
    gone = {"channel_id": str(CHANNEL), "message_id": "1"}
    await cache.ingest("MESSAGE_REACTION_REMOVE_EMOJI", {**gone, "emoji": _SAKE})
    assert await _reactions(cache) == [("🍵", 3, False), ("<:sake:56>", 3, False)]
    await cache.ingest("MESSAGE_REACTION_REMOVE_ALL", gone)
    assert await _reactions(cache) == []


async def test_reactions_know_the_bot_after_a_restart(path: pathlib.Path) -> None:
    async with SQLiteCache(path) as cache:
        await cache.ingest("READY", _ready())
        await cache.ingest("MESSAGE_CREATE", samples.message(1))
    async with SQLiteCache(path) as cache:
        await cache.ingest("MESSAGE_REACTION_ADD", _reaction(_TEA, USER))
        assert await _reactions(cache) == [("🍵", 1, True)]
    check_file(path)


async def test_presence_update(cache: Cache) -> None:
    await cache.ingest("PRESENCE_UPDATE", samples.presence())
    assert (await cache.get_presence(GUILD, USER)).visible_status == "online"
    assert await cache.iter_users().len() == 0, "an ID alone is no user"

    await cache.set_user(samples.user(USER, banner="banner"))
    await cache.ingest("PRESENCE_UPDATE", samples.presence(user=samples.user(USER, username="whole")))
    user = await cache.get_user(USER)
    assert (user.username, user.banner_hash) == ("whole", "banner")

    await cache.ingest("PRESENCE_UPDATE", samples.presence(status="offline"))
    assert await cache.iter_presences().len() == 0


async def test_voice_state_update(cache: Cache) -> None:
    member = samples.member(USER)
    state = samples.voice_state(guild_id=str(GUILD), member=member)
    await cache.ingest("VOICE_STATE_UPDATE", state)
    assert (await cache.get_voice_state(GUILD, USER)).channel_id == CHANNEL
    assert (await cache.get_member(GUILD, USER)).id == USER
    assert (await cache.get_user(USER)).id == USER

    await cache.ingest("VOICE_STATE_UPDATE", samples.voice_state(OTHER_USER, member=samples.member(OTHER_USER)))
    assert await cache.iter_voice_states().len() == 1, "a call in a direct message is of no guild"

    await cache.ingest("VOICE_STATE_UPDATE", {**state, "channel_id": str(CHANNEL + 1)})
    assert await cache.iter_voice_states_for_channel(CHANNEL).len() == 0
    assert await _ids(cache.iter_voice_states_for_channel(CHANNEL + 1)) == [USER]

    await cache.ingest("VOICE_STATE_UPDATE", {**state, "channel_id": None})
    assert await cache.iter_voice_states().len() == 0
    await cache.ingest("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user(USER)})
    await cache.ingest("VOICE_STATE_UPDATE", {**state, "channel_id": None})
    assert await cache.iter_members().len() == 0, "leaving a channel is no sign of being a member still"


async def test_interaction_create(cache: Cache, path: pathlib.Path) -> None:
    named = {str(number): samples.user(number) for number in (OTHER_USER, OTHER_USER + 1)}
    member = samples.member(USER, nick="nick", permissions="8")
    data: Payload = {
        "id": "1",
        "name": "command",
        "resolved": {"users": named, "members": {str(OTHER_USER): {"roles": []}}},
    }
    await cache.ingest("INTERACTION_CREATE", {"id": "1", "guild_id": str(GUILD), "member": member, "data": data})
    assert (await cache.get_member(GUILD, USER)).nickname == "nick"
    assert await _ids(cache.iter_members()) == [USER], "those that were named come in parts only"
    with contextlib.closing(sqlite3.connect(path)) as other:
        ((stored,),) = other.execute("SELECT data FROM members").fetchall()
    assert "permissions" not in cbor2.loads(stored), "they are those in the interaction's channel"
    assert await _ids(cache.iter_users()) == [USER, OTHER_USER, OTHER_USER + 1]

    await cache.ingest("INTERACTION_CREATE", {"id": "2", "user": samples.user(9), "data": {"custom_id": "button"}})
    assert (await cache.get_user(9)).id == 9


@pytest.mark.parametrize("event", ["TYPING_START", "NEVER_HEARD_OF"])
async def test_anything_else_changes_nothing(event: str, cache: Cache) -> None:
    await cache.ingest(event, {"channel_id": str(CHANNEL)})
    assert cache.stats().rows == 0


async def test_a_change_does_not_bring_back_what_was_deleted(cache: Cache) -> None:
    await cache.ingest("MESSAGE_CREATE", samples.message(1))
    await asyncio.gather(
        cache.ingest("MESSAGE_DELETE", {"id": "1", "channel_id": str(CHANNEL)}),
        cache.ingest("MESSAGE_UPDATE", {"id": "1", "channel_id": str(CHANNEL), "content": "too late"}),
    )
    with pytest.raises(EntryNotFound):
        await cache.get_message(1)


async def test_unchanged_rows_are_not_written_again(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    written = cache.stats().rows
    assert written > 10
    await cache.ingest("GUILD_CREATE", _full_guild())
    assert cache.stats().rows == written


_MALFORMED: dict[str, list[typing.Any]] = {
    "READY": [
        {},
        {"user": None},
        {"user": {"id": "x"}},
        {"user": samples.me(), "guilds": [], "shard": [3, 2]},
        {"user": samples.me(), "guilds": [], "shard": [0, 0]},
        {"user": samples.me(), "guilds": [{}]},
        {"user": samples.me(), "guilds": 5},
    ],
    "GUILD_CREATE": [
        {},
        {"id": None},
        {"id": "1", "roles": None},
        {"id": "1", "roles": [None]},
        {"id": "1", "members": [{}]},
    ],
    "GUILD_UPDATE": [{}, {"id": "1", "emojis": 5}],
    "GUILD_DELETE": [{}, {"id": []}],
    "CHANNEL_CREATE": [{}, {"type": 0}, {"type": 0, "id": "1"}, {"type": []}],
    "CHANNEL_DELETE": [{}],
    "GUILD_MEMBER_ADD": [{}, {"user": {}}, {"user": samples.user(), "guild_id": True}],
    "GUILD_MEMBER_UPDATE": [{}, {"user": samples.user()}],
    "GUILD_MEMBER_REMOVE": [{}, {"guild_id": "1"}],
    "GUILD_MEMBERS_CHUNK": [{}, {"guild_id": "1", "members": "x"}, {"guild_id": "1", "members": [1] * 100}],
    "GUILD_ROLE_CREATE": [{}, {"guild_id": "1", "role": {"id": str(2**70)}}],
    "GUILD_ROLE_DELETE": [{}],
    "GUILD_ROLE_UPDATE": [
        {"guild_id": "1", "role": samples.role(1, flags=flags)} for flags in (2**70, {1: 2}, b"x", {1}, "\ud800")
    ],
    "GUILD_EMOJIS_UPDATE": [{}, {"guild_id": "1", "emojis": [{"id": None}]}],
    "INVITE_CREATE": [
        {},
        {"code": ""},
        {"code": "\ud800"},
        {"code": "x", "max_age": 5},
        {"code": "x", "max_age": "x", "created_at": "x"},
    ],
    "INVITE_DELETE": [{}, {"code": 5}],
    "MESSAGE_CREATE": [{}, {"id": "1"}, {"id": "-1", "author": {"id": "1"}, "channel_id": "1"}],
    "MESSAGE_UPDATE": [{}, {"id": 1.5}, {"id": "1", "flags": 2**70}],
    "MESSAGE_DELETE": [{}],
    "MESSAGE_DELETE_BULK": [{}, {"ids": None}, {"ids": ["x"]}],
    "PRESENCE_UPDATE": [{}, {"status": "online", "user": {}}],
    "INTERACTION_CREATE": [{"user": {}}, {"guild_id": "1", "member": {"user": {}}}, {"data": 5}],
    "MESSAGE_REACTION_ADD": [{}, {"message_id": "1", "user_id": "1"}, {**_reaction({"id": "x"}), "message_id": "1"}],
    "MESSAGE_REACTION_REMOVE": [{}, {"message_id": "x", "user_id": "1", "emoji": {"name": "x"}}],
    "MESSAGE_REACTION_REMOVE_ALL": [{}],
    "MESSAGE_REACTION_REMOVE_EMOJI": [{}, {"message_id": "1", "emoji": {}}],
    "GUILD_STICKERS_UPDATE": [{}, {"guild_id": "1", "stickers": [{"id": None}]}],
    "THREAD_CREATE": [{}, {"type": 11, "id": "1"}, {"type": []}],
    "THREAD_UPDATE": [{}, {"type": 11, "id": "1", "guild_id": "1"}],
    "THREAD_DELETE": [{}, {"id": "x"}],
    "THREAD_LIST_SYNC": [{}, {"guild_id": "1"}, {"guild_id": "1", "threads": 5}],
    "THREAD_MEMBERS_UPDATE": [{}, {"id": "1", "removed_member_ids": ["x"]}],
    "USER_UPDATE": [{}],
    "VOICE_STATE_UPDATE": [{"guild_id": "1"}, {"guild_id": "1", "channel_id": "1"}],
}


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        pytest.param(event, payload, id=f"{event}-{number}")
        for event, payloads in _MALFORMED.items()
        for number, payload in enumerate([*payloads, None, [], "text", 5])
    ],
)
async def test_a_malformed_event_names_itself_and_costs_itself_alone(
    event: str, payload: typing.Any, cache: Cache
) -> None:
    before, after = (asyncio.ensure_future(cache.set_role(GUILD, samples.role(number))) for number in (1, 2))
    with pytest.raises(ValueError, match=event):
        await cache.ingest(event, payload)
    await asyncio.gather(before, after)
    assert cache.stats().rows == 2
    assert await _ids(cache.iter_roles()) == [1, 2]


async def test_an_event_cannot_spoil_a_good_row(cache: Cache) -> None:
    await cache.set_message(samples.message(1))
    with pytest.raises(ValueError, match="MESSAGE_UPDATE"):
        await cache.ingest("MESSAGE_UPDATE", {"id": "1", "flags": 2**70})
    assert (await cache.get_message(1)).content == "message1"


async def test_a_malformed_guild_does_not_cost_later_events(cache: Cache) -> None:
    for count in (None, "5"):
        await cache.set_guild(samples.guild())
        await cache.ingest("GUILD_UPDATE", {"id": str(GUILD), "member_count": count})
        await cache.ingest("GUILD_MEMBER_ADD", samples.member(guild_id=str(GUILD)))
        assert (await cache.get_member(GUILD, USER)).id == USER
        await cache.ingest("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user()})


async def test_a_channel_that_becomes_what_hikari_does_not_know_is_gone(cache: Cache) -> None:
    await cache.ingest("CHANNEL_CREATE", samples.channel())
    await cache.ingest("CHANNEL_UPDATE", samples.channel(type=99))
    assert await cache.iter_guild_channels().len() == 0
