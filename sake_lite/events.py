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

from __future__ import annotations

import typing

from ._change import Change as Change
from .resources._public import *

# Type checkers know what a wildcard brings, and cannot leave out the mixins; they take no list that is computed.
if not typing.TYPE_CHECKING:
    __all__ = [name for name, each in vars().items() if isinstance(each, type) and issubclass(each, Change)]

    def __dir__() -> list[str]:
        return __all__
