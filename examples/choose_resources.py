"""Keep only some resources: a cache of members, the users they are, and roles.

uv run examples/choose_resources.py
"""

from __future__ import annotations

import asyncio
import pathlib
import tempfile

from loopback_discord import guild, member, message

from sake_lite import resources


class WhoIsWho(resources.MemberCache, resources.RoleCache, resources.UserCache):
    """Who is who, and nothing of what they say."""

    __slots__ = ()


async def look(path: pathlib.Path) -> None:
    """Fill a cache with raw dispatches, as a gateway would, and print what it kept."""
    async with WhoIsWho(path, user_expire=60 * 60) as cache:
        ada = member(201, "ada")
        await cache.ingest("GUILD_CREATE", guild(1_000, "Tea house", [ada, member(202, "grace")]))
        await cache.ingest("MESSAGE_CREATE", message(3_000, 1_001, 1_000, ada, "This is not kept."))

        print("intents:", WhoIsWho.all_intents())
        print("members:", [member.username async for member in cache.iter_members_for_guild(1_000)])
        print("roles:", [role.name async for role in cache.iter_roles()])
        print("messages:", hasattr(cache, "iter_messages"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(look(pathlib.Path(folder, "who.db")))


if __name__ == "__main__":
    main()
