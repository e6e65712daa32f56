"""A seeded stream of gateway events, and the Discord that they come from.

`World` is Discord's side: guilds, what is in them, and users. Each action changes it, and yields the events that tell
so, as Discord would at that moment. An action whose events nobody gets is what happens while a bot is not running.
"""

from __future__ import annotations

__all__ = ["BOT", "UNKNOWN", "Event", "Guild", "World", "has_ended"]

import collections
import collections.abc
import dataclasses
import datetime
import random
import typing

import samples
from samples import Payload

if typing.TYPE_CHECKING:
    Events: typing.TypeAlias = "collections.abc.Iterator[Event]"
    Action: typing.TypeAlias = "collections.abc.Callable[[World, Guild], Events]"

BOT: typing.Final = 900
_USERS: typing.Final = range(901, 926)
_OUTSIDERS: typing.Final = range(926, 929)
"""Users who are in no guild, and only made or invite something; whatever tells of them has news of them."""

_TEXT, _VOICE, _CATEGORY, _NEWS, _STAGE, UNKNOWN = 0, 2, 4, 5, 13, 99
_NEWS_THREAD, _PUBLIC_THREAD, _PRIVATE_THREAD = 10, 11, 12
_HAS_VOICE: typing.Final = (_VOICE, _STAGE)
_PIN: typing.Final = "2026-11-23T13:00:00+00:00"
_REACTIONS: typing.Final[tuple[Payload, ...]] = (
    {"id": None, "name": "🍵"},
    {"id": None, "name": "🍶"},
    {"id": "77", "name": "sake", "animated": False},
)

# Whose user payloads make users; elsewhere they are those of people who are merely mentioned or gone.
_TELLS_USERS: typing.Final = frozenset(
    {
        "GUILD_CREATE",
        "GUILD_MEMBERS_CHUNK",
        "GUILD_EMOJIS_UPDATE",
        "GUILD_STICKERS_UPDATE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "MESSAGE_CREATE",
        "VOICE_STATE_UPDATE",
        "PRESENCE_UPDATE",
        "INVITE_CREATE",
        "INTERACTION_CREATE",
        "USER_UPDATE",
    }
)


class Event(typing.NamedTuple):
    name: str
    shard: int
    payload: Payload

    def __str__(self) -> str:
        of = {name: self.payload[name] for name in ("id", "guild_id", "channel_id", "code") if name in self.payload}
        return f"{self.name} {of}"


@dataclasses.dataclass
class Guild:
    """A guild as Discord has it; what belongs to it is by ID, as it would be in a GUILD_CREATE."""

    id: int
    is_large: bool
    fields: Payload
    channels: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    threads: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    roles: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    emojis: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    stickers: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    members: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    presences: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    voice_states: dict[int, Payload] = dataclasses.field(default_factory=dict[int, Payload])
    is_announced: bool = False
    """Whether the bot was told of it, and it is available."""

    def whole(self) -> Payload:
        return {**self.fields, "large": self.is_large, "member_count": len(self.members)}

    def of_type(self, *types: int) -> list[int]:
        return [number for number, channel in self.channels.items() if channel["type"] in types]

    def threads_of(self, channel: int) -> list[int]:
        return [number for number, thread in self.threads.items() if thread["parent_id"] == str(channel)]


@dataclasses.dataclass
class _Request:
    """A whole-guild request for members that is yet to be answered, chunk by chunk."""

    guild: Guild
    nonce: str
    chunks: list[list[int]]
    sent: int = 0


class World:
    """Discord, and what the bot was told of it.

    Messages, invites and users are kept as they were told, since nothing lists them anew after a restart.
    """

    def __init__(self, seed: int, shard_count: int) -> None:
        self.random = random.Random(seed)
        self.shard_count = shard_count
        self.users = {number: samples.user(number) for number in (BOT, *_USERS, *_OUTSIDERS)}
        self.guilds: dict[int, Guild] = {}
        self.messages: dict[int, Payload] = {}
        self.invites: dict[str, Payload] = {}
        self.told_users: dict[int, Payload] = {}
        self._left: list[Guild] = []
        self._number = 1 << 40
        self._reactions: dict[int, dict[int, list[int]]] = {}
        self._requests: list[_Request] = []
        self._ahead: dict[int, collections.deque[collections.abc.Callable[[], list[Event]]]] = {}
        for _ in range(5):
            self._found_guild()

    # What the test asks.

    @property
    def me(self) -> Payload:
        return samples.me(BOT, **{name: self.users[BOT][name] for name in ("username", "global_name")})

    @property
    def is_settled(self) -> bool:
        """Whether every guild that there is was announced, so that the bot could know all."""
        return not any(self._ahead.values()) and all(guild.is_announced for guild in self.guilds.values())

    def shard_of(self, guild_id: int) -> int:
        return (guild_id >> 22) % self.shard_count

    def begin(self) -> None:
        """Let a bot connect: each shard has its READY and its guilds ahead of it."""
        for shard in range(self.shard_count):
            self._begin_session(shard)
        self._has_begun = False

    def pass_unseen(self, steps: int) -> None:
        """Let time pass while no bot runs."""
        for _ in range(steps):
            for guild in self.guilds.values():
                guild.is_announced = False
            _unseen(self._any(_UNSEEN))

    def step(self) -> list[Event]:
        """Let something happen, and return the events that tell of it."""
        ahead = [shard for shard in self._ahead if self._ahead[shard]]
        if not self._has_begun:
            # The first shard is also that of direct messages, of which nobody tells before its READY.
            self._has_begun = True
            events = self._ahead[0].popleft()()
        elif ahead and self._chance(0.4):
            events = self._ahead[self.random.choice(ahead)].popleft()()
        else:
            events = list(self._any(_ACTIONS))

        for event in events:
            self._tell(event)
        return events

    def settle(self) -> list[Event]:
        """Announce all that is to be announced."""
        events: list[Event] = []
        for ahead in self._ahead.values():
            while ahead:
                for event in ahead.popleft()():
                    self._tell(event)
                    events.append(event)
        return events

    def request_members(self, guild_id: int, nonce: str) -> None:
        """Take a bot's request for all members of a guild, which no longer need be there."""
        guild = self.guilds.get(guild_id)
        if guild is None or not guild.is_announced:
            return
        self._forget_requests(guild)
        members = list(guild.members)
        self.random.shuffle(members)
        size = self.random.randint(3, 30)
        chunks = [members[start : start + size] for start in range(0, len(members), size)]
        self._requests.append(_Request(guild, nonce, chunks))

    # Small things.

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def new_id(self) -> int:
        self._number += self.random.randint(1, 1 << 20)
        return self._number

    def some(self, numbers: collections.abc.Iterable[int], default: int = 0) -> int:
        listed = list(numbers)
        return self.random.choice(listed) if listed else default

    def few(self, numbers: collections.abc.Iterable[int]) -> list[int]:
        listed = list(numbers)
        return self.random.sample(listed, self.random.randint(0, min(3, len(listed))))

    def event(self, name: str, guild: Guild, payload: Payload) -> Event:
        return Event(name, self.shard_of(guild.id), payload)

    def in_guild(self, name: str, guild: Guild, **payload: object) -> Event:
        return self.event(name, guild, {"guild_id": str(guild.id), **payload})

    def member(self, guild: Guild, user: int) -> Payload:
        """Return a member as GUILD_CREATE lists it."""
        return {**guild.members[user], "user": self.users[user]}

    def _any(self, actions: dict[Action, int]) -> Events:
        guilds = [guild for guild in self.guilds.values() if guild.is_announced or actions is _UNSEEN]
        if not guilds:
            return iter(())
        (action,) = self.random.choices([*actions], [*actions.values()])
        return action(self, self.random.choice(guilds))

    # Guilds, sessions and outages.

    def _found_guild(self) -> Guild:
        number = (len(self.guilds) + len(self._left) + 1 << 22) + 5
        guild = Guild(number, self._chance(0.5), samples.guild(number))
        guild.members[BOT] = _member(BOT)
        guild.roles[number] = samples.role(number, name="@everyone")
        self.guilds[number] = guild
        for user in self.random.sample(_USERS, 15 if guild.is_large else 6):
            guild.members[user] = _member(user)
        for action in (_channel_created, _role_created, _emojis_changed, _stickers_changed, _voice_changed):
            for _ in range(self.random.randint(0, 4)):
                _unseen(action(self, guild))
        return guild

    def join_guild(self) -> Guild | None:
        """Return a guild that the bot is added to, perhaps one that it was in before; its shard is connected."""
        shard = self.random.randrange(self.shard_count)
        left = [guild for guild in self._left if self.shard_of(guild.id) == shard]
        if self._ahead.get(shard) or len(self.guilds) >= 9:
            return None
        if left:
            self._left.remove(left[0])
            self.guilds[left[0].id] = left[0]
            return left[0]
        guild = self._found_guild()
        if self._ahead.get(self.shard_of(guild.id)):
            self._ahead[self.shard_of(guild.id)].append(self._announcement(guild))
            return None
        return guild

    def leave_guild(self, guild: Guild) -> None:
        del self.guilds[guild.id]
        guild.is_announced = False
        self._left.append(guild)
        self._forget_requests(guild)

    def _forget_requests(self, *guilds: Guild) -> None:
        self._requests = [request for request in self._requests if request.guild not in guilds]

    def _begin_session(self, shard: int) -> None:
        guilds = [guild for guild in self.guilds.values() if self.shard_of(guild.id) == shard]
        self.random.shuffle(guilds)
        self._forget_requests(*guilds)
        for guild in guilds:
            guild.is_announced = False

        def ready() -> list[Event]:
            listed = [guild for guild in self.guilds.values() if self.shard_of(guild.id) == shard]
            payload: Payload = {
                "v": 10,
                "user": self.me,
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in listed],
                "session_id": f"session{shard}",
                "resume_gateway_url": "wss://127.0.0.1",
                "shard": [shard, self.shard_count],
                "application": {"id": str(BOT), "flags": 0},
            }
            return [Event("READY", shard, payload)]

        self._ahead[shard] = collections.deque([ready])
        self._ahead[shard].extend(self._announcement(guild) for guild in guilds)

    def _announcement(self, guild: Guild) -> collections.abc.Callable[[], list[Event]]:
        def announce() -> list[Event]:
            if guild.id not in self.guilds or guild.is_announced:
                return []
            if self._chance(0.2):  # an outage that is not over
                self._ahead[self.shard_of(guild.id)].append(announce)
                return [self.event("GUILD_CREATE", guild, {"id": str(guild.id), "unavailable": True})]
            return [self.announcement(guild, unavailable=False)]

        return announce

    def announcement(self, guild: Guild, **more: object) -> Event:
        """Return the GUILD_CREATE that tells of a guild."""
        guild.is_announced = True
        guild.threads = {number: thread for number, thread in guild.threads.items() if _is_active(thread)}
        listed = [user for user in guild.members if self._is_listed(guild, user)]
        payload: Payload = {
            **guild.whole(),
            "channels": [_without(channel, "guild_id") for channel in guild.channels.values()],
            "threads": [_in_guild_create(thread) for thread in guild.threads.values()],
            "roles": [*guild.roles.values()],
            "emojis": [*guild.emojis.values()],
            "stickers": [*guild.stickers.values()],
            "members": [self.member(guild, user) for user in listed],
            "presences": [_without(presence, "guild_id") for presence in guild.presences.values()],
            "voice_states": [_without(state, "guild_id", "member") for state in guild.voice_states.values()],
            **more,
        }
        return self.event("GUILD_CREATE", guild, payload)

    def _is_listed(self, guild: Guild, user: int) -> bool:
        """Whether a GUILD_CREATE names a member: of a large guild, only who is online or talks."""
        return not guild.is_large or user in {BOT, *guild.presences, *guild.voice_states}

    def maker(self) -> Payload:
        """Return a user who made something, perhaps one who is in no guild."""
        user = self.some((*_USERS, *_OUTSIDERS, *_OUTSIDERS, *_OUTSIDERS))
        if user in _OUTSIDERS:
            self.rename(user)
        return self.users[user]

    def rename(self, user: int) -> None:
        self.users[user] = {**self.users[user], "username": f"renamed{self.new_id()}"}
        for guild in (*self.guilds.values(), *self._left):
            for made in (guild.emojis, guild.stickers):
                by_user = [number for number, each in made.items() if each.get("user", {}).get("id") == str(user)]
                made.update({number: {**made[number], "user": self.users[user]} for number in by_user})

    def outage(self, guild: Guild) -> None:
        guild.is_announced = False
        self._forget_requests(guild)
        self._ahead[self.shard_of(guild.id)].append(self._announcement(guild))

    def new_session(self, shard: int) -> None:
        """Let one shard connect anew, its old session having been invalidated."""
        if not self._ahead[shard]:
            self._begin_session(shard)

    def next_chunk(self) -> Event | None:
        """Return the next chunk of members that a bot asked for."""
        if not self._requests:
            return None
        request = self.random.choice(self._requests)
        guild = request.guild
        there = [user for user in request.chunks[request.sent] if user in guild.members]
        payload: Payload = {
            "members": [self.member(guild, user) for user in there],
            "presences": [_without(guild.presences[user], "guild_id") for user in there if user in guild.presences],
            "chunk_index": request.sent,
            "chunk_count": len(request.chunks),
            "nonce": request.nonce,
        }
        request.sent += 1
        if request.sent == len(request.chunks):
            self._requests.remove(request)
        return self.in_guild("GUILD_MEMBERS_CHUNK", guild, **payload)

    # What was told.

    def _tell(self, event: Event) -> None:
        """Note what an event tells of messages, invites and users."""
        name, shard, payload = event
        if name in _TELLS_USERS:
            is_webhook = "webhook_id" in payload
            self._tell_users(_without(payload, "author") if is_webhook else payload)
        if name == "INVITE_CREATE" and not has_ended(payload):
            self.invites[payload["code"]] = payload
        elif name == "INVITE_DELETE":
            self.invites.pop(payload["code"], None)
        elif name == "MESSAGE_CREATE":
            self.messages[int(payload["id"])] = payload
        elif name == "MESSAGE_UPDATE":
            self._tell_update(payload)
        elif name in {"MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}:
            for number in payload.get("ids") or [payload["id"]]:
                self.messages.pop(int(number), None)
        elif name == "GUILD_DELETE" and not payload.get("unavailable"):
            self._forget("guild_id", lambda guild_id: guild_id == int(payload["id"]))
        elif name == "READY":
            listed = [int(guild["id"]) for guild in payload["guilds"]]
            self._forget("guild_id", lambda guild_id: self.shard_of(guild_id) == shard and guild_id not in listed)

    def forget_channels(self, channels: collections.abc.Container[int]) -> None:
        self._forget("channel_id", lambda channel_id: channel_id in channels)

    def _forget(self, name: str, is_gone: collections.abc.Callable[[int], bool]) -> None:
        """Drop the messages and invites whose guild or channel the bot is told to be gone."""
        self.messages = {
            number: each for number, each in self.messages.items() if name not in each or not is_gone(int(each[name]))
        }
        self.invites = {code: each for code, each in self.invites.items() if not is_gone(int(each[name]))}

    def _tell_update(self, payload: Payload) -> None:
        number = int(payload["id"])
        if number in self.messages:
            self.messages[number] = {**self.messages[number], **payload}
        elif "author" in payload:
            self.messages[number] = payload

    def _tell_users(self, value: object) -> None:
        if isinstance(value, dict):
            payload = typing.cast("Payload", value)
            if "username" in payload:
                self.told_users[int(payload["id"])] = payload
            for name, part in payload.items():
                if name not in {"mentions", "referenced_message"}:
                    self._tell_users(part)
        elif isinstance(value, list):
            for part in typing.cast("list[object]", value):
                self._tell_users(part)

    # Reactions: who reacted to which message with which emoji, in the order in which the emojis came.

    def react(self, message: int, emoji: int, user: int, *, adds: bool) -> None:
        users = self._reactions.setdefault(message, {}).setdefault(emoji, [])
        if adds:
            users.append(user)
        else:
            users.remove(user)
        self._note_reactions(message)

    def unreact(self, message: int, emojis: collections.abc.Iterable[int]) -> None:
        for emoji in emojis:
            self._reactions.get(message, {}).pop(emoji, None)
        self._note_reactions(message)

    def reacted(self, message: int, emoji: int) -> list[int]:
        return self._reactions.get(message, {}).get(emoji, [])

    def _note_reactions(self, message: int) -> None:
        reactions = {emoji: users for emoji, users in self._reactions.get(message, {}).items() if users}
        self._reactions[message] = reactions
        self.messages[message] = {
            **self.messages[message],
            "reactions": [
                {
                    "emoji": _REACTIONS[emoji],
                    "count": len(users),
                    "count_details": {"burst": 0, "normal": len(users)},
                    "me": BOT in users,
                    "me_burst": False,
                    "burst_colors": [],
                }
                for emoji, users in reactions.items()
            ],
        }


def has_ended(invite: Payload) -> bool:
    created_at = datetime.datetime.fromisoformat(invite["created_at"])
    ends_at = created_at + datetime.timedelta(seconds=invite["max_age"])
    return bool(invite["max_age"]) and ends_at <= datetime.datetime.now(datetime.UTC)


def _unseen(events: Events) -> None:
    """Let an action happen that nobody is told of."""
    collections.deque(events, maxlen=0)


def _without(payload: Payload, *names: str) -> Payload:
    return {name: value for name, value in payload.items() if name not in names}


def _member(user: int) -> Payload:
    more = {"avatar": None, "premium_since": None, "pending": False, "communication_disabled_until": None}
    return _without(samples.member(user, **more), "user")


def _in_guild_create(thread: Payload) -> Payload:
    """Return a thread as GUILD_CREATE lists it: whose membership it tells, goes without saying."""
    member = thread.get("member")
    return {**thread, "member": _without(member, "id", "user_id")} if member else thread


# The actions. Each is Discord's at a moment when the guild is available to the bot.


def _channel_created(world: World, guild: Guild) -> Events:
    number, kind = world.new_id(), world.some((_TEXT, _TEXT, _VOICE, _CATEGORY, _CATEGORY, _NEWS, _STAGE, UNKNOWN))
    more: Payload = {"bitrate": 64_000, "user_limit": 0, "rtc_region": None} if kind in _HAS_VOICE else {}
    overwrites = [{"id": str(guild.id), "type": 0, "allow": "0", "deny": "1024"}]
    guild.channels[number] = samples.channel(number, guild.id, type=kind, permission_overwrites=overwrites, **more)
    yield world.event("CHANNEL_CREATE", guild, guild.channels[number])


def _channel_updated(world: World, guild: Guild) -> Events:
    number = world.some(guild.channels)
    if number:
        channel = {**guild.channels[number], "name": f"renamed{world.new_id()}", "position": world.some(range(5))}
        if channel["type"] == _CATEGORY and world.random.random() < 0.5:
            channel["type"] = UNKNOWN
        guild.channels[number] = channel
        yield world.event("CHANNEL_UPDATE", guild, channel)


def _channel_deleted(world: World, guild: Guild) -> Events:
    number = world.some(guild.channels)
    if not number:
        return
    gone = [number, *guild.threads_of(number)]
    channel = guild.channels.pop(number)
    guild.threads = {thread: payload for thread, payload in guild.threads.items() if thread not in gone}
    silenced = [user for user, state in guild.voice_states.items() if state["channel_id"] == str(number)]
    states = [guild.voice_states.pop(user) for user in silenced]
    if guild.is_announced:
        world.forget_channels(gone)
    yield world.event("CHANNEL_DELETE", guild, channel)
    for user, state in zip(silenced[:1], states, strict=False):
        gone_state = {**state, "channel_id": None, "member": world.member(guild, user)}
        yield world.event("VOICE_STATE_UPDATE", guild, gone_state)


def _pinned(world: World, guild: Guild) -> Events:
    """Tell when a message was last pinned in a channel or thread; not at all, once none is."""
    number = world.some([*guild.of_type(_TEXT, _NEWS), *guild.threads])
    if not number:
        return
    where = guild.threads if number in guild.threads else guild.channels
    pinned = world.random.choice([_PIN, None])
    where[number] = {**where[number], "last_pin_timestamp": pinned}
    told = {"last_pin_timestamp": pinned} if pinned or world.random.random() < 0.5 else {}
    yield world.in_guild("CHANNEL_PINS_UPDATE", guild, channel_id=str(number), **told)


def _is_active(thread: Payload) -> bool:
    return not thread["thread_metadata"]["archived"]


def _new_thread(world: World, guild: Guild, parents: list[int]) -> Payload | None:
    parent = world.some(parents)
    if not parent:
        return None
    number = world.new_id()
    kinds = (_NEWS_THREAD,) if guild.channels[parent]["type"] == _NEWS else (_PUBLIC_THREAD, _PRIVATE_THREAD)
    thread = samples.thread(number, parent, guild.id, type=world.some(kinds))
    if world.random.random() < 0.5:
        joined = {"join_timestamp": "2026-11-23T12:00:00+00:00", "flags": 0}
        thread["member"] = {"id": str(number), "user_id": str(BOT), **joined}
    guild.threads[number] = thread
    return thread


def _thread_created(world: World, guild: Guild) -> Events:
    thread = _new_thread(world, guild, guild.of_type(_TEXT, _NEWS))
    if thread:
        newly: Payload = {"newly_created": True} if world.random.random() < 0.5 else {}
        yield world.event("THREAD_CREATE", guild, {**thread, **newly})


def _thread_updated(world: World, guild: Guild) -> Events:
    number = world.some(guild.threads)
    if number:
        thread = guild.threads[number]
        metadata = {**thread["thread_metadata"], "archived": world.random.random() < 0.3}
        # Discord does not say here whether the bot is in the thread, and neither cache remembers.
        changed = _without({**thread, "name": f"renamed{world.new_id()}", "thread_metadata": metadata}, "member")
        guild.threads[number] = changed
        yield world.event("THREAD_UPDATE", guild, changed)


def _thread_deleted(world: World, guild: Guild) -> Events:
    number = world.some(guild.threads)
    if number:
        thread = guild.threads.pop(number)
        if guild.is_announced:
            world.forget_channels([number])
        yield world.event(
            "THREAD_DELETE", guild, {name: thread[name] for name in ("id", "guild_id", "parent_id", "type")}
        )


def _threads_listed(world: World, guild: Guild) -> Events:
    """Tell the active threads of the channels that the bot may see from now on, or of all channels."""
    parents = world.few(guild.of_type(_TEXT, _NEWS))
    about = parents or guild.of_type(_TEXT, _NEWS)
    _new_thread(world, guild, about)
    unseen = world.few(number for parent in about for number in guild.threads_of(parent))
    listed = {
        number: thread
        for number, thread in guild.threads.items()
        if int(thread["parent_id"]) in about and _is_active(thread) and number not in unseen
    }
    others = {number: thread for number, thread in guild.threads.items() if int(thread["parent_id"]) not in about}
    guild.threads = {**others, **listed}
    yield world.in_guild(
        "THREAD_LIST_SYNC",
        guild,
        threads=[_without(thread, "member") for thread in listed.values()],
        members=[thread["member"] for thread in listed.values() if "member" in thread],
        **({"channel_ids": [str(parent) for parent in parents]} if parents else {}),
    )


def _thread_members_changed(world: World, guild: Guild) -> Events:
    number = world.some(guild.threads)
    if number:
        count = world.some(range(1, 50))
        thread = {**guild.threads[number], "member_count": count}
        guild.threads[number] = thread
        removed = world.few(_USERS)
        if world.random.random() < 0.3:
            removed.append(BOT)
            if thread["type"] == _PRIVATE_THREAD:
                del guild.threads[number]
        payload: Payload = {"removed_member_ids": [str(user) for user in removed]} if removed else {}
        yield world.in_guild("THREAD_MEMBERS_UPDATE", guild, id=str(number), member_count=count, **payload)


def _role_created(world: World, guild: Guild) -> Events:
    number = world.new_id()
    guild.roles[number] = samples.role(number)
    yield world.in_guild("GUILD_ROLE_CREATE", guild, role=guild.roles[number])


def _role_updated(world: World, guild: Guild) -> Events:
    number = world.some(guild.roles)
    guild.roles[number] = {**guild.roles[number], "color": world.some(range(100)), "hoist": True, "position": 3}
    yield world.in_guild("GUILD_ROLE_UPDATE", guild, role=guild.roles[number])


def _role_deleted(world: World, guild: Guild) -> Events:
    number = world.some(role for role in guild.roles if role != guild.id)
    if number:
        del guild.roles[number]
        yield world.in_guild("GUILD_ROLE_DELETE", guild, role_id=str(number))


def _change_emojis(world: World, guild: Guild) -> None:
    for number in guild.emojis if world.random.random() < 0.2 else world.few(guild.emojis):
        guild.emojis = {each: emoji for each, emoji in guild.emojis.items() if each != number}
    for _ in world.few(range(3)):
        number = world.new_id()
        maker = {"user": world.maker()} if world.random.random() < 0.5 else {}
        guild.emojis[number] = samples.emoji(number, roles=[str(role) for role in world.few(guild.roles)], **maker)


def _change_stickers(world: World, guild: Guild) -> None:
    for number in guild.stickers if world.random.random() < 0.2 else world.few(guild.stickers):
        guild.stickers = {each: sticker for each, sticker in guild.stickers.items() if each != number}
    for _ in world.few(range(3)):
        number = world.new_id()
        maker = {"user": world.maker()} if world.random.random() < 0.5 else {}
        guild.stickers[number] = samples.sticker(number, guild_id=str(guild.id), **maker)


def _emojis_changed(world: World, guild: Guild) -> Events:
    _change_emojis(world, guild)
    yield world.in_guild("GUILD_EMOJIS_UPDATE", guild, emojis=[*guild.emojis.values()])


def _stickers_changed(world: World, guild: Guild) -> Events:
    _change_stickers(world, guild)
    yield world.in_guild("GUILD_STICKERS_UPDATE", guild, stickers=[*guild.stickers.values()])


def _guild_updated(world: World, guild: Guild) -> Events:
    """Tell of a change of the guild's own; emojis, stickers and roles are listed along, also those that changed."""
    guild.fields = {**guild.fields, "name": f"renamed{world.new_id()}", "owner_id": str(world.some(_USERS))}
    _change_emojis(world, guild)
    _change_stickers(world, guild)
    _unseen(_role_created(world, guild))
    lists = {name: [*getattr(guild, name).values()] for name in ("emojis", "stickers", "roles")}
    yield world.event("GUILD_UPDATE", guild, {**_without(guild.fields, "joined_at", "large", "member_count"), **lists})


def _guild_joined(world: World, _: Guild) -> Events:
    guild = world.join_guild()
    if guild:
        guild.fields = {**guild.fields, "joined_at": "2026-11-24T12:00:00+00:00"}
        yield world.announcement(guild)  # without `unavailable`, as Discord does here


def _guild_left(world: World, guild: Guild) -> Events:
    if len(world.guilds) > 3:
        world.leave_guild(guild)
        yield world.event("GUILD_DELETE", guild, {"id": str(guild.id)})


def _outage(world: World, guild: Guild) -> Events:
    world.outage(guild)
    yield world.event("GUILD_DELETE", guild, {"id": str(guild.id), "unavailable": True})
    _unseen(world.random.choice([*_UNSEEN_IN_GUILD])(world, guild))


def _connected_anew(world: World, _: Guild) -> Events:
    world.new_session(world.random.randrange(world.shard_count))
    return iter(())


def _resumed(world: World, guild: Guild) -> Events:
    yield world.event("RESUMED", guild, {})


def _member_joined(world: World, guild: Guild) -> Events:
    user = world.some(user for user in _USERS if user not in guild.members)
    if user:
        guild.members[user] = _member(user)
        yield world.in_guild("GUILD_MEMBER_ADD", guild, **world.member(guild, user))


def _member_updated(world: World, guild: Guild) -> Events:
    """Tell of a change of a member; whether they are deaf or mute is often left out."""
    user = world.some(guild.members)
    changed = {"nick": f"nick{world.new_id()}", "roles": [str(role) for role in world.few(guild.roles)]}
    if world.random.random() < 0.5:
        changed = {**changed, "mute": world.random.random() < 0.5}
        guild.members[user] = {**guild.members[user], **changed}
        yield world.in_guild("GUILD_MEMBER_UPDATE", guild, **world.member(guild, user))
    else:
        guild.members[user] = {**guild.members[user], **changed}
        yield world.in_guild("GUILD_MEMBER_UPDATE", guild, **_without(world.member(guild, user), "deaf", "mute"))


def _member_left(world: World, guild: Guild) -> Events:
    user = world.some(user for user in guild.members if user != BOT)
    if user:
        if user in guild.voice_states and world.random.random() < 0.5:
            yield world.event(
                "VOICE_STATE_UPDATE",
                guild,
                {**guild.voice_states.pop(user), "channel_id": None, "member": world.member(guild, user)},
            )
        del guild.members[user]
        guild.presences.pop(user, None)
        guild.voice_states.pop(user, None)
        yield world.in_guild("GUILD_MEMBER_REMOVE", guild, user=world.users[user])


def _user_renamed(world: World, _: Guild) -> Events:
    """Tell of a user's new name in every guild that they share with the bot."""
    user = world.some(_USERS)
    world.rename(user)
    yield from _members_renamed(world, user)


def _bot_renamed(world: World, _: Guild) -> Events:
    """Tell of the bot's new name, sometimes also as that of a member."""
    world.rename(BOT)
    yield Event("USER_UPDATE", 0, world.me)
    if world.random.random() < 0.3:
        yield from _members_renamed(world, BOT)


def _members_renamed(world: World, user: int) -> Events:
    for guild in world.guilds.values():
        if guild.is_announced and user in guild.members:
            yield world.in_guild("GUILD_MEMBER_UPDATE", guild, **world.member(guild, user))


def _chunk_sent(world: World, _: Guild) -> Events:
    chunk = world.next_chunk()
    if chunk:
        yield chunk


def _found_members_sent(world: World, guild: Guild) -> Events:
    """Tell of the few members that somebody searched for, one of whom has just come online."""
    found = world.few(guild.members)
    for user in found[:1]:
        _come_online(world, guild, user)
    members = [world.member(guild, user) for user in found]
    presences = [_without(guild.presences[user], "guild_id") for user in found if user in guild.presences]
    chunk: Payload = {"members": members, "presences": presences, "chunk_index": 0, "chunk_count": 1}
    yield world.in_guild("GUILD_MEMBERS_CHUNK", guild, **chunk)


def _come_online(world: World, guild: Guild, user: int) -> Payload:
    status = world.random.choice(["online", "idle", "dnd"])
    emoji = {"id": str(world.some(guild.emojis, 7)), "name": "emoji", "animated": False}
    game = {"name": f"game{world.new_id()}", "type": 0, "created_at": 1_700_000_000_000}
    mood = {"name": "Custom Status", "type": 4, "created_at": 1_700_000_000_000, "state": "so so", "emoji": emoji}
    activities = [[game], [mood], [], [game, mood]][world.some(range(4))]
    more: Payload = {"status": status, "activities": activities, "client_status": {"web": status}}
    guild.presences[user] = samples.presence(user, guild.id, **more)
    return guild.presences[user]


def _presence_changed(world: World, guild: Guild) -> Events:
    """Tell that a member is online, or no longer; sometimes also who that is, under a new name."""
    user = world.some(guild.members)
    presence = guild.presences.pop(user, None)
    if presence is not None and world.random.random() < 0.4:
        presence = samples.presence(user, guild.id, status="offline", client_status={})
    else:
        presence = _come_online(world, guild, user)
    if user != BOT and world.random.random() < 0.2:
        world.rename(user)
        presence = {**presence, "user": world.users[user]}
    yield world.event("PRESENCE_UPDATE", guild, presence)


def _voice_changed(world: World, guild: Guild) -> Events:
    """Tell that someone comes, moves, is muted, or goes."""
    channel = world.some(guild.of_type(*_HAS_VOICE))
    user = world.some(guild.members)
    if not channel:
        return
    member = world.member(guild, user)
    state = samples.voice_state(user, channel, guild_id=str(guild.id), member=member, mute=world.random.random() < 0.5)
    if user in guild.voice_states and world.random.random() < 0.4:
        del guild.voice_states[user]
        state["channel_id"] = None
    else:
        guild.voice_states[user] = state
    yield world.event("VOICE_STATE_UPDATE", guild, state)


def _invite_created(world: World, guild: Guild) -> Events:
    channel = world.some(guild.of_type(_TEXT, _VOICE))
    if channel:
        # One in three ended before the event arrived.
        ended, age = world.random.random() < 0.3, world.some((0, 86_400, 604_800))
        created_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age + 60 if ended else 0)
        more: Payload = {"inviter": world.maker()} if world.random.random() < 0.7 else {}
        if world.random.random() < 0.2:
            more |= {"target_type": 1, "target_user": world.maker()}
        code = f"code{world.new_id()}"
        invite = samples.invite(code, channel, guild.id, max_age=age, created_at=created_at.isoformat(), **more)
        yield world.event("INVITE_CREATE", guild, invite)


def _invite_deleted(world: World, guild: Guild) -> Events:
    codes = [code for code, invite in world.invites.items() if invite["guild_id"] == str(guild.id)]
    code = world.random.choice([*codes, "unknown"])
    yield world.in_guild(
        "INVITE_DELETE", guild, code=code, channel_id=world.invites.get(code, {}).get("channel_id", "1")
    )


def _place(guild: Guild, channel: int) -> Payload:
    return {"channel_id": str(channel), "guild_id": str(guild.id)}


def _new_message(world: World, guild: Guild) -> Payload | None:
    channel = world.some([*guild.of_type(_TEXT, _NEWS), *guild.threads])
    if not channel:
        return None
    author = world.some(guild.members)
    told = [each for each, message in world.messages.items() if message["channel_id"] == str(channel)]
    more: Payload = {
        "mentions": [world.users[user] for user in world.few(_USERS)],
        "mention_roles": [str(role) for role in world.few(guild.roles)],
        "member": guild.members[author],
    }
    if told and world.random.random() < 0.3:
        answered = world.messages[world.some(told)]
        more |= {"type": 19, "referenced_message": _without(answered, "referenced_message")}
        more["message_reference"] = {"message_id": answered["id"], "type": 0, **_place(guild, channel)}
    message = samples.message(world.new_id(), author, channel, guild.id, **more) | {"author": world.users[author]}
    if world.random.random() < 0.15:
        webhook = world.new_id()
        message = _without(message, "member") | {"webhook_id": str(webhook), "author": samples.user(webhook)}
    return message


def _message_created(world: World, guild: Guild) -> Events:
    message = _new_message(world, guild)
    if message:
        yield world.event("MESSAGE_CREATE", guild, message)


def _direct_message_created(world: World, _: Guild) -> Events:
    user = world.some(_USERS)
    message = samples.message(world.new_id(), user, user + 5_000, None) | {"author": world.users[user]}
    yield Event("MESSAGE_CREATE", 0, message)


def _told(world: World, guild: Guild) -> list[int]:
    """Return the messages of a guild, or in direct messages, that the bot was told of."""
    return [number for number, message in world.messages.items() if message.get("guild_id") in {str(guild.id), None}]


def _message_updated(world: World, guild: Guild) -> Events:
    number = world.some(_told(world, guild))
    if not number:
        return
    message = world.messages[number]
    where = {name: message[name] for name in ("id", "channel_id", "guild_id") if name in message}
    edited = {"content": f"edited{world.new_id()}", "edited_timestamp": "2026-11-23T14:00:00+00:00"}
    mentions = {"mentions": [world.users[user] for user in world.few(_USERS)]}
    changes: list[Payload] = [
        {**where, **edited},
        {**where, "embeds": [{"type": "rich", "title": f"title{world.new_id()}", "fields": []}]},
        {**message, **edited, **mentions, "flags": 4},
        {**message, "pinned": not message["pinned"]},
    ]
    yield Event("MESSAGE_UPDATE", _shard_of_message(world, message), world.random.choice(changes))


def _shard_of_message(world: World, message: Payload) -> int:
    return world.shard_of(int(message["guild_id"])) if "guild_id" in message else 0


def _unknown_message_updated(world: World, guild: Guild) -> Events:
    """Tell of a change of a message from before the bot came: whole, or only what changed."""
    message = _new_message(world, guild)
    if message:
        part = {name: message[name] for name in ("id", "channel_id", "guild_id", "content")}
        yield world.event("MESSAGE_UPDATE", guild, message if world.random.random() < 0.5 else part)


def _messages_deleted(world: World, guild: Guild) -> Events:
    """Tell that one message is gone, known or not, or several of a channel at once."""
    number = world.some(_told(world, guild), world.new_id())
    message = world.messages.get(number, _place(guild, 1))
    where = {name: message[name] for name in ("channel_id", "guild_id") if name in message}
    shard = _shard_of_message(world, message)
    if world.random.random() < 0.7 or "guild_id" not in message:
        yield Event("MESSAGE_DELETE", shard, {"id": str(number), **where})
        return
    beside = [each for each in world.messages if world.messages[each]["channel_id"] == message["channel_id"]]
    ids = {number, *beside[:5], world.new_id()}
    yield Event("MESSAGE_DELETE_BULK", shard, {"ids": [str(each) for each in sorted(ids)], **where})


def _reaction_changed(world: World, guild: Guild) -> Events:
    """Tell of a reaction that someone, perhaps the bot, gives or takes back, to a message that may be unknown."""
    number = world.some([*_told(world, guild)[-8:], 1])
    user, emoji = world.some((BOT, *_USERS)), world.some(range(len(_REACTIONS)))
    there = world.reacted(number, emoji)
    takes = bool(there) and world.random.random() < 0.4
    if takes:
        user = world.some(there)
    elif user in there:
        return
    message = world.messages.get(number, _place(guild, 1))
    if number in world.messages:
        world.react(number, emoji, user, adds=not takes)
    where = {name: message[name] for name in ("channel_id", "guild_id") if name in message}
    payload = {"user_id": str(user), "message_id": str(number), "emoji": _REACTIONS[emoji], **where}
    name = "MESSAGE_REACTION_REMOVE" if takes else "MESSAGE_REACTION_ADD"
    yield Event(name, _shard_of_message(world, message), payload)


def _reactions_cleared(world: World, guild: Guild) -> Events:
    number = world.some(number for number in _told(world, guild) if world.messages[number].get("reactions"))
    if number:
        message = world.messages[number]
        where = {name: message[name] for name in ("channel_id", "guild_id") if name in message}
        shard, payload = _shard_of_message(world, message), {"message_id": str(number), **where}
        if world.random.random() < 0.5:
            world.unreact(number, range(len(_REACTIONS)))
            yield Event("MESSAGE_REACTION_REMOVE_ALL", shard, payload)
        else:
            emoji = world.some(range(len(_REACTIONS)))
            world.unreact(number, [emoji])
            yield Event("MESSAGE_REACTION_REMOVE_EMOJI", shard, {**payload, "emoji": _REACTIONS[emoji]})


def _interacted(world: World, guild: Guild) -> Events:
    user, named = world.some(guild.members), world.some(_USERS)
    data: Payload = {"id": "1", "name": "command", "resolved": {"users": {str(named): world.users[named]}}}
    member = {**world.member(guild, user), "permissions": "8"}
    yield world.in_guild("INTERACTION_CREATE", guild, id=str(world.new_id()), type=2, member=member, data=data)


def _typed(world: World, guild: Guild) -> Events:
    yield world.in_guild("TYPING_START", guild, user_id=str(world.some(_USERS)), channel_id="1", timestamp=1)


_UNSEEN_IN_GUILD: typing.Final[dict[Action, int]] = {
    _channel_created: 6,
    _channel_updated: 5,
    _channel_deleted: 3,
    _thread_created: 7,
    _thread_deleted: 2,
    _role_created: 4,
    _role_deleted: 3,
    _emojis_changed: 3,
    _stickers_changed: 3,
    _member_joined: 8,
    _member_updated: 6,
    _member_left: 7,
    _presence_changed: 9,
    _voice_changed: 9,
}

_UNSEEN: typing.Final[dict[Action, int]] = {
    **_UNSEEN_IN_GUILD,
    _member_left: 12,
    _guild_updated: 2,
    _guild_joined: 2,
    _guild_left: 2,
}
"""What may happen while no bot runs, and is found out from lists afterwards."""

_ACTIONS: typing.Final[dict[Action, int]] = {
    **_UNSEEN_IN_GUILD,
    _pinned: 4,
    _thread_updated: 4,
    _threads_listed: 2,
    _thread_members_changed: 4,
    _role_updated: 3,
    _guild_updated: 2,
    _guild_joined: 1,
    _guild_left: 1,
    _outage: 2,
    _connected_anew: 1,
    _resumed: 1,
    _user_renamed: 3,
    _bot_renamed: 3,
    _chunk_sent: 9,
    _found_members_sent: 2,
    _invite_created: 6,
    _invite_deleted: 2,
    _message_created: 36,
    _direct_message_created: 4,
    _message_updated: 16,
    _unknown_message_updated: 3,
    _messages_deleted: 9,
    _reaction_changed: 28,
    _reactions_cleared: 3,
    _interacted: 6,
    _typed: 1,
}
