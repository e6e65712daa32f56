"""The guilds that a gateway session has listed, and whose GUILD_CREATE is yet to come.

What is true of a session only, presences and voice states, ends with it, for READY to delete. But most of it is the
same in the next session, and deleting what is stored again a moment later wears out flash. So READY only notes the
guilds here, which hides their rows in the tables that are `hidden_by` this one; GUILD_CREATE replaces them, which
writes what differs, and takes the note away. Whatever else would write such a row deletes the hidden ones first
(`EndPastSession`).
"""

from __future__ import annotations

__all__ = ["AWAITED"]

import typing

import hikari

from .._column import snowflake
from .._table import Table

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload

AWAITED: Table[hikari.Snowflake] = Table(
    name="awaited_guilds",
    key=(snowflake("guild_id"),),
    decode=lambda _, payload: hikari.Snowflake(payload["guild_id"]),
)


@AWAITED.on("READY")
def _guilds_listed(payload: Payload, batch: Batch) -> None:
    listed = [{"guild_id": guild["id"]} for guild in payload.get("guilds", ())]
    batch.upsert_all(AWAITED, listed)


@AWAITED.on("GUILD_CREATE")
def _guild_came(payload: Payload, batch: Batch) -> None:
    batch.delete(AWAITED, guild_id=payload["id"])
