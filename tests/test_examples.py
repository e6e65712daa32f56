"""The examples run, and say what they promise."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import pathlib
import re
import subprocess
import sys
import textwrap
import typing

import hikari
import pytest
from benchmarks import redis_server
from conftest import UNUSABLE, needs_lightbulb, needs_redis
from loopback_discord import LoopbackDiscord, guild, member, message

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc
    import types

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

_SAYS = {
    "any_cache.py": [
        r"Tea house has 3 members and 1 channel",
        "2000 is not cached",
        "'Countess of Lovelace', 'Edsger'",
        r"\n\['Countess of Lovelace'\]\n",
    ],
    "code_for_sake.py": [
        "as it is, ada is unknown",
        r"registered, ada is in \[1000, 2000\], found by the user",
        "ada's nickname: Countess",
        "edsger's nickname: no member",
    ],
    "choose_resources.py": [r"members: \['ada', 'grace'\]", r"roles: \['@everyone'\]", "messages: False"],
    "log_changes.py": [
        "ada made 'I prefer coffee.' into 'I prefer tea.'",
        r"ada's 'I prefer tea.' was deleted \(MESSAGE_DELETE\)",
        r"Grace has left \(GUILD_CREATE\)",
    ],
    "permissions.py": [
        r"threads: \['Biscuits'\]",
        "in the channel, ada may send messages: True",
        "in the thread, ada may send messages: False",  # there it is SEND_MESSAGES_IN_THREADS that counts
        "missing: members has no entry for guild_id 1000, user_id 999",
    ],
    "quickstart.py": [
        "Countess: Is anyone caching this?",
        "Arcade: 2,500 of 2,500 members, read in [0-9,]+ ms",
        r"Countess \(ada\), found in [0-9.]+ ms",
        "grace said: I am, in one file.",
        "the bot was loopback bot",
        "in [0-9,]+ KiB",
    ],
    "to_redis.py": [
        r"The bot with its file:\n  Countess, among @everyone, joined in 2024\n  ada said: We need a bigger pot\.\n",
        r"members +2 +0\n",
        r"Rows copied to unix:\S+: 8\.\n",
        r"The bot with Sake:\n  Countess, among @everyone, joined in 2024\n  ada said: We need a bigger pot\.\n",
    ],
}

_USE_SAKE = {"code_for_sake.py", "to_redis.py"}

_NEED_A_TOKEN = {"arc_bot.py", "bot.py", "lightbulb_bot.py", "tanjun_bot.py"}


def test_every_example_is_covered() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*_SAYS, *_NEED_A_TOKEN, "loopback_discord.py"}


def _run(name: str, folder: pathlib.Path, *arguments: str) -> str:
    """Run an example, and return what it says."""
    # Sake leaves its connections to the collector.
    ignored = ["-W", "ignore::ResourceWarning"] if name in _USE_SAKE else []
    ran = subprocess.run(
        [sys.executable, "-W", "error", *ignored, EXAMPLES / name, *arguments],
        timeout=50,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("name", _SAYS)
def test_example_runs(name: str, tmp_path: pathlib.Path) -> None:
    if name == "to_redis.py":
        needs_redis()
    said = _run(name, tmp_path)
    for expected in _SAYS[name]:
        assert re.search(expected, said), said
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


def test_examples_use_the_server_that_they_are_told_to(tmp_path: pathlib.Path) -> None:
    needs_redis()
    with redis_server.run() as address:
        assert f"Rows copied to {address}: 8." in _run("to_redis.py", tmp_path, address)
        assert "by Sake, ada is in [1000], found among all members" in _run("code_for_sake.py", tmp_path, address)


def test_the_quickstart_keeps_its_file_where_it_is_told_to(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, EXAMPLES / "quickstart.py", "."]
    subprocess.run(command, timeout=50, capture_output=True, check=True, cwd=tmp_path)
    file = sake_lite.CacheFile(tmp_path / "bot.db")
    assert file.members.get(1_000, 201).display_name == "Countess"


def _load(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bot_is_made(tmp_path: pathlib.Path) -> None:
    bot = _load("bot.py").make_bot("MTAw.loop.back", str(tmp_path / "bot.db"))
    assert isinstance(bot, hikari.GatewayBot)
    assert bot.event_manager.get_listeners(hikari.StartingEvent)
    assert bot.event_manager.get_listeners(hikari.GuildMessageUpdateEvent)


def test_tanjuns_client_is_made(tmp_path: pathlib.Path) -> None:
    """Its command is used in `test_tanjun.py`."""
    example = _load("tanjun_bot.py")
    bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, intents=sake_lite.SQLiteCache.all_intents())
    client = example.make_client(bot, tmp_path / "bot.db")
    assert isinstance(client.get_type_dependency(sake_lite.SQLiteCache), sake_lite.SQLiteCache)
    assert [set(command.names) for command in client.iter_message_commands()] == [{"whois"}]


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
async def test_without_its_file_tanjuns_command_is_answered_and_the_log_says_why(
    spoil: collections.abc.Callable[[pathlib.Path], object], path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those for arc and lightbulb are in `test_arc_and_lightbulb.py`."""
    spoil(path)
    ada = member(201, "ada")
    async with LoopbackDiscord([guild(1_000, "Tea house", [member(100, "loopback bot"), ada])]) as discord:
        discord.answers["GET /guilds/1000/members/201"] = ada
        bot = hikari.GatewayBot(
            discord.token,
            rest_url=discord.url,
            banner=None,
            logs=None,
            suppress_optimization_warning=True,
            intents=hikari.Intents.ALL,
            cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
        )
        _load("tanjun_bot.py").make_client(bot, path)
        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        await discord.dispatch("MESSAGE_CREATE", message(5_000, 1_001, 1_000, ada, "!whois <@201>"))
        said = (await asyncio.wait_for(discord.messages.get(), timeout=10))["content"]
        await bot.close()

    assert said == "I cannot look that up now."
    logged = [(record.name, record.getMessage()) for record in caplog.records if record.levelno >= logging.WARNING]
    assert [name for name, _ in logged] == ["hikari.sake_lite", "tanjun_bot"]
    for _, line in logged:
        assert f"{path} is " in line


def _readme_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


_BOT_AND_CACHE = """
import hikari, sake_lite
bot = hikari.GatewayBot("MTAw.loop.back", intents=sake_lite.SQLiteCache.all_intents())
cache = sake_lite.SQLiteCache("bot.db", bot, bot.event_manager, event_managed=True)
"""

# What the README's blocks, in their order, need before and after them to be run as they stand.
_AROUND = {
    "the bot in ten lines": ("", "print(bot.event_manager.get_listeners(hikari.StartingEvent) != ())", "True"),
    "without a bot": ("", "", "Tea house 3"),
    "iterating": (
        """
import sake_lite
channel_id = user_id = 201
async def main():
    async with sake_lite.SQLiteCache("bot.db") as cache:
""",
        """
        print(nicknames)
import asyncio
asyncio.run(main())
""",
        "['Countess']",
    ),
    "what was there before": (
        """
import hikari
import sake_lite
bot = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None)
""",
        """
import asyncio
async def main():
    async with sake_lite.SQLiteCache("other.db", bot, bot.event_manager) as cache:
        await cache.set_message(MESSAGE)
        await cache.delete_message(3_000)
asyncio.run(main())
""".replace("MESSAGE", repr(message(3_000, 1_001, 1_000, member(201, "ada"), "sake"))),
        "ada had said sake",
    ),
    "keeping less": ("import sake_lite", "print(Cache.all_intents())", "GUILDS|GUILD_MEMBERS"),
    "Tanjun": (
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
import hikari, sake_lite
bot = hikari.GatewayBot("MTAw.loop.back", intents=sake_lite.SQLiteCache.all_intents())
cache = sake_lite.SQLiteCache("bot.db", bot, bot.event_manager, event_managed=True)
""",
        "print(client.get_type_dependency(sake_lite.SQLiteCache) is cache)",
        "True",
    ),
    "in a notebook": ("", "print(frame.joined_at.dt.year.tolist())", "Countess 3 ['@everyone']"),
    "arc": (_BOT_AND_CACHE, "print(client.get_type_dependency(sake_lite.SQLiteCache) is cache)", "True"),
    "lightbulb": (
        _BOT_AND_CACHE,
        """
async def main():
    async with client.di.enter_context(lightbulb.di.Contexts.DEFAULT) as container:
        print(await container.get(sake_lite.SQLiteCache) is cache)
import asyncio
asyncio.run(main())
""",
        "True",
    ),
}
_MARKS = {"lightbulb": needs_lightbulb}


async def fill(path: pathlib.Path) -> None:
    """Make the file that the README is about."""
    members = [member(100, "bot"), member(201, "ada", nick="Countess"), member(202, "grace")]
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", guild(1_000, "Tea house", members))


@pytest.mark.parametrize(
    "number", [pytest.param(number, id=name, marks=_MARKS.get(name, ())) for number, name in enumerate(_AROUND)]
)
def test_code_in_the_readme_runs(number: int, tmp_path: pathlib.Path) -> None:
    blocks = _readme_blocks()
    assert len(blocks) == len(_AROUND)
    before, after, says = list(_AROUND.values())[number]
    block = blocks[number].replace('"your token"', '"MTAw.loop.back"').replace("bot.run()", "")
    if before.strip().endswith("as cache:"):
        block = textwrap.indent(block, " " * 8)

    asyncio.run(fill(tmp_path / "bot.db"))
    command = [sys.executable, "-c", f"{before}\n{block}\n{after}"]
    ran = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert says in ran.stdout


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))
    shown_by = {link for link in links if re.fullmatch(r"tests/test_\w+\.py", link)}
    faults = {"killed", "full_disk", "processes", "read_only", "set_aside", "hostile_rows", "versions", "lifecycle"}
    assert {f"tests/test_{name}.py" for name in faults} <= shown_by
    for link in links:
        assert "://" in link or (ROOT / link).exists(), link


def test_the_readme_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in ("pip install uv && uv run examples/quickstart.py", "pip install uv && uv run pytest"):
        assert command in readme
