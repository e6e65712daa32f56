"""Files that tests copy and look into: what is in them, and what lies beside them."""

from __future__ import annotations

__all__ = ["KILLED", "contents", "copy", "store_everything"]

import shutil
import typing

import samples
from samples import SAMPLES

import sake_lite

if typing.TYPE_CHECKING:
    import pathlib


async def store_everything(path: pathlib.Path) -> None:
    """Store three rows of each sample, the bot's own user, and a guild with one of everything."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_me(samples.me())
        lists: dict[str, typing.Any] = {
            "members": [samples.member()],
            "roles": [samples.role(1)],
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


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Return what is in a folder; what SQLite shares between processes beside a log is no part of the data."""
    return {part.name: b"" if part.name.endswith("-shm") else part.read_bytes() for part in folder.iterdir()}
