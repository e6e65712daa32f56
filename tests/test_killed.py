"""Kill -9, at any moment: what was acknowledged is there, no event is half there, and the file goes on being used.

A process works on a file and writes down what it is about to do and what it was told is done. It is killed, and what
is in the file is compared with what it wrote down: by SQLite alone first, then by a cache, which the next process to be
killed goes on with.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import contextlib
import copy
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import typing

import killed_program
import pytest
import samples
from conftest import check_file
from killed_program import Model

import sake_lite

_TABLES: typing.Final = [
    *sake_lite.SQLiteCache.all_tables,
    *dict.fromkeys(note for table in sake_lite.SQLiteCache.all_tables for note in table.notes),
]


class _Program:
    """Lives of a program, each of which ends by being killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)  # it ends where its input does

    def live(self, order: collections.abc.Mapping[str, object], delay: float) -> None:
        """Let it live once, and kill it after a while."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, killed_program.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        word, process = self._next_line()
        assert word == "running"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(delay)
        if process == self._process.pid:
            self._process.kill()
            self._process.communicate(timeout=60)
            self._process = None
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            assert self._next_line() == ("ended", -signal.SIGKILL), "it ended by itself"

    def _next_line(self) -> tuple[str, int]:
        assert self._process is not None
        assert self._process.stdout is not None
        word, number = self._process.stdout.readline().split()
        return word, int(number)


class _Rounds:
    """One file, which a process after the other is killed over."""

    def __init__(self, folder: pathlib.Path, lanes: int, seed: int) -> None:
        self.path = folder / "bot.db"
        self.chance = random.Random(seed)
        self.passing = 0
        self.seen: collections.Counter[str] = collections.Counter()
        self._lanes = [Model() for _ in range(lanes)]
        self._seed = seed
        self._rounds = 0
        print(f"seed {seed}, {lanes} lanes")

    def go(self, program: _Program) -> None:
        self._rounds += 1
        # Some die while they open the file, which a killed one left behind.
        delay = self.chance.uniform(0, self.chance.choice([0.08, 0.5, 0.5]))
        log = self.path.with_name(f"log{self._rounds}")
        order = {
            "path": str(self.path),
            "log": str(log),
            "seed": f"{self._seed} {self._rounds}",
            "first": self._rounds * 1_000,
            "lanes": len(self._lanes),
        }
        print(f"round {self._rounds}, killed after {delay * 1000:.0f} ms")
        program.live(order, delay)
        contents = self._contents()
        self.passing = sum(killed_program.lane_of(key) < 0 for key in contents.get("messages", ()))
        begun, acknowledged = self._read(log)
        for lane, model in enumerate(self._lanes):
            found = {
                name: {key: row for key, row in rows.items() if killed_program.lane_of(key) == lane}
                for name, rows in contents.items()
            }
            self._lanes[lane] = self._play(model, begun[lane], acknowledged[lane], found)
        if self.chance.random() < 0.7:  # else the next one opens what this one left
            self._check_in_a_cache(contents)
        log.unlink(missing_ok=True)

    def _contents(self) -> killed_program.Contents:
        """Return what SQLite finds in the file, and itself finds sound."""
        if not self.path.exists():
            return {}
        self.seen["logs left"] += self.path.with_name("bot.db-wal").exists()
        # One that may write folds the log in as it closes.
        mode = self.chance.choice(["ro", "rw"])
        contents: killed_program.Contents = {}
        with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode={mode}", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
            assert not there or {table.name for table in _TABLES} <= there, "the tables come together"
            for table in _TABLES if there else ():
                columns = ", ".join(column.name for column in table.columns)
                rows = connection.execute(f"SELECT {columns}, checksum, data FROM {table.name}").fetchall()
                contents[table.name] = {
                    row[0] if len(table.key) == 1 else row[: len(table.key)]: killed_program.told(
                        table.name, table.open_row(row)
                    )
                    for row in rows
                }
        return contents

    def _read(self, log: pathlib.Path) -> tuple[list[list[killed_program.Operation]], list[dict[int, typing.Any]]]:
        """Return what was begun, in each lane, and what was acknowledged: its place in the lane, and its result."""
        begun = [list[killed_program.Operation]() for _ in self._lanes]
        acknowledged = [dict[int, typing.Any]() for _ in self._lanes]
        # The last line may have been cut short by the kill: then what it was to announce was not begun.
        for text in log.read_text().split("\n")[:-1] if log.exists() else ():
            line = json.loads(text)
            lane: int = line["lane"]
            if "begun" in line:
                begun[lane].append(line["begun"])
            else:
                acknowledged[lane][len(begun[lane])] = line["result"]
        return begun, acknowledged

    def _play(
        self,
        model: Model,
        begun: list[killed_program.Operation],
        acknowledged: dict[int, typing.Any],
        found: killed_program.Contents,
    ) -> Model:
        """Play back what a lane did, and return the model that is what was found."""
        sure = max(acknowledged, default=0)
        differences: list[str] = []
        for place in range(len(begun) + 1):
            if place:
                it = begun[place - 1]
                result = model.apply(it)
                assert acknowledged.get(place, result) == result, (it, result)
                self.seen[it["do"]] += 1
            if place >= sure:
                difference = _difference(model.tables, found)
                if difference is None:
                    self.seen["begun, and not there"] += place < len(begun)
                    self.seen["not acknowledged, and there"] += place > sure
                    return copy.deepcopy(model)
                differences.append(f"after {place} of {len(begun)}: {difference}")

        lines = "\n".join(differences)
        pytest.fail(f"{sure} operations were acknowledged, and the file is what it never was:\n{lines}")

    def _check_in_a_cache(self, contents: killed_program.Contents) -> None:
        async def check() -> None:
            async with sake_lite.SQLiteCache(self.path) as cache:
                report = await cache.check()
                assert report.is_sound, report.problems
                found = {name: len(rows) for name, rows in contents.items()}
                assert {name: report.rows[name] for name in found} == found

        asyncio.run(check())
        check_file(self.path)


def _difference(expected: killed_program.Contents, found: killed_program.Contents) -> str | None:
    """Say how two differ, if they do."""
    for name in expected.keys() | found.keys():
        wanted, there = expected.get(name, {}), found.get(name, {})
        if name == "complete_member_lists":
            # What is begun by the first event of a session ends it; that it is not there is never wrong.
            wanted = {key: row for key, row in wanted.items() if key in there}
        if name in {"awaited_guilds", "me"} or wanted == there:
            continue
        keys = sorted(key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key))
        some = [f"{key}: {str(there.get(key))[:60]} and not {str(wanted.get(key))[:60]}" for key in keys[:3]]
        return f"{len(keys)} rows of {name} differ: {'; '.join(some)}"
    return None


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: pathlib.Path) -> None:
    rounds = _Rounds(tmp_path, lanes=2, seed=7)
    with _Program() as program:
        for _ in range(3):
            rounds.go(program)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lanes", [1, 3], ids=["one caller", "three callers"])
def test_what_was_acknowledged_is_there_after_each_of_many_kills(lanes: int, tmp_path: pathlib.Path) -> None:
    rounds = _Rounds(tmp_path, lanes, seed=random.randrange(2**32))
    with _Program() as program:
        for _ in range(70):
            rounds.go(program)
    print(dict(rounds.seen))
    # Else it was not shown: some of everything was done, and some were killed over a commit, before it and after it.
    assert set(killed_program.kinds(is_alone=lanes == 1)) <= rounds.seen.keys()
    assert rounds.seen["begun, and not there"]
    assert rounds.seen["not acknowledged, and there"]
    assert rounds.seen["logs left"] > 10
    assert rounds.seen["set_passing_message"] > 2 * rounds.passing, "what expired, and what was too many, is removed"


_MIGRATION: typing.Final = (
    "ALTER TABLE members ADD COLUMN seen INTEGER",
    "UPDATE members SET seen = rowid, updated_at = 0",
    "CREATE TABLE notes (a INTEGER, b TEXT) STRICT",
    "INSERT INTO notes SELECT rowid, hex(data) FROM members",
    "SELECT halt()",
    "DELETE FROM members WHERE user_id % 2",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) INSERT INTO notes SELECT i, i FROM n",
)

_MIGRATE = """
import asyncio, json, sys, sake_lite
from sake_lite import _layout

path, is_halting, statements = sys.argv[1], sys.argv[2] == "halt", json.loads(sys.argv[3])

def halt():
    if is_halting:
        print("halted", flush=True)
        sys.stdin.readline()

def migrate(connection, path, migrate=_layout._migrate):
    connection.create_function("halt", 0, halt)
    print("migrating", flush=True)
    migrate(connection, path)

_layout.USER_VERSION = 2
_layout.MIGRATIONS[1] = tuple(statements)
_layout._PRAGMAS += ("PRAGMA cache_size = 10",)  # so that what is not committed yet is in the log already
_layout._migrate = migrate

async def main():
    async with sake_lite.SQLiteCache(path):
        print("migrated", flush=True)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""

_MEMBERS: typing.Final = 4_000


def _make_old_file(path: pathlib.Path) -> dict[str, list[typing.Any]]:
    """Make a file of this version, and return what is in it."""

    async def make() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            members = [samples.member(number) for number in range(1, _MEMBERS + 1)]
            await cache.ingest("GUILD_CREATE", samples.guild_create(members=members, member_count=_MEMBERS))

    asyncio.run(make())
    return _everything(path)


def _everything(path: pathlib.Path) -> dict[str, list[typing.Any]]:
    """Return the layout and the rows of a file, as SQLite finds them after the kill; it leaves the log as it is."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        ]
        return {
            "version": connection.execute("PRAGMA user_version").fetchall(),
            "layout": connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall(),
            **{name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables},
        }


@contextlib.contextmanager
def _migrating(path: pathlib.Path, word: str) -> collections.abc.Generator[subprocess.Popen[str]]:
    """Bring a file to a version that this release does not know, in a process; it goes on when it is told to."""
    command = [sys.executable, "-c", _MIGRATE, str(path), word, json.dumps(_MIGRATION)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert _line(process) == "ready"
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert _line(process) == "migrating"
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _migrate_to_the_end(path: pathlib.Path) -> None:
    with _migrating(path, "go on") as process:
        assert _line(process) == "migrated"
        assert process.wait(30) == 0
    _assert_migrated(_everything(path))


def _assert_migrated(found: dict[str, list[typing.Any]]) -> None:
    assert found["version"] == [(2,)]
    assert len(found["members"]) == _MEMBERS / 2
    assert len(found["notes"]) == _MEMBERS + 200_000
    assert found["users"]


async def _check_old_file(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path) as cache:
        report = await cache.check()
        assert report.is_sound, report.problems
        assert report.rows["members"] == report.rows["users"] == _MEMBERS
        assert (await cache.get_member(samples.GUILD, _MEMBERS)).id == _MEMBERS
        assert await cache.members_complete(samples.GUILD)
    check_file(path)


def test_a_kill_in_the_middle_of_a_migration_leaves_the_old_file(path: pathlib.Path) -> None:
    old = _make_old_file(path)
    with _migrating(path, "halt") as process:
        assert _line(process) == "halted"
        process.kill()
        process.wait(30)
    assert path.with_name("bot.db-wal").stat().st_size > 1_000_000, "much of the new one was written"
    assert _everything(path) == old
    asyncio.run(_check_old_file(path))
    assert _everything(path) == old


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_of_a_migration_leaves_the_old_file_or_the_new_one(tmp_path: pathlib.Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    old = _make_old_file(tmp_path / "old.db")
    versions: list[int] = []
    for number in range(12):
        path = tmp_path / f"{number}.db"
        shutil.copyfile(tmp_path / "old.db", path)
        with _migrating(path, "go on") as process, contextlib.suppress(subprocess.TimeoutExpired):
            # Mostly soon: it takes a fraction of a second, less on a quick machine.
            process.wait(0.5 * chance.random() ** 3 if number else 0)
        found = _everything(path)
        ((version,),) = found["version"]
        versions.append(version)
        if version == 1:
            assert found == old
            asyncio.run(_check_old_file(path))
            _migrate_to_the_end(path)
        else:
            _assert_migrated(found)
    assert 1 in versions, "none was killed in the middle"
