"""Measures everything: `uv run python -m tests.benchmarks`, in three to nine minutes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pathlib
import platform
import sqlite3
import statistics
import subprocess

import psutil
import rich.progress

from . import charts, redis_server, report, scaling
from .operations import OPERATIONS, World
from .sides import Memory, SakeLite, SakeOnRedis, Side

_FOLDER = pathlib.Path(__file__).parent / "results"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--turns", type=int, default=21, help="how many turns each side has (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, help="where to write (default: where the README looks for it)")
    parser.add_argument(
        "--smoke", action="store_true", help="only see that everything runs: one turn, few members, written nowhere"
    )
    return parser.parse_args()


async def _measure_in_turns(sides: list[Side], world: World, turns: int) -> dict[str, dict[str, float]]:
    async with contextlib.AsyncExitStack() as started:
        for side in sides:
            started.push_async_callback(side.stop)
            await side.start()
        return await _measure_started(sides, world, turns)


async def _measure_started(sides: list[Side], world: World, turns: int) -> dict[str, dict[str, float]]:
    for side in sides:
        await side.take_in(world.events)
        assert await side.iterate() == len(world.ids), f"{side.name} has not taken in everything"

    medians: dict[str, dict[str, float]] = {}
    for operation in rich.progress.track(OPERATIONS, "Measuring in turns"):
        figures: dict[str, list[float]] = {side.name: [] for side in sides}
        for turn in range(turns):
            for side in sides if turn % 2 else reversed(sides):
                figures[side.name].append(await operation.measure(side, world))
        medians[operation.key] = {name: statistics.median(found) for name, found in figures.items()}
    return medians


def _machine() -> dict[str, str]:
    """Describe the machine, as far as it matters to the figures, without naming it."""
    described = {
        "cpu": f"{psutil.cpu_count()} cores of {_processor()}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"Python {platform.python_version()}",
        "sqlite": f"SQLite {sqlite3.sqlite_version}",
    }
    if redis_server.is_installed():
        version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        described["redis"] = f"Redis {version.split('v=')[1].split()[0]}"
    return described


def _processor() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or "an unknown processor"


def _write(results: report.Results, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    report.write(results, folder)
    charts.draw(results, folder)


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    sides: list[Side] = [SakeLite(), Memory()]
    if SakeOnRedis.is_installed():
        sides.insert(1, SakeOnRedis())
    else:
        print("hikari-sake or redis-server is not installed: there is nothing to compare with")

    world = World(300, 50) if arguments.smoke else World(10_000, 1_000)
    sizes = (1_000, 3_000) if arguments.smoke else scaling.SIZES
    medians = asyncio.run(_measure_in_turns(sides, world, 1 if arguments.smoke else arguments.turns))
    scaled = scaling.measure_all(sizes, lambda size: print(f"Measuring a file of {size:,} members"))
    results = report.Results(machine=_machine(), medians=medians, scaling=scaled)
    report.print_lines(results)
    if arguments.out is not None:
        _write(results, arguments.out)
    elif not arguments.smoke:
        _write(results, _FOLDER)
        print("The README's table has to follow:", report.markdown(results), sep="\n\n")


if __name__ == "__main__":
    main()
