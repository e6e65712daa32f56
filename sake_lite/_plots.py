"""Pictures of what is in a file, as matplotlib axes, which a notebook shows and a script saves.

matplotlib is imported when it is asked for, as it is needed for nothing else.
"""

from __future__ import annotations

__all__ = ["Span", "activity", "joins", "sizes"]

import collections
import collections.abc
import datetime
import typing

from ._warn import warn

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes

Span: typing.TypeAlias = 'typing.Literal["hour", "day", "week"]'
"""What is counted together."""

_SPANS: typing.Final = {
    "hour": datetime.timedelta(hours=1),
    "day": datetime.timedelta(days=1),
    "week": datetime.timedelta(weeks=1),
}

# When something can have happened on Discord. Other moments are of damaged or invented payloads, and matplotlib cannot
# draw them all; one that it can would leave no room for the rest.
_FIRST: typing.Final = datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC)
_LAST: typing.Final = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)

# A Monday, from which spans are counted.
_MONDAY: typing.Final = datetime.datetime(1970, 1, 5, tzinfo=datetime.UTC)


def sizes(resources: collections.abc.Mapping[str, tuple[int, int]]) -> Axes:
    """Draw the rows and the bytes of resources, given by name; the bytes are the second of two axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    names = list(resources)
    places = range(len(names))
    axes = _axes("What is in the file", height=0.4 * len(names) + 1.5)
    rows = axes.barh([place - 0.2 for place in places], [rows for rows, _ in resources.values()], 0.4, color="C0")
    axes.bar_label(
        rows, [f"{count:,}" if count else "" for count, _ in resources.values()], padding=3, fontsize="small"
    )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel("rows")
    axes.xaxis.label.set_color("C0")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.15)

    megabytes = axes.twiny()
    bars = megabytes.barh(
        [place + 0.2 for place in places], [size / 1e6 for _, size in resources.values()], 0.4, color="C1"
    )
    megabytes.bar_label(bars, [_size(size) for _, size in resources.values()], padding=3, fontsize="small")
    megabytes.set_xlabel("MB of payloads")
    megabytes.xaxis.label.set_color("C1")
    megabytes.margins(x=0.15)
    return axes


def _size(size: float) -> str:
    """Return a number of bytes in the unit in which it is read best; nothing for none."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if size else ""
        size /= 1000
    return f"{size:,.3g} GB"


def joins(moments: collections.abc.Iterable[datetime.datetime]) -> Axes:
    """Draw how many members had joined by when; one warning counts moments that cannot be, which are left out.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    ordered = sorted(_possible(moments))
    axes = _axes("Members by the date on which they joined")
    axes.step(ordered, range(1, len(ordered) + 1), where="post")
    axes.set_xlabel("date of joining (UTC)")
    axes.set_ylabel("members, all that joined until then")
    return _with_readable_dates(axes)


def activity(moments: collections.abc.Iterable[datetime.datetime], by: Span) -> Axes:
    """Draw how many messages were written in each hour, day or week; `joins` says of what it warns.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `by` is none of these.
    """
    if by not in _SPANS:
        raise ValueError(f"by is one of {', '.join(map(repr, _SPANS))}, not {by!r}")

    span = _SPANS[by]
    counts = collections.Counter(_MONDAY + (moment - _MONDAY) // span * span for moment in _possible(moments))
    axes = _axes(f"Messages by {by}")
    if counts:
        axes.stairs(*_steps(counts, span), fill=True)  # in which thousands of them are quickly drawn
    axes.set_xlabel("time (UTC)")
    axes.set_ylabel(f"messages in each {by}")
    return _with_readable_dates(axes)


def _possible(moments: collections.abc.Iterable[datetime.datetime]) -> list[datetime.datetime]:
    """Return the moments at which something can have happened, and count the others in one warning."""
    aware = [moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC) for moment in moments]
    possible = [moment for moment in aware if _FIRST <= moment < _LAST]
    if len(possible) < len(aware):
        warn(f"{len(aware) - len(possible):,} left out, of dates before {_FIRST.year} or after {_LAST.year - 1}")
    return possible


def _steps(
    counts: collections.abc.Mapping[datetime.datetime, int], span: datetime.timedelta
) -> tuple[list[int], list[datetime.datetime]]:
    """Return the counts of spans in their order, 0 where none was counted, and the moments between them."""
    heights: list[int] = []
    edges = [min(counts)]
    for start in sorted(counts):
        if start != edges[-1]:
            heights.append(0)
            edges.append(start)
        heights.append(counts[start])
        edges.append(start + span)
    return heights, edges


def _axes(title: str, height: float = 4) -> typing.Any:  # matplotlib's own types are unknown in part
    try:
        from matplotlib import pyplot  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ImportError("pictures need matplotlib: pip install 'sake_lite[notebook]'") from error

    axes: typing.Any = pyplot.subplots(figsize=(8, height), layout="constrained")[1]
    axes.set_title(title)
    return axes


def _with_readable_dates(axes: typing.Any) -> Axes:
    from matplotlib import dates, ticker  # noqa: PLC0415 - see above

    locator = dates.AutoDateLocator()
    axes.xaxis_date()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_ylim(bottom=0)
    axes.set_axisbelow(True)
    axes.grid(axis="y", alpha=0.3)
    return axes
