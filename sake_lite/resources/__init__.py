"""The resources, each a mixin in a module of its own; inherit from those that a cache should keep.

```py
class Cache(sake_lite.resources.MemberCache, sake_lite.resources.UserCache): ...
```

A new resource is a module here, its import in `_public.py`, and its place among the bases of `SQLiteCache` in
`cache.py`. All else follows from its table: its columns `guild_id`, `channel_id`, `user_id` and `author_id` say what a
row belongs to, hence what it goes with; `listed_as` where GUILD_CREATE lists its rows, which are then not kept with the
guild as well; `intents` which intents it takes, `change` which event `sake_lite.events` has of it. What gateway events
do to it are handlers in its module, and what users they tell of are handlers of `USERS` beside those.

What takes several resources is a mixin that inherits from them, as `permissions.py` does, so that no cache offers it
that lacks one.
"""

from ._base import Resource as Resource
from ._public import *
