"""The command line: what people and programs see of a file, and files made of others. `check` is in test_check.py."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import typing

import click.testing
import hypothesis
import hypothesis.strategies as st
import pytest
import samples
from conftest import check_file
from samples import CHANNEL, GUILD, SAMPLES, USER
from test_examples import ROOT, fill

import sake_lite
from sake_lite import _cli_screen, _copy, _export, cli
from sake_lite._batch import Batch
from sake_lite._session import Session
from sake_lite._table import with_notes
from sake_lite._views import ResourceView

if typing.TYPE_CHECKING:
    import collections.abc

_TABLES = with_notes(sake_lite.SQLiteCache.all_tables)
_NOON = 1_764_072_000_000  # 2025-11-25 12:00 UTC, in Unix milliseconds
_HOSTILE = "\x1b[31m\x9b2Jé😀\u202e"


def _run(*arguments: object) -> click.testing.Result:
    """Run a command in this process, its output going to no terminal."""
    result = click.testing.CliRunner().invoke(cli.main, [*map(str, arguments)], prog_name="sake-lite")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sake_lite", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _sqlite(path: pathlib.Path, sql: str, *parameters: object) -> list[typing.Any]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql, parameters).fetchall()


def _contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {part.name: part.read_bytes() for part in folder.iterdir()}


async def _store_everything(path: pathlib.Path) -> None:
    """Store one of everything in a guild, two more of each sample, and one message that has expired."""
    async with sake_lite.SQLiteCache(path, housekeeping=False) as cache:
        await cache.set_me(samples.me())
        lists: dict[str, typing.Any] = {
            "members": [samples.member(nick="Ada")],
            "roles": [samples.role(1)],
            "emojis": [samples.emoji(1, name=_HOSTILE)],
            "stickers": [samples.sticker(1)],
            "channels": [samples.channel()],
            "threads": [samples.thread(1)],
            "presences": [samples.presence()],
            "voice_states": [samples.voice_state()],
        }
        # Listed by READY and not there yet, so that what is of its past session is hidden.
        await cache.set_presence(samples.presence(guild_id=2))
        await cache.ingest("READY", _ready(2))
        await cache.ingest("GUILD_CREATE", samples.guild_create(member_count=1, **lists))
        for sample in SAMPLES:
            for number in (1, 2):
                await sample.store(cache, number)
        await cache.set_message(samples.message(7, content=f"two\nlines {_HOSTILE}"))
        await cache.set_message(samples.message(8, content="gone"), expire_time=0)
        await cache.set_message(samples.message(9, author=5, content="for ever"), expire_time=float("inf"))


def _ready(*guilds: int) -> dict[str, typing.Any]:
    listed = [{"id": str(guild), "unavailable": True} for guild in guilds]
    return {"user": samples.me(), "guilds": listed, "shard": [0, 1], "session_id": "session"}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what would make rich write to a pipe as to a terminal."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def whole() -> collections.abc.Iterator[pathlib.Path]:
    """A file with rows in every table, to be copied, all rows updated at noon."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bot.db")
        asyncio.run(_store_everything(path))
        for table in _TABLES:
            assert _sqlite(path, f"UPDATE {table.name} SET updated_at = {_NOON} RETURNING 1"), table
        yield path


@pytest.fixture
def file(whole: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """A copy of it, the only file in its folder."""
    shutil.copyfile(whole, path)
    return path


# What a person sees.


def test_info(file: pathlib.Path) -> None:
    result = _run("info", file)
    assert (result.exit_code, result.stderr) == (0, "")
    header, *lines, last = result.stdout.splitlines()
    assert header == "resource        rows  bytes  oldest update        newest update        expired"
    noon = "2025-11-25 12:00:00"
    counts = {"guilds": 3, "me": 1, "invites": 2, "messages": 4, "users": 4}
    for line, table in zip(lines, sake_lite.SQLiteCache.all_tables, strict=True):
        ((size,),) = _sqlite(file, f"SELECT sum(length(data)) FROM {table.name}")
        rows, expired = counts.get(table.name, 3), int(table.name == "messages")
        assert line == f"{table.name:<14}  {rows:>4}  {size:>5,}  {noon}  {noon}  {expired:>7}"
    assert last == f"bot.db: {file.stat().st_size:,} bytes, version 1; times are UTC"


def test_info_of_an_empty_file(path: pathlib.Path) -> None:
    path.touch()
    result = _run("info", path)
    assert result.exit_code == 0
    assert "\nmembers            0      0" in result.stdout
    assert result.stdout.endswith("bot.db: 0 bytes, version 1; times are UTC\n")


def test_list_shows_what_tells_entries_from_each_other(file: pathlib.Path) -> None:
    result = _run("list", file, "members", "--guild", GUILD)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "guild_id    user_id     user.username   nick  joined_at\n"
        "1000000001  3000000001  user3000000001  Ada   2024-02-29 12:00:00\n"
        "1000000001  5000001009  user5000001009        2024-02-29 12:00:00\n"
        "1000000001  5000002018  user5000002018        2024-02-29 12:00:00\n"
    )
    result = _run("list", file, "messages", "--user", USER, "--limit", 1)
    assert re.match(
        r"7 +3000000001 +2000000001 +1000000001 +2026-11-23 12:00:00 +user3000000001 +two lines",
        result.stdout.splitlines()[1],
    )
    assert result.stderr == "… and 2 more; --limit says how many to list\n"
    result = _run("list", file, "messages", "--user", 5)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["message_id", "9"]
    assert "for ever" in result.stdout


def test_a_list_of_nothing_says_so(file: pathlib.Path) -> None:
    for more, said in (
        (("members", "--guild", 99), "no members for guild 99\n"),
        (("messages", "--channel", 2**70), f"no messages for channel {2**70}\n"),
    ):
        result = _run("list", file, *more)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)
        result = _run("list", file, *more, "--json")
        assert (result.exit_code, json.loads(result.stdout), result.stderr) == (1, [], said)
    _sqlite(file, "UPDATE roles SET checksum = 0")
    result = _run("list", file, "roles")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no roles" not in result.stderr, "there are some, though damaged"


def test_show(file: pathlib.Path) -> None:
    result = _run("show", file, "members", GUILD, USER)
    assert (result.exit_code, result.stderr) == (0, "")
    expected = samples.member(nick="Ada") | {"guild_id": str(GUILD)}
    assert result.stdout == json.dumps(expected, indent=2) + "\n"
    assert json.loads(_run("show", file, "invites", "code000001").stdout)["channel_id"] == str(CHANNEL)
    assert _run("show", file, "me", "--json").stdout == json.dumps(samples.me()) + "\n"
    assert _run("show", file, "me", USER).stdout == json.dumps(samples.me(), indent=2) + "\n"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (("roles", 77), "roles has no entry for role_id 77"),
        (("members", GUILD, 77), "members has no entry for guild_id 1000000001, user_id 77"),
        (("messages", 8), "messages has no entry for message_id 8"),
        (("presences", 2, USER), "presences has no entry for guild_id 2, user_id 3000000001"),
    ],
)
def test_what_is_not_there_is_said(file: pathlib.Path, key: tuple[object, ...], said: str) -> None:
    result = _run("show", file, *key)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{said}\n")


# What a program sees.


def test_json(file: pathlib.Path) -> None:
    info = json.loads(_run("info", file, "--json").stdout)
    assert (info["size"], info["version"]) == (file.stat().st_size, 1)
    assert info["resources"]["messages"]["rows"] == 4
    assert info["resources"]["messages"]["expired"] == 1
    assert info["resources"]["roles"]["newest"] == "2025-11-25T12:00:00+00:00"
    assert info["resources"].keys() == {table.name for table in sake_lite.SQLiteCache.all_tables}
    with sake_lite.CacheFile(file) as cache:
        for name, resource in cache.resources.items():
            listed = json.loads(_run("list", file, name, "--json").stdout)
            assert listed == [*resource.payloads()]
            assert len(listed) == info["resources"][name]["rows"]
    assert [each["id"] for each in json.loads(_run("list", file, "roles", "--json", "--limit", 1).stdout)] == ["1"]
    assert json.loads(_run("list", file, "roles", "--json", "--guild", 5).stdout) == []
    check = json.loads(_run("check", file, "--json").stdout)
    assert check["is_sound"] is True
    assert check["problems"] == []
    assert check["rows"]["messages"] == 5


def test_nothing_that_a_terminal_obeys_is_written_where_there_is_none(file: pathlib.Path) -> None:
    for arguments in (("info",), ("list", "emojis"), ("list", "messages"), ("show", "emojis", "1"), ("check",)):
        command, *more = arguments
        result = _run(command, file, *more)
        assert result.exit_code == 0
        assert not {*result.output} & {"\x1b", "\x9b", "\u202e"}, arguments
    assert json.loads(_run("show", file, "emojis", 1).stdout)["name"] == _HOSTILE


def test_a_terminal_gets_colours_and_does_not_obey_names(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which stands for a terminal
    monkeypatch.setenv("COLUMNS", "60")
    shown = _run("show", file, "emojis", 1).stdout
    assert '\x1b[1;34m"name"\x1b[0m' in shown
    listed = _run("list", file, "messages").stdout
    assert listed.startswith("\x1b[1m")
    assert "5000002018" in listed, "IDs are whole however narrow it is"
    for text in (shown, listed):
        assert "\x1b[31m" not in text
        assert not {*text} & {"\x9b", "\u202e"}


_SNOWFLAKES: typing.Final = range(1_180_000_000_000_000_000, 1_180_000_000_000_000_003)


@pytest.fixture
def large_ids(path: pathlib.Path) -> pathlib.Path:
    """A file with IDs as long as Discord's."""
    guild, channel, user = _SNOWFLAKES

    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            content = "what somebody wrote, which is long"
            await cache.set_message(samples.message(guild + 9, user, channel, guild, content=content))
            await cache.set_member(guild, samples.member(user, nick="Ada"))

    asyncio.run(store())
    return path


def _shown(columns: int, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> click.testing.Result:
    """Run a command in this process, its output going to a terminal of so many columns, and leave its colours out."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    result = _run(*arguments)
    result.stdout_bytes = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", result.stdout_bytes)
    return result


def test_a_narrow_terminal_shows_the_content_and_whole_ids(
    large_ids: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild, channel, user = map(str, _SNOWFLAKES)
    message = str(_SNOWFLAKES[0] + 9)
    wide = _shown(200, monkeypatch, "list", large_ids, "messages")
    assert {guild, channel, user, message} <= {*wide.stdout.split()}
    assert wide.stderr == ""

    narrow = _shown(80, monkeypatch, "list", large_ids, "messages")
    header, *lines = narrow.stdout.splitlines()
    assert header.split() == ["message_id", "timestamp", "author.username", "content"]
    assert lines[0].startswith(message)
    assert "2026-11-23 12:00:00" in lines[0]
    start = header.index("content")
    assert "".join(line[start:].strip("\n").ljust(80 - start) for line in lines).split() == [
        *("what", "somebody", "wrote,", "which", "is", "long")
    ]
    assert max(map(len, [header, *lines])) <= 80
    assert "guild_id, channel_id, author_id" in narrow.stderr

    block = _shown(50, monkeypatch, "list", large_ids, "messages").stdout
    assert [line.split(maxsplit=1) for line in block.splitlines()] == [
        ["message_id", message],
        ["author_id", user],
        ["channel_id", channel],
        ["guild_id", guild],
        ["timestamp", "2026-11-23 12:00:00"],
        ["author.username", f"user{user}"],
        ["content", "what somebody wrote, which is long"],
    ]
    members = _shown(80, monkeypatch, "list", large_ids, "members", "--guild", guild)
    assert members.stdout.splitlines()[0].split() == ["user_id", "user.username", "nick", "joined_at"]


def test_a_narrow_terminal_breaks_no_time(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.split() for line in _shown(60, monkeypatch, "info", file).stdout.splitlines()]
    assert lines[:2] == [["resource", "guilds"], ["rows", "3"]]
    assert lines[3] == ["oldest", "update", "2025-11-25", "12:00:00"]


def test_what_takes_long_has_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with _cli_screen.progress("quick"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(_cli_screen, "_SHOWN_AFTER", 0.01)
    pause, said = threading.Event(), ""
    with _cli_screen.progress("beginning") as show:
        show("members", 1, 2)
        while "50%" not in said:  # else the test runs out of time
            pause.wait(0.01)
            said += capsys.readouterr().err
    assert "members" in said

    capsys.readouterr()
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(_cli_screen, "_SHOWN_AFTER", 0)
    with _cli_screen.progress("beginning") as show:
        show("members", 1, 2)
        pause.wait(0.05)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_list_has_a_bar(
    file: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, pause = ResourceView[typing.Any].head, threading.Event()

    def head_after_the_bar(view: ResourceView[typing.Any], rows: int) -> typing.Any:
        said = ""
        while "listing roles" not in said:  # else the test runs out of time
            pause.wait(0.01)
            said += capsys.readouterr().err
        return head(view, rows)

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(_cli_screen, "_SHOWN_AFTER", 0.01)
    monkeypatch.setattr(ResourceView, "head", head_after_the_bar)
    cli.main(["list", str(file), "roles"], standalone_mode=False)
    assert "role5000001009" in capsys.readouterr().out


def test_a_long_table_is_laid_out_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.process_time()
    _cli_screen.print_table(["id", "name"], [[str(number), "é" * 9] for number in range(10_000)], numbers={"id"})
    assert time.process_time() - begun < 2, "it was a matter of ten seconds"
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("  id  name", "   0  ééééééééé", "9999  ééééééééé")


# The README.


async def _fill_with_a_message(path: pathlib.Path) -> None:
    await fill(path)
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_message(samples.message(1, channel_id=1001))


def test_the_commands_of_the_readme_do_what_it_says(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, section = (ROOT / "README.md").read_text("utf-8").partition("## The command line")
    blocks = re.findall(r"^    \$ sake-lite (.*)\n((?:    [^$\n].*\n)*)", section, re.MULTILINE)
    assert {arguments.split()[0] for arguments, _ in blocks} >= {*_COMMANDS, "import"}
    asyncio.run(_fill_with_a_message(tmp_path / "bot.db"))
    monkeypatch.chdir(tmp_path)
    for arguments, shown in blocks:
        result = _run(*arguments.split())
        assert (result.exit_code, result.stderr) == (0, ""), arguments
        assert not shown or result.stdout == textwrap.dedent(shown)
    assert {part.name for part in tmp_path.iterdir()} == {"bot.db", "bot.jsonl", "some.jsonl", "other.db", "copy.db"}


# Wrong arguments, and files that are none.

_COMMANDS: typing.Final[dict[str, tuple[str, ...]]] = {
    "info": (),
    "show": ("me",),
    "list": ("roles",),
    "export": ("--out", "-"),
    "check": (),
    "compact": (),
}


def test_it_says_what_it_is() -> None:
    assert _run("--version").stdout == f"sake-lite {importlib.metadata.version('sake_lite')}\n"
    assert _run("list", "-h").stdout == _run("list", "--help").stdout
    assert "one of --guild, --channel and --user" in " ".join(_run("list", "-h").stdout.split())


def test_every_command_is_tried() -> None:
    assert {*cli.main.commands} >= {*_COMMANDS, "import"}
    for command in cli.main.commands:
        assert _run(command, "--help").exit_code == 0


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_missing_file_is_named_and_not_created(command: str, path: pathlib.Path) -> None:
    result = _run(command, path, *_COMMANDS[command])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "does not exist" in result.stderr
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("command", [*_COMMANDS, "import"])
def test_a_foreign_file_is_named_and_left_alone(command: str, whole: pathlib.Path, path: pathlib.Path) -> None:
    export = whole.with_name(f"{command}.jsonl")
    assert _run("export", whole, "--out", export).exit_code == 0
    _sqlite(path, "CREATE TABLE t (a)")
    before = _contents(path.parent)
    result = _run(command, path, *_COMMANDS.get(command, ("--from", export)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "belongs to another program" in result.stderr
    assert _contents(path.parent) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chekc", "FILE"), "No such command"),
        (("show", "FILE", "rolse", "1"), "'rolse' is not one of 'guilds'"),
        (("list", "FILE", "rolse"), "'rolse' is not one of 'guilds'"),
        (("export", "FILE", "rolse", "--out", "-"), "'rolse' is not one of 'guilds'"),
        (("show", "FILE", "members", "1"), "an entry of members is found by GUILD_ID USER_ID"),
        (("show", "FILE", "members", "1", "2", "3"), "an entry of members is found by GUILD_ID USER_ID"),
        (("show", "FILE", "roles"), "an entry of roles is found by ROLE_ID"),
        (("show", "FILE", "roles", "one"), "'one' is not a snowflake"),
        (("list", "FILE", "roles", "--channel", "1"), "roles have no channel; they can be chosen by --guild"),
        (("list", "FILE", "users", "--guild", "1"), "users have no guild; they cannot be chosen so"),
        (("list", "FILE", "members", "--guild", "1", "--user", "2"), "choose by one of --guild, --user"),
        (("list", "FILE", "roles", "--limit", "0"), "0 is not in the range"),
        (("export", "FILE"), "Missing option '--out'"),
        (("export", "FILE", "--out", "FILE"), "is what is exported"),
        (("export", "FILE", "--out", "nowhere/out.jsonl"), "nowhere does not exist"),
        (("import", "FILE"), "Missing option '--from'"),
        (("import", "FILE", "--from", "nowhere.jsonl"), "'nowhere.jsonl' does not exist"),
        (("import", "nowhere/bot.db", "--from", "FILE"), "nowhere does not exist"),
        (("compact", "FILE", "--into", "nowhere/copy.db"), "nowhere does not exist"),
    ],
)
def test_wrong_arguments_are_named(file: pathlib.Path, arguments: tuple[str, ...], said: str) -> None:
    before = _contents(file.parent)
    result = _run(*(str(file) if each == "FILE" else each for each in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())
    assert _contents(file.parent) == before


# Looking changes nothing, and no fault ends with a traceback.


def test_looking_leaves_the_file_and_its_folder_as_they_are(file: pathlib.Path, tmp_path_factory: typing.Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    before = _contents(file.parent)
    for command, more in _COMMANDS.items():
        into = ("--into", elsewhere / "copy.db") if command == "compact" else ()
        assert _run(command, file, *more, *into).exit_code == 0
        assert _contents(file.parent) == before, command


@pytest.fixture
def damaged(file: pathlib.Path) -> pathlib.Path:
    """A file of which one role is damaged, and one message has no time."""
    _sqlite(file, "UPDATE roles SET checksum = 0 WHERE role_id = 1")
    _sqlite(file, "UPDATE messages SET updated_at = -1 WHERE message_id = 9")
    return file


def test_a_list_that_cannot_be_read_to_its_end_is_json(file: pathlib.Path) -> None:
    ((root,),) = _sqlite(file, "SELECT rootpage FROM sqlite_master WHERE name = 'roles'")
    with file.open("r+b") as opened:
        opened.seek((root - 1) * 4096)
        opened.write(b"\xff" * 4096)
    result = _run("list", file, "roles", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == []
    assert "damaged" in result.stderr


def test_damaged_rows_are_skipped_and_told_of(damaged: pathlib.Path) -> None:
    for more in ((), ("--json",)):
        result = _run("list", damaged, "roles", *more)
        assert result.exit_code == 1
        assert "role5000001009" in result.stdout
        assert "role1" not in result.stdout
        assert result.stderr.startswith("1 damaged row")
    shown = _run("show", damaged, "roles", 1)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "the row role_id=1 of roles is damaged" in shown.stderr
    assert _run("info", damaged).exit_code == 0
    checked = _run("check", damaged, "--json")
    assert checked.exit_code == 1
    assert [each["key"] for each in json.loads(checked.stdout)["problems"]] == ["role_id=1"]


def test_damaged_rows_are_left_out_of_an_export(damaged: pathlib.Path) -> None:
    out = damaged.with_name("out.jsonl")
    result = _run("export", damaged, "roles", "messages", "--out", out)
    assert result.exit_code == 1
    assert "the row role_id=1 of roles is damaged: " in result.stderr
    assert "the row message_id=9 of messages cannot be exported: -1 is no moment" in result.stderr
    assert result.stderr.endswith("Left out, since it is damaged: 2.\n")
    exported = [json.loads(line)["payload"]["id"] for line in out.read_text("utf-8").splitlines()[1:-1]]
    assert exported == ["7", "8", "5000001009", "5000002018", "5000001009", "5000002018"]


@pytest.mark.parametrize("reads", [5, 8_191])
def test_a_damaged_rowid_costs_an_export_no_other_row(path: pathlib.Path, reads: int) -> None:
    """Rowid 128 is the first of two bytes, at the end of a window or not, and reads as a lower or a higher one."""

    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            members = [samples.member(user) for user in range(1, 301)]
            await cache.ingest("GUILD_CREATE", samples.guild_create(members=members))

    asyncio.run(store())
    ((head,),) = _sqlite(path, "SELECT data FROM members WHERE rowid = 150")
    data = path.read_bytes()
    cell = data.rindex(bytes([0x81, 150 - 128]), 0, data.index(head))
    damaged = bytes([0x80 | reads >> 7, reads & 0x7F])
    path.write_bytes(data[:cell] + damaged + data[cell + 2 :])
    out = path.with_name("out.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_export, "_ROWS", 150)
        result = _run("export", path, "members", "--out", out)
    assert result.exit_code == 1
    assert "members is damaged, and rows may be missing" in result.stderr
    users = {json.loads(line)["payload"]["user"]["id"] for line in out.read_text("utf-8").splitlines()[1:-1]}
    assert users == {str(user) for user in range(1, 301)}
    assert "out of order" in _run("check", path).stdout


def test_a_damaged_page_costs_an_export_no_other_table(file: pathlib.Path) -> None:
    ((root,),) = _sqlite(file, "SELECT rootpage FROM sqlite_master WHERE name = 'roles'")
    with file.open("r+b") as opened:
        opened.seek((root - 1) * 4096)
        opened.write(b"\xff" * 4096)
    out = file.with_name("out.jsonl")
    result = _run("export", file, "--out", out)
    assert result.exit_code == 1
    assert "roles cannot be read to its end: " in result.stderr
    tables = {json.loads(line)["table"] for line in out.read_text("utf-8").splitlines()[1:-1]}
    assert tables == {table.name for table in sake_lite.SQLiteCache.all_tables} - {"roles"}
    copied = _run("compact", file, "--into", file.with_name("copy.db"))
    assert (copied.exit_code, copied.stdout) == (1, "")
    assert "is damaged" in copied.stderr
    assert {part.name for part in file.parent.iterdir()} == {"bot.db", "out.jsonl"}


@pytest.fixture
def long(path: pathlib.Path) -> pathlib.Path:
    """A file of which more is listed than fits into a pipe."""

    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            await cache.set_role(GUILD, samples.role(1, name="n" * 500_000))
            await cache.set_role(GUILD, samples.role(2, name="n" * 500_000))

    asyncio.run(store())
    return path


@pytest.mark.parametrize("arguments", [("list", "FILE", "roles", "--json"), ("export", "FILE", "--out", "-")])
def test_whoever_reads_may_stop(long: pathlib.Path, arguments: tuple[str, ...]) -> None:
    process = _start(*(long if each == "FILE" else each for each in arguments))
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        assert process.stdout.read(1) in {b"[", b"{"}
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", 1)


@pytest.mark.skipif(os.name == "nt", reason="Windows' shell cannot close them")
def test_the_outputs_may_be_closed(file: pathlib.Path) -> None:
    run = '"$0" -m sake_lite list "$1" roles --json >&- && "$0" -m sake_lite info "$1" >&- 2>&-'
    ran = subprocess.run(["sh", "-c", run, sys.executable, str(file)], capture_output=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process alone")
def test_it_can_be_interrupted(long: pathlib.Path) -> None:
    process = _start("list", long, "roles", "--json")
    assert process.stdout is not None
    assert process.stdout.read(1) == b"["
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (1, b"Aborted!")


def test_what_the_output_cannot_spell_is_escaped(file: pathlib.Path) -> None:
    runner = click.testing.CliRunner(charset="ascii")
    for command, escaped in (
        (["list", str(file), "emojis"], b"\\x1b"),
        (["show", str(file), "emojis", "1"], b"\\u001b"),
    ):
        result = runner.invoke(cli.main, command)
        assert result.exit_code == 0
        assert escaped + b"[31m" in result.stdout_bytes
        assert result.stdout_bytes.isascii()
    assert json.loads(result.stdout)["name"] == _HOSTILE


# Export and import.


def test_what_is_exported_and_imported_is_the_same(file: pathlib.Path) -> None:
    first, second, copy = (file.with_name(name) for name in ("first.jsonl", "second.jsonl", "copy.db"))
    result = _run("export", file, "--out", first)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = first.read_text("utf-8").splitlines()
    rows = len(lines) - 2
    assert result.stdout == f"Rows exported to first.jsonl: {rows}.\n"
    assert json.loads(lines[0]) == {"format": "sake_lite export", "version": 1}
    assert json.loads(lines[-1]) == {"end": True, "rows": rows}
    tables = sake_lite.SQLiteCache.all_tables
    assert {json.loads(line)["table"] for line in lines[1:-1]} == {table.name for table in tables}
    assert {json.loads(line)["updated_at"] for line in lines[1:-1]} == {_NOON}

    result = _run("import", copy, "--from", first)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"Rows imported from {first}: {rows}.\n"
    assert _run("export", copy, "--out", second).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    for table in tables:
        shown = table.visible.replace(":moment", "0")  # what is hidden is of a past session, and not exported
        select = f"SELECT {table.row}, updated_at, expires_at FROM {table.name} WHERE {shown} ORDER BY 1, 2"
        assert _sqlite(copy, select) == _sqlite(file, select)
    check_file(copy)

    assert _run("import", copy, "--from", first).exit_code == 0, "once more changes nothing"
    assert _run("export", copy, "--out", "-").stdout_bytes == first.read_bytes()
    if os.name == "posix":
        assert {part.stat().st_mode & 0o777 for part in (first, copy)} == {0o600}


_HEADER = '{"format":"sake_lite export","version":1}\n'


def _end(rows: int) -> str:
    return f'{{"end":true,"rows":{rows}}}\n'


_TEXTS = st.text(st.characters(codec="utf-8"))
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(_TEXTS, parts, max_size=3),
    max_leaves=8,
)
_MOMENTS = st.integers(0, 2**63 - 1)


def _ignore(_what: str, _done: int, _of: int) -> None:
    """Take no notice of how far it has come."""


@hypothesis.settings(max_examples=10, deadline=None)
@hypothesis.given(rows=st.lists(st.tuples(_JSON, _MOMENTS, st.none() | _MOMENTS), min_size=1, max_size=8))
def test_whatever_a_payload_holds_comes_back(rows: list[tuple[object, int, int | None]]) -> None:
    lines = _HEADER.encode()
    for number, (value, updated_at, expires_at) in enumerate(rows):
        payload = samples.role(number, more=value) | {"guild_id": str(GUILD)}
        entry = {"table": "roles", "updated_at": updated_at, "expires_at": expires_at, "payload": payload}
        lines += json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    lines += _end(len(rows)).encode()

    tables = sake_lite.SQLiteCache.all_tables
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        path = pathlib.Path(folder, "bot.db").resolve()
        given.write(lines)
        done = _export.ImportReport()
        asyncio.run(_export.import_rows(path, tables, given, "given", report=done, show=_ignore))
        assert (done.rows, done.stored) == (len(rows), len(rows))
        report = _export.export_rows(path, tables, made, "made", _ignore)
        assert (report.rows, report.faults) == (len(rows), [])
        made.seek(0)
        assert made.read() == lines
        check_file(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [0.5, float("-inf")], {"deep": [float("nan")]}])
async def test_what_json_has_no_word_for_is_not_stored(path: pathlib.Path, value: object) -> None:
    """It could not be exported."""
    async with sake_lite.SQLiteCache(path) as cache:
        with pytest.raises(ValueError, match="which JSON has no word for"):
            await cache.set_role(GUILD, samples.role(1, more=value))


def test_an_import_overwrites_what_has_the_same_key_and_nothing_else(file: pathlib.Path) -> None:
    export = file.with_name("roles.jsonl")
    assert _run("export", file, "roles", "--out", export).exit_code == 0
    _sqlite(file, "DELETE FROM roles WHERE role_id = 5000001009")

    async def change() -> None:
        async with sake_lite.SQLiteCache(file) as cache:
            await cache.set_role(GUILD, samples.role(1, name="changed"))
            await cache.set_role(GUILD, samples.role(2, name="new"))

    asyncio.run(change())
    assert _run("import", file, "--from", export).exit_code == 0
    listed = json.loads(_run("list", file, "roles", "--json").stdout)
    assert [role["name"] for role in listed] == ["role1", "new", "role5000001009", "role5000002018"]
    assert _sqlite(file, "SELECT updated_at FROM roles WHERE role_id = 1") == [(_NOON,)]
    check_file(file)


_ROLE = '{"table":"roles","updated_at":1,"expires_at":null,"payload":{"id":"5","guild_id":"6","name":"role"}}\n'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "is empty, and so no export"),
        (_ROLE, "line 1: this is not how an export begins"),
        ("not JSON", "line 1: this is not how an export begins"),
        (_HEADER.replace("1}", "2}"), "line 1: the export is of version 2, and 1 is the one that is known"),
        (_HEADER.replace("1}", "true}"), "line 1: the export is of version True, and 1 is the one that is known"),
        (_HEADER + _ROLE, "is cut off: the line that ends an export is missing"),
        (_HEADER + _ROLE + _end(2), "line 3: the export ends with 2 rows, and here are 1"),
        (_HEADER + _ROLE + _end(1) + _ROLE, "line 4: the export goes on after the line that ends it"),
        (_HEADER + _ROLE.replace('"role"', '"role","name":"other"'), "line 2: 'name' is there twice in an object"),
        (_HEADER + _ROLE.replace('"roles"', '"complete_member_lists"'), "line 2: there is no table"),
        (_HEADER + _ROLE + _ROLE[:-20] + "\n", "line 3: "),
        (_HEADER + _ROLE + "[1]\n", "line 3: a JSON object is expected, not list"),
        (_HEADER + _ROLE + '{"table": "roles"}\n', "line 3: a row has the fields table, updated_at, expires_at, "),
        (_HEADER + _ROLE.replace('"roles"', '"rolls"'), "line 2: there is no table 'rolls'"),
        (_HEADER + _ROLE.replace('"roles"', '["roles"]'), "line 2: there is no table ['roles']"),
        (_HEADER + _ROLE.replace("1,", "-1,", 1), "line 2: -1 is no moment in Unix milliseconds"),
        (_HEADER + _ROLE.replace("null", "1.5"), "line 2: 1.5 is no moment in Unix milliseconds"),
        (_HEADER + _ROLE.replace('"5"', '"five"'), "line 2: 'five' is not a snowflake"),
        (_HEADER + _ROLE.replace('"guild_id":"6",', ""), "line 2: the payload has no guild_id"),
        (_HEADER + _ROLE.replace('"role"', "NaN"), "line 2: NaN is no number that JSON has"),
        (_HEADER + _ROLE.replace('"role"', "1e999"), "line 2: 1e999 is no number that JSON has"),
        (_HEADER + _ROLE.replace('"role"', str(2**70)), "line 2: the payload could not be read back"),
        (_HEADER + _ROLE.replace('"role"', '"\\ud800"'), "line 2: the payload cannot be stored"),
        (_HEADER + _ROLE.replace('"role"', "[" * 9999 + "]" * 9999), "line 2: "),
        (_HEADER + _ROLE.replace('"role"', f'"{"n" * 2**20}"'), "line 2: the payload is too large to store"),
        (_HEADER + _ROLE.replace('"role"', f'"{"n" * 2**23}"'), "line 2: it is longer than 8,388,608 bytes"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there"])
def test_a_line_that_is_wrong_is_named_and_nothing_is_imported(
    whole: pathlib.Path, path: pathlib.Path, lines: str, said: str, is_there: bool
) -> None:
    if is_there:
        shutil.copyfile(whole, path)
    source = path.with_name("lines.jsonl")
    source.write_text(lines, "utf-8")
    before = _contents(path.parent)
    result = _run("import", path, "--from", source)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.startswith(str(source))
    assert result.stderr.endswith("nothing is imported\n")
    assert _contents(path.parent) == before


def test_an_export_goes_through_a_pipe(file: pathlib.Path) -> None:
    lines = _run("export", file, "members", "--out", "-").stdout_bytes
    copy = file.with_name("copy.db")
    result = click.testing.CliRunner().invoke(cli.main, ["import", str(copy), "--from", "-"], input=lines)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Rows imported from the standard input: ")
    assert _run("export", copy, "--out", "-").stdout_bytes == lines
    assert {json.loads(line)["table"] for line in lines.splitlines()[1:-1]} == {"members"}, "nothing that is noted"


def test_an_import_claims_no_member_list_to_be_complete(path: pathlib.Path) -> None:
    """Neither one that was complete where it was exported, nor one that was where it goes."""
    source, export = path.with_name("source.db"), path.with_name("all.jsonl")

    async def store_all(name: pathlib.Path, user: int) -> None:
        async with sake_lite.SQLiteCache(name) as cache:
            await cache.ingest("GUILD_CREATE", samples.guild_create(members=[samples.member(user)], member_count=1))

    async def is_complete() -> bool:
        async with sake_lite.SQLiteCache(path, read_only=True) as cache:
            return await cache.members_complete(GUILD)

    asyncio.run(store_all(source, 1))
    assert _run("export", source, "--out", export).exit_code == 0
    assert _run("import", path, "--from", export).exit_code == 0
    assert not asyncio.run(is_complete())
    asyncio.run(store_all(path, 2))
    assert asyncio.run(is_complete())
    assert _run("import", path, "--from", export).exit_code == 0
    assert not asyncio.run(is_complete())


def test_what_is_imported_is_shown_and_hides_nothing(path: pathlib.Path) -> None:
    """Whichever of the two files waits for the guild to come back."""
    waiting, export = path.with_name("waiting.db"), path.with_name("all.jsonl")

    async def store(name: pathlib.Path, user: int, *, is_waiting: bool) -> None:
        async with sake_lite.SQLiteCache(name) as cache:
            await cache.set_presence(samples.presence(user, guild_id=2))
            if is_waiting:
                await cache.ingest("READY", _ready(2))

    def listed(name: pathlib.Path) -> list[str]:
        return [each["user"]["id"] for each in json.loads(_run("list", name, "presences", "--json").stdout)]

    asyncio.run(store(path, 5, is_waiting=False))
    asyncio.run(store(waiting, 6, is_waiting=True))
    assert _run("export", waiting, "--out", export).exit_code == 0
    assert _run("import", path, "--from", export).exit_code == 0
    assert listed(path) == ["5"]
    assert _run("export", path, "--out", export).exit_code == 0
    assert _run("import", waiting, "--from", export).exit_code == 0
    assert listed(waiting) == ["5"]


def test_another_bots_user_is_replaced(path: pathlib.Path) -> None:
    source, export = path.with_name("source.db"), path.with_name("all.jsonl")

    async def store(name: pathlib.Path, user: int) -> None:
        async with sake_lite.SQLiteCache(name) as cache:
            await cache.set_me(samples.me() | {"id": str(user)})

    asyncio.run(store(source, 8))
    asyncio.run(store(path, 9))
    assert _run("export", source, "--out", export).exit_code == 0
    assert _run("import", path, "--from", export).exit_code == 0
    assert [me["id"] for me in json.loads(_run("list", path, "me", "--json").stdout)] == ["8"]


def test_an_import_tells_of_what_hikari_makes_no_entity_of(path: pathlib.Path) -> None:
    source = path.with_name("lines.jsonl")
    source.write_text(_HEADER + _ROLE + _end(1), "utf-8")
    result = _run("import", path, "--from", source)
    assert (result.exit_code, result.stdout) == (0, f"Rows imported from {source}: 1.\n")
    assert result.stderr.startswith("Rows of which hikari makes no entity: 1; ")


def test_an_interrupted_import_says_how_far_it_came(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, copy = file.with_name("all.jsonl"), file.with_name("copy.db")
    assert _run("export", file, "roles", "--out", export).exit_code == 0
    monkeypatch.setattr(_export, "_ROWS", 2)
    commit = Session.commit

    async def commit_once(session: Session, batch: Batch) -> list[int]:
        monkeypatch.setattr(Session, "commit", interrupt)
        return await commit(session, batch)

    async def interrupt(*_: object) -> typing.NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "commit", commit_once)
    result = _run("import", copy, "--from", export)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "2 of 3 rows are stored; to have all, import again" in result.stderr
    assert len(json.loads(_run("list", copy, "roles", "--json").stdout)) == 2


def test_an_export_that_fails_leaves_what_was_there(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = file.with_name("out.jsonl")
    out.write_text("before")
    before = _contents(file.parent)

    def interrupt(*_: object) -> typing.NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_export, "_text_of", interrupt)
        assert _run("export", file, "--out", out).exit_code == 1
    assert _contents(file.parent) == before
    assert _run("export", file, "--out", out).exit_code == 0
    assert {part.name for part in file.parent.iterdir()} == {"bot.db", "out.jsonl"}


@pytest.mark.parametrize("command", [("export", "--out"), ("compact", "--into")])
def test_no_database_is_replaced_nor_given_a_log(file: pathlib.Path, command: tuple[str, str]) -> None:
    other = file.with_name("other.db")
    shutil.copyfile(file, other)
    os.link(file, file.with_name("same.jsonl"))
    before = _contents(file.parent)
    for name in ("other.db", "same.jsonl", "other.db-wal", "other.db-shm", "other.db-journal"):
        result = _run(command[0], file, command[1], file.with_name(name))
        assert (result.exit_code, result.stdout) == (1, "")
        assert name in result.stderr
        assert _contents(file.parent) == before


def test_an_export_may_have_a_long_name(file: pathlib.Path) -> None:
    assert _run("export", file, "roles", "--out", file.with_name("n" * 244 + ".jsonl")).exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows names no pipes in folders")
def test_a_named_pipe_is_written_to_and_read_from(file: pathlib.Path) -> None:
    pipe, copy = file.with_name("pipe"), file.with_name("copy.db")
    os.mkfifo(pipe)
    lines = _run("export", file, "roles", "--out", "-").stdout_bytes
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert _run("export", file, "roles", "--out", pipe).exit_code == 0
    reader.join(30)
    assert read == [lines]
    writer = threading.Thread(target=pipe.write_bytes, args=(lines,), daemon=True)
    writer.start()
    assert _run("import", copy, "--from", pipe).exit_code == 0
    writer.join(30)
    assert _run("export", copy, "--out", "-").stdout_bytes == lines


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_who_ends_an_export_leaves_nothing_half_made(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = getattr(signal, name, signal.SIGTERM)
    before, handler = _contents(file.parent), signal.signal(number, signal.SIG_DFL)

    def end(*_: object) -> None:
        assert len([*file.parent.glob(".*.part")]) == 1
        assert signal.getsignal(number) is not signal.SIG_DFL, "which would end the tests"
        signal.raise_signal(number)

    try:
        monkeypatch.setattr(_export, "_text_of", end)
        result = _run("export", file, "--out", file.with_name("out.jsonl"))
        assert (result.exit_code, result.stderr.strip()) == (1, "Aborted!")
        assert _contents(file.parent) == before
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, handler)


def test_an_import_that_fails_in_the_middle_says_how_far_it_came(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trigger of another program stands for whatever keeps a row from being written."""
    export, copy = file.with_name("all.jsonl"), file.with_name("copy.db")
    assert _run("export", file, "guilds", "roles", "--out", export).exit_code == 0
    asyncio.run(_open_and_close(copy))
    _sqlite(copy, "CREATE TRIGGER t BEFORE INSERT ON roles BEGIN SELECT RAISE(FAIL, 'no roles'); END")
    monkeypatch.setattr(_export, "_ROWS", 2)
    result = _run("import", copy, "--from", export)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "2 of 6 rows are stored; once it can be written, import again: " in result.stderr
    assert "no roles" in result.stderr
    _sqlite(copy, "DROP TRIGGER t")
    assert _run("import", copy, "--from", export).exit_code == 0
    assert _run("export", copy, "--out", "-").stdout_bytes == export.read_bytes()


async def _open_and_close(path: pathlib.Path) -> None:
    async with sake_lite.SQLiteCache(path):
        pass


# Compacting.


def _fill_and_empty(path: pathlib.Path) -> None:
    async def run() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            roles = [samples.role(number, name="n" * 1000) for number in range(300)]
            await cache.ingest("GUILD_CREATE", samples.guild_create(roles=roles))
            await cache.clear_roles()

    asyncio.run(run())


def test_a_file_is_compacted(path: pathlib.Path) -> None:
    _fill_and_empty(path)
    before = path.stat().st_size
    result = _run("compact", path)
    after = path.stat().st_size
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"bot.db: {before:,} bytes before, {after:,} bytes now.\n"
    assert after < before - 250_000
    assert _sqlite(path, "PRAGMA auto_vacuum") == [(2,)]
    assert len(json.loads(_run("list", path, "guilds", "--json").stdout)) == 1
    check_file(path)


async def test_a_file_that_is_in_use_is_not_compacted_and_can_be_copied(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_copy, "_BUSY_TIMEOUT", 0.05)
    copy = path.with_name("copy.db")
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
        result = await asyncio.to_thread(_run, "compact", path)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{path} is open in another process; stop that first, or take a copy" in result.stderr
        await asyncio.to_thread(_run, "export", path, "--out", path.with_name("out.jsonl"))
        result = await asyncio.to_thread(_run, "import", path, "--from", path.with_name("out.jsonl"))
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{path} is open in another process; stop that first" in result.stderr
        await cache.set_role(GUILD, samples.role(2))
        result = await asyncio.to_thread(_run, "compact", path, "--into", copy)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.endswith(f", copy.db: {copy.stat().st_size:,} bytes.\n")
        await cache.set_role(GUILD, samples.role(3))
    assert [role["id"] for role in json.loads(_run("list", copy, "roles", "--json").stdout)] == ["1", "2"]
    if os.name == "posix":
        assert copy.stat().st_mode & 0o777 == 0o600
    check_file(copy)
    check_file(path)
    async with sake_lite.SQLiteCache(copy) as cache:
        await cache.set_role(GUILD, samples.role(4))
    check_file(copy)


@pytest.mark.parametrize("into", [(), ("--into", "copy.db")], ids=["in place", "a copy"])
def test_compacting_can_be_interrupted(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, into: tuple[str, ...]
) -> None:
    _fill_and_empty(path)
    before = _contents(path.parent)
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(_copy, "_STEPS", 10)
    with monkeypatch.context() as patch:
        patch.setattr(_copy, "_have_a_turn", lambda: signal.raise_signal(signal.SIGINT))
        result = _run("compact", path, *into)
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (1, "", "Aborted!")
    assert _contents(path.parent) == before
    assert _run("compact", path, *into).exit_code == 0


async def test_what_a_crash_left_beside_a_file_goes(path: pathlib.Path, tmp_path_factory: typing.Any) -> None:
    left = tmp_path_factory.mktemp("left") / "bot.db"
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_role(GUILD, samples.role(1))
        for suffix in ("", "-wal", "-shm"):
            shutil.copyfile(f"{path}{suffix}", f"{left}{suffix}")
    assert (await asyncio.to_thread(_run, "compact", left)).exit_code == 0
    assert [part.name for part in left.parent.iterdir()] == ["bot.db"]
    check_file(left)


@pytest.mark.parametrize("into", [(), ("--into", "copy.db")], ids=["in place", "a copy"])
def test_what_is_damaged_is_not_compacted(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, into: tuple[str, ...]
) -> None:
    """A row without data, which SQLite copies without a word."""
    asyncio.run(_open_and_close(path))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON").close()
        sql = "UPDATE sqlite_master SET sql = replace(sql, 'data BLOB NOT NULL', 'data BLOB') WHERE name = 'roles'"
        connection.execute(sql).close()
    _sqlite(path, "INSERT INTO roles (role_id, guild_id, checksum, updated_at) VALUES (1, 2, 3, 4)")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON").close()
        sql = "UPDATE sqlite_master SET sql = replace(sql, 'data BLOB', 'data BLOB NOT NULL') WHERE name = 'roles'"
        connection.execute(sql).close()
    before = _contents(path.parent)
    monkeypatch.chdir(path.parent)
    result = _run("compact", path, *into)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "bot.db is damaged" in result.stderr
    assert _contents(path.parent) == before


def test_a_copy_overwrites_nothing(file: pathlib.Path) -> None:
    copy = file.with_name("copy.db")
    copy.write_text("mine")
    before = _contents(file.parent)
    for there in (copy, file):
        result = _run("compact", file, "--into", there)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"{there} is there already, and is not overwritten\n"
        assert _contents(file.parent) == before

    copy.write_text("")
    log = file.with_name("copy.db-wal")
    log.write_text("of another file")
    assert "a log lies beside" in _run("compact", file, "--into", copy).stderr
    log.unlink()
    assert _run("compact", file, "--into", copy).exit_code == 0
    check_file(copy)


# Beside a bot.

_WRITER: typing.Final = """
import asyncio, sys, samples, sake_lite

async def main():
    async with sake_lite.SQLiteCache(sys.argv[1]) as cache:
        loop, number = asyncio.get_running_loop(), 0
        end = loop.run_in_executor(None, sys.stdin.read)
        while not end.done():
            number += 1
            lists = {"roles": [samples.role(n, name=str(number)) for n in range(50)],
                     "emojis": [samples.emoji(n, name=str(number)) for n in range(50)]}
            await cache.ingest("GUILD_CREATE", samples.guild_create(**lists))
            if number == 1:
                print("ready", flush=True)

asyncio.run(main())
"""


def test_everything_beside_a_process_that_writes(path: pathlib.Path) -> None:
    folders = [str(pathlib.Path(samples.__file__).parent), *sys.path]
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    moments: list[str] = []
    for turn in range(3):
        out, copy = path.with_name(f"{turn}.jsonl"), path.with_name(f"{turn}.db")
        assert _run("export", path, "roles", "emojis", "--out", out).exit_code == 0
        exported = [json.loads(line)["payload"]["name"] for line in out.read_text("utf-8").splitlines()[1:-1]]
        assert len(exported) == 100
        assert len({*exported}) == 1, "it is of one moment"
        assert _run("compact", path, "--into", copy).exit_code == 0
        copied = _run("export", copy, "roles", "emojis", "--out", "-").stdout.splitlines()[1:-1]
        assert len({json.loads(line)["payload"]["name"] for line in copied}) == 1
        assert _run("info", path).exit_code == 0
        assert len(json.loads(_run("list", path, "roles", "--json").stdout)) == 50
        moments += [exported[0], json.loads(_run("show", path, "emojis", 49).stdout)["name"]]
    assert writer.communicate("\n", timeout=30)[1] == ""
    assert moments == sorted(moments, key=int)
    assert len({*moments}) > 1, "it wrote meanwhile"
    check_file(path)
