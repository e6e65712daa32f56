"""What an open cache has: the writer, the reader and the housekeeping, from opening to closing."""

from __future__ import annotations

__all__ = ["ReadOnlySession", "Session"]

import asyncio
import math
import threading
import time
import typing

from . import _config, _file, errors
from ._gateway import LOSS, make_batch
from ._housekeeping import Housekeeping
from ._listed import ListedGuilds
from ._memory import RowMemory
from ._reader import Reader
from ._snapshot import take_snapshot
from ._stats import Stats
from ._writer import Writer

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib
    import sqlite3

    import hikari

    from ._answer import Answer
    from ._batch import Batch, Scope
    from ._connection import Connection
    from ._listeners import Listeners
    from ._snapshot import Snapshot
    from ._table import Key, Row, Table

_T = typing.TypeVar("_T")

# How long what is remembered is trusted after it was last made sure that no other process has written, in seconds, and
# after how long it is made sure anew, so that those who read all the time never wait for it.
_TRUST_FOR: typing.Final[float] = 1.0
_LOOK_AFTER: typing.Final[float] = 0.5

# In so many seconds a thread is awake; event loops wait for a whole number of milliseconds.
_BREAK: typing.Final[float] = 0.001


class ReadOnlySession:
    """One opening of one file, in one event loop, by which nothing is changed.

    Parameters
    ----------
    reading
        The connection that reads.
    watching
        The connection that is asked whether somebody else has written.
    scope
        Returns the tables and the settings as they are now.
    unlocked
        What to ask after each reading, where the file is read as it lies there.
    """

    __slots__ = ("_memory", "_reader", "_reading", "_thread", "_unlocked", "_watch", "loop", "scope")

    def __init__(
        self,
        reading: Connection,
        watching: Connection,
        scope: collections.abc.Callable[[], Scope],
        unlocked: _file.UnlockedFile | None = None,
    ) -> None:
        self.scope = scope
        self._unlocked = unlocked
        self._reading = reading
        self._reader = Reader(reading)
        self._memory = RowMemory(scope().config.row_cache_bytes)
        self._watch = _Watch(watching, self._forget)
        self._watch.look()  # so that what is read first can be remembered
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @classmethod
    async def open(cls, path: pathlib.Path, scope: collections.abc.Callable[[], Scope]) -> ReadOnlySession:
        """Open a file that is there.

        Raises
        ------
        BackendError
            If the file is missing, cannot be opened, is not ours, or is damaged.
        """
        reading, unlocked = await _file.connect_read_only(path, scope().tables, scope().config)
        return ReadOnlySession(reading, reading, scope, unlocked)

    def recall(self, table: Table[typing.Any], key: Key) -> dict[str, typing.Any] | None:
        """Return the payload under a key without asking the file, if it is remembered.

        Raises
        ------
        BackendError
            If the file is read as it lies there, and somebody has written to it since.
        ClosedClient
            If the cache belongs to another event loop.
        """
        self._check_loop()
        if not (self._memory.has(table, key) and self._watch.is_current()):
            return None
        if self._unlocked is not None:
            self._unlocked.make_sure()

        return self._memory.recall(table, key, _config.now())

    async def payload(self, table: Table[typing.Any], key: Key) -> dict[str, typing.Any] | None:
        """Return the payload of the visible row under a key, if there is one, after all that was queued before.

        It is asked where `recall` returned nothing.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is closed meanwhile.
        InvalidDataFound
            If the row is damaged.
        """
        self._go_on()
        asked = self._memory.ask(table, key)
        try:
            is_settled = self._is_settled or await self.settled()
            reading = self._reader.get(table, key)
            found = await (reading if self._unlocked is None else self._sure(reading))
            if found is None:
                return None
            payload = found.open()
            if is_settled:
                self._memory.keep(asked, found.data, found.expires_at)
            return payload
        finally:
            self._memory.forgo(asked)

    async def fetch(self, sql: str, parameters: dict[str, typing.Any]) -> list[Row]:
        """Return all rows of a query, after all that was queued before it.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is closed meanwhile, or belongs to another event loop.
        """
        await self._begin_reading()
        return await self._sure(self._reader.fetch(sql, parameters))

    async def give_way(self) -> None:
        """Give the event loop a turn, in the midst of what takes long, and the threads theirs, if they wait for one.

        A loop that only looks whether there is something to do gives the interpreter's lock away, but takes it again
        before a thread is awake, so that reads and writes of others would wait until the whole work is done.
        """
        await asyncio.sleep(_BREAK if self._is_busy else 0)

    @property
    def _is_busy(self) -> bool:
        """Whether a thread has something to do."""
        return self._reading.is_busy

    async def read_together(
        self, read: collections.abc.Callable[[Snapshot], _T], factory: hikari.api.EntityFactory
    ) -> _T:
        """Return what a function reads, all of one moment, after all that was queued before.

        It is called on the reader's thread; what it raises has to be a `SakeException`.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ClosedClient
            If the cache is closed meanwhile, or belongs to another event loop.
        """
        await self._begin_reading()
        return await self._sure(
            self._reader.call(lambda connection, moment: take_snapshot(connection, moment, factory, read))
        )

    async def _begin_reading(self) -> None:
        """Wait until all that was queued before is committed, or it is certain that it cannot be at present."""
        self._check_loop()
        self._go_on()
        if not self._is_settled:
            await self.settled()

    async def _sure(self, reading: Answer[_T]) -> _T:
        """Return what was read, or raise why not, if it is certain that nobody has written meanwhile."""
        try:
            return await reading
        finally:
            self.make_sure()

    def make_sure(self) -> None:
        """Make sure that what was read until now is right, where SQLite's locks do not.

        Raises
        ------
        BackendError
            If somebody may have written meanwhile to a file that is read as it lies there.
        """
        if self._unlocked is not None:
            self._unlocked.make_sure()

    async def connect_beside(self) -> Connection:
        """Connect once more, to read what takes long; whoever asks for it closes it.

        Raises
        ------
        BackendError
            If the file cannot be opened.
        """
        beside, _ = await _file.connect_read_only(self._reading.path, self.scope().tables, self.scope().config)
        return beside

    def stats(self) -> Stats:
        """Return what was done and what is yet to do: nothing."""
        return Stats()

    async def close(self) -> None:
        """Close the file."""
        await self._reading.close()

    def abandon(self) -> None:
        """Let go of the file without waiting, where the event loop that it was opened in is gone."""
        self._reading.abandon()

    @property
    def _is_settled(self) -> bool:
        """Whether all that was queued is committed."""
        return True

    async def settled(self) -> bool:
        """Wait until all that is queued is committed or given up; returns whether it is committed."""
        return True

    async def notice_others(self) -> None:
        """Notice what other connections have committed until now, which is else noticed in passing.

        Raises
        ------
        BackendError
            If SQLite fails.
        ClosedClient
            If the cache is closed meanwhile.
        """
        await self._watch.look_now()

    def _forget(self) -> None:
        """Forget what another connection may have changed."""
        self._memory.clear()

    def _go_on(self) -> None:
        """Start again what something has cancelled while the event loop lives on."""

    def _check_loop(self) -> None:
        # As good as asking for the running loop, which with Python 3.11 is a call of the system.
        if not self.loop.is_running() or threading.get_ident() != self._thread:
            raise errors.ClosedClient("the cache was opened in another event loop, and belongs to it")


class Session(ReadOnlySession):
    """One opening of one file, in one event loop, to read and to write.

    Parameters
    ----------
    writing
        The connection that writes.
    reading
        The connection that reads.
    scope
        Returns the tables and the settings as they are now.
    listeners
        Who is told what was changed; `None` where nobody can be.
    listed
        Of which guilds all is known, which what is lost, and what others write, may end; `None` where nobody asks.
    """

    __slots__ = ("_identities", "_listed", "_writing", "housekeeping", "writer")

    def __init__(
        self,
        writing: Connection,
        reading: Connection,
        scope: collections.abc.Callable[[], Scope],
        listeners: Listeners | None = None,
        listed: ListedGuilds | None = None,
    ) -> None:
        self._listed = listed or ListedGuilds(())
        super().__init__(reading, writing, scope)
        self._writing = writing
        self._identities = _file.identities(writing.path)
        self.writer = Writer(
            writing,
            scope().config,
            self._memory,
            lambda events: make_batch(LOSS, {"events": events}, scope()),
            listeners,
            on_lost=self._listed.lose,
        )
        self.housekeeping = Housekeeping(self)
        self.housekeeping.go_on()

    @classmethod
    async def open(
        cls,
        path: pathlib.Path,
        scope: collections.abc.Callable[[], Scope],
        listeners: Listeners | None = None,
        listed: ListedGuilds | None = None,
    ) -> Session:
        """Open a file, creating it where it is missing.

        Raises
        ------
        BackendError
            If the file cannot be opened, is not ours, or is damaged and not to be set aside.
        """
        writing = await cls._connect(path, scope())
        try:
            reading = await _file.connect_reader(path, scope().config.busy_timeout)
        except BaseException:
            await writing.close()
            raise

        return cls(writing, reading, scope, listeners, listed)

    def _forget(self) -> None:
        super()._forget()
        self._listed.forget()

    @staticmethod
    async def _identity(path: pathlib.Path) -> tuple[int, int] | None:
        with errors.from_backend(path):
            return await asyncio.to_thread(_file.identity, path)

    @classmethod
    async def _connect(cls, path: pathlib.Path, scope: Scope) -> Connection:
        """Connect to write, setting a damaged file aside where that is asked for."""
        while True:
            identity = await cls._identity(path)
            try:
                return await _file.connect_writer(path, scope.tables, scope.config)
            except errors.BackendError as error:
                if scope.config.on_corrupt != "set_aside":
                    raise
                if await cls._identity(path) == identity:
                    if not errors.is_damage(error):
                        raise
                    await _file.set_aside(path, identity, error)
                # Else somebody else has set it aside meanwhile, under whoever was connecting.

    async def commit(self, batch: Batch) -> list[int]:
        """Queue a batch and wait for its commit; cancelling the caller does not undo it.

        Returns
        -------
        list[int]
            For each operation, how many rows it deleted; for a *modify*, 1 if its row is stored.

        Raises
        ------
        BackendError
            If it cannot be written.
        ClosedClient
            If the cache is closed meanwhile.
        ValueError
            If a payload cannot be stored.
        """
        self._check_loop()
        self._go_on()
        return await self.writer.submit_awaited(batch)

    async def commit_by_hand(self, batch: Batch) -> list[int]:
        """Commit, as `commit` does, what deletes though Discord did not say that it is gone."""
        self._listed.forget()
        return await self.commit(batch)

    def stats(self) -> Stats:
        """Return what was done and what is yet to do."""
        return self.writer.stats()

    async def close(self) -> None:
        """Write what is queued, fold the log into the file, and close it."""
        self.housekeeping.stop()
        try:
            await self.writer.close()
        finally:
            # The writer's connection is the last to close, since only it can fold the log in.
            try:
                await self._reading.close()
            finally:
                await self._writing.close()

    def abandon(self) -> None:
        """Let go of the file without waiting, where the event loop that it was opened in is gone."""
        super().abandon()
        self._writing.abandon()

    async def rebuild_indexes(self, table: Table[typing.Any]) -> None:
        """Make a table's indexes anew from its rows, where damage has put them at odds.

        Raises
        ------
        BackendError
            If SQLite fails.
        """
        await self._writing.run(lambda raw: raw.execute(f"REINDEX {table.name}").fetchall())

    async def fold_log(self) -> None:
        """Fold what is in the log into the file, as far as no reader needs it, which is when a file that shrank does.

        Raises
        ------
        BackendError
            If SQLite fails.
        """
        await self._writing.run(lambda raw: raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    async def look_for_file(self) -> None:
        """Refuse what is to be written as long as the file or its log was deleted or replaced: nobody would find it."""
        path = self._writing.path
        try:
            are_there = await asyncio.to_thread(_file.identities, path) == self._identities
        except OSError:
            return  # it may be there all the same

        refusal = f"{path}, or the -wal or -shm beside it, was deleted or replaced; close the cache and open it again"
        self.writer.refuse(None if are_there else errors.BackendError(refusal))

    @property
    def _is_busy(self) -> bool:
        return super()._is_busy or self._writing.is_busy

    @property
    def _is_settled(self) -> bool:
        return self.writer.is_settled

    async def settled(self) -> bool:
        self._check_loop()
        return await self.writer.settled()

    def _go_on(self) -> None:
        self.housekeeping.go_on()


class _Watch:
    """Has what is known of the file forgotten once another connection has written to it.

    SQLite's `data_version` moves when another connection commits, and there is no telling what that changed. It is
    looked at in passing, by those who read, so that nothing happens where nobody does.
    """

    __slots__ = ("_begun_at", "_connection", "_forget", "_is_looking", "_looked_at", "_version")

    def __init__(self, connection: Connection, forget: collections.abc.Callable[[], None]) -> None:
        self._begun_at = -math.inf
        self._connection = connection
        self._forget = forget
        self._is_looking = False
        self._looked_at = -math.inf
        self._version: int | None = None

    def is_current(self) -> bool:
        """Whether it was looked at lately; if it was long ago, look again meanwhile."""
        moment = time.monotonic()
        if moment - self._looked_at > _LOOK_AFTER and not self._is_looking:
            self.look()

        return moment - self._looked_at <= _TRUST_FOR

    def look(self) -> None:
        """Ask SQLite, and note what it says when it does."""
        self._is_looking = True
        self._begun_at = time.monotonic()
        self._connection.post(self._take_note, _data_version)

    async def look_now(self) -> None:
        """Ask SQLite, and wait for what it says."""
        self._compare(await self._connection.run(_data_version))

    def _take_note(self, version: int | None, fault: Exception | None) -> None:
        self._is_looking = False
        if fault is not None:
            return  # it stays as long ago as it was, and is tried again

        self._compare(version)
        self._looked_at = self._begun_at

    def _compare(self, version: int | None) -> None:
        before, self._version = self._version, version
        if before is not None and version != before:  # at first there is nothing to forget yet
            self._forget()


def _data_version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA data_version").fetchall()
    return version
