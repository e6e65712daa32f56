"""The small algebra that carries every write: a batch of operations on tables.

Handlers and `set_*` methods say what should change by adding operations to a `Batch`; nothing here touches the file.
The writer applies a batch whole or not at all.

- *upsert*: rows are there, with this payload;
- *delete*: rows with these column values are gone;
- *replace*: the rows of a parent are exactly these (upsert, then delete those not named, never clear and fill);
- *modify*: one row becomes a function of its payload, evaluated where no other write can come between.

Operations on tables that the cache does not keep fall away, so handlers need not ask.
"""

from __future__ import annotations

__all__ = ["Batch", "Delete", "Modify", "Operation", "Prune", "Replace", "Rows", "Scope", "Upsert", "faults_named"]

import collections.abc
import contextlib
import dataclasses
import operator
import typing

from . import _codec, _config
from ._column import Column
from ._table import Table

if typing.TYPE_CHECKING:
    import hikari

    from ._codec import Payload

    Change: typing.TypeAlias = collections.abc.Callable[[Payload | None], Payload | None]

AnyTable: typing.TypeAlias = "Table[typing.Any]"

# Up to so many rows are encoded while the event is handled; more are encoded on the writer's thread, a slice at a time,
# so that a guild with thousands of members does not hold the event loop.
_SMALL: typing.Final[int] = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a batch is made in: the tables that are kept, the settings, and the gateway's intents where known."""

    tables: tuple[AnyTable, ...]
    config: _config.Config
    intents: hikari.Intents | None = None
    is_verifying: bool = False
    """Whether to make sure of each payload that it can be read back. What hikari passes on was JSON, which can, unless
    it is nested more deeply than anything that Discord sends.
    """


@dataclasses.dataclass(slots=True, kw_only=True)
class Rows:
    """Payloads on their way into a table.

    Parameters
    ----------
    table
        Where they go.
    payloads
        The payloads, never changed.
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
    _encoded: list[tuple[typing.Any, ...]] | None = None

    def __len__(self) -> int:
        return len(self.payloads)

    def encode(self) -> None:
        """Encode all of them now.

        Raises
        ------
        ValueError
            If one cannot be stored; the message says why.
        """
        if self._encoded is None:
            self._encoded = [self._row(payload) for payload in self.payloads]

    def slices(self, size: int) -> collections.abc.Iterator[list[tuple[typing.Any, ...]]]:
        """Yield the parameters of `Table.upsert`, at most `size` rows at a time, encoding what is not encoded yet."""
        for start in range(0, len(self.payloads), size):
            if self._encoded is not None:
                yield self._encoded[start : start + size]
            else:
                yield [self._row(payload) for payload in self.payloads[start : start + size]]

    def _row(self, payload: Payload) -> tuple[typing.Any, ...]:
        if not isinstance(payload, collections.abc.Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"a JSON object is expected, not {type(payload).__name__}")

        if self.extra:
            payload = {**payload, **self.extra}

        if self.is_verifying:
            payload = _codec.copy(payload)

        values = self.table.values(payload)
        data, checksum = _codec.encode(payload)
        return (*values, checksum, self.moment, self.expires_at, data)


@dataclasses.dataclass(frozen=True, slots=True)
class Upsert:
    """Insert or update rows."""

    rows: Rows


@dataclasses.dataclass(frozen=True, slots=True)
class Delete:
    """Delete the rows whose columns have these values; all rows where there are none."""

    table: AnyTable
    where: dict[str, int | str]


@dataclasses.dataclass(frozen=True, slots=True)
class Replace:
    """Make the rows whose columns have these values exactly `rows`."""

    rows: Rows
    where: dict[str, int | str]


@dataclasses.dataclass(frozen=True, slots=True)
class Modify:
    """Make one row what `change` returns for its payload.

    Parameters
    ----------
    change
        Gets the visible row's payload, or `None` where there is none, and returns the payload to store, or `None` to
        leave all as it is. It runs on the writer's thread.
    fresh
        The empty `Rows` that says how the row expires. Where the table's updates do not renew a row, one that was there
        keeps its expiry, unless this one is explicit.
    key
        The key of the row.
    """

    fresh: Rows
    key: dict[str, int | str]
    change: Change


@dataclasses.dataclass(frozen=True, slots=True)
class Prune:
    """Delete at most `size` rows that expired before `moment` (Unix ms), or that are beyond the table's limit."""

    table: AnyTable
    moment: int
    size: int
    limit: int | None = None


Operation: typing.TypeAlias = "Upsert | Delete | Replace | Modify | Prune"


class Batch:
    """The operations of one event or one call, applied in one transaction.

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

    @property
    def scope(self) -> Scope:
        """What the batch is made in."""
        return self._scope

    def upsert(
        self, table: AnyTable, payload: Payload, /, *, expire: _config.ExpireT | None = None, **extra: object
    ) -> None:
        """Store a payload, with `extra` added to it; `expire` is an explicit lifetime."""
        if table in self._scope.tables:
            self._add(Upsert(self._rows(table, [payload], expire, extra)), 1)

    def upsert_until(self, table: AnyTable, payload: Payload, expires_at: int | None, /) -> None:
        """Store a payload that says by itself when it ends, in Unix milliseconds; `None` is never."""
        if table in self._scope.tables:
            rows = dataclasses.replace(self._rows(table, [payload], None, {}), expires_at=expires_at)
            self._add(Upsert(rows), 1)

    def upsert_all(self, table: AnyTable, payloads: collections.abc.Iterable[Payload], /, **extra: object) -> None:
        """Store many payloads, with `extra` added to each."""
        if table in self._scope.tables and (listed := _listed(payloads)):
            self._add(Upsert(self._rows(table, listed, None, extra)), len(listed))

    def replace(self, table: AnyTable, payloads: collections.abc.Iterable[Payload], /, **parent: object) -> None:
        """Make the rows of a parent (all rows without one) exactly these; the parent's ID is added to each payload."""
        if table in self._scope.tables:
            listed = _listed(payloads)
            rows = self._rows(table, listed, None, parent)
            self._add(Replace(rows, _where(table, parent)), len(listed))

    def delete(self, table: AnyTable, /, **where: object) -> None:
        """Delete the rows whose columns have these values; all rows where there are none."""
        if table in self._scope.tables:
            self._add(Delete(table, _where(table, where)), 1)

    def modify(
        self, table: AnyTable, change: Change, /, *, expire: _config.ExpireT | None = None, **key: object
    ) -> None:
        """Make one row what `change` returns for its payload; see `Modify`."""
        if table in self._scope.tables:
            self._add(Modify(self._rows(table, [], expire, {}), _where(table, key), change), 1)

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

        news = {**_codec.copy(payload), **_spelled(extra)}
        key = {column.name: column.read(news) for column in table.key}

        def change(stored: Payload | None) -> Payload | None:
            if stored is None:
                return news if insert else None
            return {**stored, **news}

        self.modify(table, change, expire=expire, **key)

    def prune(self, table: AnyTable, size: int, /) -> None:
        """Delete at most `size` of the table's expired rows, or of those beyond its limit."""
        limit = table.limit(self._scope.config) if table.limit else None
        self._add(Prune(table, self.moment, size, limit), 1)

    def encode(self) -> None:
        """Encode the rows of a small batch; those of a large one are left to the writer's thread.

        Raises
        ------
        ValueError
            If one cannot be stored.
        """
        if self.rows <= _SMALL:
            for operation in self.operations:
                if isinstance(operation, (Upsert, Replace)):
                    operation.rows.encode()

    def _add(self, operation: Operation, rows: int) -> None:
        self.operations.append(operation)
        self.rows += rows

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
            extra=_spelled(extra),
            moment=self.moment,
            expires_at=None if lifetime is None else _config.deadline(self.moment, lifetime),
            is_explicit=expire is not None,
            is_verifying=self._scope.is_verifying,
        )


@contextlib.contextmanager
def faults_named(name: str) -> collections.abc.Generator[None, None, None]:
    """Raise a `ValueError` that begins with `name` for whatever a malformed payload makes the block raise."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as exception:
        fault = f"the payload has no {exception}" if isinstance(exception, KeyError) else str(exception)
        raise ValueError(f"{name}: {fault}") from exception


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


def _where(table: AnyTable, values: dict[str, object]) -> dict[str, int | str]:
    """Check the values that a condition compares columns with."""
    columns: dict[str, Column] = table.column_by_name
    texts = {name: value for name, value in values.items() if columns[name].affinity == "TEXT"}
    ids = {name: value for name, value in values.items() if name not in texts}
    return {name: columns[name].parse(value) for name, value in {**texts, **_spelled(ids)}.items()}
