"""Sake's own interfaces: a cache is taken for them where that is asked for, and they are the same as ours."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing

import pytest
import samples
from samples import GUILD, USER

import sake_lite
from sake_lite import resources

if sys.version_info >= (3, 14):
    pytest.skip("hikari-sake has no release for Python 3.14", allow_module_level=True)

import sake
import sake.abc
import sake.errors

if typing.TYPE_CHECKING:
    import pathlib

_INTERFACES: typing.Final = [name for name in sake.abc.__all__ if name != "CacheIterator"]


class _Members(resources.MemberCache):
    """Members, and nothing else."""

    __slots__ = ()


@pytest.fixture
def registered() -> None:
    sake_lite.register_with_sake()


def _instances(cache: object) -> set[str]:
    """Return of which of Sake's interfaces something is an instance."""
    return {name for name in _INTERFACES if isinstance(cache, getattr(sake.abc, name))}


@pytest.mark.usefixtures("registered")
def test_a_cache_is_an_instance_of_what_it_keeps(path: pathlib.Path) -> None:
    assert _instances(sake_lite.SQLiteCache(path)) == set(_INTERFACES)
    assert _instances(_Members(path)) == {"Resource", "MemberCache", "RefMemberCache"}
    assert _instances(path) == set()


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "mixin", [resources.ThreadCache, resources.StickerCache], ids=lambda mixin: str(mixin.__name__)
)
def test_what_sake_lacks_is_a_resource_and_no_more(
    mixin: type[sake_lite.resources.Resource], path: pathlib.Path
) -> None:
    assert _instances(mixin(path)) == {"Resource"}


@pytest.mark.usefixtures("registered")
async def test_iterators_are_sakes_too(cache: sake_lite.SQLiteCache) -> None:
    assert isinstance(cache.iter_members(), sake.abc.CacheIterator)


async def _describe(resource: sake.abc.Resource) -> str:
    """Describe a cache: code that knows nothing but Sake, and asks what it was given."""
    if isinstance(resource, sake.abc.RefCache):
        guild = await resource.get_guild(GUILD)
        return f"{guild.name}: {await resource.iter_members_for_guild(GUILD).len()} members"
    if isinstance(resource, sake.abc.MemberCache):
        member = await resource.get_member(GUILD, USER)
        return f"{member.username}"
    return "nothing that I know"


@pytest.mark.usefixtures("registered")
async def test_code_that_asks_for_sakes_interfaces_takes_it(path: pathlib.Path) -> None:
    assert await _describe(typing.cast("sake.abc.Resource", resources.RoleCache(path))) == "nothing that I know"
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.ingest("GUILD_CREATE", samples.guild_create(members=[samples.member()]))
        assert await _describe(typing.cast("sake.abc.Resource", cache)) == f"guild{GUILD}: 1 members"
    async with _Members(path) as cache:
        assert await _describe(typing.cast("sake.abc.Resource", cache)) == f"user{USER}"


_BEFORE_AND_AFTER = """
import sake_lite, sys
assert "sake" not in sys.modules, "nobody asked for it"
cache = sake_lite.SQLiteCache("unused.db")
import sake
assert not isinstance(cache, sake.abc.RefMemberCache)
for _ in range(2):
    sake_lite.register_with_sake()
    assert isinstance(cache, sake.abc.RefMemberCache)
"""


def test_only_where_it_is_asked_for(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-c", _BEFORE_AND_AFTER]
    ran = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_sake_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sake", "sake.abc"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install hikari-sake") as raised:
        sake_lite.register_with_sake()
    assert raised.value.name == "sake.abc"


# Both packages' interfaces. What the standard's documentation says of them is in `test_standard.py`.


def test_ours_are_all_of_sakes_and_threads_and_stickers() -> None:
    beyond = {name for of in ("Thread", "Sticker") for name in (f"{of}Cache", f"Ref{of}Cache")}
    assert set(sake_lite.abc.__all__) == {*sake.abc.__all__, *beyond}


def _names(classes: typing.Iterable[type]) -> list[str]:
    return [cls.__name__ for cls in classes]


def _members(cls: type) -> dict[str, typing.Any]:
    """Return what is public of an interface, and not Python's or hikari's."""
    own = [base for base in cls.__mro__ if base.__module__.partition(".")[0] in {"sake", "sake_lite"}]
    return {name: member for base in reversed(own) for name, member in vars(base).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", sake.abc.__all__)
def test_an_interface_is_the_same(name: str) -> None:
    theirs, ours = getattr(sake.abc, name), getattr(sake_lite.abc, name)
    assert ours.__name__ == theirs.__name__, "those with two names, too"
    assert _names(ours.__bases__) == _names(theirs.__bases__)
    assert ours.__abstractmethods__ == theirs.__abstractmethods__

    wanted = _members(theirs)
    assert wanted
    assert _members(ours).keys() == wanted.keys()
    for member_name, member in wanted.items():
        own = _members(ours)[member_name]
        assert type(own) is type(member), member_name
        if not isinstance(member, property):
            assert inspect.iscoroutinefunction(own) == inspect.iscoroutinefunction(member), member_name
            # Names, kinds and defaults of arguments, their types, and what is returned.
            assert inspect.signature(own) == inspect.signature(member), member_name


def test_a_cache_takes_what_sakes_interfaces_take() -> None:
    for name, member in _members(sake.abc.RefCache).items():
        if not isinstance(member, property):
            theirs = inspect.signature(member).parameters
            assert inspect.signature(getattr(sake_lite.SQLiteCache, name)).parameters == theirs, name


def test_errors_have_the_same_names_bases_and_arguments() -> None:
    # Nothing here keeps an entry from being deleted.
    assert set(sake.errors.__all__) - set(sake_lite.errors.__all__) == {"CannotDelete"}
    for name in sake_lite.errors.__all__:
        ours, theirs = getattr(sake_lite.errors, name), getattr(sake.errors, name)
        assert _names(ours.__mro__) == _names(theirs.__mro__)
        assert _names(ours.__bases__) == _names(theirs.__bases__)
        for own, other in zip(
            inspect.signature(ours).parameters.values(), inspect.signature(theirs).parameters.values(), strict=True
        ):
            assert (own.name, own.kind, own.default) == (other.name, other.kind, other.default)


@pytest.mark.usefixtures("registered")
async def test_errors_are_caught_by_what_both_are(cache: sake_lite.SQLiteCache) -> None:
    """Python does not ask for registered classes when it catches."""
    with pytest.raises(LookupError) as raised:
        await cache.get_user(USER)
    assert isinstance(raised.value, sake_lite.EntryNotFound)
    assert not isinstance(raised.value, sake.SakeException)
    assert issubclass(sake.EntryNotFound, LookupError)
