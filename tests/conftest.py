"""What every test shares: a cache in a folder of its own, which is closed and whose file is checked at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import typing

import files
import hikari
import pytest
from benchmarks import redis_server

import sake_lite
from sake_lite import _config

if typing.TYPE_CHECKING:
    import collections.abc

    OpenCache: typing.TypeAlias = (
        "collections.abc.Callable[..., contextlib.AbstractAsyncContextManager[sake_lite.SQLiteCache]]"
    )


needs_lightbulb = pytest.mark.skipif(
    not hikari.__version__.startswith("2.6."),
    reason="hikari-lightbulb wants hikari~=2.6.0; .ci/run has an environment with both, where this does not skip",
)


UNUSABLE: typing.Final[dict[str, collections.abc.Callable[[pathlib.Path], object]]] = {
    "a folder": pathlib.Path.mkdir,
    "no database": lambda path: path.write_bytes(b"This is no database. " * 500),
}
"""What can be where a cache's file should be."""


def needs_redis() -> None:
    """Skip a test where no Redis server is installed, and fail it where one has to be."""
    if not redis_server.is_installed():
        if os.environ.get("CI"):
            pytest.fail("redis-server is not installed, and CI has to have it")
        pytest.skip("redis-server is not installed (apt-get install redis-server)")


# Where Linux has room for it in memory, the tests' files are there: thousands of small ones are made, each of which a
# disk would have to be waited for. None of the tests takes the power away.
_MEMORY: typing.Final = pathlib.Path("/dev/shm")
_ROOM: typing.Final[int] = 4 * 2**30  # bytes
if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-row-cache", action="store_true", help="let row_cache_bytes be 0 where a test does not set it"
    )
    parser.addoption(
        "--no-eventfd", action="store_true", help="let threads wake the event loop as they do where Linux is not"
    )


@pytest.fixture(autouse=True, scope="session")
def default_row_cache(request: pytest.FixtureRequest) -> collections.abc.Iterator[None]:
    """All that is promised holds with and without rows in memory, so the tests run with each as the default."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--no-row-cache"):
            patch.setattr(_config.Config.__dataclass_fields__["row_cache_bytes"], "default", 0)
        yield


@pytest.fixture(autouse=True, scope="session")
def waking_the_loop(request: pytest.FixtureRequest) -> collections.abc.Iterator[None]:
    """A thread wakes the event loop as well as the system has it, so the tests run on Linux with what others have."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--no-eventfd"):
            patch.delattr(os, "eventfd", raising=False)
        yield


def check_file(path: pathlib.Path) -> None:
    """Assert that a closed cache's file is sound: SQLite finds no fault, and no row lacks what its table needs."""
    assert [file.name for file in path.parent.glob(f"{path.name}-*")] == [], "the log was not folded in"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        notes = {note for table in sake_lite.SQLiteCache.all_tables for note in table.notes}
        for table in [*sake_lite.SQLiteCache.all_tables, *notes]:
            there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table.name,)).fetchone()
            if not there:
                continue
            columns = ", ".join(column.name for column in table.columns)
            for row in connection.execute(f"SELECT {columns}, checksum, data FROM {table.name}").fetchall():
                # The payload decodes, and says itself what the columns beside it say.
                table.open_row(row)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def cache(path: pathlib.Path) -> collections.abc.AsyncIterator[sake_lite.SQLiteCache]:
    """An open cache without a bot, closed and checked after the test."""
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    yield cache
    await cache.close()
    check_file(path)


@pytest.fixture(scope="module")
def whole() -> collections.abc.Iterator[pathlib.Path]:
    """A file with rows in each table that was closed, to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bot.db")
        asyncio.run(files.store_everything(path))
        yield path


@pytest.fixture(scope="module")
def killed() -> collections.abc.Iterator[pathlib.Path]:
    """The same file after somebody wrote and deleted one row more of each kind, and was killed; to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bot.db")
        command = [sys.executable, "-c", files.KILLED, str(path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "acknowledged\n"
            process.kill()
        assert path.with_name("bot.db-wal").stat().st_size > 0
        yield path


@pytest.fixture
def whole_path(whole: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """A file with rows in each table, which nobody has open."""
    files.copy(whole, path)
    return path
