"""What is put into the caches: one guild of many members, as Discord describes it, the same in every run."""

from __future__ import annotations

__all__ = ["GUILD", "READY", "Event", "Payload", "guild_events", "member", "member_ids", "messages"]

import random
import typing

if typing.TYPE_CHECKING:
    import collections.abc

Payload: typing.TypeAlias = "dict[str, typing.Any]"
Event: typing.TypeAlias = "tuple[str, Payload]"
"""A gateway dispatch: its name and its `d`."""

GUILD: typing.Final[int] = 881_207_955_029_110_000
_CHANNEL: typing.Final[int] = GUILD + 1
_ROLES: typing.Final = [str(GUILD + number) for number in range(10, 20)]

# Discord lists so many members of a large guild in its GUILD_CREATE, and so many in each chunk.
_LISTED: typing.Final[int] = 250
_CHUNK: typing.Final[int] = 1_000


READY: typing.Final[Event] = (
    "READY",
    {
        "v": 10,
        "user": {
            "id": "100",
            "username": "bot",
            "discriminator": "0",
            "global_name": None,
            "avatar": None,
            "bot": True,
            "mfa_enabled": True,
            "flags": 0,
            "verified": True,
        },
        "guilds": [{"id": str(GUILD), "unavailable": True}],
        "session_id": "benchmark",
        "shard": [0, 1],
    },
)
"""The beginning of the session in which everything else comes."""


def member_ids(count: int) -> list[int]:
    """Return the IDs of a guild's members, in no order, as those who join a guild have them."""
    numbers = random.Random(count)
    return [numbers.randrange(2**56, 2**60) for _ in range(count)]


def _user(user_id: int) -> Payload:
    return {
        "id": str(user_id),
        "username": f"somebody.{user_id % 1_000_000}",
        "discriminator": "0",
        "global_name": f"Some Body {user_id % 100_000}",
        "avatar": f"a_{user_id:032x}",
        "avatar_decoration_data": None,
        "public_flags": 256,
        "bot": False,
        "clan": None,
        "primary_guild": None,
    }


def member(user_id: int, nickname: str | None = None) -> Payload:
    """Return a member of 460 bytes."""
    return {
        "user": _user(user_id),
        "nick": nickname,
        "avatar": None,
        "banner": None,
        "roles": [_ROLES[(user_id + number) % len(_ROLES)] for number in range(4)],
        "joined_at": "2024-02-29T12:34:56.789000+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 2,
        "communication_disabled_until": None,
    }


def guild_events(user_ids: collections.abc.Sequence[int], guild_id: int = GUILD) -> list[Event]:
    """Return what Discord sends of a guild whose members are asked for: GUILD_CREATE, and the members in chunks."""
    members = [member(user_id) for user_id in user_ids]
    events: list[Event] = [("GUILD_CREATE", _guild(guild_id, members[:_LISTED], len(members)))]
    chunks = range(0, len(members), _CHUNK)
    for index, start in enumerate(chunks):
        chunk: Payload = {
            "guild_id": str(guild_id),
            "members": members[start : start + _CHUNK],
            "chunk_index": index,
            "chunk_count": len(chunks),
        }
        events.append(("GUILD_MEMBERS_CHUNK", chunk))
    return events


def _guild(guild_id: int, members: list[Payload], member_count: int) -> Payload:
    return {
        "id": str(guild_id),
        "name": "A guild of many",
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": members[0]["user"]["id"],
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 1,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "joined_at": "2024-02-29T12:00:00+00:00",
        "large": True,
        "member_count": member_count,
        "unavailable": False,
        # Sake asks Redis to set no keys, which Redis refuses, where one of the next three lists is empty.
        "roles": [_role(role_id) for role_id in _ROLES],
        "emojis": [
            {
                "id": str(GUILD + 100),
                "name": "blob",
                "roles": [],
                "require_colons": True,
                "managed": False,
                "animated": False,
                "available": True,
            }
        ],
        "channels": [_channel(_CHANNEL + number) for number in range(5)],
        "stickers": [],
        "threads": [],
        "members": members,
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def _role(role_id: str) -> Payload:
    return {
        "id": role_id,
        "name": f"role {role_id}",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": 1,
        "permissions": "1071698660929",
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def _channel(channel_id: int) -> Payload:
    return {
        "id": str(channel_id),
        "type": 0,
        "name": f"channel {channel_id}",
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
        "topic": None,
        "parent_id": None,
        "last_message_id": None,
        "last_pin_timestamp": None,
        "rate_limit_per_user": 0,
    }


def messages(user_ids: collections.abc.Sequence[int], *, first: int = 0) -> list[Event]:
    """Return one message from each of some members, numbered from `first`."""
    numbered = enumerate(user_ids, GUILD + 1_000 + first)
    return [("MESSAGE_CREATE", _message(message_id, user_id)) for message_id, user_id in numbered]


def _message(message_id: int, author_id: int) -> Payload:
    author = member(author_id)
    return {
        "id": str(message_id),
        "channel_id": str(_CHANNEL),
        "guild_id": str(GUILD),
        "author": author.pop("user"),
        "member": author,
        "content": "Has anybody seen my keys? I had them when I came in, and that was an hour ago at most.",
        "timestamp": "2026-11-23T12:00:00.123000+00:00",
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
        "components": [],
    }
