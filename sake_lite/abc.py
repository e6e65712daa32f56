"""The interfaces of the Sake standard: what a cache of Discord's resources can be asked.

Code written against these classes takes any implementation. The names, arguments and errors are the standard's; the
words are ours. `SQLiteCache` implements all of them.

Everything below raises `ClosedClient` where the cache is not open and `BackendError` where its store cannot be read
or written, and `get_*` raises `EntryNotFound` and `InvalidDataFound` as each says. Deleting or clearing what is not
there is no error, and neither is iterating over nothing. IDs are given by position.

`Ref…` classes add clearing and iterating by what an entry refers to: its guild, channel, author or user.
`RefGuildCache`, `RefMeCache` and `RefUserCache` are the plain classes under a second name, since these refer to
nothing.

Threads and stickers are not in the standard, hence not in `Cache` and `RefCache`; their interfaces have the same form.
"""

from __future__ import annotations

__all__ = [
    "Cache",
    "CacheIterator",
    "EmojiCache",
    "GuildCache",
    "GuildChannelCache",
    "InviteCache",
    "MeCache",
    "MemberCache",
    "MessageCache",
    "PresenceCache",
    "RefCache",
    "RefEmojiCache",
    "RefGuildCache",
    "RefGuildChannelCache",
    "RefInviteCache",
    "RefMeCache",
    "RefMemberCache",
    "RefMessageCache",
    "RefPresenceCache",
    "RefRoleCache",
    "RefStickerCache",
    "RefThreadCache",
    "RefUserCache",
    "RefVoiceStateCache",
    "Resource",
    "RoleCache",
    "StickerCache",
    "ThreadCache",
    "UserCache",
    "VoiceStateCache",
]

import abc
import typing

import hikari

_T = typing.TypeVar("_T")


class CacheIterator(hikari.LazyIterator[_T], abc.ABC):
    """Iterates over entries of a cache, asynchronously, with all that a `hikari.LazyIterator` can do."""

    __slots__ = ()

    @abc.abstractmethod
    async def len(self) -> int:
        """Count the entries that the iterator covers, as of this call.

        Unlike `hikari.LazyIterator.count` this does not exhaust the iterator.

        Raises
        ------
        BackendError
            If the store cannot be read.
        """


class Resource(abc.ABC):
    """What every cache is: something to open and close."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def is_alive(self) -> bool:
        """Whether the cache is open."""

    @abc.abstractmethod
    async def open(self) -> None:
        """Open the cache; opening an open one does nothing.

        Raises
        ------
        BackendError
            If the store cannot be opened.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Close the cache and release its store; closing a closed one does nothing."""


class GuildCache(Resource, abc.ABC):
    """A cache of guilds."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_guild(self, guild_id: hikari.Snowflakeish, /) -> hikari.GatewayGuild:
        """Get a guild by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_guilds(self) -> CacheIterator[hikari.GatewayGuild]:
        """Iterate over all guilds."""

    @abc.abstractmethod
    async def delete_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove a guild by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_guilds(self) -> None:
        """Remove all guilds.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


RefGuildCache = GuildCache
"""The plain class: guilds refer to nothing by which to clear or iterate them."""


class EmojiCache(Resource, abc.ABC):
    """A cache of custom emojis."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_emoji(self, emoji_id: hikari.Snowflakeish, /) -> hikari.KnownCustomEmoji:
        """Get a custom emoji by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_emojis(self) -> CacheIterator[hikari.KnownCustomEmoji]:
        """Iterate over all custom emojis."""

    @abc.abstractmethod
    async def delete_emoji(self, emoji_id: hikari.Snowflakeish, /) -> None:
        """Remove a custom emoji by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_emojis(self) -> None:
        """Remove all custom emojis.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefEmojiCache(EmojiCache, abc.ABC):
    """A cache of custom emojis that knows them by guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_emojis_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.KnownCustomEmoji]:
        """Iterate over the custom emojis of one guild."""

    @abc.abstractmethod
    async def clear_emojis_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the custom emojis of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class GuildChannelCache(Resource, abc.ABC):
    """A cache of guild channels."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_guild_channel(self, channel_id: hikari.Snowflakeish, /) -> hikari.PermissibleGuildChannel:
        """Get a guild channel by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_guild_channels(self) -> CacheIterator[hikari.PermissibleGuildChannel]:
        """Iterate over all guild channels."""

    @abc.abstractmethod
    async def delete_guild_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        """Remove a guild channel by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_guild_channels(self) -> None:
        """Remove all guild channels.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefGuildChannelCache(GuildChannelCache, abc.ABC):
    """A cache of guild channels that knows them by guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_guild_channels_for_guild(
        self, guild_id: hikari.Snowflakeish, /
    ) -> CacheIterator[hikari.PermissibleGuildChannel]:
        """Iterate over the guild channels of one guild."""

    @abc.abstractmethod
    async def clear_guild_channels_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the guild channels of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class InviteCache(Resource, abc.ABC):
    """A cache of invites."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_invite(self, invite_code: str, /) -> hikari.InviteWithMetadata:
        """Get an invite by its code.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_invites(self) -> CacheIterator[hikari.InviteWithMetadata]:
        """Iterate over all invites."""

    @abc.abstractmethod
    async def delete_invite(self, invite_code: str, /) -> None:
        """Remove an invite by its code, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_invites(self) -> None:
        """Remove all invites.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefInviteCache(InviteCache, abc.ABC):
    """A cache of invites that knows them by channel and guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_invites_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.InviteWithMetadata]:
        """Iterate over the invites of one channel."""

    @abc.abstractmethod
    async def clear_invites_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        """Remove the invites of one channel.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_invites_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.InviteWithMetadata]:
        """Iterate over the invites of one guild."""

    @abc.abstractmethod
    async def clear_invites_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the invites of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class MeCache(Resource, abc.ABC):
    """A cache of the bot's own user."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_me(self) -> hikari.OwnUser:
        """Get the bot's own user.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    async def delete_me(self) -> None:
        """Remove the bot's own user, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


RefMeCache = MeCache
"""The plain class: the own user refers to nothing."""


class MemberCache(Resource, abc.ABC):
    """A cache of members."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_member(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> hikari.Member:
        """Get a member by the guild's and the user's IDs.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_members(self) -> CacheIterator[hikari.Member]:
        """Iterate over all members."""

    @abc.abstractmethod
    async def delete_member(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        """Remove a member by the guild's and the user's IDs, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_members(self) -> None:
        """Remove all members.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefMemberCache(MemberCache, abc.ABC):
    """A cache of members that knows them by guild and user."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_members_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Member]:
        """Iterate over the members of one guild."""

    @abc.abstractmethod
    async def clear_members_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the members of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_members_for_user(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Member]:
        """Iterate over the members of one user."""

    @abc.abstractmethod
    async def clear_members_for_user(self, user_id: hikari.Snowflakeish, /) -> None:
        """Remove the members of one user.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class MessageCache(Resource, abc.ABC):
    """A cache of messages."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_message(self, message_id: hikari.Snowflakeish, /) -> hikari.Message:
        """Get a message by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_messages(self) -> CacheIterator[hikari.Message]:
        """Iterate over all messages."""

    @abc.abstractmethod
    async def delete_message(self, message_id: hikari.Snowflakeish, /) -> None:
        """Remove a message by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_messages(self) -> None:
        """Remove all messages.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefMessageCache(MessageCache, abc.ABC):
    """A cache of messages that knows them by author, channel and guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_messages_for_author(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        """Iterate over the messages of one author."""

    @abc.abstractmethod
    async def clear_messages_for_author(self, user_id: hikari.Snowflakeish, /) -> None:
        """Remove the messages of one author.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_message_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        """Iterate over the messages of one channel.

        The singular is the standard's spelling.
        """

    @abc.abstractmethod
    async def clear_messages_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        """Remove the messages of one channel.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_messages_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Message]:
        """Iterate over the messages of one guild."""

    @abc.abstractmethod
    async def clear_messages_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the messages of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class PresenceCache(Resource, abc.ABC):
    """A cache of presences."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_presence(
        self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /
    ) -> hikari.MemberPresence:
        """Get a presence by the guild's and the user's IDs.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_presences(self) -> CacheIterator[hikari.MemberPresence]:
        """Iterate over all presences."""

    @abc.abstractmethod
    async def delete_presence(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        """Remove a presence by the guild's and the user's IDs, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_presences(self) -> None:
        """Remove all presences.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefPresenceCache(PresenceCache, abc.ABC):
    """A cache of presences that knows them by guild and user."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_presences_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.MemberPresence]:
        """Iterate over the presences of one guild."""

    @abc.abstractmethod
    async def clear_presences_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the presences of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_presences_for_user(self, user_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.MemberPresence]:
        """Iterate over the presences of one user."""

    @abc.abstractmethod
    async def clear_presences_for_user(self, user_id: hikari.Snowflakeish, /) -> None:
        """Remove the presences of one user.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RoleCache(Resource, abc.ABC):
    """A cache of roles."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_role(self, role_id: hikari.Snowflakeish, /) -> hikari.Role:
        """Get a role by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_roles(self) -> CacheIterator[hikari.Role]:
        """Iterate over all roles."""

    @abc.abstractmethod
    async def delete_role(self, role_id: hikari.Snowflakeish, /) -> None:
        """Remove a role by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_roles(self) -> None:
        """Remove all roles.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefRoleCache(RoleCache, abc.ABC):
    """A cache of roles that knows them by guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_roles_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.Role]:
        """Iterate over the roles of one guild."""

    @abc.abstractmethod
    async def clear_roles_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the roles of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class UserCache(Resource, abc.ABC):
    """A cache of users."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_user(self, user_id: hikari.Snowflakeish, /) -> hikari.User:
        """Get a user by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_users(self) -> CacheIterator[hikari.User]:
        """Iterate over all users."""

    @abc.abstractmethod
    async def delete_user(self, user_id: hikari.Snowflakeish, /) -> None:
        """Remove a user by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_users(self) -> None:
        """Remove all users.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


RefUserCache = UserCache
"""The plain class: users refer to nothing by which to clear or iterate them."""


class VoiceStateCache(Resource, abc.ABC):
    """A cache of voice states."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_voice_state(
        self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /
    ) -> hikari.VoiceState:
        """Get a voice state by the guild's and the user's IDs.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_voice_states(self) -> CacheIterator[hikari.VoiceState]:
        """Iterate over all voice states."""

    @abc.abstractmethod
    async def delete_voice_state(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        """Remove a voice state by the guild's and the user's IDs, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_voice_states(self) -> None:
        """Remove all voice states.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefVoiceStateCache(VoiceStateCache, abc.ABC):
    """A cache of voice states that knows them by channel and guild."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_voice_states_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.VoiceState]:
        """Iterate over the voice states of one channel."""

    @abc.abstractmethod
    async def clear_voice_states_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        """Remove the voice states of one channel.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    def iter_voice_states_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.VoiceState]:
        """Iterate over the voice states of one guild."""

    @abc.abstractmethod
    async def clear_voice_states_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the voice states of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class ThreadCache(Resource, abc.ABC):
    """A cache of threads, which is beyond the standard."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_thread(self, thread_id: hikari.Snowflakeish, /) -> hikari.GuildThreadChannel:
        """Get a thread by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_threads(self) -> CacheIterator[hikari.GuildThreadChannel]:
        """Iterate over all threads."""

    @abc.abstractmethod
    async def delete_thread(self, thread_id: hikari.Snowflakeish, /) -> None:
        """Remove a thread by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_threads(self) -> None:
        """Remove all threads.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefThreadCache(ThreadCache, abc.ABC):
    """A cache of threads that knows them by channel and guild, which is beyond the standard."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_threads_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildThreadChannel]:
        """Iterate over the threads of one parent channel."""

    @abc.abstractmethod
    def iter_threads_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildThreadChannel]:
        """Iterate over the threads of one guild."""

    @abc.abstractmethod
    async def clear_threads_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        """Remove the threads of one parent channel.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_threads_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the threads of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class StickerCache(Resource, abc.ABC):
    """A cache of stickers of guilds, which is beyond the standard."""

    __slots__ = ()

    @abc.abstractmethod
    async def get_sticker(self, sticker_id: hikari.Snowflakeish, /) -> hikari.GuildSticker:
        """Get a sticker of a guild by its ID.

        Raises
        ------
        EntryNotFound
            If the cache holds no such entry.
        InvalidDataFound
            If the stored data is damaged, or not of a kind that this hikari knows.
        BackendError
            If the store cannot be read.
        """

    @abc.abstractmethod
    def iter_stickers(self) -> CacheIterator[hikari.GuildSticker]:
        """Iterate over all stickers of guilds."""

    @abc.abstractmethod
    async def delete_sticker(self, sticker_id: hikari.Snowflakeish, /) -> None:
        """Remove a sticker of a guild by its ID, if the cache holds it.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """

    @abc.abstractmethod
    async def clear_stickers(self) -> None:
        """Remove all stickers of guilds.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class RefStickerCache(StickerCache, abc.ABC):
    """A cache of stickers of guilds that knows them by guild, which is beyond the standard."""

    __slots__ = ()

    @abc.abstractmethod
    def iter_stickers_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.GuildSticker]:
        """Iterate over the stickers of one guild."""

    @abc.abstractmethod
    async def clear_stickers_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        """Remove the stickers of one guild.

        Raises
        ------
        BackendError
            If the store cannot be written.
        """


class Cache(
    GuildCache,
    EmojiCache,
    GuildChannelCache,
    InviteCache,
    MeCache,
    MemberCache,
    MessageCache,
    PresenceCache,
    RoleCache,
    UserCache,
    VoiceStateCache,
    abc.ABC,
):
    """A cache of all of the standard's resources."""

    __slots__ = ()


class RefCache(
    Cache,
    RefGuildCache,
    RefEmojiCache,
    RefGuildChannelCache,
    RefInviteCache,
    RefMeCache,
    RefMemberCache,
    RefMessageCache,
    RefPresenceCache,
    RefRoleCache,
    RefUserCache,
    RefVoiceStateCache,
    abc.ABC,
):
    """A cache of all of the standard's resources that knows them by what they refer to."""

    __slots__ = ()
