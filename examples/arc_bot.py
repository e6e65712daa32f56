"""A bot with slash commands by hikari-arc, whose cache is a file.

DISCORD_TOKEN=… uv run examples/arc_bot.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import arc
import hikari

import sake_lite

_LOGGER = logging.getLogger("arc_bot")


def make_client(bot: hikari.GatewayBot, path: str = "bot.db") -> arc.GatewayClient:
    """Give a bot its commands, and the cache that they ask for."""
    # arc's hooks run once the bot has connected (`hikari.StartedEvent`) and while it still is (`hikari.StoppingEvent`):
    # too late to open the cache, which would miss guilds, and too early to close it. `event_managed=True` does so in
    # time. In the hooks the cache is open, if it could be opened at all.
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    cache.chunk_on_guild_create(bot)
    client = arc.GatewayClient(bot)
    client.set_type_dependency(sake_lite.SQLiteCache, cache)

    @client.add_startup_hook
    @client.inject_dependencies
    async def on_startup(_: arc.GatewayClient, cache: sake_lite.SQLiteCache = arc.inject()) -> None:
        if cache.is_alive:  # else the log says already why it could not be opened
            _LOGGER.info("%s knows %s users", (await cache.get_me()).username, await cache.iter_users().len())

    @client.add_shutdown_hook
    @client.inject_dependencies
    async def on_shutdown(_: arc.GatewayClient, cache: sake_lite.SQLiteCache = arc.inject()) -> None:
        if cache.is_alive:
            _LOGGER.info("%s rows were written", cache.stats().rows)

    @client.set_error_handler
    async def on_error(ctx: arc.GatewayContext, error: Exception) -> None:
        if not isinstance(error, sake_lite.SakeException):
            raise error
        # Such as that the file could not be opened.
        _LOGGER.error("%s got no answer: %s", ctx.command.name, error)
        await ctx.respond("I cannot look that up now.", flags=hikari.MessageFlag.EPHEMERAL)

    @client.include
    @arc.slash_command("servers", "Where we meet, you and I.")
    async def servers(ctx: arc.GatewayContext, cache: sake_lite.SQLiteCache = arc.inject()) -> None:
        members = await cache.iter_members_for_user(ctx.user.id)
        guilds = await asyncio.gather(*(cache.get_guild(member.guild_id) for member in members))
        names = "\n".join(guild.name for guild in guilds)
        await ctx.respond(names or "Nowhere yet.", flags=hikari.MessageFlag.EPHEMERAL)

    return client


def main() -> None:
    if "DISCORD_TOKEN" not in os.environ:
        sys.exit("Set DISCORD_TOKEN to your bot's token.")
    bot = hikari.GatewayBot(
        os.environ["DISCORD_TOKEN"],
        intents=sake_lite.SQLiteCache.all_intents(),
        auto_chunk_members=False,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )
    make_client(bot)
    bot.run()


if __name__ == "__main__":
    main()
