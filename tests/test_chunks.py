"""Which guilds' members are all known: whole lists, chunks in any order, interrupted ones, restarts, losses."""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import typing

import hikari
import pytest
import samples
from gateway import Gateway
from samples import GUILD, USER, Payload

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

OTHER_GUILD = GUILD + 50
MEMBERS = [samples.member(USER + number) for number in range(6)]


class Chunks(Gateway):
    """A gateway that announces guilds and sends chunks of their members."""

    async def announce(self, guild_id: int = GUILD, members: list[Payload] | None = None, count: int = 6) -> str:
        """Send a GUILD_CREATE with part of the members; returns the nonce of the request that follows."""
        payload = samples.guild_create(guild_id, members=members or MEMBERS[:1], member_count=count)
        await self.send("GUILD_CREATE", payload)
        (requested, nonce) = self.shard.requests[-1]
        assert requested == guild_id
        return nonce

    async def chunk(self, nonce: str | None, index: int, count: int, members: list[Payload], **more: int) -> None:
        await self.send("GUILD_MEMBERS_CHUNK", _chunk(nonce, index, count, members, **more))

    async def members(self, guild_id: int = GUILD) -> list[int]:
        return [member.id - USER async for member in self.cache.iter_members_for_guild(guild_id)]

    async def is_complete(self, guild_id: int = GUILD) -> bool:
        return await self.cache.members_complete(guild_id)


def _chunk(nonce: str | None, index: int, count: int, members: list[Payload], guild_id: int = GUILD) -> Payload:
    chunk = {"guild_id": str(guild_id), "members": members, "chunk_index": index, "chunk_count": count}
    return chunk if nonce is None else {**chunk, "nonce": nonce}


@pytest.fixture
async def gateway(path: pathlib.Path) -> collections.abc.AsyncIterator[Chunks]:
    async with Chunks(path) as gateway:
        yield gateway


async def test_a_whole_list_is_complete(gateway: Chunks) -> None:
    assert not await gateway.is_complete()
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    assert await gateway.is_complete()
    assert not await gateway.is_complete(OTHER_GUILD)
    assert not await gateway.is_complete(2**70)
    assert gateway.shard.requests == []


async def test_part_of_a_list_is_not(gateway: Chunks) -> None:
    await gateway.announce()
    assert not await gateway.is_complete()


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
async def test_chunks_in_any_order_make_the_members_all_there_are(order: tuple[int, ...], gateway: Chunks) -> None:
    gone = [samples.member(USER + 100), samples.member(USER + 101)]
    await gateway.send("GUILD_CREATE", samples.guild_create(members=gone, member_count=9))
    await gateway.send("GUILD_MEMBER_ADD", {**gone[0], "guild_id": str(OTHER_GUILD)})
    nonce = await gateway.announce()
    for seen, index in enumerate(order):
        assert set(await gateway.members()) >= {100, 101}, "nothing is removed before the last chunk"
        assert not await gateway.is_complete()
        await gateway.chunk(nonce, index, 3, MEMBERS[2 * index : 2 * index + 2])
        assert seen < 3
    assert await gateway.members() == [0, 1, 2, 3, 4, 5]
    assert await gateway.is_complete()
    assert await gateway.members(OTHER_GUILD) == [100], "another guild's members are its own"


async def test_a_chunk_that_comes_twice_counts_once(gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    assert not await gateway.is_complete()
    await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
    assert await gateway.is_complete()


@pytest.mark.parametrize("nonce", [None, "somebody else's", "sake.0.0"])
async def test_chunks_that_the_cache_did_not_ask_for_remove_nothing(nonce: str | None, gateway: Chunks) -> None:
    await gateway.announce(members=[samples.member(USER + 100)])
    await gateway.chunk(nonce, 0, 1, MEMBERS[:2])
    assert await gateway.members() == [0, 1, 100]
    assert not await gateway.is_complete()


async def test_chunks_of_another_guild_under_the_same_nonce_remove_nothing(gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.send("GUILD_MEMBER_ADD", samples.member(guild_id=str(OTHER_GUILD)))
    await gateway.chunk(nonce, 0, 1, MEMBERS[1:2], guild_id=OTHER_GUILD)
    assert await gateway.members(OTHER_GUILD) == [0, 1]
    assert not await gateway.is_complete(OTHER_GUILD)


async def test_who_is_named_meanwhile_stays(gateway: Chunks) -> None:
    """A list is as old as its request: who joins or speaks after it is a member, whether the chunks say so or not."""
    await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 50, guild_id=str(GUILD)))
    nonce = await gateway.announce()
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 51, guild_id=str(GUILD)))
    await gateway.send("GUILD_MEMBER_UPDATE", samples.member(USER + 52, guild_id=str(GUILD)))
    member = samples.member()
    del member["user"]
    await gateway.send("MESSAGE_CREATE", samples.message(1, author=USER + 53, member=member))
    await gateway.send("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user(USER)})
    await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
    assert await gateway.members() == [1, 2, 3, 4, 5, 51, 52, 53]
    assert await gateway.is_complete()


async def test_who_is_named_meanwhile_as_they_are_stored_stays(gateway: Chunks) -> None:
    """An update that changes nothing writes nothing, but it says all the same who is a member."""
    there = samples.member(USER + 60, guild_id=str(GUILD))
    await gateway.send("GUILD_MEMBER_ADD", there)
    await gateway.cache.flush()
    nonce = await gateway.announce()
    await gateway.send("GUILD_MEMBER_UPDATE", there)
    await gateway.chunk(nonce, 0, 1, MEMBERS[1:])
    assert await gateway.members() == [1, 2, 3, 4, 5, 60]
    assert await gateway.is_complete()


async def test_a_list_that_is_cut_off_removes_nothing(gateway: Chunks) -> None:
    await gateway.send("GUILD_CREATE", samples.guild_create(members=[samples.member(USER + 100)], member_count=6))
    first = await gateway.announce()
    await gateway.chunk(first, 0, 2, MEMBERS[:3])
    # The connection is lost for good, and a new session begins.
    await gateway.send("READY", {"user": samples.me(1), "guilds": [{"id": str(GUILD), "unavailable": True}]})
    await gateway.chunk(first, 1, 2, MEMBERS[3:])
    assert await gateway.members() == [0, 1, 2, 3, 4, 5, 100]
    assert not await gateway.is_complete()
    second = await gateway.announce()
    await gateway.chunk(first, 1, 2, MEMBERS[3:])
    assert await gateway.members() == [0, 1, 2, 3, 4, 5, 100]
    assert not await gateway.is_complete()
    await gateway.chunk(second, 0, 1, MEMBERS)
    assert await gateway.members() == [0, 1, 2, 3, 4, 5]
    assert await gateway.is_complete()


async def test_a_list_that_is_cut_off_by_a_restart_removes_nothing(path: pathlib.Path) -> None:
    async with Chunks(path) as gateway:
        await gateway.send("GUILD_CREATE", samples.guild_create(members=[samples.member(USER + 100)], member_count=6))
        nonce = await gateway.announce()
        await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    async with Chunks(path) as gateway:
        await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
        assert await gateway.members() == [0, 1, 2, 3, 4, 5, 100]
        assert not await gateway.is_complete()


@pytest.mark.parametrize(("index", "count"), [(0, 0), (-1, 1), (2, 2), ("x", 1), (None, 1), (0, None)])
async def test_a_chunk_that_cannot_be_does_not_count(index: typing.Any, count: typing.Any, gateway: Chunks) -> None:
    nonce = await gateway.announce(members=MEMBERS, count=7)
    await gateway.chunk(nonce, index, count, MEMBERS[:1])
    assert await gateway.members() == [0, 1, 2, 3, 4, 5]
    assert not await gateway.is_complete()
    assert gateway.cache.stats().failures == 1


async def test_a_malformed_chunk_does_not_count(gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    # Large enough to be encoded on the writer's thread, where the fault is found.
    await gateway.chunk(nonce, 1, 2, [*MEMBERS[3:], *[{}] * 50])
    assert not await gateway.is_complete()
    assert await gateway.members() == [0, 1, 2]
    await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
    assert await gateway.is_complete()


async def test_what_is_awaited_in_a_group_that_is_spoilt_is_awaited_all_the_same(gateway: Chunks) -> None:
    """Of events that are committed together one may fail, so that what came before it is undone and done once more."""
    no_members: list[Payload] = [{}] * 50  # so many that it is found out on the writer's thread
    nonce = await gateway.announce()
    await gateway.send("GUILD_CREATE", samples.guild_create(OTHER_GUILD, members=no_members))
    await gateway.cache.flush()
    assert gateway.cache.stats().failures == 1

    await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 50, guild_id=str(GUILD)))
    await gateway.cache.flush()
    await gateway.chunk(nonce, 0, 1, MEMBERS)
    assert await gateway.members() == [0, 1, 2, 3, 4, 5, 50]
    assert await gateway.is_complete()


async def test_what_is_awaited_while_nothing_can_be_written_is_awaited_once_it_can(path: pathlib.Path) -> None:
    async with Chunks(path, busy_timeout=0.1) as gateway:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            nonce = await gateway.announce()
            with pytest.raises(sake_lite.BackendError, match="locked by another process"):
                await gateway.cache.flush()
        await gateway.cache.flush()
        await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 50, guild_id=str(GUILD)))
        await gateway.cache.flush()
        await gateway.chunk(nonce, 0, 1, MEMBERS)
        assert await gateway.members() == [0, 1, 2, 3, 4, 5, 50]


async def test_members_may_be_awaited_again_and_again(gateway: Chunks) -> None:
    for number in range(50, 53):
        nonce = await gateway.announce()
        await gateway.cache.flush()
        await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + number, guild_id=str(GUILD)))
        await gateway.cache.flush()
        await gateway.chunk(nonce, 0, 1, MEMBERS)
        assert await gateway.members() == [0, 1, 2, 3, 4, 5, number]
        await gateway.cache.set_user(samples.user(USER))  # a commit while nothing is awaited


async def test_what_is_complete_is_known_until_the_next_session(path: pathlib.Path) -> None:
    async with Chunks(path) as gateway:
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    async with sake_lite.SQLiteCache(path) as cache:
        assert await cache.members_complete(GUILD)
    async with Chunks(path) as gateway:
        assert await gateway.is_complete()
        await gateway.send("READY", {"user": samples.me(1), "guilds": [{"id": str(GUILD), "unavailable": True}]})
        assert not await gateway.is_complete(), "who joined while the bot was off is not known yet"
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
        assert await gateway.is_complete()
        await gateway.send("RESUMED", {})
        assert await gateway.is_complete()


async def test_a_session_whose_beginning_was_missed_ends_it(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is closed and opened again while the bot goes on has missed who joined meanwhile."""
    async with Chunks(path) as gateway:
        await gateway.send("READY", {"user": samples.me(1), "guilds": []})
        here = [samples.presence()]
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6, presences=here))
        other_shard = samples.guild_create((1 << 22) + 1, members=MEMBERS, member_count=6)
        await gateway.cache.ingest("GUILD_CREATE", other_shard)
        await gateway.cache.close()
        await gateway.cache.open()
        assert await gateway.is_complete(), "as the file says, until something is heard of the session"
        gateway.shard.shard_count = 2
        for number in (1, 2):
            await gateway.send("MESSAGE_DELETE", {"id": str(number), "channel_id": "1"})
        assert not await gateway.is_complete()
        assert await gateway.is_complete((1 << 22) + 1), "another shard's, which another process may hear"
        assert await gateway.cache.iter_presences_for_guild(GUILD).len() == 0, "they may be of an earlier session"
    assert len([record for record in caplog.records if "in the middle of a session" in record.message]) == 1


async def test_members_that_another_process_removed_are_not_all_there(path: pathlib.Path) -> None:
    async with Chunks(path) as gateway, sake_lite.SQLiteCache(path) as other:
        nonce = await gateway.announce()
        await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
        await gateway.cache.flush()
        await other.delete_member(GUILD, USER + 1)
        await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
        assert await gateway.members() == [0, 2, 3, 4, 5]
        assert not await gateway.is_complete()


async def test_who_left_while_chunks_came_is_not_missed(gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    await gateway.send("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user(USER + 1)})
    await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
    assert await gateway.is_complete()


async def test_a_join_that_could_not_be_stored_ends_it(gateway: Chunks) -> None:
    await gateway.send("READY", {"user": samples.me(1), "guilds": []})
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    await gateway.send("MESSAGE_CREATE", {"id": "x"})
    assert await gateway.is_complete(), "of no concern"
    await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 7, nick="\ud800", guild_id=str(GUILD)))
    assert not await gateway.is_complete()


async def test_events_keep_it_complete(gateway: Chunks) -> None:
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 51, guild_id=str(GUILD)))
    await gateway.send("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": samples.user(USER)})
    assert await gateway.is_complete()
    await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
    assert not await gateway.is_complete()


@pytest.mark.parametrize("event", ["GUILD_DELETE", "GUILD_CREATE"])
async def test_an_outage_ends_it_and_keeps_the_members(event: str, gateway: Chunks) -> None:
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    await gateway.send(event, {"id": str(GUILD), "unavailable": True})
    assert not await gateway.is_complete(), "nobody tells who joins meanwhile"
    assert await gateway.members() == [0, 1, 2, 3, 4, 5]
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    assert await gateway.is_complete()

    nonce = await gateway.announce()
    await gateway.send(event, {"id": str(GUILD), "unavailable": True})
    await gateway.chunk(nonce, 0, 1, MEMBERS)
    assert not await gateway.is_complete(), "nor did the chunks see it"


async def test_a_chunk_after_the_guild_was_left_makes_nothing_complete(gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
    await gateway.chunk(nonce, 0, 1, MEMBERS)
    assert not await gateway.is_complete()


_BY_HAND: dict[str, tuple[typing.Any, ...]] = {
    "delete_member": (GUILD, USER),
    "clear_members": (),
    "clear_members_for_guild": (GUILD,),
    "clear_members_for_user": (USER,),
    "purge_user": (USER,),
}


@pytest.mark.parametrize("method", _BY_HAND)
async def test_removing_members_by_hand_ends_it(method: str, gateway: Chunks) -> None:
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    others = [samples.member(USER + 90)]
    await gateway.send("GUILD_CREATE", samples.guild_create(OTHER_GUILD, members=others, member_count=1))
    await getattr(gateway.cache, method)(*_BY_HAND[method])
    assert not await gateway.is_complete()
    assert await gateway.is_complete(OTHER_GUILD) == (method != "clear_members")


@pytest.mark.parametrize("method", _BY_HAND)
async def test_removing_members_by_hand_while_chunks_come_makes_nothing_complete(method: str, gateway: Chunks) -> None:
    nonce = await gateway.announce()
    await gateway.chunk(nonce, 0, 2, MEMBERS[:3])
    await getattr(gateway.cache, method)(*_BY_HAND[method])
    await gateway.chunk(nonce, 1, 2, MEMBERS[3:])
    assert not await gateway.is_complete()
    assert {3, 4, 5} <= {*await gateway.members()}


async def test_removing_who_is_not_there_changes_nothing(gateway: Chunks) -> None:
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
    await gateway.cache.delete_member(GUILD, USER + 77)
    await gateway.cache.clear_members_for_user(USER + 77)
    assert await gateway.is_complete()


@pytest.mark.filterwarnings("ignore::hikari.MissingIntentWarning")
async def test_without_the_intent_nothing_is_complete_for_long(path: pathlib.Path) -> None:
    async with Chunks(path, intents=hikari.Intents.GUILDS, asks=False) as gateway:
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
        assert await gateway.members() == [0, 1, 2, 3, 4, 5]
        assert not await gateway.is_complete()


async def test_members_are_requested_only_where_they_are_missing_and_asked_for(path: pathlib.Path) -> None:
    async with Chunks(path) as gateway:
        await gateway.send("GUILD_CREATE", {"id": str(GUILD), "unavailable": True})
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS, member_count=6))
        await gateway.send("GUILD_CREATE", {"members": [], "member_count": 5})
        assert gateway.shard.requests == []
        first, second = await gateway.announce(), await gateway.announce(OTHER_GUILD)
        assert first != second
        gateway.cache.chunk_on_guild_create(None)
        await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS[:1], member_count=6))
        assert len(gateway.shard.requests) == 2


async def test_a_request_that_could_not_be_sent_is_sent_once_the_session_goes_on(
    gateway: Chunks, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.shard.is_connected = False
    for guild_id in (GUILD, OTHER_GUILD):
        payload = samples.guild_create(guild_id, members=MEMBERS[:1], member_count=6)
        await gateway.send("GUILD_CREATE", payload)
    assert "could not be requested yet" in caplog.text
    gateway.shard.is_connected = True
    await gateway.send("RESUMED", {})
    await gateway.send("RESUMED", {})
    assert {guild_id for guild_id, _ in gateway.shard.requests} == {GUILD, OTHER_GUILD}
    assert len(gateway.shard.requests) == 2
    for guild_id, nonce in gateway.shard.requests:
        await gateway.chunk(nonce, 0, 1, MEMBERS, guild_id=guild_id)
        assert await gateway.is_complete(guild_id)


async def test_a_new_session_forgets_the_requests_of_the_old_one(gateway: Chunks) -> None:
    gateway.shard.is_connected = False
    await gateway.send("GUILD_CREATE", samples.guild_create(members=MEMBERS[:1], member_count=6))
    gateway.shard.is_connected = True
    await gateway.send("READY", {"user": samples.me(1), "guilds": []})
    await gateway.send("RESUMED", {})
    assert gateway.shard.requests == []


@pytest.mark.parametrize("seed", range(5))
async def test_many_guilds_at_once(seed: int, gateway: Chunks) -> None:
    """The chunks of several guilds, of several sizes, come mixed, beside joins and leaves; each guild ends right."""
    chance = random.Random(seed)
    expected: dict[int, set[int]] = {}
    events: list[tuple[str, Payload]] = []
    for guild_id in range(1, 8):
        before = [samples.member(USER + number) for number in chance.sample(range(400), 30)]
        await gateway.send("GUILD_CREATE", samples.guild_create(guild_id, members=before, member_count=500))
        nonce = await gateway.announce(guild_id, members=before[:1], count=500)
        present = chance.sample(range(400), chance.choice([1, 40, 300]))
        expected[guild_id] = set(present)
        size = chance.choice([7, 50])
        count = -(-len(present) // size)
        for index in range(count):
            part = [samples.member(USER + number) for number in present[index * size : (index + 1) * size]]
            events.append(("GUILD_MEMBERS_CHUNK", _chunk(nonce, index, count, part, guild_id)))

    chance.shuffle(events)
    for number, event in enumerate(events):
        await gateway.send(*event)
        if number < 20:  # they join before the guild's last chunk, and no chunk names them
            guild_id = chance.choice([*expected])
            if not await gateway.is_complete(guild_id):
                await gateway.send("GUILD_MEMBER_ADD", samples.member(USER + 900 + number, guild_id=str(guild_id)))
                expected[guild_id].add(900 + number)

    for guild_id, present in expected.items():
        assert await gateway.is_complete(guild_id)
        assert set(await gateway.members(guild_id)) == present
