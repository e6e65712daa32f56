"""One small payload of every resource, by numbers: what the tests need that go over all tables.

The payloads that show what Discord documents are in `payloads.py`.
"""

from __future__ import annotations

import dataclasses
import typing

import loopback_discord

if typing.TYPE_CHECKING:
    import collections.abc

    import sake_lite

Payload: typing.TypeAlias = "dict[str, typing.Any]"

GUILD, CHANNEL, USER = 1_000_000_001, 2_000_000_001, 3_000_000_001


def user(number: int = USER, **more: object) -> Payload:
    return {
        "id": str(number),
        "username": f"user{number}",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "public_flags": 0,
        **more,
    }


def me(number: int = USER, **more: object) -> Payload:
    return user(number, mfa_enabled=False, flags=0, **more)


def member(number: int = USER, **more: object) -> Payload:
    return {
        "user": user(number),
        "nick": None,
        "roles": [],
        "joined_at": "2024-02-29T12:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
        **more,
    }


def role(number: int, **more: object) -> Payload:
    return {
        "id": str(number),
        "name": f"role{number}",
        "color": 0,
        "hoist": False,
        "position": 1,
        "permissions": "0",
        "managed": False,
        "mentionable": False,
        **more,
    }


def emoji(number: int, **more: object) -> Payload:
    return {
        "id": str(number),
        "name": f"emoji{number}",
        "roles": [],
        "require_colons": True,
        "managed": False,
        "animated": False,
        "available": True,
        **more,
    }


LISTS: typing.Final = ("channels", "emojis", "members", "presences", "roles", "stickers", "threads", "voice_states")


def guild(number: int = GUILD, **more: object) -> Payload:
    """Return a guild without its lists."""
    whole = loopback_discord.guild(number, f"guild{number}", [member(USER)])
    return {name: value for name, value in whole.items() if name not in {*LISTS, "unavailable"}} | {
        "member_count": 3,
        **more,
    }


def guild_create(number: int = GUILD, **more: object) -> Payload:
    """Return a guild with all its lists, empty unless given."""
    lists: Payload = {name: [] for name in LISTS}
    return guild(number, **{**lists, "unavailable": False, **more})


def channel(number: int = CHANNEL, guild_id: int = GUILD, **more: object) -> Payload:
    return {
        "id": str(number),
        "type": 0,
        "guild_id": str(guild_id),
        "name": f"channel{number}",
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
        "topic": None,
        "parent_id": None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        **more,
    }


def thread(number: int, parent_id: int = CHANNEL, guild_id: int = GUILD, **more: object) -> Payload:
    return {
        "id": str(number),
        "type": 11,
        "guild_id": str(guild_id),
        "parent_id": str(parent_id),
        "name": f"thread{number}",
        "owner_id": str(USER),
        "last_message_id": None,
        "member_count": 2,
        "message_count": 5,
        "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": False,
            "archive_timestamp": "2026-11-23T12:00:00+00:00",
            "auto_archive_duration": 1440,
            "locked": False,
        },
        **more,
    }


def sticker(number: int, **more: object) -> Payload:
    return {
        "id": str(number),
        "name": f"sticker{number}",
        "description": None,
        "tags": "tag",
        "type": 2,
        "format_type": 1,
        "available": True,
        **more,
    }


def message(
    number: int, author: int = USER, channel_id: int = CHANNEL, guild_id: int | None = GUILD, **more: object
) -> Payload:
    payload: Payload = {
        "id": str(number),
        "channel_id": str(channel_id),
        "author": user(author),
        "content": f"message{number}",
        "timestamp": "2026-11-23T12:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        **more,
    }
    return payload if guild_id is None else {**payload, "guild_id": str(guild_id)}


def presence(number: int = USER, guild_id: int = GUILD, **more: object) -> Payload:
    return {
        "user": {"id": str(number)},
        "guild_id": str(guild_id),
        "status": "online",
        "activities": [],
        "client_status": {"desktop": "online"},
        **more,
    }


def voice_state(number: int = USER, channel_id: int | None = CHANNEL, **more: object) -> Payload:
    return {
        "user_id": str(number),
        "channel_id": None if channel_id is None else str(channel_id),
        "session_id": "session",
        "deaf": False,
        "mute": False,
        "self_deaf": False,
        "self_mute": False,
        "self_video": False,
        "suppress": False,
        **more,
    }


def invite(code: str, channel_id: int = CHANNEL, guild_id: int = GUILD, **more: object) -> Payload:
    return {
        "code": code,
        "channel_id": str(channel_id),
        "guild_id": str(guild_id),
        "created_at": "2026-11-23T12:00:00+00:00",
        "max_age": 0,
        "max_uses": 0,
        "temporary": False,
        "uses": 0,
        **more,
    }


def thousands(number: int) -> int:
    """Spread numbers, so that neighbouring rows have no neighbouring IDs."""
    return 5_000_000_000 + number * 1_009


@dataclasses.dataclass(frozen=True)
class Sample:
    """How to store, get and delete the entry number `n` of one resource."""

    table: str
    store: collections.abc.Callable[[sake_lite.SQLiteCache, int], collections.abc.Awaitable[None]]
    get: collections.abc.Callable[[sake_lite.SQLiteCache, int], collections.abc.Awaitable[typing.Any]]
    delete: collections.abc.Callable[[sake_lite.SQLiteCache, int], collections.abc.Awaitable[None]]
    key: collections.abc.Callable[[typing.Any], typing.Any]
    expected: collections.abc.Callable[[int], typing.Any]

    def __str__(self) -> str:
        return self.table


SAMPLES: typing.Final[tuple[Sample, ...]] = (
    Sample(
        "emojis",
        lambda cache, n: cache.set_emoji(GUILD, emoji(thousands(n))),
        lambda cache, n: cache.get_emoji(thousands(n)),
        lambda cache, n: cache.delete_emoji(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "guilds",
        lambda cache, n: cache.set_guild(guild(thousands(n))),
        lambda cache, n: cache.get_guild(thousands(n)),
        lambda cache, n: cache.delete_guild(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "guild_channels",
        lambda cache, n: cache.set_guild_channel(channel(thousands(n))),
        lambda cache, n: cache.get_guild_channel(thousands(n)),
        lambda cache, n: cache.delete_guild_channel(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "invites",
        lambda cache, n: cache.set_invite(invite(f"code{n:06}")),
        lambda cache, n: cache.get_invite(f"code{n:06}"),
        lambda cache, n: cache.delete_invite(f"code{n:06}"),
        lambda entity: entity.code,
        lambda n: f"code{n:06}",
    ),
    Sample(
        "members",
        lambda cache, n: cache.set_member(GUILD, member(thousands(n))),
        lambda cache, n: cache.get_member(GUILD, thousands(n)),
        lambda cache, n: cache.delete_member(GUILD, thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "messages",
        lambda cache, n: cache.set_message(message(thousands(n))),
        lambda cache, n: cache.get_message(thousands(n)),
        lambda cache, n: cache.delete_message(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "presences",
        lambda cache, n: cache.set_presence(presence(thousands(n))),
        lambda cache, n: cache.get_presence(GUILD, thousands(n)),
        lambda cache, n: cache.delete_presence(GUILD, thousands(n)),
        lambda entity: entity.user_id,
        thousands,
    ),
    Sample(
        "roles",
        lambda cache, n: cache.set_role(GUILD, role(thousands(n))),
        lambda cache, n: cache.get_role(thousands(n)),
        lambda cache, n: cache.delete_role(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "stickers",
        lambda cache, n: cache.set_sticker(GUILD, sticker(thousands(n))),
        lambda cache, n: cache.get_sticker(thousands(n)),
        lambda cache, n: cache.delete_sticker(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "threads",
        lambda cache, n: cache.set_thread(thread(thousands(n))),
        lambda cache, n: cache.get_thread(thousands(n)),
        lambda cache, n: cache.delete_thread(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "users",
        lambda cache, n: cache.set_user(user(thousands(n))),
        lambda cache, n: cache.get_user(thousands(n)),
        lambda cache, n: cache.delete_user(thousands(n)),
        lambda entity: entity.id,
        thousands,
    ),
    Sample(
        "voice_states",
        lambda cache, n: cache.set_voice_state(GUILD, voice_state(thousands(n))),
        lambda cache, n: cache.get_voice_state(GUILD, thousands(n)),
        lambda cache, n: cache.delete_voice_state(GUILD, thousands(n)),
        lambda entity: entity.user_id,
        thousands,
    ),
)
"""All resources that have many rows; `me` has one."""


def iterate(cache: sake_lite.SQLiteCache, sample: Sample) -> sake_lite.CacheIterator[typing.Any]:
    return getattr(cache, f"iter_{sample.table}")()


async def keys(cache: sake_lite.SQLiteCache, sample: Sample) -> list[typing.Any]:
    return [sample.key(entity) async for entity in iterate(cache, sample)]
