"""Rows that are not what was written: each is refused by name, and those beside it stay readable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import tempfile
import typing
import zlib
from pathlib import Path

import cbor2
import pytest
import samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import SAMPLES, Sample, iterate, thousands

import sake_lite
from sake_lite import InvalidDataFound, _walk

if typing.TYPE_CHECKING:
    import collections.abc

_TABLES = {table.name: table for table in sake_lite.SQLiteCache.all_tables}


async def _file_with_three(path: Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_me(samples.me())
        for sample in SAMPLES:
            for number in range(3):
                await sample.store(cache, number)
        await cache.delete_user(samples.USER)


@pytest.fixture(scope="module")
def whole() -> collections.abc.Iterator[Path]:
    """A file with three rows in each table, to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "whole.db")
        asyncio.run(_file_with_three(path))
        yield path


def _key_of(sample: Sample, number: int) -> int | str:
    return sample.expected(number)


def _where(sample: Sample) -> str:
    return f"{_TABLES[sample.table].key[-1].name} = ?"


def _copy_with(
    whole: Path, folder: str, sample: Sample, change: collections.abc.Callable[[bytes, int], tuple[bytes, int]]
) -> Path:
    """Copy the file, with data and check value of the second row of a table changed."""
    path = Path(folder, "damaged.db")
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        where, key = _where(sample), _key_of(sample, 1)
        data, checksum = connection.execute(
            f"SELECT data, checksum FROM {sample.table} WHERE {where}", (key,)
        ).fetchone()
        data, checksum = change(data, checksum)
        connection.execute(f"UPDATE {sample.table} SET data = ?, checksum = ? WHERE {where}", (data, checksum, key))

    return path


async def _assert_refused(path: Path, sample: Sample) -> None:
    """Assert that the second row is refused by get and iteration, and that the others are there."""
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(InvalidDataFound, match=f"{_key_of(sample, 1)}.* of {sample.table}"):
            await sample.get(cache, 1)
        for number in (0, 2):
            assert sample.key(await sample.get(cache, number)) == sample.expected(number)

        iterator = iterate(cache, sample)
        assert sample.key(await anext(iterator)) == sample.expected(0)
        with pytest.raises(InvalidDataFound):
            await anext(iterator)
        assert sample.key(await anext(iterator)) == sample.expected(2), "the iterator goes on after the damaged row"

        found = [sample.key(entity) async for entity in iterate(cache, sample).skip_invalid()]
        assert found == [sample.expected(0), sample.expected(2)]


def _run(whole: Path, sample: Sample, change: collections.abc.Callable[[bytes, int], tuple[bytes, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_assert_refused(_copy_with(whole, folder, sample, change), sample))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(data=st.data())
def test_any_byte_changed_cut_or_added(sample: Sample, whole: Path, data: st.DataObject) -> None:
    def change(stored: bytes, checksum: int) -> tuple[bytes, int]:
        kind = data.draw(st.sampled_from(["change", "cut", "add"]))
        at = data.draw(st.integers(0, len(stored) - 1))
        if kind == "change":
            flip = data.draw(st.integers(1, 255))
            return stored[:at] + bytes([stored[at] ^ flip]) + stored[at + 1 :], checksum
        if kind == "cut":
            return stored[:at], checksum
        return stored[:at] + data.draw(st.binary(min_size=1, max_size=5)) + stored[at:], checksum

    _run(whole, sample, change)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_changed_check_value(sample: Sample, whole: Path) -> None:
    _run(whole, sample, lambda data, checksum: (data, checksum ^ 1))


def _sealed(value: object) -> tuple[bytes, int]:
    data = value if isinstance(value, bytes) else cbor2.dumps(value)
    return data, zlib.crc32(data)


_NOT_A_PAYLOAD: dict[str, typing.Any] = {
    "a list": [],
    "a number": 5,
    "an empty map": {},
    "nothing": b"",
    "two items": cbor2.dumps({}) * 2,
    "a tag": cbor2.CBORTag(1, 5),
    "a tag inside": {"id": cbor2.CBORTag(0, "2026-11-23T00:00:00Z")},
    "a bignum": {"id": 2**70},
    "duplicate keys": b"\xa2\x62id\x61\x31\x62id\x61\x31",
    "an indefinite map": b"\xbf\x62id\x61\x31\xff",
    "deep nesting": b"\x81" * 100_000 + b"\x80",
    "a giant length": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "number keys": {1: 2},
    "a byte string among keys": {"id": "1", "more": [{"a": 1, b"b": 2, "c": 3}]},
    "a byte string inside": {"id": "1", "more": {"list": [["text", b"bytes"]]}},
    "undefined inside": {"id": "1", "more": [cbor2.undefined]},
    "a simple value inside": {"id": "1", "more": [[cbor2.CBORSimpleValue(99)]]},
    "no CBOR": b"\xff\xfe\xfd",
    "too long": b"\x5a\x00\x90\x00\x00" + bytes(0x900000),
}


@pytest.mark.parametrize("value", _NOT_A_PAYLOAD.values(), ids=_NOT_A_PAYLOAD)
@pytest.mark.parametrize("sample", SAMPLES[3:5], ids=str)
def test_a_row_that_is_no_payload_though_its_check_value_is_right(sample: Sample, value: object, whole: Path) -> None:
    _run(whole, sample, lambda _data, _checksum: _sealed(value))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_whole_row_that_something_follows(sample: Sample, whole: Path) -> None:
    _run(whole, sample, lambda data, _checksum: _sealed(data * 2))


def test_a_sound_payload_that_is_too_large(whole: Path) -> None:
    sample = next(sample for sample in SAMPLES if sample.table == "roles")
    _run(whole, sample, lambda data, _checksum: _sealed({**cbor2.loads(data), "more": "x" * 9_000_000}))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_whole_row_under_another_key(sample: Sample, whole: Path) -> None:
    """The second row gets the first one's data: it is refused, since it says itself whose it is."""
    with contextlib.closing(sqlite3.connect(whole)) as connection:
        row = connection.execute(
            f"SELECT data, checksum FROM {sample.table} WHERE {_where(sample)}", (_key_of(sample, 0),)
        ).fetchone()
    _run(whole, sample, lambda _data, _checksum: row)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_payload_that_hikari_refuses(sample: Sample, whole: Path) -> None:
    """Only what identifies a row is left of it: what the columns ask for, but not what an entity needs."""

    def strip(data: bytes, _: int) -> tuple[bytes, int]:
        payload = cbor2.loads(data)
        kept = {path[0] for column in _TABLES[sample.table].columns for path in column.paths}
        stripped = {name: value for name, value in payload.items() if name in kept}
        if "user" in stripped:
            stripped["user"] = {"id": stripped["user"]["id"]}
        return _sealed(stripped | {"activities": None})

    _run(whole, sample, strip)


@pytest.mark.parametrize("column", ["guild_id", "author_id", "channel_id"])
async def test_a_changed_reference(column: str, whole: Path, path: Path) -> None:
    """A row does not turn up in another guild because a bit of its reference flipped."""
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE messages SET {column} = 77 WHERE message_id = ?", (thousands(1),))
    async with sake_lite.SQLiteCache(path) as cache:
        by = {"guild_id": "guild", "author_id": "author", "channel_id": "channel"}[column]
        with pytest.raises(InvalidDataFound, match=str(thousands(1))):
            await anext(getattr(cache, f"iter_messages_for_{by}")(77))


@pytest.mark.parametrize("change", ["byte", "checksum", "identity", "empty"])
async def test_me_is_checked_like_the_others(change: str, whole: Path, path: Path) -> None:
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        ((data, checksum),) = connection.execute("SELECT data, checksum FROM me").fetchall()
        changed = {
            "byte": (data[:-1] + bytes([data[-1] ^ 1]), checksum),
            "checksum": (data, checksum + 1),
            "identity": _sealed(samples.me(77)),
            "empty": _sealed({}),
        }
        connection.execute("UPDATE me SET data = ?, checksum = ?", changed[change])
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(InvalidDataFound, match=f"{samples.USER} of me"):
            await cache.get_me()


async def test_a_damaged_row_is_mended_by_what_comes_next(
    whole: Path, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET data = x'00'")
        connection.execute("UPDATE users SET data = x'00'")
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("MESSAGE_CREATE", samples.message(thousands(0)))
        assert (await cache.get_message(thousands(0))).id == thousands(0)

        with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
            await cache.ingest("MESSAGE_UPDATE", samples.message(thousands(1), content="whole"))
            assert not await cache.update_message({"id": str(thousands(2)), "content": "partial"})
        assert (await cache.get_message(thousands(1))).content == "whole"
        assert f"{thousands(1)} of messages is damaged" in caplog.text


async def test_skipped_rows_are_logged(whole: Path, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE roles SET data = x'00'")
    async with sake_lite.SQLiteCache(path) as cache:
        with caplog.at_level(logging.WARNING, "hikari.sake_lite"):
            assert await cache.iter_roles().skip_invalid() == []
    assert len(caplog.records) == 3


async def test_a_channel_type_of_another_hikari_is_skipped_by_iteration(
    cache: sake_lite.SQLiteCache, path: Path
) -> None:
    await cache.set_guild_channel(samples.channel(1))
    await cache.set_guild_channel(samples.channel(2))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        data, checksum = _sealed(samples.channel(1, type=99))
        connection.execute("UPDATE guild_channels SET data = ?, checksum = ? WHERE channel_id = 1", (data, checksum))
    assert [channel.id async for channel in cache.iter_guild_channels()] == [2]
    with pytest.raises(InvalidDataFound, match="UnrecognisedEntityError"):
        await cache.get_guild_channel(1)


@pytest.mark.parametrize("moved_to", [1, 10**12], ids=["backwards", "forwards"])
@pytest.mark.parametrize("at", [0, 199, 399])
async def test_a_damaged_key_neither_ends_an_iteration_nor_makes_it_endless(moved_to: int, at: int, path: Path) -> None:
    """A key that says something else is not gone on from: what follows it is read all the same."""
    count = 400
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(count):
            await cache.set_user(samples.user(thousands(number)))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        # Where the row stands in the table's tree is its key; only what it says of itself can be changed by SQL.
        data, checksum = _sealed(samples.user(moved_to))
        where = (data, checksum, thousands(at))
        connection.execute("UPDATE users SET data = ?, checksum = ? WHERE user_id = ?", where)
    async with sake_lite.SQLiteCache(path) as cache:
        found = [user.id async for user in cache.iter_users().skip_invalid()]
    assert found == [thousands(number) for number in range(count) if number != at]


async def test_many_damaged_rows_in_a_row(path: Path) -> None:
    """More of them than a window holds, so that no row in the window tells where to go on."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest(
            "GUILD_MEMBERS_CHUNK", {"guild_id": "1", "members": [samples.member(n) for n in range(1, 901)]}
        )
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE members SET data = x'00' WHERE user_id BETWEEN 50 AND 850")
    async with sake_lite.SQLiteCache(path) as cache:
        found = [member.id async for member in cache.iter_members().skip_invalid()]
        assert found == [*range(1, 50), *range(851, 901)]
        assert [member.id async for member in cache.iter_members_for_guild(1).skip_invalid()] == found


async def test_a_damaged_text_leaves_its_neighbours_readable(path: Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for code in ("a", "b", "c"):
            await cache.set_invite(samples.invite(code))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE invites SET code = CAST(x'62ff' AS TEXT) WHERE code = 'b'")
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(InvalidDataFound, match=r"code=b\\udcff of invites"):
            await cache.iter_invites()
        assert [invite.code async for invite in cache.iter_invites().skip_invalid()] == ["a", "c"]


def _page(path: Path, name: str) -> int:
    """Return where the page begins that a table or an index, of one page, is in."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((root, size),) = connection.execute(
            "SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = ?", (name,)
        ).fetchall()
    return (root - 1) * size


def _cell(data: bytearray, page: int, number: int) -> int:
    """Return where a row begins in a page that is a leaf (https://www.sqlite.org/fileformat.html)."""
    pointer = page + 8 + 2 * number
    return page + int.from_bytes(data[pointer : pointer + 2], "big")


async def test_a_damaged_key_of_another_type_leaves_its_neighbours_readable(path: Path) -> None:
    """It can be compared with no other key: one bit makes the text of 10 bytes a blob of 10 bytes."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 31):
            await cache.set_invite(samples.invite(f"code{number:06}"))
    page = _page(path, "sqlite_autoindex_invites_1")
    data = bytearray(path.read_bytes())
    at = _cell(data, page, 14) + 2
    assert data[at] == 13 + 2 * 10
    data[at] ^= 1
    path.write_bytes(data)
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(InvalidDataFound, match="of invites"):
            await cache.iter_invites()
        found = [invite.code async for invite in cache.iter_invites().skip_invalid()]
        assert found == [f"code{number:06}" for number in range(1, 31) if number != 15]


async def test_rows_that_stand_out_of_order_are_no_reason_to_go_round_in_circles(path: Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number in range(1, 5):
            await cache.set_sticker(samples.GUILD, samples.sticker(number << 20, user=samples.user(77)))
    page = _page(path, "stickers")
    data = bytearray(path.read_bytes())
    pointers = slice(page + 8, page + 8 + 2 * 4)
    first, *rest = [data[pointers][at : at + 2] for at in range(0, 8, 2)]
    data[pointers] = b"".join([*rest, first])
    path.write_bytes(data)
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(InvalidDataFound, match="stands where it does not belong"):
            await cache.iter_stickers()
        async with asyncio.timeout(10):
            found = [int(sticker.id) >> 20 async for sticker in cache.iter_stickers().skip_invalid()]
            assert found == [2, 3, 4]
            assert not (await cache.check()).is_sound
            with pytest.raises(sake_lite.BackendError, match=r"stickers is damaged.* cannot all be removed"):
                await cache.purge_user(77)


async def test_a_schema_that_is_no_text(path: Path) -> None:
    """SQLite's message is then no UTF-8 either, and Python raises what is no `sqlite3.Error`."""
    async with sake_lite.SQLiteCache(path):
        pass
    data = path.read_bytes()
    assert data.count(b"CREATE TABLE roles") == 1
    path.write_bytes(data.replace(b"CREATE TABLE roles", b"CREATE TABLE r\xffles"))
    with pytest.raises(sake_lite.BackendError, match=r"bot\.db"):
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.get_role(1)


async def test_damaged_rows_that_are_deleted_while_iterating(path: Path) -> None:
    """Deleting them is what one does about them; no other row is passed over for it."""
    async with sake_lite.SQLiteCache(path) as cache:
        for by_guild in (False, True):
            await asyncio.gather(*(cache.set_role(1, samples.role(number)) for number in range(1, 451)))
            with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE roles SET checksum = checksum + 1 WHERE role_id BETWEEN 196 AND 200")

            iterator = cache.iter_roles_for_guild(1) if by_guild else cache.iter_roles()
            found: list[int] = []
            faults = 0
            while True:
                try:
                    found.append((await anext(iterator)).id)
                except InvalidDataFound:
                    faults += 1
                    if faults == 5:
                        # The window ends here, and the next one has not been read.
                        for number in range(196, 201):
                            await cache.delete_role(number)
                except StopAsyncIteration:
                    break
            assert faults == 5
            assert found == [*range(1, 196), *range(201, 451)]


async def test_a_key_below_all_others_is_met(path: Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await asyncio.gather(*(cache.set_role(1, samples.role(number)) for number in range(1, 11)))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE roles SET role_id = -7 WHERE role_id = 5")
        with pytest.raises(InvalidDataFound, match="-7"):
            await anext(cache.iter_roles())
        assert len(await cache.iter_roles().skip_invalid()) == 9


@pytest.mark.parametrize("rows", [2, 5])
async def test_more_rows_out_of_order_than_a_window_holds_end_an_iteration(
    rows: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that comes was met before, nothing tells where to go on: that is said, once, instead of for ever."""
    monkeypatch.setattr(_walk, "_FIRST_ROWS", rows)
    monkeypatch.setattr(_walk, "_WINDOW_ROWS", rows)
    async with sake_lite.SQLiteCache(path) as cache:
        roles = [samples.role(number, name="x" * 1_000) for number in range(1, 61)]
        await cache.ingest("GUILD_CREATE", samples.guild_create(1, roles=roles))
    page = _page(path, "roles")
    data = bytearray(path.read_bytes())
    assert data[page] == 5, "the table's first page has others below it"
    # All of them become the first one, whose rows then come again and again.
    cells = [data[page + 12 + at : page + 14 + at] for at in range(0, 2 * int.from_bytes(data[page + 3 : page + 5]), 2)]
    first = page + int.from_bytes(cells[0])
    for cell in cells:
        at = page + int.from_bytes(cell)
        data[at : at + 4] = data[first : first + 4]
    data[page + 8 : page + 12] = data[first : first + 4]
    path.write_bytes(data)

    found: list[int] = []
    faults = 0
    async with sake_lite.SQLiteCache(path) as cache, asyncio.timeout(10):
        with pytest.raises(sake_lite.BackendError, match="roles is damaged, its rows are out of order"):
            async for role in cache.iter_roles().skip_invalid():
                found.append(role.id)  # noqa: PERF401 - it ends with an error
        assert found == [1, 2, 3]
        iterator = cache.iter_roles()
        with pytest.raises(sake_lite.BackendError, match="so that what follows is unreachable"):
            while True:
                try:
                    await anext(iterator)
                except InvalidDataFound:
                    faults += 1
        assert faults >= 3
