"""What listeners are told: that a row came, changed or went, with what was there before and what is there now.

A resource's event is a class of its own in the resource's module, which its table names; here is what all share. Who
listens, and when they are told, is the matter of `_listeners.py`.
"""

from __future__ import annotations

__all__ = ["Change", "Changes"]

import typing

import hikari

if typing.TYPE_CHECKING:
    from ._table import Key, Row, Table
    from .resources import Resource

_EntityT_co = typing.TypeVar("_EntityT_co", covariant=True)
_KeyT_co = typing.TypeVar("_KeyT_co", covariant=True)


class Changes(typing.NamedTuple):
    """What one batch changed in one table, as bytes: they may be many, and most are never looked at."""

    table: Table[typing.Any]
    cause: str
    """The name of the batch."""
    rows: dict[Key, tuple[Row | None, Row | None]]
    """The rows as a reader found them before and finds them now, each `None` where there is none."""


class Change(hikari.Event, typing.Generic[_EntityT_co, _KeyT_co]):
    """Something in the cache came, changed or went; listen to one of its subclasses, or to this one for all of them.

    It is dispatched on the cache's event manager once the change is in the file, in the order in which the gateway's
    events came: one for each entity that a gateway event, or a call such as `delete_message`, made another for those
    who read. Whoever notes each of them has what the cache has, but for what ends by itself: that an entity expires,
    or is one of the messages beyond `message_limit`, is not told, nor that `check` deletes a damaged row, or what goes
    with that.

    Until it is garbage, it holds what was there before and what is there now as bytes.

    Parameters
    ----------
    table, key
        Which row it is.
    old, new
        The row before and now, `None` where there is none.
    cause
        The name of the batch that changed it.
    cache
        The cache that it is in.
    """

    if not typing.TYPE_CHECKING:

        def __class_getitem__(cls, _: object) -> type:
            """Return the class itself, so that a listener may annotate its event as type checkers want it."""
            return cls

    __slots__ = ("_cache", "_cause", "_key", "_new", "_new_row", "_old", "_old_row", "_table")

    def __init__(
        self,
        table: Table[_EntityT_co],
        key: Key,
        *,
        old: Row | None,
        new: Row | None,
        cause: str,
        cache: Resource,
    ) -> None:
        self._cache = cache
        self._cause = cause
        self._key = key
        self._new: _EntityT_co | None = None
        self._new_row = new
        self._old: _EntityT_co | None = None
        self._old_row = old
        self._table = table

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._table.describe(self._key)} by {self._cause}>"

    @property
    def app(self) -> hikari.RESTAware:
        """What the cache's entities are bound to."""
        return self._cache.app

    @property
    def cache(self) -> Resource:
        """The cache that the entity is in: where several share an event manager, each tells of its own."""
        return self._cache

    @property
    def cause(self) -> str:
        """What made the change: a gateway event, such as `"READY"`, or a call, such as `"delete_message"`.

        A name that begins with a `*` is that of neither, but of what the cache makes up for after it missed events.
        """
        return self._cause

    @property
    def key(self) -> _KeyT_co:
        """What the entity is stored under, which is what `get_*` takes: `await cache.get_member(*event.key)`."""
        key = tuple([hikari.Snowflake(part) if isinstance(part, int) else part for part in self._key])
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
        if self._old is None and self._old_row is not None:
            self._old = self._build(self._old_row)
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
        if self._new is None and self._new_row is not None:
            self._new = self._build(self._new_row)
        return self._new

    def _build(self, row: Row) -> _EntityT_co:
        return self._table.build(self.app.entity_factory, self._key, self._table.open_row(row))
