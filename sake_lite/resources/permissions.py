"""What a member may do, from five resources; the algorithm is in `_permissions.py`."""

from __future__ import annotations

__all__ = ["PermissionsCache"]

import datetime
import functools
import typing

import hikari

from .. import _permissions, errors
from .guild import GUILDS, GuildCache
from .guild_channel import GUILD_CHANNELS, GuildChannelCache
from .member import MEMBERS, MemberCache
from .role import ROLES, RoleCache
from .thread import THREADS, ThreadCache

if typing.TYPE_CHECKING:
    from .._snapshot import Snapshot


class PermissionsCache(GuildCache, GuildChannelCache, MemberCache, RoleCache, ThreadCache):
    """All that decides what somebody may do: guilds, their channels and threads, members and roles."""

    __slots__ = ()

    async def permissions_for(
        self,
        guild_id: hikari.Snowflakeish,
        user_id: hikari.Snowflakeish,
        channel_id: hikari.Snowflakeish | None = None,
    ) -> hikari.Permissions:
        """Tell what a member may do in a guild, or in one of its channels or threads.

        It is Discord's documented algorithm: owner, @everyone, roles, administrator, then the channel's overwrites; and
        of that, what the member can make use of. In a channel, nothing is left without VIEW_CHANNEL; none of
        MENTION_ROLES, SEND_TTS_MESSAGES, ATTACH_FILES and EMBED_LINKS without SEND_MESSAGES; and no MANAGE_CHANNELS
        without CONNECT, where it is a voice or stage channel. A thread has its parent's permissions, with
        SEND_MESSAGES_IN_THREADS in the place of SEND_MESSAGES. Whoever is in timeout has VIEW_CHANNEL and
        READ_MESSAGE_HISTORY at most. The owner and administrators have all permissions, everywhere.

        All that it depends on is read as of one moment, in one trip to the file.

        Parameters
        ----------
        guild_id
            The guild.
        user_id
            The member.
        channel_id
            A channel or thread of the guild. Without it, overwrites do not count, and neither do the rules about
            VIEW_CHANNEL, SEND_MESSAGES and CONNECT: what is missing, a channel may allow.

        Returns
        -------
        hikari.Permissions
            The permissions. Those of a private thread are what they are for whoever was invited to it, which the cache
            does not know.

        Raises
        ------
        EntryNotFound
            If the cache does not hold the guild, the member, one of the member's roles, the channel, or the channel
            that a thread is in; the message says which. A role that was deleted, which a member goes on naming until
            Discord sends the member anew, grants nothing, where the cache knows that: once the guild's GUILD_CREATE
            came in this run, and no role's event was lost since. Elsewhere, as in a file that no bot uses, it is
            missing.
        ValueError
            If the channel is one of another guild.
        InvalidDataFound
            If one of these is damaged.
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is not open.
        """
        self._open_session()  # before anything is found missing
        GUILDS.lookup_key([guild_id])
        MEMBERS.lookup_key([guild_id, user_id])
        if channel_id is not None:
            GUILD_CHANNELS.lookup_key([channel_id])

        def read(snapshot: Snapshot, *, knows_roles: bool = False) -> _Grounds:
            return _read_grounds(snapshot, guild_id, user_id, channel_id, knows_roles=knows_roles)

        known = self._knowledge(guild_id)
        try:
            grounds = await self._read_together(read)
        except errors.EntryNotFound:
            if not await self._knows_all(ROLES, guild_id, known):
                raise
            # Perhaps it was a role, of which it is known that there is none.
            grounds = await self._read_together(functools.partial(read, knows_roles=True))
            if not await self._knows_all(ROLES, guild_id, known):
                raise

        guild, member, roles, channel, thread = grounds
        place = thread or channel
        if place is not None and place.guild_id != guild.id:
            raise ValueError(f"channel {channel_id} is in guild {place.guild_id}, not in guild {guild_id}")

        moment = datetime.datetime.now(datetime.UTC)
        if channel is None:
            return _permissions.permissions_in_guild(guild, member, roles, moment)
        if thread is None:
            return _permissions.permissions_in_channel(guild, member, roles, channel, moment)
        return _permissions.permissions_in_thread(guild, member, roles, channel, moment)


class _Grounds(typing.NamedTuple):
    """What permissions depend on; of a thread, `channel` is the one that it is in."""

    guild: hikari.GatewayGuild
    member: hikari.Member
    roles: list[hikari.Role]
    channel: hikari.PermissibleGuildChannel | None = None
    thread: hikari.GuildThreadChannel | None = None


def _read_grounds(
    snapshot: Snapshot,
    guild_id: hikari.Snowflakeish,
    user_id: hikari.Snowflakeish,
    channel_id: hikari.Snowflakeish | None,
    *,
    knows_roles: bool,
) -> _Grounds:
    guild = snapshot.get(GUILDS, guild_id)
    member = snapshot.get(MEMBERS, guild_id, user_id)
    roles = _read_roles(snapshot, member, knows_roles=knows_roles or member.id == guild.owner_id)
    if channel_id is None:
        return _Grounds(guild, member, roles)

    channel = snapshot.find(GUILD_CHANNELS, channel_id)
    if channel is not None:
        return _Grounds(guild, member, roles, channel)

    thread = snapshot.find(THREADS, channel_id)
    if thread is None:
        raise errors.EntryNotFound(f"neither guild_channels nor threads has an entry for channel_id {channel_id}")

    parent = snapshot.find(GUILD_CHANNELS, thread.parent_id)
    if parent is None:
        missing = GUILD_CHANNELS.not_found([thread.parent_id])
        raise errors.EntryNotFound(f"{missing.message}, which thread {channel_id} is in")
    return _Grounds(guild, member, roles, parent, thread)


def _read_roles(snapshot: Snapshot, member: hikari.Member, *, knows_roles: bool) -> list[hikari.Role]:
    """Return @everyone and a member's roles; where all roles of the guild are known, those that exist."""
    everyone = member.guild_id
    role_ids = [everyone, *member.role_ids]
    found = snapshot.find_each(ROLES, role_ids)
    for role_id in role_ids:
        if role_id not in found and not (knows_roles and role_id != everyone):
            raise ROLES.not_found([role_id])
    return list(found.values())
