"""Looking into a file that others write to, kill, or keep to themselves: it is read, and nothing beside it changes."""

from __future__ import annotations

import asyncio
import collections.abc
import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import typing

import pytest
import samples
from conftest import check_file
from files import contents, copy, in_notebook
from processes import AS_NOBODY
from samples import GUILD, thousands

import sake_lite
from sake_lite import CacheFile, EntryNotFound

_TABLES: typing.Final = {table.name: table for table in sake_lite.SQLiteCache.all_tables}

_IN_THE_PATH: typing.Final = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}


def _everything(file: CacheFile) -> dict[str, list[str]]:
    return {name: [repr(entity) for entity in resource] for name, resource in file.resources.items()}


def _look_at_everything(file: CacheFile) -> None:
    """Do all that can be done, for what it might leave behind."""
    assert repr(file)
    assert in_notebook(file)
    assert (file.size, file.version) > (0, 0)
    for resource in file.resources.values():
        assert repr(resource)
        assert in_notebook(resource)
        assert len(resource) == len(list(resource)) == len(list(resource.payloads())) == len(resource.to_pandas())
    assert len(file.query("SELECT cbor_json(data) FROM roles")) == len(file.roles)
    with contextlib.suppress(EntryNotFound):
        file.roles.get(1)


_WRITER = """
import asyncio, pathlib, sys, samples, sake_lite

def event(number):
    return samples.guild_create(name=str(number), roles=[samples.role(n, name=str(number)) for n in range(1, 4)])

async def write(cache):
    number = 0
    while True:
        await cache.ingest("GUILD_CREATE", event(number := number + 1))

async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        await cache.ingest("GUILD_CREATE", event(0))
        print("ready", flush=True)
        sys.stdin.readline()
        writing = asyncio.create_task(write(cache))
        await asyncio.to_thread(sys.stdin.readline)
        writing.cancel()

asyncio.run(main())
"""

_OPENS_AND_CLOSES = """
import asyncio, sys, samples, sake_lite

async def main():
    print("ready", flush=True)
    for number in range(12):
        async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
            await cache.set_role(samples.GUILD, samples.role(1, name=str(number)))

asyncio.run(main())
"""


@contextlib.contextmanager
def _running(program: str, path: pathlib.Path) -> collections.abc.Generator[subprocess.Popen[str]]:
    """Run a program that says when it is ready."""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_IN_THE_PATH
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_while_another_process_writes(path: pathlib.Path) -> None:
    with _running(_WRITER, path) as process:
        assert process.stdin is not None
        file = CacheFile(path)
        before = contents(path.parent)
        assert before.keys() == {"bot.db", "bot.db-wal", "bot.db-shm"}
        assert len(before["bot.db-wal"]) > 0
        _look_at_everything(file)
        assert contents(path.parent) == before, "who looks writes nothing, not even to the log"

        process.stdin.write("\n")
        process.stdin.flush()
        seen: set[str] = set()
        while len(seen) < 10:
            names = [role.name for role in file.roles]
            assert len(names) == 3
            assert len(set(names)) == 1, "an event is there as a whole, or not at all"
            seen.add(names[0])
            assert len(file.query("SELECT DISTINCT json_extract(cbor_json(data), '$.name') FROM roles")) == 1
            assert len(set(file.roles.to_pandas()["name"])) == 1
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(timeout=20) == 0
    assert int(file.guilds.get(GUILD).name) >= max(map(int, seen))
    check_file(path)


def test_a_bot_that_comes_and_goes_while_it_is_looked_at(whole_path: pathlib.Path) -> None:
    file = CacheFile(whole_path)
    with _running(_OPENS_AND_CLOSES, whole_path) as process:
        while process.poll() is None:
            assert file.roles.get(1).id == 1
            assert len(file.roles) == len(list(file.roles)) == 5
        assert process.returncode == 0
    assert file.roles.get(1).name == "11"
    assert repr(file).startswith("bot.db: ")


def test_a_bot_that_is_killed_between_two_readings(path: pathlib.Path) -> None:
    with _running(_WRITER, path) as process:
        file = CacheFile(path)
        found = _everything(file)
        process.kill()
        process.wait()
        before = contents(path.parent)
        assert len(before["bot.db-wal"]) > 0
        assert _everything(file) == found
        _look_at_everything(file)
        assert contents(path.parent) == before
    asyncio.run(_open_and_close(path))
    assert contents(path.parent).keys() == {"bot.db"}
    assert _everything(file) == found


async def _open_and_close(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path):
        pass


async def test_nothing_is_held_between_readings(whole_path: pathlib.Path) -> None:
    """An open `CacheFile`, or an iteration that somebody left off, keeps no log from being folded in."""
    with CacheFile(whole_path) as file:
        async with sake_lite.SQLiteCache(whole_path) as cache:
            for number in range(300):
                await cache.set_role(GUILD, samples.role(thousands(number)))
            iteration = iter(file.roles)
            assert next(iteration).id == 1
            await cache.set_role(GUILD, samples.role(thousands(1_000)))
        check_file(whole_path)
        assert len(list(iteration)) == 302, "the rest, with what came meanwhile"
    check_file(whole_path)


def test_looking_leaves_a_closed_file_as_it_was(whole_path: pathlib.Path) -> None:
    before, status = contents(whole_path.parent), whole_path.stat()
    _look_at_everything(CacheFile(whole_path))
    assert contents(whole_path.parent) == before
    assert (whole_path.stat().st_mtime_ns, whole_path.stat().st_mode) == (status.st_mtime_ns, status.st_mode)


def test_many_threads_look_at_once(whole_path: pathlib.Path) -> None:
    file = CacheFile(whole_path)
    expected = _everything(file)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(_everything, file) for _ in range(8)]
        assert [look.result() for look in looks] == [expected] * 8


_NOBODY = f"""
import json, pathlib, sys, sake_lite
{AS_NOBODY}

def look(path):
    try:
        with sake_lite.CacheFile(path) as file:
            repr(file)
            return {{name: len(list(resource)) for name, resource in file.resources.items()}}
    except sake_lite.BackendError as error:
        return error.message

print(json.dumps([look(path) for path in sys.argv[1:]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="modes of files and folders are POSIX's")
def test_somebody_else_looks_where_nobody_may_write(whole: pathlib.Path, killed: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # everybody may look into what is above it, unlike pytest's own
        pathlib.Path(name).chmod(0o755)
        places = [(whole, 0o555), (whole, 0o777), (killed, 0o555), (killed, 0o777), (killed, 0o755)]
        paths = [pathlib.Path(name, str(number), "bot.db") for number in range(len(places))]
        for path, (source, mode) in zip(paths, places, strict=True):
            path.parent.mkdir()
            copy(source, path)
            for part in path.parent.iterdir():
                part.chmod(0o444)
            path.parent.chmod(mode)
        paths[-1].with_name("bot.db-shm").unlink()
        before = [contents(path.parent) for path in paths]
        command = [sys.executable, "-c", _NOBODY, *map(str, paths)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=_IN_THE_PATH)
        after = [contents(path.parent) for path in paths]
        for path in paths:
            path.parent.chmod(0o755)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert after == before
        *found, refused = json.loads(ran.stdout)
        for (source, _), counts in zip(places[:-1], found, strict=True):
            assert counts == {name: len(values) for name, values in _everything(CacheFile(source)).items()}
        assert f"{paths[-1]} has a log, but no -shm beside it" in refused
