"""The event table as a few dictionaries, against the cache: any events, restarts and sessions, both say the same."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
import typing

import pytest
import samples
from gateway import Gateway
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

if typing.TYPE_CHECKING:
    import collections.abc

    from samples import Payload

    import sake_lite

OWN, SHARDS = 99, 2

# A guild's number decides about its shard; the IDs of what is in it begin with the number, so that no two collide.
GUILDS = st.integers(1, 3)
SMALL = st.integers(1, 2)
USERS = st.integers(11, 14)
SOME = st.sets(SMALL)
EMOJIS = st.sampled_from([("", "tea"), ("7", "sake"), ("8", "sake")])


def guild_id(guild: int) -> int:
    return (guild << 22) + 1


def inside(guild: int, kind: int, number: int) -> int:
    """Return the ID of a guild's channel, role and so on."""
    return guild * 10_000 + kind * 100 + number


def channel_id(guild: int, number: int) -> int:
    return inside(guild, 1, number)


def thread_id(guild: int, number: int) -> int:
    """Return a thread's ID; it is in the channel of the same number."""
    return inside(guild, 2, number)


class Model:
    """What should be in the file: for each resource, what is under a key; the key's first part is the guild."""

    def __init__(self) -> None:
        self.guilds: dict[int, tuple[str, int]] = {}
        self.channels: set[tuple[int, int]] = set()
        self.threads: dict[tuple[int, int], int] = {}
        self.roles: set[tuple[int, int]] = set()
        self.emojis: set[tuple[int, int]] = set()
        self.members: dict[tuple[int, int], str | None] = {}
        self.presences: set[tuple[int, int]] = set()
        self.voice_states: dict[tuple[int, int], int] = {}
        self.invites: dict[tuple[int, str], int] = {}
        self.messages: dict[tuple[int, int], tuple[int, str]] = {}
        self.reactions: dict[int, dict[tuple[str, str], tuple[int, bool]]] = {}
        self.complete: set[int] = set()
        self.users: set[int] = set()

    def replace(self, resource: set[tuple[int, int]], guild: int, keys: set[int]) -> None:
        resource.difference_update({key for key in resource if key[0] == guild})
        resource.update((guild, key) for key in keys)

    def drop_guild(self, guild: int) -> None:
        self.guilds.pop(guild, None)
        for children in (self.channels, self.roles, self.emojis, self.presences):
            children.difference_update({key for key in children if key[0] == guild})
        for rows in (self.threads, self.members, self.voice_states, self.invites, self.messages):
            _keep(rows, lambda key, _: key[0] != guild)
        self.complete.discard(guild)

    def drop_session(self, guild: int) -> None:
        self.replace(self.presences, guild, set())
        _keep(self.voice_states, lambda key, _: key[0] != guild)
        self.complete.discard(guild)

    def drop_channel(self, channel: int) -> None:
        """Forget what is in a channel or thread."""
        _keep(self.voice_states, lambda _, where: where != channel)
        _keep(self.invites, lambda _, where: where != channel)
        _keep(self.messages, lambda _, message: message[0] != channel)

    def count_members(self, guild: int, step: int) -> None:
        if guild in self.guilds:
            name, count = self.guilds[guild]
            self.guilds[guild] = (name, max(0, count + step))

    def react(self, message: int, emoji: tuple[str, str], user: int, step: int) -> None:
        if not any(key[1] == message for key in self.messages):
            return
        there = self.reactions.setdefault(message, {})
        count, is_own = there.pop(emoji, (0, False))
        if count + step > 0:
            there[emoji] = (count + step, step > 0 if user == OWN else is_own)


def _keep(rows: dict[typing.Any, typing.Any], condition: collections.abc.Callable[[typing.Any, typing.Any], bool]):
    for key in [key for key, value in rows.items() if not condition(key, value)]:
        del rows[key]


class Events(RuleBasedStateMachine):
    """Any events in any order, as they come to a bot that asks for chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model()
        self.chunks: dict[int, tuple[str, set[int], set[int]]] = {}  # guild: nonce, chunks to come, users named
        self.gateway = self.start()
        self.has_begun = True
        self.send("READY", {"user": samples.me(OWN), "guilds": []})

    def start(self) -> Gateway:
        gateway = Gateway(pathlib.Path(self.folder.name, "bot.db"))
        self.runner.run(gateway.__aenter__())
        return gateway

    def stop(self) -> None:
        self.runner.run(self.gateway.__aexit__())

    def teardown(self) -> None:
        self.stop()
        self.runner.close()
        self.folder.cleanup()

    def send(self, name: str, payload: Payload) -> None:
        if not self.has_begun and name != "READY":
            for guild in range(1, 4):  # the session's READY was missed
                self.model.drop_session(guild)
        self.has_begun = True
        self.runner.run(self.gateway.send(name, payload))

    def name_members(self, guild: int, users: collections.abc.Iterable[int], nick: str | None = None) -> None:
        for user in users:
            self.model.members[guild, user] = nick
            self.model.users.add(user)
            if guild in self.chunks:
                self.chunks[guild][2].add(user)

    # Sessions.

    @rule()
    def restart(self) -> None:
        self.stop()
        self.chunks.clear()
        self.gateway = self.start()
        self.has_begun = False

    @rule(shard=st.integers(0, SHARDS - 1), listed=st.sets(GUILDS))
    def ready(self, shard: int, listed: set[int]) -> None:
        guilds = [{"id": str(guild_id(guild)), "unavailable": True} for guild in listed if guild % SHARDS == shard]
        self.send("READY", {"user": samples.me(OWN), "shard": [shard, SHARDS], "guilds": guilds})
        for guild in range(1, 4):
            if guild % SHARDS == shard:
                (self.model.drop_session if guild in listed else self.model.drop_guild)(guild)
                self.chunks.pop(guild, None)  # the rest of them will never come

    # Guilds.

    @rule(
        guild=GUILDS,
        name=st.sampled_from("ab"),
        channels=SOME,
        threads=SOME,
        roles=SOME,
        emojis=SOME,
        members=st.sets(USERS),
        is_whole=st.booleans(),
        presences=st.sets(USERS),
        speakers=st.sets(USERS),
    )
    def guild_create(
        self, guild: int, name: str, channels: set[int], threads: set[int], roles: set[int], emojis: set[int],
        members: set[int], is_whole: bool, presences: set[int], speakers: set[int],
    ) -> None:  # fmt: skip
        count = len(members) if is_whole else len(members) + 5
        payload = samples.guild_create(
            guild_id(guild),
            name=name,
            member_count=count,
            channels=[samples.channel(channel_id(guild, each), guild_id(guild)) for each in channels],
            threads=[samples.thread(thread_id(guild, each), channel_id(guild, each)) for each in threads],
            roles=[samples.role(inside(guild, 3, each)) for each in roles],
            emojis=[samples.emoji(inside(guild, 4, each)) for each in emojis],
            members=[samples.member(user) for user in members],
            presences=[samples.presence(user) for user in presences],
            voice_states=[samples.voice_state(user, channel_id(guild, 1)) for user in speakers],
        )
        asked = len(self.gateway.shard.requests)
        self.send("GUILD_CREATE", payload)
        model = self.model
        model.guilds[guild] = (name, count)
        model.replace(model.channels, guild, channels)
        _keep(model.threads, lambda key, _: key[0] != guild)
        model.threads |= {(guild, each): channel_id(guild, each) for each in threads}
        model.replace(model.roles, guild, roles)
        model.replace(model.emojis, guild, emojis)
        model.replace(model.presences, guild, presences)
        _keep(model.voice_states, lambda key, _: key[0] != guild)
        model.voice_states |= {(guild, user): channel_id(guild, 1) for user in speakers}
        if is_whole and members:
            _keep(model.members, lambda key, _: key[0] != guild)
            model.complete.add(guild)
        else:
            model.complete.discard(guild)
        self.name_members(guild, members)
        if len(self.gateway.shard.requests) > asked:
            assert not is_whole
            self.chunks[guild] = (self.gateway.shard.requests[-1][1], {0, 1, 2}, set())

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), users=st.sets(USERS, min_size=1), is_ours=st.booleans())
    def chunk(self, data: st.DataObject, users: set[int], is_ours: bool) -> None:
        self.send_chunk(data.draw(st.sampled_from(sorted(self.chunks))), data.draw(st.integers(0, 2)), users, is_ours)

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), users=st.sets(USERS, min_size=1))
    def missing_chunks(self, data: st.DataObject, users: set[int]) -> None:
        guild = data.draw(st.sampled_from(sorted(self.chunks)))
        for index in data.draw(st.permutations(sorted(self.chunks[guild][1]))):
            self.send_chunk(guild, index, users, True)

    def send_chunk(self, guild: int, index: int, users: set[int], is_ours: bool) -> None:
        nonce, missing, named = self.chunks[guild]
        members = [samples.member(user) for user in users]
        chunk = {"guild_id": str(guild_id(guild)), "members": members, "chunk_index": index, "chunk_count": 3}
        self.send("GUILD_MEMBERS_CHUNK", {**chunk, "nonce": nonce if is_ours else "another"})
        self.name_members(guild, users)
        if is_ours:
            missing.discard(index)
            if not missing:
                _keep(self.model.members, lambda key, _: key[0] != guild or key[1] in named)
                self.model.complete.add(guild)
                del self.chunks[guild]

    @rule(guild=GUILDS, roles=SOME, has_roles=st.booleans())
    def guild_update(self, guild: int, roles: set[int], has_roles: bool) -> None:
        if guild not in self.model.guilds:
            return
        lists = {"roles": [samples.role(inside(guild, 3, each)) for each in roles]} if has_roles else {}
        self.send("GUILD_UPDATE", {"id": str(guild_id(guild)), "name": "updated", **lists})
        self.model.guilds[guild] = ("updated", self.model.guilds[guild][1])
        if has_roles:
            self.model.replace(self.model.roles, guild, roles)

    @rule(guild=GUILDS)
    def guild_delete(self, guild: int) -> None:
        self.send("GUILD_DELETE", {"id": str(guild_id(guild))})
        self.model.drop_guild(guild)
        self.chunks.pop(guild, None)

    @rule(guild=GUILDS, event=st.sampled_from(["GUILD_DELETE", "GUILD_CREATE"]))
    def outage(self, guild: int, event: str) -> None:
        self.send(event, {"id": str(guild_id(guild)), "unavailable": True})
        self.model.complete.discard(guild)
        self.chunks.pop(guild, None)

    # What is in them.

    @rule(guild=GUILDS, number=SMALL)
    def channel_create(self, guild: int, number: int) -> None:
        self.send("CHANNEL_CREATE", samples.channel(channel_id(guild, number), guild_id(guild)))
        self.model.channels.add((guild, number))

    def draw_channel(self, data: st.DataObject) -> tuple[int, int]:
        """Choose a channel, rather one that has a thread."""
        return data.draw(st.sampled_from(sorted(self.model.threads) or sorted(self.model.channels) or [(1, 1)]))

    @rule(data=st.data())
    def channel_delete(self, data: st.DataObject) -> None:
        guild, number = self.draw_channel(data)
        self.send("CHANNEL_DELETE", samples.channel(channel_id(guild, number), guild_id(guild)))
        self.model.channels.discard((guild, number))
        self.model.drop_channel(channel_id(guild, number))
        if self.model.threads.pop((guild, number), None):
            self.model.drop_channel(thread_id(guild, number))

    @rule(guild=GUILDS, number=SMALL)
    def thread_create(self, guild: int, number: int) -> None:
        thread = samples.thread(thread_id(guild, number), channel_id(guild, number), guild_id(guild))
        self.send("THREAD_CREATE", thread)
        self.model.threads[guild, number] = channel_id(guild, number)

    @rule(data=st.data())
    def thread_delete(self, data: st.DataObject) -> None:
        guild, number = self.draw_channel(data)
        self.send("THREAD_DELETE", {"id": str(thread_id(guild, number)), "guild_id": str(guild_id(guild))})
        self.model.threads.pop((guild, number), None)
        self.model.drop_channel(thread_id(guild, number))

    @rule(guild=GUILDS, parents=SOME, numbers=SOME)
    def thread_list_sync(self, guild: int, parents: set[int], numbers: set[int]) -> None:
        numbers = numbers & parents if parents else numbers
        threads = [samples.thread(thread_id(guild, each), channel_id(guild, each)) for each in numbers]
        channels = [str(channel_id(guild, each)) for each in parents]
        payload = {"guild_id": str(guild_id(guild)), "channel_ids": channels, "threads": threads, "members": []}
        self.send("THREAD_LIST_SYNC", payload)
        _keep(self.model.threads, lambda key, _: key[0] != guild or bool(parents and key[1] not in parents))
        self.model.threads |= {(guild, each): channel_id(guild, each) for each in numbers}

    @rule(guild=GUILDS, number=SMALL, is_created=st.booleans())
    def role(self, guild: int, number: int, is_created: bool) -> None:
        role_id = inside(guild, 3, number)
        if is_created:
            self.send("GUILD_ROLE_CREATE", {"guild_id": str(guild_id(guild)), "role": samples.role(role_id)})
            self.model.roles.add((guild, number))
        else:
            self.send("GUILD_ROLE_DELETE", {"guild_id": str(guild_id(guild)), "role_id": str(role_id)})
            self.model.roles.discard((guild, number))

    @rule(guild=GUILDS, numbers=SOME)
    def emojis_update(self, guild: int, numbers: set[int]) -> None:
        emojis = [samples.emoji(inside(guild, 4, each)) for each in numbers]
        self.send("GUILD_EMOJIS_UPDATE", {"guild_id": str(guild_id(guild)), "emojis": emojis})
        self.model.replace(self.model.emojis, guild, numbers)

    # People.

    @rule(guild=GUILDS, user=USERS, nick=st.sampled_from([None, "nick"]))
    def member_add(self, guild: int, user: int, nick: str | None) -> None:
        self.send("GUILD_MEMBER_ADD", samples.member(user, nick=nick, guild_id=str(guild_id(guild))))
        self.name_members(guild, [user], nick)
        self.model.count_members(guild, +1)

    @rule(guild=GUILDS, user=USERS)
    def member_update(self, guild: int, user: int) -> None:
        self.send("GUILD_MEMBER_UPDATE", samples.member(user, nick="updated", guild_id=str(guild_id(guild))))
        self.name_members(guild, [user], "updated")

    @rule(guild=GUILDS, user=USERS)
    def member_remove(self, guild: int, user: int) -> None:
        self.send("GUILD_MEMBER_REMOVE", {"guild_id": str(guild_id(guild)), "user": samples.user(user)})
        self.model.members.pop((guild, user), None)
        self.model.users.add(user)
        self.model.presences.discard((guild, user))
        self.model.voice_states.pop((guild, user), None)
        self.model.count_members(guild, -1)

    @rule(guild=GUILDS, user=USERS, is_online=st.booleans())
    def presence_update(self, guild: int, user: int, is_online: bool) -> None:
        status = "idle" if is_online else "offline"
        self.send("PRESENCE_UPDATE", samples.presence(user, guild_id(guild), status=status))
        (self.model.presences.add if is_online else self.model.presences.discard)((guild, user))

    @rule(guild=GUILDS, user=USERS, where=st.none() | SMALL)
    def voice_state_update(self, guild: int, user: int, where: int | None) -> None:
        channel = None if where is None else channel_id(guild, where)
        state = samples.voice_state(user, channel, guild_id=str(guild_id(guild)), member=samples.member(user))
        self.send("VOICE_STATE_UPDATE", state)
        if channel is not None or (guild, user) in self.model.members:
            self.name_members(guild, [user])
        self.model.users.add(user)
        self.model.voice_states.pop((guild, user), None)
        if channel is not None:
            self.model.voice_states[guild, user] = channel

    @rule(guild=GUILDS, user=USERS, named=st.sets(USERS))
    def interaction(self, guild: int, user: int, named: set[int]) -> None:
        data = {"resolved": {"users": {str(each): samples.user(each) for each in named}}}
        payload = {"id": "1", "guild_id": str(guild_id(guild)), "member": samples.member(user), "data": data}
        self.send("INTERACTION_CREATE", payload)
        self.name_members(guild, [user])
        self.model.users |= named

    @rule(user=USERS)
    def purge_user(self, user: int) -> None:
        self.runner.run(self.gateway.cache.purge_user(user))
        model = self.model
        for guild in {guild for guild, who in model.members if who == user}:
            model.complete.discard(guild)
            self.chunks.pop(guild, None)
        _keep(model.members, lambda key, _: key[1] != user)
        model.presences -= {key for key in model.presences if key[1] == user}
        _keep(model.voice_states, lambda key, _: key[1] != user)
        # A message's author is told by its number.
        _keep(model.messages, lambda key, _: _author(key[1]) != user)
        model.users.discard(user)

    # Messages and invites.

    @rule(data=st.data(), user=USERS, is_webhook=st.booleans(), in_thread=st.booleans())
    def message_create(self, data: st.DataObject, user: int, is_webhook: bool, in_thread: bool) -> None:
        guild, number = self.draw_channel(data)
        where = (thread_id if in_thread else channel_id)(guild, number)
        message_id = inside(guild, 5, number) * 100 + user
        more: Payload = {"webhook_id": "5"} if is_webhook else {"member": _without_user(samples.member())}
        message = samples.message(message_id, user, where, guild_id(guild), **more)
        self.send("MESSAGE_CREATE", message)
        self.model.messages[guild, message_id] = (where, f"message{message_id}")
        self.model.reactions.pop(message_id, None)
        if not is_webhook:
            self.name_members(guild, [user])

    @rule(data=st.data(), is_there=st.booleans())
    def message_update(self, data: st.DataObject, is_there: bool) -> None:
        key = self.draw_message(data) if is_there else (1, 5)
        self.send("MESSAGE_UPDATE", {"id": str(key[1]), "channel_id": "1", "content": "edited"} | self.channel_of(key))
        if key in self.model.messages:
            self.model.messages[key] = (self.model.messages[key][0], "edited")

    def channel_of(self, key: tuple[int, int]) -> Payload:
        return {"channel_id": str(self.model.messages[key][0])} if key in self.model.messages else {}

    def draw_message(self, data: st.DataObject) -> tuple[int, int]:
        return data.draw(st.sampled_from(sorted(self.model.messages) or [(1, 5)]))

    @rule(data=st.data(), is_bulk=st.booleans())
    def message_delete(self, data: st.DataObject, is_bulk: bool) -> None:
        keys = {self.draw_message(data), *([self.draw_message(data)] if is_bulk else ())}
        ids = [str(message_id) for _, message_id in keys]
        if is_bulk:
            self.send("MESSAGE_DELETE_BULK", {"ids": ids, "channel_id": "1"})
        else:
            self.send("MESSAGE_DELETE", {"id": ids[0], "channel_id": "1"})
        _keep(self.model.messages, lambda key, _: key not in keys)

    @rule(data=st.data(), emoji=EMOJIS, user=st.sampled_from([OWN, 11]), is_added=st.booleans())
    def reaction(self, data: st.DataObject, emoji: tuple[str, str], user: int, is_added: bool) -> None:
        _, message_id = self.draw_message(data)
        name = "MESSAGE_REACTION_ADD" if is_added else "MESSAGE_REACTION_REMOVE"
        payload = {"user_id": str(user), "channel_id": "1", "message_id": str(message_id)}
        self.send(name, {**payload, "emoji": {"id": emoji[0] or None, "name": emoji[1]}})
        self.model.react(message_id, emoji, user, +1 if is_added else -1)

    @rule(data=st.data(), emoji=st.none() | EMOJIS)
    def reactions_removed(self, data: st.DataObject, emoji: tuple[str, str] | None) -> None:
        _, message_id = self.draw_message(data)
        payload: Payload = {"channel_id": "1", "message_id": str(message_id)}
        there = self.model.reactions.get(message_id, {})
        if emoji is None:
            self.send("MESSAGE_REACTION_REMOVE_ALL", payload)
            there.clear()
        else:
            emoji_payload = {"id": emoji[0] or None, "name": emoji[1]}
            self.send("MESSAGE_REACTION_REMOVE_EMOJI", {**payload, "emoji": emoji_payload})
            there.pop(emoji, None)

    @rule(guild=GUILDS, number=SMALL, is_created=st.booleans())
    def invite(self, guild: int, number: int, is_created: bool) -> None:
        code, where = f"code{guild}{number}", channel_id(guild, number)
        if is_created:
            self.send("INVITE_CREATE", samples.invite(code, where, guild_id(guild), inviter=samples.user(10)))
            self.model.invites[guild, code] = where
            self.model.users.add(10)
        else:
            self.send("INVITE_DELETE", {"code": code, "channel_id": str(where)})
            self.model.invites.pop((guild, code), None)

    @invariant()
    def both_say_the_same(self) -> None:
        self.runner.run(self.compare(self.gateway.cache, self.model))

    async def compare(self, cache: sake_lite.SQLiteCache, model: Model) -> None:
        assert {each.id: (each.name, each.member_count) async for each in cache.iter_guilds()} == {
            guild_id(guild): facts for guild, facts in model.guilds.items()
        }
        assert {each.id async for each in cache.iter_guild_channels()} == {channel_id(*key) for key in model.channels}
        assert {each.id: each.parent_id async for each in cache.iter_threads()} == {
            thread_id(*key): parent for key, parent in model.threads.items()
        }
        assert {each.id async for each in cache.iter_roles()} == {inside(guild, 3, n) for guild, n in model.roles}
        assert {each.id async for each in cache.iter_emojis()} == {inside(guild, 4, n) for guild, n in model.emojis}
        assert {(each.guild_id, each.id): each.nickname async for each in cache.iter_members()} == {
            (guild_id(guild), user): nick for (guild, user), nick in model.members.items()
        }
        assert {(each.guild_id, each.user_id) async for each in cache.iter_presences()} == {
            (guild_id(guild), user) for guild, user in model.presences
        }
        assert {(each.guild_id, each.user_id): each.channel_id async for each in cache.iter_voice_states()} == {
            (guild_id(guild), user): where for (guild, user), where in model.voice_states.items()
        }
        assert {each.code: each.channel_id async for each in cache.iter_invites()} == {
            code: where for (_, code), where in model.invites.items()
        }
        assert {each.id: (each.channel_id, each.content) async for each in cache.iter_messages()} == {
            message_id: facts for (_, message_id), facts in model.messages.items()
        }
        async for message in cache.iter_messages():
            expected = model.reactions.get(message.id, {})
            found = {str(each.emoji): (each.count, each.is_me) for each in message.reactions}
            assert found == {_spelled(emoji): facts for emoji, facts in expected.items()}
        assert {guild for guild in range(1, 4) if await cache.members_complete(guild_id(guild))} == model.complete
        assert {each.id async for each in cache.iter_users()} == model.users
        assert (await cache.get_me()).id == OWN
        assert cache.stats().failures == 0


def _spelled(emoji: tuple[str, str]) -> str:
    return f"<:{emoji[1]}:{emoji[0]}>" if emoji[0] else emoji[1]


def _author(message_id: int) -> int:
    return message_id % 100


def _without_user(member: Payload) -> Payload:
    return {name: value for name, value in member.items() if name != "user"}


_SETTINGS = settings(deadline=None, print_blob=True, stateful_step_count=50)


def test_events() -> None:
    run_state_machine_as_test(Events, settings=settings(_SETTINGS, max_examples=8))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_events() -> None:
    run_state_machine_as_test(Events, settings=settings(_SETTINGS, max_examples=60))
