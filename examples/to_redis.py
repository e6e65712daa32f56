"""Move a bot from its file to a Redis server: copy the file, and change one constructor.

uv run examples/to_redis.py                          # starts a Redis server of its own
uv run examples/to_redis.py redis://localhost:6379   # fills yours, which should be empty
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing

import hikari
import sake.redis
from loopback_discord import guild, member, message

import sake_lite

TEA_HOUSE, GENERAL, ADA = 1_000, 1_001, 201

Cache: typing.TypeAlias = "sake_lite.SQLiteCache | sake.redis.RedisCache"


def make_bot() -> hikari.GatewayBot:
    """Return a bot, which is not started here: what it finds is what was copied, and not what Discord tells it anew."""
    return hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True, intents=hikari.Intents.ALL
    )


async def look(cache: Cache) -> None:
    """Print what the bot's code finds, which is written for either."""
    ada = await cache.get_member(TEA_HOUSE, ADA)
    roles = [role.name async for role in cache.iter_roles_for_guild(TEA_HOUSE)]
    print(f"  {ada.display_name}, among {', '.join(roles)}, joined in {ada.joined_at:%Y}")
    async for said in cache.iter_messages():
        print(f"  {said.author.username} said: {said.content}")


async def run_with_file(bot: hikari.GatewayBot, path: pathlib.Path) -> None:
    """Fill a file with raw dispatches, as a gateway would, and look into it."""
    async with sake_lite.SQLiteCache(path, bot, bot.event_manager) as cache:
        ada = member(ADA, "ada", nick="Countess")
        await cache.ingest("GUILD_CREATE", guild(TEA_HOUSE, "Tea house", [ada, member(202, "grace")]))
        await cache.ingest("MESSAGE_CREATE", message(3_000, GENERAL, TEA_HOUSE, ada, "We need a bigger pot."))
        await look(cache)


async def run_with_server(bot: hikari.GatewayBot, address: str) -> None:
    """Look into what was copied."""
    async with sake.redis.RedisCache(address, bot, bot.event_manager) as cache:
        await look(cache)


@contextlib.contextmanager
def redis_server(folder: str) -> collections.abc.Generator[str, None, None]:
    """Run a Redis server that nobody else can reach, and give its address."""
    if shutil.which("redis-server") is None:
        sys.exit("Name a Redis server, such as redis://localhost:6379: there is none here to be started.")
    socket = pathlib.Path(folder, "redis.sock")
    options = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with subprocess.Popen(["redis-server", *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            next(line for line in server.stdout or () if "ready to accept" in line.lower())
            yield f"unix://{socket}"
        finally:
            server.terminate()


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder, "bot.db")
        address = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(redis_server(folder))
        bot = make_bot()

        print("The bot with its file:", flush=True)
        asyncio.run(run_with_file(bot, path))
        print(f"\n$ sake-lite to-redis bot.db {address}", flush=True)
        copying = subprocess.run([sys.executable, "-m", "sake_lite", "to-redis", path, address], check=False)
        if copying.returncode:
            sys.exit(copying.returncode)  # it has said why
        print("\nThe bot with Sake:", flush=True)
        asyncio.run(run_with_server(bot, address))


if __name__ == "__main__":
    main()
