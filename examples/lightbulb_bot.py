"""A bot with slash commands by hikari-lightbulb, whose cache is a file.

lightbulb 3 wants hikari 2.6:

DISCORD_TOKEN=… uv run --with hikari-lightbulb examples/lightbulb_bot.py
"""

from __future__ import annotations

import asyncio
import os
import sys

import hikari
import lightbulb

import sake_lite


class Servers(lightbulb.SlashCommand, name="servers", description="Where we meet, you and I."):
    """A command that is answered from the cache."""

    @lightbulb.invoke
    async def invoke(self, ctx: lightbulb.Context, cache: sake_lite.SQLiteCache) -> None:
        """Respond with the names of the guilds that the bot and the user share."""
        members = await cache.iter_members_for_user(ctx.user.id)
        guilds = await asyncio.gather(*(cache.get_guild(member.guild_id) for member in members))
        names = "\n".join(guild.name for guild in guilds)
        await ctx.respond(names or "Nowhere yet.", ephemeral=True)


def make_client(bot: hikari.GatewayBot, path: str = "bot.db") -> lightbulb.Client:
    """Give a bot its commands, and the cache that they ask for."""
    client = lightbulb.client_from_app(bot)
    client.register(Servers)

    async def open_cache() -> sake_lite.SQLiteCache:
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
        cache.chunk_on_guild_create(bot)
        await cache.open()
        return cache

    registry = client.di.registry_for(lightbulb.di.Contexts.DEFAULT)
    registry.register_factory(sake_lite.SQLiteCache, open_cache, teardown=sake_lite.SQLiteCache.close)

    @bot.listen()
    async def on_starting(_: hikari.StartingEvent) -> None:
        # hikari waits for this before it connects, so no guild is missed. lightbulb by itself would open the cache when
        # the first command asks for it.
        async with client.di.enter_context(lightbulb.di.Contexts.DEFAULT) as container:
            await container.get(sake_lite.SQLiteCache)

    bot.subscribe(hikari.StartingEvent, client.start)

    @bot.listen()
    async def on_stopped(_: hikari.StoppedEvent) -> None:
        # At `hikari.StoppingEvent` the bot is still connected, and what it hears belongs in the cache.
        await client.stop()
        await client.di.close()  # closes the cache, also where the client could not be started

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
