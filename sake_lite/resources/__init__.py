"""The resources, each a mixin in a module of its own; inherit from those that a cache should keep.

```py
class Cache(sake_lite.resources.MemberCache, sake_lite.resources.UserCache): ...
```
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
from .user import UserCache as UserCache
from .voice_state import VoiceStateCache as VoiceStateCache
