"""Payloads as data frames: no value is lost, and none becomes another."""

from __future__ import annotations

import asyncio
import datetime
import pathlib
import subprocess
import sys
import tempfile
import typing

import pandas as pd
import samples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import CHANNEL, GUILD, USER

import sake_lite
from sake_lite import CacheFile

if typing.TYPE_CHECKING:
    import collections.abc

# Snowflakes that no float holds.
_LARGE: typing.Final = 2**62 + 1


def _store(path: pathlib.Path, members: collections.abc.Iterable[samples.Payload]) -> CacheFile:
    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            for member in members:
                await cache.set_member(GUILD, member)

    asyncio.run(store())
    return CacheFile(path)


def _dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def test_a_frame_of_members(path: pathlib.Path) -> None:
    since = "2025-06-01T10:30:00.123456+02:00"
    file = _store(
        path,
        [
            samples.member(1, nick="Countess", roles=[str(_LARGE)], avatar=None),
            samples.member(_LARGE, premium_since=since, joined_at="1970-01-01T00:00:00+00:00"),
        ],
    )
    frame = file.members.to_pandas()
    assert [*frame.columns[:3]] == ["guild_id", "user_id", "user.id"]
    assert len(frame) == 2
    dtypes = _dtypes(frame)
    for name in ("guild_id", "user_id", "user.id"):
        assert dtypes[name] == "Int64"
    for name in ("joined_at", "premium_since"):
        assert dtypes[name] == "datetime64[us, UTC]"
    assert (dtypes["user.username"], dtypes["nick"], dtypes["deaf"]) == ("string", "string", "boolean")
    assert [*frame["user_id"]] == [1, _LARGE]
    assert [*frame["user.username"]] == ["user1", f"user{_LARGE}"]
    assert frame["nick"][0] == "Countess"
    assert pd.isna(frame["nick"][1])
    assert frame["roles"][0] == [_LARGE]
    assert pd.isna(frame["premium_since"][0])
    assert frame["premium_since"][1] == pd.Timestamp("2025-06-01T08:30:00.123456Z")
    assert frame["joined_at"][1] == pd.Timestamp(0, tz="UTC")


def test_a_frame_that_is_not_flat(path: pathlib.Path) -> None:
    file = _store(path, [samples.member(1)])
    frame = file.members.to_pandas(flatten=False)
    assert frame["user"][0] == samples.user(1)
    assert "user.username" not in frame
    assert [*frame["user_id"]] == [1]


async def test_columns_are_of_one_type_whatever_is_in_them(path: pathlib.Path) -> None:
    """Snowflakes and moments that are missing everywhere are so by their own word, so that what uses them goes on."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_guild_channel(samples.channel(parent_id=None))
        await cache.set_message(samples.message(5, guild_id=None))
    file = CacheFile(path)
    channels, messages = file.guild_channels.to_pandas(), file.messages.to_pandas()
    assert _dtypes(channels)["parent_id"] == "Int64"
    assert _dtypes(messages)["guild_id"] == "Int64"
    assert messages["guild_id"].isna().all()
    assert _dtypes(messages)["edited_timestamp"] == "datetime64[us, UTC]"
    assert [*messages["edited_timestamp"].dt.year.isna()] == [True]
    assert _dtypes(file.members.to_pandas()) == {"guild_id": "Int64", "user_id": "Int64"}
    assert _dtypes(file.invites.to_pandas()) == {"code": "string", "channel_id": "Int64", "guild_id": "Int64"}


async def test_maps_that_are_keyed_by_ids_make_no_columns(path: pathlib.Path) -> None:
    """There would be more with every row."""
    async with sake_lite.SQLiteCache(path) as cache:
        for number in (1, 2, 3):
            resolved = {"users": {str(number): samples.user(number)}}
            await cache.set_message(samples.message(number, resolved=resolved))
    frame = CacheFile(path).messages.to_pandas()
    assert [name for name in frame.columns if name.startswith("resolved")] == ["resolved.users"]
    assert frame["resolved.users"][2] == {"3": samples.user(3)}


def test_two_fields_never_share_a_column(path: pathlib.Path) -> None:
    rows: list[samples.Payload] = [{"a.b": 1}, {"a": {"b": 2}}, {"c": {"d": {"e": 3}}}, {"c": {"d.e": 4}}]
    file = _store(path, [samples.member(1 + number, **row) for number, row in enumerate(rows)])
    frame = file.members.to_pandas()
    assert [each for each in frame["a.b"] if not pd.isna(each)] == [1]
    assert frame["a"][1] == {"b": 2}
    assert [each for each in frame["c.d.e"] if not pd.isna(each)] == [3]
    assert frame["c"][3] == {"d.e": 4}


async def test_snowflakes_in_lists_are_found_in_other_frames(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(_LARGE, name="Crew"))
        await cache.set_member(GUILD, samples.member(1, roles=[str(_LARGE)]))
        await cache.set_member(GUILD, samples.member(2, roles=[]))
        await cache.set_message(samples.message(1, mention_roles=["1"], a_ids=["1", "x"]))
    file = CacheFile(path)
    members, roles = file.members.to_pandas(), file.roles.to_pandas()
    found = members.explode("roles").merge(roles, left_on="roles", right_on="role_id")
    assert [*zip(found["user_id"], found["name"], strict=True)] == [(1, "Crew")]
    messages = file.messages.to_pandas()
    assert (messages["mention_roles"][0], messages["a_ids"][0]) == ([1], ["1", "x"])


async def test_a_frame_of_what_was_chosen(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        for number, author in enumerate((USER, USER + 1, USER)):
            await cache.set_message(samples.message(number + 1, author))
    messages = CacheFile(path).messages
    assert [*messages.for_author(USER).to_pandas()["message_id"]] == [1, 3]
    assert [*messages.for_channel(CHANNEL).to_pandas()["author_id"]] == [USER, USER + 1, USER]
    assert len(messages.for_author(5).to_pandas()) == 0


# Fields that would take each other's place, or look like what they are not.
_ODD: typing.Final[tuple[samples.Payload, ...]] = (
    {"a.b": 1, "a": {"b": 2}},
    {"a": {"b.c": 1, "b": {"c": 2}}},
    {"a": {"b": {"c": 1}}, "a.b": {"c": 2}},
    {"a": {}, "b": [], "c": [{"d": {}}]},
    {"a_id": "007"},
    {"a_id": "x", "b.id": "9223372036854775808", "id": "٣"},
    {"guild_id": "7", "user_id": "nobody", "user_id_": 1},
    {"a": 2**53 + 1},
    {"a": 2**64 - 1},
    {"content": "2024-02-29T12:00:00+00:00", "nick": "2024-02-29T12:00:00+00:00"},
    {"edited_timestamp": "2023-02-29T12:00:00+00:00"},
    {"edited_timestamp": "2024-02-29T12:00:00.1234567+00:00"},
    {"a_at": "0001-01-01T00:00:00+05:00", "b_until": "9999-12-31T23:59:59.999999Z"},
    {"a": True},
    {"a": 1},
    {"a": 1.5},
    {"a": "1"},
)

_VALUES: typing.Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5)
    | st.sampled_from(["007", "12", "2024-02-29T12:00:00+00:00", "1800-01-01T00:00:00Z", "2024-02-30T12:00:00Z"]),
    lambda values: (
        st.lists(values, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "id"]), values, max_size=3)
    ),
    max_leaves=6,
)
_NAMES: typing.Final = st.sampled_from(
    ["a", "b", "a.b", "a.id", "id", "a_id", "a_at", "timestamp", "nick", "guild_id", "user_id", "user_id_", "joined_at"]
)
_FIELDS: typing.Final = st.dictionaries(_NAMES, _VALUES, max_size=5)


@settings(max_examples=12, deadline=None, print_blob=True)
@given(extra=st.lists(_FIELDS, min_size=1, max_size=4))
@example(extra=[*_ODD])
def test_no_value_is_lost_or_changed(extra: list[samples.Payload]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = _store(pathlib.Path(folder, "bot.db"), [samples.member(1 + n, **more) for n, more in enumerate(extra)])
        # `set_member` notes the guild in the payload, whatever that says.
        payloads = [*file.members.payloads()]
        assert len(payloads) == len(extra)
        frame = file.members.to_pandas()
        assert [*frame["guild_id"]] == [GUILD] * len(extra)
        assert [*frame["user_id"]] == [*range(1, 1 + len(extra))]
        for payload, (_, row) in zip(payloads, frame.iterrows(), strict=True):
            cells = {str(name): value for name, value in row.items()}
            for path, value in _leaves(payload):
                assert any(_says(cells, start, path, value) for start in range(1, len(path) + 1)), (path, value)

        whole = file.members.to_pandas(flatten=False)
        for payload, (_, row) in zip(payloads, whole.iterrows(), strict=True):
            cells = {str(name): value for name, value in row.items()}
            for name, value in payload.items():
                assert _says(cells, 1, (name,), value)


def _leaves(payload: samples.Payload) -> collections.abc.Iterator[tuple[tuple[str, ...], typing.Any]]:
    for name, value in payload.items():
        if isinstance(value, dict) and value:
            for path, leaf in _leaves(typing.cast("samples.Payload", value)):
                yield (name, *path), leaf
        else:
            yield (name,), value


def _says(cells: dict[str, typing.Any], start: int, path: tuple[str, ...], value: object) -> bool:
    """Whether the column named by the first parts of a path, or the one beside it, has the value in it."""
    name = ".".join(path[:start])
    for column in (name, f"{name}_", f"{name}__"):
        cell: typing.Any = cells.get(column)
        for step in path[start:]:
            cell = typing.cast("samples.Payload", cell).get(step) if isinstance(cell, dict) else None
        if _is_same(cell, value):
            return True
    return False


def _is_same(cell: typing.Any, value: object) -> bool:
    if value is None:
        return cell is None or cell is pd.NA or cell is pd.NaT
    if isinstance(cell, pd.Timestamp):
        return cell == datetime.datetime.fromisoformat(str(value))
    if isinstance(value, str):
        return str(cell) == value  # a snowflake is the same in digits
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return type(cell) is type(value) and cell == value
    return not isinstance(cell, bool) and cell == value


def test_what_a_query_selects_is_exact_too(path: pathlib.Path) -> None:
    file = _store(path, [samples.member(1), samples.member(_LARGE, nick="Countess")])
    frame = file.query(
        "SELECT user_id, nullif(user_id, 1) AS other, 0.5 AS half, 'a' AS text, data, NULL AS none, user_id "
        "FROM members"
    ).to_pandas()
    assert [*frame.columns] == ["user_id", "other", "half", "text", "data", "none", "user_id"]
    assert [str(dtype) for dtype in frame.dtypes] == [
        "Int64",
        "Int64",
        "Float64",
        "string",
        "object",
        "object",
        "Int64",
    ]
    assert frame["user_id"].to_numpy().tolist() == [[1, 1], [_LARGE, _LARGE]]
    assert frame["other"].tolist()[1] == _LARGE
    assert pd.isna(frame["other"][0])
    assert isinstance(frame["data"][0], bytes)
    assert file.query("SELECT user_id FROM members WHERE 0").to_pandas().shape == (0, 1)


_WITHOUT: typing.Final = """
import sys
sys.modules["pandas"] = sys.modules["matplotlib"] = None
import sake_lite
file = sake_lite.CacheFile(sys.argv[1])
repr(file), file.members._repr_html_(), file.query("SELECT 1")
for use in (
    file.members.to_pandas,
    file.query("SELECT 1").to_pandas,
    file.plot,
    file.members.plot_joins,
    file.messages.plot_activity,
):
    try:
        use()
    except ImportError as error:
        print(error)
"""


def test_what_is_missing_is_named_and_the_rest_works(path: pathlib.Path) -> None:
    _store(path, [samples.member(1)])
    command = [sys.executable, "-c", _WITHOUT, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    frames = "data frames need pandas: pip install 'sake_lite[notebook]'"
    pictures = "pictures need matplotlib: pip install 'sake_lite[notebook]'"
    assert ran.stdout.splitlines() == [frames] * 2 + [pictures] * 3
