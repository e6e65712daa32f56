"""Getting, iterating, counting, deleting and clearing, over every table."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import typing

import pytest
from samples import SAMPLES, Sample, iterate, keys

import sake_lite
from sake_lite import EntryNotFound

if typing.TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.parametrize("sample", SAMPLES, ids=str)


async def _fill(cache: sake_lite.SQLiteCache, sample: Sample, count: int) -> None:
    await asyncio.gather(*(sample.store(cache, number) for number in range(count)))


async def test_get_and_delete(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache, sample, 3)
    assert [sample.key(await sample.get(cache, number)) for number in range(3)] == [*map(sample.expected, range(3))]

    await sample.delete(cache, 1)
    await sample.delete(cache, 1)
    with pytest.raises(EntryNotFound):
        await sample.get(cache, 1)
    assert await keys(cache, sample) == [sample.expected(0), sample.expected(2)]


async def test_each_get_is_an_object_of_its_own(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    await sample.store(cache, 1)
    first, second = await asyncio.gather(sample.get(cache, 1), sample.get(cache, 1))
    assert first is not second


async def test_iteration_over_several_windows(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache, sample, 450)
    assert await keys(cache, sample) == [*map(sample.expected, range(450))]
    iterator = iterate(cache, sample)
    assert await iterator.len() == 450
    assert await iterator.count() == 450
    assert await iterator.len() == 450
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_clear(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    await asyncio.gather(*(other.store(cache, 1) for other in SAMPLES))
    await getattr(cache, f"clear_{sample.table}")()
    assert await keys(cache, sample) == []
    for other in SAMPLES:
        if other is not sample:
            assert await other.get(cache, 1), f"clearing {sample} emptied {other}"


async def test_iterating_while_rows_come_and_go(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    """No key is met twice, none that was there throughout is missed, and nothing crashes."""
    await _fill(cache, sample, 450)
    met: list[typing.Any] = []
    async for entity in iterate(cache, sample):
        met.append(sample.key(entity))
        number = len(met)
        if number % 50 == 0:
            # Rows behind, rows ahead, and one that was met, deleted and stored again.
            await sample.delete(cache, 450 - number // 50)
            await sample.store(cache, 1_000 + number)
            await sample.delete(cache, number - 1)
            await sample.store(cache, number - 1)

    assert len(set(met)) == len(met)
    assert set(map(sample.expected, range(440))) <= set(met)
    assert sample.expected(1_050) in met, "what is stored ahead is met"


async def test_iterating_holds_nothing_open(sample: Sample, cache: sake_lite.SQLiteCache, path: pathlib.Path) -> None:
    await _fill(cache, sample, 250)
    iterator = iterate(cache, sample)
    await anext(iterator)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        # A reader in the middle of a transaction would keep the log from being folded in whole.
        busy, log, folded = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log, folded) == (0, 0, 0)
    assert await iterator.count() == 249


async def test_lookups_use_indexes_in_their_own_order(
    sample: Sample, cache: sake_lite.SQLiteCache, path: pathlib.Path
) -> None:
    """No lookup scans a table, and no window of an iteration is sorted."""
    (table,) = [table for table in cache.all_tables if table.name == sample.table]
    await sample.store(cache, 1)
    values: dict[str, typing.Any] = {column.name: 1 for column in table.columns} | {
        "moment": 1,
        "size": 1,
        "limit": 1,
        "after_expiry": 1,
        "after_rowid": 1,
        "until_expiry": 2,
        "until_rowid": 2,
        "expires_at": 1,
    }
    values |= {f"after_{column.name}": 1 for column in table.key}
    statements = [table.window(None), table.expired, table.delete_expired, table.delete_where(table.key)]
    if "guild_id" in values:
        statements += [table.guilds, table.expire]
    for column in table.references:
        statements += [
            table.window(column),
            table.count(column),
            table.keys_where([column]),
            table.delete_where([column]),
        ]

    with contextlib.closing(sqlite3.connect(path)) as other:
        point: tuple[str, typing.Any] = (table.select, table.keys_at([1] * len(table.key), 1))
        for statement, parameters in [point, *((statement, values) for statement in statements)]:
            for *_, detail in other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
                assert "TEMP B-TREE" not in detail, statement
                assert not detail.startswith(f"SCAN {table.name}") or "CONSTANT" in detail, (statement, detail)


def test_no_parameter_has_a_number(sample: Sample) -> None:
    """Python 3.12.0 to 3.12.3 warn of each that is given in a sequence (CPython's issue 117995)."""
    (table,) = [table for table in sake_lite.SQLiteCache.all_tables if table.name == sample.table]
    for statement in (table.select, table.select_each(8)):
        assert not re.search(r"\?\d", statement)


async def test_an_iteration_keeps_one_window_in_memory(sample: Sample, cache: sake_lite.SQLiteCache) -> None:
    await _fill(cache, sample, 1_000)
    iterator = iterate(cache, sample)
    await anext(iterator)
    assert len(iterator._walk.rows) < 250  # pyright: ignore[reportPrivateUsage]
