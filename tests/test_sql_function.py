"""SQL over a file: `CacheFile.query`, and `cbor_json(data)` in it, in Datasette and in sqlite-utils."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import subprocess
import sys
import typing
from urllib.parse import quote

import cbor2
import pytest
import samples
from files import contents
from samples import GUILD, USER

import sake_lite
from sake_lite import BackendError, CacheFile

_README: typing.Final = pathlib.Path(__file__).parent.parent / "README.md"


@pytest.fixture
def file(whole_path: pathlib.Path) -> CacheFile:
    return CacheFile(whole_path)


@pytest.mark.parametrize("table", sake_lite.SQLiteCache.all_tables, ids=lambda table: table.name)
def test_a_payload_as_json(table: typing.Any, file: CacheFile) -> None:
    order = ", ".join(column.name for column in table.key)
    found = file.query(f"SELECT cbor_json(data) FROM {table.name} ORDER BY {order}")
    assert [json.loads(text) for (text,) in found] == [*file.resources[table.name].payloads()] != []


async def test_nothing_is_lost_on_the_way(path: pathlib.Path) -> None:
    content = '“naïve” 東京 👩\u200d🚀 \x00 " \\ </script>'
    nonce: list[typing.Any] = [2**64 - 1, -1, 0.1, 1e300, True, None, {"a": []}, str(2**63 - 1)]
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_message(samples.message(1, content=content, nonce=nonce))
    ((text,),) = CacheFile(path).query("SELECT cbor_json(data) FROM messages")
    payload = json.loads(text)
    assert (payload["content"], payload["nonce"]) == (content, nonce)
    assert "東京" in text, "what people read is not escaped"


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        1.5,
        "text",
        b"",
        b"\xff",
        cbor2.dumps("text"),
        cbor2.dumps({"a": b"bytes"}),
        cbor2.dumps({"a": float("nan")}),
        cbor2.dumps({"a": 1}) + b"\x00",
    ],
    ids=repr,
)
def test_what_is_no_payload_is_null(value: object, file: CacheFile) -> None:
    assert file.query("SELECT cbor_json(?)", [value]).rows == [(None,)]


def test_a_query_with_parameters(file: CacheFile) -> None:
    sql = "SELECT user_id, json_extract(cbor_json(data), '$.user.username') AS name FROM members WHERE user_id = "
    for found in (file.query(f"{sql}?", (USER,)), file.query(f"{sql}:user", {"user": USER})):
        assert found.columns == ["user_id", "name"]
        assert (len(found), [*found], found[0]) == (1, [(USER, f"user{USER}")], (USER, f"user{USER}"))
        assert repr(found).splitlines()[-1] == f"{USER}  user{USER}"
    assert file.query("SELECT 1 WHERE 0").rows == []
    assert file.query("SELECT value FROM json_each('[1, 2]')").rows == [(1,), (2,)]
    assert len(file.query("PRAGMA table_info(members)")) > 0


def test_a_long_result_is_shown_in_part_and_there_in_whole(file: CacheFile) -> None:
    found = file.query(
        "WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 1234) SELECT value FROM n"
    )
    assert len(found) == len(found.to_pandas()) == 1234
    assert repr(found).splitlines()[-1] == "… and 1,184 more rows"
    assert found.to_html().count("<tr>") == 1 + 50
    assert "… and 1,184 more rows" in found.to_html()


@pytest.mark.parametrize(
    ("sql", "parameters", "says"),
    [
        ("SELEC 1", (), 'the statement is wrong: near "SELEC": syntax error'),
        ("SELECT * FROM nothing_there", (), "the statement is wrong: no such table: nothing_there"),
        ("SELECT 1; SELECT 2", (), "the statement is wrong: You can only execute one statement"),
        ("SELECT ?", (), "the statement is wrong: Incorrect number of bindings"),
        ("SELECT :a", {"b": 1}, "the statement is wrong: You did not supply a value for binding"),
        ("SELECT ?", (object(),), "the statement is wrong: .*type 'object' is not supported"),
        ("SELECT ?", (2**70,), "the statement is wrong: Python int too large"),
        ("SELECT ?", ("\ud800",), "the statement is wrong: .*surrogates not allowed"),
        ("SELECT ?", 5, "the statement is wrong"),
        (None, (), "the statement is wrong"),
        ("SELECT abs(-9223372036854775808)", (), "the statement is wrong: integer overflow"),
        ("SELECT zeroblob(1e10)", (), "the statement is wrong: string or blob too big"),
        ("SELECT 1 LIMIT 'a'", (), "the statement is wrong: datatype mismatch"),
        ("SELECT load_extension('a')", (), "the statement is wrong: not authorized"),
    ],
)
def test_a_wrong_statement_says_what_is_wrong(
    sql: typing.Any, parameters: typing.Any, says: str, file: CacheFile
) -> None:
    with pytest.raises(BackendError, match=says):
        file.query(sql, parameters)


@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "with a log"])
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM roles",
        "UPDATE roles SET data = x''",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "PRAGMA user_version = 7",
        "VACUUM",
        "VACUUM INTO 'other.db'",
        "ATTACH 'other.db' AS other",
        "ATTACH 'file:other.db?mode=rwc' AS other",
        "REINDEX",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
        "BEGIN",
    ],
)
def test_a_statement_that_would_write_is_refused(
    sql: str,
    has_log: bool,
    whole_path: pathlib.Path,
    killed: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(whole_path.parent)
    if has_log:
        for part in killed.parent.iterdir():
            whole_path.with_name(part.name).write_bytes(part.read_bytes())
    before = contents(whole_path.parent)
    with pytest.raises(BackendError, match="the statement would write or change the connection"):
        CacheFile(whole_path).query(sql)
    assert contents(whole_path.parent) == before


def test_the_schema_is_not_rewritten(file: CacheFile) -> None:
    with pytest.raises(BackendError, match="sqlite_master may not be modified"):
        file.query("UPDATE sqlite_master SET sql = ''")


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN QUERY PLAN SELECT * FROM roles",
        "PRAGMA Journal_Mode",
        "PRAGMA user_version",
        "PRAGMA index_list('messages')",
        "PRAGMA quick_check",
        "PRAGMA integrity_check(1)",
        "SELECT name FROM pragma_table_info('roles')",
        "SELECT sql FROM sqlite_schema",
        "WITH a AS MATERIALIZED (SELECT * FROM roles) SELECT count(*) FROM a, a AS b GROUP BY a.data ORDER BY b.data",
        "VALUES (1)",
    ],
)
def test_all_that_reads_is_allowed(sql: str, file: CacheFile) -> None:
    assert len(file.query(sql)) > 0


# Other tools, which take seconds to start.


def _readme_sql() -> str:
    (sql,) = re.findall(r"```sql\n(.*?)```", _README.read_text("utf-8"), re.DOTALL)
    return sql


_EXPECTED: typing.Final = [{"name": "Countess", "joined": "2024-02"}, {"name": "user2", "joined": "2024-02"}]


@pytest.fixture
async def two(path: pathlib.Path) -> pathlib.Path:
    """A file with two members."""
    async with sake_lite.SQLiteCache(path) as cache:
        await cache.set_member(GUILD, samples.member(1, nick="Countess"))
        await cache.set_member(GUILD, samples.member(2))
    return path


@pytest.mark.long
def test_a_query_in_datasette(two: pathlib.Path) -> None:
    address = f"/bot.json?_shape=array&sql={quote(_readme_sql())}"
    command = [sys.executable, "-m", "datasette", "--immutable", str(two), "--get", address]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == _EXPECTED
    assert contents(two.parent).keys() == {"bot.db"}


@pytest.mark.long
def test_a_query_in_sqlite_utils(two: pathlib.Path) -> None:
    (command,) = re.findall(r"^    sqlite-utils (bot\.db .*(?:\n .*)?)$", _README.read_text("utf-8"), re.MULTILINE)
    arguments = [argument for argument in shlex.split(command) if argument != "--table"]
    ran = subprocess.run(
        [sys.executable, "-m", "sqlite_utils", *arguments],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        cwd=two.parent,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [{"name": "user1", "joined": "2024-02"}, {"name": "user2", "joined": "2024-02"}]


def test_the_query_of_the_readme_here(two: pathlib.Path) -> None:
    found = CacheFile(two).query(_readme_sql())
    assert [dict(zip(found.columns, row, strict=True)) for row in found] == _EXPECTED
