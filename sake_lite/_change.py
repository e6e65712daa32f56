"""What listeners are told: that a row came, changed or went, with what was there before and what is there now.

A resource's event is a class of its own in the resource's module, which its table names; here is what all share. Who
listens, and when they are told, is the matter of `_listeners.py`.
"""

from __future__ import annotations

__all__ = ["Change", "Changed"]

import typing

import hikari

if typing.TYPE_CHECKING:
    from ._table import Key, Row, Table

_EntityT_co = typing.TypeVar("_EntityT_co", covariant=True)
_KeyT_co = typing.TypeVar("_KeyT_co", covariant=True)


class Changed(typing.NamedTuple):
    """What one batch changed of one row, as bytes."""

    table: Table[typing.Any]
    key: Key
    old: Row | None
    """The row as a reader found it before, if there was one."""
    new: Row | None
    """The row as a reader finds it now, if there is one."""
    cause: str
    """The name of the batch."""


class Change(hikari.Event, typing.Generic[_EntityT_co, _KeyT_co]):
    """Something in the cache came, changed or went; listen to one of its subclasses, or to this one for all of them.

    It is dispatched on the cache's event manager once the change is in the file, in the order in which the gateway's
    events came: one for each row that a gateway event, or a call such as `delete_message`, made another for those who
    read. Rows that expire, and messages beyond `message_limit`, are not told of, and neither are damaged rows that
    `check` deletes.

    Parameters
    ----------
    changed
        What changed.
    app
        What the entities are bound to.
    """

    __slots__ = ("_app", "_changed", "_new", "_old")

    def __init__(self, changed: Changed, app: hikari.RESTAware) -> None:
        self._app = app
        self._changed = changed
        self._new: _EntityT_co | None = None
        self._old: _EntityT_co | None = None

    def __repr__(self) -> str:
        table, key, _, _, cause = self._changed
        return f"<{type(self).__name__} of {table.describe(key)} by {cause}>"

    @property
    def app(self) -> hikari.RESTAware:
        """What the cache's entities are bound to."""
        return self._app

    @property
    def cause(self) -> str:
        """What made the change: a gateway event, such as `"MESSAGE_DELETE"` or `"READY"`, or a call to the cache."""
        return self._changed.cause

    @property
    def key(self) -> _KeyT_co:
        """What the entity is stored under, which is what `get_*` takes: `await cache.get_member(*event.key)`."""
        key = tuple([hikari.Snowflake(part) if isinstance(part, int) else part for part in self._changed.key])
        return typing.cast("_KeyT_co", key)

    @property
    def old(self) -> _EntityT_co | None:
        """What was there before; `None` where nothing was, or it had expired.

        It is made when it is first asked for.

        Raises
        ------
        InvalidDataFound
            If it was damaged, or hikari refuses it.
        """
        if self._old is None and self._changed.old is not None:
            self._old = self._build(self._changed.old)
        return self._old

    @property
    def new(self) -> _EntityT_co | None:
        """What is there now; `None` where nothing is.

        It is made when it is first asked for.

        Raises
        ------
        InvalidDataFound
            If hikari refuses it.
        """
        if self._new is None and self._changed.new is not None:
            self._new = self._build(self._changed.new)
        return self._new

    def _build(self, row: Row) -> _EntityT_co:
        table: Table[_EntityT_co] = self._changed.table
        return table.build(self._app.entity_factory, self._changed.key, table.open_row(row))
