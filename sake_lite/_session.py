"""What an open cache has: the writer, the reader and the housekeeping, from opening to closing."""

from __future__ import annotations

__all__ = ["Session"]

import asyncio
import typing

from . import _file, errors
from ._gateway import LOSS, make_batch
from ._housekeeping import Housekeeping
from ._reader import Reader
from ._writer import Writer

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from ._batch import Batch, Scope
    from ._connection import Connection
    from ._table import Row


class Session:
    """One opening of one file, in one event loop.

    Parameters
    ----------
    writing
        The connection that writes.
    reading
        The connection that reads.
    scope
        Returns the tables and the settings as they are now.
    """

    __slots__ = ("_reader", "_reading", "_writing", "housekeeping", "loop", "scope", "writer")

    def __init__(self, writing: Connection, reading: Connection, scope: collections.abc.Callable[[], Scope]) -> None:
        self.scope = scope
        self._writing = writing
        self._reading = reading
        self._reader = Reader(reading)
        self.loop = asyncio.get_running_loop()
        self.writer = Writer(writing, scope().config, lambda events: make_batch(LOSS, {"events": events}, scope()))
        self.housekeeping = Housekeeping(self)
        self.housekeeping.go_on()

    @classmethod
    async def open(cls, path: pathlib.Path, scope: collections.abc.Callable[[], Scope]) -> Session:
        """Open a file, creating it where it is missing.

        Raises
        ------
        BackendError
            If the file cannot be opened, is not ours, or is damaged.
        """
        config = scope().config
        writing = await _file.connect_writer(path, scope().tables, config)
        try:
            reading = await _file.connect_reader(path, config.busy_timeout)
        except BaseException:
            await writing.close()
            raise

        return cls(writing, reading, scope)

    async def fetch(self, sql: str, parameters: dict[str, typing.Any]) -> list[Row]:
        """Return all rows of a query, after all that was queued before it."""
        self._check_loop()
        self.housekeeping.go_on()
        await self.writer.settled()
        return await self._reader.fetch(sql, parameters)

    async def commit(self, batch: Batch) -> list[int]:
        """Queue a batch and wait for its commit; cancelling the caller does not undo it.

        Returns
        -------
        list[int]
            For each operation, how many rows it wrote or deleted.
        """
        self._check_loop()
        self.housekeeping.go_on()
        future = self.writer.submit_awaited(batch)
        future.add_done_callback(_retrieve)
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Write what is queued, fold the log into the file, and close it."""
        self.housekeeping.stop()
        try:
            await self.writer.close()
        finally:
            # The writer's connection is the last to close, since only it can fold the log in.
            await self._reading.close()
            await self._writing.close()

    def abandon(self) -> None:
        """Let go of the file without waiting, where the event loop that it was opened in is gone."""
        self._reading.abandon()
        self._writing.abandon()

    async def fold_log(self) -> None:
        """Fold what is in the log into the file, as far as no reader needs it, which is when a file that shrank does.

        Raises
        ------
        BackendError
            If SQLite fails.
        """
        await self._writing.run(lambda raw: raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    def _check_loop(self) -> None:
        if self.loop is not asyncio.get_running_loop():
            raise errors.ClosedClient("the cache was opened in another event loop, and belongs to it")


def _retrieve(future: asyncio.Future[list[int]]) -> None:
    """Take note of an exception whose caller was cancelled, so that asyncio does not complain that nobody did."""
    if not future.cancelled():
        future.exception()
