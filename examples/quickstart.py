"""A bot that forgets nothing: run it without a token, and see what is left when the bot is gone.

A real `hikari.GatewayBot` connects to a Discord that runs inside this program (`loopback_discord.py`). The cache takes
in what Discord says. Then the bot stops, and the file is opened again without one.

    uv run examples/quickstart.py
    uv run examples/quickstart.py .  # which keeps the file: `bot.db`, in this folder, to look into
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
import tempfile
import time

import hikari
from loopback_discord import LoopbackDiscord, guild, member, message

import sake_lite

TEA_HOUSE, ARCADE = 1_000, 2_000


def make_guilds() -> list[dict[str, object]]:
    """Return a small guild, and one whose members have to be requested."""
    tea_house = [member(100, "loopback bot"), member(201, "ada", nick="Countess"), member(202, "grace")]
    arcade = [member(100, "loopback bot")] + [member(10_000 + number, f"player {number}") for number in range(2_499)]
    return [guild(TEA_HOUSE, "Tea house", tea_house), guild(ARCADE, "Arcade", arcade)]


async def run_bot(path: pathlib.Path) -> None:
    """Run a bot for a moment, on a Discord with two guilds and a conversation."""
    async with LoopbackDiscord(make_guilds()) as discord:
        bot = hikari.GatewayBot(
            discord.token,
            rest_url=discord.url,
            banner=None,
            auto_chunk_members=False,  # the cache requests them
            logs=None,
            suppress_optimization_warning=True,
            intents=hikari.Intents.ALL,
            cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
        )
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
        cache.chunk_on_guild_create(bot)

        chunks: asyncio.Queue[hikari.MemberChunkEvent] = asyncio.Queue()
        heard: asyncio.Queue[str] = asyncio.Queue()

        @bot.listen()
        async def on_chunk(event: hikari.MemberChunkEvent) -> None:
            await chunks.put(event)

        @bot.listen()
        async def on_message(event: hikari.GuildMessageCreateEvent) -> None:
            # The cache has the message before the listener has the event.
            stored = await cache.get_message(event.message_id)
            author = await cache.get_member(event.guild_id, event.author_id)
            await heard.put(f"  {author.display_name}: {stored.content}")

        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        try:
            while (chunk := await chunks.get()).chunk_index < chunk.chunk_count - 1:
                pass

            ada, grace = discord.guilds[str(TEA_HOUSE)]["members"][1:]
            says = [(ada, "Is anyone caching this?"), (grace, "I am, in one file.")]
            for number, (author, content) in enumerate(says):
                said = message(3_000 + number, TEA_HOUSE + 1, TEA_HOUSE, author, content)
                await discord.dispatch("MESSAGE_CREATE", said)
                print(await heard.get())

            await cache.flush()
            stats = cache.stats()
            print(f"  {stats.rows:,} rows were written in {stats.commits} transactions\n")
        finally:
            await bot.close()


async def look(path: pathlib.Path) -> None:
    """Open the file without a bot, and print what is in it."""
    async with sake_lite.SQLiteCache(path) as cache:
        async for found in cache.iter_guilds():
            started = time.perf_counter()
            members = await cache.iter_members_for_guild(found.id)
            took = (time.perf_counter() - started) * 1000
            print(f"  {found.name}: {len(members):,} of {found.member_count:,} members, read in {took:.0f} ms")

        started = time.perf_counter()
        countess = await cache.get_member(TEA_HOUSE, 201)
        took = (time.perf_counter() - started) * 1000
        print(f"  {countess.display_name} ({countess.username}), found in {took:.2f} ms")

        async for kept in cache.iter_messages_for_channel(TEA_HOUSE + 1):
            print(f"  {kept.author.username} said: {kept.content}")

        print(f"  the bot was {(await cache.get_me()).username}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else folder, "bot.db")
        print("A bot runs:")
        asyncio.run(run_bot(path))
        print("The bot is gone. Its file, opened without it:")
        asyncio.run(look(path))
        print(f"  all of it in {path.stat().st_size / 1024:,.0f} KiB")


if __name__ == "__main__":
    main()
