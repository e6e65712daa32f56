"""Payload ↔ the bytes in a row.

A payload is stored as plain CBOR, which any reader opens, beside a check value: SQLite notices few of the bits that a
disk flips inside a page's body. Reading trusts nothing: the check value and a length cap come first, since a decoder
can be made to work for seconds by a few hostile bytes, and what was decoded must be one map with every byte consumed.

This module knows nothing of tables; `_table` compares what a payload says of itself with the columns beside it.
"""

from __future__ import annotations

__all__ = [
    "MAX_BYTES",
    "MOST_TOGETHER",
    "USUAL_MAPS",
    "DamagedData",
    "Payload",
    "check",
    "copy",
    "decode",
    "decode_own",
    "decode_together",
    "encode",
    "encode_together",
    "is_encoded_as",
    "is_map",
]

import collections.abc
import gc
import math
import os
import re
import types
import typing
import zlib

import cbor2

Payload: typing.TypeAlias = "collections.abc.Mapping[str, typing.Any]"
"""A raw JSON object, as Discord sent it."""

MAX_BYTES: typing.Final[int] = 1024 * 1024
"""The largest payload, encoded, that is stored or read; those that Discord sends are far below.

It bounds what a hostile row can cost: as many empty maps as fit take a third of a second, and 90 MiB for that long.
"""

# So deep may a payload be nested, as the decoder counts, for which the array around it is the first level.
_MAX_DEPTH: typing.Final[int] = 64
_DEEPEST: typing.Final[int] = _MAX_DEPTH - 1

# Decoding `[row, marker]` shows that the row was one item, whole: cbor2 ignores what follows the first item. The marker
# is of this process, so that no row can contain it.
_MARKER: typing.Final[bytes] = os.urandom(16)
_AFTER: typing.Final[bytes] = b"\x50" + _MARKER

_MORE_THAN_ONE: typing.Final[str] = "the bytes are more than one CBOR item"
_NO_MAP: typing.Final[str] = "the bytes hold something else than a map"

MOST_TOGETHER: typing.Final[int] = 20
"""How many rows `decode_together` takes."""

# How arrays of so many items begin.
_ARRAYS: typing.Final = [bytes([0x98, items]) for items in range(2 * MOST_TOGETHER + 1)]

# How maps of so many entries begin, up to those that have the number in their first byte.
_MAPS: typing.Final = [bytes([0xA0 | entries]) for entries in range(24)]

# How an integer of more than 64 bits begins, which JSON has and reading refuses: a tag, and a byte string. Text often
# has those first bytes too, but others follow them there.
_BIG_INTEGER: typing.Final = re.compile(rb"[\xc2\xc3][\x40-\x5b]")


# What needs no second look; whether an integer is too large is seen once it is encoded.
_PLAIN: typing.Final = frozenset({str, bool, int, float, type(None)})
_ONLY_TEXT: typing.Final = frozenset({str})
_NESTING: typing.Final = frozenset({dict, list})

USUAL_MAPS: typing.Final = frozenset({dict, types.MappingProxyType})
"""The types of the JSON objects that Discord sends, and of those that hikari passes on."""


def is_map(value: object) -> typing.TypeGuard[collections.abc.Mapping[typing.Any, typing.Any]]:
    """Whether something is a JSON object, of which nearly every one is of a type that is quickly recognised."""
    return type(value) in USUAL_MAPS or isinstance(value, collections.abc.Mapping)


class DamagedData(Exception):
    """The bytes of a row are not what was written."""


class _NoTags(collections.abc.Mapping[int, typing.Any]):
    """Refuses every CBOR tag, also those that cbor2 would decode by itself (dates, bignums, regular expressions, …)."""

    def __getitem__(self, tag: int) -> typing.NoReturn:
        raise DamagedData(f"CBOR tag {tag}")

    def __contains__(self, tag: object) -> bool:
        return True

    def __iter__(self) -> collections.abc.Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1


_NO_TAGS: typing.Final[_NoTags] = _NoTags()


def encode(payload: Payload) -> tuple[bytes, int]:
    """Encode a payload.

    Returns
    -------
    tuple[bytes, int]
        The row's bytes and their check value.

    Raises
    ------
    ValueError
        If the payload holds something that JSON has no word for, or is larger than `MAX_BYTES`.
    """
    if type(payload) is types.MappingProxyType:  # which hikari passes on, and which is sooner copied than encoded
        payload = typing.cast("dict[str, typing.Any]", payload.copy())
    try:
        data = cbor2.dumps(payload)
    except (cbor2.CBOREncodeError, UnicodeEncodeError, RecursionError) as exception:
        raise ValueError(f"the payload cannot be stored: {exception}") from exception

    if len(data) > MAX_BYTES:
        raise ValueError(f"the payload is too large to store: {len(data)} bytes, where {MAX_BYTES} are allowed")

    checksum = zlib.crc32(data)
    if _may_hold_big_integer(data):
        try:
            decode(data, checksum)
        except DamagedData as exception:
            raise ValueError(f"the payload could not be read back: {exception}") from exception

    return data, checksum


def encode_together(payloads: collections.abc.Sequence[Payload]) -> list[tuple[bytes, int]]:
    """Encode many payloads as `encode` does, which is quicker than one by one.

    Raises
    ------
    ValueError
        As `encode` does, for the first that cannot be stored.
    """
    try:
        encoded = [cbor2.dumps(payload) for payload in payloads]
    except (cbor2.CBOREncodeError, UnicodeEncodeError, RecursionError):
        encoded = []

    whole = b"".join(encoded)
    if len(encoded) < len(payloads) or len(whole) > MAX_BYTES or _may_hold_big_integer(whole):
        return [encode(payload) for payload in payloads]

    return [(data, zlib.crc32(data)) for data in encoded]


def _may_hold_big_integer(data: bytes) -> bool:
    # Looking for one byte at a time is far quicker than the expression, and most payloads have neither.
    return (b"\xc2" in data or b"\xc3" in data) and _BIG_INTEGER.search(data) is not None


def is_encoded_as(payload: Payload, data: bytes, checksum: int) -> bool:
    """Whether `encode` returns this for a payload.

    It tells apart what Python takes for equal, such as JSON's `true` and 1, and what is in another order.
    """
    # Most of what differs has another number of entries, which is how the bytes begin.
    entries = len(payload)
    if entries < len(_MAPS) and not data.startswith(_MAPS[entries]):
        return False

    try:
        return cbor2.dumps(payload) == data and zlib.crc32(data) == checksum
    except (cbor2.CBOREncodeError, UnicodeEncodeError, RecursionError):
        return False


def copy(payload: Payload) -> dict[str, typing.Any]:
    """Return an own, deep copy of a payload, as it will be read back.

    Raises
    ------
    ValueError
        If it is not a JSON object, or could not be read back.
    """
    check(payload)
    return decode(*encode(payload))


def check(payload: Payload) -> None:
    """Make sure that a payload can be stored and read back, so that it may be encoded without looking.

    Raises
    ------
    ValueError
        If it is not a JSON object: what CBOR has a word for and JSON has none does not count. Nor does what is nested
        more deeply than is read back, nor text that has no UTF-8.
    """
    if not is_map(payload):
        raise ValueError(f"a JSON object is expected, not {type(payload).__name__}")

    _check_value(payload, _DEEPEST)


def _check_value(value: object, depth: int) -> None:
    if isinstance(value, (list, tuple)):
        _check_parts(typing.cast("list[object]", value), depth)
    elif is_map(value):
        if not _ONLY_TEXT.issuperset(map(type, value)):
            _check_names(value)
        _check_parts(value.values(), depth)
    elif not isinstance(value, (str, int, float)):
        raise ValueError(f"the payload is not a JSON object: it holds {type(value).__name__}")


def _check_names(names: collections.abc.Iterable[object]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"the payload is not a JSON object: it has the key {name!r}")


def _check_parts(parts: collections.abc.Collection[object], depth: int) -> None:
    if parts and not depth:
        raise ValueError("the payload is nested too deeply to be read back")

    # Most objects and lists hold nothing that needs a second look, and that is quickly asked of all parts together.
    kinds = set(map(type, parts))
    if float in kinds:
        _check_numbers(parts)
    if not kinds <= _PLAIN:
        for part in parts:
            if type(part) not in _PLAIN:
                _check_value(part, depth - 1)


def _check_numbers(parts: collections.abc.Iterable[object]) -> None:
    for part in parts:
        if type(part) is float and not math.isfinite(part):
            raise ValueError(f"the payload is not a JSON object: it holds {part}, which JSON has no word for")


def decode(data: bytes, checksum: int) -> dict[str, typing.Any]:
    """Decode a row's bytes, trusting none of them.

    Raises
    ------
    DamagedData
        If they are not what `encode` once returned.
    """
    if len(data) > MAX_BYTES:
        raise DamagedData(f"{len(data)} bytes are more than any payload has")
    if zlib.crc32(data) != checksum:
        raise DamagedData("the bytes do not match their check value")

    payload, marker = _decode_array(b"".join((_ARRAYS[2], data, _AFTER)))
    if marker != _MARKER:
        raise DamagedData(_MORE_THAN_ONE)
    if type(payload) is not dict:
        raise DamagedData(_NO_MAP)

    _refuse_what_json_lacks([typing.cast("object", payload)])
    return typing.cast("dict[str, typing.Any]", payload)


def decode_together(
    rows: collections.abc.Sequence[bytes], checksums: collections.abc.Sequence[int]
) -> list[dict[str, typing.Any]]:
    """Decode up to `MOST_TOGETHER` rows' bytes, which is quicker than one by one.

    Raises
    ------
    DamagedData
        If any of them is not what `encode` once returned; `decode` tells which.
    """
    if max(map(len, rows)) > MAX_BYTES:
        raise DamagedData(f"{max(map(len, rows))} bytes are more than any payload has")
    if [*map(zlib.crc32, rows)] != [*checksums]:
        raise DamagedData("the bytes do not match their check value")

    items = _decode_array(b"".join((_ARRAYS[2 * len(rows)], _AFTER.join(rows), _AFTER)))
    payloads: list[dict[str, typing.Any]] = items[::2]
    if items[1::2] != [_MARKER] * len(rows):
        raise DamagedData(_MORE_THAN_ONE)
    if set(map(type, payloads)) != {dict}:
        raise DamagedData(_NO_MAP)

    _refuse_what_json_lacks(payloads)
    return payloads


def _refuse_what_json_lacks(parts: collections.abc.Sequence[object]) -> None:
    """Refuse byte strings, `undefined` and simple values at any depth, for which the decoder has no switch."""
    # All of one depth together, by the garbage collector's own walk, which is the quickest: every row that is read pays
    # for this. Maps and lists show it all that they hold, and maps with a key that is no text show it their keys, too;
    # what is plain holds nothing, and is sooner passed over by the walk than left out before it.
    while parts:
        parts = gc.get_referents(*parts)
        kinds = set(map(type, parts))
        if kinds <= _PLAIN:
            return
        if odd := kinds - _PLAIN - _NESTING:
            raise DamagedData(f"it holds {odd.pop().__name__}, which no payload does")


def _decode_array(data: bytes) -> list[typing.Any]:
    try:
        return cbor2.loads(
            data,
            semantic_decoders=_NO_TAGS,
            max_depth=_MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORError, ValueError, MemoryError) as exception:
        raise DamagedData(str(exception.__cause__ or exception)) from exception


def decode_own(data: bytes) -> dict[str, typing.Any]:
    """Decode bytes that `decode` has decoded before, and that this process kept since."""
    return cbor2.loads(data)
