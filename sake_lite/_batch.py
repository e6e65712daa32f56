"""How handlers and `set_*` methods say what should change: operations, gathered in a batch, no I/O.

Operations on tables that the cache does not keep fall away, so handlers need not ask.
"""

from __future__ import annotations

__all__ = ["MALFORMED", "Batch", "Scope", "named"]

import collections.abc
import dataclasses
import operator
import typing

from . import _codec, _config
from ._operations import (
    AwaitChunks,
    Delete,
    DeleteMatching,
    EndPastSession,
    Expire,
    IgnoreChunks,
    Modify,
    Operation,
    Replace,
    Rows,
    Shard,
    Shrink,
    Sweep,
    TakeChunk,
    Upsert,
)

if typing.TYPE_CHECKING:
    import types

    import hikari

    from ._codec import Payload
    from ._column import Column
    from ._operations import AnyTable, Change

# Up to so many rows are encoded while the event is handled; more are encoded on the writer's thread, a slice at a time,
# so that a guild with thousands of members does not hold the event loop.
_SMALL: typing.Final[int] = 32

MALFORMED: typing.Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What handlers raise, and parsing and encoding, over a payload that is not what Discord documents."""


class Scope(typing.NamedTuple):
    """What a batch is made in: the tables that are kept, the settings, and what is known of the gateway."""

    tables: tuple[AnyTable, ...]
    config: _config.Config
    intents: hikari.Intents | None = None
    own_id: int | None = None
    """The bot's own user, where a READY has told it."""

    is_verifying: bool = False
    """Whether to make sure of each payload that it can be read back. What hikari passes on was JSON, which can, unless
    it is nested more deeply than anything that Discord sends.
    """


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
    """

    __slots__ = ("_scope", "moment", "name", "operations", "rows")

    def __init__(self, name: str, scope: Scope) -> None:
        self._scope = scope
        self.name = name
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
            try:
                self._encode()
            except MALFORMED as fault:
                exception = fault

        if isinstance(exception, MALFORMED):
            raise named(self.name, exception) from exception

    @property
    def scope(self) -> Scope:
        """What the batch is made in."""
        return self._scope

    def upsert(
        self, table: AnyTable, payload: Payload, /, *, expire: _config.ExpireT | None = None, **extra: object
    ) -> None:
        """Store a payload, with `extra` added to it; `expire` is an explicit lifetime."""
        if table in self._scope.tables:
            self.add(Upsert(self._rows(table, [payload], expire, extra)))

    def upsert_until(self, table: AnyTable, payload: Payload, expires_at: int | None, /) -> None:
        """Store a payload that says by itself when it ends, in Unix milliseconds; `None` is never."""
        if table in self._scope.tables:
            rows = dataclasses.replace(self._rows(table, [payload], None, {}), expires_at=expires_at)
            self.add(Upsert(rows))

    def upsert_all(self, table: AnyTable, payloads: collections.abc.Iterable[Payload], /, **extra: object) -> None:
        """Store many payloads, with `extra` added to each."""
        if table in self._scope.tables and (listed := _listed(payloads)):
            self.add(Upsert(self._rows(table, listed, None, extra)), rows=len(listed))

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
        if table in self._scope.tables:
            listed = _listed(payloads)
            rows = self._rows(table, listed, None, extra)
            self.add(Replace(rows, _where(table, extra if of is None else of)), rows=len(listed))

    def delete(self, table: AnyTable, /, **where: object) -> None:
        """Delete the rows whose columns have these values; all rows where there are none."""
        self.add(Delete(table, _where(table, where)))

    def delete_matching(self, table: AnyTable, column: str, other: AnyTable, /, **where: object) -> None:
        """Delete the rows whose column names a row of another table whose columns have these values."""
        if other in self._scope.tables:
            self.add(DeleteMatching(table, column, other, _where(other, where)))

    def forget(self, table: AnyTable, /, **where: object) -> None:
        """Delete rows though Discord did not say that they are gone: what is left is no longer all there is."""
        if table.completeness is not None:
            if where:
                self.delete_matching(table.completeness, "guild_id", table, **where)
            else:
                self.delete(table.completeness)
            self.add(IgnoreChunks(table, _where(table, where)), rows=0)

        self.delete(table, **where)

    def modify(
        self,
        table: AnyTable,
        change: Change,
        /,
        *,
        expire: _config.ExpireT | None = None,
        is_seeing: bool | None = None,
        **key: object,
    ) -> None:
        """Make one row what `change` returns for its payload; see `Modify`."""
        if table in self._scope.tables:
            self._modify(table, change, expire, is_seeing, _where(table, key))

    def _modify(
        self,
        table: AnyTable,
        change: Change,
        expire: _config.ExpireT | None,
        is_seeing: bool | None,
        key: dict[str, typing.Any],
    ) -> None:
        is_seeing = table.updates_renew if is_seeing is None else is_seeing
        self.add(Modify(self._rows(table, [], expire, {}), key, change, is_seeing))

    def merge(
        self,
        table: AnyTable,
        payload: Payload,
        /,
        *,
        insert: bool = True,
        expire: _config.ExpireT | None = None,
        **extra: object,
    ) -> None:
        """Lay a payload over the stored one, field by field; `insert` says whether to store it where there is none."""
        if table not in self._scope.tables:
            return

        # What hikari passes on nobody changes; what others do is theirs.
        news = {**(_codec.copy(payload) if self._scope.is_verifying else payload), **_spelled(extra)}
        key: dict[str, typing.Any] = {column.name: column.read(news) for column in table.key}

        def change(stored: Payload | None) -> Payload | None:
            if stored is None:
                return news if insert else None
            return {**stored, **news}

        self._modify(table, change, expire, None, key)

    def sweep(self, table: AnyTable, shard: Shard, kept: collections.abc.Iterable[object], /) -> None:
        """Delete the rows of a shard's guilds, but for those of the guilds in `kept`."""
        parse = table.column_by_name["guild_id"].parse
        self.add(Sweep(table, shard, frozenset(int(parse(guild_id)) for guild_id in kept)), rows=0)

    def expire(self, table: AnyTable, shard: Shard, /) -> None:
        """Let the rows of a shard's guilds end that were stored without an end, if rows seen now would."""
        if table in self._scope.tables and (expires_at := self._rows(table, [], None, {}).expires_at) is not None:
            self.add(Expire(table, shard, expires_at), rows=0)

    def await_chunks(self, table: AnyTable, nonce: str, /, *, guild_id: object) -> None:
        """Expect all of a guild's rows in chunks; see `AwaitChunks`."""
        self.add(AwaitChunks(table, _guild(table, guild_id), nonce), rows=0)

    def take_chunk(self, table: AnyTable, nonce: str, index: int, count: int, /, *, guild_id: object) -> None:
        """Note that a chunk of a guild's rows, which the batch upserts, is here; see `TakeChunk`."""
        if not 0 <= index < count:
            raise ValueError(f"chunk {index} of {count} does not exist")

        if table.completeness is not None and table in self._scope.tables:
            complete = self._rows(table.completeness, [{"guild_id": guild_id}], None, {})
            self.add(TakeChunk(table, _guild(table, guild_id), nonce, index, count, complete), rows=0)

    def ignore_chunks(self, table: AnyTable, /, *, shard: Shard | None = None, **where: object) -> None:
        """No longer expect chunks for the guilds of a shard, or of these rows; of all where nothing is said."""
        self.add(IgnoreChunks(table, _where(table, where), shard), rows=0)

    def add(self, operation: Operation, /, *, rows: int = 1) -> None:
        """Add an operation, if its table is kept; `rows` is how many rows it has, for the bound on the queue."""
        if isinstance(operation, Shrink) or operation.table in self._scope.tables:
            if isinstance(operation, Upsert) and operation.table.hidden_by is not None:
                self._end_past_session(operation.table.hidden_by, operation.rows)
            self.operations.append(operation)
            self.rows += rows

    def _end_past_session(self, awaited: AnyTable, rows: Rows) -> None:
        hidden = tuple(table for table in self._scope.tables if table.hidden_by is awaited)
        self.add(EndPastSession(awaited, hidden, rows), rows=0)

    def _encode(self) -> None:
        """Encode the rows of a small batch; those of a large one are left to the writer's thread."""
        if self.rows <= _SMALL:
            for operation in self.operations:
                if isinstance(operation, (Upsert, Replace)):
                    operation.rows.encode()

    def _rows(
        self,
        table: AnyTable,
        payloads: collections.abc.Sequence[Payload],
        expire: _config.ExpireT | None,
        extra: dict[str, object],
    ) -> Rows:
        lifetime = None
        if expire is not None:
            lifetime = _config.seconds(expire)
        elif table.lifetime is not None:
            lifetime = table.lifetime(self._scope.config, self._scope.intents)

        return Rows(
            table=table,
            payloads=payloads,
            extra=_spelled(extra) if extra else {},
            moment=self.moment,
            expires_at=None if lifetime is None else _config.deadline(self.moment, lifetime),
            is_explicit=expire is not None,
            is_verifying=self._scope.is_verifying,
        )


def named(name: str, fault: Exception) -> ValueError:
    """Return the error that says of what (`name`) a malformed payload's fault is."""
    message = f"the payload has no {fault}" if isinstance(fault, KeyError) else str(fault)
    return ValueError(f"{name}: {message}")


def _listed(payloads: object) -> list[Payload]:
    if isinstance(payloads, (list, tuple)):
        return list(typing.cast("list[Payload]", payloads))

    raise ValueError(f"a list of payloads is expected, not {type(payloads).__name__}")


def _spelled(ids: dict[str, object]) -> dict[str, str]:
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
