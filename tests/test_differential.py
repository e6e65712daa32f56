"""The cache against hikari's own: random gateway events go to both, and both must say the same.

A real `hikari.GatewayBot`, which is not started, takes in a seeded stream of events (`gateway_stream.py`). Its
`EventManagerImpl` fills hikari's in-memory cache, and hands each event to a `SQLiteCache`. Now and then the bot is
dropped, time passes, and another bot goes on with the file.

Where hikari's cache is wrong, or forgets what a file remembers, a function marked with `_diverges` says so, and puts
hikari's cache right by hand; beside these, only what `_SHARED` and `_UNSAID` name is excused. Each divergence must
really be met, so that none outlives its reason. And whenever all guilds are announced, the file must be what Discord's
side of the stream, which knows nothing of hikari, says that the bot was told.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import contextlib
import dataclasses
import datetime
import functools
import typing

import attrs
import gateway_stream
import hikari
import pytest
from conftest import check_file
from gateway_stream import Event, World
from samples import Payload

import sake_lite

if typing.TYPE_CHECKING:
    import pathlib

_RUNS: typing.Final = 4
_STEPS: typing.Final = 960
_BURST: typing.Final = 10
_EVERY: typing.Final = 120
"""How often a bot is started, how many steps of the stream it lives for, how many of them come at once, and after how
many is compared.
"""

Facts: typing.TypeAlias = "dict[typing.Any, typing.Any]"


# What is compared: the fields of an entity.

_SHARED: typing.Final = (hikari.PartialUser, hikari.Member)
"""Users and members inside of other entities are compared by ID only.

hikari keeps one object for each, which all entities that name it share: the author of an old message has the name that
a later event told. The file keeps each payload as Discord sent it. By themselves, members are compared in full; so are
users, but with Discord's side only, since hikari keeps a user only while it counts references to it.
"""

_UNSAID: typing.Final = {
    # hikari keeps the message that a message answers only where it has that message by itself; the payload has it.
    "messages": {"referenced_message"},
}
"""What hikari's entities say less of than the payload; it is compared with Discord's side only."""


_OF_EMBED: typing.Final = (
    *("title", "description", "url", "color", "timestamp"),
    *("author", "footer", "image", "thumbnail", "video", "provider", "fields"),
)
"""An embed is the one entity whose fields are properties."""


@functools.cache
def _fields(entity: type[typing.Any]) -> tuple[str, ...]:
    """Return what an entity tells, without the bot that it is bound to."""
    if entity is hikari.Embed:
        return _OF_EMBED
    return tuple(field.name for field in attrs.fields(entity) if field.name.strip("_") != "app")


def _facts(value: typing.Any) -> typing.Any:
    """Return what an entity's field tells, in dictionaries and lists, which compare by all that they hold."""
    if isinstance(value, _SHARED):
        return int(value.id)
    if hasattr(value, "__attrs_attrs__") or isinstance(value, hikari.Embed):
        return _all_facts(value)
    if isinstance(value, collections.abc.Mapping):
        mapping = typing.cast("collections.abc.Mapping[typing.Any, typing.Any]", value)
        return {key: _facts(part) for key, part in mapping.items()}
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        return [_facts(part) for part in typing.cast("collections.abc.Sequence[typing.Any]", value)]
    return value


def _all_facts(entity: typing.Any) -> Facts:
    kind = typing.cast("type[typing.Any]", type(entity))
    return {"class": kind, **{name: _facts(getattr(entity, name)) for name in _fields(kind)}}


def _key(entity: typing.Any) -> typing.Any:
    """Return what an entity is stored by."""
    if isinstance(entity, hikari.InviteWithMetadata):
        return entity.code
    if isinstance(entity, (hikari.VoiceState, hikari.MemberPresence)):
        return (entity.guild_id, entity.user_id)
    return (entity.guild_id, entity.id) if isinstance(entity, hikari.Member) else entity.id


def _by_key(entities: collections.abc.Iterable[typing.Any]) -> Facts:
    return {_key(entity): _all_facts(entity) for entity in entities}


def _differences(ours: Facts, theirs: Facts) -> list[str]:
    """Say in which entries two caches differ, in a few lines."""
    found = [f"only in the file: {key}" for key in ours.keys() - theirs.keys()]
    found += [f"missing in the file: {key}" for key in theirs.keys() - ours.keys()]
    for key in ours.keys() & theirs.keys():
        found += [
            f"{key}.{name}: {ours[key].get(name)!r} in the file, not {theirs[key].get(name)!r}"
            for name in ours[key].keys() | theirs[key].keys()
            if ours[key].get(name) != theirs[key].get(name)
        ]
    return sorted(found)


# The two caches of one bot.


class _Shard:
    """As much of a shard as events ask for."""

    intents = hikari.Intents.ALL

    def __init__(self, number: int, world: World) -> None:
        self.id = number
        self.shard_count = world.shard_count
        self._world = world

    def get_user_id(self) -> hikari.Snowflake:
        return hikari.Snowflake(self._world.me["id"])

    async def request_guild_members(self, guild_id: int, *, nonce: str, include_presences: bool) -> None:
        assert include_presences
        self._world.request_members(guild_id, nonce)


@dataclasses.dataclass
class _Theirs:
    """hikari's cache, and what putting it right takes."""

    bot: hikari.GatewayBot
    world: World
    ghosts: set[int] = dataclasses.field(default_factory=set[int])
    """Messages that are deleted, and that hikari goes on showing."""

    @property
    def cache(self) -> hikari.api.MutableCache:
        return typing.cast("hikari.api.MutableCache", self.bot.cache)

    @property
    def factory(self) -> hikari.api.EntityFactory:
        return self.bot.entity_factory

    def members(self, guild_id: int) -> list[hikari.Member]:
        # The view of all guilds, and `get_member`, have also those who left, or never were known to be members, where
        # a message or voice state names them.
        return [*self.cache.get_members_view_for_guild(guild_id).values()]

    def member(self, guild_id: str, user_id: str) -> hikari.Member | None:
        return self.cache.get_members_view_for_guild(int(guild_id)).get(hikari.Snowflake(user_id))

    def messages(self) -> list[hikari.Message]:
        return [message for message in self.cache.get_messages_view().values() if message.id not in self.ghosts]

    def delete_messages(self, is_gone: collections.abc.Callable[[hikari.Message], bool]) -> bool:
        """Delete messages; returns whether there were any."""
        gone = [message.id for message in self.messages() if is_gone(message)]
        for message_id in gone:
            self.delete_message(message_id)
        return bool(gone)

    def delete_message(self, message_id: int) -> None:
        self.cache.delete_message(message_id)
        if self.cache.get_message(message_id) is not None:
            self.ghosts.add(message_id)

    def learn_member(self, guild_id: int, payload: Payload) -> bool:
        """Store a member; returns whether hikari did not know it."""
        is_known = self.member(str(guild_id), payload["user"]["id"]) is not None
        member = self.factory.deserialize_member(payload, guild_id=hikari.Snowflake(guild_id))
        self.cache.set_member(member)
        return not is_known

    def facts(self, resource: str) -> Facts:
        """Return all that hikari's cache holds of a resource."""
        cache, guilds = self.cache, self.cache.get_guilds_view()
        entities: dict[str, collections.abc.Callable[[], collections.abc.Iterable[typing.Any]]] = {
            "guilds": guilds.values,
            "guild_channels": lambda: cache.get_guild_channels_view().values(),
            "threads": lambda: cache.get_threads_view().values(),
            "roles": lambda: cache.get_roles_view().values(),
            "emojis": lambda: cache.get_emojis_view().values(),
            "stickers": lambda: cache.get_stickers_view().values(),
            "members": lambda: (member for guild_id in guilds for member in self.members(guild_id)),
            "presences": lambda: _flat(cache.get_presences_view()),
            "voice_states": lambda: _flat(cache.get_voice_states_view()),
            "invites": lambda: cache.get_invites_view().values(),
            "messages": self.messages,
        }
        return _by_key(entities[resource]())


_COMPARED: typing.Final = (
    "guilds",
    "guild_channels",
    "threads",
    "roles",
    "emojis",
    "stickers",
    "members",
    "presences",
    "voice_states",
    "invites",
    "messages",
)


def _flat(views: collections.abc.Mapping[typing.Any, typing.Any]) -> list[typing.Any]:
    return [entity for view in views.values() for entity in view.values()]


async def _ours(cache: sake_lite.SQLiteCache, resource: str) -> Facts:
    """Return all that the file holds of a resource."""
    iterator: sake_lite.CacheIterator[typing.Any] = getattr(cache, f"iter_{resource}")()
    return _by_key([entity async for entity in iterator])


# Where hikari's cache is not what it should be. Up to its `yield`, a divergence's function looks at hikari's cache
# before the event; then it puts right what the event should have done, and returns whether hikari had it wrong.

_Step: typing.TypeAlias = "collections.abc.Generator[None, None, bool]"
_Divergence: typing.TypeAlias = "collections.abc.Callable[[_Theirs, Payload], _Step]"
_DIVERGENCES: typing.Final[dict[str, list[_Divergence]]] = collections.defaultdict(list)


def _diverges(*events: str) -> collections.abc.Callable[[_Divergence], _Divergence]:
    """Name a function for what hikari gets wrong at some events."""

    def register(divergence: _Divergence) -> _Divergence:
        for event in events:
            _DIVERGENCES[event].append(divergence)
        return divergence

    return register


@_diverges("READY")
def _stale_guilds_stay(theirs: _Theirs, payload: Payload) -> _Step:
    """At READY hikari drops nothing, though guilds may have been left, and presences and voice states are of no use."""
    yield
    listed = {int(guild["id"]) for guild in payload["guilds"]}
    stale = False
    for guild_id in [*theirs.cache.get_guilds_view()]:
        if theirs.world.shard_of(guild_id) == payload["shard"][0]:
            stale |= bool(theirs.cache.clear_presences_for_guild(guild_id))
            stale |= bool(theirs.cache.clear_voice_states_for_guild(guild_id))
            if guild_id not in listed:
                _forget_guild(theirs, guild_id)
                stale = True
    return stale


def _forget_guild(theirs: _Theirs, guild_id: int) -> None:
    cache = theirs.cache
    theirs.delete_messages(lambda message: message.guild_id == guild_id)
    cache.delete_guild(guild_id)
    cache.clear_invites_for_guild(guild_id)
    cache.clear_members_for_guild(guild_id)
    cache.clear_guild_channels_for_guild(guild_id)
    cache.clear_threads_for_guild(guild_id)
    cache.clear_emojis_for_guild(guild_id)
    cache.clear_stickers_for_guild(guild_id)
    cache.clear_roles_for_guild(guild_id)


@_diverges("GUILD_CREATE", "GUILD_UPDATE")
def _empty_lists_clear_nothing(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari asks `if channels:` and so on, and keeps what was there where the list has nothing for it."""
    yield
    clear = {
        "channels": theirs.cache.clear_guild_channels_for_guild,
        "threads": theirs.cache.clear_threads_for_guild,
        "emojis": theirs.cache.clear_emojis_for_guild,
        "stickers": theirs.cache.clear_stickers_for_guild,
        "presences": theirs.cache.clear_presences_for_guild,
        "voice_states": theirs.cache.clear_voice_states_for_guild,
    }
    emptied = [name for name in clear if name in payload and not any(map(_is_known, payload[name]))]
    stayed = [name for name in emptied if clear[name](int(payload["id"]))]
    return bool(stayed)


def _is_known(payload: Payload) -> bool:
    return payload.get("type") != gateway_stream.UNKNOWN


@_diverges("GUILD_CREATE")
def _old_member_count_wins(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari keeps these three of a guild that it has, since GUILD_UPDATE lacks them; GUILD_CREATE has them anew."""
    yield
    guild = theirs.cache.get_guild(int(payload["id"]))
    if guild is None or payload.get("unavailable"):
        return False
    before = (guild.member_count, guild.joined_at, guild.is_large)
    news = theirs.factory.deserialize_gateway_guild(payload, user_id=hikari.Snowflake(0)).guild()
    guild.member_count, guild.joined_at, guild.is_large = news.member_count, news.joined_at, news.is_large
    theirs.cache.set_guild(guild)
    return before != (news.member_count, news.joined_at, news.is_large)


@_diverges("GUILD_CREATE")
def _unlisted_members_are_dropped(theirs: _Theirs, payload: Payload) -> _Step:
    """The GUILD_CREATE of a large guild names part of the members; hikari forgets the others."""
    before = theirs.members(int(payload["id"]))
    yield
    if payload.get("unavailable") or len(payload["members"]) == payload["member_count"]:
        return False
    listed = {int(member["user"]["id"]) for member in payload["members"]}
    dropped = [member for member in before if member.id not in listed]
    for member in dropped:
        theirs.cache.set_member(member)
    return bool(dropped)


@_diverges("GUILD_DELETE")
def _messages_outlive_their_guild(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari clears all but the messages of a guild that was left."""
    yield
    is_outage = payload.get("unavailable", False)
    return not is_outage and theirs.delete_messages(lambda message: message.guild_id == int(payload["id"]))


@_diverges("CHANNEL_UPDATE")
def _channel_of_unknown_type_stays(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari discards the event that makes a channel one of a type it does not know, and keeps what the channel was."""
    yield
    return not _is_known(payload) and theirs.cache.delete_guild_channel(int(payload["id"])) is not None


@_diverges("CHANNEL_DELETE", "THREAD_DELETE")
def _what_is_in_a_channel_outlives_it(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari deletes the channel and its threads, and keeps the messages, invites and voice states in them."""
    cache, guild_id, channel_id = theirs.cache, int(payload["guild_id"]), int(payload["id"])
    gone = {channel_id, *cache.get_threads_view_for_channel(guild_id, channel_id)}
    yield
    stayed = theirs.delete_messages(lambda message: message.channel_id in gone)
    stayed |= bool(cache.clear_invites_for_channel(guild_id, channel_id))
    for state in [*cache.get_voice_states_view_for_channel(guild_id, channel_id).values()]:
        stayed |= cache.delete_voice_state(guild_id, state.user_id) is not None  # `clear_…_for_channel` deletes nothing
    return stayed


@_diverges("CHANNEL_PINS_UPDATE")
def _pins_are_not_kept(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari does not keep when a message was last pinned (its event manager has a TODO for that)."""
    yield
    cache, channel_id, raw = theirs.cache, int(payload["channel_id"]), payload.get("last_pin_timestamp")
    pinned = datetime.datetime.fromisoformat(raw) if raw else None
    channel = cache.get_guild_channel(channel_id) or cache.get_thread(channel_id)
    if not isinstance(channel, (hikari.GuildTextChannel, hikari.GuildNewsChannel, hikari.GuildThreadChannel)):
        return False
    before, channel.last_pin_timestamp = channel.last_pin_timestamp, pinned
    if isinstance(channel, hikari.GuildThreadChannel):
        cache.set_thread(channel)
    else:
        cache.set_guild_channel(channel)
    return before != pinned


@_diverges("THREAD_MEMBERS_UPDATE")
def _thread_is_dropped_or_not_counted(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari does not count a thread's members, and drops also a public thread that the bot was removed from."""
    thread = theirs.cache.get_thread(int(payload["id"]))
    yield
    is_removed = str(gateway_stream.BOT) in payload.get("removed_member_ids", ())
    if thread is None or (is_removed and isinstance(thread, hikari.GuildPrivateThread)):
        return False
    thread.approximate_member_count = payload["member_count"]
    theirs.cache.set_thread(thread)
    return True


@_diverges("GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE")
def _members_are_not_counted(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari's `member_count` is that of the GUILD_CREATE."""
    yield
    guild = theirs.cache.get_guild(int(payload["guild_id"]))
    assert guild is not None
    assert guild.member_count is not None
    guild.member_count += 1 if "joined_at" in payload else -1
    theirs.cache.set_guild(guild)
    return True


@_diverges("GUILD_MEMBER_REMOVE")
def _presence_outlives_the_member(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari keeps the presence and voice state of a member who left."""
    yield
    key = (int(payload["guild_id"]), int(payload["user"]["id"]))
    return any([theirs.cache.delete_presence(*key), theirs.cache.delete_voice_state(*key)])


@_diverges("GUILD_MEMBER_UPDATE")
def _deaf_and_mute_are_forgotten(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari puts what it is told in place of the member, also where the event lacks `deaf` and `mute`."""
    before = theirs.member(payload["guild_id"], payload["user"]["id"])
    yield
    member = theirs.member(payload["guild_id"], payload["user"]["id"])
    if member is None or before is None or "deaf" in payload:
        return False
    member.is_deaf, member.is_mute = before.is_deaf, before.is_mute
    theirs.cache.set_member(member)
    return before.is_deaf is not hikari.UNDEFINED


@_diverges("GUILD_MEMBERS_CHUNK")
def _members_who_are_gone_stay(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari only adds what chunks name, and keeps whom a whole list of them does not; Discord says who that is."""
    yield
    if "nonce" not in payload or payload["chunk_index"] + 1 < payload["chunk_count"]:
        return False
    guild_id = int(payload["guild_id"])
    gone = [each.id for each in theirs.members(guild_id) if each.id not in theirs.world.guilds[guild_id].members]
    for user_id in gone:
        theirs.cache.delete_member(guild_id, user_id)
    return bool(gone)


@_diverges("MESSAGE_CREATE")
def _author_is_no_member(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari keeps the member that a message tells with the message, and not as a member, where it did not know it."""
    yield
    if "member" not in payload:
        return False
    return theirs.learn_member(int(payload["guild_id"]), {**payload["member"], "user": payload["author"]})


@_diverges("VOICE_STATE_UPDATE")
def _speaker_is_no_member(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari keeps the member that a voice state tells with the voice state, and not as a member; so with a message."""
    yield
    return theirs.learn_member(int(payload["guild_id"]), payload["member"])


@_diverges("INTERACTION_CREATE")
def _whoever_interacts_is_not_learnt(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari takes nothing from interactions."""
    yield
    return theirs.learn_member(int(payload["guild_id"]), payload["member"])


@_diverges("MESSAGE_UPDATE")
def _update_is_taken_over_in_part(theirs: _Theirs, payload: Payload) -> _Step:
    """Of a MESSAGE_UPDATE, hikari takes content, embeds, mentions and the like over, and leaves the flags."""
    yield
    message = theirs.cache.get_message(int(payload["id"]))
    if message is None or "flags" not in payload:
        return False
    before, message.flags = message.flags, hikari.MessageFlag(payload["flags"])
    theirs.cache.set_message(message)
    return before != message.flags


@_diverges("MESSAGE_UPDATE")
def _mentions_are_not_emptied(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari takes an empty list of mentions in a MESSAGE_UPDATE for a missing one."""
    yield
    message = theirs.cache.get_message(int(payload["id"]))
    if message is None or payload.get("mentions") != [] or not message.user_mentions:
        return False
    message.user_mentions = {}
    theirs.cache.set_message(message)
    return True


@_diverges("MESSAGE_UPDATE")
def _whole_update_is_not_a_message(theirs: _Theirs, payload: Payload) -> _Step:
    """Discord sends whole messages in MESSAGE_UPDATE; hikari does not store one that it did not know."""
    is_known = theirs.cache.get_message(int(payload["id"])) is not None
    yield
    if is_known or "author" not in payload:
        return False
    author = theirs.member(payload["guild_id"], payload["author"]["id"])
    theirs.cache.set_message(theirs.factory.deserialize_message(payload))
    if author is not None and "member" in payload:
        theirs.cache.set_member(author)  # `set_message` stores what the message says of them; no cache does so here
    return True


@_diverges("MESSAGE_DELETE", "MESSAGE_DELETE_BULK")
def _answered_messages_stay(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari shows a deleted message for as long as it has one that answers it."""
    yield
    stayed = {int(number) for number in payload.get("ids") or [payload["id"]]}
    stayed &= {message.id for message in theirs.messages()}
    theirs.ghosts |= stayed
    return bool(stayed)


@_diverges(
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_ALL",
    "MESSAGE_REACTION_REMOVE_EMOJI",
)
def _reactions_are_not_counted(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari's messages have the reactions that they were created with; Discord says which there are."""
    yield
    message = theirs.cache.get_message(int(payload["message_id"]))
    if message is None or message.id in theirs.ghosts:
        return False
    message.reactions = theirs.factory.deserialize_message(theirs.world.messages[message.id]).reactions
    theirs.cache.set_message(message)
    return True


@_diverges("INVITE_CREATE")
def _invites_never_end(theirs: _Theirs, payload: Payload) -> _Step:
    """hikari keeps invites that are over."""
    yield
    return gateway_stream.has_ended(payload) and theirs.cache.delete_invite(payload["code"]) is not None


def _forgets_at_a_restart(old: _Theirs, new: _Theirs) -> bool:
    """hikari's cache begins empty with every bot: let it begin with what it had, as the file does."""
    cache = new.cache
    for guild_id, guild in old.cache.get_guilds_view().items():
        cache.set_guild(guild)
        for member in old.members(guild_id):
            cache.set_member(member)
    setters: list[tuple[collections.abc.Callable[[typing.Any], None], collections.abc.Iterable[typing.Any]]] = [
        (cache.set_guild_channel, old.cache.get_guild_channels_view().values()),
        (cache.set_thread, old.cache.get_threads_view().values()),
        (cache.set_role, old.cache.get_roles_view().values()),
        (cache.set_emoji, old.cache.get_emojis_view().values()),
        (cache.set_sticker, old.cache.get_stickers_view().values()),
        (cache.set_presence, _flat(old.cache.get_presences_view())),
        (cache.set_voice_state, _flat(old.cache.get_voice_states_view())),
        (cache.set_invite, old.cache.get_invites_view().values()),
        (cache.set_message, old.messages()),
    ]
    for store, entities in setters:
        for entity in entities:
            store(entity)
    return bool(old.cache.get_guilds_view())


# The test.


class _Differential:
    """A stream, and the bots that take it in one after the other."""

    def __init__(self, seed: int, path: pathlib.Path) -> None:
        self._seed = seed
        self.world = World(seed, shard_count=2 + seed % 2)
        self.shards = [_Shard(number, self.world) for number in range(self.world.shard_count)]
        self.path = path
        self.met = collections.Counter[str]()
        self.theirs: _Theirs | None = None
        self.sent = 0
        self._seen = 0
        self._all_seen = asyncio.Condition()
        self._last: collections.deque[str] = collections.deque(maxlen=12)

    async def run(self, *, is_chunking: bool) -> None:
        """Let one bot live."""
        bot = hikari.GatewayBot(
            "MTAw.loop.back",
            banner=None,
            logs=None,
            suppress_optimization_warning=True,
            intents=hikari.Intents.ALL,
            auto_chunk_members=False,
            cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.ALL, max_messages=100_000),
        )
        theirs = _Theirs(bot, self.world)
        if self.theirs is not None:
            self.met["_forgets_at_a_restart"] += _forgets_at_a_restart(self.theirs, theirs)
        self.theirs = theirs
        cache = sake_lite.SQLiteCache(self.path, bot, bot.event_manager)
        # Without chunks, there are members that neither cache knows of before they do something.
        async with cache.chunk_on_guild_create(bot if is_chunking else None):
            # After the cache's own listener, hence called after it.
            bot.event_manager.subscribe(hikari.ShardPayloadEvent, self._on_shard_payload)
            await self._live(cache, theirs)

    async def _live(self, cache: sake_lite.SQLiteCache, theirs: _Theirs) -> None:
        self.world.begin()
        for step in range(1, _STEPS + 1):
            self._send(theirs, self.world.step())
            if step % _BURST == 0:
                await self._taken_in()
            if step % _EVERY == 0 or step == _BURST:
                await self._compare(cache, theirs)
        self._send(theirs, self.world.settle())
        await self._taken_in()
        assert self.world.is_settled
        await self._compare(cache, theirs)
        assert cache.stats().failures == 0, self._where()

    async def _on_shard_payload(self, _: hikari.ShardPayloadEvent) -> None:
        async with self._all_seen:
            self._seen += 1
            self._all_seen.notify_all()

    def _send(self, theirs: _Theirs, events: list[Event]) -> None:
        for event in events:
            self.sent += 1
            self._last.append(f"{self.sent} {event}")
            shard = typing.cast("hikari.api.GatewayShard", self.shards[event.shard])
            with self._put_right(theirs, event):
                typing.cast("typing.Any", theirs.bot.event_manager).consume_raw_event(event.name, shard, event.payload)

    async def _taken_in(self) -> None:
        """Wait until the listeners were called for all that was sent."""
        async with self._all_seen:
            await self._all_seen.wait_for(lambda: self._seen == self.sent)

    @contextlib.contextmanager
    def _put_right(self, theirs: _Theirs, event: Event) -> collections.abc.Generator[None, None, None]:
        """Put right what hikari makes of an event, in the order of the file."""
        running = [(each.__name__, each(theirs, event.payload)) for each in _DIVERGENCES.get(event.name, ())]
        for _, divergence in running:
            next(divergence)
        yield
        for name, divergence in running:
            try:
                next(divergence)
            except StopIteration as end:
                self.met[name] += bool(end.value)

    def _where(self) -> str:
        return "\n".join([f"seed {self._seed}, after {self.sent} events, the last of which were", *self._last])

    async def _compare(self, cache: sake_lite.SQLiteCache, theirs: _Theirs) -> None:
        await cache.flush()
        ours = {resource: await _ours(cache, resource) for resource in _COMPARED}
        for resource in _COMPARED:
            unsaid = _UNSAID.get(resource, set[str]())
            shown, expected = (_except(unsaid, facts) for facts in (ours[resource], theirs.facts(resource)))
            self._agree(f"{resource}, hikari", shown, expected)
        if self.world.is_settled:
            await self._compare_with_discord(cache, theirs, ours)

    async def _compare_with_discord(
        self, cache: sake_lite.SQLiteCache, theirs: _Theirs, ours: dict[str, Facts]
    ) -> None:
        factory, world = theirs.factory, self.world
        for resource in _COMPARED:
            if resource != "members":
                self._agree(f"{resource}, Discord", ours[resource], _discords_facts(factory, world, resource))
        for guild in world.guilds.values():
            members = {key: facts for key, facts in ours["members"].items() if key[0] == guild.id}
            if await cache.members_complete(guild.id):
                self.met["complete"] += 1
                entities = [
                    factory.deserialize_member(world.member(guild, user), guild_id=hikari.Snowflake(guild.id))
                    for user in guild.members
                ]
                self._agree("members, Discord", members, _by_key(entities))
        users = [factory.deserialize_user(payload) for payload in world.told_users.values()]
        self._agree("users, Discord", await _ours(cache, "users"), _by_key(users))
        assert _all_facts(await cache.get_me()) == _all_facts(factory.deserialize_my_user(world.me)), self._where()
        self.met["settled"] += 1

    def _agree(self, what: str, ours: Facts, theirs: Facts) -> None:
        if ours != theirs:
            pytest.fail("\n".join([f"{what}:", *_differences(ours, theirs)[:8], self._where()]), pytrace=False)


def _except(unsaid: set[str], facts: Facts) -> Facts:
    return (
        {key: {name: fact for name, fact in entity.items() if name not in unsaid} for key, entity in facts.items()}
        if unsaid
        else facts
    )


def _discords_facts(factory: hikari.api.EntityFactory, world: World, resource: str) -> Facts:
    """Return what the file should hold of a resource, from Discord's side."""
    if resource == "messages":
        return _by_key(factory.deserialize_message(payload) for payload in world.messages.values())
    if resource == "invites":
        return _by_key(factory.deserialize_invite_with_metadata(payload) for payload in world.invites.values())
    return _by_key(entity for guild in world.guilds.values() for entity in _of_guild(factory, guild, resource))


def _of_guild(
    factory: hikari.api.EntityFactory, guild: gateway_stream.Guild, resource: str
) -> collections.abc.Iterator[typing.Any]:
    guild_id = hikari.Snowflake(guild.id)
    payload: Payload
    if resource == "guilds":
        yield factory.deserialize_gateway_guild(guild.whole(), user_id=hikari.Snowflake(0)).guild()
    elif resource == "guild_channels":
        for payload in guild.channels.values():
            if payload["type"] != gateway_stream.UNKNOWN:
                yield factory.deserialize_channel(payload)
    elif resource == "threads":
        for payload in guild.threads.values():
            yield factory.deserialize_guild_thread(payload)
    elif resource == "roles":
        for payload in guild.roles.values():
            yield factory.deserialize_role(payload, guild_id=guild_id)
    elif resource == "emojis":
        for payload in guild.emojis.values():
            yield factory.deserialize_known_custom_emoji(payload, guild_id=guild_id)
    elif resource == "stickers":
        for payload in guild.stickers.values():
            yield factory.deserialize_guild_sticker(payload)
    elif resource == "presences":
        for payload in guild.presences.values():
            yield factory.deserialize_member_presence(payload)
    elif resource == "voice_states":
        for payload in guild.voice_states.values():
            yield factory.deserialize_voice_state(payload)


_SEEDS: typing.Final = [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 4))]


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"seed{seed}")
async def test_the_cache_and_hikaris_own_agree(seed: int, path: pathlib.Path) -> None:
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    differential = _Differential(seed, path)
    for run in range(_RUNS):
        if run:
            differential.world.pass_unseen(100)
        await differential.run(is_chunking=run % 2 == 1)
        assert raised == []

    check_file(path)
    assert differential.sent > _RUNS * _STEPS * 0.8
    divergences = {each.__name__ for listed in _DIVERGENCES.values() for each in listed}
    never = {*divergences, "_forgets_at_a_restart", "settled", "complete"} - {*+differential.met}
    assert never == set(), "this was never met, so it need not be excused"
