"""Ask what somebody may do in a guild, in a channel, and in a thread of it, without asking Discord.

uv run examples/permissions.py
"""

from __future__ import annotations

import asyncio
import pathlib
import tempfile

from loopback_discord import guild, member

import sake_lite

GUILD, GENERAL, THREAD, ADA = 1_000, 1_001, 1_500, 201


async def look(path: pathlib.Path) -> None:
    """Fill a cache with raw dispatches, as a gateway would, and print what it says of permissions."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", guild(GUILD, "Tea house", [member(200, "owner"), member(ADA, "ada")]))
        await cache.ingest(
            "THREAD_CREATE",
            {
                "id": str(THREAD),
                "guild_id": str(GUILD),
                "parent_id": str(GENERAL),
                "owner_id": str(ADA),
                "type": 11,
                "name": "Biscuits",
                "last_message_id": None,
                "message_count": 0,
                "member_count": 1,
                "rate_limit_per_user": 0,
                "thread_metadata": {
                    "archived": False,
                    "auto_archive_duration": 1440,
                    "archive_timestamp": "2026-11-23T12:00:00+00:00",
                    "locked": False,
                },
            },
        )
        print("threads:", [thread.name async for thread in cache.iter_threads_for_channel(GENERAL)])
        for name, channel_id in (("the guild", None), ("the channel", GENERAL), ("the thread", THREAD)):
            permissions = await cache.permissions_for(GUILD, ADA, channel_id)
            print(f"in {name}, ada may send messages: {bool(permissions & permissions.SEND_MESSAGES)}")

        try:
            await cache.permissions_for(GUILD, 999)
        except sake_lite.EntryNotFound as error:
            print("missing:", error)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(look(pathlib.Path(folder, "tea.db")))


if __name__ == "__main__":
    main()
