"""Tanjun on the cache: its real converters, permissions, checks and commands, on the loopback Discord.

Whether Discord was asked is what its REST API saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import pathlib
import re
import sqlite3
import subprocess
import sys
import typing

import alluka
import hikari
import pytest
import samples
import tanjun
from conftest import check_file
from gateway import Gateway
from loopback_discord import LoopbackDiscord, guild, member, message
from samples import thousands
from tanjun.dependencies import async_cache

import sake_lite
from sake_lite import resources
from sake_lite import tanjun as stores

if typing.TYPE_CHECKING:
    import collections.abc

    from samples import Payload

GUILD, CHANNEL, LARGE, BOT, ADA, NOBODY = 1_000, 1_001, 2_000, 100, 201, 999
ROLE, EMOJI, STICKER, VOICE, THREAD = 1_010, 1_011, 1_012, 1_013, 1_014
EVERYONE = hikari.Permissions(104_324_673)


def tea_house() -> Payload:
    """Return a guild that GUILD_CREATE tells whole, with something in each of its lists."""
    ada = member(ADA, "ada") | {"roles": [str(ROLE)]}
    house = guild(GUILD, "Tea house", [member(BOT, "bot"), ada])
    overwrite = {"id": str(ROLE), "type": 0, "allow": "0", "deny": str(int(hikari.Permissions.SEND_MESSAGES))}
    (general,) = house["channels"]
    house["channels"] = [
        general | {"permission_overwrites": [overwrite]},
        samples.channel(VOICE, GUILD, type=2, bitrate=64_000, user_limit=0, rtc_region=None),
    ]
    house["roles"].append(samples.role(ROLE, permissions=str(int(hikari.Permissions.MANAGE_ROLES))))
    house["emojis"] = [samples.emoji(EMOJI)]
    house["stickers"] = [samples.sticker(STICKER, guild_id=str(GUILD))]
    house["threads"] = [samples.thread(THREAD, CHANNEL, GUILD)]
    house["presences"] = [samples.presence(ADA, GUILD, status="online")]
    house["voice_states"] = [samples.voice_state(ADA, VOICE)]
    return house


def _arcade() -> Payload:
    """Return a guild that has members whom GUILD_CREATE does not list."""
    return guild(LARGE, "Arcade", [member(BOT, "bot"), *(member(10_000 + n, f"m{n}") for n in range(299))])


class Bot(typing.NamedTuple):
    """A bot that runs on the loopback Discord, with a Tanjun client and a cache."""

    discord: LoopbackDiscord
    cache: sake_lite.SQLiteCache
    client: tanjun.Client
    contexts: asyncio.Queue[tanjun.abc.MessageContext]

    async def context(self, guild_id: int = GUILD) -> tanjun.abc.MessageContext:
        """Return a command's context, as a real message makes it; its callback waits for nothing."""
        (author,) = [each for each in self.discord.guilds[str(GUILD)]["members"] if each["user"]["id"] == str(ADA)]
        await self.discord.dispatch("MESSAGE_CREATE", message(5_000, guild_id + 1, guild_id, author, "!hold"))
        return await asyncio.wait_for(self.contexts.get(), timeout=10)

    async def convert(self, converter: typing.Any, argument: object, guild_id: int = GUILD) -> tuple[object, list[str]]:
        """Return the ID of what a converter makes of an argument, `None` if it refuses it, and Discord's requests."""
        ctx = await self.context(guild_id)
        self.discord.requests.clear()
        try:
            entity = await ctx.call_with_async_di(converter, argument)
        except ValueError:
            return None, self.discord.requests
        return getattr(entity, "user_id", None) or getattr(entity, "code", None) or entity.id, self.discord.requests

    def store(self, interface: typing.Any) -> typing.Any:
        return self.client.get_type_dependency(interface)


def _bot(discord: LoopbackDiscord, intents: hikari.Intents = hikari.Intents.ALL) -> hikari.GatewayBot:
    return hikari.GatewayBot(
        discord.token,
        rest_url=discord.url,
        banner=None,
        logs=None,
        auto_chunk_members=False,
        suppress_optimization_warning=True,
        intents=intents,
        cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    )


@contextlib.asynccontextmanager
async def running(
    path: pathlib.Path,
    *,
    chunks: bool = False,
    trust_get_for: set[type[sake_lite.abc.Resource]] | None = None,
    **settings: typing.Any,
) -> collections.abc.AsyncGenerator[Bot]:
    """Run a bot until the end of the block, from when it has all guilds."""
    contexts: asyncio.Queue[tanjun.abc.MessageContext] = asyncio.Queue()

    @tanjun.as_message_command("hold")
    async def hold(ctx: tanjun.abc.MessageContext) -> None:
        await contexts.put(ctx)

    async with LoopbackDiscord([tea_house(), _arcade()]) as discord:
        discord.answers[f"GET /guilds/{GUILD}/roles"] = tea_house()["roles"]
        bot = _bot(discord)
        cache = sake_lite.SQLiteCache(path, bot, bot.event_manager, event_managed=True, **settings)
        if chunks:
            cache.chunk_on_guild_create(bot)
        component = tanjun.Component().add_message_command(hold)
        client = tanjun.Client.from_gateway_bot(bot).add_prefix("!").add_component(component)
        cache.add_to_tanjun(client, trust_get_for=trust_get_for)
        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        try:
            async with asyncio.timeout(10):
                while await cache.iter_guilds().len() < 2 or (chunks and not await cache.members_complete(LARGE)):
                    await asyncio.sleep(0.01)
            yield Bot(discord, cache, client, contexts)
        finally:
            await bot.close()
    check_file(path)


def client_of(cache: resources.Resource, **settings: typing.Any) -> tanjun.Client:
    """Return a client that was given the cache, and never runs."""
    rest = hikari.impl.RESTClientImpl(
        cache=None,
        entity_factory=cache.app.entity_factory,
        executor=None,
        http_settings=hikari.impl.HTTPSettings(),
        proxy_settings=hikari.impl.ProxySettings(),
        token="token",
        token_type=hikari.TokenType.BOT,
        rest_url="http://127.0.0.1:1",
    )
    client = tanjun.Client(rest)
    cache.add_to_tanjun(client, **settings)
    return client


# What is registered.


def _looked_up() -> set[typing.Any]:
    """Return the types that Tanjun looks up, by its source."""
    folder = pathlib.Path(tanjun.__file__).parent
    found: set[typing.Any] = set()
    for path in folder.rglob("*.py"):
        source = re.sub(r'""".*?"""', "", path.read_text("utf-8"), flags=re.DOTALL)
        for name, types in re.findall(r"\b(Sf\w+|SingleStoreCache|AsyncCache)\[((?:str, )?hikari\.\w+)\]", source):
            found.add(eval(f"async_cache.{name}[{types}]", {"async_cache": async_cache, "hikari": hikari}))
    return found


def test_all_that_tanjun_looks_up_is_registered(path: pathlib.Path) -> None:
    client = client_of(sake_lite.SQLiteCache(path))
    looked_up = _looked_up()
    assert async_cache.AsyncCache[str, hikari.InviteWithMetadata] in looked_up
    not_ours = {
        async_cache.SfCache[hikari.DMChannel],
        async_cache.SingleStoreCache[hikari.Application],
        async_cache.SingleStoreCache[hikari.AuthorizationApplication],
    }
    assert not_ours < looked_up
    assert len(looked_up - not_ours) >= 13
    for interface in looked_up - not_ours:
        store = client.get_type_dependency(interface)
        assert isinstance(store, typing.get_origin(interface)), interface
    assert not any(client.get_type_dependency(interface, default=None) for interface in not_ours)


def test_each_table_has_its_stores() -> None:
    """Whatever table comes: its entities are looked up by their class, by guild where they have one, by channel too."""
    for table in sake_lite.SQLiteCache.all_tables:
        interfaces = {typing.get_origin(interface) for interface in stores.stores_of(table)}
        references = {column.name for column in table.references}
        assert interfaces, table
        assert (async_cache.GuildBoundCache in interfaces) == ("guild_id" in references)
        assert (async_cache.AsyncCache in interfaces) == (len(table.key) == 1 and not table.is_own_user)


async def test_a_command_gets_the_cache_under_each_of_its_classes(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    client = client_of(cache)
    public = [each for each in vars(resources).values() if isinstance(each, type)]
    of_each_table = [each for each in public if issubclass(each, resources.Resource)]
    assert len(of_each_table) >= len(cache.all_tables)
    interfaces = [getattr(sake_lite.abc, name) for name in sake_lite.abc.__all__ if name != "CacheIterator"]
    for each in (sake_lite.SQLiteCache, *of_each_table, *interfaces):
        assert client.get_type_dependency(each) is cache

    async def callback(members: alluka.Injected[sake_lite.abc.RefMemberCache]) -> object:
        return members

    assert await client.injector.call_with_async_di(callback) is cache


class _WhoIsWho(resources.MemberCache, resources.RoleCache):
    __slots__ = ()


def test_a_cache_that_keeps_less_registers_less(path: pathlib.Path) -> None:
    cache = _WhoIsWho(path)
    client = client_of(cache)
    registered = {
        async_cache.SfGuildBound[hikari.Member],
        async_cache.SfGuildBound[hikari.Role],
        async_cache.SfCache[hikari.Role],
    }
    every = {each for table in sake_lite.SQLiteCache.all_tables for each in stores.stores_of(table)}
    assert {each for each in every if client.get_type_dependency(each, default=None)} == registered
    assert client.get_type_dependency(_WhoIsWho) is cache
    assert client.get_type_dependency(sake_lite.abc.RefRoleCache) is cache
    for each in (sake_lite.SQLiteCache, resources.GuildCache, sake_lite.abc.GuildCache, sake_lite.abc.RefCache):
        assert client.get_type_dependency(each, default=None) is None


def test_what_is_not_kept_cannot_be_trusted(path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="trust_get_for: _WhoIsWho keeps no GuildCache"):
        client_of(_WhoIsWho(path), trust_get_for={sake_lite.abc.MemberCache, sake_lite.abc.GuildCache})
    with pytest.raises(TypeError, match=r"takes several classes, such as \{MemberCache\}, not one"):
        client_of(_WhoIsWho(path), trust_get_for=sake_lite.abc.MemberCache)  # pyright: ignore[reportArgumentType]


def test_without_tanjun_it_says_what_to_install(tmp_path: pathlib.Path) -> None:
    program = """
import sys
sys.modules["tanjun"] = None
import sake_lite
cache = sake_lite.SQLiteCache("bot.db")
try:
    cache.add_to_tanjun(object())
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    ran = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "add_to_tanjun needs tanjun: pip install 'sake_lite[tanjun]'\n"


# Converters.

_FOUND: typing.Final = {
    "member": (tanjun.to_member, f"<@{ADA}>", ADA),
    "role": (tanjun.to_role, f"<@&{ROLE}>", ROLE),
    "channel": (tanjun.to_channel, f"<#{CHANNEL}>", CHANNEL),
    "thread": (tanjun.to_channel, f"<#{THREAD}>", THREAD),
    "user": (tanjun.to_user, f"<@{ADA}>", ADA),
    "emoji": (tanjun.to_emoji, f"<:emoji:{EMOJI}>", EMOJI),
    "guild": (tanjun.to_guild, str(GUILD), GUILD),
    "invite": (tanjun.to_invite, "tea", "tea"),
    "invite with metadata": (tanjun.to_invite_with_metadata, "tea", "tea"),
    "message": (tanjun.to_message, "5000", 5_000),
    "presence": (tanjun.to_presence, f"<@{ADA}>", ADA),
    "voice state": (tanjun.to_voice_state, f"<@{ADA}>", ADA),
}


async def test_converters_find_what_is_cached_without_asking_discord(path: pathlib.Path) -> None:
    async with running(path) as bot:
        await bot.discord.dispatch("INVITE_CREATE", samples.invite("tea", CHANNEL, GUILD))
        for name, (converter, argument, expected) in _FOUND.items():
            assert await bot.convert(converter, argument) == (expected, []), name


# A converter, what it is asked for, which is in no cache, and what it asks Discord for then.
_ASKED: typing.Final = {
    "role": (tanjun.to_role, NOBODY, f"GET /guilds/{GUILD}/roles", [samples.role(NOBODY)]),
    "channel": (tanjun.to_channel, NOBODY, f"GET /channels/{NOBODY}", samples.channel(NOBODY, GUILD)),
    "user": (tanjun.to_user, NOBODY, f"GET /users/{NOBODY}", samples.user(NOBODY)),
    "emoji": (tanjun.to_emoji, NOBODY, f"GET /guilds/{GUILD}/emojis/{NOBODY}", samples.emoji(NOBODY)),
    "guild": (
        tanjun.to_guild,
        NOBODY,
        f"GET /guilds/{NOBODY}",
        {**tea_house(), "id": str(NOBODY), "max_presences": None},
    ),
    "message": (
        tanjun.to_message,
        NOBODY,
        f"GET /channels/{CHANNEL}/messages/{NOBODY}",
        message(NOBODY, CHANNEL, GUILD, member(ADA, "ada"), "old"),
    ),
}


async def test_what_only_discord_can_know_is_asked_for(path: pathlib.Path) -> None:
    async with running(path) as bot:
        for converter, argument, request, answer in _ASKED.values():
            assert await bot.convert(converter, str(argument)) == (None, [request])
            bot.discord.answers[request] = typing.cast("Payload", answer)
            assert await bot.convert(converter, str(argument)) == (argument, [request])
        assert await bot.convert(tanjun.to_invite, "coffee") == (None, ["GET /invites/coffee"])
        for converter in (tanjun.to_presence, tanjun.to_voice_state, tanjun.to_invite_with_metadata):
            assert await bot.convert(converter, str(NOBODY)) == (None, [])


async def test_who_is_no_member_is_known_once_all_members_are(path: pathlib.Path) -> None:
    request = f"GET /guilds/{LARGE}/members/{NOBODY}"
    async with running(path) as bot:
        assert await bot.convert(tanjun.to_member, NOBODY, GUILD) == (None, []), "GUILD_CREATE listed them all"
        assert await bot.convert(tanjun.to_member, NOBODY, LARGE) == (None, [request])
        bot.discord.answers[request] = member(NOBODY, "late")
        assert await bot.convert(tanjun.to_member, NOBODY, LARGE) == (NOBODY, [request])

    async with running(path, chunks=True) as bot:
        assert await bot.convert(tanjun.to_member, NOBODY, LARGE) == (None, [])
        assert await bot.convert(tanjun.to_member, 10_290, LARGE) == (10_290, [])


@pytest.mark.parametrize(
    ("trusted", "is_asked"),
    [
        ({resources.UserCache, sake_lite.abc.RefEmojiCache}, {"role", "channel", "guild", "message"}),
        ({sake_lite.SQLiteCache}, {"channel"}),  # it may be a direct message's, of which there is no cache
    ],
    ids=["two", "all"],
)
async def test_what_is_trusted_is_not_asked_for(
    trusted: set[typing.Any], is_asked: set[str], path: pathlib.Path
) -> None:
    async with running(path, trust_get_for=trusted) as bot:
        found = {name for name, (converter, key, *_) in _ASKED.items() if (await bot.convert(converter, str(key)))[1]}
        assert found == is_asked
        no_dms = tanjun.conversion.ToChannel(include_dms=False)
        assert bool((await bot.convert(no_dms, str(NOBODY)))[1]) == (trusted != {sake_lite.SQLiteCache})


# What the cache knows.

LISTED: typing.Final = {
    async_cache.SfGuildBound[hikari.Role]: ROLE,
    async_cache.SfGuildBound[hikari.KnownCustomEmoji]: EMOJI,
    async_cache.SfGuildBound[hikari.GuildSticker]: STICKER,
    async_cache.SfGuildBound[hikari.PermissibleGuildChannel]: CHANNEL,
}
_NEVER: typing.Final = {
    async_cache.SfGuildBound[hikari.GuildThreadChannel]: THREAD,
    async_cache.SfGuildBound[hikari.MemberPresence]: ADA,
    async_cache.SfGuildBound[hikari.VoiceState]: ADA,
    async_cache.SfGuildBound[hikari.Message]: 5_000,
}


async def knows(client: tanjun.Client, guild_id: int = GUILD) -> set[typing.Any]:
    """Return the stores that say of an entity, asked for by guild, that it does not exist."""
    found: set[typing.Any] = set()
    for interface in (*LISTED, *_NEVER, async_cache.SfGuildBound[hikari.Member]):
        store = typing.cast("async_cache.SfGuildBound[object]", client.get_type_dependency(interface))
        assert await store.get_from_guild(guild_id, NOBODY, default=7) == 7
        with pytest.raises(async_cache.CacheMissError) as caught:
            await store.get_from_guild(guild_id, NOBODY)
        if isinstance(caught.value, async_cache.EntryNotFound):
            found.add(interface)
    return found


MEMBERS: typing.Final = {async_cache.SfGuildBound[hikari.Member]}


async def test_what_a_guild_has_is_known_from_its_guild_create_on(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        client = client_of(cache)
        await cache.set_guild(tea_house())
        await cache.set_role(GUILD, samples.role(ROLE))
        assert await knows(client) == set()
        await cache.ingest("GUILD_CREATE", tea_house())
        assert await knows(client) == {*LISTED, *MEMBERS}
        assert await knows(client, LARGE) == set()
        for interface, key in {**LISTED, **_NEVER}.items():
            store = client.get_type_dependency(interface)
            if key != 5_000:
                assert await store.get_from_guild(GUILD, key), interface
            with pytest.raises(async_cache.CacheMissError) as caught:
                await store.get_from_guild(LARGE, key)
            assert type(caught.value) is async_cache.CacheMissError, "another guild's, of which nothing is known"


@pytest.mark.parametrize(
    ("missing", "unknown"),
    [
        ("channels", async_cache.SfGuildBound[hikari.PermissibleGuildChannel]),
        ("emojis", async_cache.SfGuildBound[hikari.KnownCustomEmoji]),
        ("roles", async_cache.SfGuildBound[hikari.Role]),
        ("stickers", async_cache.SfGuildBound[hikari.GuildSticker]),
    ],
)
async def test_what_a_guild_create_does_not_list_is_not_known(
    missing: str, unknown: typing.Any, path: pathlib.Path
) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        payload = {name: value for name, value in tea_house().items() if name != missing}
        await cache.ingest("GUILD_CREATE", payload)
        assert await knows(client_of(cache)) == {*LISTED, *MEMBERS} - {unknown}


async def test_what_was_known_before_a_restart_is_known_again_with_guild_create(path: pathlib.Path) -> None:
    """Nobody told what changed meanwhile, though the guild and all that it had is stored."""
    cache = sake_lite.SQLiteCache(path)
    client = client_of(cache)
    async with cache:
        await cache.ingest("GUILD_CREATE", tea_house())

    async with cache:
        assert await knows(client) == MEMBERS, "as of the last session: the bot is not connected"
        ready = {"user": samples.me(), "guilds": [{"id": str(GUILD), "unavailable": True}]}
        await cache.ingest("READY", ready)
        assert (await cache.get_role(ROLE)).id == ROLE
        assert await knows(client) == set()
        await cache.ingest("GUILD_CREATE", tea_house())
        assert await knows(client) == {*LISTED, *MEMBERS}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("READY", {"user": samples.me(), "guilds": [{"id": str(GUILD)}]}),
        ("GUILD_DELETE", {"id": str(GUILD), "unavailable": True}),
        ("GUILD_CREATE", {"id": str(GUILD), "unavailable": True}),
        ("GUILD_DELETE", {"id": str(GUILD)}),
    ],
    ids=["new session", "outage", "still an outage", "left"],
)
async def test_what_ends_the_telling_ends_the_knowing(name: str, payload: Payload, path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        client = client_of(cache)
        await cache.ingest("GUILD_CREATE", tea_house())
        await cache.ingest(name, payload)
        assert await knows(client) == set()


async def test_another_shards_session_ends_nothing(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        client = client_of(cache)
        await cache.ingest("GUILD_CREATE", tea_house())
        assert (GUILD >> 22) % 2 == 0
        await cache.ingest("READY", {"user": samples.me(), "guilds": [], "shard": [1, 2]})
        assert await knows(client) == {*LISTED, *MEMBERS}
        await cache.ingest("READY", {"user": samples.me(), "guilds": [], "shard": [0, 2]})
        assert await knows(client) == set()


async def _delete(cache: sake_lite.SQLiteCache, _: pathlib.Path) -> None:
    await cache.delete_role(ROLE)


async def _check(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    _damage(path, "roles", "role_id", ROLE)
    report = await cache.check(delete_invalid=True)
    assert report.deleted == 1


async def _purge(cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await cache.purge_user(ADA)


@pytest.mark.parametrize("lose", [_delete, _check, _purge])
async def test_what_was_deleted_here_is_not_said_not_to_exist(
    lose: collections.abc.Callable[[sake_lite.SQLiteCache, pathlib.Path], collections.abc.Awaitable[None]],
    path: pathlib.Path,
) -> None:
    async with sake_lite.SQLiteCache(path, row_cache_bytes=0) as cache:
        client = client_of(cache)
        await cache.ingest("GUILD_CREATE", tea_house())
        await cache.flush()
        assert LISTED.keys() < await knows(client)
        await lose(cache, path)
        assert not LISTED.keys() & await knows(client)


async def test_what_waits_to_be_written_is_not_said_not_to_exist(path: pathlib.Path) -> None:
    async with Gateway(path, asks=False, busy_timeout=0.05) as gateway:
        client = client_of(gateway.cache)
        await gateway.send("READY", {"user": samples.me(), "guilds": [{"id": str(GUILD)}]})
        await gateway.send("GUILD_CREATE", tea_house())
        known = await knows(client)
        assert known == {*LISTED, *MEMBERS}
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await gateway.send("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(NOBODY)})
            with pytest.raises(sake_lite.BackendError, match="locked"):
                await gateway.cache.flush()
            assert await knows(client) == set()
            other.execute("ROLLBACK")
        await gateway.cache.flush()
        role = await client.get_type_dependency(async_cache.SfGuildBound[hikari.Role]).get_from_guild(GUILD, NOBODY)
        assert role.id == NOBODY


async def test_some_of_the_roles_are_not_taken_for_all(path: pathlib.Path) -> None:
    """Tanjun calculates permissions by what it gets, and asks Discord where it gets nothing."""
    async with sake_lite.SQLiteCache(path) as cache:
        store = client_of(cache).get_type_dependency(async_cache.SfGuildBound[hikari.Role])
        await cache.ingest("GUILD_CREATE", tea_house())
        assert {role.id for role in await store.iter_for_guild(GUILD)} >= {GUILD, ROLE}
        await cache.clear_roles()
        await cache.ingest("GUILD_ROLE_UPDATE", {"guild_id": str(GUILD), "role": samples.role(ROLE)})
        assert await store.iter_for_guild(GUILD) == []
        assert [role.id async for role in store.iter_for_guild(GUILD)] == [ROLE]


async def test_what_was_told_before_the_cache_was_open_is_not_known(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", tea_house())
    async with Gateway(path, asks=False) as gateway:
        await gateway.send("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": samples.role(thousands(1))})
        assert await gateway.cache.iter_roles_for_guild(GUILD).len() == 3
        assert await knows(client_of(gateway.cache)) == set()


@pytest.mark.parametrize(
    ("missing", "unknown"),
    [
        (hikari.Intents.GUILD_EMOJIS, {hikari.KnownCustomEmoji, hikari.GuildSticker}),
        (hikari.Intents.GUILD_MEMBERS, {hikari.Member}),
    ],
)
async def test_what_the_intents_leave_out_is_not_known(
    missing: hikari.Intents, unknown: set[type], path: pathlib.Path
) -> None:
    async with LoopbackDiscord([]) as discord:
        bot = _bot(discord, hikari.Intents.ALL & ~missing)
        with pytest.warns(hikari.MissingIntentWarning):
            cache = sake_lite.SQLiteCache(path, bot, bot.event_manager)
        client = client_of(cache)
        async with cache:
            await cache.ingest("GUILD_CREATE", tea_house())
            without: set[typing.Any] = {async_cache.SfGuildBound[each] for each in unknown}
            assert await knows(client) == {*LISTED, *MEMBERS} - without


async def test_a_member_who_came_while_it_was_asked_is_found(path: pathlib.Path) -> None:
    """The list was not complete when the member was looked up, and was a moment later, the member in it."""
    async with sake_lite.SQLiteCache(path) as cache:
        store = client_of(cache).get_type_dependency(async_cache.SfGuildBound[hikari.Member])
        house = tea_house()
        asking = [asyncio.ensure_future(store.get_from_guild(GUILD, ADA)) for _ in range(20)]
        for turn in range(20):
            asking.append(asyncio.ensure_future(store.get_from_guild(GUILD, ADA)))
            if turn == 10:
                asking.append(asyncio.ensure_future(cache.ingest("GUILD_CREATE", house)))  # pyright: ignore[reportArgumentType]
            await asyncio.sleep(0)
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert not any(isinstance(result, async_cache.EntryNotFound) for result in results)
        assert any(isinstance(result, hikari.Member) for result in results)


async def test_by_channel(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        client = client_of(cache)
        await cache.ingest("GUILD_CREATE", tea_house())
        await cache.ingest("INVITE_CREATE", samples.invite("tea", CHANNEL, GUILD))
        await cache.ingest("MESSAGE_CREATE", message(5_000, CHANNEL, GUILD, member(ADA, "ada"), "hello"))
        keys: dict[type, typing.Any] = {hikari.GuildThreadChannel: THREAD, hikari.Message: 5_000}
        found: dict[typing.Any, typing.Any] = {async_cache.SfChannelBound[entity]: key for entity, key in keys.items()}
        found[async_cache.ChannelBoundCache[str, hikari.InviteWithMetadata]] = "tea"
        for interface, key in found.items():
            store = client.get_type_dependency(interface)
            entity = await store.get_from_channel(CHANNEL, key)
            assert await store.iter_for_channel(CHANNEL) == await store.iter_all() == [entity]
            assert await store.iter_for_channel(VOICE) == []
            assert await store.get_from_channel(VOICE, key, default=None) is None
            with pytest.raises(async_cache.CacheMissError):
                await store.get_from_channel(VOICE, key)


async def test_iterating_and_counting(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        store = client_of(cache).get_type_dependency(async_cache.SfGuildBound[hikari.Role])
        for number, guild_id in enumerate([GUILD, GUILD, LARGE]):
            await cache.set_role(guild_id, samples.role(thousands(number)))
        iterator = store.iter_for_guild(GUILD)
        assert await iterator.len() == 2
        assert [role.id async for role in iterator] == [thousands(0), thousands(1)]
        assert await store.iter_all().map(lambda role: role.id) == [thousands(n) for n in range(3)]
        assert await store.iter_for_guild(NOBODY).len() == 0


async def test_the_bots_own_user(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        store = client_of(cache).get_type_dependency(async_cache.SingleStoreCache[hikari.OwnUser])
        assert await store.get(default=None) is None
        with pytest.raises(async_cache.CacheMissError) as caught:
            await store.get()
        assert type(caught.value) is async_cache.CacheMissError, "there is one"
        await cache.set_me(samples.me(BOT))
        assert (await store.get()).id == BOT


# Permissions.


async def test_permissions_are_calculated_without_asking_discord(path: pathlib.Path) -> None:
    manages = hikari.Permissions.MANAGE_ROLES
    async with running(path) as bot:
        ada = await bot.cache.get_member(GUILD, ADA)
        owner = await bot.cache.get_member(GUILD, BOT)
        thread = await bot.cache.get_thread(THREAD)
        bot.discord.requests.clear()
        fetch, fetch_everyone = tanjun.permissions.fetch_permissions, tanjun.permissions.fetch_everyone_permissions
        muted = (EVERYONE | manages) & ~hikari.Permissions.SEND_MESSAGES
        assert EVERYONE & hikari.Permissions.SEND_MESSAGES
        assert await fetch(bot.client, ada) == EVERYONE | manages
        assert await fetch(bot.client, ada, channel=CHANNEL) == muted
        assert await fetch(bot.client, ada, channel=THREAD) == muted, "as in the channel that it is in"
        assert await fetch(bot.client, ada, channel=thread) == muted
        assert await fetch(bot.client, owner, channel=CHANNEL) == hikari.Permissions.all_permissions()
        assert await fetch_everyone(bot.client, hikari.Snowflake(GUILD), channel=CHANNEL) == EVERYONE
        assert bot.discord.requests == []


async def test_a_check_and_a_cooldown_ask_the_cache(path: pathlib.Path) -> None:
    async with running(path) as bot:
        check = tanjun.checks.AuthorPermissionCheck(hikari.Permissions.SEND_MESSAGES, error_message=None)
        own_check = tanjun.checks.OwnPermissionCheck(hikari.Permissions.SEND_MESSAGES, error_message=None)
        buckets = tanjun.InMemoryCooldownManager()
        for resource in (tanjun.BucketResource.TOP_ROLE, tanjun.BucketResource.PARENT_CHANNEL):
            buckets.set_bucket(resource.name, resource, 5, 5.0)
        ctx = await bot.context()
        bot.discord.requests.clear()
        assert not await ctx.call_with_async_di(check, ctx)
        assert await ctx.call_with_async_di(own_check, ctx)
        for resource in (tanjun.BucketResource.TOP_ROLE, tanjun.BucketResource.PARENT_CHANNEL):
            async with buckets.acquire(resource.name, ctx):
                pass
        assert bot.discord.requests == []


# Damage.


def _damage(path: pathlib.Path, table: str, column: str, key: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET data = x'00' WHERE {column} = ?", (key,))


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "hikari.sake_lite" and record.levelno >= logging.WARNING
    ]


async def test_a_damaged_row_is_asked_for_and_logged_once(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    request = f"GET /guilds/{GUILD}/members/{ADA}"
    async with running(path, row_cache_bytes=0) as bot:
        ctx = await bot.context()
        await bot.cache.flush()
        _damage(path, "members", "user_id", ADA)
        bot.discord.answers[request] = member(ADA, "ada")
        bot.discord.requests.clear()
        for _ in range(3):
            assert (await ctx.call_with_async_di(tanjun.to_member, f"<@{ADA}>")).id == ADA
        assert bot.discord.requests == [request] * 3
        store = bot.store(async_cache.SfGuildBound[hikari.Member])
        assert await store.get_from_guild(GUILD, ADA, default=None) is None
        await bot.cache.delete_member(GUILD, ADA)
    (warning,) = _warnings(caplog)
    assert warning.startswith("Tanjun asks Discord instead of the cache: the row ")
    assert f"user_id={ADA}" in warning


async def test_a_damaged_role_makes_no_other_permissions(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    request = f"GET /guilds/{GUILD}/roles"
    async with running(path, row_cache_bytes=0) as bot:
        ada = await bot.cache.get_member(GUILD, ADA)
        before = await tanjun.permissions.fetch_permissions(bot.client, ada)
        await bot.cache.flush()
        _damage(path, "roles", "role_id", ROLE)
        bot.discord.requests.clear()
        assert await tanjun.permissions.fetch_permissions(bot.client, ada) == before
        assert bot.discord.requests == [request]
        roles = bot.store(async_cache.SfGuildBound[hikari.Role])
        assert [role.id async for role in roles.iter_for_guild(GUILD)] == [GUILD], "one after the other, it is left out"
        await bot.cache.delete_role(ROLE)
    assert len(_warnings(caplog)) == 1


async def test_a_file_that_cannot_be_read_is_missed(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    async with sake_lite.SQLiteCache(path, row_cache_bytes=0) as cache:
        store = typing.cast("typing.Any", client_of(cache).get_type_dependency(async_cache.SfGuildBound[hikari.Role]))
        await cache.set_role(GUILD, samples.role(ROLE))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE roles RENAME TO elsewhere")
        for _ in range(2):
            with pytest.raises(async_cache.CacheMissError):
                await store.get_from_guild(GUILD, ROLE)
        assert await store.iter_for_guild(GUILD) == []
        with pytest.raises(async_cache.CacheMissError):
            await anext(store.iter_for_guild(GUILD))
        with pytest.raises(async_cache.CacheMissError):
            await store.iter_for_guild(GUILD).len()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO roles")
        assert (await store.get_from_guild(GUILD, ROLE)).id == ROLE
    assert 1 <= len(_warnings(caplog)) <= 3


async def test_a_closed_cache_has_missed_everything_silently(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = sake_lite.SQLiteCache(path)
    client = client_of(cache, trust_get_for={sake_lite.SQLiteCache})
    for interface in LISTED:
        store = typing.cast("typing.Any", client.get_type_dependency(interface))
        assert await store.get_from_guild(GUILD, 1, default=None) is None
        with pytest.raises(async_cache.CacheMissError) as caught:
            await store.get_from_guild(GUILD, 1)
        assert type(caught.value) is async_cache.CacheMissError
        assert await store.iter_for_guild(GUILD) == []
    assert _warnings(caplog) == []


# Opening and closing with Tanjun.


async def test_tanjun_opens_and_closes_the_cache(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    client = client_of(cache, tanjun_managed=True)
    seen: list[bool] = []
    client.add_client_callback(tanjun.ClientCallbackNames.CLOSING, lambda: seen.append(cache.is_alive))
    for _ in range(2):
        await client.open()
        assert cache.is_alive
        await client.close()
        assert not cache.is_alive
    assert seen == [True, True]


async def test_a_cache_that_is_not_managed_is_left_alone(path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    client = client_of(cache)
    await client.open()
    assert not cache.is_alive
    async with cache:
        await client.close()
        assert cache.is_alive


async def test_a_client_that_has_started_opens_the_cache_at_once(path: pathlib.Path) -> None:
    client = client_of(sake_lite.SQLiteCache(path))
    await client.open()
    cache = sake_lite.SQLiteCache(path)
    cache.add_to_tanjun(client, tanjun_managed=True)
    async with asyncio.timeout(10):
        while not cache.is_alive:
            await asyncio.sleep(0.01)
    await client.close()
    assert not cache.is_alive


async def test_a_cache_that_cannot_be_opened_lets_tanjun_start(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = sake_lite.SQLiteCache(tmp_path / "missing" / "bot.db")
    client = client_of(cache, tanjun_managed=True)
    await client.open()
    assert client.is_alive
    assert ["the bot starts without its cache" in line for line in _warnings(caplog)] == [True]
    with pytest.raises(sake_lite.ClosedClient, match="could not be opened"):
        await cache.get_role(1)
    assert await client.get_type_dependency(async_cache.SfCache[hikari.Role]).get(1, default=None) is None
    await client.close()


# A real command.


async def test_the_examples_command_is_answered_from_the_cache(path: pathlib.Path) -> None:
    example = importlib.import_module("tanjun_bot")
    async with LoopbackDiscord([tea_house(), _arcade()]) as discord:
        bot = _bot(discord)
        cache = example.make_client(bot, path).get_type_dependency(sake_lite.SQLiteCache)
        await bot.start(check_for_updates=False, shard_ids=[0], shard_count=1)
        async with asyncio.timeout(10):
            while not await cache.members_complete(LARGE):
                await asyncio.sleep(0.01)
        ada = discord.guilds[str(GUILD)]["members"][1]
        said: list[str] = []
        for person in (ADA, NOBODY):
            await discord.dispatch("MESSAGE_CREATE", message(5_000, CHANNEL, GUILD, ada, f"!whois <@{person}>"))
            said.append((await asyncio.wait_for(discord.messages.get(), timeout=10))["content"])
        await bot.close()
    assert not cache.is_alive
    assert said == ["Ada is in Tea house.", "Couldn't convert argument 'member'"]
    assert discord.requests == [], "who is no member is known, too"
    check_file(path)
