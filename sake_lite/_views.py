"""What there is of one resource in a file, as a notebook or a script looks at it.

How the file is read is in `_brief.py`, how tables of values look in `_listing.py`, and what pandas and matplotlib make
of them in `_frames.py` and `_plots.py`.
"""

from __future__ import annotations

__all__ = ["MembersView", "MessagesView", "ResourceView", "Summary", "view_of"]

import collections.abc
import dataclasses
import datetime
import itertools
import logging
import re
import typing

import hikari

from . import _config, _frames, _plots, errors
from ._listing import Listing
from ._walk import Walk, walk_entities
from ._warn import warn
from .resources.member import MEMBERS
from .resources.message import MESSAGES

if typing.TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ._brief import BriefReader
    from ._codec import Payload
    from ._table import Key, Row, Table
    from ._walk import Reference

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")

EntityT = typing.TypeVar("EntityT")
T = typing.TypeVar("T")

# As many entries as are shown of a resource that is looked at.
_SHOWN: typing.Final[int] = 10

# The fields by which a person recognises an entry, in the order in which they are shown, and as many as are shown.
_TELLING: typing.Final = (
    *("timestamp", "username", "global_name", "nick", "name", "status", "content", "topic", "description"),
    *("member_count", "uses", "joined_at", "created_at"),
)
_MOST_TELLING: typing.Final[int] = 5

# Fields of what is beside an entry, and tells nothing of it: when its author joined, what application it invites to.
_ASIDE: typing.Final = re.compile(r"(.*\.)?(member\.[^.]+|target_application\..+)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What there is of a resource."""

    rows: int
    """How many entries there are."""

    expired: int
    """How many rows have expired, and wait in the file for their removal."""

    bytes: int
    """How many bytes the payloads of all these take, as they are stored."""

    oldest: datetime.datetime | None
    """When the row was changed that has not been for longest; `None` where there is no row."""

    newest: datetime.datetime | None
    """When a row was last changed."""


class ResourceView(typing.Generic[EntityT]):
    """The entries of one resource in a file, or those with one reference.

    `len()` counts them, and iterating gives hikari's entities; rows that are damaged are skipped, with one warning that
    counts them. Nothing is held in between, so each looks at the file as it is then.

    Parameters
    ----------
    reader
        What reads the file.
    app
        What entities are bound to.
    table
        The resource's table.
    reference
        The column, and the value in it, of the rows that are meant; `None` for all.
    """

    __slots__ = ("_app", "_reader", "_reference", "table")

    def __init__(
        self,
        reader: BriefReader,
        app: hikari.RESTAware,
        table: Table[EntityT],
        reference: Reference | None = None,
    ) -> None:
        self._app = app
        self._reader = reader
        self._reference = reference
        self.table = table

    @property
    def name(self) -> str:
        """The resource's name, which is its table's."""
        return self.table.name

    @property
    def references(self) -> tuple[str, ...]:
        """By what the entries can be chosen: `guild` where there is `for_guild`, and so on."""
        return tuple(column.name.removesuffix("_id") for column in self.table.references)

    def __len__(self) -> int:
        query = Walk(self.table, self._reference, list, _unused).count_query()
        if query is None:
            return 0

        ((count,),) = self._reader.fetch(*query)
        return count

    def __iter__(self) -> collections.abc.Iterator[EntityT]:
        factory = self._app.entity_factory
        yield from self._walk(walk_entities(self.table, self._reference, lambda: factory))

    def get(self, *key: hikari.Snowflakeish | str) -> EntityT:
        """Return the entity under a key: its ID, or those of guild and user, or the code; nothing for the bot itself.

        Raises
        ------
        EntryNotFound
            If there is none.
        InvalidDataFound
            If it is damaged.
        BackendError
            If the file cannot be read.
        TypeError
            If these are too few or too many, or of the wrong type.
        """
        found, payload = self._open(key)
        return self.table.build(self._app.entity_factory, found, payload)

    def payload(self, *key: hikari.Snowflakeish | str) -> dict[str, typing.Any]:
        """Return the payload under a key, as Discord sent it; `get` says for what keys, and what is raised."""
        return self._open(key)[1]

    def payloads(self) -> collections.abc.Iterator[dict[str, typing.Any]]:
        """Iterate over the payloads, as Discord sent them."""
        return (dict(payload) for _, payload in self._walk_payloads())

    def for_guild(self, guild_id: hikari.Snowflakeish, /) -> typing.Self:
        """Return the entries of one guild.

        Raises
        ------
        AttributeError
            If they are of no guild.
        TypeError
            If the ID is none.
        ValueError
            If one reference was chosen already: rows are found by one at a time.
        """
        return self._for("guild", guild_id)

    def for_channel(self, channel_id: hikari.Snowflakeish, /) -> typing.Self:
        """Return the entries of one channel; `for_guild` says what is raised."""
        return self._for("channel", channel_id)

    def for_user(self, user_id: hikari.Snowflakeish, /) -> typing.Self:
        """Return the entries of one user; `for_guild` says what is raised."""
        return self._for("user", user_id)

    def for_author(self, user_id: hikari.Snowflakeish, /) -> typing.Self:
        """Return the entries that one user wrote; `for_guild` says what is raised."""
        return self._for("author", user_id)

    def summary(self) -> Summary:
        """Count what there is of the resource, whatever reference was chosen; it looks at every row.

        Raises
        ------
        BackendError
            If the file cannot be read.
        """
        ((rows, expired, size, oldest, newest),) = self._reader.fetch(self.table.summary, {"moment": _config.now()})
        return Summary(
            rows=int(rows), expired=int(expired), bytes=int(size), oldest=_moment(oldest), newest=_moment(newest)
        )

    def head(self, rows: int = _SHOWN) -> Listing:
        """Return the first entries, with what tells a person which they are.

        Raises
        ------
        BackendError
            If the file cannot be read.
        """
        first = list(itertools.islice(self._walk_payloads(), rows))
        flat = _frames.flatten([payload for _, payload in first])
        fields = _telling(flat)
        keys = [column.name for column in self.table.columns]
        told = [[_frames.moment_or(field, payload.get(field)) for field in fields] for payload in flat]
        listed = [[*values, *telling] for (values, _), telling in zip(first, told, strict=True)]
        return Listing([*keys, *fields], listed, caption=self._caption, total=max(len(self), len(first)))

    def to_pandas(self, *, flatten: bool = True) -> pd.DataFrame:
        """Return a data frame of the payloads, the values of the table's columns first.

        Snowflakes are whole numbers (`Int64`), also in lists that hold nothing else (`roles`, `mention_roles`,
        `applied_tags`, and names that end in `_ids`), so that `explode` and `merge` find what they mean. Texts that are
        moments are UTC timestamps; the few that Discord sends as numbers stay numbers, as `expires_at` of an avatar's
        decoration, in seconds since 1970. Rows that are damaged are skipped, with one warning that counts them.

        Parameters
        ----------
        flatten
            Whether fields of objects in a payload become columns, such as `user.username`. Objects whose fields are
            named by IDs, as in `resolved`, stay as they are.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ImportError
            If pandas is not installed; the extra `notebook` has it.
        """
        rows = list(self._walk_payloads())
        payloads = [payload for _, payload in rows]
        fields = _frames.flatten(payloads) if flatten else payloads
        return _frames.from_payloads(self.table.columns, [key for key, _ in rows], fields)

    def __repr__(self) -> str:
        return repr(self.head())

    def _repr_html_(self) -> str:
        return self.head().to_html()

    @property
    def _caption(self) -> str:
        chosen = "" if self._reference is None else f" where {self._reference[0].name} is {self._reference[1]}"
        return f"{self.name}{chosen}: {len(self):,}"

    def _for(self, reference: str, value: object) -> typing.Self:
        column = self.table.column_by_name.get(f"{reference}_id")
        if column not in self.table.references:
            has = f"only to {', '.join(self.references)}" if self.references else "to nothing"
            raise AttributeError(f"{self.name} have no reference to {reference}; they refer {has}")
        if self._reference is not None:
            chosen = self._reference[0].name.removesuffix("_id")
            raise ValueError(
                f"these {self.name} were chosen by {chosen} {self._reference[1]} already, and cannot be chosen by "
                f"{reference} as well: filter them as you iterate"
            )

        return type(self)(self._reader, self._app, self.table, (column, column.argument(value)))

    def _open(self, key: tuple[object, ...]) -> tuple[Key, dict[str, typing.Any]]:
        """Return the key, and the payload, of a row."""
        row = self._first() if self.table.is_own_user and not key else self._find(key)
        if row is None:
            of = ", ".join(f"{column.name} {part}" for column, part in zip(self.table.key, key, strict=False))
            raise errors.EntryNotFound(f"{self.name} has no entry{of and f' for {of}'}")

        return row[: len(self.table.key)], self.table.open_row(row)

    def _find(self, key: tuple[object, ...]) -> Row | None:
        columns = self.table.key
        if len(key) != len(columns):
            raise TypeError(f"{self.name} are found by {' and '.join(column.name for column in columns)}")

        values = [column.argument(part) for column, part in zip(columns, key, strict=True)]
        if None in values:  # no row can have such a key
            return None

        rows = self._reader.fetch(self.table.select, self.table.keys_at(values, _config.now()))
        return rows[0][:-1] if rows else None  # without its expiry

    def _first(self) -> Row | None:
        rows = self._reader.fetch(self.table.select_first, {"moment": _config.now()})
        return rows[0][:-1] if rows else None

    def _walk_payloads(self) -> collections.abc.Iterator[tuple[tuple[typing.Any, ...], Payload]]:
        """Iterate over the values of the table's columns, and the payload, of each row."""
        values = self.table.values
        walk: Walk[Payload] = Walk(self.table, self._reference, self.table.open_rows, lambda _, payload: payload)
        return ((values(payload), payload) for payload in self._walk(walk))

    def _walk(self, walk: Walk[T]) -> collections.abc.Iterator[T]:
        """Iterate over what a walk makes of the rows, and count in one warning what nothing can be made of."""
        damaged = 0
        try:
            while (query := walk.window_query()) is not None:
                walk.take_window(self._reader.fetch(*query), query[1])
                while walk.position < len(walk.rows):
                    for made in walk.make_next():
                        if not isinstance(made, errors.InvalidDataFound):
                            yield made
                        elif isinstance(made.base_exception, hikari.UnrecognisedEntityError):
                            _LOGGER.debug("skipped: %s", made)
                        else:
                            damaged += 1
        finally:
            if damaged:
                rows = "row was" if damaged == 1 else "rows were"
                warn(f"{damaged:,} damaged {rows} skipped in {self.name}; `sake-lite check` names each")


class MembersView(ResourceView[hikari.Member]):
    """The members in a file, or those of one guild or user."""

    __slots__ = ()

    def plot_joins(self, guild_id: hikari.Snowflakeish | None = None) -> Axes:
        """Draw how many members, of those in the file, had joined by when; of one guild or of all that are meant.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ImportError
            If matplotlib is not installed; the extra `notebook` has it.
        """
        members = self if guild_id is None else self.for_guild(guild_id)
        return _plots.joins([member.joined_at for member in members if member.joined_at is not None])


class MessagesView(ResourceView[hikari.Message]):
    """The messages in a file, or those of one guild, channel or author."""

    __slots__ = ()

    def plot_activity(self, guild_id: hikari.Snowflakeish | None = None, by: _plots.Span = "hour") -> Axes:
        """Draw how many messages were written when; of one guild or of all that are meant.

        Parameters
        ----------
        guild_id
            The guild; `None` for all.
        by
            What messages are counted together: those of an `"hour"`, a `"day"` or a `"week"`.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ImportError
            If matplotlib is not installed; the extra `notebook` has it.
        ValueError
            If `by` is none of these.
        """
        messages = self if guild_id is None else self.for_guild(guild_id)
        return _plots.activity([message.timestamp for message in messages], by)


# What is looked at in more ways than every resource is.
_SPECIAL: typing.Final[dict[Table[typing.Any], type[ResourceView[typing.Any]]]] = {
    MEMBERS: MembersView,
    MESSAGES: MessagesView,
}


def view_of(reader: BriefReader, app: hikari.RESTAware, table: Table[EntityT]) -> ResourceView[EntityT]:
    """Return the view of a resource, with all that it can do."""
    return _SPECIAL.get(table, ResourceView)(reader, app, table)


def _telling(payloads: list[dict[str, typing.Any]]) -> list[str]:
    """Return the fields, of those that there are, by which a person recognises these best."""
    said = dict.fromkeys(name for payload in payloads for name, value in payload.items() if value or value == 0)
    own = [name for name in said if not _ASIDE.fullmatch(name)]
    # Of fields with one name the outermost: whose message it is, not whom it answers.
    found = {field: [name for name in own if name.rpartition(".")[2] == field] for field in _TELLING}
    return [min(names, key=lambda name: name.count(".")) for names in found.values() if names][:_MOST_TELLING]


def _moment(milliseconds: object) -> datetime.datetime | None:
    if not isinstance(milliseconds, int):  # there is no row, or it is damaged
        return None

    try:
        return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, OSError, ValueError):  # the check value does not cover it, so damage shows only here
        return None


def _unused(_key: Key, payload: Payload) -> Payload:
    return payload
