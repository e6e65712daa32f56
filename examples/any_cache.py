"""Code that takes any cache of the Sake standard: it knows `sake_lite.abc` and no implementation.

uv run examples/any_cache.py
"""

from __future__ import annotations

import asyncio
import pathlib
import tempfile

from loopback_discord import guild, member

import sake_lite
from sake_lite import abc


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


async def use(path: pathlib.Path) -> None:
    """Give that code a cache."""
    async with sake_lite.SQLiteCache(path) as cache:
        members = [member(201, "ada", nick="Countess of Lovelace"), member(202, "grace"), member(203, "edsger")]
        await cache.ingest("GUILD_CREATE", guild(1_000, "Tea house", members))
        print(await describe(cache, 1_000))
        print(await describe(cache, 2_000))
        print(await longest_names(cache, 1_000, 2))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(use(pathlib.Path(folder, "any.db")))


if __name__ == "__main__":
    main()
