"""Looking into a cache's file from a notebook, a script or a terminal: without a bot, a token, or an event loop.

What there is of each resource is in `_views.py`. Nothing is written here; what does that is `SQLiteCache`.
"""

from __future__ import annotations

__all__ = ["CacheFile", "Listing", "MembersView", "MessagesView", "ResourceView", "Summary"]

import sqlite3
import typing

from . import _app, _file, _layout, _plots, _sql, errors
from ._brief import BriefReader
from ._listing import Listing
from ._table import with_notes
from ._views import MembersView, MessagesView, ResourceView, Summary, view_of
from .cache import SQLiteCache

if typing.TYPE_CHECKING:
    import collections.abc
    import os
    import pathlib
    import types

    import hikari
    from matplotlib.axes import Axes

# What sqlite3 raises over a statement or its parameters that are not what they should be.
_WRONG: typing.Final = (sqlite3.Error, sqlite3.Warning, OverflowError, TypeError, ValueError)

# What it says of a statement, by primary result code, 0 for an error that Python raised; others are the file's.
_FAULTS: typing.Final[dict[int, str]] = {
    0: "is wrong",
    sqlite3.SQLITE_ERROR: "is wrong",
    sqlite3.SQLITE_TOOBIG: "is wrong",
    sqlite3.SQLITE_MISMATCH: "is wrong",
    sqlite3.SQLITE_AUTH: "would write or change the connection, and the file is only looked into",
}


class CacheFile:
    """A cache's file, to look into: synchronous, read-only, and safe while a bot writes to it.

    Each resource is an attribute, named as its table: `file.members`, `file.messages`, and so on (`ResourceView`). Each
    reading looks at the file as it is at that moment, and holds nothing. Neither the file nor its log is changed, and
    without a log nothing is made beside the file. With one, SQLite keeps the log's index (`-shm`) as for any reader: it
    makes it where it is missing, as after a copy, and anew after the bot was killed.

    Parameters
    ----------
    path
        The file. It has to be there.

    Raises
    ------
    BackendError
        If it is missing, not a cache's, of another version, or cannot be read.
    ValueError
        If the path names no file.

    Examples
    --------
    ```py
    with sake_lite.CacheFile("bot.db") as file:
        print(file)
        for member in file.members.for_guild(guild_id):
            print(member.display_name)
    ```
    """

    members: MembersView
    messages: MessagesView

    def __init__(self, path: str | os.PathLike[str]) -> None:
        tables = SQLiteCache.all_tables
        self._app = _app.as_app(None)
        self._reader = BriefReader(_file.absolute(path), with_notes(tables))
        self._tables = tables
        self._reader.read(lambda _: None)  # what is no cache's file is refused at once

    @property
    def app(self) -> hikari.RESTAware:
        """What the entities are bound to: it has no network."""
        return self._app

    @property
    def path(self) -> pathlib.Path:
        """The file, absolute."""
        return self._reader.path

    @property
    def size(self) -> int:
        """How many bytes the file takes, with its log.

        Raises
        ------
        BackendError
            If the system does not say.
        """
        with errors.from_backend(self.path):
            log = _file.log_of(self.path)
            return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    @property
    def version(self) -> int:
        """The version of the file's layout.

        Raises
        ------
        BackendError
            If the file cannot be read.
        """
        return self._reader.read(lambda connection: _layout.look(connection, self.path)) or _layout.USER_VERSION

    @property
    def resources(self) -> dict[str, ResourceView[typing.Any]]:
        """The resources by name."""
        return {table.name: view_of(self._reader, self._app, table) for table in self._tables}

    def query(
        self, sql: str, parameters: collections.abc.Sequence[object] | collections.abc.Mapping[str, object] = (), /
    ) -> Listing:
        """Return what a statement of SQL selects; `cbor_json(data)` in it is a row's payload as JSON.

        Parameters
        ----------
        sql
            One statement, which reads.
        parameters
            The values of its `?`, or by name of its `:name`.

        Raises
        ------
        BackendError
            If the statement is wrong, would write or change the connection, or the file cannot be read.
        """

        def ask(connection: sqlite3.Connection) -> Listing:
            _sql.add_functions(connection)
            _sql.allow_reading_only(connection)
            try:
                cursor = connection.execute(sql, parameters)
                return Listing([name for name, *_ in cursor.description or ()], cursor.fetchall())
            except _WRONG as exception:
                fault = _FAULTS.get(errors.result_code(exception))
                if fault is None:
                    raise
                raise errors.BackendError(f"the statement {fault}: {exception}", exception=exception) from exception

        return self._reader.read(ask)

    def plot(self) -> Axes:
        """Draw how many rows each resource has, and how many bytes they take.

        Raises
        ------
        BackendError
            If the file cannot be read.
        ImportError
            If matplotlib is not installed; the extra `notebook` has it.
        """
        return _plots.sizes({name: (each.rows, each.bytes) for name, each in self._summaries().items()})

    def close(self) -> None:
        """Look no more: from now on reading raises `ClosedClient`."""
        self._reader.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: types.TracebackType | None,
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> ResourceView[typing.Any]:
        if name.startswith("_"):  # also before there is anything to ask, as `copy` does
            raise AttributeError(name)

        resources = self.resources
        if name not in resources:
            raise AttributeError(f"a cache's file has no {name!r}; it has {', '.join(resources)}")

        return resources[name]

    def __dir__(self) -> collections.abc.Iterable[str]:
        return [*super().__dir__(), *self.resources]

    def __repr__(self) -> str:
        return repr(self._listing()) if not self._reader.is_closed else f"<CacheFile {str(self.path)!r}, closed>"

    def _repr_html_(self) -> str | None:
        return self._listing().to_html() if not self._reader.is_closed else None

    def _listing(self) -> Listing:
        summaries = self._summaries().items()
        return Listing(
            ["resource", "rows", "bytes", "oldest update", "newest update", "expired"],
            [
                [name, f"{each.rows:,}", f"{each.bytes:,}", each.oldest, each.newest, f"{each.expired:,}"]
                for name, each in summaries
            ],
            caption=f"{self.path.name}: {self.size:,} bytes, version {self.version}; times are UTC",
        )

    def _summaries(self) -> dict[str, Summary]:
        return {name: resource.summary() for name, resource in self.resources.items()}
