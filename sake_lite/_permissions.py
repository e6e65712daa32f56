"""What a member may do, by Discord's documented algorithm; it knows entities only, and reads nothing.

The order is Discord's (https://discord.com/developers/docs/topics/permissions): the owner may do everything; then
@everyone's permissions, and those of the member's roles; an administrator may do everything; then a channel's
overwrites, each denying before it allows: @everyone's, those of the roles together, the member's own.

Of that, what a member can make no use of is taken away, since whoever asks wants to know what will work. Discord calls
such permissions implicitly denied: they are in the sum, and are ignored.

- Without VIEW_CHANNEL in a channel, nothing is left.
- Without SEND_MESSAGES, nothing is left of what needs it: MENTION_EVERYONE (hikari's MENTION_ROLES), SEND_TTS_MESSAGES,
  ATTACH_FILES and EMBED_LINKS.
- Without CONNECT in a voice or stage channel, MANAGE_CHANNELS is gone. Discord's documentation says that there are
  others, but not which; they stay as the overwrites have them.
- A thread has its parent's permissions, but for SEND_MESSAGES, which has no effect there: SEND_MESSAGES_IN_THREADS
  takes its place, in what needs it too.
- A member in timeout keeps VIEW_CHANNEL and READ_MESSAGE_HISTORY, unless they are the owner or an administrator.
"""

from __future__ import annotations

__all__ = ["permissions_in_channel", "permissions_in_guild", "permissions_in_thread"]

import datetime
import typing

import hikari

if typing.TYPE_CHECKING:
    import collections.abc

_ALL: typing.Final = hikari.Permissions.all_permissions()
_NONE: typing.Final = hikari.Permissions.NONE

_NEED_SENDING: typing.Final = (
    hikari.Permissions.MENTION_ROLES
    | hikari.Permissions.SEND_TTS_MESSAGES
    | hikari.Permissions.ATTACH_FILES
    | hikari.Permissions.EMBED_LINKS
)
_NEED_CONNECTING: typing.Final = hikari.Permissions.MANAGE_CHANNELS
_VOICE_TYPES: typing.Final = frozenset({hikari.ChannelType.GUILD_VOICE, hikari.ChannelType.GUILD_STAGE})
_LEFT_IN_TIMEOUT: typing.Final = hikari.Permissions.VIEW_CHANNEL | hikari.Permissions.READ_MESSAGE_HISTORY


def permissions_in_guild(
    guild: hikari.Guild, member: hikari.Member, roles: collections.abc.Iterable[hikari.Role], moment: datetime.datetime
) -> hikari.Permissions:
    """Return what a member may do in a guild, whatever its channels say of it.

    Parameters
    ----------
    guild
        The guild.
    member
        One of its members.
    roles
        @everyone, and the member's roles; others must not be among them.
    moment
        When: somebody's timeout may be over by then. It has a time zone.
    """
    permissions = _base(guild, member, roles)
    return permissions if _is_unbound(permissions) else _outside_timeout(permissions, member, moment)


def permissions_in_channel(
    guild: hikari.Guild,
    member: hikari.Member,
    roles: collections.abc.Iterable[hikari.Role],
    channel: hikari.PermissibleGuildChannel,
    moment: datetime.datetime,
) -> hikari.Permissions:
    """Return what a member may do in a channel of a guild; the parameters are those of `permissions_in_guild`."""
    permissions = _base(guild, member, roles)
    if _is_unbound(permissions):
        return permissions

    permissions = _overwritten(permissions, member, channel)
    if hikari.Permissions.SEND_MESSAGES not in permissions:
        permissions = _without(permissions, _NEED_SENDING)
    if channel.type in _VOICE_TYPES and hikari.Permissions.CONNECT not in permissions:
        permissions = _without(permissions, _NEED_CONNECTING)

    return _outside_timeout(_in_view(permissions), member, moment)


def permissions_in_thread(
    guild: hikari.Guild,
    member: hikari.Member,
    roles: collections.abc.Iterable[hikari.Role],
    parent: hikari.PermissibleGuildChannel,
    moment: datetime.datetime,
) -> hikari.Permissions:
    """Return what a member may do in a thread of a channel; the parameters are those of `permissions_in_guild`.

    Who was invited to a private thread is not asked: to others, it is closed (unless they have MANAGE_THREADS).
    """
    permissions = _base(guild, member, roles)
    if _is_unbound(permissions):
        return permissions

    permissions = _without(_overwritten(permissions, member, parent), hikari.Permissions.SEND_MESSAGES)
    if hikari.Permissions.SEND_MESSAGES_IN_THREADS not in permissions:
        permissions = _without(permissions, _NEED_SENDING)

    return _outside_timeout(_in_view(permissions), member, moment)


def _base(
    guild: hikari.Guild, member: hikari.Member, roles: collections.abc.Iterable[hikari.Role]
) -> hikari.Permissions:
    if member.id == guild.owner_id:
        return _ALL

    permissions = _NONE
    for role in roles:
        permissions |= role.permissions
    return _ALL if hikari.Permissions.ADMINISTRATOR in permissions else permissions


def _is_unbound(permissions: hikari.Permissions) -> bool:
    """Whether they are an owner's or an administrator's, whom neither overwrites nor timeouts bind."""
    return hikari.Permissions.ADMINISTRATOR in permissions


def _overwritten(
    permissions: hikari.Permissions, member: hikari.Member, channel: hikari.PermissibleGuildChannel
) -> hikari.Permissions:
    overwrites = channel.permission_overwrites
    # hikari counts @everyone among a member's roles, and its overwrite has been applied before theirs.
    role_ids = [role_id for role_id in member.role_ids if role_id != channel.guild_id]
    for level in ([channel.guild_id], role_ids, [member.id]):
        allowed = denied = _NONE
        for overwrite in filter(None, map(overwrites.get, level)):
            allowed |= overwrite.allow
            denied |= overwrite.deny
        permissions = _without(permissions, denied) | allowed

    return permissions


def _in_view(permissions: hikari.Permissions) -> hikari.Permissions:
    return permissions if hikari.Permissions.VIEW_CHANNEL in permissions else _NONE


def _outside_timeout(
    permissions: hikari.Permissions, member: hikari.Member, moment: datetime.datetime
) -> hikari.Permissions:
    until = member.raw_communication_disabled_until
    if until is None:
        return permissions
    if until.tzinfo is None:
        until = until.replace(tzinfo=datetime.UTC)  # as Discord's times are
    return permissions if until <= moment else permissions & _LEFT_IN_TIMEOUT


def _without(permissions: hikari.Permissions, denied: hikari.Permissions) -> hikari.Permissions:
    # hikari's ~ leaves out the permissions that it has no name for yet.
    return hikari.Permissions(int(permissions) & ~int(denied))
