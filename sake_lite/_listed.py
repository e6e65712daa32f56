"""Of which guilds all channels, roles, emojis and stickers are known, so that what is not stored does not exist.

A GUILD_CREATE lists them, and events tell what changes in them, while the session lasts. An event that is lost makes
unknown what it may have changed: of its guild, where it says which, until that is listed anew. Threads are not known in
this way: those that are archived, or that the bot may not see, are not listed. Members are another matter, since they
come in chunks (`resources/member.py`). All of it is known to this process, of this opening, and is in no file.
"""

from __future__ import annotations

__all__ = ["ListedGuilds"]

import typing

from ._gateway import may_change, shard_of

if typing.TYPE_CHECKING:
    import collections.abc

    from ._codec import Payload
    from ._gateway import LostEvent
    from ._table import Table

    _Tables: typing.TypeAlias = "collections.abc.Set[Table[typing.Any]]"

_NOTHING: typing.Final[_Tables] = frozenset()


class ListedGuilds:
    """Follows the gateway's events, to know of which guilds they have told everything.

    What a GUILD_CREATE lists counts as known from when it is taken in, though it may yet fail to be written: then it is
    lost as any event is. So whoever asks takes `tables_of` a guild, waits until all that was taken in is written or
    lost, and then looks whether it is the same still (`is_known`).

    Parameters
    ----------
    tables
        The tables that are kept; those that are `listed_as` something are what there is to know.
    """

    __slots__ = ("_guilds", "_tables")

    def __init__(self, tables: collections.abc.Iterable[Table[typing.Any]]) -> None:
        self._guilds: dict[int, set[Table[typing.Any]]] = {}
        self._tables = [table for table in tables if table.listed_as is not None]

    def tables_of(self, guild_id: int) -> _Tables:
        """Return the tables of which a guild's rows are all known, as far as what told them is written."""
        return self._guilds.get(guild_id, _NOTHING)

    def is_known(self, table: Table[typing.Any], guild_id: int, since: object) -> bool:
        """Whether a table of a guild is among what `tables_of` returned before, and nothing ended that since."""
        tables = self.tables_of(guild_id)
        return tables is since and table in tables

    def take_in(self, name: str, payload: Payload) -> None:
        """Note what an event, whose payload is sound, makes known or unknown."""
        if name == "READY":
            shard = shard_of(payload)
            self._guilds = {guild_id: tables for guild_id, tables in self._guilds.items() if not shard.has(guild_id)}
        elif name == "GUILD_CREATE" and not payload.get("unavailable"):
            self._guilds[int(payload["id"])] = {table for table in self._tables if table.listed_as in payload}
        elif name in {"GUILD_CREATE", "GUILD_DELETE"}:
            self._guilds.pop(int(payload["id"]), None)

    def lose(self, event: LostEvent) -> None:
        """Know no longer what a lost event may have changed, until the guild is listed anew.

        What was listed after the event, and before it turned out to be lost, is not known either.
        """
        changed = [table for table in self._tables if may_change(event.name, table)]
        guild_id = event.guild_id
        concerned = self._guilds.values() if guild_id is None else [self._guilds.get(guild_id, set())]
        for tables in concerned:
            tables.difference_update(changed)

    def forget(self) -> None:
        """Know of no guild any longer, until it is listed anew."""
        self._guilds.clear()
