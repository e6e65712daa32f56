"""The public names of each resource: its mixin, and the event that tells of its changes.

They are what the resource's module has in its `__all__`. `sake_lite.resources` and `sake_lite.events` have them from
here, without the names of the modules themselves.
"""

from .emoji import *
from .guild import *
from .guild_channel import *
from .invite import *
from .me import *
from .member import *
from .message import *
from .permissions import *
from .presence import *
from .role import *
from .sticker import *
from .thread import *
from .user import *
from .voice_state import *
