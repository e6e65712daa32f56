"""What a terminal and a notebook show of a file, and of names that would rather do something else there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import re
import sqlite3
import sys
import typing

import samples
from files import column_values, in_notebook
from samples import GUILD, USER

import sake_lite
from sake_lite import CacheFile
from sake_lite.file import Listing

_TABLES: typing.Final = {table.name: table for table in sake_lite.SQLiteCache.all_tables}

_IN_THE_PATH: typing.Final = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}


def test_what_a_terminal_shows_of_the_file(whole_path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(whole_path)) as connection, connection:
        for name in _TABLES:
            connection.execute(f"UPDATE {name} SET updated_at = 1772323200000 + rowid % 2 * 1000")
    file = CacheFile(whole_path)
    lines = repr(file).splitlines()
    assert lines[0] == f"bot.db: {whole_path.stat().st_size:,} bytes, version 1; times are UTC"
    assert lines[1].split("  ")[0] == "resource"
    members = next(line for line in lines if line.startswith("members"))
    size = sum(map(len, column_values(whole_path, "members", "data")))
    assert members.split() == ["members", "4", str(size), "2026-03-01", "00:00:00", "2026-03-01", "00:00:01", "0"]
    assert len(lines) == 3 + len(_TABLES)
    assert len({len(line) for line in lines[2:]}) == 1


_MEMBERS: typing.Final = """\
members: 2
  guild_id  user_id  user.username  user.global_name  nick      joined_at
──────────  ───────  ─────────────  ────────────────  ────────  ───────────────────
1000000001        1  user1                            Countess  2024-02-29 12:00:00
1000000001        2  user2          東京                        2024-02-29 12:00:00"""


def test_what_a_terminal_shows_of_a_resource(path: pathlib.Path) -> None:
    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_member(GUILD, samples.member(1, nick="Countess"))
            await cache.set_member(GUILD, samples.member(2) | {"user": samples.user(2, global_name="東京")})
            for number in range(12):
                await cache.set_role(GUILD, samples.role(number + 1))

    asyncio.run(store())
    file = CacheFile(path)
    assert repr(file.members) == _MEMBERS
    assert repr(file.roles).splitlines()[-1] == "… and 2 more rows"
    assert len(file.roles.head(3)) == 3
    assert repr(file.roles.for_guild(GUILD)).startswith(f"roles where guild_id is {GUILD}: 12\n")


async def test_what_tells_of_an_entry_is_its_own(path: pathlib.Path) -> None:
    member = samples.member(1, nick="Countess")
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_message(samples.message(1, member=member))
        await cache.set_voice_state(GUILD, samples.voice_state(1, member=member))
        await cache.set_invite(samples.invite("a", target_application={"id": "1", "name": "Chess"}))
    file = CacheFile(path)
    assert file.messages.head().columns[4:] == ["timestamp", "author.username", "content"]
    assert file.voice_states.head().columns[-1] == "member.user.username"
    assert {"member.nick", "member.joined_at"}.isdisjoint(file.voice_states.head().columns)
    assert file.invites.head().columns[3:] == ["uses", "created_at"]


_HOSTILE: typing.Final = "<script>alert('&')</script> \x1b[31m\u202e\x07\nred"


def test_names_are_shown_and_not_obeyed(path: pathlib.Path) -> None:
    """Whoever is cached chose a name, and perhaps content, which a notebook or a terminal would obey."""

    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_role(GUILD, samples.role(1, name=_HOSTILE))

    asyncio.run(store())
    file = CacheFile(path)
    query = file.query(f"SELECT json_extract(cbor_json(data), '$.name') AS \"{_HOSTILE}\" FROM roles")
    for shown in (file.roles, query):
        html = in_notebook(shown)
        assert "<script" not in html
        assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html
        text = repr(shown)
        assert "<script>alert('&')</script> \\x1b[31m\\u2…" in text
        assert all(character.isprintable() or character == "\n" for character in text)


def test_captions_are_shown_and_not_obeyed() -> None:
    """A file's name is in them, in which there may be bytes that are no text."""
    listing = Listing(["a"], [["$x$"]], caption="\x1b[31mred\udcff\n.db" + "long" * 20)
    shown = "\\x1b[31mred\\udcff .db" + "long" * 20
    assert repr(listing).splitlines()[0] == shown
    assert listing.to_html().startswith(f'<table class="tex2jax_ignore"><caption>{shown}</caption>')


def test_what_a_notebook_shows(whole_path: pathlib.Path) -> None:
    file = CacheFile(whole_path)
    html = in_notebook(file)
    assert html.count("<tr>") == 1 + len(_TABLES)
    assert re.search(r"<td[^>]*>members</td><td[^>]*>4</td>", html)
    members = in_notebook(file.members)
    assert f'<td style="text-align: left">user{USER}</td>' in members
    assert members.count("<tr>") == 1 + len(file.members)
