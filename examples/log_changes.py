"""Log what is edited and deleted, with what was there before, also while the bot was off.

A real `hikari.GatewayBot` runs twice, with the same file, on a Discord inside this program (`loopback_discord.py`).

    uv run examples/log_changes.py
"""

from __future__ import annotations

import asyncio
import pathlib
import tempfile

import hikari
from loopback_discord import LoopbackDiscord, guild, member, message

import sake_lite

TEA_HOUSE, CHANNEL = 1_000, 1_001


def make_bot(discord: LoopbackDiscord, path: pathlib.Path) -> tuple[hikari.GatewayBot, asyncio.Queue[str]]:
    """Return a bot whose cache is a file, and what it logs."""
    bot = hikari.GatewayBot(
        discord.token,
        rest_url=discord.url,
        banner=None,
        logs=None,
        suppress_optimization_warning=True,
        intents=hikari.Intents.ALL,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )
    sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    log: asyncio.Queue[str] = asyncio.Queue()

    @bot.listen()
    async def on_message(event: sake_lite.events.MessageChange) -> None:
        # `old` is `None` where something is new, and `new` where it is gone.
        if event.old is not None and event.new is not None:
            log.put_nowait(f"{event.old.author.username} made {event.old.content!r} into {event.new.content!r}")
        elif event.old is not None:
            log.put_nowait(f"{event.old.author.username}'s {event.old.content!r} was deleted ({event.cause})")

    @bot.listen()
    async def on_member(event: sake_lite.events.MemberChange) -> None:
        if event.old is not None and event.new is None:
            log.put_nowait(f"{event.old.display_name} has left ({event.cause})")

    return bot, log


async def talk(discord: LoopbackDiscord, path: pathlib.Path) -> None:
    """Run a bot while somebody says something and thinks better of it."""
    bot, log = make_bot(discord, path)
    await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
    try:
        said = message(3_000, CHANNEL, TEA_HOUSE, discord.guilds[str(TEA_HOUSE)]["members"][1], "I prefer coffee.")
        await discord.dispatch("MESSAGE_CREATE", said)
        await discord.dispatch("MESSAGE_UPDATE", {**said, "content": "I prefer tea."})
        await discord.dispatch("MESSAGE_DELETE", {name: said[name] for name in ("id", "channel_id", "guild_id")})
        for _ in range(2):
            print(" ", await log.get())
    finally:
        await bot.close()


async def come_back(discord: LoopbackDiscord, path: pathlib.Path) -> None:
    """Run a bot again, which finds out who left meanwhile."""
    bot, log = make_bot(discord, path)
    await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
    try:
        print(" ", await log.get())
    finally:
        await bot.close()


async def run(path: pathlib.Path) -> None:
    """Run both, on one Discord."""
    people = [member(100, "loopback bot"), member(201, "ada", nick="Countess"), member(202, "grace")]
    async with LoopbackDiscord([guild(TEA_HOUSE, "Tea house", people)]) as discord:
        print("A bot runs:")
        await talk(discord, path)
        tea_house = discord.guilds[str(TEA_HOUSE)]
        tea_house["members"] = tea_house["members"][:2]
        tea_house["member_count"] = 2
        print("It runs again, after somebody left:")
        await come_back(discord, path)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(pathlib.Path(folder, "bot.db")))


if __name__ == "__main__":
    main()
