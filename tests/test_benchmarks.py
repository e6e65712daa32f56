"""The benchmarks run, and the README shows what the last whole run found; how fast anything is is not tested."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing

import pytest
from benchmarks import charts, report
from benchmarks.operations import OPERATIONS
from benchmarks.scaling import FIGURES
from benchmarks.sides import Memory, SakeLite, SakeOnRedis

_ROOT: typing.Final = pathlib.Path(__file__).parent.parent
_RESULTS: typing.Final = _ROOT / "tests" / "benchmarks" / "results"


def _sides() -> set[str]:
    """Those that can be measured here; CI has them all, so that none goes missing unnoticed."""
    names = {SakeLite.name, Memory.name}
    if SakeOnRedis.is_installed() or os.environ.get("CI"):
        names.add(SakeOnRedis.name)
    return names


def test_every_benchmark_runs_once(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--smoke", "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))
    assert results["medians"].keys() == {operation.key for operation in OPERATIONS}
    for medians in results["medians"].values():
        assert medians.keys() == _sides()
        assert all(median > 0 for median in medians.values())
    for figures in results["scaling"].values():
        assert figures.keys() == {figure.key for figure in FIGURES}
    assert "SQLite" in run.stdout
    charts_drawn = ["benchmarks.svg", "scaling.svg"] if SakeOnRedis.name in _sides() else ["scaling.svg"]
    for name in charts_drawn:
        assert (tmp_path / name).stat().st_size > 1_000


def test_the_readme_shows_the_last_run() -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    results = report.read(_RESULTS)
    assert report.markdown(results) in readme, "put what report.markdown() returns into the README"
    assert ", ".join(results.machine.values()) in readme
    for name in ("benchmarks.svg", "scaling.svg"):
        assert (_RESULTS / name).relative_to(_ROOT).as_posix() in readme


def test_charts_of_the_same_figures_are_the_same_files(tmp_path: pathlib.Path) -> None:
    """The same figures are drawn as the same file, wherever and however often."""
    results = report.read(_RESULTS)
    charts.draw(results, tmp_path)
    first = {drawn.name: drawn.read_bytes() for drawn in tmp_path.glob("*.svg")}
    charts.draw(results, tmp_path)
    assert {drawn.name: drawn.read_bytes() for drawn in tmp_path.glob("*.svg")} == first
    assert first.keys() == {drawn.name for drawn in _RESULTS.glob("*.svg")}


def test_what_was_not_measured_is_left_out(tmp_path: pathlib.Path) -> None:
    """Without Redis there is no comparison, hence no chart of it, and no verdict."""
    whole = report.read(_RESULTS)
    medians = {key: {SakeLite.name: sides[SakeLite.name]} for key, sides in whole.medians.items()}
    results = report.Results(machine=whole.machine, medians=medians, scaling={})
    compared = [line for line in report.lines(results) if "ms" not in line.ours]
    assert compared
    assert all(line.ratio == "" and line.factor is None for line in compared)
    charts.draw(results, tmp_path)
    assert not (tmp_path / "benchmarks.svg").exists()


@pytest.mark.parametrize(
    ("figure", "verdict"), [(4.0, "✓✓"), (14.0, "✓"), (16.0, "✗")], ids=["as hoped", "reached", "short"]
)
def test_verdicts(figure: float, verdict: str) -> None:
    operation = next(operation for operation in OPERATIONS if operation.most == 15)
    whole = report.read(_RESULTS)
    medians = whole.medians | {operation.key: {SakeLite.name: figure}}
    results = report.Results(machine=whole.machine, medians=medians, scaling=whole.scaling)
    (row,) = [row for row in report.markdown(results).splitlines() if operation.title in row]
    assert row.split()[-2] == verdict
