"""What a resource's table looks like, and all the SQL over it.

A `Table` is data: its key, the columns that refer to other resources, how a payload becomes an entity, how long rows
live. The DDL and every statement are derived from it here, so that a new resource writes no SQL. Values reach SQL as
parameters only. What runs the statements is elsewhere: `_execute` and `_upserts` for writing, `_reader` and `_points`
for reading.
"""

from __future__ import annotations

__all__ = ["LISTS", "AnyTable", "EntityT", "Handler", "Key", "Row", "Table", "with_notes"]

import collections.abc
import contextlib
import dataclasses
import functools
import typing

import hikari

from . import _codec, errors
from ._column import MAX_SNOWFLAKE, Column, Value, reading

if typing.TYPE_CHECKING:
    from . import _batch, _config
    from ._change import Change
    from ._codec import Payload

EntityT = typing.TypeVar("EntityT")

Row: typing.TypeAlias = "tuple[typing.Any, ...]"
"""A row as it is read: the key columns, the other references, `checksum`, `data`."""

Key: typing.TypeAlias = "tuple[typing.Any, ...]"
"""The values of a row's key columns."""

Handler: typing.TypeAlias = "collections.abc.Callable[[Payload, _batch.Batch], None]"
"""What one gateway event does to one table: payload in, operations out, no I/O and no change to the payload."""

LISTS: typing.Final[set[str]] = set()
"""The names of all lists of a guild's payload whose entries are rows of some table, be that kept by a cache or not."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Table(typing.Generic[EntityT]):
    """One resource's table.

    Parameters
    ----------
    name
        The resource's and the table's name.
    key
        The columns that identify a row.
    references
        The columns by which rows are cleared and iterated; each is indexed. A key column may be among them.
    decode
        Builds the entity from a payload that was read back.
    change
        The event that tells of a row that comes, changes or goes; without it, nobody is told.
    intents
        The gateway intents without which the table is not kept up to date.
    lifetime
        How long a row lives after it was last seen, in seconds, by the settings and the gateway's intents (`None` where
        they are not known); without it, for ever.
    updates_renew
        Whether an update of a row counts as seeing it; else its lifetime runs from when it was stored.
    limit
        How many rows are kept, by the settings; without it, all. The lowest keys, hence the oldest, go.
    keeps
        A table whose row is kept alive, beyond its own expiry, while a row here has the same value in its key's column.
    completeness
        The table of the guilds of which all rows that there are, are stored here; it has one key column, `guild_id`.
    listed_as
        The name of the list in which GUILD_CREATE tells all rows that there are of a guild, where it does, and further
        events tell of each change.
    partly_listed_as
        The name of the list in which GUILD_CREATE tells rows of a guild, where there may be others, or not each change
        is told.
    hidden_by
        The table of the guilds whose rows here are those of a past gateway session: they count as deleted. It has one
        key column, `guild_id`.
    is_own_user
        Whether the one row is the bot's own user.
    """

    name: str
    key: tuple[Column, ...]
    references: tuple[Column, ...] = ()
    decode: collections.abc.Callable[[hikari.api.EntityFactory, Payload], EntityT]
    change: type[Change[EntityT, typing.Any]] | None = None
    intents: hikari.Intents = hikari.Intents.NONE
    lifetime: collections.abc.Callable[[_config.Config, hikari.Intents | None], float] | None = None
    updates_renew: bool = True
    limit: collections.abc.Callable[[_config.Config], int] | None = None
    keeps: Table[typing.Any] | None = None
    completeness: Table[typing.Any] | None = None
    listed_as: str | None = None
    partly_listed_as: str | None = None
    hidden_by: Table[typing.Any] | None = None
    is_own_user: bool = False
    keepers: list[Table[typing.Any]] = dataclasses.field(default_factory=list["Table[typing.Any]"], init=False)
    """The tables whose rows keep rows of this one alive."""

    hides: list[Table[typing.Any]] = dataclasses.field(default_factory=list["Table[typing.Any]"], init=False)
    """The tables that are hidden by this one."""

    handlers: dict[str, list[Handler]] = dataclasses.field(default_factory=dict[str, list[Handler]], init=False)
    """What each gateway event does to this table."""

    def __post_init__(self) -> None:
        if self.keeps is not None:
            self.keeps.keepers.append(self)
        if self.hidden_by is not None:
            self.hidden_by.hides.append(self)
        LISTS.update(name for name in (self.listed_as, self.partly_listed_as) if name is not None)

    def __repr__(self) -> str:
        return f"<table {self.name}>"

    def on(self, *events: str) -> collections.abc.Callable[[Handler], Handler]:
        """Register what gateway events do to this table; handlers run in the order in which they are registered."""

        def register(handler: Handler) -> Handler:
            for event in events:
                self.handlers.setdefault(event, []).append(handler)
            return handler

        return register

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        """The key columns, then the references that are not among them."""
        return self.key + tuple(column for column in self.references if column not in self.key)

    @functools.cached_property
    def column_by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def key_parameters(self, key: collections.abc.Sequence[object], /) -> dict[str, typing.Any]:
        """Return a key's values by the names of its columns, as statements take them."""
        return dict(zip(self._key_names, key, strict=True))

    def key_of(self, values: collections.abc.Mapping[str, typing.Any], /) -> tuple[typing.Any, ...]:
        """Return the key among values by the names of their columns."""
        return tuple([values[name] for name in self._key_names])

    def lookup_key(self, arguments: collections.abc.Sequence[object], /) -> Key:
        """Return the key that a method's arguments are.

        Raises
        ------
        TypeError
            If one is of the wrong type.
        EntryNotFound
            If no row can have that key.
        """
        key = tuple([column.argument(part) for column, part in zip(self.key, arguments, strict=True)])
        if None in key:
            raise self.not_found(arguments)
        return key

    def not_found(self, key: collections.abc.Sequence[object], /) -> errors.EntryNotFound:
        """Return the error that no row is there under a key."""
        of = ", ".join(f"{column.name} {part}" for column, part in zip(self.key, key, strict=True))
        return errors.EntryNotFound(f"{self.name} has no entry for {of}")

    def deletion(self, where: collections.abc.Iterable[str], /) -> str:
        """Return the name of the method that deletes the rows with values in the named columns, all where none is."""
        names = tuple(where)
        if self.is_own_user or names == self._key_names:
            return f"delete_{self.name.removesuffix('s')}"

        return f"clear_{'_for_'.join([self.name, *(name.removesuffix('_id') for name in names)])}"

    @functools.cached_property
    def _key_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.key)

    @functools.cached_property
    def notes(self) -> tuple[Table[typing.Any], ...]:
        """The tables in which something is noted of this one's rows."""
        own = [note for note in (self.hidden_by, self.completeness) if note is not None]
        return tuple(note for each in own for note in (*each.notes, each))

    @functools.cached_property
    def values(self) -> collections.abc.Callable[[Payload], tuple[Value, ...]]:
        """What returns the values that belong in the columns for a payload; raises `ValueError` if it lacks one."""
        return reading(self.columns)

    @functools.cached_property
    def key_values(self) -> collections.abc.Callable[[Payload], Key]:
        """What returns those that belong in the key columns, in the same way."""
        return reading(self.key)

    @functools.cached_property
    def reaches(self) -> tuple[Table[typing.Any], ...]:
        """The tables of which a row may come and go for a reader as rows of this one do."""
        return (*([self.keeps] if self.keeps is not None else ()), *self.hides)

    @functools.cached_property
    def depends_on(self) -> tuple[Table[typing.Any], ...]:
        """The tables on whose rows it depends whether a reader finds a row of this one."""
        return (*self.keepers, *self.notes)

    def open_row(self, row: Row, /) -> dict[str, typing.Any]:
        """Return the payload of a row that was read, if the row is what was once written.

        Raises
        ------
        InvalidDataFound
            If it is damaged, or says of itself that it belongs under another key.
        """
        try:
            payload = _codec.decode(row[-1], row[-2])
            told = self.values(payload)
        except (_codec.DamagedData, ValueError, TypeError) as exception:
            raise self._invalid(row, f"is damaged: {exception}", exception) from exception

        if told != row[:-2]:
            raise self._invalid(row, f"says that it is {self.describe(told)}")

        return payload

    def open_rows(self, rows: collections.abc.Sequence[Row], /) -> list[dict[str, typing.Any]]:
        """Return the payloads of up to `MOST_TOGETHER` rows, which is quicker than one by one.

        Raises
        ------
        InvalidDataFound
            If any is not what was once written; `open_row` tells which.
        """
        try:
            *columns, checksums, data = zip(*rows, strict=True)
            payloads = _codec.decode_together(data, checksums)
            if self._are_of(payloads, columns):
                return payloads
        except (_codec.DamagedData, ValueError, TypeError) as exception:
            raise errors.InvalidDataFound(f"{self.name} has a damaged row: {exception}") from exception

        raise errors.InvalidDataFound(f"{self.name} has a row under another key")

    def _are_of(self, payloads: list[dict[str, typing.Any]], columns: list[tuple[typing.Any, ...]]) -> bool:
        """Whether payloads say themselves what the columns beside them do."""
        # Nearly always they say it in the same words, and that is sooner compared than read.
        with contextlib.suppress(KeyError, TypeError):
            if all(
                [*column.texts(payloads)] == [*map(str, values)]
                for column, values in zip(self.columns, columns, strict=True)
            ):
                return True

        return [*map(self.values, payloads)] == [*zip(*columns, strict=True)]

    def build_together(
        self, factory: hikari.api.EntityFactory, rows: collections.abc.Sequence[Row], /
    ) -> list[EntityT]:
        """Return the entities of up to `MOST_TOGETHER` rows.

        Raises
        ------
        InvalidDataFound
            If any is damaged, or hikari's factory refuses it; `open_row` and `build` tell which.
        """
        payloads = self.open_rows(rows)
        decode = self.decode
        try:
            return [decode(factory, payload) for payload in payloads]
        except Exception as exception:  # as in `build`
            raise errors.InvalidDataFound(f"{self.name} has a row that is refused: {exception}") from exception

    def build(
        self, factory: hikari.api.EntityFactory, key: collections.abc.Sequence[object], payload: Payload, /
    ) -> EntityT:
        """Return the entity of a row that was read, whose key this is, and whose payload `open_row` returned.

        Raises
        ------
        InvalidDataFound
            If hikari's factory refuses the payload.
        """
        try:
            return self.decode(factory, payload)
        except Exception as exception:  # the factory raises nearly everything on payloads it does not know
            message = f"is refused by hikari's entity factory: {type(exception).__name__}: {exception}"
            raise self._invalid(key, message, exception) from exception

    def describe(self, values: collections.abc.Sequence[object], /) -> str:
        """Return the values of the first columns, such as a key's, as a person reads them, and any file takes them."""
        text = ", ".join(f"{column.name}={value}" for column, value in zip(self.columns, values, strict=False))
        return text.encode("utf-8", "backslashreplace").decode()  # what is damaged may be no text

    def _invalid(
        self, row: collections.abc.Sequence[object], fault: str, cause: Exception | None = None
    ) -> errors.InvalidDataFound:
        key = self.describe(row[: len(self.key)])
        return errors.InvalidDataFound(f"the row {key} of {self.name} {fault}", exception=cause)

    # The file.

    @functools.cached_property
    def schema(self) -> tuple[str, ...]:
        """The statements that create the table and its indexes where they are missing."""
        # A lone snowflake is the rowid itself. Otherwise an ordinary rowid table: WITHOUT ROWID is a third as fast
        # here.
        rowid = self._has_rowid_key
        lines = [
            f"{column.name} {column.affinity}{' PRIMARY KEY' if rowid and column in self.key else ''}"
            f"{'' if column.is_optional or (rowid and column in self.key) else ' NOT NULL'}"
            for column in self.columns
        ]
        lines += [
            "checksum INTEGER NOT NULL",
            "updated_at INTEGER NOT NULL",
            "expires_at INTEGER",
            "data BLOB NOT NULL",
        ]
        if not rowid:
            lines.append(f"PRIMARY KEY ({_names(self.key)})")

        statements = [f"CREATE TABLE IF NOT EXISTS {self.name} ({', '.join(lines)}) STRICT"]
        for column in self.references:
            if column != self.key[0]:
                # The rest of the key follows, so that iterating by the reference reads the index in its own order.
                rest = () if rowid else tuple(other for other in self.key if other != column)
                statements.append(
                    f"CREATE INDEX IF NOT EXISTS {self.name}_{column.name} ON {self.name} ({_names((column, *rest))})"
                )

        statements.append(
            f"CREATE INDEX IF NOT EXISTS {self.name}_expires_at ON {self.name} (expires_at) "
            "WHERE expires_at IS NOT NULL"
        )
        return tuple(statements)

    @functools.cached_property
    def _has_rowid_key(self) -> bool:
        return len(self.key) == 1 and self.key[0].affinity == "INTEGER"

    # Reading. `moment` is the time of the reading in Unix milliseconds; expired rows are invisible to all of these.

    @functools.cached_property
    def row(self) -> str:
        """What is selected of a row that is read."""
        return f"{_names(self.columns)}, checksum, data"

    @functools.cached_property
    def visible(self) -> str:
        """The condition, with `:moment`, under which a row is there for a reader."""
        return self.visible_as(self.name)

    def visible_as(self, row: str, /) -> str:
        """Return the same for a row that has another name in the statement."""
        return f"{self.alive_as(row)}{self._and_not_hidden(row)}"

    def alive_as(self, row: str, /) -> str:
        """Return the condition, with `:moment`, under which a row of this name in the statement has not expired."""
        return f"({' OR '.join([_unexpired(row), *self._kept(row)])})"

    def needs_keeper_as(self, row: str, /) -> str:
        """Return the condition, with `:moment`, under which a row of this name is there only if another keeps it."""
        return f"NOT {_unexpired(row)}"

    def _and_not_hidden(self, row: str) -> str:
        if self.hidden_by is None:
            return ""

        hidden = self.hidden_by.name
        return f" AND NOT EXISTS (SELECT 1 FROM {hidden} WHERE {hidden}.guild_id = {row}.guild_id)"

    @functools.cached_property
    def _expired(self) -> str:
        """The condition, with `:moment`, under which a row is gone for a reader, though it may still be in the file."""
        return " AND NOT ".join([f"{self.name}.expires_at <= :moment", *self._kept(self.name)])

    def _kept(self, row: str) -> list[str]:
        """Return the conditions under which a row is there though it expired."""
        (key, *_) = self.key
        return [
            f"EXISTS (SELECT 1 FROM {keeper.name} WHERE {keeper.name}.{key.name} = {row}.{key.name} "
            f"AND {_unexpired(keeper.name)})"
            for keeper in self.keepers
        ]

    @functools.cached_property
    def select(self) -> str:
        """Select one visible row by its key, its `expires_at` following the row; `keys_at` returns the parameters.

        They have no names, since finding three of them takes longer than finding the row.
        """
        same = " AND ".join(f"{column.name} = ?" for column in self.key)
        visible = self.visible.replace(":moment", "?")
        return f"SELECT {self.row}, expires_at FROM {self.name} WHERE {same} AND {visible}"

    def select_each(self, count: int, /) -> str:
        """Select the visible rows of `count` keys, each as `select` does.

        A join, since SQLite looks at every row for a list of keys that have several columns.
        """
        return _select_each(self, count)

    def keys_at(self, keys: collections.abc.Iterable[Value], moment: int, /) -> list[Value]:
        """Return the parameters of `select` and `select_each`: the keys' values, one after the other, at a moment."""
        # As often as the moment is asked for: Python 3.12 warned, at first, of parameters that have numbers.
        return [*keys, *[moment] * self._moments]

    @functools.cached_property
    def _moments(self) -> int:
        return self.visible.count(":moment")

    @functools.cached_property
    def select_first(self) -> str:
        """Select the visible row with the lowest key (`:moment`), its `expires_at` following the row."""
        return (
            f"SELECT {self.row}, expires_at FROM {self.name} WHERE {self.visible} ORDER BY {_names(self.key)} LIMIT 1"
        )

    def window(self, reference: Column | None, /) -> str:
        """Select a window of visible rows after a key, all of them or those of one reference, in the order of the key.

        The parameters are `:after_<key column>`, `:moment`, `:size` and the reference.
        """
        return self._window(self.row, reference)

    @functools.cached_property
    def window_and_expiry(self) -> str:
        """Select a window of all visible rows as `window` does, its `expires_at` following each."""
        return self._window(f"{self.row}, expires_at", None)

    def _window(self, selected: str, reference: Column | None) -> str:
        # The reference is equal throughout, so leaving it out of the order lets its index give the rest.
        ordered = [column for column in self.key if column != reference]
        after = ", ".join(f":after_{column.name}" for column in ordered)
        conditions = [f"({_names(ordered)}) > ({after})", self.visible]
        if reference is not None:
            conditions.insert(0, _equal((reference,)))

        return (
            f"SELECT {selected} FROM {self.name} WHERE {' AND '.join(conditions)} "
            f"ORDER BY {_names(ordered)} LIMIT :size"
        )

    @functools.cached_property
    def below_all_keys(self) -> tuple[Value, ...]:
        """A key below every key that there is, and those that there should not be."""
        return tuple("" if column.affinity == "TEXT" else -(2**63) for column in self.key)

    @functools.cached_property
    def containing(self) -> str:
        """Select at most `:size` rows whose data contains `:bytes`, as `walk` does."""
        return (
            f"SELECT rowid, {self.row} FROM {self.name} WHERE rowid > :after AND instr(data, :bytes) > 0 "
            "ORDER BY rowid LIMIT :size"
        )

    @functools.cached_property
    def walk(self) -> str:
        """Select at most `:size` rows, expired and hidden ones too, after the rowid `:after`: rowid, and the row."""
        return f"SELECT rowid, {self.row} FROM {self.name} WHERE rowid > :after ORDER BY rowid LIMIT :size"

    @functools.cached_property
    def exported(self) -> str:
        """Select all rows but hidden ones, in order: rowid, `updated_at`, `expires_at`, and the row."""
        return (
            f"SELECT rowid, updated_at, expires_at, {self.row} FROM {self.name}{self._where_not_hidden} ORDER BY rowid"
        )

    @functools.cached_property
    def count_exported(self) -> str:
        """Count the rows that `exported` selects."""
        return f"SELECT count(*) FROM {self.name}{self._where_not_hidden}"

    @property
    def _where_not_hidden(self) -> str:
        return f" WHERE 1{self._and_not_hidden(self.name)}"

    def count(self, reference: Column | None, /) -> str:
        """Count the visible rows, all of them or those of one reference (`:moment` and the reference)."""
        # Counting an index is quick and looking at every row's expiry is not, while few rows are expired at any moment.
        where = f" WHERE {_equal((reference,))}" if reference else ""
        also = f" AND +{self.name}.{reference.name} = :{reference.name}" if reference else ""
        count = (
            f"SELECT (SELECT count(*) FROM {self.name}{where}) - (SELECT count(*) FROM {self.name} "
            f"WHERE {self._expired}{also})"
        )
        if self.hidden_by is None:
            return count

        hidden = self.hidden_by.name
        return (
            f"{count} - (SELECT count(*) FROM {hidden} CROSS JOIN {self.name} "
            f"WHERE {self.name}.guild_id = {hidden}.guild_id AND {_unexpired(self.name)}{also})"
        )

    @functools.cached_property
    def summary(self) -> str:
        """Select what there is in all, with `:moment`: visible rows, rows that expired, bytes, oldest and newest.

        The bytes are those of the payloads of all rows, visible or not, and the last two are values of `updated_at`.
        """
        return (
            f"SELECT total({self.visible}), total(coalesce({self._expired}, 0)), total(length(data)), "
            f"min(updated_at), max(updated_at) FROM {self.name}"
        )

    @functools.cached_property
    def count_invisible(self) -> str:
        """Count the rows that are in the file, and not there for a reader (`:moment`): expired, or hidden."""
        return f"SELECT count(*) FROM {self.name} WHERE NOT ({self.visible})"

    # Writing.

    def upsert(self, rows: int, /, *, is_explicit: bool) -> str:
        """Insert or update `rows` rows of `columns`, `checksum`, `updated_at`, `expires_at`, `data`.

        A row that is equal to the stored one is not written. An explicit expiry is always written; otherwise it is only
        ever lengthened, and only by more than a tenth of its length, so that seeing an unchanged row again is free.
        """
        return _upsert(self, rows, is_explicit)

    def keys_where(self, columns: collections.abc.Sequence[Column], /) -> str:
        """Select the keys of the rows with the named values in `columns`, expired ones too."""
        return f"SELECT {_names(self.key)} FROM {self.name}{_where(columns)}"

    def delete_where(self, columns: collections.abc.Sequence[Column], /) -> str:
        """Delete the rows with the named values in `columns`; all rows where there are none."""
        return f"DELETE FROM {self.name}{_where(columns)}"

    def delete_matching(
        self, column: Column, other: Table[typing.Any], columns: collections.abc.Sequence[Column], /
    ) -> str:
        """Delete the rows whose `column` is the first key column of a row of `other` with the named values."""
        return f"DELETE FROM {self.name} WHERE {column.name} IN ({other.first_keys_where(columns)})"

    def first_keys_where(self, columns: collections.abc.Sequence[Column], /) -> str:
        """Select the first key column of the rows with the named values in `columns`, expired ones too."""
        return f"SELECT {self.key[0].name} FROM {self.name}{_where(columns)}"

    @functools.cached_property
    def guilds(self) -> str:
        """Select the guilds that have rows, each once, by one step of an index for each."""
        return (
            f"WITH RECURSIVE each (id) AS (SELECT min(guild_id) FROM {self.name} UNION ALL "
            f"SELECT (SELECT min(guild_id) FROM {self.name} WHERE guild_id > each.id) FROM each "
            "WHERE each.id IS NOT NULL) SELECT id FROM each WHERE id IS NOT NULL"
        )

    @functools.cached_property
    def expire(self) -> str:
        """Let the rows of one guild (`:guild_id`) end at `:expires_at` that have no end."""
        return f"UPDATE {self.name} SET expires_at = :expires_at WHERE guild_id = :guild_id AND expires_at IS NULL"

    @functools.cached_property
    def expired(self) -> str:
        """Select at most `:size` rows that expired before `:moment`: `expires_at`, rowid, and whether they are gone.

        Those that another row keeps are not. Rows come in order, from after `:after_expiry` and `:after_rowid`.
        """
        return (
            f"SELECT expires_at, rowid, {self._expired} FROM {self.name} WHERE expires_at <= :moment "
            f"AND (expires_at, rowid) > (:after_expiry, :after_rowid) ORDER BY expires_at, rowid LIMIT :size"
        )

    @functools.cached_property
    def delete_expired(self) -> str:
        """Delete what `expired` told to be gone, up to `:until_expiry` and `:until_rowid`, if that is still so."""
        return (
            f"DELETE FROM {self.name} WHERE {self._expired} AND (expires_at, rowid) > (:after_expiry, :after_rowid) "
            "AND (expires_at, rowid) <= (:until_expiry, :until_rowid)"
        )

    @functools.cached_property
    def delete_row(self) -> str:
        """Delete a row by its rowid, if its check value and data, as bytes, are as given, in this order."""
        return (
            f"DELETE FROM {self.name} WHERE rowid = ? AND CAST(checksum AS BLOB) = ? AND coalesce(CAST(data AS BLOB), "
            "x'') = ?"
        )

    @functools.cached_property
    def delete_oldest(self) -> str:
        """Delete, of the rows beyond the newest `:limit`, at most `:size`."""
        return (
            f"DELETE FROM {self.name} WHERE rowid IN (SELECT rowid FROM {self.name} ORDER BY {_names(self.key)} "
            f"LIMIT max(0, min(:size, (SELECT count(*) FROM {self.name}) - :limit)))"
        )


AnyTable: typing.TypeAlias = Table[typing.Any]


def with_notes(tables: collections.abc.Sequence[Table[typing.Any]]) -> tuple[Table[typing.Any], ...]:
    """Return tables and their notes, which come first: GUILD_CREATE uncovers what is hidden before it writes to it."""
    return tuple(dict.fromkeys([*(note for table in tables for note in table.notes), *tables]))


def _names(columns: collections.abc.Iterable[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _equal(columns: collections.abc.Iterable[Column]) -> str:
    return " AND ".join(f"{column.name} = :{column.name}" for column in columns)


def _unexpired(row: str) -> str:
    # The unary + keeps the expiry's index out of it: the key and the references are what to look up by.
    return f"(+{row}.expires_at IS NULL OR +{row}.expires_at > :moment)"


def _where(columns: collections.abc.Sequence[Column]) -> str:
    return f" WHERE {_equal(columns)}" if columns else ""


@functools.cache
def _select_each(table: Table[typing.Any], count: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(table.key))})"] * count)
    # `column1` is what SQLite calls the first column of VALUES.
    same = " AND ".join(f"{table.name}.{column.name} = asked.column{n}" for n, column in enumerate(table.key, 1))
    visible = table.visible.replace(":moment", "?")
    return (
        f"SELECT {table.row}, expires_at FROM (VALUES {values}) AS asked CROSS JOIN {table.name} ON {same} "
        f"WHERE {visible}"
    )


@functools.cache
def _upsert(table: Table[typing.Any], rows: int, is_explicit: bool) -> str:
    name = table.name
    stored = [*(column.name for column in table.columns), "checksum", "updated_at", "expires_at", "data"]
    compared = [*(column.name for column in table.columns[len(table.key) :]), "checksum", "data"]
    changed = " OR ".join(f"{name}.{column} IS NOT excluded.{column}" for column in compared)
    if is_explicit:
        expires = "excluded.expires_at"
        renewed = f"{name}.expires_at IS NOT excluded.expires_at"
    else:
        expires = f"nullif(max({_or_never(f'{name}.expires_at')}, {_or_never('excluded.expires_at')}), {MAX_SNOWFLAKE})"
        # `updated_at` of the new row is now, so their difference is the lifetime.
        renewed = (
            f"{name}.expires_at IS NOT NULL AND (excluded.expires_at IS NULL OR excluded.expires_at - "
            f"{name}.expires_at > (excluded.expires_at - excluded.updated_at) / 10)"
        )

    values = f"({', '.join('?' * len(stored))})"
    updates = ", ".join(f"{column} = excluded.{column}" for column in compared)
    return (
        f"INSERT INTO {name} ({', '.join(stored)}) VALUES {', '.join([values] * rows)} "
        f"ON CONFLICT ({_names(table.key)}) DO UPDATE SET {updates}, "
        f"updated_at = CASE WHEN {changed} THEN excluded.updated_at ELSE {name}.updated_at END, expires_at = {expires} "
        f"WHERE {changed} OR ({renewed})"
    )


def _or_never(expression: str) -> str:
    return f"ifnull({expression}, {MAX_SNOWFLAKE})"
