"""The guilds whose channels, roles, emojis and stickers are all known, so that what is not stored does not exist.

A GUILD_CREATE lists them, and events tell what changes in them, while the session lasts and none is missed. Threads are
not among them: those that are archived, or that the bot may not see, are not listed. Members are another matter, since
they come in chunks (`resources/member.py`). All of it is known to this process, of this opening, and is in no file.
"""

from __future__ import annotations

__all__ = ["ListedGuilds"]

import typing

from ._gateway import shard_of

if typing.TYPE_CHECKING:
    import collections.abc

    from ._codec import Payload
    from ._table import Table


class ListedGuilds:
    """Follows the gateway's events, to know of which guilds they have told everything.

    Parameters
    ----------
    tables
        The tables that are kept; those that are `listed_as` something are what there is to know.
    """

    __slots__ = ("_guilds", "_lists")

    def __init__(self, tables: collections.abc.Iterable[Table[typing.Any]]) -> None:
        self._guilds: set[int] = set()
        self._lists = frozenset(table.listed_as for table in tables if table.listed_as is not None)

    def __contains__(self, guild_id: object) -> bool:
        return guild_id in self._guilds

    def take_in(self, name: str, payload: Payload) -> None:
        """Note what an event, whose payload is sound, makes known or unknown."""
        if name == "READY":
            shard = shard_of(payload)
            self._guilds = {guild_id for guild_id in self._guilds if not shard.has(guild_id)}
        elif name == "GUILD_CREATE" and payload.keys() >= self._lists and not payload.get("unavailable"):
            self._guilds.add(int(payload["id"]))
        elif name in {"GUILD_CREATE", "GUILD_DELETE"}:
            self._guilds.discard(int(payload["id"]))

    def forget(self) -> None:
        """Know of no guild any longer, until it is listed anew."""
        self._guilds.clear()
