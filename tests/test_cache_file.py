"""Looking into a file without a bot and without a loop: the same entities, whoever writes, and nothing is changed."""

from __future__ import annotations

import asyncio
import contextlib
import copy as copying
import os
import pathlib
import re
import sqlite3
import sys
import typing
import warnings
import zlib

import cbor2
import hikari
import pytest
import samples
from files import UNUSABLE, column_values, contents, copy, in_notebook
from samples import GUILD, SAMPLES, USER, Sample, thousands

import sake_lite
from sake_lite import BackendError, CacheFile, EntryNotFound, InvalidDataFound, _brief, _config

if typing.TYPE_CHECKING:
    from sake_lite.file import ResourceView

_TABLES: typing.Final = {table.name: table for table in sake_lite.SQLiteCache.all_tables}

_IN_THE_PATH: typing.Final = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}


def _view(file: CacheFile, name: str) -> ResourceView[typing.Any]:
    return getattr(file, name)


# The same as the cache.


@pytest.mark.parametrize("name", _TABLES)
async def test_the_entities_are_those_of_the_cache(name: str, whole_path: pathlib.Path) -> None:
    """An event loop is running, as in a notebook."""
    before = contents(whole_path.parent)
    table = _TABLES[name]
    with CacheFile(whole_path) as file:
        resource = _view(file, name)
        assert len(resource) > 0
        async with sake_lite.SQLiteCache(whole_path, read_only=True) as cache:
            if table.is_own_user:
                assert [repr(entity) for entity in resource] == [repr(await cache.get_me())]
                assert repr(resource.get()) == repr(await cache.get_me())
                assert resource.payload()["id"] == str(USER)
            else:
                assert [repr(entity) for entity in resource] == [
                    repr(entity) async for entity in getattr(cache, f"iter_{name}")()
                ]
            for reference in resource.references:
                column = table.column_by_name[f"{reference}_id"]
                for value in {column.read(payload) for payload in resource.payloads()}:
                    chosen = getattr(resource, f"for_{reference}")(value)
                    iterated = getattr(cache, f"iter_{name}_for_{reference}")(value)
                    assert [repr(entity) for entity in chosen] == [repr(entity) async for entity in iterated]
                    assert len(chosen) == len(list(chosen)) > 0
        for entity, payload in zip(resource, resource.payloads(), strict=True):
            key = table.key_values(payload)
            assert repr(resource.get(*key)) == repr(entity)
            assert resource.payload(*key) == payload
            assert getattr(entity, "app", file.app) is file.app
    assert contents(whole_path.parent) == before


def test_the_resources_are_those_of_the_cache(whole_path: pathlib.Path) -> None:
    with CacheFile(whole_path) as file:
        assert file.resources.keys() == _TABLES.keys()
        assert _TABLES.keys() <= set(dir(file))
        for name, resource in file.resources.items():
            assert (resource.name, type(resource)) == (name, type(_view(file, name)))
        with pytest.raises(AttributeError, match=r"no 'users_'; it has .*members.*, users"):
            _view(file, "users_")


def test_entities_have_no_network(whole_path: pathlib.Path) -> None:
    with CacheFile(whole_path) as file, pytest.raises(hikari.ComponentStateConflictError, match="needs Discord"):
        file.roles.get(1).app.rest.fetch_guild(GUILD)


def test_what_one_asks_for_has_to_exist(whole_path: pathlib.Path) -> None:
    with CacheFile(whole_path) as file:
        for key in ((GUILD, 2**70), (GUILD, 0), (-1, USER)):
            with pytest.raises(EntryNotFound, match=f"members has no entry for guild_id {key[0]}, user_id {key[1]}"):
                file.members.get(*key)
            with pytest.raises(EntryNotFound):
                file.members.payload(*key)
        for wrong in ((), (USER,), (GUILD, USER, 1)):
            with pytest.raises(TypeError, match="members are found by guild_id and user_id"):
                file.members.get(*wrong)
        with pytest.raises(TypeError, match="guild_id must be a snowflake"):
            file.members.get("guild", USER)
        with pytest.raises(TypeError, match="code must be a str"):
            file.invites.get(1)
        assert file.invites.get("code000001").code == "code000001"
        with pytest.raises(AttributeError, match="users have no reference to guild; they refer to nothing"):
            file.users.for_guild(GUILD)
        with pytest.raises(AttributeError, match="roles have no reference to author; they refer only to guild"):
            file.roles.for_author(USER)
        with pytest.raises(TypeError, match="user_id must be a snowflake"):
            file.members.for_user(typing.cast("int", "somebody"))
        for nobody in (2**70, 5):
            assert len(file.members.for_user(nobody)) == 0
            assert list(file.members.for_user(nobody)) == []
            assert "members where user_id is" in repr(file.members.for_user(nobody))


def test_a_second_reference_is_refused_and_not_forgotten(whole_path: pathlib.Path) -> None:
    with CacheFile(whole_path) as file:
        channel = file.messages.for_channel(samples.CHANNEL)
        for ask in (lambda: channel.for_guild(GUILD), lambda: channel.plot_activity(GUILD)):
            with pytest.raises(
                ValueError, match=f"these messages were chosen by channel {samples.CHANNEL} already, and"
            ):
                ask()


def test_what_has_expired_is_counted_apart(whole_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(whole_path.parent)
    with CacheFile(whole_path) as file:
        assert (file.messages.summary().rows, file.messages.summary().expired) == (3, 0)
        later = _config.now() + 2 * 86_400_000
        monkeypatch.setattr(_config, "now", lambda: later)
        summary = file.messages.summary()
        assert (summary.rows, summary.expired) == (0, 3)
        assert summary.bytes == sum(map(len, column_values(whole_path, "messages", "data")))
        assert (len(file.messages), list(file.messages)) == (0, [])
        with pytest.raises(EntryNotFound):
            file.messages.get(thousands(1))
    assert contents(whole_path.parent) == before


def test_what_is_of_a_past_session_is_not_there(path: pathlib.Path) -> None:
    async def restart() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.ingest("GUILD_CREATE", samples.guild_create(presences=[samples.presence()]))
            ready = {"user": samples.me(), "guilds": [{"id": str(GUILD), "unavailable": True}], "session_id": "a"}
            await cache.ingest("READY", ready)

    asyncio.run(restart())
    with CacheFile(path) as file:
        assert (len(file.presences), list(file.presences)) == (0, [])
        assert len(file.guilds) == 1


# What is there instead of a cache's file.


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_cache_is_refused_by_name_and_left_alone(
    name: str, whole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    make, says = UNUSABLE[name]
    path = tmp_path / "folder" / "bot.db"
    path.parent.mkdir()
    copy(whole, path)
    file = CacheFile(path)
    make(path)
    before = contents(path.parent) if path.is_file() else {}
    for look in (lambda: CacheFile(path), lambda: len(file.roles), lambda: repr(file)):
        with pytest.raises(BackendError, match=says) as caught:
            look()
        assert str(path) in caught.value.message
    after = contents(path.parent) if path.is_file() else {}
    assert after == before
    assert path.exists() == ("missing" not in name)


def test_names_that_are_none() -> None:
    for name in ("", ":memory:"):
        with pytest.raises(ValueError, match="needs a file"):
            CacheFile(name)


def test_any_path_is_taken(whole: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("50% of #1 ü?.db") if os.name == "posix" else pathlib.Path("50% of #1 ü.db")
    path.write_bytes(whole.read_bytes())
    for given in (path, str(path), tmp_path / path):
        with CacheFile(given) as file:
            assert file.path == (tmp_path / path).resolve()
            assert len(file.roles) == 5
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


async def test_an_empty_cache(path: pathlib.Path) -> None:
    path.touch()
    empty = CacheFile(path)
    for _ in range(2):
        before = contents(path.parent)
        assert {len(resource) for resource in empty.resources.values()} == {0}
        assert {name: [*rows] for name, rows in empty.resources.items()} == {name: [] for name in _TABLES}
        assert empty.version == 1
        assert re.search(r"^members +0 +0 +0$", repr(empty), re.MULTILINE)
        for name, resource in empty.resources.items():
            assert in_notebook(resource)
            assert [*resource.to_pandas().columns] == [column.name for column in _TABLES[name].columns]
        with pytest.raises(EntryNotFound, match="me has no entry"):
            empty.me.get()
        assert contents(path.parent) == before
        async with sake_lite.SQLiteCache(path):
            pass
    assert path.stat().st_size > 0, "by then it was a cache's, though an empty one"


async def test_tables_that_the_file_lacks_are_empty(path: pathlib.Path) -> None:
    class Roles(sake_lite.resources.RoleCache):
        __slots__ = ()

    async with Roles(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
    file = CacheFile(path)
    assert {name for name, resource in file.resources.items() if len(resource)} == {"roles"}
    assert list(file.members) == []
    assert file.query("SELECT count(*) FROM members").rows == [(0,)]


def test_a_file_that_another_process_keeps_for_itself(
    whole_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_brief, "_BUSY_TIMEOUT", 0.05)
    file = CacheFile(whole_path)
    with contextlib.closing(sqlite3.connect(whole_path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM roles")
        with pytest.raises(BackendError, match="locked by another process"):
            len(file.roles)
        other.execute("ROLLBACK")
    assert len(file.roles) == 5


# What is damaged.


def _damage(path: pathlib.Path, table: str, *numbers: int) -> None:
    """Flip a bit in the payloads of the rows with these places in a table."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for number in numbers:
            rowid, data = connection.execute(
                f"SELECT rowid, data FROM {table} ORDER BY rowid LIMIT 1 OFFSET {number}"
            ).fetchone()
            data = data[:-1] + bytes([data[-1] ^ 1])
            connection.execute(f"UPDATE {table} SET data = ? WHERE rowid = ?", (data, rowid))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_damaged_rows_are_refused_by_get_and_skipped_and_counted_by_what_goes_over_all(
    sample: Sample, whole_path: pathlib.Path
) -> None:
    file = CacheFile(whole_path)
    resource = _view(file, sample.table)
    table = _TABLES[sample.table]
    keys = [table.key_values(payload) for payload in resource.payloads()]
    _damage(whole_path, sample.table, 0, 2)
    damaged: list[tuple[object, ...]] = []
    for key in keys:
        try:
            resource.get(*key)
        except InvalidDataFound as error:
            damaged.append(key)
            assert f"of {sample.table} is damaged" in error.message
            with pytest.raises(InvalidDataFound):
                resource.payload(*key)
    assert len(damaged) == 2

    sound = [key for key in keys if key not in damaged]
    for found in (
        lambda: [table.key_values(payload) for payload in resource.payloads()],
        lambda: [(*key[:-1], sample.key(entity)) for key, entity in zip(sound, resource, strict=True)],
        lambda: [*resource.to_pandas()[[column.name for column in table.key]].itertuples(index=False, name=None)],
        lambda: [row[: len(table.key)] for row in resource.head()],
    ):
        with pytest.warns(RuntimeWarning, match=f"2 damaged rows were skipped in {sample.table}") as caught:
            assert found() == sound
        assert len(caught) == 1
        assert caught[0].filename == __file__, "who looks is warned, not the library"


def test_one_damaged_row_is_one(whole_path: pathlib.Path) -> None:
    _damage(whole_path, "roles", 1)
    file = CacheFile(whole_path)
    with pytest.warns(RuntimeWarning, match="1 damaged row was skipped in roles; `sake-lite check` names each"):
        assert len(list(file.roles)) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(file.users)) > 0


async def test_kinds_that_this_hikari_does_not_know_are_no_damage(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number in (1, 2, 3):
            await cache.set_guild_channel(samples.channel(number))
    data = cbor2.dumps(samples.channel(2, type=99))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        sql = "UPDATE guild_channels SET data = ?, checksum = ? WHERE channel_id = 2"
        connection.execute(sql, (data, zlib.crc32(data)))
    file = CacheFile(path)
    assert [channel.id for channel in file.guild_channels] == [1, 3]
    assert file.guild_channels.payload(2)["type"] == 99
    with pytest.raises(InvalidDataFound, match="is refused by hikari's entity factory"):
        file.guild_channels.get(2)


def test_a_row_that_was_changed_at_no_moment(whole_path: pathlib.Path) -> None:
    """SQLite keeps texts out of a strict table, but no flipped bit."""
    strict = column_values(whole_path, "sqlite_schema WHERE name = 'roles'", "sql")[0]
    for statement, parameters in (
        ("UPDATE sqlite_schema SET sql = ? WHERE name = 'roles'", [strict.removesuffix("STRICT")]),
        ("UPDATE roles SET updated_at = 'noon'", []),
        ("UPDATE sqlite_schema SET sql = ? WHERE name = 'roles'", [strict]),
    ):
        with contextlib.closing(sqlite3.connect(whole_path)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(statement, parameters)
    file = CacheFile(whole_path)
    assert (file.roles.summary().rows, file.roles.summary().newest) == (5, None)
    assert re.search(r"^roles +5 +[\d,]+ +0$", repr(file), re.MULTILINE)


def test_damaged_pages(whole_path: pathlib.Path) -> None:
    file = CacheFile(whole_path)
    data = bytearray(whole_path.read_bytes())
    data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
    whole_path.write_bytes(data)
    for look in (lambda: list(file.roles), lambda: repr(file), lambda: file.query("SELECT * FROM members")):
        with pytest.raises(BackendError, match="is damaged") as caught:
            look()
        assert str(whole_path) in caught.value.message


# What lies beside it.


@pytest.mark.parametrize("has_index", [False, True], ids=["copied without its index", "killed"])
def test_the_log_of_a_killed_bot_is_read_and_left(
    has_index: bool, killed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for part in killed.parent.iterdir():
        if has_index or not part.name.endswith("-shm"):
            (tmp_path / part.name).write_bytes(part.read_bytes())
    before = contents(tmp_path)
    assert len(CacheFile(tmp_path / killed.name).roles) > 0
    after = contents(tmp_path)
    for name in (killed.name, f"{killed.name}-wal"):
        assert after[name] == before[name]
    assert after.keys() - before.keys() <= {f"{killed.name}-shm"}


# Its end.


def test_a_copy_looks_into_the_same_file(whole_path: pathlib.Path) -> None:
    other = copying.copy(CacheFile(whole_path))
    assert len(other.roles) == 5
    with pytest.raises(AttributeError, match=r"^_nothing$"):
        _view(other, "_nothing")


def test_a_closed_file_is_not_looked_into(whole_path: pathlib.Path) -> None:
    with CacheFile(whole_path) as file:
        iteration = iter(file.roles)
        roles = file.roles
    file.close()
    for look in (
        lambda: list(iteration),
        lambda: list(roles),
        lambda: len(file.roles),
        lambda: file.query("SELECT 1"),
        lambda: file.version,
        file.plot,
    ):
        with pytest.raises(sake_lite.ClosedClient, match="was closed"):
            look()
    assert repr(file) == f"<CacheFile {str(whole_path)!r}, closed>"
    assert in_notebook(file) == ""
