"""Copying a file to a Redis server, as hikari-sake lays it out there, for a bot that has outgrown one machine.

It goes through hikari-sake's public classes (`_sake.py`), which get the raw payloads. The file is only read, a window
of rows at a time, and may be in use. The command line is in `_cli_redis.py`.
"""

from __future__ import annotations

__all__ = ["copy"]

import asyncio
import contextlib
import dataclasses
import hashlib
import typing

import hikari

from . import __version__, _app, _config, _file, errors
from ._batch import Scope
from ._copy_report import EXPIRED, Copied, CopyReport
from ._redis_server import CopyNote, disconnect, failures, without_secrets
from ._sake_others import Others
from ._sake_rows import StoredRow, Storing, target_of
from ._session import ReadOnlySession
from ._walk import Walk
from .cache import SQLiteCache

if typing.TYPE_CHECKING:
    import os
    import pathlib

    from ._codec import Payload
    from ._export import Progress
    from ._table import Key, Row, Table

# Rows that are on their way at once, and the connections that they share.
_AT_ONCE: typing.Final[int] = 500
_CONNECTIONS: typing.Final[int] = 16


async def copy(
    path: str | os.PathLike[str], address: str, progress: Progress, *, delete_others: bool = False
) -> CopyReport:
    """Copy what is in a file to a Redis server, over what is there.

    Where a run before was interrupted, and nobody has written to the file since, it goes on from there.

    Parameters
    ----------
    path
        The file, in which nothing is changed.
    address
        The server's address.
    progress
        Is told how far it has come.
    delete_others
        Whether to delete what Sake has on the server and the file has not, instead of counting it. Nothing is deleted
        of a resource whose rows in the file are damaged: what was damaged may be what is missing.

    Raises
    ------
    BackendError
        If the file cannot be opened.
    RedisFailure
        If the server cannot be reached or refuses; what was copied until then is there.
    ValueError
        If the address is none.
    """
    file = _file.absolute(path)
    subject = f"{await asyncio.to_thread(_state, file)}{' delete' if delete_others else ''}"
    async with CopyNote(address, subject) as note:
        notes = (note for table in SQLiteCache.all_tables for note in table.notes)
        tables = tuple(dict.fromkeys([*notes, *SQLiteCache.all_tables]))
        scope = Scope(tables=tables, config=_config.Config(row_cache_bytes=0))
        session = await ReadOnlySession.open(file, lambda: scope)
        try:
            return await _Copying(session, address, note, progress, delete_others=delete_others).run()
        finally:
            await session.close()


def _state(path: pathlib.Path) -> str:
    """Return what tells a file, and whether somebody has written to it; and who noted that, since notes change."""
    parts = [path, path.with_name(f"{path.name}-wal")]
    with errors.from_backend(path):
        states = [part.stat() for part in parts if part.exists()]
    # A log that holds nothing is made by those who read.
    told = [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states if state.st_size]
    return hashlib.sha256(repr((__version__, path, told)).encode("utf-8", "surrogateescape")).hexdigest()


class _Rows:
    """A table's visible rows, some at a time, each found sound; and when they end.

    Parameters
    ----------
    session
        Reads the file.
    table
        The table.
    factory
        What has to make an entity of each row, as Sake's will: one that it refuses would end Sake's iterations.
    after
        The key after which to begin; `None` for all rows.
    """

    __slots__ = ("_ends", "_factory", "_session", "_table", "_walk")

    def __init__(
        self,
        session: ReadOnlySession,
        table: Table[typing.Any],
        factory: hikari.api.EntityFactory,
        after: Key | None,
    ) -> None:
        self._ends: dict[Key, int | None] = {}
        self._factory = factory
        self._session = session
        self._table = table
        self._walk = Walk(table, None, self._open_together, self._open)
        if after is not None:
            self._walk.after = after

    @property
    def after(self) -> Key:
        """The key after which the rows are that were not given yet."""
        return self._walk.after

    def ends_at(self, key: Key) -> int | None:
        """Return when a row, of those that were given last, ends (Unix ms); `None` is never."""
        return self._ends[key]

    async def next(self) -> list[StoredRow | errors.InvalidDataFound] | None:
        """Return the next rows, or what is wrong with one; `None` at the end.

        Raises
        ------
        BackendError
            If what follows cannot be read.
        """
        walk = self._walk
        if walk.position == len(walk.rows) and not await self._next_window():
            return None

        found: list[StoredRow | errors.InvalidDataFound] = []
        while walk.position < len(walk.rows) and len(found) < _AT_ONCE:
            found.extend(walk.make_next())
        return found

    async def _next_window(self) -> bool:
        query = self._walk.window_query()
        if query is None:
            return False

        _, asked = query
        found = await self._session.fetch(self._table.window_and_expiry, asked)
        rows = [row[:-1] for row in found]
        self._ends = {row[: len(self._table.key)]: row[-1] for row in found}
        self._walk.take_window(rows, asked)
        return True

    def _open_together(self, rows: list[Row]) -> list[StoredRow]:
        keys = [row[: len(self._table.key)] for row in rows]
        return [self._open(*each) for each in zip(keys, self._table.open_rows(rows), strict=True)]

    def _open(self, key: Key, payload: Payload) -> StoredRow:
        try:
            self._table.build(self._factory, key, payload)
        except errors.InvalidDataFound as error:
            if not isinstance(error.base_exception, hikari.UnrecognisedEntityError):  # Sake leaves it out, as we do
                raise

        return StoredRow(key, payload)


class _Copying:
    """One run of copying a file.

    Parameters
    ----------
    session
        Reads the file.
    address
        The server's address.
    note
        Where to note how far it has come.
    progress
        Is told how far it has come.
    delete_others
        Whether to delete what Sake has on the server and the file has not.
    """

    def __init__(
        self, session: ReadOnlySession, address: str, note: CopyNote, progress: Progress, *, delete_others: bool
    ) -> None:
        self._address = address
        self._app = _app.as_app(None)
        self._delete_others = delete_others
        self._note = note
        self._progress = progress
        self._session = session
        self._server = without_secrets(address)
        self._copied: dict[str, Copied] = {}

    async def run(self) -> CopyReport:
        """Copy all tables.

        Raises
        ------
        RedisFailure
            If the server cannot be reached or refuses.
        """
        noted = await self._note.read() or {}
        self._copied = {name: Copied(**copied) for name, copied in noted.items()}
        before = sum(copied.rows for copied in self._copied.values())
        for table in SQLiteCache.all_tables:
            copied = self._copied.setdefault(table.name, Copied())
            if not copied.is_done:
                await self._copy_table(table, copied)
                copied.is_done = True
                await self._take_note()

        await self._note.remove()
        return CopyReport(self._server, self._copied, before)

    async def _take_note(self) -> None:
        await self._note.write({name: dataclasses.asdict(copied) for name, copied in self._copied.items()})
        # The client of Redis loses a cancellation, such as Ctrl-C, that comes as it looks whether a connection is idle.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError

    async def _copy_table(self, table: Table[typing.Any], copied: Copied) -> None:
        target = target_of(table)
        there = await self._count(table, table.count(None), copied)
        if copied.after is None:
            # Rows that are hidden belong to a past session of the gateway; others that are not there have expired.
            gone = await self._count(table, table.count_invisible, copied)
            copied.leave_out(EXPIRED if table.hidden_by is None else "of a past session", gone)
        if target is None:
            copied.leave_out(f"Sake has no {table.name}", there)
            return

        with failures(self._server):
            async with target.kind(self._address, self._app, max_connections_per_db=_CONNECTIONS) as client:
                try:
                    await self._copy_rows(table, copied, Storing(table, client, target, self._session), there)
                    await self._meet_others(table, copied, Others(table, client, target, self._session))
                finally:
                    await disconnect(client)

    async def _count(self, table: Table[typing.Any], sql: str, copied: Copied) -> int:
        try:
            ((count,),) = await self._session.fetch(sql, {"moment": _config.now()})
        except errors.BackendError as error:
            copied.fail(f"{table.name} cannot be counted: {error.message}")
            return 0

        return count

    async def _copy_rows(self, table: Table[typing.Any], copied: Copied, storing: Storing, there: int) -> None:
        rows = _Rows(self._session, table, self._app.entity_factory, copied.after and tuple(copied.after))
        done = copied.rows + copied.faults
        while True:
            self._progress(table.name, done, max(done, there))
            try:
                found = await rows.next()
            except errors.BackendError as error:
                copied.fail(f"{table.name} cannot be read to its end: {error.message}")
                return
            if found is None:
                return

            sound: list[StoredRow] = []
            for each in found:
                if isinstance(each, errors.InvalidDataFound):
                    copied.fail(each.message)
                else:
                    sound.append(each)
            await storing.store(sound, rows.ends_at, copied)
            done += len(found)
            copied.after = rows.after
            await self._take_note()

    async def _meet_others(self, table: Table[typing.Any], copied: Copied, others: Others) -> None:
        """Delete what the server has and the file has not, or count it."""
        is_deleting = self._delete_others and not copied.faults
        copied.others = 0  # an interrupted run may have counted some
        self._progress(f"{table.name} on the server", copied.rows, copied.rows)
        async with contextlib.aclosing(others.windows()) as windows:
            while True:
                try:
                    keys = await anext(windows, None)
                except errors.BackendError as error:
                    copied.fail(f"{table.name} cannot be compared with the server's: {error.message}")
                    return
                if keys is None:
                    return

                if is_deleting:
                    await others.delete(keys, copied)
                    await self._take_note()
                else:
                    copied.others += len(keys)
