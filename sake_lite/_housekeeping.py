"""What is removed without being asked for: expired rows, rows beyond a table's limit, and the file's unused pages.

All of it goes in small steps, so that neither connection is held for long. What is expired is looked for on the
connection that reads; the one that writes only deletes what was found, if it is still so.
"""

from __future__ import annotations

__all__ = ["Housekeeping"]

import asyncio
import logging
import typing

from . import _config, errors
from ._batch import Batch
from ._operations import DeleteExpired, DeleteOldest, Shrink

if typing.TYPE_CHECKING:
    from ._session import Session
    from ._table import Table

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

_INTERVAL: typing.Final[float] = 60.0  # seconds between two rounds
_ROWS: typing.Final[int] = 500  # per step
_PAGES: typing.Final[int] = 250  # per step, one megabyte

# Pages that stay unused, since what comes next will want them: giving them back and taking them again wears out flash.
_SPARE_PAGES: typing.Final[int] = 64
_SPARE_PART: typing.Final[float] = 1 / 8

# Below every expiry and rowid.
_START: typing.Final[tuple[int, int]] = (-(2**63), -(2**63))


class Housekeeping:
    """The task that keeps a session's file tidy.

    Parameters
    ----------
    session
        The session, which starts and stops it.
    """

    __slots__ = ("_is_stopped", "_session", "_task")

    def __init__(self, session: Session) -> None:
        self._is_stopped = False
        self._session = session
        self._task: asyncio.Task[None] | None = None

    def go_on(self) -> None:
        """Start the task, also where something has cancelled it while the event loop lives on."""
        if not self._is_stopped and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="sake_lite housekeeping")

    def stop(self) -> None:
        """Stop the task; what it was about to do is left to the next time."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self._session.look_for_file()
                if self._session.scope().config.housekeeping:
                    await self.tidy()
            except errors.SakeException as error:
                # The writer logs why nothing can be written; the next round tries again.
                _LOGGER.debug("housekeeping was put off: %s", error)

    async def tidy(self) -> None:
        """Do one round.

        Raises
        ------
        BackendError
            If the file cannot be read or written.
        ClosedClient
            If the cache is closed meanwhile.
        """
        for table in self._session.scope().tables:
            await self.delete_expired(table)
            await self._delete_oldest(table)

        await self._shrink()

    async def delete_expired(self, table: Table[typing.Any]) -> None:
        """Delete a table's rows that expired and that no other row keeps.

        Raises
        ------
        BackendError
            If the file cannot be read or written.
        ClosedClient
            If the cache is closed meanwhile.
        """
        moment = _config.now()
        after = _START
        while True:
            bounds = {"after_expiry": after[0], "after_rowid": after[1]}
            expired = await self._session.fetch(table.expired, {"moment": moment, "size": _ROWS, **bounds})
            if not expired:
                return

            until = (expired[-1][0], expired[-1][1])
            if any(is_gone for _, _, is_gone in expired):
                await self._commit(DeleteExpired(table, moment, after, until))
            after = until

    async def _delete_oldest(self, table: Table[typing.Any]) -> None:
        if table.limit is None:
            return

        limit = table.limit(self._session.scope().config)
        rows = await self._count(f"SELECT count(*) FROM {table.name}")
        while rows > limit:
            deleted = await self._commit(DeleteOldest(table, limit, _ROWS))
            rows = rows - deleted if deleted else 0

    async def _shrink(self) -> None:
        """Give back the pages that are not used, but for a reserve."""
        unused = await self._count("PRAGMA freelist_count")
        pages = await self._count("PRAGMA page_count")
        reserve = max(_SPARE_PAGES, int((pages - unused) * _SPARE_PART))
        if unused <= reserve:
            return

        before = unused + 1
        while reserve < unused < before:
            await self._commit(Shrink(min(unused - reserve, _PAGES)))
            before, unused = unused, await self._count("PRAGMA freelist_count")

        await self._session.fold_log()

    async def _count(self, sql: str) -> int:
        ((count,),) = await self._session.fetch(sql, {})
        return count

    async def _commit(self, operation: DeleteExpired | DeleteOldest | Shrink) -> int:
        batch = Batch("housekeeping", self._session.scope())
        batch.add(operation)
        counts = await self._session.commit(batch)
        return sum(counts)
