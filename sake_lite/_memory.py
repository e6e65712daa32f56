"""Rows that were read lately, as bytes, so that reading them again costs no hop to the file.

What is remembered is what is committed, always: a row is forgotten as soon as an operation that may change it is
queued, and what a read brought is kept only if no such operation was queued since the read was asked for, and all that
was queued before it is in the file. Where it cannot be told which rows an operation changes, its whole table is
forgotten. Nothing here does I/O; what other processes write is the matter of `_session.py`, which asks SQLite for it.
"""

from __future__ import annotations

__all__ = ["Asked", "RowMemory"]

import collections
import collections.abc
import dataclasses
import typing

from . import _codec
from ._operations import (
    AwaitChunks,
    Delete,
    EndPastSession,
    IgnoreChunks,
    Modify,
    Shrink,
    TakeChunk,
)
from ._rows import EncodedRow, Rows

if typing.TYPE_CHECKING:
    from ._batch import Batch
    from ._operations import Operation
    from ._table import AnyTable, Key

# What a remembered row takes beside its bytes: the key, the entry and its places in the dictionaries; measured.
_OVERHEAD: typing.Final[int] = 400


@dataclasses.dataclass(slots=True, eq=False)
class Asked:
    """A row that somebody is reading; several at once share one of these."""

    name: tuple[AnyTable, Key]
    epoch: int
    readers: int = 0


class RowMemory:
    """The rows, the longest unread of which make room for others.

    Parameters
    ----------
    limit
        How many bytes they may take; with 0, none is remembered.
    """

    __slots__ = ("_asked", "_epochs", "_limit", "_read", "_rows", "_size")

    def __init__(self, limit: int) -> None:
        self._asked: dict[tuple[AnyTable, Key], Asked] = {}
        # Forgetting a whole table is beginning its next epoch: what is left of the last one goes as room is needed.
        self._epochs: collections.defaultdict[AnyTable, int] = collections.defaultdict(int)
        self._limit = limit
        # The tables of which a row may be remembered or asked for; of others there is nothing to forget.
        self._read: set[AnyTable] = set()
        self._rows: collections.OrderedDict[tuple[AnyTable, Key], tuple[bytes, int | None, int]] = (
            collections.OrderedDict()
        )
        self._size = 0

    def has(self, table: AnyTable, key: Key) -> bool:
        """Whether it is worth asking for a row."""
        return (table, key) in self._rows

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self._size

    def recall(self, table: AnyTable, key: Key, moment: int) -> dict[str, typing.Any] | None:
        """Return the payload of a row, decoded afresh, if it is remembered and not expired (`moment`, Unix ms)."""
        name = (table, key)
        remembered = self._rows.get(name)
        if remembered is None:
            return None

        data, expires_at, epoch = remembered
        # An expired row may still be there, if another one keeps it: that only the file knows.
        if epoch != self._epochs[table] or (expires_at is not None and expires_at <= moment):
            self._drop(name)
            return None

        self._rows.move_to_end(name)
        return _codec.decode_own(data)

    def ask(self, table: AnyTable, key: Key) -> Asked:
        """Note that a row is about to be read; `forgo` has to follow, and `keep` may come before it."""
        name = (table, key)
        self._read.add(table)
        asked = self._asked.get(name)
        if asked is None or asked.epoch != self._epochs[table]:
            asked = self._asked[name] = Asked(name, self._epochs[table])
        asked.readers += 1
        return asked

    def forgo(self, asked: Asked) -> None:
        """Note that a read is over."""
        asked.readers -= 1
        if not asked.readers and self._asked.get(asked.name) is asked:
            del self._asked[asked.name]

    def keep(self, asked: Asked, data: bytes, expires_at: int | None) -> None:
        """Remember what a read brought, unless something that may have changed it was queued meanwhile."""
        size = len(data) + _OVERHEAD
        table, _ = asked.name
        if self._asked.get(asked.name) is not asked or asked.epoch != self._epochs[table] or size > self._limit:
            return

        self._drop(asked.name)
        self._rows[asked.name] = (data, expires_at, asked.epoch)
        self._size += size
        while self._size > self._limit:
            self._drop(next(iter(self._rows)))

    def forget(self, batch: Batch) -> None:
        """Forget every row that a batch, which is about to be queued, may change."""
        if not (self._rows or self._asked):
            return

        for operation in batch.operations:
            if isinstance(operation, (EncodedRow, Rows, Modify)) and not self._may_touch(operation.table):
                continue

            for table, keys in _touched(operation):
                if keys is None:
                    self._epochs[table] += 1
                else:
                    self._forget_keys(table, keys)
                for hidden in table.hides:
                    self._epochs[hidden] += 1

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._asked.clear()
        self._read.clear()
        self._size = 0

    def _may_touch(self, table: AnyTable) -> bool:
        """Whether there may be something to forget where rows of a table alone are written."""
        return table in self._read or bool(table.hides)

    def _forget_keys(self, table: AnyTable, keys: collections.abc.Iterable[Key]) -> None:
        for key in keys:
            name = (table, key)
            self._drop(name)
            self._asked.pop(name, None)

    def _drop(self, name: tuple[AnyTable, Key]) -> None:
        dropped = self._rows.pop(name, None)
        if dropped is not None:
            self._size -= len(dropped[0]) + _OVERHEAD


_Touched: typing.TypeAlias = "list[tuple[AnyTable, collections.abc.Collection[Key] | None]]"


def _touched(operation: Operation) -> _Touched:
    """Return the rows whose payload or expiry an operation may change, by table; `None` for any."""
    touched: _Touched
    match operation:
        case EncodedRow(table) | Rows(table):
            touched = [(table, operation.keys())]
        case Modify(key=key):
            touched = [(operation.table, [key])]
        case Delete(table, where) if where.keys() == {column.name for column in table.key}:
            touched = [(table, [table.key_of(where)])]
        case TakeChunk(table, complete=complete):
            touched = [(table, None), (complete.table, None)]
        case AwaitChunks() | IgnoreChunks() | Shrink():
            touched = []
        case EndPastSession():
            touched = []  # it deletes what is hidden, and so was forgotten when that was noted
        case _:
            touched = [(operation.table, None)]
    return touched
