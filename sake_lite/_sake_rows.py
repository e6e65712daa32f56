"""Storing rows by hikari-sake, each table's by the `set_*` method of Sake that has the name of our own.

So nothing here lists resources; what Sake wants otherwise than we have it is in `_NEEDS`.
"""

from __future__ import annotations

__all__ = ["StoredRow", "Storing", "Target", "raise_unless_of_a_row", "target_of"]

import asyncio
import collections.abc
import inspect
import math
import typing

import redis
import sake.redis

from . import _config, errors
from ._copy_report import EXPIRED
from .cache import SQLiteCache
from .resources.invite import INVITES
from .resources.member import MEMBERS
from .resources.voice_state import VOICE_STATES

if typing.TYPE_CHECKING:
    from ._codec import Payload
    from ._copy_report import Copied
    from ._session import ReadOnlySession
    from ._table import Key, Table


class StoredRow(typing.NamedTuple):
    """A row of the file."""

    key: Key
    payload: Payload


class Target(typing.NamedTuple):
    """Sake's class for a table, and its method that stores one row."""

    kind: typing.Any
    setter: str

    @property
    def deleter(self) -> str:
        """Its method that deletes one row, by the key."""
        return f"delete_{self.setter.removeprefix('set_')}"


def target_of(table: Table[typing.Any]) -> Target | None:
    """Return where in Sake a table's rows go: to the method that has the name of our own; `None` where Sake has none.

    Of Sake's classes it is the one that does least: one that keeps users too would write a user for each row that names
    one, to end after an hour, whatever the file says of that user.
    """
    resource = next(base for base in SQLiteCache.__mro__ if table in base.__dict__.get("tables", ()))
    (setter,) = [name for name in vars(resource) if name.startswith("set_")]
    kinds = [kind for kind in map(_sakes, sake.redis.__all__) if hasattr(kind, setter)]
    kind = min(kinds, key=lambda kind: len(kind.__mro__), default=None)
    return None if kind is None else Target(kind, setter)


def _sakes(name: str) -> typing.Any:
    return getattr(sake.redis, name)


def raise_unless_of_a_row(fault: BaseException) -> None:
    """Raise what one of Sake's methods has raised, if it is not about the row that it was given."""
    if isinstance(fault, (redis.RedisError, OSError)) or not isinstance(fault, Exception):
        raise fault


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


class Storing:
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

    def __init__(self, table: Table[typing.Any], client: typing.Any, target: Target, session: ReadOnlySession) -> None:
        self._client = client
        self._session = session
        self._set: collections.abc.Callable[..., collections.abc.Awaitable[None]] = getattr(client, target.setter)
        self._table = table
        parameters = inspect.signature(self._set).parameters
        self._takes_expiry = "expire_time" in parameters
        self._ids = [name for name in parameters if name not in {"payload", "expire_time"}]

    async def store(
        self,
        rows: list[StoredRow],
        ends_at: collections.abc.Callable[[Key], int | None],
        copied: Copied,
    ) -> None:
        """Store rows, and count what became of each.

        Raises
        ------
        RedisFailure
            If the server cannot be reached or refuses.
        """
        ready: list[StoredRow] = []
        for row in rows:
            try:
                ready.append(StoredRow(row.key, await self._prepare(row.payload)))
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

    async def _store(self, row: StoredRow, ends_at: int | None) -> None:
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

        raise _LeftOut(EXPIRED)

    def _leave_out(self, row: StoredRow, fault: BaseException, copied: Copied) -> None:
        """Count a row that was not stored.

        Raises
        ------
        Exception
            If it is not the row's fault.
        """
        raise_unless_of_a_row(fault)
        key = f"the row {self._table.describe(row.key)} of {self._table.name}"
        if isinstance(fault, _LeftOut):
            copied.leave_out(str(fault))
            if str(fault) != EXPIRED:
                copied.name(f"{key} is left out: {fault}")
        elif isinstance(fault, errors.SakeException):
            copied.fail(f"{key} needs another: {fault.message}")
        else:
            copied.fail(f"{key} cannot be stored: {type(fault).__name__}: {fault}")
