"""Payloads → the rows that are written for them.

One is encoded at once, while the event is handled. The rows of a list may be left to the writer's thread, which encodes
them a slice at a time, so that a guild with thousands of members does not hold the event loop.
"""

from __future__ import annotations

__all__ = ["EncodedRow", "Rows", "encode"]

import collections.abc
import dataclasses
import typing

from . import _codec

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._table import AnyTable

# From so many rows on, encoding them together is quicker than one by one.
_MANY: typing.Final[int] = 4


@dataclasses.dataclass(slots=True)
class EncodedRow:
    """A row on its way into a table; by itself, the operation that inserts or updates it.

    Thousands may wait, and what they hold is what the garbage collector looks at over and over: a tuple of texts and
    numbers it soon passes over.

    Parameters
    ----------
    table
        Where it goes.
    values
        The parameters of `Table.upsert` for it.
    is_explicit
        Whether its expiry was asked for; else that only lengthens the one that is stored.
    """

    table: AnyTable
    values: tuple[typing.Any, ...]
    is_explicit: bool

    @property
    def encoded(self) -> tuple[tuple[typing.Any, ...]]:
        """What `Rows.encoded` is for a list."""
        return (self.values,)

    def slices(self, _size: int) -> tuple[tuple[tuple[typing.Any, ...]]]:
        """Return what `Rows.slices` yields for a list."""
        return (self.encoded,)

    def keys(self) -> list[tuple[typing.Any, ...]]:
        """Return its key, in a list."""
        return [self.values[: len(self.table.key)]]

    def guilds(self) -> set[typing.Any]:
        """Return the guild that it is of, in a set."""
        table = self.table
        return {self.values[table.columns.index(table.column_by_name["guild_id"])]}


@dataclasses.dataclass(slots=True)
class Rows:
    """A list of payloads on their way into a table; by itself, the operation that inserts or updates the rows.

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
        When they expire, in Unix milliseconds, if that is later than what is stored; `None` is never.
    is_verifying
        Whether to make sure that what is encoded can be read back.
    """

    table: AnyTable
    payloads: collections.abc.Sequence[Payload]
    extra: dict[str, str]
    moment: int
    expires_at: int | None
    is_verifying: bool
    encoded: collections.abc.Sequence[tuple[typing.Any, ...]] | None = dataclasses.field(default=None, init=False)
    """The parameters of `Table.upsert` for each, once they are encoded."""

    is_explicit: typing.ClassVar[bool] = False

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
            self.encoded = self._encode(self.payloads)
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
        extra, moment, expires_at, is_verifying = self.extra, self.moment, self.expires_at, self.is_verifying
        if len(payloads) < _MANY:
            return [encode(self.table, payload, extra, moment, expires_at, is_verifying) for payload in payloads]

        # Nearly all time of taking in a large guild is spent here and in what this calls.
        whole = [_whole(payload, extra, is_verifying) for payload in payloads]
        columns = map(self.table.values, whole)
        encoded = _codec.encode_together(whole)
        rows = zip(columns, encoded, strict=True)
        return [(*values, checksum, moment, expires_at, data) for values, (data, checksum) in rows]


def encode(  # noqa: PLR0917
    table: AnyTable,
    payload: Payload,
    extra: dict[str, str],
    moment: int,
    expires_at: int | None,
    is_verifying: bool,
) -> tuple[typing.Any, ...]:
    """Return the parameters of `Table.upsert` for one payload; the arguments are those of `Rows`.

    Raises
    ------
    ValueError
        If it cannot be stored, or has no key; others of `_batch.MALFORMED`, too.
    """
    if extra or is_verifying or type(payload) not in _codec.USUAL_MAPS:
        payload = _whole(payload, extra, is_verifying)
    values = table.values(payload)
    data, checksum = _codec.encode(payload)
    return (*values, checksum, moment, expires_at, data)


def _whole(payload: Payload, extra: dict[str, str], is_verifying: bool) -> Payload:
    if not _codec.is_map(payload):
        raise ValueError(f"a JSON object is expected, not {type(payload).__name__}")

    if extra:
        payload = {**payload, **extra}
    if is_verifying:
        _codec.check(payload)

    return payload
