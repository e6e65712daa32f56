"""The resources, each a mixin in a module of its own; inherit from those that a cache should keep.

```py
class Cache(sake_lite.resources.MemberCache, sake_lite.resources.UserCache): ...
```

A new resource is a module here, its import below, and its place among the bases of `SQLiteCache` in `cache.py`. All
else, what goes with a guild, which intents are needed, what `SQLiteCache` creates and prunes, follows from its table:
its columns `guild_id`, `channel_id`, `user_id` and `author_id` say what a row belongs to. (What GUILD_CREATE lists is
also named in `guild.py`, which leaves it out of the guild; users learnt from a new event are a handler in `user.py`.)
"""

from ._base import Resource as Resource
from .emoji import EmojiCache as EmojiCache
from .guild import GuildCache as GuildCache
from .guild_channel import GuildChannelCache as GuildChannelCache
from .invite import InviteCache as InviteCache
from .me import MeCache as MeCache
from .member import MemberCache as MemberCache
from .message import MessageCache as MessageCache
from .presence import PresenceCache as PresenceCache
from .role import RoleCache as RoleCache
from .sticker import StickerCache as StickerCache
from .thread import ThreadCache as ThreadCache
from .user import UserCache as UserCache
from .voice_state import VoiceStateCache as VoiceStateCache
