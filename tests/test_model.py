"""The cache against a dictionary: whatever is stored, deleted, cleared and reopened, both say the same."""

from __future__ import annotations

import asyncio
import tempfile
import typing
from pathlib import Path

import samples
from conftest import check_file
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import sake_lite

if typing.TYPE_CHECKING:
    import collections.abc

GUILDS = st.integers(1, 3)
USERS = st.integers(11, 16)
NICKS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


class Members(RuleBasedStateMachine):
    """Members, and the users they are, in a cache and in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "bot.db")
        self.cache = sake_lite.SQLiteCache(self.path)
        self.members: dict[tuple[int, int], str | None] = {}
        self.users: set[int] = set()
        self.run(self.cache.open())

    def teardown(self) -> None:
        self.run(self.cache.close())
        self.runner.close()
        check_file(self.path)
        self.folder.cleanup()

    def run(self, coroutine: collections.abc.Coroutine[typing.Any, typing.Any, typing.Any]) -> typing.Any:
        return self.runner.run(coroutine)

    @rule(guild=GUILDS, user=USERS, nick=NICKS)
    def set(self, guild: int, user: int, nick: str | None) -> None:
        self.run(self.cache.set_member(guild, samples.member(user, nick=nick)))
        self.members[guild, user] = nick
        self.users.add(user)

    @rule(guild=GUILDS, user=USERS, nick=NICKS)
    def update(self, guild: int, user: int, nick: str | None) -> None:
        payload = samples.member(user, nick=nick, guild_id=str(guild))
        self.run(self.cache.ingest("GUILD_MEMBER_UPDATE", payload))
        self.members[guild, user] = nick
        self.users.add(user)

    @rule(guild=GUILDS, users=st.sets(USERS))
    def replace(self, guild: int, users: set[int]) -> None:
        members = [samples.member(user) for user in users]
        payload = samples.guild_create(guild, members=members, member_count=len(members))
        self.run(self.cache.ingest("GUILD_CREATE", payload))
        if users:  # a list that is empty is not whole: a bot is a member of its guilds
            self.members = {key: nick for key, nick in self.members.items() if key[0] != guild}
        self.members |= {(guild, user): None for user in users}
        self.users |= users

    @rule(guild=GUILDS, user=USERS)
    def delete(self, guild: int, user: int) -> None:
        self.run(self.cache.delete_member(guild, user))
        self.members.pop((guild, user), None)

    @rule(guild=GUILDS)
    def clear_guild(self, guild: int) -> None:
        self.run(self.cache.clear_members_for_guild(guild))
        self.members = {key: nick for key, nick in self.members.items() if key[0] != guild}

    @rule(user=USERS)
    def clear_user(self, user: int) -> None:
        self.run(self.cache.clear_members_for_user(user))
        self.members = {key: nick for key, nick in self.members.items() if key[1] != user}

    @rule(guild=GUILDS)
    def leave(self, guild: int) -> None:
        self.run(self.cache.ingest("GUILD_DELETE", {"id": str(guild)}))
        self.members = {key: nick for key, nick in self.members.items() if key[0] != guild}

    @rule(same_loop=st.booleans())
    def reopen(self, same_loop: bool) -> None:
        self.run(self.cache.close())
        if not same_loop:
            self.runner.close()
            self.runner = asyncio.Runner()
        self.run(self.cache.open())

    @invariant()
    def both_say_the_same(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        found = {(member.guild_id, member.id): member.nickname async for member in self.cache.iter_members()}
        assert found == self.members
        assert await self.cache.iter_members().len() == len(self.members)
        assert {user.id async for user in self.cache.iter_users()} == self.users
        for guild in (1, 2, 3):
            of_guild = [member.id async for member in self.cache.iter_members_for_guild(guild)]
            assert of_guild == sorted(user for where, user in self.members if where == guild)
            for user in (11, 12):
                try:
                    assert (await self.cache.get_member(guild, user)).nickname == self.members[guild, user]
                except sake_lite.EntryNotFound:
                    assert (guild, user) not in self.members


Members.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None, print_blob=True)
test_members = Members.TestCase
