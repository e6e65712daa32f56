"""A bot with a token, whose cache is a file.

DISCORD_TOKEN=… uv run examples/bot.py
"""

from __future__ import annotations

import logging
import os
import sys

import hikari

import sake_lite

_LOGGER = logging.getLogger("bot")


def make_bot(token: str, path: str = "bot.db") -> hikari.GatewayBot:
    """Return a bot whose cache is a file."""
    bot = hikari.GatewayBot(
        token,
        intents=sake_lite.SQLiteCache.all_intents() | hikari.Intents.MESSAGE_CONTENT,
        # hikari's own cache in memory is no longer needed, nor need it request members.
        auto_chunk_members=False,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    cache.chunk_on_guild_create(bot)  # also keep the members that Discord does not send by itself

    @bot.listen()
    async def on_create(event: hikari.GuildMessageCreateEvent) -> None:
        if event.content == "!guilds":
            guilds = [f"{guild.name}: {guild.member_count}" async for guild in cache.iter_guilds()]
            await event.message.respond("\n".join(guilds))

    @bot.listen()
    async def on_update(event: hikari.GuildMessageUpdateEvent) -> None:
        # The listener runs after the cache has taken the event in, so what it finds is the new version.
        message = await cache.get_message(event.message_id)
        _LOGGER.info("%s now says: %s", message.author.username, message.content)

    return bot


if __name__ == "__main__":
    if "DISCORD_TOKEN" not in os.environ:
        sys.exit("Set DISCORD_TOKEN to your bot's token.")
    make_bot(os.environ["DISCORD_TOKEN"]).run()
