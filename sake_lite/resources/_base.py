"""What all resources share: opening, closing, the gateway's events, and getting, iterating and clearing over a table.

A resource is a mixin of this class that names its tables and adds its public methods; it keeps no state of its own, so
that any of them can be put together.
"""

from __future__ import annotations

__all__ = ["Resource"]

import asyncio
import contextlib
import dataclasses
import logging
import typing
import warnings

import hikari

from .. import _app, _codec, _config, _file, _gateway, abc, errors
from .._batch import MALFORMED, Batch, Scope, malformed
from .._check import CheckReport, check
from .._column import snowflake
from .._iterator import CacheIterator
from .._listed import ListedGuilds
from .._listeners import Listeners
from .._missing_changes import MissingChanges
from .._purge import purge
from .._session import ReadOnlySession, Session
from .._stats import Stats
from .._table import with_notes

if typing.TYPE_CHECKING:
    import collections.abc
    import os
    import types

    import tanjun

    from .._chunks import ChunkRequests
    from .._codec import Payload
    from .._config import ExpireT, OnCorruptT
    from .._snapshot import Snapshot
    from .._table import Row, Table

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")
_EntityT = typing.TypeVar("_EntityT")
_T = typing.TypeVar("_T")
_USER_ID: typing.Final = snowflake("user_id")


class Resource(abc.Resource):
    """A cache in a SQLite file; what it keeps is decided by the resources that are mixed in.

    Parameters
    ----------
    path
        The file. It is created, readable by its owner only, where it is missing; its folder must be there.
    app
        What entities are bound to, hence how their methods reach Discord: a bot, or a REST client. Without one,
        entities have their data, and their network calls raise `hikari.ComponentStateConflictError`.
    event_manager
        The event manager whose gateway events fill the cache, while it is open.
    event_managed
        Whether the cache opens when the bot starts and closes when the bot has stopped. Where it cannot be opened then,
        that is logged, the bot starts all the same, and using the cache raises `ClosedClient`, which says why.
    user_expire
        How long a user is kept after it was last seen, once no cached member is that user. By default one day.
    member_expire
        How long a member is kept after it was last seen, where the bot lacks the GUILD_MEMBERS intent, without which
        nobody tells when a member leaves. By default one day.
    message_expire
        How long a message is kept. By default one day.
    message_limit
        How many messages are kept at most; the oldest go. By default 100,000.
    invite_expire
        How long an invite is kept that does not say when it ends. By default 30 days.
    busy_timeout
        How long a call waits for a lock that another process holds on the file. By default 5 seconds.
    max_pending_rows
        How many rows of events wait at most while nothing can be written; beyond it the oldest events are dropped,
        which `stats` counts. By default 200,000.
    row_cache_bytes
        How many bytes of rows that were read lately are kept in memory, from where they are read again in a few
        microseconds; 0 for none. What another process writes is seen after a second at most, or at once with 0. By
        default 16 MiB.
    on_corrupt
        What to do where the file is damaged, or no database at all: `"raise"` a `BackendError`, the default, or
        `"set_aside"`: rename it to `NAME.corrupt-TIME`, log a warning, and start afresh. The latter looks at the whole
        file at each opening, which takes about a second for each gigabyte. Another program's database and a newer
        version's file are not damaged, and always raise. It is for a file that one process uses: others that have it
        open would go on with the one that was renamed.
    housekeeping
        Whether to remove what has expired, and messages beyond `message_limit`, every minute while the cache is open.
        By default `True`; without it the file only grows.
    read_only
        Whether to open the file to read only, which also works while a bot writes to it: it has to be there, nothing in
        it is changed, and methods that would raise `BackendError`.

    Raises
    ------
    ValueError
        If `event_managed` is asked for without an event manager, `read_only` with one, a setting makes no sense, or the
        path names no file.
    TypeError
        If `app` is neither a bot nor a REST client, or a lifetime is neither a number nor a `timedelta`.

    Notes
    -----
    Times are seconds (`int` or `float`) or a `datetime.timedelta`; a lifetime of `inf` or `nan` is for ever. `None` is
    the default of each.
    """

    __slots__ = (
        "_app",
        "_chunks",
        "_event_manager",
        "_failure",
        "_is_read_only",
        "_listed",
        "_missing_changes",
        "_path",
        "_scope",
        "_session",
        "_shards",
        "_transition",
    )

    tables: typing.ClassVar[tuple[Table[typing.Any], ...]] = ()
    """The tables that this class itself adds."""

    all_tables: typing.ClassVar[tuple[Table[typing.Any], ...]] = ()
    """The tables of this class and of all that it inherits from: what the cache keeps."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = (table for base in cls.__mro__ for table in base.__dict__.get("tables", ()))
        cls.all_tables = tuple(dict.fromkeys(own))

    def __init__(
        self,
        path: str | os.PathLike[str],
        app: hikari.RESTAware | hikari.api.RESTClient | None = None,
        event_manager: hikari.api.EventManager | None = None,
        *,
        event_managed: bool = False,
        read_only: bool = False,
        user_expire: ExpireT | None = None,
        member_expire: ExpireT | None = None,
        message_expire: ExpireT | None = None,
        message_limit: int | None = None,
        invite_expire: ExpireT | None = None,
        busy_timeout: ExpireT | None = None,
        max_pending_rows: int | None = None,
        row_cache_bytes: int | None = None,
        on_corrupt: OnCorruptT | None = None,
        housekeeping: bool = True,
    ) -> None:
        if event_managed and event_manager is None:
            raise ValueError("event_managed needs an event_manager")
        if read_only and event_manager is not None:
            raise ValueError("a cache that is read_only cannot take in the events of an event_manager")

        self._app = _app.as_app(app)
        self._chunks: ChunkRequests | None = None
        self._event_manager = event_manager
        self._failure: errors.BackendError | None = None
        self._is_read_only = read_only
        self._listed = ListedGuilds(self.all_tables)
        self._missing_changes = None if event_manager is None else MissingChanges(self, event_manager)
        self._path = _file.absolute(path)
        self._session: ReadOnlySession | None = None
        self._shards: set[int] = set()  # those that were heard since the opening
        self._transition: asyncio.Task[None] | None = None
        config = _config.Config().replace(
            user_expire=user_expire,
            member_expire=member_expire,
            message_expire=message_expire,
            message_limit=message_limit,
            invite_expire=invite_expire,
            busy_timeout=busy_timeout,
            max_pending_rows=max_pending_rows,
            row_cache_bytes=row_cache_bytes,
            on_corrupt=on_corrupt,
            housekeeping=housekeeping,
        )
        self._scope = Scope(tables=with_notes(self.all_tables), config=config, intents=_intents_of(app, event_manager))
        if event_manager is not None:
            self._warn_of_missing_intents()
            if event_managed:
                event_manager.subscribe(hikari.StartingEvent, self._on_starting)
                # At `StoppingEvent` the shards still deliver; at this one they are silent.
                event_manager.subscribe(hikari.StoppedEvent, self._on_stopped)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self._path)!r}, {'open' if self.is_alive else 'closed'}>"

    async def __aenter__(self) -> typing.Self:
        try:
            await self.open()
        except asyncio.CancelledError:
            # The opening goes on by itself, and nobody would come to close it.
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: types.TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def app(self) -> hikari.RESTAware:
        """What the cache's entities are bound to."""
        return self._app

    @property
    def event_manager(self) -> hikari.api.EventManager | None:
        """The event manager whose events fill the cache, or `None`."""
        return self._event_manager

    @property
    def is_alive(self) -> bool:
        return self._session is not None and not self._session.loop.is_closed()

    @classmethod
    def all_intents(cls) -> hikari.Intents:
        """Return the gateway intents without which what the cache keeps would not all be kept up to date."""
        intents = hikari.Intents.NONE
        for table in cls.all_tables:
            intents |= table.intents
        return intents

    async def open(self) -> None:
        """Open the file, creating it where it is missing, and begin to take in the gateway's events.

        Opening an open cache does nothing.

        Raises
        ------
        BackendError
            If the file cannot be opened, is not a cache, is of a newer version, or is damaged.
        ClosedClient
            If the cache is open in another event loop that still runs.
        """
        await self._in_turn(self._open)

    async def close(self) -> None:
        """Write all that is queued, and close the file; closing a closed cache does nothing.

        Raises
        ------
        ClosedClient
            If the cache is open in another event loop that still runs.
        """
        await self._in_turn(self._close)

    async def ingest(self, name: str, payload: Payload, /) -> None:
        """Take in a raw gateway dispatch, as the event manager's events are; returns when it is committed.

        One that fails is an event that was lost: what it may have changed no longer counts as known (`add_to_tanjun`,
        `members_complete`), until a GUILD_CREATE of its guild is taken in.

        Parameters
        ----------
        name
            The event's name, such as `"GUILD_CREATE"`. Events that change nothing here do nothing.
        payload
            The dispatch's `d`, which is not changed.

        Raises
        ------
        ValueError
            If the payload is not what Discord documents; nothing of it is stored.
        BackendError
            If it cannot be written.
        ClosedClient
            If the cache is not open.
        """
        session = self._writing_session(name)
        name = name.upper()
        try:
            batch = self._make_batch(name, payload, is_verifying=True)
        except ValueError:
            session.writer.lose(_gateway.lost_event(name, payload))
            raise

        await session.commit(batch)

    async def flush(self) -> None:
        """Wait until all that was queued before is committed.

        Raises
        ------
        BackendError
            If it cannot be written at present.
        ClosedClient
            If the cache is not open.
        """
        await self._commit(self._batch("flush"))

    async def purge_user(self, user_id: hikari.Snowflakeish, /) -> None:
        """Remove a person from every table that the cache keeps, for those who must honour such requests.

        Removed are the user, the members, presences and voice states that they are, the messages that they wrote, and
        what rows of others tell of them: as the inviter of an invite, the maker of an emoji or sticker, mentioned in
        or answered by a message; a row that would be nothing without them is removed. Their bare ID stays where it is
        part of something else, such as the owner of a guild, the overwrites of a channel, and the text that others
        wrote.

        What the gateway tells of them afterwards is stored again, and until the bot connects anew, the members of the
        guilds that they are in no longer count as complete (`members_complete`). SQLite overwrites what was deleted as
        it needs the space; copies and backups of the file are not touched.

        Raises
        ------
        BackendError
            If the file cannot be read or written; part of it may have been done then.
        ClosedClient
            If the cache is not open.
        """
        session = self._writing_session("purge_user")
        value = _USER_ID.argument(user_id)
        if value is not None:  # no row can have such an ID
            await purge(session, self.all_tables, self._factory(), int(value))

    async def check(self, *, delete_invalid: bool = False) -> CheckReport:
        """Look at the whole file: what SQLite finds wrong with it, and every row of what the cache keeps.

        Of each row, expired ones too, it is made sure that its bytes match their check value, that they decode, that
        they say themselves whose row they are and what it refers to, and that hikari makes an entity of them. Reading
        and writing go on meanwhile.

        Parameters
        ----------
        delete_invalid
            Whether to delete the rows that are damaged, and only those; Discord tells most of them anew. The members of
            a guild then no longer count as complete (`members_complete`). What SQLite finds wrong stays.

        Returns
        -------
        CheckReport
            What was found.

        Raises
        ------
        BackendError
            If the file cannot be opened once more. Damaged rows that cannot be deleted are problems of the report.
        ClosedClient
            If the cache is not open.
        """
        session = self._writing_session("check") if delete_invalid else self._open_session()
        await session.settled()
        reading = await session.connect_beside()
        try:
            deleting = session if delete_invalid and isinstance(session, Session) else None
            report = await check(reading, self._scope.tables, self._factory(), deleting)
        finally:
            await reading.close()
        session.make_sure()
        return report

    def stats(self) -> Stats:
        """Return what was written since the cache was opened, and what waits to be.

        Raises
        ------
        ClosedClient
            If the cache is not open.
        """
        return self._open_session().stats()

    def add_to_tanjun(
        self,
        client: tanjun.abc.Client,
        /,
        *,
        trust_get_for: collections.abc.Iterable[type[abc.Resource]] | None = None,
        tanjun_managed: bool = False,
    ) -> None:
        """Let a Tanjun client use the cache: its converters, its checks, and the callbacks of commands.

        What is registered with the client follows from what the cache keeps: the cache itself, under its class, its
        resources and their interfaces in `sake_lite.abc`, and for each resource the stores of
        `tanjun.dependencies.async_cache`, by which Tanjun looks entities up before it asks Discord.

        What a store does not find does not exist where the cache knows that: members of a guild whose members are
        complete (`members_complete`), and channels, roles, emojis and stickers, asked for by guild, of one whose
        GUILD_CREATE came, and nothing after it was lost, deleted by hand, or written by somebody else. Whatever else
        is not found, and what is damaged, Tanjun asks Discord for.

        Parameters
        ----------
        client
            The Tanjun client.
        trust_get_for
            Resources, as classes of `sake_lite.resources` or `sake_lite.abc`, of which what is not found does not
            exist, whether the cache knows that or not; by default none.
        tanjun_managed
            Whether the cache opens when the client starts and closes when it has closed, for where it is not
            `event_managed`. Where it cannot be opened then, that is logged, and using the cache raises `ClosedClient`,
            which says why.

        Raises
        ------
        ImportError
            If Tanjun is not installed.
        TypeError
            If `trust_get_for` is a class, and not a collection of them.
        ValueError
            If `trust_get_for` names what the cache does not keep.
        """
        try:
            from .. import tanjun as stores  # noqa: PLC0415 - it needs Tanjun, which may be missing
        except ModuleNotFoundError as error:
            raise ImportError(f"add_to_tanjun needs {error.name}: pip install 'sake_lite[tanjun]'") from error

        reads = stores.Reads(
            get=self._get,
            get_only=self._get_only,
            iterate=self._iterate,
            knowledge=self._knowledge,
            knows=self._knows_all,
        )
        stores.add(client, self, reads, trust_get_for or ())
        if tanjun_managed:
            stores.manage(client, self._open_or_log, self.close)

    # The gateway.

    async def _on_starting(self, _: hikari.StartingEvent) -> None:
        await self._open_or_log()

    async def _open_or_log(self) -> None:
        try:
            await self.open()
        except errors.BackendError as error:
            # The bot starts all the same, so whoever uses the cache is told again.
            self._failure = error
            _LOGGER.error("the bot starts without its cache: %s", error)

    async def _on_stopped(self, _: hikari.StoppedEvent) -> None:
        await self.close()

    async def _on_shard_payload(self, event: hikari.ShardPayloadEvent) -> None:
        # hikari starts this before any listener of the typed event: up to the first await, nobody else runs, so that
        # what those listeners read comes after this event.
        self._take_in(event)
        if self._chunks is not None and event.name in {"GUILD_CREATE", "RESUMED"}:
            await self._chunks.send(event.shard)

    def _take_in(self, event: hikari.ShardPayloadEvent) -> None:
        """Queue what an event changes."""
        session = self._session
        if not isinstance(session, Session):
            return

        if event.shard.intents is not self._scope.intents:
            self._update_scope(intents=event.shard.intents)
        if self._missing_changes is not None and (event.name == "READY" or event.shard.id not in self._shards):
            self._missing_changes.warn(self._scope.intents)
        if event.shard.id not in self._shards:
            self._shards.add(event.shard.id)
            if event.name != "READY":
                self._take_in_late(event.shard, session)

        try:
            batch = self._make_batch(event.name, event.payload)
            if self._chunks is not None:
                self._chunks.prepare(event, batch)
        except ValueError as exception:
            session.writer.report_malformed(_gateway.lost_event(event.name, event.payload), exception)
            return

        if batch:
            session.writer.submit(batch)

    def _take_in_late(self, shard: hikari.api.GatewayShard, session: Session) -> None:
        _LOGGER.warning(
            "the cache was opened in the middle of a session of shard %s: what that told before is not known; open it "
            "before the bot starts, as `event_managed=True` does",
            shard.id,
        )
        payload = {"shard": [shard.id, shard.shard_count]}
        session.writer.submit(_gateway.make_batch(_gateway.UNDER_WAY, payload, self._scope))

    def _make_batch(self, name: str, payload: Payload, *, is_verifying: bool = False) -> Batch:
        batch = _gateway.make_batch(name, payload, self._scope, is_verifying=is_verifying)
        try:
            self._listed.take_in(name, payload)
        except MALFORMED as fault:
            raise malformed(name, fault) from fault
        if name == "READY":
            self._update_scope(own_id=_gateway.own_id(payload))
        return batch

    def _update_scope(self, **news: typing.Any) -> None:
        """Have what is made from now on made in another scope."""
        self._scope = dataclasses.replace(self._scope, **news)

    def _warn_of_missing_intents(self) -> None:
        if self._scope.intents is None:
            return

        for table in self.all_tables:
            if missing := table.intents & ~self._scope.intents:
                warnings.warn(
                    f"{table.name} will not be kept up to date without the intents {missing}; give them to the bot, "
                    "and enable those that are privileged in Discord's developer portal",
                    hikari.MissingIntentWarning,
                    stacklevel=3,
                )

    # Opening and closing.

    async def _in_turn(self, step: collections.abc.Callable[[], collections.abc.Awaitable[None]]) -> None:
        """Run an opening or a closing after the one before it; cancelling the caller does not cut it in half."""
        before = self._transition
        if before is not None and (before.done() or before.get_loop() is not asyncio.get_running_loop()):
            before = None

        async def run() -> None:
            if before is not None:
                await asyncio.wait([before])
            await step()

        self._transition = asyncio.create_task(run(), name="sake_lite opening or closing")
        self._transition.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._transition)

    async def _open(self) -> None:
        if self._leave_other_loop() is not None:
            return

        session = await self._open_file()
        try:
            self._update_scope(own_id=await self._stored_own_id(session))
        except BaseException:
            await session.close()
            raise

        self._session = session
        self._listed.forget()
        self._shards.clear()
        if self._chunks is not None:
            self._chunks.forget()
        self._failure = None
        if self._event_manager is not None:
            self._event_manager.subscribe(hikari.ShardPayloadEvent, self._on_shard_payload)

    async def _open_file(self) -> ReadOnlySession:
        if self._is_read_only:
            return await ReadOnlySession.open(self._path, lambda: self._scope)

        manager = self._event_manager
        listeners = None if manager is None else Listeners(manager, self, self._scope.tables)
        return await Session.open(self._path, lambda: self._scope, listeners, self._listed)

    async def _stored_own_id(self, session: ReadOnlySession) -> int | None:
        for table in self.all_tables:
            if not table.is_own_user:
                continue
            try:
                rows = await session.fetch(table.select_first, {"moment": _config.now()})
            except errors.BackendError as error:
                # What else is in the file can be read all the same, and READY tells it anew.
                _LOGGER.warning("the bot's own user could not be read: %s", error)
            else:
                return rows[0][0] if rows else None

        return None

    async def _close(self) -> None:
        session = self._leave_other_loop()
        if session is None:
            return

        self._session = None
        self._unsubscribe()
        await session.close()

    def _leave_other_loop(self) -> ReadOnlySession | None:
        """Return the session of this event loop, letting go of one whose loop is gone."""
        session = self._session
        if session is None or session.loop is asyncio.get_running_loop():
            return session

        if not session.loop.is_closed():
            raise errors.ClosedClient("the cache is open in another event loop; close it there first")

        self._session = None
        self._unsubscribe()
        session.abandon()
        return None

    def _unsubscribe(self) -> None:
        if self._event_manager is not None:
            with contextlib.suppress(ValueError, LookupError):
                self._event_manager.unsubscribe(hikari.ShardPayloadEvent, self._on_shard_payload)

    def _open_session(self) -> ReadOnlySession:
        if self._session is not None:
            return self._session

        if self._failure is not None:
            message = f"the cache could not be opened when the bot started: {self._failure}"
            raise errors.ClosedClient(message, exception=self._failure)

        raise errors.ClosedClient("the cache is not open; use `async with cache:` or `await cache.open()`")

    def _writing_session(self, what: str) -> Session:
        session = self._open_session()
        if isinstance(session, Session):
            return session

        raise errors.BackendError(f"{what}: {self._path} is open read-only; open it without `read_only` to write")

    # Reading.

    async def _fetch(self, sql: str, parameters: dict[str, typing.Any], /) -> list[Row]:
        return await self._open_session().fetch(sql, parameters)

    async def _give_way(self) -> None:
        """Let others have a turn, in the event loop and on the threads."""
        await (asyncio.sleep(0) if self._session is None else self._session.give_way())

    def _factory(self) -> hikari.api.EntityFactory:
        return self._app.entity_factory

    async def _get(self, table: Table[_EntityT], *key: object) -> _EntityT:
        """Return the entity under a key."""
        session = self._open_session()
        values = table.lookup_key(key)
        payload = session.recall(table, values) or await session.payload(table, values)
        if payload is None:
            raise table.not_found(key)

        return table.build(self._app.entity_factory, values, payload)

    async def _read_together(self, read: collections.abc.Callable[[Snapshot], _T]) -> _T:
        """Return what a function reads of several rows, all of one moment, on the reader's thread."""
        return await self._open_session().read_together(read, self._factory())

    async def _get_only(self, table: Table[_EntityT]) -> _EntityT:
        """Return the entity of a table's only row."""
        rows = await self._fetch(table.select_first, {"moment": _config.now()})
        if not rows:
            raise errors.EntryNotFound(f"{table.name} has no entry")

        row = rows[0][:-1]  # without its expiry
        return table.build(self._app.entity_factory, row, table.open_row(row))

    async def _is_complete(self, table: Table[typing.Any], guild_id: hikari.Snowflakeish) -> bool:
        """Whether all rows of a guild that there are, are noted to be stored in a table, where such notes are kept."""
        if table.completeness is None:
            return False

        session = self._open_session()
        if not await session.settled():  # what waits, or is lost meanwhile, may yet end the completeness
            return False
        await session.notice_others()
        try:
            await self._get(table.completeness, guild_id)
        except errors.EntryNotFound:
            return False
        return True

    def _knowledge(self, guild_id: hikari.Snowflakeish) -> object:
        """Return what is known of a guild at this moment, for `_knows_all`."""
        return self._listed.tables_of(int(guild_id))

    async def _knows_all(self, table: Table[typing.Any], guild_id: hikari.Snowflakeish, known: object) -> bool:
        """Whether all rows of a guild that there are at this moment, are known to be found in a table.

        While nothing can be written, a row may be on its way. What a guild lists has to have been known without a break
        since `_knowledge` returned `known`, so that what was read in between is all that there was.
        """
        if table.completeness is not None:
            return await self._is_complete(table, guild_id)

        session = self._open_session()
        if not (await session.settled() and self._is_told_of(table)):
            return False
        await session.notice_others()
        return self._listed.is_known(table, int(guild_id), known)

    def _is_told_of(self, table: Table[typing.Any]) -> bool:
        """Whether the gateway tells what changes in a table."""
        return self._scope.intents is None or table.intents in self._scope.intents

    def _iterate(self, table: Table[_EntityT], **reference: object) -> CacheIterator[_EntityT]:
        """Return an iterator over a table's entities, or over those with one reference."""
        self._open_session()
        columns = [(table.column_by_name[name], value) for name, value in reference.items()]
        found = [(column, column.argument(value)) for column, value in columns]
        return CacheIterator(table, self._factory, self._fetch, self._give_way, *found)

    # Writing.

    def _batch(self, name: str) -> Batch:
        """Return an empty batch for a call, if the cache is open and can be written."""
        self._writing_session(name)
        return Batch(name, self._scope)

    async def _commit(self, batch: Batch) -> list[int]:
        """Queue a batch and wait for its commit."""
        return await self._writing_session(batch.name).commit(batch)

    async def _delete(self, table: Table[typing.Any], **where: object) -> None:
        """Delete the rows whose columns have these values; all rows where there are none.

        The method that calls this has the name that `Table.deletion` returns.
        """
        batch = self._batch(table.deletion(where))
        values = {name: table.column_by_name[name].argument(value) for name, value in where.items()}
        if None not in values.values():  # no row can have such an ID
            batch.forget(table, **values)
            await self._writing_session(batch.name).commit_by_hand(batch)

    def _checked(self, payload: Payload) -> Payload:
        """Return a caller's payload, if it is one that can be stored and read back.

        Raises
        ------
        ValueError
            If it is not a JSON object.
        """
        _codec.check(payload)
        return payload

    def _with_settings(self, **settings: ExpireT | None) -> typing.Self:
        self._update_scope(config=self._scope.config.replace(**settings))
        return self


def _intents_of(*sources: object) -> hikari.Intents | None:
    for source in sources:
        if isinstance(source, hikari.IntentsAware):
            return source.intents

    return None
