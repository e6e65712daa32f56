"""What a process does that `test_killed.py` kills, and what its file then has to hold.

An operation is a JSON object, so that it can be written down before it is begun and played back by somebody else.
Several lanes of operations run at once, each over its own guilds, people and messages. Within a lane, one comes after
the other; so whatever the moment of the kill, a lane's rows are what they were between two of its operations.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import dataclasses
import json
import os
import random
import sys
import typing

import hikari
import samples

import sake_lite
from sake_lite import _housekeeping, _layout

Operation: typing.TypeAlias = "dict[str, typing.Any]"
Contents: typing.TypeAlias = "dict[str, dict[typing.Any, typing.Any]]"
"""By table and key, what tells a row from its earlier self."""

LANE: typing.Final = 1_000_000
GUILDS, PEOPLE, MESSAGES = range(3), 400, 10
MESSAGE_LIMIT: typing.Final = 200
"""Above all lanes' own messages; those that are there to be removed have lower IDs."""


def lane_of(key: int | tuple[int, ...]) -> int:
    """Return the lane that a row belongs to; -1 for the messages that come and go by themselves."""
    return (key[0] if isinstance(key, tuple) else key) // LANE - 1


def draw(chance: random.Random, lane: int, number: int, *, is_alone: bool) -> Operation:
    base = (lane + 1) * LANE
    guild = base + chance.choice(GUILDS)
    own = 1_000 * (guild - base)
    weights = kinds(is_alone=is_alone)
    return {
        "do": chance.choices([*weights], [*weights.values()])[0],
        "stamp": f"{lane}.{number}" + "x" * chance.choice([0, 0, 0, 500, 20_000]),
        "guild": guild,
        "role": base + 100_000 + own + chance.randrange(12),
        "channel": base + 200_000 + own + chance.randrange(8),
        "emoji": base + 300_000 + own + chance.randrange(8),
        "user": base + 400_000 + chance.randrange(PEOPLE),
        "message": base + 500_000 + chance.randrange(MESSAGES) * len(GUILDS) + guild - base,
        "passing": number * 8 + lane + 1,
        "lifetime": chance.choice([0.02, 86_400]),
        "members": chance.choice([1, 30, 150, 300]),
        "missing": chance.choice([0, 0, 3]),
        "listed": [base + each for each in GUILDS if chance.random() < 0.7],
        "is_awaited": chance.random() < 0.4,
    }


def kinds(*, is_alone: bool) -> dict[str, float]:
    """Return what there is to do, and how often it is done."""
    return _KINDS | (_ACROSS_LANES if is_alone else {})


_ACROSS_LANES: typing.Final = dict.fromkeys(("clear_guilds", "clear_messages", "clear_roles", "READY", "reopen"), 0.4)

_KINDS: typing.Final[dict[str, float]] = {
    # Calls, which are awaited.
    "set_role": 3,
    "delete_role": 2,
    "clear_roles_for_guild": 0.5,
    "set_guild_channel": 3,
    "clear_guild_channels_for_guild": 0.5,
    "set_member": 3,
    "delete_member": 2,
    "clear_members_for_guild": 0.3,
    "set_message": 4,
    "update_message": 5,
    "delete_message": 1,
    "clear_messages_for_guild": 0.3,
    "set_passing_message": 3,
    "delete_guild": 0.3,
    "flush": 1,
    # Events, most of which nobody awaits.
    "GUILD_CREATE": 2,
    "GUILD_DELETE": 0.5,
    "GUILD_ROLE_CREATE": 3,
    "GUILD_MEMBER_ADD": 3,
    "GUILD_MEMBER_REMOVE": 2,
    "MESSAGE_CREATE": 3,
    "MESSAGE_UPDATE": 3,
    "MESSAGE_REACTION_ADD": 3,
    "MESSAGE_DELETE_BULK": 0.5,
}


def _payload(it: Operation) -> samples.Payload:
    """Return the payload of an event, or of a call that takes one."""
    guild, stamp = it["guild"], it["stamp"]
    match it["do"]:
        case "set_role":
            return samples.role(it["role"], name=stamp)
        case "set_guild_channel":
            return samples.channel(it["channel"], guild, name=stamp)
        case "set_member" | "GUILD_MEMBER_ADD":
            return {**samples.member(it["user"], nick=stamp), "guild_id": str(guild)}
        case "set_message" | "MESSAGE_CREATE":
            return samples.message(it["message"], it["user"], it["channel"], guild, content=stamp)
        case "set_passing_message":
            return samples.message(it["passing"], it["user"], it["channel"], None, content=stamp)
        case "update_message":
            return {"id": str(it["message"]), "content": stamp}
        case "GUILD_CREATE":
            base = guild // LANE * LANE
            own = 1_000 * (guild - base)
            return samples.guild_create(
                guild,
                name=stamp,
                member_count=it["members"] + it["missing"],
                members=[samples.member(base + 400_000 + n, nick=stamp[:40]) for n in range(it["members"])],
                roles=[samples.role(base + 100_000 + own + n, name=stamp[:40]) for n in range(9)],
                channels=[samples.channel(base + 200_000 + own + n, guild, name=stamp[:40]) for n in range(6)],
                emojis=[samples.emoji(base + 300_000 + own + n, name=stamp[:40]) for n in range(5)],
            )
        case "GUILD_DELETE":
            return {"id": str(guild)}
        case "GUILD_ROLE_CREATE":
            return {"guild_id": str(guild), "role": samples.role(it["role"], name=stamp)}
        case "GUILD_MEMBER_REMOVE":
            return {"guild_id": str(guild), "user": samples.user(it["user"])}
        case "MESSAGE_UPDATE":
            ids = {"id": str(it["message"]), "channel_id": str(it["channel"]), "guild_id": str(guild)}
            return {**ids, "content": stamp}
        case "MESSAGE_REACTION_ADD":
            emoji = {"id": None, "name": "🍶"}
            return {"message_id": str(it["message"]), "user_id": str(it["user"]), "emoji": emoji}
        case "MESSAGE_DELETE_BULK":
            return {"ids": [str(it["message"] // LANE * LANE + 500_000 + n) for n in range(MESSAGES)]}
        case "READY":
            guilds = [{"id": str(listed), "unavailable": True} for listed in it["listed"]]
            return {"user": samples.me(), "guilds": guilds}
        case other:
            raise AssertionError(other)


async def perform(cache: sake_lite.SQLiteCache, it: Operation) -> bool | None:
    """Do it, and return when it is committed, unless it is an event that nobody awaits."""
    guild = it["guild"]
    match it["do"]:
        case "set_role":
            await cache.set_role(guild, _payload(it))
        case "set_member":
            await cache.set_member(guild, _payload(it))
        case "set_guild_channel" | "set_message":
            await getattr(cache, it["do"])(_payload(it))
        case "set_passing_message":
            await cache.set_message(_payload(it), expire_time=it["lifetime"])
        case "update_message":
            return await cache.update_message(_payload(it))
        case "delete_role" | "delete_message":
            await getattr(cache, it["do"])(it[it["do"].removeprefix("delete_")])
        case "delete_member":
            await cache.delete_member(guild, it["user"])
        case "delete_guild":
            await cache.delete_guild(guild)
        case "reopen":
            await cache.close()
            await cache.open()
        case "flush" | "clear_guilds" | "clear_messages" | "clear_roles":
            await getattr(cache, it["do"])()
        case each if each.startswith("clear_"):
            await getattr(cache, each)(guild)
        case event if is_awaited(it):
            await cache.ingest(event, _payload(it))
        case event:
            told = hikari.ShardPayloadEvent(
                app=_BOT, shard=typing.cast("hikari.api.GatewayShard", _Shard()), payload=_payload(it), name=event
            )
            await cache._on_shard_payload(told)  # pyright: ignore[reportPrivateUsage]
    return None


def is_awaited(it: Operation) -> bool:
    return it["is_awaited"] or it["do"] == "READY" or not it["do"].isupper()


class _Shard:
    id = 0
    shard_count = 1
    intents = hikari.Intents.ALL


_BOT: typing.Final = hikari.GatewayBot("MTAw.loop.back", banner=None, logs=None, suppress_optimization_warning=True)


@dataclasses.dataclass
class Model:
    """What a lane's rows have to be."""

    tables: Contents = dataclasses.field(
        default_factory=lambda: collections.defaultdict[str, dict[typing.Any, typing.Any]](dict)
    )

    def apply(self, it: Operation) -> bool | None:
        """Change the rows as the operation does, and return what it returns."""
        guild, stamp = it["guild"], it["stamp"]
        match it["do"]:
            case "set_role" | "GUILD_ROLE_CREATE":
                self.tables["roles"][it["role"]] = (guild, stamp)
            case "set_guild_channel":
                self.tables["guild_channels"][it["channel"]] = (guild, stamp)
            case "set_member" | "GUILD_MEMBER_ADD":
                self.tables["members"][guild, it["user"]] = (guild, stamp)
                self._see(it["user"])
                self._count(it, +1)
            case "set_message" | "MESSAGE_CREATE":
                self.tables["messages"][it["message"]] = (guild, stamp, 0)
                self._see(it["user"])
            case "set_passing_message":
                self._see(it["user"])
            case "update_message" | "MESSAGE_UPDATE":
                is_there = self._alter_message(it["message"], lambda message: (message[0], stamp, message[2]))
                return is_there if it["do"] == "update_message" else None
            case "MESSAGE_REACTION_ADD":
                self._alter_message(it["message"], lambda message: (*message[:2], message[2] + 1))
            case "delete_role" | "delete_message":
                name = it["do"].removeprefix("delete_")
                self.tables[f"{name}s"].pop(it[name], None)
            case "delete_member":
                if self.tables["members"].pop((guild, it["user"]), None):
                    self.tables["complete_member_lists"].pop(guild, None)
            case "GUILD_MEMBER_REMOVE":
                self.tables["members"].pop((guild, it["user"]), None)
                self._see(it["user"])
                self._count(it, -1)
            case "delete_guild":
                self.tables["guilds"].pop(guild, None)
            case "MESSAGE_DELETE_BULK":
                for message_id in _payload(it)["ids"]:
                    self.tables["messages"].pop(int(message_id), None)
            case "GUILD_CREATE":
                self._take_guild(_payload(it), it["missing"] == 0)
            case "GUILD_DELETE":
                self._keep_guilds(lambda each: each != guild)
            case "READY":
                self._keep_guilds(lambda each: each in it["listed"])
            case "clear_guilds" | "clear_messages" | "clear_roles":
                self.tables[it["do"].removeprefix("clear_")].clear()
            case "flush" | "reopen":
                pass
            case each:
                self._clear(each.removeprefix("clear_").removesuffix("_for_guild"), guild)
        return None

    def _see(self, *users: int) -> None:
        self.tables["users"].update({number: f"user{number}" for number in users})

    def _count(self, it: Operation, step: int) -> None:
        stored = self.tables["guilds"].get(it["guild"])
        if stored is not None and it["do"].isupper():
            self.tables["guilds"][it["guild"]] = (stored[0], stored[1], max(0, stored[2] + step))

    def _alter_message(self, number: int, change: collections.abc.Callable[[typing.Any], typing.Any]) -> bool:
        stored = self.tables["messages"].get(number)
        if stored is not None:
            self.tables["messages"][number] = change(stored)
        return stored is not None

    def _clear(self, table: str, guild: int) -> None:
        for key in [key for key, row in self.tables[table].items() if row[0] == guild]:
            del self.tables[table][key]
        if table == "members":
            self.tables["complete_member_lists"].pop(guild, None)

    def _take_guild(self, payload: samples.Payload, is_whole: bool) -> None:
        guild, name = int(payload["id"]), payload["name"]
        self.tables["guilds"][guild] = (guild, name, payload["member_count"])
        for table, listed in (("roles", "roles"), ("guild_channels", "channels"), ("emojis", "emojis")):
            self._clear(table, guild)
            self.tables[table].update({int(each["id"]): (guild, each["name"]) for each in payload[listed]})
        users = [int(member["user"]["id"]) for member in payload["members"]]
        if is_whole:
            self._clear("members", guild)
            self.tables["complete_member_lists"][guild] = guild
        else:
            self.tables["complete_member_lists"].pop(guild, None)
        self.tables["members"].update({(guild, user): (guild, name[:40]) for user in users})
        self._see(*users)

    def _keep_guilds(self, is_kept: collections.abc.Callable[[int], bool]) -> None:
        for table in ("roles", "guild_channels", "emojis", "members", "messages", "guilds", "complete_member_lists"):
            rows = self.tables[table]
            for key in [key for key in rows if not is_kept(rows[key][0] if table != "complete_member_lists" else key)]:
                del rows[key]


def told(table: str, payload: samples.Payload) -> typing.Any:
    """Return of a stored payload what a model has in its place."""
    match table:
        case "guilds":
            return int(payload["id"]), payload["name"], payload["member_count"]
        case "members":
            return int(payload["guild_id"]), payload["nick"]
        case "messages":
            reactions = sum(reaction["count"] for reaction in payload.get("reactions", ()))
            return int(payload.get("guild_id", 0)), payload["content"], reactions
        case "users" | "me":
            return payload["username"]
        case "complete_member_lists" | "awaited_guilds":
            return int(payload["guild_id"])
        case _:
            return int(payload["guild_id"]), payload["name"]


# The process that is killed.


async def _live(order: typing.Any) -> None:
    chance = random.Random(order["seed"])
    few_pages = (
        f"PRAGMA cache_size = {chance.choice([10, 4_000])}"  # few: a large event's go into the log before its end
    )
    checkpoints = f"PRAGMA wal_autocheckpoint = {chance.choice([1, 8, 60, 1_000])}"
    changes = {"_INTERVAL": 0.01, "_SPARE_PAGES": 2, "_SPARE_PART": 0.0}
    for module, settings in (
        (_housekeeping, changes),
        (_layout, {"_PRAGMAS": (*_layout._PRAGMAS, few_pages, checkpoints)}),  # pyright: ignore[reportPrivateUsage]
    ):
        for name, value in settings.items():
            setattr(module, name, value)

    log = os.open(order["log"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def note(**line: typing.Any) -> None:
        os.write(log, f"{json.dumps(line)}\n".encode())

    async def go(lane: int) -> None:
        for number in range(order["first"], order["first"] + 100_000):
            it = draw(chance, lane, number, is_alone=order["lanes"] == 1)
            note(lane=lane, number=number, begun=it)
            result = await perform(cache, it)
            if is_awaited(it):
                note(lane=lane, number=number, result=result)

    cache = sake_lite.SQLiteCache(order["path"], message_limit=MESSAGE_LIMIT)
    async with asyncio.timeout(30), cache:  # should nobody be left to kill it
        await asyncio.gather(*(go(lane) for lane in range(order["lanes"])))


def main() -> None:
    """Live once for each line that comes in; where a process can be forked, in one that is forked for that life."""
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork() if hasattr(os, "fork") else 0
        if process == 0:
            print("running", os.getpid(), flush=True)
            asyncio.run(_live(order))
            sys.exit("it was not killed")
        print("ended", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
