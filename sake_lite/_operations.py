"""The small algebra that carries every write: a batch of operations on tables.

A `Batch` (`_batch.py`) holds what one event or one call changes; `_execute.py` says what that is in SQL. Nothing here
touches the file.

- *upsert*: rows are there (`EncodedRow`, or a list, `Rows`), with these payloads (`EndPastSession` first, where older
  ones are hidden);
- *delete*: rows with these column values are gone, or (`DeleteMatching`) those that name a row of another table;
- *replace*: the rows of a parent are exactly these (upsert, then delete those not named, never clear and fill); a list
  that comes in chunks does the same over several batches (`AwaitChunks`, `TakeChunk`, `IgnoreChunks`);
- *modify*: one row becomes a function of its payload, evaluated where no other write can come between;
- *sweep*: of a shard's guilds, only those listed keep their rows (`Expire`: for how long).

Housekeeping adds its own, `DeleteExpired`, `DeleteOldest` and `Shrink`, and so does checking: `DeleteRows`.
"""

from __future__ import annotations

__all__ = [
    "AwaitChunks",
    "Delete",
    "DeleteExpired",
    "DeleteMatching",
    "DeleteOldest",
    "DeleteRows",
    "EndPastSession",
    "Expire",
    "IgnoreChunks",
    "LayOver",
    "LayOverEncoded",
    "Modify",
    "Operation",
    "PayloadChange",
    "Replace",
    "Shard",
    "Shrink",
    "Sweep",
    "TakeChunk",
]

import collections.abc
import dataclasses
import typing

from . import _codec
from ._rows import EncodedRow, Rows

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._table import AnyTable, Key, Row

PayloadChange: typing.TypeAlias = "collections.abc.Callable[[Payload | None], Payload | None]"
"""What a row's payload becomes: `None` stands for no row, before and after."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """One of the connections among which Discord divides a bot's guilds."""

    id: int
    count: int

    def has(self, guild_id: int) -> bool:
        """Whether a guild's events come over this shard; the formula is Discord's."""
        return (guild_id >> 22) % self.count == self.id


class Delete(typing.NamedTuple):
    """Delete the rows whose columns have these values; all rows where there are none."""

    table: AnyTable
    where: dict[str, int | str]


class DeleteMatching(typing.NamedTuple):
    """Delete the rows whose `column` is the first key column of a row of `other` whose columns have these values."""

    table: AnyTable
    column: str
    other: AnyTable
    where: dict[str, int | str]


class Replace(typing.NamedTuple):
    """Make the rows whose columns have these values exactly `rows`."""

    rows: EncodedRow | Rows
    where: dict[str, int | str]

    @property
    def table(self) -> AnyTable:
        """Where the rows go."""
        return self.rows.table


class AwaitChunks(typing.NamedTuple):
    """Expect all rows of a guild in chunks under a nonce: from here on it is noted which rows are named.

    A later expectation of the same guild's rows takes the place of an earlier one, and none outlives the connection.
    """

    table: AnyTable
    guild_id: int
    nonce: str


class TakeChunk(typing.NamedTuple):
    """Note that a chunk is here, whose rows were upserted; with the last of those awaited, make the rows all there are.

    Then the guild's rows that nothing named since the expectation began are deleted, and `complete` is stored. Chunks
    under a nonce that is not awaited change nothing.
    """

    table: AnyTable
    guild_id: int
    nonce: str
    number: int
    total: int
    complete: EncodedRow


class IgnoreChunks(typing.NamedTuple):
    """No longer expect chunks for some guilds: what happened meanwhile would be missing from what they complete.

    The guilds are those of a shard, or those of the table's rows with these values, all of them where nothing is said.
    """

    table: AnyTable
    where: dict[str, int | str]
    shard: Shard | None = None


class Modify(typing.NamedTuple):
    """Make one row what `change` returns for its payload.

    Parameters
    ----------
    table, key
        Which row.
    change
        Gets the visible row's payload, or `None` where there is none, and returns the payload to store, the very same
        to leave the row as it is, or `None` for no row. It runs on the writer's thread, and changes nothing in place.
    moment
        When this was seen, in Unix milliseconds.
    expires_at
        When the row expires from then on, in Unix milliseconds; `None` is never.
    is_explicit
        Whether that was asked for; else it only lengthens what is stored.
    is_seeing
        Whether this counts as seeing the row; else a row that was there keeps its expiry, unless another was asked for.
    """

    table: AnyTable
    key: Key
    change: PayloadChange
    moment: int
    expires_at: int | None
    is_explicit: bool
    is_seeing: bool


class LayOver(typing.NamedTuple):
    """The change that lays a payload over the stored one; `insert` says whether to store it where there is none.

    Closures in its place would be more of the garbage collector's work, where thousands wait.
    """

    news: Payload
    insert: bool

    def __call__(self, stored: Payload | None) -> Payload | None:
        """Return what the payload becomes."""
        if stored is None:
            return self.news if self.insert else None
        return {**stored, **self.news}


class LayOverEncoded(typing.NamedTuple):
    """The same for a payload that is encoded, because it often is what is stored already, or because it may change."""

    data: bytes
    checksum: int
    insert: bool

    def __call__(self, stored: Payload | None) -> Payload | None:
        """Return what the payload becomes.

        Raises
        ------
        ValueError
            If it is nested too deeply to be read back.
        """
        if stored is None and not self.insert:
            return None
        try:
            news = _codec.decode(self.data, self.checksum)
        except _codec.DamagedData as fault:
            raise ValueError(f"the payload could not be read back: {fault}") from fault
        return {**stored, **news} if stored else news

    def is_in(self, row: Row) -> bool:
        """Whether a row that was read under the payload's key has this payload, which is not decoded for that."""
        return row[-1] == self.data and row[-2] == self.checksum


class Sweep(typing.NamedTuple):
    """Delete the rows of a shard's guilds, but for those of the guilds in `kept`."""

    table: AnyTable
    shard: Shard
    kept: frozenset[int]


class EndPastSession(typing.NamedTuple):
    """Delete what `table` hides, in `hidden`, of the guilds of some rows, which are to be seen."""

    table: AnyTable
    hidden: tuple[AnyTable, ...]
    rows: EncodedRow | Rows


class Expire(typing.NamedTuple):
    """Give an end, in Unix milliseconds, to the rows of a shard's guilds that have none."""

    table: AnyTable
    shard: Shard
    expires_at: int


class DeleteExpired(typing.NamedTuple):
    """Delete the rows that expired before `moment` (Unix ms), whose expiry and rowid lie in a range, and nothing keeps.

    The range begins after `after` and ends with `until`.
    """

    table: AnyTable
    moment: int
    after: tuple[int, int]
    until: tuple[int, int]


class DeleteOldest(typing.NamedTuple):
    """Delete, of the rows beyond the newest `limit`, at most `size`."""

    table: AnyTable
    limit: int
    size: int


class DeleteRows(typing.NamedTuple):
    """Delete rows by their rowids, if their check values and data, as bytes, are these: what is damaged may be any."""

    table: AnyTable
    rows: tuple[tuple[int, bytes, bytes], ...]


class Shrink(typing.NamedTuple):
    """Give back at most so many of the file's unused pages."""

    pages: int


Operation: typing.TypeAlias = (
    EncodedRow
    | Rows
    | Delete
    | DeleteMatching
    | Replace
    | AwaitChunks
    | TakeChunk
    | IgnoreChunks
    | Modify
    | Sweep
    | Expire
    | DeleteExpired
    | DeleteOldest
    | DeleteRows
    | EndPastSession
    | Shrink
)
