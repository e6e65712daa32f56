"""Copying a file to a Redis server, as hikari-sake lays it out there, for a bot that has outgrown one machine.

It goes through hikari-sake's public classes: each table's rows are given, as raw payloads, to the `set_*` method of
Sake that has the name of our own. So nothing here lists resources; what Sake wants otherwise than we have it is in
`_NEEDS`.
The file is only read, a window of rows at a time, and may be in use. The command line is in `_cli_redis.py`.
"""

from __future__ import annotations

__all__ = ["Copied", "CopyReport", "Progress", "copy", "target_of"]

import asyncio
import collections.abc
import dataclasses
import hashlib
import inspect
import math
import typing

import hikari
import redis
import sake.redis

from . import __version__, _app, _config, _file, errors
from ._batch import Scope
from ._redis_server import CopyNote, disconnect, failures, without_secrets
from ._session import ReadOnlySession
from ._walk import Walk
from .cache import SQLiteCache
from .resources.invite import INVITES
from .resources.member import MEMBERS
from .resources.voice_state import VOICE_STATES

if typing.TYPE_CHECKING:
    import os
    import pathlib

    from ._codec import Payload
    from ._table import Key, Row, Table

# Rows that are on their way at once, and the connections that they share.
_AT_ONCE: typing.Final[int] = 500
_CONNECTIONS: typing.Final[int] = 16

# Rows of one resource that are named in the report; the others are only counted.
_MOST_NAMED: typing.Final[int] = 100

_EXPIRED: typing.Final[str] = "expired"


@dataclasses.dataclass(slots=True)
class Copied:
    """What became of the rows of one resource."""

    rows: int = 0
    """How many were copied."""

    left_out: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    """How many were not, though there is nothing wrong with them, by the reason."""

    faults: int = 0
    """How many were not since something is wrong: with the row, or with what follows in the file."""

    named: list[str] = dataclasses.field(default_factory=list[str])
    """The rows that were not copied, the first of them, each by its key and with the reason, in a sentence."""

    endless: int = 0
    """How many were copied whose end was lost, since Sake keeps such for ever."""

    after: Key | None = None
    """The key of the last row that was dealt with, while there may be more."""

    is_done: bool = False
    """Whether all were dealt with."""

    def leave_out(self, reason: str, rows: int = 1) -> None:
        """Count rows that are not copied, for a reason that is nobody's fault."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + rows

    def name(self, sentence: str) -> bool:
        """Name a row, unless it is named already; returns whether it was not."""
        if sentence in self.named:
            return False
        if len(self.named) < _MOST_NAMED:
            self.named.append(sentence)
        return True


@dataclasses.dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied and what was not."""

    server: str
    """The Redis server, as messages may show it."""

    resources: dict[str, Copied]
    """What became of each resource, by the name of its table."""

    before: int
    """How many rows an earlier run, which was interrupted, had copied."""

    @property
    def rows(self) -> int:
        """How many rows were copied, those of an interrupted run before too."""
        return sum(each.rows for each in self.resources.values())

    @property
    def is_whole(self) -> bool:
        """Whether nothing was wrong."""
        return not any(each.faults for each in self.resources.values())


class Progress(typing.Protocol):
    """Is told how far it has come."""

    def __call__(self, resource: str, rows: int, of: int, /) -> None:
        """Take note that so many rows of a resource were dealt with, of so many that there were."""
        ...


async def copy(path: str | os.PathLike[str], address: str, progress: Progress) -> CopyReport:
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
    async with CopyNote(address, await asyncio.to_thread(_state, file)) as note:
        notes = (note for table in SQLiteCache.all_tables for note in table.notes)
        tables = tuple(dict.fromkeys([*notes, *SQLiteCache.all_tables]))
        scope = Scope(tables=tables, config=_config.Config(row_cache_bytes=0))
        session = await ReadOnlySession.open(file, lambda: scope)
        try:
            return await _Copying(session, address, note, progress).run()
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


# What Sake wants.


class _Target(typing.NamedTuple):
    """Sake's class for a table, and its method that stores one row."""

    kind: typing.Any
    setter: str


def target_of(table: Table[typing.Any]) -> _Target | None:
    """Return where in Sake a table's rows go: to the method that has the name of our own; `None` where Sake has none.

    Of Sake's classes it is the one that does least: one that keeps users too would write a user for each row that names
    one, to end after an hour, whatever the file says of that user.
    """
    resource = next(base for base in SQLiteCache.__mro__ if table in base.__dict__.get("tables", ()))
    (setter,) = [name for name in vars(resource) if name.startswith("set_")]
    kinds = [kind for kind in map(_sakes, sake.redis.__all__) if hasattr(kind, setter)]
    kind = min(kinds, key=lambda kind: len(kind.__mro__), default=None)
    return None if kind is None else _Target(kind, setter)


def _sakes(name: str) -> typing.Any:
    return getattr(sake.redis, name)


class _LeftOut(Exception):
    """A row cannot be copied, for a reason that is nobody's fault."""


async def _with_max_age(payload: Payload, _session: ReadOnlySession, _client: typing.Any) -> Payload:
    """Add what Discord may leave out of an invite, and hikari needs; we add it where we read."""
    return {"max_age": 0, **payload}


async def _with_member(payload: Payload, session: ReadOnlySession, client: typing.Any) -> Payload:
    """Add whose voice state it is, which Sake reads there, and Discord leaves out in a GUILD_CREATE.

    And delete the one that a run before has copied, else Sake would go on listing it in the channel of then.
    """
    key = VOICE_STATES.key_values(payload)
    member = payload.get("member") or await session.payload(MEMBERS, key)
    if not member:
        raise _LeftOut("their members, which Sake needs, are not in the file")

    await client.delete_voice_state(*key)
    return {**payload, "member": member}


_Need: typing.TypeAlias = "collections.abc.Callable[[Payload, ReadOnlySession, typing.Any], typing.Awaitable[Payload]]"

_NEEDS: typing.Final[dict[Table[typing.Any], _Need]] = {INVITES: _with_max_age, VOICE_STATES: _with_member}
"""What is to be done to a payload before Sake gets it, by Sake's client too; may raise `_LeftOut`."""


# Copying.


class _StoredRow(typing.NamedTuple):
    key: Key
    payload: Payload


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

    async def next(self) -> list[_StoredRow | errors.InvalidDataFound] | None:
        """Return the next rows, or what is wrong with one; `None` at the end.

        Raises
        ------
        BackendError
            If what follows cannot be read.
        """
        walk = self._walk
        if walk.position == len(walk.rows) and not await self._next_window():
            return None

        found: list[_StoredRow | errors.InvalidDataFound] = []
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

    def _open_together(self, rows: list[Row]) -> list[_StoredRow]:
        keys = [row[: len(self._table.key)] for row in rows]
        return [self._open(*each) for each in zip(keys, self._table.open_rows(rows), strict=True)]

    def _open(self, key: Key, payload: Payload) -> _StoredRow:
        try:
            self._table.build(self._factory, key, payload)
        except errors.InvalidDataFound as error:
            if not isinstance(error.base_exception, hikari.UnrecognisedEntityError):  # Sake leaves it out, as we do
                raise

        return _StoredRow(key, payload)


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
    """

    def __init__(self, session: ReadOnlySession, address: str, note: CopyNote, progress: Progress) -> None:
        self._address = address
        self._app = _app.as_app(None)
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

    async def _copy_table(self, table: Table[typing.Any], copied: Copied) -> None:
        target = target_of(table)
        there = await self._count(table, table.count(None), copied)
        if copied.after is None:
            # Rows that are hidden belong to a past session of the gateway; others that are not there have expired.
            gone = await self._count(table, table.count_invisible, copied)
            copied.leave_out(_EXPIRED if table.hidden_by is None else "of a past session", gone)
        if target is None:
            copied.leave_out(f"Sake has no {table.name}", there)
            return

        with failures(self._server):
            async with target.kind(self._address, self._app, max_connections_per_db=_CONNECTIONS) as client:
                try:
                    await self._copy_rows(table, copied, _Storing(table, client, target, self._session), there)
                finally:
                    await disconnect(client)

    async def _count(self, table: Table[typing.Any], sql: str, copied: Copied) -> int:
        try:
            ((count,),) = await self._session.fetch(sql, {"moment": _config.now()})
        except errors.BackendError as error:
            _fail(copied, f"{table.name} cannot be counted: {error.message}")
            return 0

        return count

    async def _copy_rows(self, table: Table[typing.Any], copied: Copied, storing: _Storing, there: int) -> None:
        rows = _Rows(self._session, table, self._app.entity_factory, copied.after and tuple(copied.after))
        done = copied.rows + copied.faults
        while True:
            self._progress(table.name, done, max(done, there))
            try:
                found = await rows.next()
            except errors.BackendError as error:
                _fail(copied, f"{table.name} cannot be read to its end: {error.message}")
                return
            if found is None:
                return

            sound: list[_StoredRow] = []
            for each in found:
                if isinstance(each, errors.InvalidDataFound):
                    _fail(copied, each.message)
                else:
                    sound.append(each)
            await storing.store(sound, rows.ends_at, copied)
            done += len(found)
            copied.after = rows.after
            await self._take_note()


def _fail(copied: Copied, fault: str) -> None:
    if copied.name(fault):  # else a run before has met it
        copied.faults += 1


class _Storing:
    """Storing rows of one table by one method of Sake's.

    Parameters
    ----------
    table
        The table.
    client
        Sake's client, open.
    target
        Which method it is.
    session
        Reads what else of the file belongs to a row.
    """

    def __init__(self, table: Table[typing.Any], client: typing.Any, target: _Target, session: ReadOnlySession) -> None:
        self._client = client
        self._session = session
        self._set: collections.abc.Callable[..., collections.abc.Awaitable[None]] = getattr(client, target.setter)
        self._table = table
        parameters = inspect.signature(self._set).parameters
        self._takes_expiry = "expire_time" in parameters
        self._ids = [name for name in parameters if name not in {"payload", "expire_time"}]

    async def store(
        self,
        rows: list[_StoredRow],
        ends_at: collections.abc.Callable[[Key], int | None],
        copied: Copied,
    ) -> None:
        """Store rows, and count what became of each.

        Raises
        ------
        RedisFailure
            If the server cannot be reached or refuses.
        """
        ready: list[_StoredRow] = []
        for row in rows:
            try:
                ready.append(_StoredRow(row.key, await self._prepare(row.payload)))
            except Exception as exception:  # noqa: BLE001 - it is counted, or raised as what it is
                self._leave_out(row, exception, copied)

        storing = [self._store(row, ends_at(row.key)) for row in ready]
        for row, fault in zip(ready, await asyncio.gather(*storing, return_exceptions=True), strict=True):
            if fault is not None:
                self._leave_out(row, fault, copied)
                continue
            copied.rows += 1
            if not self._takes_expiry and ends_at(row.key) is not None:
                copied.endless += 1

    async def _prepare(self, payload: Payload) -> Payload:
        need = _NEEDS.get(self._table)
        # Sake adds to what it gets, and takes away.
        return dict(payload) if need is None else await need(payload, self._session, self._client)

    async def _store(self, row: _StoredRow, ends_at: int | None) -> None:
        ids = [int(row.payload[name]) for name in self._ids]
        expiry = {"expire_time": self._lifetime(ends_at)} if self._takes_expiry else {}
        await self._set(*ids, row.payload, **expiry)

    def _lifetime(self, ends_at: int | None) -> float | None:
        """Return for how long Sake is to keep a row, in seconds; `None` is for as long as it would by itself."""
        if ends_at is None:
            return math.inf

        remaining = (ends_at - _config.now()) / 1000
        if remaining > 0:
            return _config.seconds(remaining)
        if self._table.keepers:  # it is there only because a row of another table keeps it, which Sake does not know
            return None

        raise _LeftOut(_EXPIRED)

    def _leave_out(self, row: _StoredRow, fault: BaseException, copied: Copied) -> None:
        """Count a row that was not stored.

        Raises
        ------
        Exception
            If it is not the row's fault.
        """
        if isinstance(fault, (redis.RedisError, OSError)) or not isinstance(fault, Exception):
            raise fault

        key = f"the row {self._table.describe(row.key)} of {self._table.name}"
        if isinstance(fault, _LeftOut):
            copied.leave_out(str(fault))
            if str(fault) != _EXPIRED:
                copied.name(f"{key} is left out: {fault}")
        elif isinstance(fault, errors.SakeException):
            _fail(copied, f"{key} needs another: {fault.message}")
        else:
            _fail(copied, f"{key} cannot be stored: {type(fault).__name__}: {fault}")
