"""A bot with slash commands by hikari-lightbulb, whose cache is a file.

lightbulb 3 wants hikari 2.6:

DISCORD_TOKEN=… uv run --with hikari-lightbulb examples/lightbulb_bot.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import hikari
import lightbulb

import sake_lite

_LOGGER = logging.getLogger("lightbulb_bot")


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
    # The cache opens before the bot connects, and closes once it has disconnected. That is earlier, and later, than
    # lightbulb would open and close what its container makes: that is made for the first command that asks for it.
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    cache.chunk_on_guild_create(bot)
    client = lightbulb.client_from_app(bot)
    client.di.registry_for(lightbulb.di.Contexts.DEFAULT).register_value(sake_lite.SQLiteCache, cache)
    client.register(Servers)
    bot.subscribe(hikari.StartingEvent, client.start)
    bot.subscribe(hikari.StoppingEvent, client.stop)

    @client.error_handler
    async def on_error(error: lightbulb.exceptions.ExecutionPipelineFailedException) -> bool:
        for cause in error.causes:
            if isinstance(cause, sake_lite.SakeException):  # such as that the file could not be opened
                _LOGGER.error("%s got no answer: %s", error.context.command_data.qualified_name, cause)
                await error.context.respond("I cannot look that up now.", ephemeral=True)
                return True
        return False

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
