"""How handlers and `set_*` methods say what should change: operations, gathered in a batch, no I/O.

Operations on tables that the cache does not keep fall away, so handlers need not ask.
"""

from __future__ import annotations

__all__ = ["MALFORMED", "Batch", "Scope", "malformed"]

import collections.abc
import dataclasses
import functools
import operator
import typing

from . import _codec, _config
from ._column import text
from ._operations import (
    AwaitChunks,
    Delete,
    DeleteMatching,
    EndPastSession,
    Expire,
    IgnoreChunks,
    LayOver,
    LayOverEncoded,
    Modify,
    Operation,
    Replace,
    Shard,
    Shrink,
    Sweep,
    TakeChunk,
)
from ._rows import EncodedRow, Rows, encode

if typing.TYPE_CHECKING:
    import types

    import hikari

    from ._codec import Payload
    from ._column import Column
    from ._operations import PayloadChange
    from ._table import AnyTable, Handler, Key

# Up to so many rows are encoded while the event is handled; more are encoded on the writer's thread, a slice at a time,
# so that a guild with thousands of members does not hold the event loop.
_SMALL: typing.Final[int] = 32

_NOTHING: typing.Final[dict[str, str]] = {}

_NONCE: typing.Final = text("nonce")

MALFORMED: typing.Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What handlers raise, and parsing and encoding, over a payload that is not what Discord documents."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """What a batch is made in: the tables that are kept, the settings, and what is known of the gateway."""

    tables: tuple[AnyTable, ...]
    config: _config.Config
    intents: hikari.Intents | None = None
    own_id: int | None = None
    """The bot's own user, where a READY has told it."""

    @functools.cached_property
    def handlers(self) -> dict[str, tuple[Handler, ...]]:
        """What the gateway events that came do to the tables, each looked up once by `_gateway.make_batch`."""
        return {}

    @functools.cached_property
    def lifetimes(self) -> dict[AnyTable, int | None]:
        """How long a row of each table lives from when it is seen, in milliseconds; `None` is for ever."""
        return {
            table: _config.milliseconds(table.lifetime(self.config, self.intents)) if table.lifetime else None
            for table in self.tables
        }


class Batch:
    """The operations of one event or one call, applied in one transaction.

    As a context manager it is filled inside the block and encoded at its end, as far as it is small. Whatever a
    malformed payload makes of either is raised as a `ValueError` that begins with the batch's name.

    Parameters
    ----------
    name
        What it comes from, for logs: the event's or the method's name.
    scope
        What it is made in.
    is_verifying
        Whether to make sure of each payload that it can be read back. What hikari passes on was JSON, which can, unless
        it is nested more deeply than anything that Discord sends.
    """

    __slots__ = (
        "_has_lists",
        "_is_verifying",
        "_lifetimes",
        "guild_id",
        "moment",
        "name",
        "operations",
        "rows",
        "scope",
    )

    def __init__(self, name: str, scope: Scope, *, is_verifying: bool = False) -> None:
        self._has_lists = False
        self._is_verifying = is_verifying
        self._lifetimes = scope.lifetimes
        self.name = name
        self.scope = scope
        self.guild_id: object = None
        """Whose guild the event is, as its payload says it, for where it is lost."""
        self.moment = _config.now()
        self.operations: list[Operation] = []
        self.rows = 0
        """How many rows wait to be written, for the bound on the queue."""

    def __bool__(self) -> bool:
        return bool(self.operations)

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        exception: BaseException | None,
        _traceback: types.TracebackType | None,
    ) -> None:
        if exception is None:
            if self._has_lists and self.rows <= _SMALL:
                try:
                    self._encode()
                except MALFORMED as fault:
                    raise malformed(self.name, fault) from fault

        elif isinstance(exception, MALFORMED):
            raise malformed(self.name, exception) from exception

    def upsert(
        self, table: AnyTable, payload: Payload, /, *, expire: _config.ExpireT | None = None, **extra: object
    ) -> None:
        """Store a payload, with `extra` added to it; `expire` is an explicit lifetime."""
        if table in self._lifetimes:
            spelled = _spelled(extra) if extra else _NOTHING
            self._upsert(table, payload, self._expiry(table, expire), expire is not None, spelled)

    def upsert_until(self, table: AnyTable, payload: Payload, expires_at: int | None, /) -> None:
        """Store a payload that says by itself when it ends, in Unix milliseconds; `None` is never."""
        if table in self._lifetimes:
            self._upsert(table, payload, expires_at, False, _NOTHING)

    def upsert_all(self, table: AnyTable, payloads: collections.abc.Iterable[Payload], /, **extra: object) -> None:
        """Store many payloads, with `extra` added to each."""
        if table in self._lifetimes and (listed := _listed(payloads)):
            rows = self._rows(table, listed, extra)
            self._end_past_session(rows)
            self.operations.append(rows)
            self.rows += len(listed)

    def _upsert(
        self, table: AnyTable, payload: Payload, expires_at: int | None, is_explicit: bool, extra: dict[str, str]
    ) -> None:
        values = encode(table, payload, extra, self.moment, expires_at, self._is_verifying)
        self.upsert_row(EncodedRow(table, values, is_explicit))

    def upsert_row(self, row: EncodedRow, /) -> None:
        """Store a row that is encoded already."""
        if row.table.hidden_by is not None:
            self._end_past_session(row)
        self.operations.append(row)
        self.rows += 1

    def _end_past_session(self, rows: EncodedRow | Rows) -> None:
        """Let end, before rows of a guild are stored, what is hidden of its past session."""
        awaited = rows.table.hidden_by
        if awaited is not None and awaited in self._lifetimes:
            hidden = tuple(table for table in self.scope.tables if table.hidden_by is awaited)
            self.operations.append(EndPastSession(awaited, hidden, rows))

    def replace(
        self,
        table: AnyTable,
        payloads: collections.abc.Iterable[Payload],
        /,
        *,
        of: dict[str, object] | None = None,
        **extra: object,
    ) -> None:
        """Make the rows of a parent (all rows without one) exactly these, with `extra` added to each payload.

        The parent is the rows whose columns have the values of `of`, by default those of `extra`.
        """
        if table in self._lifetimes:
            listed = _listed(payloads)
            rows = self._rows(table, listed, extra)
            self.add(Replace(rows, _where(table, extra if of is None else of)), rows=len(listed))

    def delete(self, table: AnyTable, /, **where: object) -> None:
        """Delete the rows whose columns have these values; all rows where there are none."""
        self.add(Delete(table, _where(table, where)))

    def delete_matching(self, table: AnyTable, column: str, other: AnyTable, /, **where: object) -> None:
        """Delete the rows whose column names a row of another table whose columns have these values."""
        if other in self._lifetimes:
            self.add(DeleteMatching(table, column, other, _where(other, where)))

    def forget(self, table: AnyTable, /, **where: object) -> None:
        """Delete rows though Discord did not say that they are gone: what is left is no longer all there is."""
        self.forget_completeness(table, **where)
        self.delete(table, **where)

    def forget_completeness(self, table: AnyTable, /, **where: object) -> None:
        """No longer take for all there is what is stored of the guilds of these rows; of all where nothing is said."""
        if table.completeness is None:
            return

        if where:
            self.delete_matching(table.completeness, "guild_id", table, **where)
        else:
            self.delete(table.completeness)
        self.add(IgnoreChunks(table, _where(table, where)), rows=0)

    def modify(
        self,
        table: AnyTable,
        change: PayloadChange,
        /,
        *,
        expire: _config.ExpireT | None = None,
        is_seeing: bool | None = None,
        **key: object,
    ) -> None:
        """Make one row what `change` returns for its payload; see `Modify`."""
        if table in self._lifetimes:
            is_seeing = table.updates_renew if is_seeing is None else is_seeing
            self._modify(table, table.key_of(_where(table, key)), change, expire, is_seeing)

    def merge(
        self,
        table: AnyTable,
        payload: Payload,
        /,
        *,
        insert: bool = True,
        is_familiar: bool = False,
        expire: _config.ExpireT | None = None,
        **extra: object,
    ) -> None:
        """Lay a payload over the stored one, field by field.

        `insert` says whether to store it where there is none, and `is_familiar` that it is whole and comes again and
        again, so that it is worth a look whether it is what is stored already.
        """
        if table not in self._lifetimes:
            return

        if self._is_verifying:
            _codec.check(payload)
        news = {**payload, **_spelled(extra)} if extra else payload
        key = table.key_values(news)
        # What hikari passes on nobody changes; what others do is theirs.
        is_encoding = is_familiar or self._is_verifying
        change = LayOverEncoded(*_codec.encode(news), insert) if is_encoding else LayOver(news, insert)
        self._modify(table, key, change, expire, table.updates_renew)

    def sweep(self, table: AnyTable, shard: Shard, kept: collections.abc.Iterable[object], /) -> None:
        """Delete the rows of a shard's guilds, but for those of the guilds in `kept`."""
        parse = table.column_by_name["guild_id"].parse
        self.add(Sweep(table, shard, frozenset(int(parse(guild_id)) for guild_id in kept)), rows=0)

    def expire(self, table: AnyTable, shard: Shard, /) -> None:
        """Let the rows of a shard's guilds end that were stored without an end, if rows seen now would."""
        if (lifetime := self._lifetimes.get(table)) is not None:
            self.add(Expire(table, shard, self.moment + lifetime), rows=0)

    def await_chunks(self, table: AnyTable, nonce: str, /, *, guild_id: object) -> None:
        """Expect all of a guild's rows in chunks; see `AwaitChunks`."""
        self.add(AwaitChunks(table, _guild(table, guild_id), nonce), rows=0)

    def take_chunk(self, table: AnyTable, nonce: object, index: int, count: int, /, *, guild_id: object) -> None:
        """Note that a chunk of a guild's rows, which the batch upserts, is here; see `TakeChunk`."""
        named = str(_NONCE.parse(nonce))
        if not 0 <= index < count:
            raise ValueError(f"chunk {index} of {count} does not exist")

        if table.completeness is not None and table in self._lifetimes:
            note = table.completeness
            values = encode(note, {"guild_id": guild_id}, _NOTHING, self.moment, self._expiry(note, None), False)
            complete = EncodedRow(note, values, is_explicit=False)
            self.add(TakeChunk(table, _guild(table, guild_id), named, index, count, complete), rows=0)

    def ignore_chunks(self, table: AnyTable, /, *, shard: Shard | None = None, **where: object) -> None:
        """No longer expect chunks for the guilds of a shard, or of these rows; of all where nothing is said."""
        self.add(IgnoreChunks(table, _where(table, where), shard), rows=0)

    def add(self, operation: Operation, /, *, rows: int = 1) -> None:
        """Add an operation, if its table is kept; `rows` is how many rows it has, for the bound on the queue."""
        if isinstance(operation, Shrink) or operation.table in self._lifetimes:
            self.operations.append(operation)
            self.rows += rows

    def _encode(self) -> None:
        """Encode the lists of a small batch; those of a large one are left to the writer's thread."""
        for operation in self.operations:
            rows = operation.rows if isinstance(operation, Replace) else operation
            if isinstance(rows, Rows):
                rows.encode()

    def _rows(
        self,
        table: AnyTable,
        payloads: collections.abc.Sequence[Payload],
        extra: collections.abc.Mapping[str, object],
    ) -> Rows:
        self._has_lists = True
        expires_at = self._expiry(table, None)
        return Rows(table, payloads, _spelled(extra), self.moment, expires_at, self._is_verifying)

    def _modify(
        self,
        table: AnyTable,
        key: Key,
        change: PayloadChange,
        expire: _config.ExpireT | None,
        is_seeing: bool,
    ) -> None:
        expires_at = self._expiry(table, expire)
        self.operations.append(Modify(table, key, change, self.moment, expires_at, expire is not None, is_seeing))
        self.rows += 1

    def _expiry(self, table: AnyTable, expire: _config.ExpireT | None) -> int | None:
        """Return when a row that is seen now expires, by its table or as it was asked for."""
        length = self._lifetimes[table] if expire is None else _config.milliseconds(_config.seconds(expire))
        return None if length is None else self.moment + length


def malformed(name: str, fault: Exception) -> ValueError:
    """Return the error that says of what (`name`) a malformed payload's fault is."""
    message = f"the payload has no {fault}" if isinstance(fault, KeyError) else str(fault)
    return ValueError(f"{name}: {message}")


def _listed(payloads: object) -> list[Payload]:
    if isinstance(payloads, (list, tuple)):
        return list(typing.cast("list[Payload]", payloads))

    raise ValueError(f"a list of payloads is expected, not {type(payloads).__name__}")


def _spelled(ids: collections.abc.Mapping[str, object]) -> dict[str, str]:
    """Spell IDs as Discord does, in text; they come from a payload, hence as text already, or from a caller."""
    return {name: _spell(value) for name, value in ids.items()}


def _spell(value: object) -> str:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a snowflake")  # though Python takes it for an integer

    return value if isinstance(value, str) else str(operator.index(typing.cast("typing.SupportsIndex", value)))


def _guild(table: AnyTable, guild_id: object) -> int:
    return int(table.column_by_name["guild_id"].parse(guild_id))


def _where(table: AnyTable, values: dict[str, object]) -> dict[str, int | str]:
    """Check the values that a condition compares columns with."""
    columns: dict[str, Column] = table.column_by_name
    spelled = {name: value if columns[name].affinity == "TEXT" else _spell(value) for name, value in values.items()}
    return {name: columns[name].parse(value) for name, value in spelled.items()}
