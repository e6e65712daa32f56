"""Code that says by its annotations what it needs of a cache, and takes any that has it: all of them, or members only.

uv run examples/any_cache.py
"""

from __future__ import annotations

import asyncio
import pathlib
import tempfile

from loopback_discord import guild, member

import sake_lite
from sake_lite import abc, resources


async def longest_names(cache: abc.RefMemberCache, guild_id: int, count: int) -> list[str]:
    """Return the longest display names in a guild."""
    names = [member.display_name async for member in cache.iter_members_for_guild(guild_id)]
    return sorted(names, key=len, reverse=True)[:count]


async def describe(cache: abc.RefCache, guild_id: int) -> str:
    """Describe a guild, or say that the cache does not know it."""
    try:
        found = await cache.get_guild(guild_id)
    except sake_lite.EntryNotFound:
        return f"guild {guild_id} is not cached"

    members = await cache.iter_members_for_guild(guild_id).len()
    channels = await cache.iter_guild_channels_for_guild(guild_id).len()
    return f"{found.name} has {members} members and {channels} channel"


class Members(resources.MemberCache):
    """A cache of members, and of nothing else."""

    __slots__ = ()


async def use(folder: pathlib.Path) -> None:
    """Give that code a cache that keeps everything, and one that does not."""
    members = [member(201, "ada", nick="Countess of Lovelace"), member(202, "grace"), member(203, "edsger")]
    tea_house = guild(1_000, "Tea house", members)

    async with sake_lite.SQLiteCache(folder / "any.db") as cache:
        await cache.ingest("GUILD_CREATE", tea_house)
        print(await describe(cache, 1_000))
        print(await describe(cache, 2_000))
        print(await longest_names(cache, 1_000, 2))

    async with Members(folder / "members.db") as cache:
        await cache.ingest("GUILD_CREATE", tea_house)
        print(await longest_names(cache, 1_000, 1))  # `describe(cache, …)` is refused by a type checker


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(use(pathlib.Path(folder)))


if __name__ == "__main__":
    main()
