"""What an open cache has: the writer, the reader and the housekeeping, from opening to closing."""

from __future__ import annotations

__all__ = ["Session"]

import asyncio
import logging
import typing

from . import _file, errors
from ._operations import Batch, Scope
from ._reader import Reader
from ._writer import Writer

if typing.TYPE_CHECKING:
    import collections.abc
    import pathlib

    from ._connection import Connection
    from ._table import Row

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

# Housekeeping: how often, in seconds, and how many rows a step removes, so that no step holds the writer for long.
_HOUSEKEEPING_INTERVAL: typing.Final[float] = 60.0
_HOUSEKEEPING_ROWS: typing.Final[int] = 500


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

    __slots__ = ("_housekeeping", "_reader", "_reading", "_scope", "_writing", "loop", "writer")

    def __init__(self, writing: Connection, reading: Connection, scope: collections.abc.Callable[[], Scope]) -> None:
        self._scope = scope
        self._writing = writing
        self._reading = reading
        self._reader = Reader(reading)
        self.loop = asyncio.get_running_loop()
        self.writer = Writer(writing, scope().config)
        self._housekeeping = asyncio.create_task(self._keep_house(), name="sake_lite housekeeping")

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
        future = self.writer.submit_awaited(batch)
        future.add_done_callback(_retrieve)
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Write what is queued, fold the log into the file, and close it."""
        self._housekeeping.cancel()
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

    async def prune(self) -> None:
        """Remove expired rows, and those beyond a table's limit, in small steps."""
        for table in self._scope().tables:
            removed = _HOUSEKEEPING_ROWS
            while removed >= _HOUSEKEEPING_ROWS:
                batch = Batch("housekeeping", self._scope())
                batch.prune(table, _HOUSEKEEPING_ROWS)
                (removed,) = await self.commit(batch)

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self.loop:
            raise errors.ClosedClient("the cache was opened in another event loop, and belongs to it")

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_INTERVAL)
            try:
                await self.prune()
            except errors.SakeException as error:
                # The writer logs why nothing can be written; the next round tries again.
                _LOGGER.debug("housekeeping was put off: %s", error)


def _retrieve(future: asyncio.Future[list[int]]) -> None:
    """Take note of an exception whose caller was cancelled, so that asyncio does not complain that nobody did."""
    if not future.cancelled():
        future.exception()
