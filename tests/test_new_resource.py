"""A resource more is one file and two lines: all else that there is of a resource follows from its table.

The resource is made up (`teapot.py`), as are its events and the list in which GUILD_CREATE has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import pkgutil
import pydoc
import shutil
import sqlite3
import subprocess
import sys
import typing

import hikari
import pytest
import samples
import teapot
import test_tanjun
from gateway import Gateway
from samples import CHANNEL, GUILD, Payload
from tanjun.dependencies import async_cache

import sake_lite

_PACKAGE: typing.Final = pathlib.Path(sake_lite.__file__).parent

# The two lines, each with the one that it comes before.
_LINES: typing.Final = {
    "resources/_public.py": ("from .thread import *\n", "from .teapot import *\n"),
    "cache.py": ("    resources.ThreadCache,\n", "    resources.TeapotCache,\n"),
}


class _Cache(teapot.TeapotCache, sake_lite.SQLiteCache):
    """All that there is, and teapots."""

    __slots__ = ()


class _Gateway(Gateway):
    """A gateway that fills such a cache."""

    cache: _Cache

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(path, asks=False)
        self.cache = _Cache(path, self.bot, self.bot.event_manager)

    async def there(self) -> list[int]:
        """Return which teapots the guild has."""
        return [int(each.id) async for each in self.cache.iter_teapots_for_guild(GUILD)]


def _teapot(number: int, **more: object) -> Payload:
    return {
        "id": str(number),
        "guild_id": str(GUILD),
        "channel_id": str(CHANNEL),
        "topic": "Oolong",
        "privacy_level": 2,
        "discoverable_disabled": True,
        "guild_scheduled_event_id": None,
        "potter": samples.user(1_000 * number),
        **more,
    }


def _guild() -> Payload:
    lists: dict[str, typing.Any] = {name: [] for name in ("channels", "roles", "emojis", "stickers")}
    teapots = [{name: value for name, value in _teapot(n).items() if name != "guild_id"} for n in (1, 2)]
    return samples.guild_create(**lists, teapots=teapots)


_READY: typing.Final = {"user": samples.me(99), "guilds": [{"id": str(GUILD), "unavailable": True}]}


async def test_it_goes_with_its_guild_and_its_channel(path: pathlib.Path) -> None:
    async with _Gateway(path) as gateway:
        await gateway.send("GUILD_CREATE", _guild())
        assert await gateway.there() == [1, 2]
        assert [int(user.id) async for user in gateway.cache.iter_users()] == [1_000, 2_000]
        await gateway.send("TEAPOT_CREATE", _teapot(3, channel_id="7"))
        await gateway.send("TEAPOT_UPDATE", _teapot(3, channel_id="7", topic="Lapsang"))
        assert (await gateway.cache.get_teapot(3)).topic == "Lapsang"
        assert await gateway.cache.iter_teapots().len() == 3
        await gateway.send("CHANNEL_DELETE", samples.channel(7))
        await gateway.send("TEAPOT_DELETE", _teapot(1))
        assert await gateway.there() == [2]
        await gateway.send("GUILD_CREATE", _guild())
        assert await gateway.there() == [1, 2]
        await gateway.send("GUILD_DELETE", {"id": str(GUILD)})
        assert await gateway.there() == []
        await gateway.send("GUILD_CREATE", _guild())
        await gateway.send("READY", {**_READY, "guilds": []})
        assert await gateway.there() == []


async def test_who_listens_is_told_of_it(path: pathlib.Path) -> None:
    heard: asyncio.Queue[tuple[str, int, str | None, str | None]] = asyncio.Queue()
    async with _Gateway(path) as gateway:

        @gateway.bot.listen()
        async def on_change(event: teapot.TeapotChange) -> None:
            topics = [each and each.topic for each in (event.old, event.new)]
            await heard.put((event.cause, int(event.key[0]), topics[0], topics[1]))

        await gateway.send("GUILD_CREATE", _guild())
        await gateway.send("TEAPOT_UPDATE", _teapot(2, topic="Lapsang"))
        await gateway.send("CHANNEL_DELETE", samples.channel())
        await gateway.cache.flush()
        assert [await asyncio.wait_for(heard.get(), 10) for _ in range(5)] == [
            ("GUILD_CREATE", 1, None, "Oolong"),
            ("GUILD_CREATE", 2, None, "Oolong"),
            ("TEAPOT_UPDATE", 2, "Oolong", "Lapsang"),
            ("CHANNEL_DELETE", 1, "Oolong", None),
            ("CHANNEL_DELETE", 2, "Lapsang", None),
        ]
        assert on_change


async def test_its_list_is_not_kept_with_the_guild_as_well(path: pathlib.Path) -> None:
    """Not even where the cache does not keep the resource."""
    lists = {"emojis", "guild_scheduled_events", "roles", "soundboard_sounds", "stage_instances", "stickers"}
    kept = samples.guild().keys() - lists
    for keeping in (_Cache, sake_lite.SQLiteCache, sake_lite.resources.GuildCache):
        async with keeping(path) as cache:
            await cache.ingest("GUILD_CREATE", _guild())
            await cache.ingest("GUILD_UPDATE", {**_guild(), "name": "Tea house"})
        with sake_lite.CacheFile(path) as file:
            ((payload,),) = file.query("SELECT cbor_json(data) FROM guilds")
        assert json.loads(payload).keys() == {*kept, "unavailable"}


async def test_tanjun_finds_it_and_knows_what_there_is_not(path: pathlib.Path) -> None:
    async with _Cache(path) as cache:
        client = test_tanjun.client_of(cache)
        store = client.get_type_dependency(async_cache.SfGuildBound[hikari.StageInstance])
        with pytest.raises(async_cache.CacheMissError) as caught:
            await store.get_from_guild(GUILD, 1)
        assert type(caught.value) is async_cache.CacheMissError
        await cache.ingest("GUILD_CREATE", _guild())
        assert (await store.get_from_guild(GUILD, 1)).id == 1
        with pytest.raises(async_cache.EntryNotFound):
            await store.get_from_guild(GUILD, 3)
        assert client.get_type_dependency(teapot.TeapotCache) is cache


async def test_it_is_checked_and_purged(path: pathlib.Path) -> None:
    async with _Cache(path, row_cache_bytes=0) as cache:
        await cache.ingest("GUILD_CREATE", _guild())
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE teapots SET data = x'00' WHERE teapot_id = 1")
        report = await cache.check(delete_invalid=True)
        assert [(problem.table, problem.key) for problem in report.problems] == [("teapots", "teapot_id=1")]
        assert report.deleted == 1
        await cache.purge_user(2_000)
        assert (await cache.get_teapot(2)).topic == "Oolong"
    with sake_lite.CacheFile(path) as file:
        ((payload,),) = file.query("SELECT cbor_json(data) FROM teapots")
    assert json.loads(payload).keys() == _teapot(2).keys() - {"potter"}


def test_its_intents_are_asked_for() -> None:
    assert _Cache.all_intents() == sake_lite.SQLiteCache.all_intents() | hikari.Intents.GUILD_INTEGRATIONS
    assert _Cache.all_intents() != sake_lite.SQLiteCache.all_intents()


def test_what_is_public_of_a_resource_is_its_mixin_and_its_event() -> None:
    public = {name: each for name, each in vars(sake_lite.resources).items() if not name.startswith("_")}
    kinds = (sake_lite.resources.Resource, sake_lite.events.Change)
    classes = {name for name, each in public.items() if isinstance(each, type) and issubclass(each, kinds)}
    assert {"Resource", "ThreadCache", "ThreadChange", "PermissionsCache"} < classes
    modules = {module.name for module in pkgutil.iter_modules(sake_lite.resources.__path__)}
    assert public.keys() - classes <= modules, "and no table"
    changes = {name for name in classes if name.endswith("Change")}
    assert {*dir(sake_lite.events)} == {"Change", *changes}
    assert "class ThreadChange" in pydoc.plain(pydoc.render_doc(sake_lite.events))
    assert "class ThreadCache" not in pydoc.plain(pydoc.render_doc(sake_lite.events))


# In a copy of the package.


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the package, and in it the one file and the two lines."""
    folder = tmp_path_factory.mktemp("grown")
    package = folder / "sake_lite"
    shutil.copytree(_PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(teapot.__file__, package / "resources")
    for name, (before, line) in _LINES.items():
        source = (package / name).read_text("utf-8")
        assert source.count(before) == 1
        (package / name).write_text(source.replace(before, line + before), "utf-8")
    return folder


_PROGRAM: typing.Final = """
import asyncio, contextlib, io, json, pathlib, sys
import hikari
import sake_lite, sake_lite.cli

path, payload = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
copy, lines = path.with_name("copy.db"), path.with_name("rows.jsonl")

def command(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        sake_lite.cli.main([*map(str, arguments)], standalone_mode=False)
    return printed.getvalue()

async def main():
    intents = sake_lite.SQLiteCache.all_intents()
    bot = hikari.GatewayBot(
        "MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True, intents=intents
    )
    heard = []

    @bot.listen()
    async def on_change(event: sake_lite.events.TeapotChange) -> None:
        heard.append([*event.key])

    async with sake_lite.SQLiteCache(path, bot, bot.event_manager) as cache:
        await cache.ingest("GUILD_CREATE", payload)
    return heard

found = {"heard": asyncio.run(main()), "public": sake_lite.resources.TeapotCache in sake_lite.SQLiteCache.__mro__}
found["events"] = sorted({"TeapotChange", "TeapotCache", "teapot"} & {*dir(sake_lite.events)})
with sake_lite.CacheFile(path) as file:
    found["len"] = len(file.teapots)
    found["topics"] = [each.topic for each in file.teapots]
command("export", path, "--out", lines)
command("import", copy, "--from", lines)
found["copied"] = json.loads(command("info", copy, "--json"))["resources"]["teapots"]["rows"]
listed = json.loads(command("list", copy, "teapots", "--guild", payload["id"], "--json"))
found["listed"] = [each["topic"] for each in listed]
print(json.dumps(found))
"""


def test_it_is_one_file_and_two_lines(grown: pathlib.Path, path: pathlib.Path) -> None:
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, str(path), json.dumps(_guild())]
    environment = {**os.environ, "PYTHONPATH": str(grown)}
    ran = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False, env=environment, cwd=grown)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {
        "heard": [[1], [2]],
        "public": True,
        "events": ["TeapotChange"],
        "len": 2,
        "topics": ["Oolong", "Oolong"],
        "copied": 2,
        "listed": ["Oolong", "Oolong"],
    }


_BOT: typing.Final = """
import hikari
import sake_lite
from sake_lite.events import Change, TeapotChange
from sake_lite.resources import GuildCache, Resource, TeapotCache

bot = hikari.GatewayBot("")


@bot.listen()
async def on_change(event: sake_lite.events.TeapotChange) -> None:
    (teapot_id,) = event.key
    teapot: hikari.StageInstance = await sake_lite.SQLiteCache("bot.db").get_teapot(teapot_id)
    old: hikari.StageInstance | None = event.old
    print(teapot.topic, old)


@bot.listen(TeapotChange)
async def also_on_change(event: TeapotChange) -> None:
    change: Change[hikari.StageInstance, tuple[hikari.Snowflake]] = event
    print(change)


class Mine(TeapotCache, GuildCache): ...


cache: Resource = Mine("bot.db")
print(cache)
print(sake_lite.resources.TEAPOTS)
"""


@pytest.mark.long
def test_type_checkers_know_its_public_names(grown: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As they do of any package that is installed and typed: what it does not export is not known."""
    (tmp_path / "bot.py").write_text(_BOT, "utf-8")
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(grown)], "include": ["bot.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    ran = subprocess.run(command, timeout=50, capture_output=True, text=True, check=False, cwd=tmp_path)
    wrong = {each["range"]["start"]["line"] for each in json.loads(ran.stdout)["generalDiagnostics"]}
    assert wrong == {len(_BOT.splitlines()) - 1}, ran.stdout
