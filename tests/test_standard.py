"""The Sake standard, whole: every name of it, of the right kind, with the right arguments and errors.

`standard.json` is the standard's own reference, reduced to its facts: classes, bases, and for each of the 281 entries
its kind, arguments and errors (hikari-sake's documentation of `sake.abc`).
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import pathlib
import pkgutil
import sqlite3
import typing

import hikari
import pytest
import samples
from samples import SAMPLES

import sake_lite

_STANDARD: dict[str, typing.Any] = json.loads(pathlib.Path(__file__).with_name("standard.json").read_text("utf-8"))

_ENTRIES = [
    (class_name, name, entry)
    for class_name, described in _STANDARD.items()
    for name, entry in described["entries"].items()
]


def test_the_inventory_is_whole() -> None:
    assert len(_STANDARD) == 23
    assert len(_ENTRIES) == 281


@pytest.mark.parametrize("class_name", _STANDARD)
def test_class(class_name: str) -> None:
    cls = getattr(sake_lite.abc, class_name)
    assert inspect.isclass(cls)
    assert inspect.getdoc(cls)
    for base in _STANDARD[class_name]["bases"]:
        expected = hikari.LazyIterator if base == "hikari.LazyIterator" else getattr(sake_lite.abc, base)
        assert issubclass(cls, expected)
    if class_name != "CacheIterator":
        assert issubclass(sake_lite.SQLiteCache, cls)


@pytest.mark.parametrize(
    ("class_name", "name", "entry"), _ENTRIES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_entry(class_name: str, name: str, entry: dict[str, typing.Any]) -> None:
    owners = [getattr(sake_lite.abc, class_name)]
    if class_name != "CacheIterator":
        owners.append(sake_lite.SQLiteCache)

    for owner in owners:
        found = inspect.getattr_static(owner, name)
        assert isinstance(found, property) == (entry["kind"] == "property")
        if isinstance(found, property):
            continue

        method = getattr(owner, name)
        assert inspect.iscoroutinefunction(method) == (entry["kind"] == "async")
        _, *parameters = inspect.signature(method).parameters.values()
        assert [parameter.name for parameter in parameters] == entry["arguments"]
        assert all(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters)


@pytest.mark.parametrize("name", ["Guild", "Me", "User"])
def test_plain_classes_have_their_reference_names_too(name: str) -> None:
    assert getattr(sake_lite.abc, f"Ref{name}Cache") is getattr(sake_lite.abc, f"{name}Cache")


def test_return_types_are_the_ones_of_the_interfaces() -> None:
    for name, method in inspect.getmembers(sake_lite.abc.RefCache, inspect.isfunction):
        if not name.startswith("_"):
            ours = inspect.signature(getattr(sake_lite.SQLiteCache, name)).return_annotation
            assert ours == inspect.signature(method).return_annotation, name


def _public_members() -> list[tuple[str, object]]:
    public: list[object] = [
        sake_lite.SQLiteCache,
        sake_lite.Stats,
        sake_lite.CacheIterator,
        *map(vars(sake_lite.errors).get, sake_lite.errors.__all__),
    ]
    public += [getattr(sake_lite.resources, name) for name in dir(sake_lite.resources) if name.endswith("Cache")]
    return [
        (f"{getattr(owner, '__name__', owner)}.{name}", member)
        for owner in public
        for name, member in inspect.getmembers(owner)
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    ]


def test_everything_public_is_documented() -> None:
    assert [name for name, member in _public_members() if not inspect.getdoc(member)] == []


def _resource_classes() -> list[type[sake_lite.resources.Resource]]:
    found: list[type[sake_lite.resources.Resource]] = []
    for module in pkgutil.iter_modules(sake_lite.resources.__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"sake_lite.resources.{module.name}")
            for cls in vars(loaded).values():
                if inspect.isclass(cls) and issubclass(cls, sake_lite.resources.Resource):
                    found += [cls] if cls.__module__ == loaded.__name__ else []

    return found


def test_every_resource_file_is_part_of_the_cache() -> None:
    classes = _resource_classes()
    assert len(classes) >= 11
    for cls in classes:
        assert cls in sake_lite.SQLiteCache.__mro__
        assert getattr(sake_lite.resources, cls.__name__) is cls
        assert set(cls.tables) <= set(sake_lite.SQLiteCache.all_tables)


def test_samples_cover_every_table() -> None:
    assert {sample.table for sample in SAMPLES} | {"me"} == {table.name for table in sake_lite.SQLiteCache.all_tables}


def test_names_of_mixins_do_not_collide() -> None:
    owners: dict[str, type] = {}
    for cls in _resource_classes():
        for name in vars(cls):
            if not name.startswith("__") and name not in {"tables", "_abc_impl", "all_tables"}:
                assert owners.setdefault(name, cls) is cls, f"{name} is in {owners[name]} and {cls}"
                assert not hasattr(sake_lite.resources.Resource, name)


def test_mixins_keep_no_state_of_their_own() -> None:
    assert all(vars(cls)["__slots__"] == () for cls in _resource_classes())
    assert not hasattr(sake_lite.SQLiteCache("unused.db"), "__dict__")


def test_errors_derive_as_in_the_standard() -> None:
    assert sake_lite.SakeException.__bases__ == (Exception,)
    assert sake_lite.BackendError.__bases__ == (sake_lite.SakeException, ValueError)
    assert sake_lite.ClosedClient.__bases__ == (sake_lite.SakeException,)
    assert sake_lite.InvalidDataFound.__bases__ == (sake_lite.SakeException, LookupError)
    assert sake_lite.EntryNotFound.__bases__ == (sake_lite.SakeException, LookupError)
    cause = KeyError("cause")
    error = sake_lite.BackendError("what happened", exception=cause)
    assert (error.message, error.base_exception, str(error)) == ("what happened", cause, "what happened")


_METHODS = {
    name: entry for _, name, entry in _ENTRIES if entry["kind"] != "property" and name not in {"open", "close", "len"}
}


def _arguments(entry: dict[str, typing.Any], value: int) -> list[typing.Any]:
    return ["code" if argument == "invite_code" else value for argument in entry["arguments"]]


async def _call(cache: sake_lite.SQLiteCache, name: str, arguments: list[typing.Any]) -> object:
    result = getattr(cache, name)(*arguments)
    return [entity async for entity in result] if name.startswith("iter_") else await result


@pytest.mark.parametrize("name", _METHODS)
async def test_method_of_a_closed_cache_raises_closed_client(name: str, path: pathlib.Path) -> None:
    cache = sake_lite.SQLiteCache(path)
    for value in (1, 2**70):
        with pytest.raises(sake_lite.ClosedClient):
            await _call(cache, name, _arguments(_METHODS[name], value))
    assert not path.exists()


@pytest.mark.parametrize("value", [0, 2**63 - 1, 2**63, 2**70, -1, hikari.Snowflake(1)])
@pytest.mark.parametrize("name", _METHODS)
async def test_method_on_an_empty_cache(name: str, value: int, cache: sake_lite.SQLiteCache) -> None:
    """`get_*` raises `EntryNotFound`; nothing else raises, whatever the ID, also where SQLite has no such integers."""
    arguments = _arguments(_METHODS[name], value)
    if "EntryNotFound" in _METHODS[name]["raises"]:
        with pytest.raises(sake_lite.EntryNotFound):
            await _call(cache, name, arguments)
    else:
        assert await _call(cache, name, arguments) in (None, [])
        if name.startswith("iter_"):
            assert await getattr(cache, name)(*arguments).len() == 0


_IDS: dict[str, int | str] = {
    "guild_id": 1,
    "channel_id": 2,
    "user_id": 3,
    "message_id": 4,
    "role_id": 5,
    "emoji_id": 6,
    "invite_code": "code",
}


async def _store_one_of_each(cache: sake_lite.SQLiteCache) -> None:
    """Store one entry of each resource, all under the IDs above."""
    await cache.set_guild(samples.guild(1))
    await cache.set_guild_channel(samples.channel(2, guild_id=1))
    await cache.set_user(samples.user(3))
    await cache.set_me(samples.me(3))
    await cache.set_member(1, samples.member(3))
    await cache.set_presence(samples.presence(3, guild_id=1))
    await cache.set_voice_state(1, samples.voice_state(3, channel_id=2))
    await cache.set_message(samples.message(4, author=3, channel_id=2, guild_id=1))
    await cache.set_role(1, samples.role(5))
    await cache.set_emoji(1, samples.emoji(6))
    await cache.set_invite(samples.invite("code", channel_id=2, guild_id=1))
    await cache.set_thread(samples.thread(7, 2, 1))
    await cache.set_sticker(1, samples.sticker(8))


def _raising(error: str) -> list[str]:
    return [name for name, entry in _METHODS.items() if error in entry["raises"]]


def _ids(name: str) -> list[typing.Any]:
    return [_IDS[argument] for argument in _METHODS[name]["arguments"]]


@pytest.mark.parametrize("name", _METHODS)
async def test_method_on_a_full_cache(name: str, cache: sake_lite.SQLiteCache) -> None:
    """`get_*` and `iter_*` find the entry; `delete_*` and `clear_*` remove it, and nothing of another resource's."""
    await _store_one_of_each(cache)
    found = await _call(cache, name, _ids(name))
    if name.startswith("get_"):
        assert found is not None
    elif name.startswith("iter_"):
        assert isinstance(found, list)
        assert len(typing.cast("list[object]", found)) == 1
    else:
        counts = {sample.table: await getattr(cache, f"iter_{sample.table}")().len() for sample in SAMPLES}
        emptied = [table for table, count in counts.items() if count == 0]
        assert emptied == ([] if name == "delete_me" else [_table_of(name)])


def _table_of(name: str) -> str:
    """Return the table that a `delete_*` or `clear_*` is about."""
    verb, _, rest = name.partition("_")
    return f"{rest}s" if verb == "delete" else rest.partition("_for_")[0]


@pytest.mark.parametrize("name", _raising("InvalidDataFound"))
async def test_method_on_damaged_data_raises_invalid_data_found(
    name: str, cache: sake_lite.SQLiteCache, path: pathlib.Path
) -> None:
    await _store_one_of_each(cache)
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        for table in cache.all_tables:
            other.execute(f"UPDATE {table.name} SET data = x'a0'")
    with pytest.raises(sake_lite.InvalidDataFound):
        await _call(cache, name, _ids(name))
    for sample in SAMPLES:
        await getattr(cache, f"clear_{sample.table}")()
    await cache.delete_me()


@pytest.mark.parametrize("name", _raising("BackendError"))
async def test_method_on_a_broken_file_raises_backend_error(
    name: str, cache: sake_lite.SQLiteCache, path: pathlib.Path
) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        for table in cache.all_tables:
            other.execute(f"DROP TABLE {table.name}")
    with pytest.raises(sake_lite.BackendError, match=r"bot\.db"):
        await _call(cache, name, _ids(name))


def test_the_standard_says_which_methods_raise_what() -> None:
    assert set(_raising("BackendError")) == set(_METHODS)
    assert {name for name in _METHODS if name.startswith(("get_", "iter_"))} == set(_raising("InvalidDataFound"))
    assert {name for name in _METHODS if name.startswith("get_")} == set(_raising("EntryNotFound"))


@pytest.mark.parametrize("value", ["1", 1.0, None])
async def test_an_id_of_the_wrong_type_is_named(value: typing.Any, cache: sake_lite.SQLiteCache) -> None:
    with pytest.raises(TypeError, match="role_id must be a snowflake"):
        await cache.get_role(value)
    with pytest.raises(TypeError, match="guild_id must be a snowflake"):
        cache.iter_roles_for_guild(value)
