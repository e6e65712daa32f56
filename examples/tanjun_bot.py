"""A bot with commands by Tanjun, whose cache is a file.

DISCORD_TOKEN=… uv run examples/tanjun_bot.py
"""

from __future__ import annotations

import logging
import os
import sys

import alluka
import hikari
import tanjun

import sake_lite

_LOGGER = logging.getLogger("tanjun_bot")


def make_client(bot: hikari.GatewayBot, path: str | os.PathLike[str] = "bot.db") -> tanjun.Client:
    """Give a bot its commands, and the cache that they and Tanjun ask."""
    # Tanjun opens with the bot, before it connects, but closes while events still come; `event_managed=True` opens the
    # cache as early, and closes it after the last of them.
    cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True)
    cache.chunk_on_guild_create(bot)  # once all members are known, Tanjun need not ask Discord who is none
    client = tanjun.Client.from_gateway_bot(bot).add_prefix("!").add_component(component)
    cache.add_to_tanjun(client)
    return client


async def on_error(ctx: tanjun.abc.Context, error: Exception) -> bool | None:
    if not isinstance(error, sake_lite.SakeException):
        return None
    # Such as that the file could not be opened.
    _LOGGER.error("%s got no answer: %s", ctx.triggering_name, error)
    await ctx.respond("I cannot look that up now.")
    return True


component = tanjun.Component().set_hooks(tanjun.AnyHooks().add_on_error(on_error))


@component.with_command
@tanjun.with_argument("member", converters=tanjun.to_member)  # the converter finds the member in the cache
@tanjun.as_message_command("whois")
async def whois(
    ctx: tanjun.abc.MessageContext, member: hikari.Member, cache: alluka.Injected[sake_lite.SQLiteCache]
) -> None:
    guilds = [await cache.get_guild(each.guild_id) async for each in cache.iter_members_for_user(member.id)]
    await ctx.respond(f"{member.display_name} is in {', '.join(guild.name for guild in guilds)}.")


def main() -> None:
    if "DISCORD_TOKEN" not in os.environ:
        sys.exit("Set DISCORD_TOKEN to your bot's token.")
    bot = hikari.GatewayBot(
        os.environ["DISCORD_TOKEN"],
        intents=sake_lite.SQLiteCache.all_intents() | hikari.Intents.MESSAGE_CONTENT,
        auto_chunk_members=False,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )
    make_client(bot)
    bot.run()


if __name__ == "__main__":
    main()
