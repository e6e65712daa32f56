"""Iterating, counting and clearing by what entries refer to: a guild, a channel, an author, a user."""

from __future__ import annotations

import asyncio
import typing

import pytest
import samples
from samples import GUILD

if typing.TYPE_CHECKING:
    import collections.abc

    import sake_lite

    Call: typing.TypeAlias = "collections.abc.Callable[[int, int], tuple[typing.Any, ...]]"

_REFERENCES: list[tuple[str, str, Call]] = [
    ("emojis", "guild", lambda n, ref: ("set_emoji", ref, samples.emoji(n))),
    ("guild_channels", "guild", lambda n, ref: ("set_guild_channel", samples.channel(n, ref))),
    ("invites", "channel", lambda n, ref: ("set_invite", samples.invite(str(n), channel_id=ref))),
    ("invites", "guild", lambda n, ref: ("set_invite", samples.invite(str(n), guild_id=ref))),
    ("members", "guild", lambda n, ref: ("set_member", ref, samples.member(n))),
    ("members", "user", lambda n, ref: ("set_member", n, samples.member(ref))),
    ("messages", "author", lambda n, ref: ("set_message", samples.message(n, author=ref))),
    ("messages", "channel", lambda n, ref: ("set_message", samples.message(n, channel_id=ref))),
    ("messages", "guild", lambda n, ref: ("set_message", samples.message(n, guild_id=ref))),
    ("presences", "guild", lambda n, ref: ("set_presence", samples.presence(n, ref))),
    ("presences", "user", lambda n, ref: ("set_presence", samples.presence(ref, n))),
    ("roles", "guild", lambda n, ref: ("set_role", ref, samples.role(n))),
    ("stickers", "guild", lambda n, ref: ("set_sticker", ref, samples.sticker(n))),
    ("threads", "channel", lambda n, ref: ("set_thread", samples.thread(n, ref))),
    ("threads", "guild", lambda n, ref: ("set_thread", samples.thread(n, guild_id=ref))),
    ("voice_states", "channel", lambda n, ref: ("set_voice_state", GUILD, samples.voice_state(n, ref))),
    ("voice_states", "guild", lambda n, ref: ("set_voice_state", ref, samples.voice_state(n))),
]


pytestmark = pytest.mark.parametrize(
    ("table", "reference", "call"), _REFERENCES, ids=[f"{table}-{reference}" for table, reference, _ in _REFERENCES]
)

HERE, THERE, NOWHERE = 71, 72, 73


async def _fill(cache: sake_lite.SQLiteCache, call: Call) -> None:
    """Store 250 entries of one reference, and 5 of another between them."""
    for reference, numbers in ((HERE, range(1_000, 1_500, 2)), (THERE, range(1_001, 1_051, 10))):
        await asyncio.gather(*(_store(cache, *call(number, reference)) for number in numbers))


async def _store(cache: sake_lite.SQLiteCache, method: str, *arguments: typing.Any) -> None:
    await getattr(cache, method)(*arguments)


def _iterate(cache: sake_lite.SQLiteCache, table: str, reference: str, value: int) -> typing.Any:
    return getattr(cache, f"iter_{table}_for_{reference}")(value)


async def _keys(cache: sake_lite.SQLiteCache, table: str, reference: str, value: int) -> list[typing.Any]:
    return [
        (
            getattr(entity, "guild_id", None),
            getattr(entity, "id", getattr(entity, "user_id", getattr(entity, "code", None))),
        )
        async for entity in _iterate(cache, table, reference, value)
    ]


async def test_iterating_and_counting(table: str, reference: str, call: Call, cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache, call)
    everything = await getattr(cache, f"iter_{table}")()
    for value, count in ((HERE, 250), (THERE, 5), (NOWHERE, 0)):
        found = await _keys(cache, table, reference, value)
        assert len(found) == len(set(found)) == count
        assert await _iterate(cache, table, reference, value).len() == count

    assert len(everything) == 255


async def test_clearing(table: str, reference: str, call: Call, cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache, call)
    clear = getattr(cache, f"clear_{table}_for_{reference}")
    await clear(NOWHERE)
    assert await getattr(cache, f"iter_{table}")().len() == 255
    await clear(HERE)
    assert await _keys(cache, table, reference, HERE) == []
    assert len(await _keys(cache, table, reference, THERE)) == 5
