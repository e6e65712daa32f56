"""The events that tell of what changed in the cache, one for each resource, with what was there before.

```py
@bot.listen()
async def on_change(event: sake_lite.events.MessageChange) -> None:
    if event.new is None and event.old is not None:
        print("deleted:", event.old.content)
```

They are dispatched on the cache's event manager, once the change is in the file. To listen to `Change` is to listen to
all of them. What nobody listens to is not looked at, and costs nothing.
"""

from ._change import Change as Change
from .resources.emoji import EmojiChange as EmojiChange
from .resources.guild import GuildChange as GuildChange
from .resources.guild_channel import ChannelChange as ChannelChange
from .resources.invite import InviteChange as InviteChange
from .resources.me import MeChange as MeChange
from .resources.member import MemberChange as MemberChange
from .resources.message import MessageChange as MessageChange
from .resources.presence import PresenceChange as PresenceChange
from .resources.role import RoleChange as RoleChange
from .resources.sticker import StickerChange as StickerChange
from .resources.thread import ThreadChange as ThreadChange
from .resources.user import UserChange as UserChange
from .resources.voice_state import VoiceStateChange as VoiceStateChange
