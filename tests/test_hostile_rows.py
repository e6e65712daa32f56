"""Rows that somebody made to do harm: whatever their bytes, they are refused at once, or are plain JSON.

Their check values are right, which `test_damage.py` is about when they are not. What CBOR can say and JSON cannot is
refused in every table, as a whole row and inside an otherwise sound one, in little time and memory; and what mutations
make of sound rows is refused, or opens as dictionaries, lists, text and numbers only.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import itertools
import math
import pathlib
import re
import sqlite3
import struct
import tempfile
import time
import tracemalloc
import typing
import zlib

import cbor2
import hikari
import payloads
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import SAMPLES, Sample, iterate

import sake_lite
from sake_lite import InvalidDataFound, _app, _codec
from sake_lite._column import Value

if typing.TYPE_CHECKING:
    import collections.abc

    from samples import Payload

    from sake_lite._table import Row, Table

_T = typing.TypeVar("_T")

_TABLES: typing.Final = {table.name: table for table in sake_lite.SQLiteCache.all_tables}
_FACTORY: typing.Final[hikari.api.EntityFactory] = _app.as_app(None).entity_factory

# Most take microseconds; this much leaves room for a busy machine, and none for what grows faster than its bytes do.
_SECONDS: typing.Final = 0.25


# Bytes by hand (RFC 8949): a major type in three bits, and a number, here always in eight bytes.

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = 0, 2, 3, 4, 5, 6


def _head(major: int, number: int) -> bytes:
    return bytes([major << 5 | 27]) + number.to_bytes(8, "big")


def _array(*items: bytes) -> bytes:
    return _head(_ARRAY, len(items)) + b"".join(items)


def _map(*entries: tuple[bytes, bytes]) -> bytes:
    return _head(_MAP, len(entries)) + b"".join(map(b"".join, entries))


def _tag(number: int, item: bytes) -> bytes:
    return _head(_TAG, number) + item


def _inside(payload: Payload, item: bytes) -> bytes:
    """Return the bytes of a payload that has one more entry, of which these are the value."""
    return _map(*((cbor2.dumps(name), cbor2.dumps(value)) for name, value in payload.items()), (b"\x61x", item))


_DEEP, _MANY = 100_000, 40_000
_HUGE: typing.Final = (2**40, 2**63 - 1, 2**64 - 1)
_DATE, _REGEX = b"\x74" + b"2026-11-23T00:00:00Z", cbor2.dumps("(a+)+$" * 50_000)

# -1 and -2 have the same hash, hence all tuples of them that are of one length.
_COLLIDING: typing.Final = [
    _array(*(b"\x20" if number >> bit & 1 else b"\x21" for bit in range(16))) for number in range(_MANY)
]

_REFUSED: typing.Final[dict[str, bytes]] = {
    "nothing": b"",
    "arrays in arrays": b"\x81" * _DEEP + b"\x80",
    "maps in maps": b"\xa1\x61a" * _DEEP + b"\xa0",
    "arrays in maps in arrays": b"\x81\xa1\x61a" * _DEEP + b"\x80",
    "arrays as keys of keys": b"\xa1\x81" * _DEEP,
    "tags on tags": b"\xc6" * _DEEP + b"\x00",
    "arrays without an end in arrays": b"\x9f" * _DEEP,
    "one level too many": b"\x81" * 64 + b"\x00",
    "bytes that are deep down": b"\x81" * 50 + b"\x41a",
    "bytes in a map that is deep down": b"\x81" * 50 + b"\xa1\x61a\x41a",
    "bytes": b"\x45bytes",
    **{f"{major} of {length}": _head(major, length) for major in (_BYTES, _TEXT, _ARRAY, _MAP) for length in _HUGE},
    **{f"{length} items, of which one is there": _head(_ARRAY, length) + b"\x00" for length in _HUGE},
    "a date": _tag(0, _DATE),
    "a moment": _tag(1, b"\x1a\x65\x00\x00\x00"),
    "a large integer": _tag(2, b"\x49" + b"\xff" * 9),
    "a large negative integer": _tag(3, b"\x49" + b"\xff" * 9),
    "an integer of 100,000 bytes": _tag(2, _head(_BYTES, _DEEP) + b"\xff" * _DEEP),
    "a decimal": _tag(4, _array(b"\x1b" + b"\x7f" * 8, b"\x01")),
    "a float of two integers": _tag(5, _array(b"\x1b" + b"\x7f" * 8, b"\x01")),
    "a fraction": _tag(30, _array(b"\x01", b"\x03")),
    "a fraction by nothing": _tag(30, _array(b"\x01", b"\x00")),
    "a regular expression": _tag(35, _REGEX),
    "a mail": _tag(36, cbor2.dumps("From: a\n\nb")),
    "a UUID": _tag(37, b"\x50" + bytes(16)),
    "an array that is in itself": _tag(28, _array(_tag(29, b"\x00"))),
    "a map that is in itself": _tag(28, _map((b"\x61a", _tag(29, b"\x00")))),
    "a reference to nothing": _tag(29, b"\x05"),
    "references to text": _tag(256, _array(b"\x64text", _tag(25, b"\x00"))),
    "a set": _tag(258, _array(b"\x01")),
    "an address": _tag(260, b"\x44\x7f\x00\x00\x01"),
    "a complex number": _tag(43000, _array(b"\x01", b"\x02")),
    "a mark of CBOR": _tag(55799, b"\xa0"),
    "a tag that nobody knows": _tag(1_234_567, b"\x01"),
    "the last tag": _tag(2**64 - 1, b"\x01"),
    "a tag of nothing": _head(_TAG, 0),
    "a key twice": _map((b"\x61a", b"\x01"), (b"\x61a", b"\x02")),
    "NaN as keys": _map((b"\xf9\x7e\x00", b"\x01"), (b"\xf9\x7e\x00", b"\x02")),
    **{
        f"{kind} as a key": _map((key, b"\x01"))
        for kind, key in {
            "a number": b"\x01",
            "a float": b"\xf9\x3c\x00",
            "bytes": b"\x41a",
            "an array": b"\x81\x61a",
            "a map": b"\xa0",
            "true": b"\xf5",
            "null": b"\xf6",
            "undefined": b"\xf7",
            "a simple value": b"\xf8\x63",
            "a tag": _tag(37, b"\x50" + bytes(16)),
        }.items()
    },
    "text and bytes as keys": _map((b"\x61a", b"\x01"), (b"\x41a", b"\x02")),
    "keys that collide": _map(*((key, b"\x00") for key in _COLLIDING)),
    "numbers as keys that collide": _map(*((_head(_UNSIGNED, (n + 1) << 43), b"\x00") for n in range(_MANY))),
    "floats as keys that collide": _map(*((b"\xfb" + struct.pack(">d", n * 2.0**61), b"\x00") for n in range(_MANY))),
    "a key twice among many": _map(*((cbor2.dumps(f"key{n % (_MANY - 1)}"), b"\x00") for n in range(_MANY))),
    "an array without a length": b"\x9f\x01\xff",
    "a map without a length": b"\xbf\x61a\x01\xff",
    "text without a length": b"\x7f\x61a\xff",
    "bytes without a length": b"\x5f\x41a\xff",
    "an end of nothing": b"\xff",
    "undefined": b"\xf7",
    "a simple value": b"\xe0",
    "a simple value in two bytes": b"\xf8\x63",
    "many undefined values": _array(*[b"\xf7"] * _MANY),
    **{
        f"{first:#x}, which means nothing": bytes([first]) for first in (0x1C, 0x3D, 0x5E, 0x7C, 0x9D, 0xBE, 0xDC, 0xFC)
    },
    "text that is no UTF-8": b"\x62\xc3\x28",
    "text that is half of a pair": b"\x63\xed\xa0\x80",
    "too little": b"\x82\x01",
    "a float that ends early": b"\xfb\x00",
    "more than one item": b"\xa0\xa0",
    "many items": b"\xa0" * 300_000,
}
"""What is refused as a whole row, and as a part of one; a part stands last, so that nothing else follows it."""

_SOUND_PARTS: typing.Final[dict[str, bytes]] = {
    "null": b"\xf6",
    "true": b"\xf5",
    "a number": b"\x18\x2a",
    "the largest number": b"\x1b" + b"\xff" * 8,
    "the least number": b"\x3b" + b"\xff" * 8,
    "a number in more bytes than it needs": _head(_UNSIGNED, 1),
    "a float": b"\xfb" + struct.pack(">d", 0.1),
    "a half float": b"\xf9\x3c\x00",
    "a single float": b"\xfa" + struct.pack(">f", 0.5),
    "NaN": b"\xf9\x7e\x00",
    "infinity": b"\xf9\x7c\x00",
    "text": cbor2.dumps("ünïcödé 🍶"),
    "a text of nothing": b"\x60",
    "an array": _array(b"\x01", b"\x61a"),
    "empty maps": _array(*[b"\xa0"] * 20_000),
    "empty arrays": _array(*[b"\x80"] * 20_000),
    "many keys": _map(*((cbor2.dumps(f"key{number}"), b"\x00") for number in range(_MANY))),
    "as deep as may be": b"\x81" * 60 + b"\x00",
}
"""What is strange, perhaps, but JSON: no row at all, and a part that no entity minds."""


# Rows to begin with.


@dataclasses.dataclass(frozen=True)
class _Sound:
    """A row that is sound."""

    table: Table[typing.Any]
    columns: tuple[Value, ...]
    payload: Payload

    def __str__(self) -> str:
        return self.table.name

    def row(self, data: bytes) -> Row:
        """Return the row with other bytes, and the check value that is right for them."""
        return (*self.columns, zlib.crc32(data), data)

    def build(self, payload: Payload) -> object:
        return self.table.build(_FACTORY, self.columns[: len(self.table.key)], payload)


_NUMBERS: typing.Final = range(3)


async def _store(path: pathlib.Path, numbers: collections.abc.Iterable[int]) -> None:
    async with sake_lite.SQLiteCache(path, message_expire=math.inf) as cache:
        stores = (sample.store(cache, number) for sample in SAMPLES for number in numbers)
        await asyncio.gather(cache.set_me(samples.me()), *stores)
        for table in (await cache.check()).rows:
            assert table


def _read(path: pathlib.Path) -> dict[str, dict[Value, _Sound]]:
    """Return what is in a file, by table and the last column of the key."""
    found: dict[str, dict[Value, _Sound]] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in _TABLES.values():
            rows = connection.execute(f"SELECT {table.row} FROM {table.name}").fetchall()
            each = [_Sound(table, row[:-2], table.open_row(row)) for row in rows]
            found[table.name] = {sound.columns[len(table.key) - 1]: sound for sound in each}
    return found


@pytest.fixture(scope="module")
def sound() -> dict[str, _Sound]:
    """One row of each table."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "sound.db")
        asyncio.run(_store(path, _NUMBERS))
        return {name: next(iter(rows.values())) for name, rows in _read(path).items()}


def _assert_refused(sound: _Sound, data: bytes) -> None:
    key = re.escape(sound.table.describe(sound.columns[: len(sound.table.key)]))
    with pytest.raises(InvalidDataFound, match=f"the row {key} of {sound.table.name} is damaged: "):
        sound.table.open_row(sound.row(data))


def _soon(what: str, do: collections.abc.Callable[[], _T]) -> _T:
    """Do something, and assert that it takes little time; what else goes on in the process may have taken some once."""
    taken: list[float] = []
    while True:
        begun = time.process_time()
        result = do()
        taken.append(time.process_time() - begun)
        if taken[-1] < _SECONDS:
            return result
        assert len(taken) < 3, f"{what} took {taken} s"


def test_the_tables_are_all_here(sound: dict[str, _Sound]) -> None:
    assert sound.keys() == _TABLES.keys()


@pytest.mark.parametrize("name", _TABLES)
def test_what_is_no_payload_is_refused_at_once(name: str, sound: dict[str, _Sound]) -> None:
    for what, data in (_REFUSED | _SOUND_PARTS).items():
        if what == "many keys":  # a map, which lacks all that identifies a row
            data = data[:-1] + b"\xf7"  # noqa: PLW2901
        _soon(what, functools.partial(_assert_refused, sound[name], data))


@pytest.mark.parametrize("name", _TABLES)
def test_a_payload_with_a_part_that_is_none_is_refused_at_once(name: str, sound: dict[str, _Sound]) -> None:
    """It says itself whose row it is, and all else of it is as it should be."""
    for what, data in _REFUSED.items():
        _soon(what, functools.partial(_assert_refused, sound[name], _inside(sound[name].payload, data)))


@pytest.mark.parametrize("name", _TABLES)
def test_a_payload_with_a_strange_part_that_is_json_opens(name: str, sound: dict[str, _Sound]) -> None:
    """Else what is refused above might be so for another reason than the part."""
    it = sound[name]
    for what, data in _SOUND_PARTS.items():
        payload = _soon(what, functools.partial(it.table.open_row, it.row(_inside(it.payload, data))))
        _assert_plain(payload)
        assert it.payload.items() <= payload.items()
        assert type(it.build(payload)) is type(it.build(it.payload))


@pytest.mark.parametrize("name", _TABLES)
def test_a_sound_payload_that_something_precedes_or_follows(name: str, sound: dict[str, _Sound]) -> None:
    it = sound[name]
    data = cbor2.dumps(it.payload)
    assert it.table.open_row(it.row(data)) == it.payload
    for more in (b"\x00", b"\xf6", b"\xff", b"\xa0", data, bytes(16), b"\x50" + bytes(16), bytes(100_000)):
        _assert_refused(it, data + more)
        _assert_refused(it, more + data)
    for number in (0, 24, 28, 35, 55799, 2**63):
        _assert_refused(it, _tag(number, data))
    _assert_refused(it, _array(data))
    _assert_refused(it, _head(_BYTES, len(data)) + data)
    _assert_refused(it, b"\xbf" + data[1 if data[0] < 0xB8 else 2 :] + b"\xff")


def test_a_row_that_reaches_into_the_next_one(sound: dict[str, _Sound]) -> None:
    """Rows that are decoded together cannot make up for one another."""
    it = sound["roles"]
    whole = cbor2.dumps(it.payload)
    greedy = _inside(it.payload, _head(_ARRAY, 2) + b"\x00")
    greedier = _inside(it.payload, _head(_ARRAY, 3) + b"\x00")
    generous = [whole + b"\x00", whole + whole, whole + b"\x00" + whole]
    for rows in itertools.permutations([greedy, greedier, *generous, whole], 3):
        together = [it.row(data) for data in rows]
        with pytest.raises(InvalidDataFound):
            it.table.open_rows(together)
        with pytest.raises(InvalidDataFound):
            it.table.build_together(_FACTORY, together)


@pytest.mark.parametrize("name", _TABLES)
def test_a_hostile_row_among_others_that_are_read_together(name: str, sound: dict[str, _Sound]) -> None:
    it = sound[name]
    whole = it.row(cbor2.dumps(it.payload))
    for place, data in enumerate(_REFUSED.values()):
        rows = [whole] * _codec.MOST_TOGETHER
        rows[place % len(rows)] = it.row(_inside(it.payload, data))
        with pytest.raises(InvalidDataFound):
            it.table.build_together(_FACTORY, rows)


def _most_memory(sound: _Sound, data: bytes) -> int:
    """Return how many bytes were taken at most while a row was opened, in vain."""
    row = sound.row(data)
    tracemalloc.start()
    try:
        with contextlib.suppress(InvalidDataFound):
            sound.table.open_row(row)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_inside", [False, True], ids=["whole", "inside"])
def test_a_hostile_row_takes_little_memory(is_inside: bool, sound: dict[str, _Sound]) -> None:
    it = sound["roles"]
    for what, part in _REFUSED.items():
        data = _inside(it.payload, part) if is_inside else part
        most = 100 if what == "a key twice among many" else 4  # text and values are made before it is found out
        assert _most_memory(it, data) < most * len(data) + 4_000_000, what


def test_what_the_smallest_parts_take_is_bounded_by_their_bytes(sound: dict[str, _Sound]) -> None:
    """A byte can be an empty dictionary, which takes 64 and a place in a list; there is nothing smaller for more."""
    it = sound["roles"]
    for part in (b"\xa0", b"\x80", b"\x60", b"\xf6", b"\x81\x80", b"\xa1\x60\xa0", b"\xa1\x61a\x00"):
        data = _inside(it.payload, _array(*[part] * (60_000 // len(part))))
        _soon(f"{part!r}", functools.partial(it.table.open_row, it.row(data)))
        assert _most_memory(it, data) < 120 * len(data) + 1_000_000, part


# In a file.


def _number(place: int) -> int:
    """Return the number of the sample that a hostile part is put into."""
    return 10 + place


@pytest.fixture(scope="module")
def hostile() -> collections.abc.Iterator[pathlib.Path]:
    """A file with three sound rows in each table, and one with each hostile part."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "hostile.db")
        asyncio.run(_store(path, [*_NUMBERS, *map(_number, range(len(_REFUSED)))]))
        stored = _read(path)
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            for sample in SAMPLES:
                key = _TABLES[sample.table].key[-1].name
                update = f"UPDATE {sample.table} SET data = ?, checksum = ? WHERE {key} = ?"
                for place, part in enumerate(_REFUSED.values()):
                    expected = sample.expected(_number(place))
                    data = _inside(stored[sample.table][expected].payload, part)
                    connection.execute(update, (data, zlib.crc32(data), expected))
        yield path


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
async def test_getting_and_iterating_over_hostile_rows(sample: Sample, hostile: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(hostile, read_only=True) as cache:
        for number in map(_number, range(len(_REFUSED))):
            with pytest.raises(InvalidDataFound, match=f"{sample.expected(number)} of {sample.table} is damaged"):
                await sample.get(cache, number)

        # All at once, where rows are decoded together.
        numbers = [*_NUMBERS, *map(_number, range(len(_REFUSED)))]
        got = await asyncio.gather(*(sample.get(cache, number) for number in numbers), return_exceptions=True)
        assert [type(each) is InvalidDataFound for each in got] == [number not in _NUMBERS for number in numbers]

        found = [sample.key(entity) async for entity in iterate(cache, sample).skip_invalid()]
        sound = [sample.expected(number) for number in _NUMBERS]
        more = {samples.USER} if sample.table == "users" else set[int]()
        assert [key for key in found if key not in more] == sound


async def test_checking_a_file_of_hostile_rows_and_deleting_them(hostile: pathlib.Path, path: pathlib.Path) -> None:
    path.write_bytes(hostile.read_bytes())
    async with sake_lite.SQLiteCache(path) as cache:
        report = await cache.check(delete_invalid=True)
        named = [(problem.table, problem.key) for problem in report.problems]
        assert len(set(named)) == len(named) == report.deleted == len(SAMPLES) * len(_REFUSED)
        assert all("is damaged: " in problem.fault for problem in report.problems)
        assert (await cache.check()).is_sound
        for sample in SAMPLES:
            for number in _NUMBERS:
                assert sample.key(await sample.get(cache, number)) == sample.expected(number)


async def test_checking_names_what_hikari_refuses(path: pathlib.Path) -> None:
    """Rows that decode, and say themselves whose they are, of which no entity can be made."""
    await _store(path, _NUMBERS)
    stored = _read(path)
    refused: list[tuple[str, str | None]] = []
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for sample in SAMPLES:
            it = stored[sample.table][sample.expected(1)]
            kept = {path[0] for column in it.table.columns for path in column.paths} - {"user"}
            bare = {name: value for name, value in it.payload.items() if name in kept} | {"activities": None}
            if "user" in it.payload:
                bare["user"] = {"id": it.payload["user"]["id"]}
            data = cbor2.dumps(bare)
            key = it.table.key[-1].name
            change = f"UPDATE {sample.table} SET data = ?, checksum = ? WHERE {key} = ?"
            connection.execute(change, (data, zlib.crc32(data), sample.expected(1)))
            refused.append((sample.table, it.table.describe(it.columns[: len(it.table.key)])))
    async with sake_lite.SQLiteCache(path, read_only=True) as cache:
        problems = (await cache.check()).problems
    assert sorted((problem.table, problem.key) for problem in problems) == sorted(refused)
    assert all("is refused by hikari's entity factory" in problem.fault for problem in problems)


async def test_events_and_calls_that_build_upon_hostile_rows(hostile: pathlib.Path, path: pathlib.Path) -> None:
    """A change of a row that cannot be opened is left out; a row that comes whole replaces it."""
    path.write_bytes(hostile.read_bytes())
    async with sake_lite.SQLiteCache(path) as cache:
        for place in range(len(_REFUSED)):
            message_id = samples.thousands(_number(place))
            assert not await cache.update_message({"id": str(message_id), "content": "changed"})
            reaction = {"user_id": "7", "message_id": str(message_id), "channel_id": "1", "emoji": {"name": "🍶"}}
            await cache.ingest("MESSAGE_REACTION_ADD", reaction)
        await cache.purge_user(samples.USER)
        for sample in SAMPLES:
            await sample.store(cache, _number(0))
            assert sample.key(await sample.get(cache, _number(0))) == sample.expected(_number(0))
        assert cache.stats().failures == 0


async def test_the_bot_s_own_user_in_a_hostile_row(path: pathlib.Path) -> None:
    await _store(path, [])
    ((own,),) = (rows.values() for name, rows in _read(path).items() if name == "me")
    for part in _REFUSED.values():
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            data = _inside(own.payload, part)
            connection.execute("UPDATE me SET data = ?, checksum = ?", (data, zlib.crc32(data)))
        async with sake_lite.SQLiteCache(path, read_only=True) as cache:
            with pytest.raises(InvalidDataFound, match=f"{samples.USER} of me is damaged"):
                await cache.get_me()


# Mutations of sound rows.


def _assert_plain(value: object) -> None:
    """Assert that something is what JSON has, and of no other types than Python's own for it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        assert kind in {dict, list, str, int, float, bool, type(None)}, kind
        if kind is dict:
            names = typing.cast("dict[object, object]", one)
            assert all(type(name) is str for name in names)
            waiting += names.values()
        elif kind is list:
            waiting += typing.cast("list[object]", one)


def _open(sound: _Sound, data: bytes) -> Payload | None:
    try:
        return sound.table.open_row(sound.row(data))
    except InvalidDataFound:
        return None


def _assert_refused_or_plain(sound: _Sound, data: bytes) -> bool:
    """Assert that a row is refused, or what JSON has, and an entity; returns whether it opened."""
    payload = _soon(f"{sound} {data!r}", functools.partial(_open, sound, data))
    if payload is None:
        return False

    _assert_plain(payload)
    assert sound.table.values(payload) == sound.columns
    with contextlib.suppress(InvalidDataFound):
        assert type(sound.build(payload)).__module__.startswith("hikari.")

    # An event that changes a row writes it anew.
    again, checksum = _codec.encode(payload)
    assert repr(_codec.decode(again, checksum)) == repr(payload)  # NaN is not equal to itself
    return True


@pytest.fixture(scope="module")
def rich(sound: dict[str, _Sound]) -> list[_Sound]:
    """Of each table a small row, and the largest of the documented payloads that hikari makes an entity of."""
    groups = (typing.cast("dict[object, object]", value) for value in vars(payloads).values() if type(value) is dict)
    documented = [typing.cast("Payload", each) for group in groups for each in group.values() if type(each) is dict]
    found = [*sound.values()]
    for it in sound.values():
        whole = [{"guild_id": str(samples.GUILD), **payload} for payload in documented]
        of_table = sorted((payload for payload in whole if _is_of(it, payload)), key=lambda each: len(repr(each)))
        found += [_Sound(it.table, it.table.values(payload), payload) for payload in of_table[-1:]]
    return found


def _is_of(sound: _Sound, payload: Payload) -> bool:
    try:
        sound.table.values(payload)
        return type(sound.build(payload)) is type(sound.build(sound.payload))
    except (ValueError, InvalidDataFound):
        return False


_TOKENS: typing.Final = [
    *(bytes([first]) for first in range(256)),
    *(_head(major, length) for major in range(7) for length in (0, 1, 23, 24, 256, *_HUGE)),
    *(data for data in (_REFUSED | _SOUND_PARTS).values() if len(data) < 100),
]


@st.composite
def _edits(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """Draw what to do to bytes: how, where (of the whole), and with what."""
    edit = st.tuples(
        st.sampled_from(["flip", "insert", "overwrite", "cut", "repeat"]),
        st.floats(0, 1),
        st.one_of(st.sampled_from(_TOKENS), st.binary(min_size=1, max_size=4)),
    )
    return draw(st.lists(edit, min_size=1, max_size=4))


def _edited(data: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for how, where, token in edits:
        at = int(where * len(data))
        match how:
            case "flip":
                data = (
                    data[:at] + bytes(a ^ b for a, b in zip(data[at:], token, strict=False)) + data[at + len(token) :]
                )
            case "insert":
                data = data[:at] + token + data[at:]
            case "overwrite":
                data = data[:at] + token + data[at + len(token) :]
            case "cut":
                data = data[:at] + data[at + len(token) :]
            case _:
                data = data[:at] + data[at : at + 8 * len(token)] + data[at:]
    return data


_HASHABLE: typing.Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["id", "user", "guild_id", "type", "0", "9" * 30, "-1", "1e5", "\x00"]),
    st.binary(max_size=8),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.builds(cbor2.CBORSimpleValue, st.integers(32, 255)),
    st.just(cbor2.undefined),
    st.builds(re.compile, st.sampled_from(["a", "(a+)+$"])),
    st.frozensets(st.integers(0, 9), max_size=3),
)
_VALUES: typing.Final = st.recursive(
    _HASHABLE | st.builds(cbor2.CBORTag, st.integers(0, 2**64 - 1), st.integers(0, 9) | st.text(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | _HASHABLE, inner, max_size=3),
    max_leaves=4,
)


def _copied(tree: typing.Any) -> typing.Any:
    """Return a copy of a tree's dictionaries and lists; not all that a mutation puts there can be copied."""
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in typing.cast("dict[object, object]", tree).items()}
    return [*map(_copied, typing.cast("list[object]", tree))] if isinstance(tree, list) else tree


def _places(tree: typing.Any) -> collections.abc.Iterator[tuple[typing.Any, typing.Any]]:
    """Yield where there are values in a tree: what they are in, and under which key or number."""
    kind: type[object] = type(typing.cast("object", tree))
    if kind in {dict, list}:
        for key in [*tree] if kind is dict else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def _mutated(payload: Payload, changes: list[tuple[float, str, object]]) -> object:
    """Return a payload with changes somewhere in its tree, other kinds of values and keys among them."""
    root = [_copied(payload)]
    for where, how, value in changes:
        places = [*_places(root)]
        container, key = places[int(where * len(places))]
        if how == "remove" and container is not root:
            del container[key]
        elif how == "rename" and container is not root and not isinstance(key, int):
            with contextlib.suppress(TypeError):
                container[value] = container.pop(key)
        elif how == "repeat":
            container[key] = [container[key], _copied(container[key])]
        else:
            container[key] = _copied(value)
    return root[0]


_CHANGES: typing.Final = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "replace", "rename", "remove", "repeat"]),
        _VALUES,
    ),
    min_size=1,
    max_size=3,
)


def _check_edits(rich: list[_Sound], most: int) -> int:
    opened: list[bool] = []

    @settings(max_examples=most, deadline=None, print_blob=True)
    @given(edits=_edits())
    def check(edits: list[tuple[str, float, bytes]]) -> None:
        opened.extend(_assert_refused_or_plain(it, _edited(cbor2.dumps(it.payload), edits)) for it in rich)

    check()
    return sum(opened)


def _check_mutations(rich: list[_Sound], most: int) -> int:
    opened: list[bool] = []

    @settings(max_examples=most, deadline=None, print_blob=True)
    @given(changes=_CHANGES)
    def check(changes: list[tuple[float, str, object]]) -> None:
        for it in rich:
            try:
                data = cbor2.dumps(_mutated(it.payload, changes))
            except (cbor2.CBOREncodeError, ValueError, OverflowError):
                continue
            opened.append(_assert_refused_or_plain(it, data))

    check()
    return sum(opened)


def test_rows_of_bytes_that_were_edited(rich: list[_Sound]) -> None:
    assert _check_edits(rich, 80) > 20, "else nothing was shown"


def test_rows_of_payloads_that_were_mutated(rich: list[_Sound]) -> None:
    assert _check_mutations(rich, 80) > 20, "else nothing was shown"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_many_rows_of_bytes_that_were_edited(rich: list[_Sound]) -> None:
    assert _check_edits(rich, 5_000) > 1_000


@pytest.mark.long
@pytest.mark.timeout(300)
def test_many_rows_of_payloads_that_were_mutated(rich: list[_Sound]) -> None:
    assert _check_mutations(rich, 2_500) > 1_000
