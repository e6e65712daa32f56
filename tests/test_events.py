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
from samples import CHANNEL, GUILD, USER, Payload

from sake_lite import EntryNotFound

if typing.TYPE_CHECKING:
    import pathlib

    import sake_lite

    Cache: typing.TypeAlias = sake_lite.SQLiteCache

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
        **more,
    )


async def test_ready(cache: Cache) -> None:
    await cache.set_me(samples.me(USER, username="another bot"))
    await cache.ingest("READY", {"user": samples.me(OTHER_USER), "guilds": [], "session_id": "s", "v": 10})
    assert (await cache.get_me()).id == OTHER_USER


async def test_resumed(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("RESUMED", {})
    assert await cache.iter_roles().len() == 2


async def test_user_update(cache: Cache) -> None:
    await cache.ingest("USER_UPDATE", samples.me(USER, username="renamed"))
    assert (await cache.get_me()).username == "renamed"
    assert (await cache.get_user(USER)).username == "renamed"
    assert await cache.iter_users().len() == 1


async def test_guild_create(cache: Cache) -> None:
    payload = _full_guild()
    before = copy.deepcopy(payload)
    await cache.ingest("GUILD_CREATE", payload)
    assert payload == before

    guild = await cache.get_guild(GUILD)
    assert (guild.name, guild.member_count) == (f"guild{GUILD}", 3)
    assert await _ids(cache.iter_guild_channels_for_guild(GUILD)) == [GUILD + 1, GUILD + 2]
    assert await _ids(cache.iter_emojis_for_guild(GUILD)) == [GUILD + 4]
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD, GUILD + 5]
    assert await _ids(cache.iter_members_for_guild(GUILD)) == [USER, USER + 1]
    assert await _ids(cache.iter_presences_for_guild(GUILD)) == [USER]
    assert await _ids(cache.iter_voice_states_for_guild(GUILD)) == [USER]
    state = await cache.get_voice_state(GUILD, USER)
    assert state.member is not None
    assert (state.member.id, state.member.guild_id) == (USER, GUILD)
    assert await _ids(cache.iter_users()) == [USER, USER + 1, USER + 7]


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
    ):
        assert await iterator.len() == 0, "an empty list empties"

    assert await cache.iter_roles_for_guild(OTHER_GUILD).len() == 2


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


async def test_guild_create_of_an_unavailable_guild_changes_nothing_else(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    await cache.ingest("GUILD_CREATE", {"id": str(GUILD), "unavailable": True})
    assert (await cache.get_guild(GUILD)).name == f"guild{GUILD}"
    assert await cache.iter_roles_for_guild(GUILD).len() == 2

    await cache.ingest("GUILD_CREATE", {"id": str(OTHER_GUILD), "unavailable": True})
    assert await _ids(cache.iter_guilds()) == [GUILD]


async def test_guild_update(cache: Cache) -> None:
    await cache.ingest("GUILD_CREATE", _full_guild())
    changed = samples.guild(name="renamed", roles=[samples.role(GUILD)], emojis=[])
    for name in ("joined_at", "large", "member_count"):
        del changed[name]
    await cache.ingest("GUILD_UPDATE", changed)

    guild = await cache.get_guild(GUILD)
    assert (guild.name, guild.member_count, guild.is_large) == ("renamed", 3, False)
    assert guild.joined_at is not None
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD]
    assert await cache.iter_emojis_for_guild(GUILD).len() == 0
    assert await cache.iter_guild_channels_for_guild(GUILD).len() == 2

    await cache.ingest("GUILD_UPDATE", {"id": str(GUILD), "name": "again"})
    assert await _ids(cache.iter_roles_for_guild(GUILD)) == [GUILD], "a list that is missing changes nothing"


async def test_guild_delete(cache: Cache) -> None:
    for number in (GUILD, OTHER_GUILD):
        await cache.ingest("GUILD_CREATE", _full_guild(number))
        await cache.ingest("MESSAGE_CREATE", samples.message(number, guild_id=number))
        await cache.ingest("INVITE_CREATE", samples.invite(str(number), guild_id=number))
    await cache.ingest("GUILD_DELETE", {"id": str(GUILD)})

    for table in cache.all_tables:
        if any(column.name == "guild_id" for column in table.columns):
            guilds = [
                entity.id if table.name == "guilds" else entity.guild_id
                async for entity in getattr(cache, f"iter_{table.name}")()
            ]
            assert set(guilds) == {OTHER_GUILD}, table.name


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
        await cache.ingest("CHANNEL_CREATE", samples.channel(number))
        await cache.ingest("MESSAGE_CREATE", samples.message(number, channel_id=number))
        await cache.ingest("INVITE_CREATE", samples.invite(str(number), channel_id=number))
        await cache.ingest("VOICE_STATE_UPDATE", samples.voice_state(number, number, guild_id=str(GUILD)))
    await cache.ingest("CHANNEL_DELETE", samples.channel(CHANNEL))

    assert await _ids(cache.iter_guild_channels()) == [CHANNEL + 1]
    assert await _ids(cache.iter_messages()) == [CHANNEL + 1]
    assert [invite.code async for invite in cache.iter_invites()] == [str(CHANNEL + 1)]
    assert await _ids(cache.iter_voice_states()) == [CHANNEL + 1]


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

    await cache.ingest("VOICE_STATE_UPDATE", {**state, "channel_id": str(CHANNEL + 1)})
    assert await cache.iter_voice_states_for_channel(CHANNEL).len() == 0
    assert await _ids(cache.iter_voice_states_for_channel(CHANNEL + 1)) == [USER]

    await cache.ingest("VOICE_STATE_UPDATE", {**state, "channel_id": None})
    assert await cache.iter_voice_states().len() == 0


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
    "READY": [{}, {"user": None}, {"user": {"id": "x"}}],
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
        await cache.ingest("GUILD_UPDATE", {"id": str(GUILD), "member_count": count})
        await cache.ingest("GUILD_MEMBER_ADD", samples.member(guild_id=str(GUILD)))
        assert (await cache.get_member(GUILD, USER)).id == USER
        await cache.ingest("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user()})


async def test_a_channel_that_becomes_what_hikari_does_not_know_is_gone(cache: Cache) -> None:
    await cache.ingest("CHANNEL_CREATE", samples.channel())
    await cache.ingest("CHANNEL_UPDATE", samples.channel(type=99))
    assert await cache.iter_guild_channels().len() == 0
