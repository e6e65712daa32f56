"""Payloads as Discord documents them, by resource and label; each is what one test stores and reads back.

The shapes follow Discord's documentation, with the fields that hikari ignores too. Where hikari's factory (2.6 as 2.7)
refuses a documented shape, the payload is what the factory takes, and a comment says so. Fields that neither documents
are in none of them. Tests must not change what is in the dictionaries; a test that has to copies first.
"""

from __future__ import annotations

import datetime
import typing
from typing import Any

Payload: typing.TypeAlias = dict[str, Any]

GUILD_ID: typing.Final = "574921006817476608"
OTHER_GUILD_ID: typing.Final = "81384788765712384"
TEXT_CHANNEL_ID: typing.Final = "574921006817476610"
VOICE_CHANNEL_ID: typing.Final = "574921006817476612"
STAGE_CHANNEL_ID: typing.Final = "826912003452436481"
CATEGORY_ID: typing.Final = "574921006817476609"
DM_CHANNEL_ID: typing.Final = "1103498274538209301"
APPLICATION_ID: typing.Final = "1098765432109876543"
ROLE_ID: typing.Final = "641253895410221057"
BOOSTER_ROLE_ID: typing.Final = "641253895410221058"
EMOJI_ID: typing.Final = "705148136904982570"

# An invite is gone once it ends, so these have to be of today.
_NOW: typing.Final = datetime.datetime.now(datetime.UTC).replace(microsecond=417_000)


# Users.


def user(user_id: str = "115590097100865541", username: str = "ada.lovelace", **fields: Any) -> Payload:
    """Return a user with the fields that every user has."""
    return {
        "id": user_id,
        "username": username,
        "discriminator": "0",
        "global_name": "Ada",
        "avatar": "8342729096ea3675442027381ff50dfe",
        **fields,
    }


def full_user(user_id: str = "268473310986240001") -> Payload:
    """Return a user with every documented field that a bot may see."""
    return user(
        user_id,
        "grace.hopper",
        global_name="Grace 🐛 Hopper",
        avatar="a_1269e74af4df7417b13759eae50c83dc",
        bot=False,
        system=False,
        banner="06c16474723fe537c283b8efa61a30c8",
        accent_color=0x00FF7F,
        public_flags=1 << 6 | 1 << 22,
        avatar_decoration_data={
            "asset": "a_fed43ab12698df65902ba06727e20c0e",
            "sku_id": "1144058844004233369",
            "expires_at": 1_798_761_600,
        },
        collectibles={
            "nameplate": {
                "sku_id": "1377393484849643520",
                "asset": "nameplates/nameplates/twilight/",
                "label": "COLLECTIBLES_TWILIGHT_NAMEPLATE_A11Y",
                "palette": "cobalt",
            }
        },
        primary_guild={
            "identity_guild_id": OTHER_GUILD_ID,
            "identity_enabled": True,
            "tag": "DISC",
            "badge": "7d1734ae5a615e82bc7a4033b98fade8",
        },
    )


USERS: typing.Final[dict[str, Payload]] = {
    "plain": user(),
    "full": full_user(),
    "no names or pictures": user(
        "1200000000000000001",
        "nobody_in_particular",
        global_name=None,
        avatar=None,
        banner=None,
        accent_color=None,
        avatar_decoration_data=None,
        collectibles=None,
        primary_guild=None,
        public_flags=0,
    ),
    "black accent": user("1200000000000000002", "black", accent_color=0),
    "cleared primary guild": user(
        "1200000000000000003",
        "cleared",
        primary_guild={"identity_guild_id": None, "identity_enabled": None, "tag": None, "badge": None},
    ),
    "old bot": user(
        "159985870458322944", "MEE6", discriminator="4876", global_name=None, bot=True, public_flags=1 << 16
    ),
    "system": user("643945264868098049", "discord", system=True, bot=True, global_name=None),
}

OWN_USERS: typing.Final[dict[str, Payload]] = {
    "plain": user(
        "1098765432109876500",
        "analytical_engine",
        bot=True,
        global_name=None,
        avatar=None,
        verified=True,
        email=None,
        mfa_enabled=True,
        flags=0,
    ),
    "full": {
        **full_user("1098765432109876500"),
        "bot": True,
        "mfa_enabled": False,
        "locale": "en-GB",
        "verified": True,
        "email": "engine@example.com",
        "flags": 1 << 16 | 1 << 19,
        "premium_type": 2,
    },
}


# Roles.


def role(role_id: str = ROLE_ID, **fields: Any) -> Payload:
    """Return a role with the fields that every role has."""
    return {
        "id": role_id,
        "name": "Engineers",
        "color": 0x3498DB,
        "colors": {"primary_color": 0x3498DB, "secondary_color": None, "tertiary_color": None},
        "hoist": True,
        "icon": None,
        "unicode_emoji": None,
        "position": 3,
        "permissions": "1071698660929",
        "managed": False,
        "mentionable": True,
        "flags": 0,
        **fields,
    }


ROLES: typing.Final[dict[str, Payload]] = {
    "plain": role(),
    "everyone": role(
        GUILD_ID, name="@everyone", color=0, hoist=False, position=0, mentionable=False, permissions="2248473465835073"
    ),
    "without colors": {name: value for name, value in role("641253895410221100").items() if name != "colors"},
    "gradient": role(
        "641253895410221101",
        color=0xFF0055,
        colors={"primary_color": 0xFF0055, "secondary_color": 0x00AAFF, "tertiary_color": None},
    ),
    "holographic": role(
        "641253895410221102",
        color=11127295,
        colors={"primary_color": 11127295, "secondary_color": 16759788, "tertiary_color": 16761760},
        flags=1,
    ),
    "icon": role("641253895410221103", icon="c9ebb9bb4bf9c8bd41d5b8e5c9ad7b4a"),
    "unicode emoji": role("641253895410221104", unicode_emoji="👩‍💻"),
    "all permissions": role("641253895410221105", permissions=str(2**51 - 1)),
    # Among tags, null is `true` and absence is `false`.
    "bot tag": role("641253895410221106", managed=True, tags={"bot_id": "159985870458322944"}),
    "integration tag": role("641253895410221107", managed=True, tags={"integration_id": "33590653072239123"}),
    "booster tag": role(BOOSTER_ROLE_ID, managed=True, tags={"premium_subscriber": None}),
    "subscription tags": role(
        "641253895410221108",
        managed=True,
        tags={
            "integration_id": "33590653072239123",
            "subscription_listing_id": "1060234555223891005",
            "available_for_purchase": None,
        },
    ),
    "connections tag": role("641253895410221109", tags={"guild_connections": None}),
    "no tags": role("641253895410221110", tags={}),
}


# Emojis.


def emoji(emoji_id: str = EMOJI_ID, **fields: Any) -> Payload:
    """Return a guild's emoji, without the user who made it, whom only some may see."""
    return {
        "id": emoji_id,
        "name": "blobwave",
        "roles": [],
        "require_colons": True,
        "managed": False,
        "animated": False,
        "available": True,
        **fields,
    }


EMOJIS: typing.Final[dict[str, Payload]] = {
    "plain": emoji(),
    "full": emoji(
        "705148136904982571",
        name="party_blob",
        roles=[ROLE_ID, BOOSTER_ROLE_ID],
        user=full_user(),
        animated=True,
    ),
    "of an integration": emoji("705148136904982572", managed=True, require_colons=False),
    "unavailable": emoji("705148136904982573", available=False, user=user()),
}


# Channels of guilds.

OVERWRITES: typing.Final[list[Payload]] = [
    {"id": GUILD_ID, "type": 0, "allow": "0", "deny": "1024"},
    {"id": ROLE_ID, "type": 0, "allow": "274877925440", "deny": "2251799813685248"},
    {"id": "115590097100865541", "type": 1, "allow": "1049600", "deny": "0"},
]


def channel(channel_id: str, channel_type: int, **fields: Any) -> Payload:
    """Return a guild's channel with the fields that channels of all types have."""
    return {
        "id": channel_id,
        "type": channel_type,
        "guild_id": GUILD_ID,
        "name": f"channel-{channel_type}",
        "position": channel_type,
        "permission_overwrites": OVERWRITES,
        "parent_id": CATEGORY_ID,
        "flags": 0,
        **fields,
    }


def _posts(channel_id: str, channel_type: int, **fields: Any) -> Payload:
    """Return a channel of posts: a forum's or a media channel's."""
    return channel(
        channel_id,
        channel_type,
        topic="Read **the rules** before you post",
        nsfw=False,
        last_message_id="1104000000000000123",
        rate_limit_per_user=30,
        default_thread_rate_limit_per_user=120,
        default_auto_archive_duration=4320,
        available_tags=[
            {"id": "1104000000000000201", "name": "bug", "moderated": False, "emoji_id": None, "emoji_name": "🐛"},
            {"id": "1104000000000000202", "name": "blob", "moderated": True, "emoji_id": EMOJI_ID, "emoji_name": None},
            {"id": "1104000000000000203", "name": "other", "moderated": False, "emoji_id": None, "emoji_name": None},
        ],
        **fields,
    )


CHANNELS: typing.Final[dict[str, Payload]] = {
    "text": channel(
        TEXT_CHANNEL_ID,
        0,
        topic="24/7 chat about how to gank Mike #2 — 日本語もどうぞ",
        nsfw=True,
        last_message_id="1104000000000000001",
        rate_limit_per_user=21600,
        last_pin_timestamp="2024-02-29T23:59:59.123456+00:00",
        default_auto_archive_duration=60,
        default_thread_rate_limit_per_user=5,
    ),
    # hikari's factory needs `topic`, which is documented as optional.
    "bare text": channel(
        "574921006817476620", 0, topic=None, parent_id=None, permission_overwrites=[], last_message_id=None
    ),
    "voice": channel(
        VOICE_CHANNEL_ID,
        2,
        nsfw=False,
        bitrate=64000,
        user_limit=0,
        rtc_region=None,
        rate_limit_per_user=0,
        last_message_id=None,
    ),
    "voice with a region": channel(
        "574921006817476621",
        2,
        nsfw=True,
        bitrate=384000,
        user_limit=99,
        rtc_region="rotterdam",
        video_quality_mode=2,
        last_message_id="1104000000000000002",
    ),
    "category": channel(CATEGORY_ID, 4, parent_id=None, name="Tëxt ✏️ channels"),
    "news": channel(
        "574921006817476622",
        5,
        topic="Rumors about Half Life 3",
        nsfw=True,
        last_message_id="155117677105512449",
        last_pin_timestamp=None,
        default_auto_archive_duration=10080,
    ),
    "news with a pin": channel(
        "574921006817476623",
        5,
        topic=None,
        nsfw=False,
        last_message_id="155117677105512449",
        last_pin_timestamp="2024-02-29T23:59:59+00:00",
    ),
    "stage": channel(
        STAGE_CHANNEL_ID,
        13,
        topic=None,
        nsfw=False,
        bitrate=40000,
        user_limit=10000,
        rtc_region="us-east",
        video_quality_mode=1,
        last_message_id=None,
    ),
    "busy stage": channel(
        "826912003452436482",
        13,
        topic="Testing Testing, 123",
        nsfw=True,
        bitrate=64000,
        user_limit=50,
        rtc_region=None,
        last_message_id="1104000000000000003",
    ),
    "forum": _posts(
        "1104000000000000300",
        15,
        flags=1 << 4,
        default_reaction_emoji={"emoji_id": EMOJI_ID, "emoji_name": None},
        default_sort_order=1,
        default_forum_layout=2,
    ),
    "forum without defaults": _posts(
        "1104000000000000301", 15, default_reaction_emoji=None, default_sort_order=None, default_forum_layout=0
    ),
    "forum with a unicode emoji": {
        **_posts("1104000000000000303", 15, default_reaction_emoji={"emoji_id": None, "emoji_name": "❤️"}),
        "nsfw": True,
        "last_message_id": None,
    },
    "media with a custom emoji": {
        **_posts("1104000000000000304", 16, default_reaction_emoji={"emoji_id": EMOJI_ID, "emoji_name": None}),
        "nsfw": True,
        "default_sort_order": None,
    },
    "media": _posts(
        "1104000000000000302",
        16,
        flags=1 << 4 | 1 << 15,
        default_reaction_emoji={"emoji_id": None, "emoji_name": "❤️"},
        default_sort_order=0,
    ),
}


def thread(thread_id: str, thread_type: int, **fields: Any) -> Payload:
    """Return a thread, which is a channel too, though none that the cache keeps."""
    return {
        "id": thread_id,
        "type": thread_type,
        "guild_id": GUILD_ID,
        "parent_id": TEXT_CHANNEL_ID,
        "owner_id": "115590097100865541",
        "name": "don't buy dota-2",
        "last_message_id": None,
        "message_count": 1,
        "member_count": 5,
        "total_message_sent": 2,
        "rate_limit_per_user": 2,
        "flags": 0,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 1440,
            "archive_timestamp": "2024-04-12T23:40:39.855793+00:00",
            "locked": False,
            "create_timestamp": "2024-04-12T23:40:39.855000+00:00",
        },
        **fields,
    }


# Members.


def member(of: Payload | None = None, **fields: Any) -> Payload:
    """Return a member as in lists and from the REST API, without the guild."""
    return {
        "user": user() if of is None else of,
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [],
        "joined_at": "2015-04-26T06:26:56.936000+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
        **fields,
    }


MEMBERS: typing.Final[dict[str, Payload]] = {
    "plain": member(),
    "full": member(
        full_user(),
        nick="NOT API SUPPORT 🛠️",
        avatar="a_6fae1b5a2b3c4d5e6f708192a3b4c5d6",
        banner="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        roles=[ROLE_ID, BOOSTER_ROLE_ID],
        premium_since="2023-07-01T12:00:00+00:00",
        deaf=True,
        mute=True,
        flags=1 << 0 | 1 << 1 | 1 << 3,
        permissions="2147483647",
        avatar_decoration_data={"asset": "a_f3e1b5a2b3c4d5e6f708192a3b4c5d60", "sku_id": "1144058844004233369"},
    ),
    "timed out": member(
        user("1200000000000000010", "noisy"), communication_disabled_until="2099-11-15T20:00:00.500000+00:00"
    ),
    "boosting": member(
        user("1200000000000000011", "booster"),
        roles=[BOOSTER_ROLE_ID],
        premium_since=(_NOW - datetime.timedelta(days=90)).isoformat(),
    ),
    "pending": member(user("1200000000000000012", "newcomer"), pending=True, flags=1 << 4),
    "guest": member(user("1200000000000000013", "guest"), joined_at=None, flags=1 << 4),
    # What GUILD_MEMBER_UPDATE may leave out is documented.
    "sparse": {
        "user": user("1200000000000000014", "sparse"),
        "roles": [ROLE_ID],
        "joined_at": "2016-02-29T00:00:00+00:00",
        "avatar": None,
        "flags": 0,
    },
}


# Presences.


def presence(user_id: str = "115590097100865541", *activities: Payload, **fields: Any) -> Payload:
    """Return a presence as PRESENCE_UPDATE has it, of a user of whom only the ID is told."""
    return {
        "user": {"id": user_id},
        "guild_id": GUILD_ID,
        "status": "online",
        "activities": list(activities),
        "client_status": {"desktop": "online"},
        **fields,
    }


def activity(activity_type: int = 0, **fields: Any) -> Payload:
    """Return an activity with the fields that every activity has."""
    return {"name": "Rocket League", "type": activity_type, "created_at": 1_507_665_886_123, **fields}


ACTIVITIES: typing.Final[dict[str, Payload]] = {
    "game": activity(),
    "rich game": activity(
        url=None,
        application_id="379286085710381999",
        state="In a Match",
        details="Ranked Duos: 2-1",
        timestamps={"start": 15_112_000_660_000, "end": 15_112_000_660_999},
        party={"id": "9dd6594e-81b3-49f6-a6b5-a679e6a060d3", "size": [2, 2]},
        assets={
            "large_image": "351371005538729000",
            "large_text": "DFH Stadium",
            "large_url": "https://example.com/stadium",
            "small_image": "mp:external/abc/https/example.com/a.png",
            "small_text": "Silver III",
            "small_url": "https://example.com/rank",
        },
        secrets={
            "join": "025ed05c71f639de8bfaa0d679d7c94b2fdce12f",
            "spectate": "e7eb30d2ee025ed05c71ea495f770b76454ee4e0",
            "match": "4b2fdce12f639de8bfa7e3591b71a0d679d7c93f",
        },
        instance=True,
        flags=1 << 0 | 1 << 1 | 1 << 5,
        buttons=["Join the match", "Watch"],
        status_display_type=1,
    ),
    "stream": activity(1, name="Twitch", url="https://www.twitch.tv/discord", details="Science & Technology"),
    "listening": activity(
        2,
        name="Spotify",
        details="Clair de lune",
        state="Claude Debussy",
        flags=48,
        timestamps={"start": 1_615_400_000_001, "end": 1_615_400_300_002},
        party={"id": "spotify:115590097100865541"},
        assets={"large_image": "spotify:ab67616d0000b273", "large_text": "Suite bergamasque"},
    ),
    "watching": activity(3, name="a film", timestamps={"end": 1_615_400_300_002}, instance=False),
    "custom": activity(4, name="Custom Status", state="", emoji={"name": "🏳️‍🌈"}),
    "custom emoji": activity(
        4, name="Custom Status", state="at work", emoji={"name": "blobwave", "id": EMOJI_ID, "animated": True}
    ),
    "custom emoji alone": activity(4, name="Custom Status", state=None, emoji={"name": "b", "id": EMOJI_ID}),
    "competing": activity(5, name="an arena", party={}, assets={}, secrets={}, timestamps={}),
    "nulls": activity(url=None, details=None, state=None, emoji=None, timestamps={"start": 1_507_665_886_000}),
}

PRESENCES: typing.Final[dict[str, Payload]] = {
    "plain": presence(),
    "dnd everywhere": presence(
        "1200000000000000020", status="dnd", client_status={"desktop": "dnd", "mobile": "idle", "web": "online"}
    ),
    "idle on a phone": presence("1200000000000000021", status="idle", client_status={"mobile": "idle"}),
    "all activities": presence("1200000000000000022", *ACTIVITIES.values()),
    **{
        label: presence(f"12000000000000001{number:02}", one)
        for number, (label, one) in enumerate(ACTIVITIES.items(), start=1)
    },
    "full user": presence(user=full_user()),
}

# PRESENCE_UPDATE takes these away, so only `set_presence` can store them.
OFFLINE_PRESENCES: typing.Final[dict[str, Payload]] = {
    "offline": presence("1200000000000000023", status="offline", client_status={})
}


# Voice states.


def voice_state(of: Payload | None = None, **fields: Any) -> Payload:
    """Return a voice state as VOICE_STATE_UPDATE has it."""
    whose = member() if of is None else of
    return {
        "guild_id": GUILD_ID,
        "channel_id": VOICE_CHANNEL_ID,
        "user_id": whose["user"]["id"],
        "member": whose,
        "session_id": "90326bd25d71d39b9ef95b299e3872ff",
        "deaf": False,
        "mute": False,
        "self_deaf": False,
        "self_mute": False,
        "self_video": False,
        "suppress": False,
        "request_to_speak_timestamp": None,
        **fields,
    }


VOICE_STATES: typing.Final[dict[str, Payload]] = {
    "plain": voice_state(),
    "streaming": voice_state(MEMBERS["full"], self_stream=True, self_video=True),
    "not streaming": voice_state(MEMBERS["boosting"], self_stream=False),
    "silenced": voice_state(MEMBERS["timed out"], deaf=True, mute=True, self_deaf=True, self_mute=True),
    "stage": voice_state(channel_id=STAGE_CHANNEL_ID, suppress=True),
    "hand raised": voice_state(
        channel_id=STAGE_CHANNEL_ID, suppress=True, request_to_speak_timestamp="2021-03-31T18:45:31.297561+00:00"
    ),
    "without a member": {name: value for name, value in voice_state().items() if name != "member"},
}


# Invites.

PARTIAL_APPLICATION: typing.Final[Payload] = {
    "id": "755600276941176913",
    "name": "YouTube Together",
    "icon": "0bfa8e4a1c3e5d7f9b2d4c6e8a0f1b3d",
    "description": "",
    "cover_image": "7d4c6e8a0f1b3d0bfa8e4a1c3e5d7f9b",
    "verify_key": "6e5a1b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192",
    "max_participants": -1,
}


def invite(code: str = "0vCdhLbwjZZTWZLD", **fields: Any) -> Payload:
    """Return an invite as INVITE_CREATE has it, for a day from now."""
    return {
        "code": code,
        "channel_id": TEXT_CHANNEL_ID,
        "guild_id": GUILD_ID,
        "created_at": _NOW.isoformat(),
        "expires_at": (_NOW + datetime.timedelta(days=1)).isoformat(),
        "inviter": user(),
        "max_age": 86400,
        "max_uses": 0,
        "temporary": False,
        "type": 0,
        "uses": 0,
        **fields,
    }


def rest_invite(code: str, **fields: Any) -> Payload:
    """Return an invite with its metadata as the REST API has it: the guild and the channel are objects."""
    return {
        "type": 0,
        "code": code,
        "guild": {
            "id": GUILD_ID,
            "name": "CS:GO Fraggers Only",
            "splash": "3aa641b21acded468308a37eef43d7b3",
            "banner": "06c16474723fe537c283b8efa61a30c8",
            "description": "Very good description",
            "icon": "8342729096ea3675442027381ff50dfe",
            "features": ["NEWS", "DISCOVERABLE", "WELCOME_SCREEN_ENABLED"],
            "verification_level": 2,
            "vanity_url_code": "fraggers",
            "nsfw_level": 0,
            "premium_subscription_count": 5,
            "welcome_screen": {
                "description": "Welcome!",
                "welcome_channels": [
                    {
                        "channel_id": TEXT_CHANNEL_ID,
                        "description": "Follow for news",
                        "emoji_id": None,
                        "emoji_name": "📡",
                    },
                    {
                        "channel_id": VOICE_CHANNEL_ID,
                        "description": "Talk",
                        "emoji_id": EMOJI_ID,
                        "emoji_name": "blobwave",
                    },
                ],
            },
        },
        "channel": {"id": TEXT_CHANNEL_ID, "name": "illuminati", "type": 0},
        "inviter": full_user(),
        "expires_at": (_NOW + datetime.timedelta(days=7)).isoformat(),
        "uses": 3,
        "max_uses": 25,
        "max_age": 604800,
        "temporary": True,
        "created_at": _NOW.isoformat(),
        **fields,
    }


_EVENT: typing.Final[Payload] = {
    "id": "1105000000000000001",
    "guild_id": GUILD_ID,
    "creator_id": "115590097100865541",
    "name": "Book club",
    "description": None,
    "scheduled_start_time": "2099-01-01T18:00:00+00:00",
    "privacy_level": 2,
    "status": 1,
    "entity_id": None,
    "creator": user(),
    "user_count": 12,
    "image": "b1946ac92492d2347c6235b4d2611184",
}

INVITES: typing.Final[dict[str, Payload]] = {
    "plain": invite(),
    "limited": invite("limited", max_uses=5, uses=2, temporary=True, flags=1, role_ids=[ROLE_ID, BOOSTER_ROLE_ID]),
    "for ever": invite("forever", max_age=0, expires_at=None),
    "without max_age": {
        name: value for name, value in invite("ageless", expires_at=None).items() if name not in {"max_age", "inviter"}
    },
    "to a stream": invite("stream", channel_id=VOICE_CHANNEL_ID, target_type=1, target_user=full_user()),
    "to an activity": invite(
        "activity", channel_id=VOICE_CHANNEL_ID, target_type=2, target_application=PARTIAL_APPLICATION
    ),
    "to a described activity": invite(
        "described",
        channel_id=VOICE_CHANNEL_ID,
        target_type=2,
        target_application={
            "id": APPLICATION_ID,
            "name": "a game",
            "icon": None,
            "description": "of chess",
            "verify_key": "00" * 32,
        },
    ),
}

REST_INVITES: typing.Final[dict[str, Payload]] = {
    "plain": rest_invite("rest"),
    "with counts and roles": rest_invite(
        "counted",
        approximate_presence_count=1234,
        approximate_member_count=56789,
        roles=[
            {
                "id": ROLE_ID,
                "name": "Engineers",
                "position": 3,
                "color": 0x3498DB,
                "colors": {"primary_color": 0x3498DB, "secondary_color": 0xFFFFFF, "tertiary_color": None},
                "icon": None,
                "unicode_emoji": "🛠️",
            }
        ],
        flags=1,
    ),
    "for ever": rest_invite("rest-forever", max_age=0, max_uses=0, expires_at=None),
    "without max_age": {name: value for name, value in rest_invite("rest-ageless").items() if name != "max_age"},
    "to a voice event": rest_invite(
        "voice-event",
        # hikari 2.6 ignores the recurrence rule, which 2.7 reads.
        guild_scheduled_event={
            **_EVENT,
            "channel_id": VOICE_CHANNEL_ID,
            "entity_type": 2,
            "entity_metadata": None,
            "scheduled_end_time": None,
            "recurrence_rule": {
                "start": "2099-01-01T18:00:00+00:00",
                "end": None,
                "frequency": 1,
                "interval": 2,
                "by_weekday": None,
                "by_n_weekday": [{"n": 4, "day": 2}],
                "by_month": [1, 7],
                "by_month_day": [24],
                "by_year_day": None,
                "count": None,
            },
        },
    ),
    "to an external event": rest_invite(
        "outside",
        guild_scheduled_event={
            **_EVENT,
            "channel_id": None,
            "description": "Bring **your own** mug",
            "entity_type": 3,
            "entity_metadata": {"location": "the Café, 2nd floor"},
            "scheduled_end_time": "2099-01-01T20:00:00+00:00",
            "recurrence_rule": {
                "start": "2099-01-01T18:00:00+00:00",
                "end": "2100-01-01T18:00:00+00:00",
                "frequency": 3,
                "interval": 1,
                "by_weekday": [0, 1, 2, 3, 4],
                "by_n_weekday": None,
                "by_month": None,
                "by_month_day": None,
                "by_year_day": [1, 364],
                "count": 10,
            },
        },
    ),
    # The metadata is documented for guilds' invites only, but hikari's factory builds no invite without it here.
    "to a group chat": {
        **{name: value for name, value in rest_invite("group").items() if name != "guild"},
        "type": 1,
        "channel": {"id": DM_CHANNEL_ID, "name": None, "type": 3, "icon": None},
    },
}


# Messages.


def message(message_id: str, **fields: Any) -> Payload:
    """Return a message in a guild, as MESSAGE_CREATE has it: with a member that has no user.

    hikari's factory needs `flags`, which are documented as optional.
    """
    return {
        "id": message_id,
        "channel_id": TEXT_CHANNEL_ID,
        "guild_id": GUILD_ID,
        "author": user(),
        "member": {name: value for name, value in MEMBERS["plain"].items() if name != "user"},
        "content": "Supa Hot",
        "timestamp": "2024-07-11T17:27:07.299000+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        "nonce": "1104000000000000999",
        "channel_type": 0,
        **fields,
    }


def direct_message(message_id: str, **fields: Any) -> Payload:
    """Return a message outside of guilds, or one from the REST API: it names no guild and has no member."""
    whole = message(message_id, channel_id=DM_CHANNEL_ID, channel_type=1)
    return {**{name: value for name, value in whole.items() if name not in {"guild_id", "member"}}, **fields}


EMBED: typing.Final[Payload] = {
    "title": "title ~~(did you know you can have markdown here too?)~~",
    "type": "rich",
    "description": "this supports [named links](https://discord.com) on top of the previously shown subset",
    "url": "https://discord.com/developers",
    "timestamp": "2024-01-31T07:48:40.131000+00:00",
    "color": 12770926,
    "footer": {
        "text": "footer text",
        "icon_url": "https://cdn.example.com/footer.png",
        "proxy_icon_url": "https://images-ext-1.example.net/external/footer.png",
    },
    "image": {
        "url": "https://cdn.example.com/image.png",
        "proxy_url": "https://images-ext-1.example.net/external/image.png",
        "height": 600,
        "width": 800,
        "content_type": "image/png",
        "placeholder": "m/cFDQQ3d4eAeIeIh3h3eXiHCA==",
        "placeholder_version": 1,
        "description": "a picture",
        "flags": 0,
    },
    "thumbnail": {
        "url": "https://cdn.example.com/thumbnail.gif",
        "proxy_url": "https://images-ext-1.example.net/external/thumbnail.gif",
        "height": 64,
        "width": 64,
        "flags": 1 << 5,
    },
    "video": {
        "url": "https://cdn.example.com/video.mp4",
        "proxy_url": "https://images-ext-1.example.net/external/video.mp4",
        "height": 1080,
        "width": 1920,
    },
    "provider": {"name": "YouTube", "url": "https://www.youtube.com"},
    "author": {
        "name": "author name",
        "url": "https://discord.com",
        "icon_url": "https://cdn.example.com/author.png",
        "proxy_icon_url": "https://images-ext-1.example.net/external/author.png",
    },
    "fields": [
        {"name": "🤔", "value": "some of these properties have certain limits...", "inline": False},
        {"name": "😱", "value": "try exceeding some of them!", "inline": True},
        {"name": "🙄", "value": "an informative error should show up"},
    ],
}

ATTACHMENT: typing.Final[Payload] = {
    "id": "1106000000000000001",
    "filename": "Screenshot_2024.png",
    "size": 28_123,
    "url": "https://cdn.example.com/attachments/1/2/Screenshot_2024.png?ex=65d903de&is=65c68ede&hm=2481f30dd67f",
    "proxy_url": "https://media.example.net/attachments/1/2/Screenshot_2024.png?ex=65d903de",
}

_BUTTONS: typing.Final[Payload] = {
    "type": 1,
    "id": 1,
    "components": [
        {"type": 2, "id": 2, "style": 1, "label": "Click me!", "custom_id": "click_one"},
        {
            "type": 2,
            "id": 3,
            "style": 4,
            "label": "Delete",
            "custom_id": "delete:1",
            "disabled": True,
            "emoji": {"id": None, "name": "🔥"},
        },
        {
            "type": 2,
            "id": 4,
            "style": 2,
            "custom_id": "blob",
            "emoji": {"id": EMOJI_ID, "name": "blobwave", "animated": True},
        },
        {"type": 2, "id": 5, "style": 5, "label": "Docs", "url": "https://docs.example.com"},
        {"type": 2, "id": 6, "style": 6, "sku_id": "1144058844004233369"},
    ],
}

# Each select is in a row of its own. hikari's factory needs the `id` of every component, which Discord always fills in.
_SELECTS: typing.Final[list[Payload]] = [
    {
        "type": 1,
        "id": 10,
        "components": [
            {
                "type": 3,
                "id": 11,
                "custom_id": "class_select_1",
                "placeholder": "Choose a class",
                "min_values": 0,
                "max_values": 3,
                "disabled": False,
                "options": [
                    {"label": "Rogue", "value": "rogue", "description": "Sneak n stab", "emoji": {"name": "🗡️"}},
                    {"label": "Mage", "value": "mage", "emoji": {"name": "mage", "id": EMOJI_ID}, "default": True},
                    {"label": "Priest", "value": "priest"},
                ],
            }
        ],
    },
    {
        "type": 1,
        "id": 12,
        "components": [
            {
                "type": 5,
                "id": 13,
                "custom_id": "user_select",
                "default_values": [{"id": "115590097100865541", "type": "user"}],
            }
        ],
    },
    {"type": 1, "id": 14, "components": [{"type": 6, "id": 15, "custom_id": "role_select", "max_values": 25}]},
    {
        "type": 1,
        "id": 16,
        "components": [{"type": 7, "id": 17, "custom_id": "any_select", "placeholder": "Whoever", "disabled": True}],
    },
    {
        "type": 1,
        "id": 18,
        "components": [
            {
                "type": 8,
                "id": 19,
                "custom_id": "channel_select",
                "placeholder": "Where",
                "channel_types": [0, 5, 15],
                "disabled": True,
            }
        ],
    },
]

_MEDIA: typing.Final[Payload] = {
    "url": "https://cdn.example.com/webp.webp",
    "proxy_url": "https://images-ext-1.example.net/external/webp.webp",
    "height": 720,
    "width": None,
    "content_type": "image/webp",
    "attachment_id": "1106000000000000001",
}

_V2_COMPONENTS: typing.Final[list[Payload]] = [
    {"type": 10, "id": 1, "content": "# A heading\n-# and small print"},
    {
        "type": 9,
        "id": 2,
        "components": [{"type": 10, "id": 3, "content": "one"}, {"type": 10, "id": 4, "content": "two"}],
        "accessory": {"type": 11, "id": 5, "media": _MEDIA, "description": "alt text", "spoiler": True},
    },
    {
        "type": 9,
        "id": 6,
        "components": [{"type": 10, "id": 7, "content": "three"}],
        "accessory": {"type": 2, "id": 8, "style": 3, "label": "OK", "custom_id": "ok"},
    },
    {
        "type": 12,
        "id": 9,
        "items": [
            {"media": _MEDIA, "description": "first", "spoiler": False},
            {"media": {"url": "https://cdn.example.com/only.png", "width": 1280}, "spoiler": True},
            {"media": {"url": "https://cdn.example.com/loading.png", "loading_state": 1}, "description": None},
        ],
    },
    # hikari's factory needs `spacing`, which is documented as optional in requests; Discord fills it in.
    {"type": 14, "id": 10, "divider": True, "spacing": 2},
    {
        "type": 13,
        "id": 11,
        "file": {"url": "https://cdn.example.com/game.zip", "content_type": None},
        "spoiler": True,
        "name": "game.zip",
        "size": 12_345_678,
    },
    {
        "type": 17,
        "id": 12,
        "accent_color": 703487,
        "spoiler": True,
        "components": [
            {"type": 10, "id": 13, "content": "inside"},
            {"type": 14, "id": 14, "divider": False, "spacing": 1},
            {**_BUTTONS, "id": 15},
            {"type": 12, "id": 16, "items": [{"media": _MEDIA}]},
        ],
    },
    {"type": 17, "id": 17, "accent_color": None, "components": [{"type": 10, "id": 18, "content": "plain"}]},
    _BUTTONS,
]

_REACTIONS: typing.Final[list[Payload]] = [
    {
        "count": 3,
        "count_details": {"burst": 1, "normal": 2},
        "me": True,
        "me_burst": False,
        "emoji": {"id": None, "name": "👍🏽"},
        "burst_colors": ["#ffcc4d", "#1e1f22"],
    },
    {
        "count": 1,
        "count_details": {"burst": 0, "normal": 1},
        "me": False,
        "me_burst": True,
        "emoji": {"id": EMOJI_ID, "name": "blobwave", "animated": True},
        "burst_colors": [],
    },
    # The emoji was deleted since.
    {
        "count": 1,
        "count_details": {"burst": 0, "normal": 1},
        "me": False,
        "me_burst": False,
        "emoji": {"id": "705148136904982999", "name": None},
        "burst_colors": [],
    },
]

_POLL: typing.Final[Payload] = {
    "question": {"text": "Which is best?"},
    "answers": [
        {"answer_id": 1, "poll_media": {"text": "Tea", "emoji": {"id": None, "name": "🍵"}}},
        {"answer_id": 2, "poll_media": {"text": "Coffee", "emoji": {"id": EMOJI_ID, "name": "coffee"}}},
        {"answer_id": 3, "poll_media": {"text": "Neither"}},
    ],
    "expiry": "2099-07-12T17:27:07.299000+00:00",
    "allow_multiselect": True,
    "layout_type": 1,
    "results": {
        "is_finalized": False,
        "answer_counts": [{"id": 1, "count": 4, "me_voted": True}, {"id": 3, "count": 1, "me_voted": False}],
    },
}


def _interaction(interaction_id: str, interaction_type: int, **fields: Any) -> Payload:
    """Return what a message says of the interaction that it answers."""
    return {
        "id": interaction_id,
        "type": interaction_type,
        "user": user(),
        "authorizing_integration_owners": {"0": GUILD_ID, "1": "115590097100865541"},
        **fields,
    }


_SLASH_COMMAND: typing.Final[Payload] = _interaction("1107000000000000001", 2)

# What a thread has once somebody wrote in it, pinned that, and the bot was added.
_PINNED: typing.Final[Payload] = {
    "last_message_id": "1104000000000010039",
    "last_pin_timestamp": "2024-04-13T00:00:00+00:00",
    "member": {
        "user_id": "1098765432109876500",
        "join_timestamp": "2024-04-12T23:40:41.855793+00:00",
        "flags": 0,
    },
}

_OWN_MESSAGES: typing.Final[dict[str, Payload]] = {
    "plain": message("1104000000000010001"),
    "direct": direct_message("1104000000000010002", content="Hi, it's only us here"),
    "edited, loud and pinned": message(
        "1104000000000010003",
        edited_timestamp="2024-07-11T17:28:00+00:00",
        tts=True,
        pinned=True,
        flags=1 << 12,
        nonce=104_000_000_000_001,
        position=12,
    ),
    "without content": message("1104000000000010004", content=""),
    "much text": message("1104000000000010005", content='Ünicode\x00 \u202e\n\t"quotes" \'n 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ' * 90),
    "full member": message(
        "1104000000000010006",
        author=full_user(),
        member={name: value for name, value in MEMBERS["full"].items() if name != "user"},
    ),
    "embeds": message(
        "1104000000000010007",
        embeds=[
            EMBED,
            {"type": "article", "title": "only a title"},
            {"type": "rich", "color": 0, "description": "black", "footer": {"text": "no icon"}},
            {"type": "rich", "author": {"name": "no icon"}, "fields": []},
            {"type": "gifv", "url": "https://tenor.example.com/view/1", "provider": {"name": "Tenor"}},
            {"type": "image", "thumbnail": {"url": "https://cdn.example.com/thumbnail.png"}},
        ],
    ),
    "attachments": message(
        "1104000000000010008",
        content="",
        attachments=[
            ATTACHMENT,
            {
                **ATTACHMENT,
                "id": "1106000000000000002",
                "title": "Écran",
                "description": "what it shows",
                "content_type": "image/png",
                "height": 1440,
                "width": 2560,
                "placeholder": "YeIFDQB3d4eAeIeIh3h3eXiHCA==",
                "placeholder_version": 1,
                "ephemeral": True,
                "flags": 1 << 3,
            },
            {**ATTACHMENT, "id": "1106000000000000003", "content_type": "text/plain", "height": None, "width": None},
        ],
    ),
    "voice message": message(
        "1104000000000010009",
        content="",
        flags=1 << 13,
        attachments=[
            {
                **ATTACHMENT,
                "id": "1106000000000000004",
                "filename": "voice-message.ogg",
                "content_type": "audio/ogg",
                "duration_secs": 5.4600000381469727,
                "waveform": "AAAAAAAAAAAACAsUKzJNWE9BLCYaEQoDAAAA",
            }
        ],
    ),
    "buttons and selects": message("1104000000000010010", components=[_BUTTONS, *_SELECTS]),
    "components V2": message("1104000000000010011", content="", flags=1 << 15, components=_V2_COMPONENTS),
    "reactions": message("1104000000000010012", reactions=_REACTIONS),
    "reply": message(
        "1104000000000010013",
        type=19,
        message_reference={
            "type": 0,
            "message_id": "1104000000000010007",
            "channel_id": TEXT_CHANNEL_ID,
            "guild_id": GUILD_ID,
        },
        referenced_message=direct_message(
            "1104000000000010007",
            channel_id=TEXT_CHANNEL_ID,
            author=full_user(),
            embeds=[EMBED],
            attachments=[ATTACHMENT],
            reactions=_REACTIONS,
            components=[_BUTTONS],
            mentions=[user()],
            mention_roles=[ROLE_ID],
        ),
        mentions=[full_user()],
    ),
    "reply to what was deleted": message(
        "1104000000000010014",
        type=19,
        message_reference={
            "type": 0,
            "message_id": "1104000000000010098",
            "channel_id": TEXT_CHANNEL_ID,
            "guild_id": GUILD_ID,
        },
        referenced_message=None,
    ),
    "pin": message(
        "1104000000000010015",
        type=6,
        content="",
        message_reference={"message_id": "1104000000000010001", "channel_id": TEXT_CHANNEL_ID, "guild_id": GUILD_ID},
    ),
    "poll": message("1104000000000010016", content="", poll=_POLL),
    # A poll that does not end is documented as possible in the future.
    "poll without results": message(
        "1104000000000010017",
        poll={**{name: value for name, value in _POLL.items() if name != "results"}, "expiry": None},
    ),
    "finished poll": message(
        "1104000000000010042",
        poll={**_POLL, "allow_multiselect": False, "results": {"is_finalized": True, "answer_counts": []}},
    ),
    "poll result": message(
        "1104000000000010018",
        type=46,
        content="",
        message_reference={"type": 0, "message_id": "1104000000000010016", "channel_id": TEXT_CHANNEL_ID},
        embeds=[
            {
                "type": "poll_result",
                "fields": [
                    {"name": "poll_question_text", "value": "Which is best?", "inline": False},
                    {"name": "victor_answer_votes", "value": "4", "inline": False},
                ],
            }
        ],
    ),
    "stickers": message(
        "1104000000000010019",
        content="",
        sticker_items=[
            {"id": "749054660769218631", "name": "Wave", "format_type": 3},
            {"id": "1108000000000000001", "name": "own", "format_type": 1},
        ],
    ),
    "stickers of old": message(
        "1104000000000010020",
        stickers=[
            {
                "id": "749054660769218631",
                "pack_id": "847199849233514549",
                "name": "Wave",
                "description": "Wumpus waves hello",
                "tags": "wumpus, hello, sup, hi",
                "type": 1,
                "format_type": 3,
                "sort_value": 12,
            }
        ],
    ),
    "webhook": {
        **direct_message("1104000000000010021", channel_id=TEXT_CHANNEL_ID, guild_id=GUILD_ID),
        # A webhook's author is of its own kind: the ID is the webhook's.
        "author": {
            "id": "1109000000000000001",
            "username": "Captain Hook",
            "discriminator": "0000",
            "global_name": None,
            "avatar": None,
            "bot": True,
        },
        "webhook_id": "1109000000000000001",
        "application_id": APPLICATION_ID,
    },
    "crossposted": message("1104000000000010022", flags=1 << 0),
    "crosspost": message(
        "1104000000000010023",
        flags=1 << 1 | 1 << 2,
        webhook_id="1109000000000000002",
        message_reference={
            "type": 0,
            "message_id": "155117677105512450",
            "channel_id": "155117677105512449",
            "guild_id": OTHER_GUILD_ID,
        },
        mention_channels=[
            {"id": "155117677105512451", "guild_id": OTHER_GUILD_ID, "type": 5, "name": "announcements"},
            {"id": "155117677105512452", "guild_id": OTHER_GUILD_ID, "type": 0, "name": "général"},
        ],
    ),
    "followed a channel": message(
        "1104000000000010024",
        type=12,
        content="announcements",
        message_reference={"channel_id": "155117677105512449", "guild_id": OTHER_GUILD_ID},
    ),
    "mentions": message(
        "1104000000000010025",
        content=f"<@268473310986240001> <@&{ROLE_ID}> @everyone",
        mention_everyone=True,
        # MESSAGE_CREATE adds a partial member to each.
        mentions=[
            {**full_user(), "member": {name: value for name, value in MEMBERS["full"].items() if name != "user"}},
            user("1200000000000000030", "also"),
        ],
        mention_roles=[ROLE_ID, BOOSTER_ROLE_ID],
    ),
    "activity": message(
        "1104000000000010026",
        activity={"type": 3, "party_id": "spotify:115590097100865541"},
        application=PARTIAL_APPLICATION,
    ),
    "activity without a party": message(
        "1104000000000010027",
        activity={"type": 5},
        application={"id": APPLICATION_ID, "name": "a game", "icon": None, "description": "of chess"},
    ),
    "slash command": message(
        "1104000000000010028",
        type=20,
        application_id=APPLICATION_ID,
        webhook_id=APPLICATION_ID,
        flags=1 << 6,
        interaction_metadata=_SLASH_COMMAND,
        interaction={"id": "1107000000000000001", "type": 2, "name": "ping", "user": user()},
    ),
    "user command": message(
        "1104000000000010029",
        type=23,
        application_id=APPLICATION_ID,
        interaction_metadata={**_SLASH_COMMAND, "target_user": full_user()},
    ),
    "message command": message(
        "1104000000000010030",
        type=23,
        application_id=APPLICATION_ID,
        interaction_metadata={
            **_SLASH_COMMAND,
            "target_message_id": "1104000000000010001",
            "original_response_message_id": "1104000000000010029",
        },
    ),
    "component's answer": message(
        "1104000000000010031",
        application_id=APPLICATION_ID,
        interaction_metadata=_interaction("1107000000000000002", 3, interacted_message_id="1104000000000010010"),
    ),
    "component's later answer": message(
        "1104000000000010043",
        interaction_metadata=_interaction(
            "1107000000000000002",
            3,
            interacted_message_id="1104000000000010010",
            original_response_message_id="1104000000000010031",
        ),
    ),
    "modal's answer": message(
        "1104000000000010032",
        application_id=APPLICATION_ID,
        interaction_metadata=_interaction(
            "1107000000000000003",
            5,
            original_response_message_id="1104000000000010031",
            triggering_interaction_metadata=_interaction(
                "1107000000000000002", 3, interacted_message_id="1104000000000010010"
            ),
        ),
    ),
    "thread started": message(
        "1104000000000010033",
        flags=1 << 5,
        thread=thread(
            "1104000000000010033",
            11,
            last_message_id="1104000000000010034",
            applied_tags=["1104000000000000201"],
            member={
                "id": "1104000000000010033",
                "user_id": "115590097100865541",
                "join_timestamp": "2024-04-12T23:40:40.855793+00:00",
                "flags": 1,
            },
        ),
    ),
    "news thread started": message(
        "1104000000000010035", flags=1 << 5, thread=thread("1104000000000010035", 10, member_count=50, **_PINNED)
    ),
    "private thread": message(
        "1104000000000010036",
        thread=thread(
            "1104000000000010036",
            12,
            **_PINNED,
            thread_metadata={
                "archived": True,
                "auto_archive_duration": 60,
                "archive_timestamp": "2024-04-12T23:40:39.855793+00:00",
                "locked": True,
                "invitable": False,
                "create_timestamp": None,
            },
        ),
    ),
    "thread's first message": message(
        "1104000000000010037",
        type=21,
        content="",
        message_reference={"message_id": "1104000000000010033", "channel_id": TEXT_CHANNEL_ID, "guild_id": GUILD_ID},
        referenced_message=direct_message("1104000000000010033", channel_id=TEXT_CHANNEL_ID),
    ),
    "forward": message(
        "1104000000000010038",
        content="",
        flags=1 << 14,
        message_reference={
            "type": 1,
            "message_id": "155117677105512453",
            "channel_id": "155117677105512449",
            "guild_id": OTHER_GUILD_ID,
        },
        message_snapshots=[
            {
                "message": {
                    "type": 0,
                    "content": "the original",
                    "embeds": [EMBED],
                    "attachments": [ATTACHMENT],
                    "timestamp": "2023-12-31T23:59:59.999000+00:00",
                    "edited_timestamp": "2024-01-01T00:00:00+00:00",
                    "flags": 0,
                    "mentions": [full_user()],
                    "mention_roles": [ROLE_ID],
                    "sticker_items": [{"id": "749054660769218631", "name": "Wave", "format_type": 3}],
                    "components": [_BUTTONS],
                }
            },
            {"message": {"type": 0, "content": "", "embeds": [], "attachments": []}},
        ],
    ),
    "boost": message("1104000000000010039", type=8, content="2"),
    "role subscription": message(
        "1104000000000010040",
        type=25,
        content="",
        role_subscription_data={
            "role_subscription_listing_id": "1060234555223891005",
            "tier_name": "Gold",
            "total_months_subscribed": 3,
            "is_renewal": True,
        },
    ),
    "call": direct_message(
        "1104000000000010041",
        type=3,
        content="",
        call={"participants": ["115590097100865541"], "ended_timestamp": "2024-07-11T18:00:00.250000+00:00"},
    ),
}


def _reply_to(number: int, referenced: Payload) -> Payload:
    """Return a reply; what it replies to is as the REST API has it."""
    return message(
        f"11040000000000110{number:02}",
        type=19,
        message_reference={
            "type": 0,
            "message_id": referenced["id"],
            "channel_id": referenced["channel_id"],
            "guild_id": GUILD_ID,
        },
        referenced_message={
            name: value
            for name, value in referenced.items()
            if name not in {"guild_id", "member", "channel_type", "referenced_message"}
        },
    )


MESSAGES: typing.Final[dict[str, Payload]] = {
    **_OWN_MESSAGES,
    **{
        f"reply to {label}": _reply_to(number, _OWN_MESSAGES[label])
        for number, label in enumerate(
            (
                "edited, loud and pinned",
                "poll",
                "stickers",
                "webhook",
                "crosspost",
                "mentions",
                "activity",
                "modal's answer",
                "components V2",
                "reply",
                "forward",
            ),
            start=1,
        )
    },
}


# Guilds.


def guild(**fields: Any) -> Payload:
    """Return a guild, without what belongs to it, and without the fields that only GUILD_CREATE has."""
    return {
        "id": GUILD_ID,
        "name": "Difference Engineers",
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": "115590097100865541",
        "region": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
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
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
        "incidents_data": None,
        **fields,
    }


def full_guild(**fields: Any) -> Payload:
    """Return a guild with every documented field of its own, as GUILD_CREATE has it."""
    whole = guild(
        icon="a_1269e74af4df7417b13759eae50c83dc",
        icon_hash=None,
        splash="3aa641b21acded468308a37eef43d7b3",
        discovery_splash="3aa641b21acded468308a37eef43d7b4",
        afk_channel_id=VOICE_CHANNEL_ID,
        afk_timeout=3600,
        widget_enabled=True,
        widget_channel_id=TEXT_CHANNEL_ID,
        verification_level=4,
        default_message_notifications=1,
        explicit_content_filter=2,
        features=["ANIMATED_ICON", "COMMUNITY", "GUILD_TAGS", "NEWS", "VANITY_URL", "A_FEATURE_OF_TOMORROW"],
        mfa_level=1,
        application_id=APPLICATION_ID,
        system_channel_id=TEXT_CHANNEL_ID,
        system_channel_flags=1 << 0 | 1 << 3 | 1 << 5,
        rules_channel_id=TEXT_CHANNEL_ID,
        max_presences=None,
        max_members=500_000,
        vanity_url_code="difference-engineers",
        description="Brass, steam & punched cards",
        banner="9b6439a7de04f1d26af92f84ac9e1e4a",
        premium_tier=3,
        premium_subscription_count=33,
        preferred_locale="pt-BR",
        public_updates_channel_id=TEXT_CHANNEL_ID,
        max_video_channel_users=25,
        max_stage_video_channel_users=300,
        nsfw_level=3,
        premium_progress_bar_enabled=True,
        safety_alerts_channel_id=TEXT_CHANNEL_ID,
        incidents_data={
            "invites_disabled_until": "2099-01-02T03:04:05.678000+00:00",
            "dms_disabled_until": "2099-01-02T03:04:05+00:00",
            "dm_spam_detected_at": "2024-05-06T07:08:09+00:00",
            "raid_detected_at": "2024-05-06T07:08:10.000001+00:00",
        },
        joined_at="2020-08-15T10:11:12.131415+00:00",
        large=False,
        unavailable=False,
        member_count=3,
    )
    return {**whole, **fields}


def _without_guild(payload: Payload) -> Payload:
    """Return a payload as it is in a GUILD_CREATE, which names the guild only once."""
    return {name: value for name, value in payload.items() if name not in {"guild_id", "member"}}


def whole_guild() -> Payload:
    """Return a GUILD_CREATE with everything that belongs to the guild."""
    members = [MEMBERS["plain"], MEMBERS["full"], MEMBERS["timed out"]]
    return full_guild(
        roles=list(ROLES.values()),
        emojis=list(EMOJIS.values()),
        stickers=[
            {
                "id": "1108000000000000001",
                "name": "own",
                "description": None,
                "tags": "wave",
                "type": 2,
                "format_type": 1,
                "available": True,
                "guild_id": GUILD_ID,
                "user": user(),
            }
        ],
        members=members,
        channels=[
            *(_without_guild(one) for one in CHANNELS.values()),
            # A directory, which hikari does not know.
            _without_guild(channel("1104000000000000400", 14)),
        ],
        threads=[thread("1104000000000010033", 11)],
        presences=[_without_guild(presence(one["user"]["id"], *ACTIVITIES.values())) for one in members],
        voice_states=[
            _without_guild(VOICE_STATES["hand raised"]),
            _without_guild(VOICE_STATES["streaming"]),
            _without_guild(VOICE_STATES["silenced"]),
        ],
        stage_instances=[
            {
                "id": "840647391636226060",
                "guild_id": GUILD_ID,
                "channel_id": STAGE_CHANNEL_ID,
                "topic": "Testing Testing, 123",
                "privacy_level": 2,
                "discoverable_disabled": True,
                "guild_scheduled_event_id": None,
            }
        ],
        guild_scheduled_events=[
            {
                **_EVENT,
                "channel_id": VOICE_CHANNEL_ID,
                "entity_type": 2,
                "entity_metadata": None,
                "scheduled_end_time": None,
            }
        ],
        soundboard_sounds=[
            {
                "name": "Yay",
                "sound_id": "1106714396018884649",
                "volume": 0.75,
                "emoji_id": None,
                "emoji_name": "🎉",
                "guild_id": GUILD_ID,
                "available": True,
                "user": user(),
            }
        ],
    )


GUILDS: typing.Final[dict[str, Payload]] = {
    "plain": guild(),
    "full": full_guild(),
    "whole": whole_guild(),
    "large": full_guild(large=True, member_count=250_000, features=["CREATOR_MONETIZABLE"]),
    "empty lists": full_guild(
        roles=[], emojis=[], stickers=[], members=[], channels=[], threads=[], presences=[], voice_states=[]
    ),
}
