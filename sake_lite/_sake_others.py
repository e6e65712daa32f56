"""What Sake has on a Redis server and a file has not: deleted in the file since an earlier copy, or never in it.

A key counts as Sake's only where it has the form of its resource's keys, and what is stored there says itself that it
belongs there. Other programs' keys are left alone, though they may be in the same databases.
"""

from __future__ import annotations

__all__ = ["Others"]

import asyncio
import typing

from ._codec import is_map
from ._redis_server import connection
from ._sake_rows import raise_unless_of_a_row, target_of
from .cache import SQLiteCache

if typing.TYPE_CHECKING:
    import collections.abc

    import redis.asyncio

    from ._column import Column
    from ._copy_report import Copied
    from ._sake_rows import Target
    from ._session import ReadOnlySession
    from ._snapshot import Snapshot
    from ._table import Key, Table

    _Windows: typing.TypeAlias = "collections.abc.AsyncGenerator[list[Key], None]"

# Keys that Redis is asked for at once, or so.
_WINDOW: typing.Final[int] = 500


class _Entries:
    """What Redis keeps under keys of their own: that is where Sake puts what is known by one ID or code.

    Parameters
    ----------
    connection
        The connection to the resource's database.
    columns
        The columns of the table's key.
    """

    __slots__ = ("_columns", "_connection")

    def __init__(self, connection: redis.asyncio.Redis[bytes], columns: collections.abc.Sequence[Column]) -> None:
        self._columns = columns
        self._connection = connection

    async def windows(self) -> _Windows:
        """Give the keys that have the form of Sake's, some at a time."""
        cursor, is_begun = 0, False
        while cursor or not is_begun:
            is_begun = True
            cursor, names = await self._connection.scan(cursor, count=_WINDOW)
            yield self._keys((name,) for name in names)

    async def values(self, keys: list[Key]) -> list[bytes | None]:
        """Return what is stored under each of some keys, which were given together."""
        return await self._connection.mget([str(name) for (name,) in keys])

    def _keys(self, all_names: collections.abc.Iterable[collections.abc.Sequence[bytes]]) -> list[Key]:
        """Return the keys whose parts have these names on the server, without those that are none of Sake's."""
        keys: list[Key] = []
        for names in all_names:
            try:
                texts = [name.decode() for name in names]
                key = tuple([column.parse(text) for column, text in zip(self._columns, texts, strict=True)])
            except ValueError:
                continue
            if [*map(str, key)] == texts:
                keys.append(key)
        return keys


class _EntriesOfGuilds(_Entries):
    """What Redis keeps in a hash for each guild: that is where Sake puts what is known by a guild and a user."""

    __slots__ = ()

    async def windows(self) -> _Windows:
        async for guild in self._connection.scan_iter(count=_WINDOW, _type="hash"):
            cursor, is_begun = 0, False
            while cursor or not is_begun:
                is_begun = True
                cursor, fields = await self._connection.hscan(guild, cursor, count=_WINDOW)
                yield self._keys((guild, user) for user in fields)

    async def values(self, keys: list[Key]) -> list[bytes | None]:
        return await self._connection.hmget(str(keys[0][0]), [str(user) for _, user in keys])


class Others:
    """The entries of one resource that the server has and the file has not.

    The bot's own user is not among them: there is one, whom each copy and each start of a bot writes anew.

    Parameters
    ----------
    table
        The resource's table.
    client
        Sake's client, open.
    target
        Where in Sake the table's rows go.
    session
        Reads the file.
    """

    __slots__ = ("_client", "_delete", "_entries", "_session", "_sharing", "_table")

    def __init__(self, table: Table[typing.Any], client: typing.Any, target: Target, session: ReadOnlySession) -> None:
        self._client = client
        self._delete: collections.abc.Callable[..., collections.abc.Awaitable[None]] = getattr(client, target.deleter)
        (index,) = target.kind.index()
        kind = _Entries if len(table.key) == 1 else _EntriesOfGuilds
        self._entries = kind(connection(client, index), table.key)
        self._session = session
        # Sake puts the own user among the users, too.
        targets = {other: target_of(other) for other in SQLiteCache.all_tables}
        self._sharing = [other for other, its in targets.items() if its is not None and its.kind is target.kind]
        self._table = table

    async def windows(self) -> _Windows:
        """Give their keys, some at a time.

        Yields
        ------
        list[Key]
            Some of the keys.

        Raises
        ------
        BackendError
            If the file cannot be read.
        redis.RedisError
            If the server cannot be reached, or refuses.
        """
        if self._table.is_own_user:
            return

        async for keys in self._entries.windows():
            missing = await self._missing_in_file(keys)
            if missing:
                values = await self._entries.values(missing)
                yield [key for key, value in zip(missing, values, strict=True) if self._is_sakes(key, value)]

    async def delete(self, keys: list[Key], copied: Copied) -> None:
        """Delete some, and count what became of each.

        Raises
        ------
        redis.RedisError
            If the server cannot be reached, or refuses.
        """
        faults = await asyncio.gather(*(self._delete(*key) for key in keys), return_exceptions=True)
        for key, fault in zip(keys, faults, strict=True):
            if fault is None:
                copied.deleted += 1
            else:
                raise_unless_of_a_row(fault)
                what = f"{self._table.describe(key)} of {self._table.name}"
                copied.fail(f"{what} cannot be deleted from the server: {type(fault).__name__}: {fault}")

    async def _missing_in_file(self, keys: list[Key]) -> list[Key]:
        def read(snapshot: Snapshot) -> list[Key]:
            missing = keys
            for table in self._sharing:
                missing = snapshot.missing(table, missing)
            return missing

        return await self._session.read_together(read, self._client.app.entity_factory)

    def _is_sakes(self, key: Key, value: bytes | None) -> bool:
        """Whether what is stored under a key says itself that it belongs there."""
        try:
            payload: typing.Any = self._client.load(value or b"")
            return is_map(payload) and self._table.key_values(payload) == key
        except (ValueError, RecursionError):  # it is no JSON, or has none of the IDs
            return False
