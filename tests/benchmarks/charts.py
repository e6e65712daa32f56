"""The charts of a run: how many times as fast as Sake each operation is, and how figures grow with the file."""

from __future__ import annotations

__all__ = ["draw"]

import math
import typing

import matplotlib as mpl

from .operations import OPERATIONS
from .scaling import FIGURES
from .sides import SakeLite, SakeOnRedis

if typing.TYPE_CHECKING:
    import pathlib

    from .report import Results

_REACHED: typing.Final[str] = "#2a78b5"
_SHORT: typing.Final[str] = "#c2452d"


def draw(results: Results, folder: pathlib.Path) -> None:
    """Draw what was measured into a folder, as `benchmarks` and `scaling`."""
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "sake_lite"  # else each drawing of the same figures is another file
    if all(SakeOnRedis.name in medians for medians in results.medians.values()):
        _save(_ratios(results), folder / "benchmarks.svg")
    _save(_scaling(results), folder / "scaling.svg")


def _ratios(results: Results) -> typing.Any:
    from matplotlib import pyplot, ticker

    compared = [operation for operation in OPERATIONS if operation.reach][::-1]
    medians = [results.medians[operation.key] for operation in compared]
    ratios = [each[SakeOnRedis.name] / each[SakeLite.name] for each in medians]
    reaches = [operation.reach or math.nan for operation in compared]
    subplots: typing.Any = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    figure, axes = subplots
    colours = [_REACHED if ratio >= reach else _SHORT for ratio, reach in zip(ratios, reaches, strict=True)]
    axes.barh([operation.title for operation in compared], [ratio - 1 for ratio in ratios], left=1, color=colours)
    axes.plot(reaches, range(len(compared)), "k|", markersize=16, label="what we want to reach at least")
    for place, ratio in enumerate(ratios):
        end = max(ratio, reaches[place])
        axes.annotate(f"{ratio:.1f}×", (end, place), (5, -3), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(min(0.8, *ratios), max(*ratios, *reaches) * 1.3)
    axes.xaxis.set_major_locator(ticker.FixedLocator([0.5, 1, 2, 4, 8, 16, 32]))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g×"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_xlabel("times as fast as Sake on Redis (logarithmic)")
    axes.set_title("sake_lite beside Sake on a Redis server on loopback", loc="left")
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _scaling(results: Results) -> typing.Any:
    from matplotlib import pyplot, ticker

    subplots: typing.Any = pyplot.subplots(2, 4, figsize=(12, 5.2), layout="constrained", sharex=True)
    figure, grid = subplots
    sizes = sorted(results.scaling)
    for axes, entry in zip(grid.flat, FIGURES, strict=False):
        axes.plot(sizes, [results.scaling[size][entry.key] for size in sizes], "o-", color=_REACHED)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(f"{entry.title}\n({entry.unit})", fontsize=9)
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(_rounded))
        axes.tick_params(labelbottom=True)
        axes.grid(alpha=0.3)
    for axes in [*grid.flat][len(FIGURES) :]:
        axes.set_visible(False)
    figure.suptitle("From 10,000 members to 1,000,000, each with a user", x=0.01, ha="left", fontsize=11)
    return figure


def _rounded(size: float, _: int) -> str:
    return f"{size / 1e6:g}M" if size >= 1e6 else f"{size / 1e3:g}k"


def _save(figure: typing.Any, path: pathlib.Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
