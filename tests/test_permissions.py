"""What a member may do: Discord's documented algorithm, case by case, and beside Tanjun's on random guilds."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import sqlite3
import typing

import hikari
import hypothesis
import payloads
import pytest
import samples
from hypothesis import strategies
from samples import CHANNEL, GUILD, USER
from tanjun import permissions as tanjun_permissions

import sake_lite
from sake_lite import resources
from sake_lite.resources.role import ROLES

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from sake_lite._snapshot import Snapshot

P: typing.TypeAlias = hikari.Permissions
OWNER, ROLE, OTHER_ROLE, THREAD, PARENTLESS = 1, 4_000_000_001, 4_000_000_002, 6_000_000_001, 6_000_000_002
FUTURE, PAST = "2099-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"
TALKING = P.VIEW_CHANNEL | P.SEND_MESSAGES | P.READ_MESSAGE_HISTORY
NEED_SENDING = P.MENTION_ROLES | P.SEND_TTS_MESSAGES | P.ATTACH_FILES | P.EMBED_LINKS
ALL = P.all_permissions()


def _overwrite(of: int, *, allow: P = P.NONE, deny: P = P.NONE) -> samples.Payload:
    return {"id": str(of), "type": int(of == USER), "allow": str(int(allow)), "deny": str(int(deny))}


def _world(
    *,
    everyone: P = P.NONE,
    role: P = P.NONE,
    other_role: P = P.NONE,
    overwrites: typing.Sequence[samples.Payload] = (),
    channel_type: int = 0,
    owner: int = OWNER,
    timeout: str | None = None,
) -> samples.Payload:
    """Return a guild in which USER has ROLE, with a channel, a thread in it, and another role that USER lacks."""
    lacking = 4_000_000_003
    permissions = {GUILD: everyone, ROLE: role, OTHER_ROLE: other_role, lacking: P.BAN_MEMBERS | P.ADMINISTRATOR}
    more: samples.Payload = {"bitrate": 64_000, "user_limit": 0, "rtc_region": None}
    return samples.guild_create(
        owner_id=str(owner),
        roles=[samples.role(number, permissions=str(int(granted))) for number, granted in permissions.items()],
        channels=[
            samples.channel(type=channel_type, permission_overwrites=[*overwrites], **more),
            samples.channel(CHANNEL + 1),
        ],
        threads=[samples.thread(THREAD), samples.thread(PARENTLESS, parent_id=99)],
        members=[
            samples.member(roles=[str(ROLE), str(OTHER_ROLE)], communication_disabled_until=timeout),
            samples.member(OWNER),
        ],
    )


def _case(name: str, expected: P, where: int | None = CHANNEL, **world: typing.Any) -> object:
    return pytest.param(where, _world(**world), expected, id=name)


@pytest.mark.parametrize(
    ("where", "world", "expected"),
    [
        # The guild.
        _case("everyone's and the roles', not other roles'", TALKING | P.BAN_MEMBERS | P.KICK_MEMBERS, None,
              everyone=TALKING, role=P.BAN_MEMBERS, other_role=P.KICK_MEMBERS),
        _case("nothing", P.NONE, None),
        _case("the owner has all", ALL, None, owner=USER),
        _case("an administrator has all", ALL, None, role=P.ADMINISTRATOR),
        _case("all are administrators", ALL, None, everyone=P.ADMINISTRATOR),
        _case("what the channels say does not count", TALKING | P.ATTACH_FILES, None,
              everyone=TALKING | P.ATTACH_FILES, overwrites=[_overwrite(GUILD, deny=ALL)]),
        _case("a channel may allow what is missing", P.ATTACH_FILES, None, everyone=P.ATTACH_FILES),
        # Overwrites, in Discord's order.
        _case("no overwrites", TALKING, everyone=TALKING),
        _case("everyone's denies", TALKING & ~P.READ_MESSAGE_HISTORY, everyone=TALKING,
              overwrites=[_overwrite(GUILD, deny=P.READ_MESSAGE_HISTORY)]),
        _case("everyone's denies what a role gives in the guild", TALKING, everyone=TALKING, role=P.ADD_REACTIONS,
              overwrites=[_overwrite(GUILD, deny=P.ADD_REACTIONS)]),
        _case("allowing beats denying on one level", TALKING, everyone=TALKING,
              overwrites=[_overwrite(GUILD, allow=TALKING, deny=TALKING)]),
        _case("a role allows what everyone is denied", TALKING,
              overwrites=[_overwrite(ROLE, allow=TALKING), _overwrite(GUILD, deny=TALKING)]),
        _case("a role denies what everyone is allowed", P.VIEW_CHANNEL,
              overwrites=[_overwrite(ROLE, deny=P.SEND_MESSAGES),
                          _overwrite(GUILD, allow=P.VIEW_CHANNEL | P.SEND_MESSAGES)]),
        _case("one role allows what another denies", TALKING, everyone=TALKING,
              overwrites=[_overwrite(ROLE, allow=TALKING), _overwrite(OTHER_ROLE, deny=TALKING)]),
        _case("and the other way round", TALKING, everyone=TALKING,
              overwrites=[_overwrite(ROLE, deny=TALKING), _overwrite(OTHER_ROLE, allow=TALKING)]),
        _case("the member's denies what a role allows", P.VIEW_CHANNEL, everyone=P.VIEW_CHANNEL,
              overwrites=[_overwrite(USER, deny=P.ADD_REACTIONS), _overwrite(ROLE, allow=P.ADD_REACTIONS)]),
        _case("the member's allows what a role denies", TALKING, everyone=TALKING,
              overwrites=[_overwrite(USER, allow=P.SEND_MESSAGES), _overwrite(ROLE, deny=P.SEND_MESSAGES)]),
        _case("those of others do not count", TALKING, everyone=TALKING,
              overwrites=[_overwrite(OWNER, deny=ALL), _overwrite(4_000_000_003, deny=ALL)]),
        _case("the owner is above them", ALL, owner=USER, overwrites=[_overwrite(USER, deny=ALL)]),
        _case("and so is an administrator", ALL, role=P.ADMINISTRATOR, overwrites=[_overwrite(USER, deny=ALL)]),
        _case("but nobody becomes one by an overwrite", P.VIEW_CHANNEL | P.ADMINISTRATOR,
              overwrites=[_overwrite(USER, allow=P.VIEW_CHANNEL | P.ADMINISTRATOR)]),
        _case("what hikari has no name for stays", P.VIEW_CHANNEL | P(1 << 60), everyone=P.VIEW_CHANNEL | P(1 << 60),
              overwrites=[_overwrite(GUILD, deny=P.CONNECT)]),
        # What is implied.
        _case("nothing without VIEW_CHANNEL", P.NONE, everyone=TALKING | P.MANAGE_MESSAGES | P.KICK_MEMBERS,
              overwrites=[_overwrite(GUILD, deny=P.VIEW_CHANNEL)]),
        _case("nothing that needs sending without SEND_MESSAGES", P.VIEW_CHANNEL | P.ADD_REACTIONS,
              everyone=P.VIEW_CHANNEL | P.ADD_REACTIONS | NEED_SENDING),
        _case("all of it with SEND_MESSAGES", TALKING | NEED_SENDING, everyone=TALKING | NEED_SENDING),
        _case("no MANAGE_CHANNELS without CONNECT in a voice channel", P.VIEW_CHANNEL | P.SPEAK, channel_type=2,
              everyone=P.VIEW_CHANNEL | P.SPEAK | P.MANAGE_CHANNELS),
        _case("nor in a stage channel", P.VIEW_CHANNEL, channel_type=13, everyone=P.VIEW_CHANNEL | P.MANAGE_CHANNELS),
        _case("but with it", P.VIEW_CHANNEL | P.CONNECT | P.MANAGE_CHANNELS, channel_type=2,
              everyone=P.VIEW_CHANNEL | P.CONNECT | P.MANAGE_CHANNELS),
        _case("and where nobody connects", P.VIEW_CHANNEL | P.MANAGE_CHANNELS,
              everyone=P.VIEW_CHANNEL | P.MANAGE_CHANNELS),
        # Threads.
        _case("a thread has its parent's", P.VIEW_CHANNEL | P.ADD_REACTIONS, THREAD, everyone=P.VIEW_CHANNEL,
              overwrites=[_overwrite(ROLE, allow=P.ADD_REACTIONS)]),
        _case("SEND_MESSAGES has no effect in it", P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY, THREAD,
              everyone=TALKING | NEED_SENDING),
        _case("SEND_MESSAGES_IN_THREADS has", P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS | NEED_SENDING, THREAD,
              everyone=P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS | NEED_SENDING),
        _case("it has none in the channel", P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS,
              everyone=P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS | NEED_SENDING),
        _case("no thread of a channel that is not seen", P.NONE, THREAD, everyone=P.SEND_MESSAGES_IN_THREADS),
        _case("the owner has all in a thread", ALL, THREAD, owner=USER, overwrites=[_overwrite(USER, deny=ALL)]),
        # Timeouts.
        _case("a timeout in the guild", P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY, None,
              everyone=TALKING | P.KICK_MEMBERS, timeout=FUTURE),
        _case("in a channel", P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY, everyone=TALKING, timeout=FUTURE),
        _case("in a thread", P.VIEW_CHANNEL, THREAD, everyone=P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS,
              timeout=FUTURE),
        _case("it gives nothing", P.NONE, everyone=P.READ_MESSAGE_HISTORY, timeout=FUTURE),
        _case("one that is over", TALKING, everyone=TALKING, timeout=PAST),
        _case("one without a time zone", P.VIEW_CHANNEL, everyone=P.VIEW_CHANNEL | P.SPEAK, timeout=FUTURE[:19]),
        _case("not for the owner", ALL, owner=USER, timeout=FUTURE),
        _case("not for an administrator", ALL, THREAD, role=P.ADMINISTRATOR, timeout=FUTURE),
    ],
)  # fmt: skip
async def test_as_discord_documents_it(
    where: int | None, world: samples.Payload, expected: P, cache: sake_lite.SQLiteCache
) -> None:
    await cache.ingest("GUILD_CREATE", world)
    assert await cache.permissions_for(GUILD, USER, where) == expected


# Random guilds, in few bits, so that they meet.

_BITS = [P.VIEW_CHANNEL, P.SEND_MESSAGES, P.SEND_MESSAGES_IN_THREADS, P.CONNECT, P.ATTACH_FILES, P.MANAGE_CHANNELS]
_permissions = strategies.sets(strategies.sampled_from([*_BITS, P.READ_MESSAGE_HISTORY, P.KICK_MEMBERS])).map(
    lambda bits: P(sum(map(int, bits)))
)
_granted = strategies.one_of(_permissions, strategies.sampled_from([P.ADMINISTRATOR, TALKING]))
_of_whom = strategies.sampled_from([GUILD, ROLE, OTHER_ROLE, 4_000_000_003, USER, OWNER])
_worlds = strategies.builds(
    _world,
    everyone=_granted,
    role=_permissions,
    other_role=_granted,
    overwrites=strategies.lists(
        strategies.builds(_overwrite, _of_whom, allow=_permissions, deny=_permissions),
        unique_by=lambda overwrite: overwrite["id"],
    ),
    channel_type=strategies.sampled_from([0, 2, 5, 13]),
    owner=strategies.sampled_from([OWNER, OWNER, OWNER, USER]),
    timeout=strategies.sampled_from([None, None, FUTURE, PAST]),
)


async def _by_tanjun(
    cache: sake_lite.SQLiteCache, channel_id: int | None, *, is_everyone_a_role: bool = False
) -> hikari.Permissions:
    """Return what Tanjun makes of the same entities.

    hikari lists @everyone among a member's roles, and Tanjun applies its overwrite once more with theirs, by which what
    it allows beats what a role denies. Discord documents that the role's comes later, so @everyone is left out here.
    """
    member = copy.copy(await cache.get_member(GUILD, USER))
    if not is_everyone_a_role:
        member.role_ids = [role_id for role_id in member.role_ids if role_id != GUILD]
    return tanjun_permissions.calculate_permissions(
        member,
        await cache.get_guild(GUILD),
        {role.id: role async for role in cache.iter_roles_for_guild(GUILD)},
        channel=None if channel_id is None else await cache.get_guild_channel(channel_id),
    )


def _after_a_timeout(permissions: P, member: hikari.Member) -> P:
    """Tanjun knows no timeouts."""
    is_exempt = P.ADMINISTRATOR in permissions or member.communication_disabled_until() is None
    return permissions if is_exempt else permissions & (P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY)


async def _compare(cache: sake_lite.SQLiteCache, world: samples.Payload) -> None:
    await cache.ingest("GUILD_CREATE", world)
    member = await cache.get_member(GUILD, USER)
    ours = await cache.permissions_for(GUILD, USER)
    assert ours == _after_a_timeout(await _by_tanjun(cache, None), member)

    # Tanjun returns the sum alone: what is implied has to be a part of it that needs what the sum lacks.
    in_sum = await _by_tanjun(cache, CHANNEL)
    in_channel, in_thread = await asyncio.gather(*(cache.permissions_for(GUILD, USER, at) for at in (CHANNEL, THREAD)))
    if P.ADMINISTRATOR in in_sum:
        assert (in_channel, in_thread) == (ALL, ALL)
    elif P.VIEW_CHANNEL not in in_sum:
        assert (in_channel, in_thread) == (P.NONE, P.NONE)
    else:
        left = _after_a_timeout(in_sum, member)
        is_voice = world["channels"][0]["type"] in {2, 13}
        sending = P.NONE if P.SEND_MESSAGES in in_sum else P.ATTACH_FILES
        connecting = P.MANAGE_CHANNELS if is_voice and P.CONNECT not in in_sum else P.NONE
        assert in_channel == left & ~sending & ~connecting
        sending = P.NONE if P.SEND_MESSAGES_IN_THREADS in in_sum else P.ATTACH_FILES
        assert in_thread == left & ~sending & ~P.SEND_MESSAGES


def test_as_tanjun_calculates_it_on_random_guilds(path: pathlib.Path) -> None:
    with asyncio.Runner() as runner:
        cache = sake_lite.SQLiteCache(path)
        runner.run(cache.open())

        @hypothesis.settings(max_examples=60, deadline=None)
        @hypothesis.given(_worlds)
        def compare(world: samples.Payload) -> None:
            runner.run(_compare(cache, world))

        try:
            compare()
        finally:
            runner.run(cache.close())


async def test_where_tanjun_is_not_as_discord_documents_it(cache: sake_lite.SQLiteCache) -> None:
    """A role is denied what @everyone is allowed, which Tanjun allows; see `_by_tanjun`."""
    allowing, denying = _overwrite(GUILD, allow=P.SEND_MESSAGES), _overwrite(ROLE, deny=P.SEND_MESSAGES)
    await cache.ingest("GUILD_CREATE", _world(everyone=P.VIEW_CHANNEL, overwrites=[allowing, denying]))
    assert await cache.permissions_for(GUILD, USER, CHANNEL) == P.VIEW_CHANNEL
    assert P.SEND_MESSAGES in await _by_tanjun(cache, CHANNEL, is_everyone_a_role=True)
    assert await _by_tanjun(cache, CHANNEL) == P.VIEW_CHANNEL


# What is missing, and what is wrong.


_Without: typing.TypeAlias = "collections.abc.Callable[[sake_lite.SQLiteCache], collections.abc.Awaitable[None]]"
_NO_CHANNEL: typing.Final = f"neither guild_channels nor threads has an entry for channel_id {CHANNEL}"
_NO_PARENT: typing.Final = f"guild_channels has no entry for channel_id {CHANNEL}, which thread {THREAD} is in"
_MISSING: typing.Final[dict[str, tuple[_Without, int | None, str]]] = {
    "guild": (lambda cache: cache.delete_guild(GUILD), None, f"guilds has no entry for guild_id {GUILD}"),
    "member": (
        lambda cache: cache.delete_member(GUILD, USER),
        None,
        f"members has no entry for guild_id {GUILD}, user_id {USER}",
    ),
    "role": (lambda cache: cache.delete_role(OTHER_ROLE), None, f"roles has no entry for role_id {OTHER_ROLE}"),
    "everyone": (lambda cache: cache.delete_role(GUILD), CHANNEL, f"roles has no entry for role_id {GUILD}"),
    "channel": (lambda cache: cache.delete_guild_channel(CHANNEL), CHANNEL, _NO_CHANNEL),
    "parent": (lambda cache: cache.delete_guild_channel(CHANNEL), THREAD, _NO_PARENT),
    "parent that was never there": (
        lambda cache: cache.flush(),
        PARENTLESS,
        f"guild_channels has no entry for channel_id 99, which thread {PARENTLESS} is in",
    ),
}


@pytest.mark.parametrize(("without", "where", "message"), _MISSING.values(), ids=_MISSING)
async def test_what_is_missing_is_named(
    without: _Without, where: int | None, message: str, cache: sake_lite.SQLiteCache
) -> None:
    await cache.ingest("GUILD_CREATE", _world())
    await without(cache)
    with pytest.raises(sake_lite.EntryNotFound, match=message):
        await cache.permissions_for(GUILD, USER, where)


async def test_each_of_many_roles_counts_and_is_missed(cache: sake_lite.SQLiteCache) -> None:
    """So many that they share a statement."""
    numbers = range(5_000_000_001, 5_000_000_041)
    roles = [samples.role(number, permissions=str(1 << at)) for at, number in enumerate(numbers) if at != 3]
    everyone = samples.role(GUILD, permissions="0")
    member = samples.member(roles=[str(role["id"]) for role in roles])
    world = samples.guild_create(owner_id="1", roles=[everyone, *roles], members=[member])
    await cache.ingest("GUILD_CREATE", world)
    assert await cache.permissions_for(GUILD, USER) == P((1 << 40) - 1 - (1 << 3))
    await cache.delete_role(numbers[20])
    with pytest.raises(sake_lite.EntryNotFound, match=f"role_id {numbers[20]}"):
        await cache.permissions_for(GUILD, USER)


async def test_a_channel_of_another_guild(cache: sake_lite.SQLiteCache) -> None:
    await cache.ingest("GUILD_CREATE", _world())
    await cache.set_guild_channel(samples.channel(7, guild_id=GUILD + 1))
    await cache.set_thread(samples.thread(8, parent_id=7, guild_id=GUILD + 1))
    for where in (7, 8):
        with pytest.raises(
            ValueError, match=f"channel {where} is in guild {GUILD + 1}, not in guild {GUILD}"
        ) as raised:
            await cache.permissions_for(GUILD, USER, where)
        assert not isinstance(raised.value, sake_lite.SakeException)


@pytest.mark.parametrize("impossible", [-1, 2**63, 2**70])
async def test_ids_that_cannot_be(impossible: int, cache: sake_lite.SQLiteCache) -> None:
    await cache.ingest("GUILD_CREATE", _world())
    for arguments in ((impossible, USER), (GUILD, impossible), (GUILD, USER, impossible)):
        with pytest.raises(sake_lite.EntryNotFound, match=str(impossible)):
            await cache.permissions_for(*arguments)


@pytest.mark.parametrize("wrong", ["1", 1.0, b"1"])
async def test_ids_of_the_wrong_type(wrong: typing.Any, cache: sake_lite.SQLiteCache) -> None:
    with pytest.raises(TypeError, match="guild_id must be a snowflake"):
        await cache.permissions_for(wrong, USER)
    with pytest.raises(TypeError, match="user_id must be a snowflake"):
        await cache.permissions_for(GUILD, wrong)
    with pytest.raises(TypeError, match="channel_id must be a snowflake"):
        await cache.permissions_for(GUILD, USER, wrong)


async def test_a_closed_cache(path: pathlib.Path) -> None:
    with pytest.raises(sake_lite.ClosedClient):
        await sake_lite.SQLiteCache(path).permissions_for(2**70, USER)


@pytest.mark.parametrize("table", ["guilds", "members", "roles", "guild_channels", "threads"])
async def test_damaged_rows_and_broken_files(table: str, cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING))
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute(f"UPDATE {table} SET data = x'a0'")
    with pytest.raises(sake_lite.InvalidDataFound, match=table):
        await cache.permissions_for(GUILD, USER, THREAD)

    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute(f"DELETE FROM {table}")
        other.execute(f"ALTER TABLE {table} RENAME TO gone")
    with pytest.raises(sake_lite.BackendError, match=r"bot\.db"):
        await cache.permissions_for(GUILD, USER, THREAD)
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute(f"ALTER TABLE gone RENAME TO {table}")
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING))
    assert await cache.permissions_for(GUILD, USER) == TALKING, "nothing was left of the reading that failed"


# Where it is offered, and what it sees.


class _Deciding(resources.PermissionsCache):
    """Only what decides about permissions."""

    __slots__ = ()


class _Members(resources.MemberCache, resources.UserCache):
    """Less than that."""

    __slots__ = ()


async def test_a_cache_with_fewer_resources(path: pathlib.Path) -> None:
    assert not hasattr(_Members, "permissions_for")
    async with _Deciding(path) as cache:
        await cache.ingest("GUILD_CREATE", _world(everyone=TALKING))
        assert await cache.permissions_for(GUILD, USER, CHANNEL) == TALKING
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        assert await cache.permissions_for(GUILD, USER, channel_id=CHANNEL) == TALKING


async def test_it_sees_what_was_queued_before(cache: sake_lite.SQLiteCache) -> None:
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING))
    everyone = {"role": samples.role(GUILD, permissions=str(int(P.VIEW_CHANNEL))), "guild_id": str(GUILD)}
    _, permissions = await asyncio.gather(
        cache.ingest("GUILD_ROLE_UPDATE", everyone), cache.permissions_for(GUILD, USER, CHANNEL)
    )
    assert permissions == P.VIEW_CHANNEL


async def test_it_never_sees_half_an_event(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    """Between the two guilds the role becomes powerful and is taken from the member: nobody ever has that power."""
    lacking = _world(everyone=TALKING, role=P.BAN_MEMBERS)
    lacking["members"] = [samples.member()]
    guilds = [_world(everyone=TALKING), lacking]
    await cache.ingest("GUILD_CREATE", guilds[0])
    answers: set[P] = set()

    async def change() -> None:
        for number in range(150):
            await cache.ingest("GUILD_CREATE", guilds[number % 2])

    async with sake_lite.SQLiteCache(path, read_only=True) as beside, asyncio.TaskGroup() as tasks:
        changing = tasks.create_task(change())
        while not changing.done():
            answers.update(await asyncio.gather(*(one.permissions_for(GUILD, USER) for one in (cache, beside) * 3)))
    assert answers == {TALKING}


async def test_what_is_committed_while_it_reads_is_not_seen(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await cache.ingest("GUILD_CREATE", _world())

    def read(snapshot: Snapshot) -> tuple[object, object]:
        before = snapshot.find(ROLES, ROLE)
        with contextlib.closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM roles")
        return before, snapshot.find(ROLES, ROLE)

    before, after = await cache._read_together(read)  # pyright: ignore[reportPrivateUsage]
    assert before == after is not None
    with pytest.raises(sake_lite.EntryNotFound):
        await cache.get_role(ROLE)


async def test_a_role_that_was_deleted_grants_nothing(cache: sake_lite.SQLiteCache) -> None:
    """Discord does not tell of the members who had it, so they go on naming it."""
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING, other_role=P.KICK_MEMBERS))
    assert await cache.permissions_for(GUILD, USER) == TALKING | P.KICK_MEMBERS
    await cache.ingest("GUILD_ROLE_DELETE", {"guild_id": str(GUILD), "role_id": str(OTHER_ROLE)})
    assert await cache.permissions_for(guild_id=GUILD, user_id=USER) == TALKING
    await cache.ingest("GUILD_ROLE_DELETE", {"guild_id": str(GUILD), "role_id": str(GUILD)})
    with pytest.raises(sake_lite.EntryNotFound, match=f"role_id {GUILD}"):
        await cache.permissions_for(GUILD, USER)


async def test_a_role_that_may_not_have_come_yet_is_missing(cache: sake_lite.SQLiteCache) -> None:
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING, other_role=P.KICK_MEMBERS))
    await cache.delete_role(OTHER_ROLE)  # Discord does not say that it is gone
    with pytest.raises(sake_lite.EntryNotFound, match=f"role_id {OTHER_ROLE}"):
        await cache.permissions_for(GUILD, USER)
    member = {name: value for name, value in samples.member(roles=[str(ROLE)]).items() if name != "user"}
    await cache.ingest("MESSAGE_CREATE", samples.message(9, member=member))
    assert await cache.permissions_for(GUILD, USER) == TALKING


async def test_a_role_whose_coming_was_lost_is_missing(cache: sake_lite.SQLiteCache) -> None:
    await cache.ingest("GUILD_CREATE", _world(everyone=TALKING, other_role=P.KICK_MEMBERS))
    lost = OTHER_ROLE + 10
    with pytest.raises(ValueError, match="GUILD_ROLE_CREATE"):
        await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": {"id": None}})
    await cache.ingest("GUILD_MEMBER_UPDATE", samples.member(guild_id=str(GUILD), roles=[str(lost)]))
    with pytest.raises(sake_lite.EntryNotFound, match=f"role_id {lost}"):
        await cache.permissions_for(GUILD, USER)


async def test_through_the_gateways_events(cache: sake_lite.SQLiteCache) -> None:
    guild_id, text, thread = int(payloads.GUILD_ID), int(payloads.TEXT_CHANNEL_ID), 1104000000000010033
    owner = int(payloads.user()["id"])
    full = payloads.MEMBERS["full"]
    engineer, noisy = int(full["user"]["id"]), 1200000000000000010
    everyone = P(int(payloads.ROLES["everyone"]["permissions"]))
    engineers = P(int(payloads.ROLES["plain"]["permissions"]))
    boosters = P(int(payloads.ROLES["booster tag"]["permissions"]))

    await cache.ingest("GUILD_CREATE", payloads.whole_guild())
    assert await cache.permissions_for(guild_id, owner, thread) == ALL
    assert await cache.permissions_for(guild_id, engineer) == everyone | engineers | boosters
    # Nobody but the owner sees the channel, until it is no longer @everyone who is denied that.
    assert await cache.permissions_for(guild_id, engineer, text) == P.NONE
    granted, denied = P(int(payloads.OVERWRITES[1]["allow"])), P.ATTACH_FILES | P.USE_EXTERNAL_EMOJIS
    of_engineers = {**payloads.OVERWRITES[1], "deny": str(int(denied))}
    await cache.ingest("CHANNEL_UPDATE", {**payloads.CHANNELS["text"], "permission_overwrites": [of_engineers]})
    in_guild = everyone | engineers | boosters
    assert denied in in_guild
    assert P.SEND_MESSAGES_IN_THREADS in granted
    assert await cache.permissions_for(guild_id, engineer, text) == P(int(in_guild) & ~int(denied)) | granted
    assert await cache.permissions_for(guild_id, noisy, text) == P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY
    assert await cache.permissions_for(guild_id, noisy) == everyone & (P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY)

    # A timeout ends; a role is made, given, and made an administrator's; the guild is handed over.
    allowed = P.ATTACH_FILES | P.SEND_MESSAGES_IN_THREADS
    channel = {**payloads.CHANNELS["text"], "permission_overwrites": [_overwrite(guild_id, allow=allowed)]}
    await cache.ingest("CHANNEL_UPDATE", channel)
    update = {**payloads.MEMBERS["timed out"], "guild_id": payloads.GUILD_ID, "communication_disabled_until": None}
    await cache.ingest("GUILD_MEMBER_UPDATE", update)
    assert await cache.permissions_for(guild_id, noisy, text) == everyone | allowed
    assert await cache.permissions_for(guild_id, noisy, thread) == P(int(everyone | allowed) & ~int(P.SEND_MESSAGES))

    role = payloads.role("641253895410229999", permissions="0")
    await cache.ingest("GUILD_ROLE_CREATE", {"guild_id": payloads.GUILD_ID, "role": role})
    await cache.ingest("GUILD_MEMBER_UPDATE", {**update, "roles": [role["id"]]})
    assert await cache.permissions_for(guild_id, noisy, text) == everyone | allowed
    role = {**role, "permissions": str(int(P.ADMINISTRATOR))}
    await cache.ingest("GUILD_ROLE_UPDATE", {"guild_id": payloads.GUILD_ID, "role": role})
    assert await cache.permissions_for(guild_id, noisy, text) == ALL

    await cache.ingest("GUILD_UPDATE", payloads.guild(owner_id=str(engineer)))
    assert await cache.permissions_for(guild_id, engineer) == ALL
    assert await cache.permissions_for(guild_id, owner) == everyone

    await cache.ingest("THREAD_DELETE", payloads.thread(str(thread), 11))
    with pytest.raises(sake_lite.EntryNotFound, match=str(thread)):
        await cache.permissions_for(guild_id, engineer, thread)
    await cache.ingest("GUILD_DELETE", {"id": payloads.GUILD_ID})
    with pytest.raises(sake_lite.EntryNotFound, match="guilds"):
        await cache.permissions_for(guild_id, engineer)
