"""What goes into the cache comes out of its file unchanged: every resource, every payload, by `set_*` and by event."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime
import itertools
import typing

import attrs
import hikari
import payloads
import pytest
from conftest import check_file
from hikari import impl
from hikari.internal import enums

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from payloads import Payload

    Factory: typing.TypeAlias = impl.EntityFactoryImpl
    Event: typing.TypeAlias = "tuple[str, Payload]"

GUILD = hikari.Snowflake(payloads.GUILD_ID)


# Comparing entities. hikari's own `==` is by ID for most of them.

_LEAVES: typing.Final = (
    str,
    int,
    float,
    bytes,
    datetime.datetime,
    datetime.timedelta,
    enums.Enum,
    enums.Flag,
    hikari.UndefinedType,
    type(None),
)
_MISSING: typing.Final = "<not set>"


def _attributes(entity: object) -> dict[str, object]:
    """Return all that an entity keeps, by the attributes' names: attrs fields, slots and instance dictionaries."""
    kind = type(entity)
    names = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []
    for base in kind.__mro__:
        slots: str | typing.Iterable[str] = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    names += getattr(entity, "__dict__", {})
    unwanted = {"app", "_app", "__weakref__", "__dict__"}
    return {name: getattr(entity, name, _MISSING) for name in dict.fromkeys(names) if name not in unwanted}


def differences(actual: object, expected: object, where: str = "") -> collections.abc.Iterator[str]:
    """Yield, with its path, each value in which two entities differ; only the app that they are bound to may."""
    if type(actual) is not type(expected):
        yield f"{where}: {actual!r} is a {type(actual).__name__}, and {expected!r} a {type(expected).__name__}"
    elif isinstance(actual, _LEAVES):
        if actual != expected:
            yield f"{where}: {actual!r} is not {expected!r}"
    elif isinstance(actual, typing.Mapping):
        one = typing.cast("dict[object, object]", actual)
        other = typing.cast("dict[object, object]", expected)
        yield from differences(list(one), list(other), f"{where}.keys()")
        for key in one.keys() & other.keys():
            yield from differences(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(actual, typing.Sequence):
        items = typing.cast("list[object]", actual)
        others = typing.cast("list[object]", expected)
        if len(items) != len(others):
            yield f"{where}: {len(items)} items are not {len(others)}"
        for index, (item, other_item) in enumerate(zip(items, others, strict=False)):
            yield from differences(item, other_item, f"{where}[{index}]")
    else:
        attributes, wanted = _attributes(actual), _attributes(expected)
        if not attributes:
            yield f"{where}: {type(actual).__name__} has nothing to compare"
        for name in dict.fromkeys([*attributes, *wanted]):
            yield from differences(attributes.get(name, _MISSING), wanted.get(name, _MISSING), f"{where}.{name}")


def assert_same(actual: object, expected: object) -> None:
    assert list(differences(actual, expected, type(expected).__name__)) == []


# What there is to store, how, and what hikari makes of it.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """How the payloads of one resource are stored, got back, and built by hikari itself.

    Parameters
    ----------
    payloads
        What is stored, by label.
    store
        Stores a payload by the resource's `set_*` method.
    get
        Gets the entity back.
    build
        Builds the entity with hikari alone.
    events
        Each event that carries such a payload, as a function of it.
    unsent
        Payloads that no event carries into the cache.
    """

    payloads: dict[str, Payload]
    store: collections.abc.Callable[[sake_lite.SQLiteCache, Payload], collections.abc.Coroutine[None, None, None]]
    get: collections.abc.Callable[[sake_lite.SQLiteCache, Payload], collections.abc.Awaitable[object]]
    build: collections.abc.Callable[[Factory, Payload], object]
    events: dict[str, collections.abc.Callable[[Payload], Event]]
    unsent: dict[str, Payload] = dataclasses.field(default_factory=dict[str, "Payload"])


def _id(payload: Payload) -> hikari.Snowflake:
    return hikari.Snowflake(payload["id"])


def _user_id(payload: Payload) -> hikari.Snowflake:
    return hikari.Snowflake(payload["user"]["id"])


def _without(payload: Payload, *names: str) -> Payload:
    return {name: value for name, value in payload.items() if name not in names}


def _in_guild(payload: Payload) -> Payload:
    return {**payload, "guild_id": payloads.GUILD_ID}


def _guild_with(**lists: list[Payload]) -> Event:
    return "GUILD_CREATE", payloads.full_guild(**lists)


def _ready(user: Payload) -> Event:
    return "READY", {
        "v": 10,
        "user": user,
        "guilds": [{"id": payloads.GUILD_ID, "unavailable": True}],
        "session_id": "c0ffee00c0ffee00c0ffee00c0ffee00",
        "resume_gateway_url": "wss://gateway.example.com",
        "shard": [0, 1],
        "application": {"id": payloads.APPLICATION_ID, "flags": 0},
    }


def _chunk(members: list[Payload], **fields: object) -> Event:
    return "GUILD_MEMBERS_CHUNK", {
        "guild_id": payloads.GUILD_ID,
        "members": members,
        "chunk_index": 0,
        "chunk_count": 1,
        "not_found": [],
        "nonce": "abc",
        **fields,
    }


def _message_of(member: Payload) -> Event:
    """Return a message by a member, whose user is told as its author."""
    return "MESSAGE_CREATE", payloads.message(
        "1104000000000020001", author=member["user"], member=_without(member, "user")
    )


RESOURCES: typing.Final[dict[str, Resource]] = {
    "user": Resource(
        payloads=payloads.USERS,
        store=lambda cache, payload: cache.set_user(payload),
        get=lambda cache, payload: cache.get_user(_id(payload)),
        build=lambda factory, payload: factory.deserialize_user(payload),
        events={
            "USER_UPDATE": lambda payload: ("USER_UPDATE", payload),
            "GUILD_MEMBER_ADD": lambda payload: ("GUILD_MEMBER_ADD", _in_guild(payloads.member(payload))),
            "GUILD_MEMBER_UPDATE": lambda payload: ("GUILD_MEMBER_UPDATE", _in_guild(payloads.member(payload))),
            "GUILD_MEMBERS_CHUNK": lambda payload: _chunk([payloads.member(payload)]),
            "GUILD_CREATE's members": lambda payload: _guild_with(members=[payloads.member(payload)]),
            "GUILD_CREATE's emojis": lambda payload: _guild_with(emojis=[payloads.emoji(user=payload)]),
            "GUILD_EMOJIS_UPDATE": lambda payload: (
                "GUILD_EMOJIS_UPDATE",
                {"guild_id": payloads.GUILD_ID, "emojis": [payloads.emoji(user=payload)]},
            ),
            "MESSAGE_CREATE": lambda payload: (
                "MESSAGE_CREATE",
                payloads.direct_message("1104000000000020002", author=payload),
            ),
            "PRESENCE_UPDATE": lambda payload: ("PRESENCE_UPDATE", payloads.presence(user=payload)),
            "VOICE_STATE_UPDATE": lambda payload: (
                "VOICE_STATE_UPDATE",
                payloads.voice_state(payloads.member(payload)),
            ),
            "INVITE_CREATE's inviter": lambda payload: ("INVITE_CREATE", payloads.invite(inviter=payload)),
            "INVITE_CREATE's target": lambda payload: (
                "INVITE_CREATE",
                payloads.invite(target_type=1, target_user=payload),
            ),
        },
    ),
    "me": Resource(
        payloads=payloads.OWN_USERS,
        store=lambda cache, payload: cache.set_me(payload),
        get=lambda cache, _: cache.get_me(),
        build=lambda factory, payload: factory.deserialize_my_user(payload),
        events={"READY": _ready, "USER_UPDATE": lambda payload: ("USER_UPDATE", payload)},
    ),
    "role": Resource(
        payloads=payloads.ROLES,
        store=lambda cache, payload: cache.set_role(GUILD, payload),
        get=lambda cache, payload: cache.get_role(_id(payload)),
        build=lambda factory, payload: factory.deserialize_role(payload, guild_id=GUILD),
        events={
            **{
                name: lambda payload, name=name: (name, {"guild_id": payloads.GUILD_ID, "role": payload})
                for name in ("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE")
            },
            "GUILD_CREATE": lambda payload: _guild_with(roles=[payload]),
            "GUILD_UPDATE": lambda payload: ("GUILD_UPDATE", payloads.guild(roles=[payload])),
        },
    ),
    "emoji": Resource(
        payloads=payloads.EMOJIS,
        store=lambda cache, payload: cache.set_emoji(GUILD, payload),
        get=lambda cache, payload: cache.get_emoji(_id(payload)),
        build=lambda factory, payload: factory.deserialize_known_custom_emoji(payload, guild_id=GUILD),
        events={
            "GUILD_EMOJIS_UPDATE": lambda payload: (
                "GUILD_EMOJIS_UPDATE",
                {"guild_id": payloads.GUILD_ID, "emojis": [payload]},
            ),
            "GUILD_CREATE": lambda payload: _guild_with(emojis=[payload]),
            "GUILD_UPDATE": lambda payload: ("GUILD_UPDATE", payloads.guild(emojis=[payload])),
        },
    ),
    "guild channel": Resource(
        payloads=payloads.CHANNELS,
        store=lambda cache, payload: cache.set_guild_channel(payload),
        get=lambda cache, payload: cache.get_guild_channel(_id(payload)),
        build=lambda factory, payload: factory.deserialize_channel(payload),
        events={
            "CHANNEL_CREATE": lambda payload: ("CHANNEL_CREATE", payload),
            "CHANNEL_UPDATE": lambda payload: ("CHANNEL_UPDATE", payload),
            "GUILD_CREATE": lambda payload: _guild_with(channels=[_without(payload, "guild_id")]),
        },
    ),
    "guild": Resource(
        payloads=payloads.GUILDS,
        store=lambda cache, payload: cache.set_guild(payload),
        get=lambda cache, payload: cache.get_guild(_id(payload)),
        build=lambda factory, payload: factory.deserialize_gateway_guild(payload, user_id=hikari.Snowflake(1)).guild(),
        events={
            "GUILD_CREATE": lambda payload: ("GUILD_CREATE", payload),
            "GUILD_UPDATE": lambda payload: ("GUILD_UPDATE", payload),
        },
    ),
    "member": Resource(
        payloads=payloads.MEMBERS,
        store=lambda cache, payload: cache.set_member(GUILD, payload),
        get=lambda cache, payload: cache.get_member(GUILD, _user_id(payload)),
        build=lambda factory, payload: factory.deserialize_member(payload, guild_id=GUILD),
        events={
            "GUILD_MEMBER_ADD": lambda payload: ("GUILD_MEMBER_ADD", _in_guild(payload)),
            "GUILD_MEMBER_UPDATE": lambda payload: ("GUILD_MEMBER_UPDATE", _in_guild(payload)),
            "GUILD_MEMBERS_CHUNK": lambda payload: _chunk([payload]),
            "GUILD_CREATE": lambda payload: _guild_with(members=[payload]),
            "MESSAGE_CREATE": _message_of,
            "VOICE_STATE_UPDATE": lambda payload: ("VOICE_STATE_UPDATE", payloads.voice_state(payload)),
        },
    ),
    "presence": Resource(
        payloads=payloads.PRESENCES,
        store=lambda cache, payload: cache.set_presence(payload),
        get=lambda cache, payload: cache.get_presence(GUILD, _user_id(payload)),
        build=lambda factory, payload: factory.deserialize_member_presence(payload),
        events={
            "PRESENCE_UPDATE": lambda payload: ("PRESENCE_UPDATE", payload),
            "GUILD_MEMBERS_CHUNK": lambda payload: _chunk([], presences=[_without(payload, "guild_id")]),
            "GUILD_CREATE": lambda payload: _guild_with(presences=[_without(payload, "guild_id")]),
        },
        unsent=payloads.OFFLINE_PRESENCES,
    ),
    "voice state": Resource(
        payloads=payloads.VOICE_STATES,
        store=lambda cache, payload: cache.set_voice_state(GUILD, payload),
        get=lambda cache, payload: cache.get_voice_state(GUILD, hikari.Snowflake(payload["user_id"])),
        build=lambda factory, payload: factory.deserialize_voice_state(payload),
        events={
            "VOICE_STATE_UPDATE": lambda payload: ("VOICE_STATE_UPDATE", payload),
            "GUILD_CREATE": lambda payload: _guild_with(
                voice_states=[_without(payload, "guild_id", "member")],
                members=[payload["member"]] if "member" in payload else [],
            ),
        },
    ),
    "invite": Resource(
        payloads=payloads.INVITES,
        store=lambda cache, payload: cache.set_invite(payload),
        get=lambda cache, payload: cache.get_invite(payload["code"]),
        build=lambda factory, payload: factory.deserialize_invite_with_metadata({"max_age": 0, **payload}),
        events={"INVITE_CREATE": lambda payload: ("INVITE_CREATE", payload)},
        unsent={f"REST, {label}": payload for label, payload in payloads.REST_INVITES.items()},
    ),
    "message": Resource(
        payloads=payloads.MESSAGES,
        store=lambda cache, payload: cache.set_message(payload),
        get=lambda cache, payload: cache.get_message(_id(payload)),
        build=lambda factory, payload: factory.deserialize_message(payload),
        events={
            "MESSAGE_CREATE": lambda payload: ("MESSAGE_CREATE", payload),
            "MESSAGE_UPDATE": lambda payload: ("MESSAGE_UPDATE", payload),
        },
    ),
}

STORED: typing.Final = [
    pytest.param(resource, payload, id=f"{name}: {label}")
    for name, resource in RESOURCES.items()
    for label, payload in {**resource.payloads, **resource.unsent}.items()
]

SENT: typing.Final = [
    pytest.param(resource, payload, event, id=f"{name}: {label} by {carrier}")
    for name, resource in RESOURCES.items()
    for (label, payload), (carrier, event) in itertools.product(resource.payloads.items(), resource.events.items())
]


async def _reopened(path: pathlib.Path, resource: Resource, payload: Payload) -> tuple[object, object]:
    """Return what a new cache on the same file has, and what hikari itself builds."""
    check_file(path)
    async with sake_lite.SQLiteCache(path) as cache:
        got = await resource.get(cache, payload)
    check_file(path)
    return got, resource.build(impl.EntityFactoryImpl(cache.app), payload)


@pytest.mark.parametrize(("resource", "payload"), STORED)
async def test_what_is_set_comes_back(path: pathlib.Path, resource: Resource, payload: Payload) -> None:
    before = copy.deepcopy(payload)
    async with sake_lite.SQLiteCache(path) as cache:
        await resource.store(cache, payload)

    assert payload == before
    assert_same(*await _reopened(path, resource, payload))


@pytest.mark.parametrize(("resource", "payload", "event"), SENT)
async def test_what_an_event_brings_comes_back(
    path: pathlib.Path,
    resource: Resource,
    payload: Payload,
    event: collections.abc.Callable[[Payload], Event],
) -> None:
    name, sent = event(payload)
    before = copy.deepcopy(sent)
    async with sake_lite.SQLiteCache(path) as cache:
        if name == "GUILD_UPDATE":  # which changes a guild that is there
            await cache.set_guild({"id": sent["id"]})
        await cache.ingest(name, sent)

    assert sent == before
    assert_same(*await _reopened(path, resource, payload))


@pytest.mark.parametrize(("resource", "payload"), STORED)
async def test_setting_again_changes_nothing(path: pathlib.Path, resource: Resource, payload: Payload) -> None:
    """The same payload over itself, by both ways and after a restart, is still the same."""
    for _ in range(2):
        async with sake_lite.SQLiteCache(path) as cache:
            await resource.store(cache, payload)
            await resource.store(cache, payload)

    assert_same(*await _reopened(path, resource, payload))


async def test_a_whole_guild_comes_back(path: pathlib.Path) -> None:
    """Everything in one GUILD_CREATE is what hikari's own reading of it says, and nothing more."""
    payload = payloads.whole_guild()
    before = copy.deepcopy(payload)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", payload)

    assert payload == before
    check_file(path)
    async with sake_lite.SQLiteCache(path) as cache:
        whole = impl.EntityFactoryImpl(cache.app).deserialize_gateway_guild(payload, user_id=hikari.Snowflake(1))
        assert_same([one async for one in cache.iter_guilds()], [whole.guild()])
        for iterator, expected in (
            (cache.iter_guild_channels_for_guild(GUILD), whole.channels()),
            (cache.iter_emojis_for_guild(GUILD), whole.emojis()),
            (cache.iter_members_for_guild(GUILD), whole.members()),
            (cache.iter_presences_for_guild(GUILD), whole.presences()),
            (cache.iter_roles_for_guild(GUILD), whole.roles()),
            (cache.iter_voice_states_for_guild(GUILD), whole.voice_states()),
        ):
            assert expected
            assert_same([one async for one in iterator], [expected[key] for key in sorted(expected)])
        users = {user.id: user for user in [member.user for member in whole.members().values()]}
        users |= {emoji.user.id: emoji.user for emoji in whole.emojis().values() if emoji.user}
        assert_same([one async for one in cache.iter_users()], [users[key] for key in sorted(users)])
    check_file(path)


# Payloads stay their caller's.


def _spoil(value: object) -> None:
    """Change a payload and everything in it, in place."""
    if isinstance(value, dict):
        fields = typing.cast("dict[str, object]", value)
        for field in fields.values():
            _spoil(field)
        for name in fields:
            fields[name] = "spoiled"
        fields["more"] = {"spoiled": True}
    elif isinstance(value, list):
        items = typing.cast("list[object]", value)
        for item in items:
            _spoil(item)
        items[:] = ["spoiled", *items]


@pytest.mark.parametrize(("resource", "payload"), STORED)
async def test_a_payload_may_be_changed_while_it_is_being_set(
    path: pathlib.Path, resource: Resource, payload: Payload
) -> None:
    given = copy.deepcopy(payload)
    async with sake_lite.SQLiteCache(path) as cache:
        task = asyncio.create_task(resource.store(cache, given))
        # The loop runs this right after the task's first step, at whose end the method waits for the commit.
        asyncio.get_running_loop().call_soon(_spoil, given)
        await task

    assert given["more"] == {"spoiled": True}
    assert_same(*await _reopened(path, resource, payload))


@pytest.mark.parametrize(("resource", "payload"), STORED)
async def test_a_payload_may_be_changed_after_it_was_set(
    path: pathlib.Path, resource: Resource, payload: Payload
) -> None:
    given = copy.deepcopy(payload)
    async with sake_lite.SQLiteCache(path) as cache:
        await resource.store(cache, given)
        _spoil(given)
        got = await resource.get(cache, payload)

    assert_same(got, resource.build(impl.EntityFactoryImpl(cache.app), payload))
    assert_same(*await _reopened(path, resource, payload))


# The comparison itself.


def _change(payload: Payload, path: tuple[str | int, ...], value: object) -> Payload:
    changed = copy.deepcopy(payload)
    inner: typing.Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("name", "label", "steps", "value", "found"),
    [
        ("message", "embeds", ("embeds", 0, "fields", 2, "inline"), True, "Message.embeds[0]._fields[2]._inline"),
        (
            "message",
            "embeds",
            ("embeds", 0, "author", "icon_url"),
            "https://cdn.example.com/other.png",
            "Message.embeds[0]._author.icon.resource._url",
        ),
        (
            "message",
            "poll",
            ("poll", "answers", 1, "poll_media", "emoji", "name"),
            "tea",
            "Message.poll.answers[1].poll_media.emoji.name",
        ),
        (
            "message",
            "modal's answer",
            ("interaction_metadata", "triggering_interaction_metadata", "user", "global_name"),
            "A",
            "Message.interaction_metadata.triggering_interaction_metadata.user.global_name",
        ),
        ("message", "reactions", ("reactions", 0, "burst_colors"), [], "Message.reactions[0].burst_colors"),
        ("message", "forward", ("message_snapshots", 0, "message", "flags"), 4, "Message.message_snapshots[0].flags"),
        ("message", "attachments", ("attachments", 0, "height"), 0, "Message.attachments[0].height"),
        (
            "presence",
            "rich game",
            ("activities", 0, "timestamps", "end"),
            1,
            "MemberPresence.activities[0].timestamps.end",
        ),
        (
            "guild channel",
            "text",
            ("permission_overwrites", 1, "deny"),
            "1",
            f"GuildTextChannel.permission_overwrites[{payloads.ROLE_ID}].deny",
        ),
        ("guild channel", "text", ("permission_overwrites",), [], "GuildTextChannel.permission_overwrites.keys()"),
        (
            "voice state",
            "streaming",
            ("member", "user", "primary_guild", "tag"),
            "X",
            "VoiceState.member.user.primary_guild.tag",
        ),
        ("role", "gradient", ("colors", "secondary_color"), None, "Role.colors.secondary_color"),
    ],
)
def test_the_comparison_notices(
    path: pathlib.Path, name: str, label: str, steps: tuple[str | int, ...], value: object, found: str
) -> None:
    """One change deep inside is found where it is, though hikari says that the entities are equal."""
    resource = RESOURCES[name]
    payload = resource.payloads[label]
    factory = impl.EntityFactoryImpl(sake_lite.SQLiteCache(path).app)
    entity = resource.build(factory, payload)
    changed = resource.build(factory, _change(payload, steps, value))
    assert list(differences(resource.build(factory, payload), entity, "entity")) == []
    (difference,) = differences(changed, entity, type(entity).__name__)
    assert difference.startswith(f"{found}: ")
    if isinstance(entity, hikari.Unique):
        assert changed == entity


def test_the_comparison_tells_types_apart() -> None:
    """Values that are equal in Python need not be the same: a flag and its number, `False` and 0."""
    assert list(differences(hikari.Intents.GUILDS, 1, "flag"))
    assert list(differences(False, 0, "number"))
    assert list(differences(hikari.UnicodeEmoji("🐛"), "🐛", "emoji"))
    assert list(differences({"a": 1, "b": 2}, {"b": 2, "a": 1}, "order"))
    assert list(differences(hikari.UNDEFINED, None, "nothing"))
    assert list(differences(object(), object(), "blank"))


def test_snowflakes_are_as_long_as_those_of_discord() -> None:
    for resource in RESOURCES.values():
        for payload in {**resource.payloads, **resource.unsent}.values():
            assert all(17 <= len(snowflake) <= 19 for snowflake in _ids(payload))


def _ids(value: object) -> collections.abc.Iterator[str]:
    if isinstance(value, dict):
        for name, inner in typing.cast("dict[str, object]", value).items():
            if isinstance(inner, str) and (name == "id" or name.endswith("_id")):
                if inner.isdigit():
                    yield inner
            else:
                yield from _ids(inner)
    elif isinstance(value, list):
        for inner in typing.cast("list[object]", value):
            yield from _ids(inner)
