"""Code that was written for Sake, and asks by `isinstance` what it was given, takes a cache in a file as well.

uv run examples/code_for_sake.py
uv run examples/code_for_sake.py redis://localhost:6379  # and asks Sake's own cache there, see `to_redis.py`
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
import tempfile

import hikari
import sake
import sake.redis
from loopback_discord import guild, member

import sake_lite

TEA_HOUSE, ARCADE, ADA = 1_000, 2_000, 201


# What somebody wrote for Sake, without knowing of sake_lite.


async def where_is(user_id: int, cache: object) -> str:
    """Say in which guilds a user is, in the best way that a cache has for it."""
    if isinstance(cache, sake.abc.RefMemberCache):
        guilds = [found.guild_id async for found in cache.iter_members_for_user(user_id)]
        return f"in {guilds}, found by the user"
    if isinstance(cache, sake.abc.MemberCache):  # as Sake's own, which has no references by user
        guilds = [found.guild_id async for found in cache.iter_members() if found.id == user_id]
        return f"in {guilds}, found among all members"
    return "unknown: this is no cache of members"


async def nickname(guild_id: int, user_id: int, cache: sake.abc.MemberCache) -> str:
    """Return somebody's nickname in a guild."""
    try:
        found = await cache.get_member(guild_id, user_id)
    except LookupError:  # what EntryNotFound is, Sake's and sake_lite's
        return "no member"
    return found.nickname or "no nickname"


# What gives it a cache.


async def use(path: pathlib.Path) -> None:
    """Have that code ask a cache in a file."""
    async with sake_lite.SQLiteCache(path) as cache:
        ada = member(ADA, "ada", nick="Countess")
        await cache.ingest("GUILD_CREATE", guild(TEA_HOUSE, "Tea house", [ada, member(202, "grace")]))
        await cache.ingest("GUILD_CREATE", guild(ARCADE, "Arcade", [member(203, "edsger"), ada]))

        print("as it is, ada is", await where_is(ADA, cache))
        sake_lite.register_with_sake()
        print("registered, ada is", await where_is(ADA, cache))
        if isinstance(cache, sake.abc.MemberCache):  # which it is now
            print("ada's nickname:", await nickname(TEA_HOUSE, ADA, cache))
            print("edsger's nickname:", await nickname(TEA_HOUSE, 203, cache))


async def use_sakes(address: str) -> None:
    """Have the same code ask Sake's cache."""
    bot = hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True, intents=hikari.Intents.ALL
    )
    async with sake.redis.RedisCache(address, bot, bot.event_manager) as cache:
        print("by Sake, ada is", await where_is(ADA, cache))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(use(pathlib.Path(folder, "bot.db")))
    for address in sys.argv[1:]:
        asyncio.run(use_sakes(address))


if __name__ == "__main__":
    main()
