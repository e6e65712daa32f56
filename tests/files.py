"""Files that tests copy and look into: what is in them, and what lies beside them."""

from __future__ import annotations

__all__ = ["KILLED", "UNUSABLE", "column_values", "contents", "copy", "in_notebook", "store_everything"]

import collections.abc
import contextlib
import pathlib
import shutil
import sqlite3
import typing

import samples
from samples import SAMPLES

import sake_lite
from sake_lite import _layout


async def store_everything(path: pathlib.Path) -> None:
    """Store three rows of each sample, the bot's own user, and a guild with one of everything."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_me(samples.me())
        lists: dict[str, typing.Any] = {
            "members": [samples.member()],
            "roles": [samples.role(1), samples.role(samples.GUILD, permissions="8")],
            "emojis": [samples.emoji(1)],
            "stickers": [samples.sticker(1)],
            "channels": [samples.channel()],
            "threads": [samples.thread(1)],
            "presences": [samples.presence()],
            "voice_states": [samples.voice_state()],
        }
        await cache.ingest("GUILD_CREATE", samples.guild_create(member_count=1, **lists))
        for sample in SAMPLES:
            for number in range(3):
                await sample.store(cache, number)


KILLED: typing.Final = """
import asyncio, pathlib, sys, files, samples, sake_lite

async def main():
    path = pathlib.Path(sys.argv[1])
    await files.store_everything(path)
    cache = sake_lite.SQLiteCache(path)
    await cache.open()
    for sample in samples.SAMPLES:
        await sample.store(cache, 3)
        await sample.delete(cache, 0)
    print("acknowledged", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""
"""A program that stores that, adds the sample number 3 of each kind, deletes number 0, and waits to be killed."""


def copy(source: pathlib.Path, path: pathlib.Path) -> None:
    """Copy a file, and its log with it."""
    for part in source.parent.iterdir():
        shutil.copyfile(part, path.parent / part.name)


def column_values(path: pathlib.Path, table: str, name: str) -> list[typing.Any]:
    """Return the values of a table's column, by SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute(f"SELECT {name} FROM {table}").fetchall()]


def in_notebook(value: object) -> str:
    """Return the HTML that a notebook shows of a value, empty where it shows text."""
    from IPython.core.formatters import DisplayFormatter

    formatter: typing.Any = DisplayFormatter()
    shown, _ = formatter.format(value)
    return shown.get("text/html", "")


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Return what is in a folder; what SQLite shares between processes beside a log is no part of the data."""
    return {part.name: b"" if part.name.endswith("-shm") else part.read_bytes() for part in folder.iterdir()}


def _sqlite(path: pathlib.Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _with_log(path: pathlib.Path, *statements: str) -> None:
    """Run statements, and leave the log where it is, as one that was killed does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode = WAL", *statements):
            connection.execute(statement)
        kept = contents(path.parent)
    for name, data in kept.items():
        path.with_name(name).write_bytes(data or bytes(32768))


UNUSABLE: typing.Final[dict[str, tuple[collections.abc.Callable[[pathlib.Path], object], str]]] = {
    "garbage": (lambda path: path.write_bytes(b"This is no database. " * 500), "is not a SQLite database"),
    "two bytes": (lambda path: path.write_bytes(b"SQ"), "is not a SQLite database"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:5_000]), "is damaged"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    "another program's": (
        lambda path: (path.unlink(), _sqlite(path, "CREATE TABLE t (a)")),
        "belongs to another program",
    ),
    "another program's, marked": (
        lambda path: _sqlite(path, "PRAGMA application_id = 77"),
        "belongs to another program",
    ),
    "another program's, in its log": (
        lambda path: (path.unlink(), _with_log(path, "CREATE TABLE t (a)")),
        "belongs to another program",
    ),
    "newer": (
        lambda path: _sqlite(path, f"PRAGMA user_version = {_layout.USER_VERSION + 1}"),
        "newer version, foreign or damaged",
    ),
    "newer, in its log": (
        lambda path: _with_log(path, f"PRAGMA user_version = {_layout.USER_VERSION + 1}"),
        "newer version, foreign or damaged",
    ),
    "missing": (lambda path: path.unlink(), "does not exist; a cache that is opened read-only does not create it"),
    "in a missing folder": (lambda path: shutil.rmtree(path.parent), "does not exist"),
}
"""How to spoil a whole file, and what is said of it then."""
