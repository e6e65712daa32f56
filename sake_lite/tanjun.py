"""A cache as Tanjun sees it: the stores of `tanjun.dependencies.async_cache`, over the cache's tables.

It needs the extra `tanjun`, and is what `cache.add_to_tanjun` uses. Which stores there are, and under which types they
are registered, follows from each table: the class of its entities, and whether it has a lone key, a guild, a channel.

A store says that something does not exist (`async_cache.EntryNotFound`) only where the cache knows that, or was told
to be trusted. Otherwise, and where a row is damaged or the file cannot be read, it has missed it
(`async_cache.CacheMissError`), and Tanjun asks Discord.
"""

from __future__ import annotations

__all__ = ["Reads", "add", "entity_of", "manage", "stores_of"]

import asyncio
import collections.abc
import dataclasses
import logging
import re
import typing

import hikari
import tanjun
from tanjun.dependencies import async_cache

from . import abc, errors
from .resources import Resource
from .resources.guild import GUILDS

if typing.TYPE_CHECKING:
    from ._table import AnyTable, Table

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")
_LOGGED_CAUSES: typing.Final[int] = 100
_DIGITS: typing.Final = re.compile(r"\d+")

_Read: typing.TypeAlias = "collections.abc.Callable[[], collections.abc.Awaitable[_EntityT]]"
_EntityT = typing.TypeVar("_EntityT")
_DefaultT = typing.TypeVar("_DefaultT")
_KeyT = typing.TypeVar("_KeyT")

_ALSO: typing.Final[dict[AnyTable, tuple[type, ...]]] = {GUILDS: (hikari.Guild,)}
"""Under which other classes Tanjun looks a table's entities up: those that they have in common with the REST API's."""

_openings: typing.Final[set[asyncio.Task[None]]] = set()  # an event loop itself does not keep its tasks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """How a cache is read by table; each raises as the cache's methods do."""

    get: collections.abc.Callable[..., collections.abc.Awaitable[typing.Any]]
    """Returns the entity of a table under a key."""

    get_only: collections.abc.Callable[[AnyTable], collections.abc.Awaitable[typing.Any]]
    """Returns the entity of a table that has one row."""

    iterate: collections.abc.Callable[..., abc.CacheIterator[typing.Any]]
    """Returns an iterator over a table, or over what refers to something, given by its column's name."""

    knowledge: collections.abc.Callable[[hikari.Snowflakeish], object]
    """Returns what is known of a guild at this moment, for `knows`."""

    knows: collections.abc.Callable[[AnyTable, hikari.Snowflakeish, object], collections.abc.Awaitable[bool]]
    """Tells whether all rows of a guild that there are, are stored in a table, and were since `knowledge`."""


def add(
    client: tanjun.abc.Client,
    cache: Resource,
    reads: Reads,
    trusted: collections.abc.Iterable[type[abc.Resource]],
) -> None:
    """Register a cache with a client, under its own classes and as Tanjun's stores.

    Raises
    ------
    TypeError
        If one class is trusted, and not a collection of them.
    ValueError
        If a trusted resource is none of the cache's.
    """
    if isinstance(trusted, type):
        raise TypeError(f"trust_get_for takes several classes, such as {{{trusted.__name__}}}, not one")

    trusted_tables = {table for resource in trusted for table in _tables_of(type(cache), resource)}
    for resource in type(cache).__mro__:
        if issubclass(resource, abc.Resource):
            client.set_type_dependency(resource, cache)

    faults = _Faults()
    for table in cache.all_tables:
        source = _Source(table, reads, faults, is_trusted=table in trusted_tables)
        for store_type, store in stores_of(table).items():
            client.set_type_dependency(store_type, store(source))


def manage(
    client: tanjun.abc.Client,
    open_: collections.abc.Callable[[], collections.abc.Coroutine[typing.Any, typing.Any, None]],
    close: collections.abc.Callable[[], collections.abc.Coroutine[typing.Any, typing.Any, None]],
) -> None:
    """Open a cache when a client starts, at once where it has started, and close it when the client has closed."""
    client.add_client_callback(tanjun.ClientCallbackNames.STARTING, open_)
    client.add_client_callback(tanjun.ClientCallbackNames.CLOSED, close)
    if client.is_alive and client.loop is not None:
        opening = client.loop.create_task(open_(), name="sake_lite opening with Tanjun")
        _openings.add(opening)
        opening.add_done_callback(_openings.discard)


def entity_of(table: Table[_EntityT]) -> type[_EntityT]:
    """Return the class of a table's entities, which is what its `decode` says that it returns."""
    return typing.get_type_hints(table.decode, localns={"Payload": dict})["return"]


def stores_of(table: AnyTable) -> dict[typing.Any, type[_Store]]:
    """Return what Tanjun may ask for about a table: the types to register, and the class of the store for each."""
    key = str if table.key[-1].affinity == "TEXT" else hikari.Snowflakeish
    return {
        interface[(entity,) if store is _OnlyStore else (key, entity)]: store
        for entity in (entity_of(table), *_ALSO.get(table, ()))
        for interface, store in _interfaces_of(table)
    }


def _interfaces_of(table: AnyTable) -> collections.abc.Iterator[tuple[typing.Any, type[_Store]]]:
    has_lone_key = len(table.key) == 1
    references = {column.name for column in table.references}
    if table.is_own_user:
        yield async_cache.SingleStoreCache, _OnlyStore
    elif has_lone_key:
        yield async_cache.AsyncCache, _GlobalStore
    if "guild_id" in references:
        yield async_cache.GuildBoundCache, _GuildStore
    if "channel_id" in references and has_lone_key:
        yield async_cache.ChannelBoundCache, _ChannelStore


def _tables_of(cache: type[Resource], resource: type[abc.Resource]) -> set[AnyTable]:
    """Return the tables that a resource means: those of its own, or of whatever implements it."""
    tables = {
        table
        for each in cache.__mro__
        if issubclass(each, Resource) and (issubclass(each, resource) or issubclass(resource, each))
        for table in each.__dict__.get("tables", ())
    }
    if not tables:
        raise ValueError(f"trust_get_for: {cache.__name__} keeps no {resource.__name__}")
    return tables


class _Faults:
    """Logs why nothing could be read: the first of each kind of fault as a warning, its like for debugging."""

    __slots__ = ("_logged",)

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def log(self, table: AnyTable, fault: errors.SakeException) -> None:
        cause = f"{table.name}: {_DIGITS.sub('#', str(fault))}"
        # Tanjun may start before the cache is open, and end after it is closed.
        is_expected = isinstance(fault, errors.ClosedClient)
        is_new = not is_expected and cause not in self._logged and len(self._logged) < _LOGGED_CAUSES
        if is_new:
            self._logged.add(cause)
        level = logging.WARNING if is_new else logging.DEBUG
        _LOGGER.log(level, "Tanjun asks Discord instead of the cache: %s", fault)


@dataclasses.dataclass(frozen=True, slots=True)
class _Source:
    """One table, as its stores read it."""

    table: AnyTable
    reads: Reads
    faults: _Faults
    is_trusted: bool

    async def find(
        self, read: _Read[typing.Any], default: typing.Any, guild_id: hikari.Snowflakeish | None = None
    ) -> typing.Any:
        """Return what is read, or else the default, if there is one.

        Raises
        ------
        EntryNotFound
            Tanjun's, if it is known not to exist.
        CacheMissError
            If that is not known.
        """
        try:
            return await read()
        except errors.EntryNotFound:
            if default is not hikari.UNDEFINED:
                return default
        except errors.SakeException as fault:
            self.faults.log(self.table, fault)
            if default is not hikari.UNDEFINED:
                return default
            raise async_cache.CacheMissError from fault

        return await self._find_again(read, guild_id)

    async def _find_again(self, read: _Read[typing.Any], guild_id: hikari.Snowflakeish | None) -> typing.Any:
        """Return what was not found and came meanwhile, or tell why there is nothing."""
        if self.is_trusted:
            raise async_cache.EntryNotFound

        if guild_id is None:
            raise async_cache.CacheMissError

        known = self.reads.knowledge(guild_id)
        try:
            if await self.reads.knows(self.table, guild_id, known):
                # The cache may have got to know all of the guild just now, this one among them.
                return await read()
        except errors.EntryNotFound:
            return await self._not_found(guild_id, known)
        except errors.SakeException as fault:
            self.faults.log(self.table, fault)
            raise async_cache.CacheMissError from fault

        raise async_cache.CacheMissError

    async def _not_found(self, guild_id: hikari.Snowflakeish, known: object) -> typing.NoReturn:
        """Tell that there is nothing, unless it may have been deleted by hand before it was looked for."""
        try:
            is_known = await self.reads.knows(self.table, guild_id, known)
        except errors.SakeException as fault:
            self.faults.log(self.table, fault)
            is_known = False

        raise async_cache.EntryNotFound if is_known else async_cache.CacheMissError

    async def get_of(self, reference: str, referred: hikari.Snowflakeish, key: typing.Any) -> typing.Any:
        """Return the entity under a lone key, if it refers to something, given by its column's name."""
        entity = await self.reads.get(self.table, key)
        # An entity has under the same name what its payload has.
        (name, *_), *_ = self.table.column_by_name[reference].paths
        if getattr(entity, name) != referred:
            raise errors.EntryNotFound(f"{self.table.name} has no entry for {key} of {reference} {referred}")
        return entity

    def iterate(self, **reference: hikari.Snowflakeish) -> _Iterator:
        return _Iterator(self, reference)


class _Iterator(async_cache.CacheIterator[typing.Any]):
    """Iterates over a table's entities, or those of one reference.

    Damaged rows are left out, with a line in the log. Where all are awaited at once, as Tanjun does with the roles by
    which it calculates permissions, there is nothing if any is damaged, or if of what a guild lists not all is known,
    so that it asks Discord for all: without one role, it would come to other permissions.
    """

    __slots__ = ("_iterator", "_reference", "_source")

    def __init__(self, source: _Source, reference: dict[str, hikari.Snowflakeish]) -> None:
        self._source = source
        self._reference = reference
        self._iterator: abc.CacheIterator[typing.Any] | None = None

    def __await__(self) -> collections.abc.Generator[None, None, list[typing.Any]]:
        return self._all().__await__()

    async def _all(self) -> list[typing.Any]:
        guild_id, source = self._reference.get("guild_id"), self._source
        try:
            if guild_id is None or source.is_trusted or source.table.listed_as is None:
                return [entity async for entity in self._opened()]

            known = source.reads.knowledge(guild_id)
            found = [entity async for entity in self._opened()]
            return found if await source.reads.knows(source.table, guild_id, known) else []
        except errors.SakeException as fault:
            source.faults.log(source.table, fault)
            return []

    async def __anext__(self) -> typing.Any:
        while True:
            try:
                return await anext(self._opened())
            except errors.InvalidDataFound as fault:
                self._source.faults.log(self._source.table, fault)
            except errors.SakeException as fault:
                self._source.faults.log(self._source.table, fault)
                raise async_cache.CacheMissError from fault

    async def len(self) -> int:
        try:
            return await self._opened().len()
        except errors.SakeException as fault:
            self._source.faults.log(self._source.table, fault)
            raise async_cache.CacheMissError from fault

    def _opened(self) -> abc.CacheIterator[typing.Any]:
        # Tanjun does not expect an error where it only asks for an iterator, as a closed cache raises.
        if self._iterator is None:
            self._iterator = self._source.reads.iterate(self._source.table, **self._reference)
        return self._iterator


class _Store:
    """What the stores of one table share."""

    __slots__ = ("_source",)

    def __init__(self, source: _Source) -> None:
        self._source = source

    def iter_all(self) -> async_cache.CacheIterator[typing.Any]:
        return self._source.iterate()


class _OnlyStore(_Store, async_cache.SingleStoreCache[_EntityT]):
    """The store of the one row of a table."""

    __slots__ = ()

    async def get(self, *, default: hikari.UndefinedOr[_DefaultT] = hikari.UNDEFINED) -> _EntityT | _DefaultT:
        source = self._source
        return await source.find(lambda: source.reads.get_only(source.table), default)


class _GlobalStore(_Store, async_cache.AsyncCache[_KeyT, _EntityT]):
    """The store of entities by a lone key."""

    __slots__ = ()

    async def get(
        self, key: _KeyT, /, *, default: hikari.UndefinedOr[_DefaultT] = hikari.UNDEFINED
    ) -> _EntityT | _DefaultT:
        source = self._source
        return await source.find(lambda: source.reads.get(source.table, key), default)


class _GuildStore(_Store, async_cache.GuildBoundCache[_KeyT, _EntityT]):
    """The store of entities by their guild and a key, be the guild a part of the table's own key or not."""

    __slots__ = ()

    async def get_from_guild(
        self,
        guild_id: hikari.Snowflakeish,
        key: _KeyT,
        /,
        *,
        default: hikari.UndefinedOr[_DefaultT] = hikari.UNDEFINED,
    ) -> _EntityT | _DefaultT:
        source = self._source

        def read() -> collections.abc.Awaitable[typing.Any]:
            if len(source.table.key) == 1:
                return source.get_of("guild_id", guild_id, key)
            return source.reads.get(source.table, guild_id, key)

        return await source.find(read, default, guild_id)

    def iter_for_guild(self, guild_id: hikari.Snowflakeish, /) -> async_cache.CacheIterator[_EntityT]:
        return self._source.iterate(guild_id=guild_id)


class _ChannelStore(_Store, async_cache.ChannelBoundCache[_KeyT, _EntityT]):
    """The store of entities by their channel and a lone key."""

    __slots__ = ()

    async def get_from_channel(
        self,
        channel_id: hikari.Snowflakeish,
        key: _KeyT,
        /,
        *,
        default: hikari.UndefinedOr[_DefaultT] = hikari.UNDEFINED,
    ) -> _EntityT | _DefaultT:
        source = self._source
        return await source.find(lambda: source.get_of("channel_id", channel_id, key), default)

    def iter_for_channel(self, channel_id: hikari.Snowflakeish, /) -> async_cache.CacheIterator[_EntityT]:
        return self._source.iterate(channel_id=channel_id)
