"""The small algebra that carries every write: a batch of operations on tables.

A `Batch` (`_batch.py`) holds what one event or one call changes; `_execute.py` says what that is in SQL. Nothing here
touches the file.

- *upsert*: `Rows` are there, with these payloads (`EndPastSession` first, where older ones are hidden);
- *delete*: rows with these column values are gone, or (`DeleteMatching`) those that name a row of another table;
- *replace*: the rows of a parent are exactly these (upsert, then delete those not named, never clear and fill); a list
  that comes in chunks does the same over several batches (`AwaitChunks`, `TakeChunk`, `IgnoreChunks`);
- *modify*: one row becomes a function of its payload, evaluated where no other write can come between;
- *sweep*: of a shard's guilds, only those listed keep their rows (`Expire`: for how long).

Housekeeping adds its own, `DeleteExpired`, `DeleteOldest` and `Shrink`, and so does checking: `DeleteRows`.
"""

from __future__ import annotations

__all__ = [
    "AnyTable",
    "AwaitChunks",
    "Delete",
    "DeleteExpired",
    "DeleteMatching",
    "DeleteOldest",
    "DeleteRows",
    "EndPastSession",
    "Expire",
    "IgnoreChunks",
    "Modify",
    "Operation",
    "PayloadChange",
    "Replace",
    "Rows",
    "Shard",
    "Shrink",
    "Sweep",
    "TakeChunk",
]

import collections.abc
import dataclasses
import typing

from . import _codec
from ._table import Table

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._table import Key

AnyTable: typing.TypeAlias = "Table[typing.Any]"

PayloadChange: typing.TypeAlias = "collections.abc.Callable[[Payload | None], Payload | None]"
"""What a row's payload becomes: `None` stands for no row, before and after."""


# From so many rows on, encoding them together is quicker than one by one.
_MANY: typing.Final[int] = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """One of the connections among which Discord divides a bot's guilds."""

    id: int
    count: int

    def has(self, guild_id: int) -> bool:
        """Whether a guild's events come over this shard; the formula is Discord's."""
        return (guild_id >> 22) % self.count == self.id


@dataclasses.dataclass(slots=True)
class Rows:
    """Payloads on their way into a table; by themselves, the operation that inserts or updates the rows.

    Parameters
    ----------
    table
        Where they go.
    payloads
        The payloads, never changed; once they are encoded, nothing holds them here.
    extra
        What is added to each payload: what Discord leaves out where it is clear from the context, a member's guild.
    moment
        When they were seen, in Unix milliseconds.
    expires_at
        When they expire, in Unix milliseconds; `None` is never.
    is_explicit
        Whether the expiry was asked for; else it only lengthens the one that is stored.
    is_verifying
        Whether to make sure that what is encoded can be read back.
    """

    table: AnyTable
    payloads: collections.abc.Sequence[Payload]
    extra: dict[str, str]
    moment: int
    expires_at: int | None
    is_explicit: bool = False
    is_verifying: bool = False
    encoded: collections.abc.Sequence[tuple[typing.Any, ...]] | None = dataclasses.field(default=None, init=False)
    """The parameters of `Table.upsert` for each, once they are encoded."""

    def __len__(self) -> int:
        return len(self.payloads if self.encoded is None else self.encoded)

    def encode(self) -> None:
        """Encode all of them now.

        Raises
        ------
        ValueError
            If one cannot be stored; the message says why.
        """
        if self.encoded is None:
            # Thousands may wait, and what they hold is what the garbage collector looks at over and over: a tuple of
            # texts and numbers it soon passes over.
            one = len(self.payloads) == 1
            self.encoded = (self._row(self.payloads[0]),) if one else self._encode(self.payloads)
            self.payloads = ()

    def slices(self, size: int) -> collections.abc.Iterator[collections.abc.Sequence[tuple[typing.Any, ...]]]:
        """Yield the parameters of `Table.upsert`, at most `size` rows at a time, encoding what is not encoded yet.

        Raises
        ------
        ValueError
            If a payload that is encoded here cannot be stored, or has no key; others of `_batch.MALFORMED`, too.
        """
        for start in range(0, len(self), size):
            if self.encoded is not None:
                yield self.encoded[start : start + size]
            else:
                yield self._encode(self.payloads[start : start + size])

    def keys(self) -> list[tuple[typing.Any, ...]] | None:
        """Return the keys of the rows, if they are encoded already."""
        if self.encoded is None:
            return None
        size = len(self.table.key)
        return [row[:size] for row in self.encoded]

    def guilds(self) -> set[typing.Any]:
        """Return the guilds that the rows are of.

        Raises
        ------
        ValueError
            If one does not say which; others of `_batch.MALFORMED`, too.
        """
        column = self.table.column_by_name["guild_id"]
        if self.encoded is not None:
            place = self.table.columns.index(column)
            return {row[place] for row in self.encoded}
        return {column.read({**payload, **self.extra}) for payload in self.payloads}

    def _encode(self, payloads: collections.abc.Sequence[Payload]) -> list[tuple[typing.Any, ...]]:
        if len(payloads) < _MANY:
            return [self._row(payload) for payload in payloads]

        # Nearly all time of taking in a large guild is spent here and in what this calls.
        whole = [self._whole(payload) for payload in payloads]
        columns = map(self.table.values, whole)
        encoded = _codec.encode_together(whole)
        moment, expires_at = self.moment, self.expires_at
        rows = zip(columns, encoded, strict=True)
        return [(*values, checksum, moment, expires_at, data) for values, (data, checksum) in rows]

    def _row(self, payload: Payload) -> tuple[typing.Any, ...]:
        if self.extra or self.is_verifying or not _codec.is_map(payload):
            payload = self._whole(payload)
        values = self.table.values(payload)
        data, checksum = _codec.encode(payload)
        return (*values, checksum, self.moment, self.expires_at, data)

    def _whole(self, payload: Payload) -> Payload:
        if not _codec.is_map(payload):
            raise ValueError(f"a JSON object is expected, not {type(payload).__name__}")

        if self.extra:
            payload = {**payload, **self.extra}
        if self.is_verifying:
            _codec.check(payload)

        return payload


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

    rows: Rows
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
    complete: Rows


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
    news
        A payload that `change` leaves as it is, if it is the row's: what is laid over a row often is the row itself.
    """

    table: AnyTable
    key: Key
    change: PayloadChange
    moment: int
    expires_at: int | None
    is_explicit: bool
    is_seeing: bool
    news: Payload | None = None


class Sweep(typing.NamedTuple):
    """Delete the rows of a shard's guilds, but for those of the guilds in `kept`."""

    table: AnyTable
    shard: Shard
    kept: frozenset[int]


class EndPastSession(typing.NamedTuple):
    """Delete what `table` hides, in `hidden`, of the guilds of some rows, which are to be seen."""

    table: AnyTable
    hidden: tuple[AnyTable, ...]
    rows: Rows


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
    Rows
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
