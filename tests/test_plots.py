"""Pictures of a file show what is in it, with titles, units and dates that are read at a glance."""

from __future__ import annotations

import asyncio
import collections.abc
import datetime
import io
import typing

import matplotlib as mpl
import pytest
import samples
from matplotlib import dates as matplotlib_dates
from matplotlib import pyplot
from samples import CHANNEL, GUILD

import sake_lite
from sake_lite import CacheFile

if typing.TYPE_CHECKING:
    import pathlib

dates: typing.Any = matplotlib_dates  # whose own types are unknown in part

OTHER_GUILD: typing.Final = GUILD + 1

_UTC: typing.Final = datetime.UTC


@pytest.fixture(autouse=True)
def without_a_screen() -> collections.abc.Iterator[None]:
    mpl.use("Agg")
    yield
    pyplot.close("all")


def _moment(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=_UTC)


# A Sunday evening and a Monday morning, and a year later.
_WRITTEN: typing.Final = [
    _moment(2025, 6, 1, 22, 5),
    _moment(2025, 6, 1, 22, 59, 59),
    _moment(2025, 6, 1, 23, 0),
    _moment(2025, 6, 2, 8, 30),
    _moment(2026, 6, 2, 8, 30),
]
_JOINED: typing.Final = [_moment(2023, 1, 5), _moment(2024, 2, 29, 12), _moment(2026, 3, 1)]


@pytest.fixture
def file(path: pathlib.Path) -> CacheFile:
    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            for number, moment in enumerate(reversed(_JOINED), 1):
                await cache.set_member(GUILD, samples.member(number, joined_at=moment.isoformat()))
            await cache.set_member(OTHER_GUILD, samples.member(1, joined_at="2020-01-01T00:00:00+00:00"))
            for number, moment in enumerate(_WRITTEN, 1):
                await cache.set_message(samples.message(number, timestamp=moment.isoformat()))
            elsewhere = samples.message(100, channel_id=CHANNEL + 1, guild_id=OTHER_GUILD)
            await cache.set_message(elsewhere)

    asyncio.run(store())
    return CacheFile(path)


def _drawn(axes: typing.Any) -> None:
    """Draw it, which is when matplotlib finds what it cannot draw."""
    picture = io.BytesIO()
    axes.figure.savefig(picture)
    assert picture.getvalue().startswith(b"\x89PNG")


def _labels(axis: typing.Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_the_sizes_of_resources(file: CacheFile) -> None:
    axes = file.plot()
    _drawn(axes)
    rows, megabytes = (container for each in axes.figure.axes for container in each.containers)
    assert axes.get_title() == "What is in the file"
    assert _labels(axes.yaxis) == [*file.resources]
    counts = [int(bar.get_width()) for bar in typing.cast("typing.Any", rows)]
    assert counts == [len(resource) for resource in file.resources.values()]
    assert [round(bar.get_width() * 1e6) for bar in typing.cast("typing.Any", megabytes)] == [
        resource.summary().bytes for resource in file.resources.values()
    ]
    assert [each.get_xlabel() for each in axes.figure.axes] == ["rows", "MB of payloads"]


def test_members_by_the_date_of_their_joining(file: CacheFile) -> None:
    for axes, joined in (
        (file.members.plot_joins(GUILD), _JOINED),
        (file.members.for_guild(GUILD).plot_joins(), _JOINED),
        (file.members.plot_joins(), [_moment(2020, 1, 1), *_JOINED]),
    ):
        _drawn(axes)
        (line,) = typing.cast("typing.Any", axes.lines)
        moments = [dates.num2date(moment) for moment in dates.date2num(line.get_xdata())]
        assert moments == joined
        assert [*line.get_ydata()] == [*range(1, len(joined) + 1)]
        assert axes.get_title() == "Members by the date on which they joined"
        assert (axes.get_xlabel(), axes.get_ylabel()) == (
            "date of joining (UTC)",
            "members, all that joined until then",
        )
        assert "2024" in _labels(axes.xaxis)


_HOUR, _DAY, _WEEK = datetime.timedelta(hours=1), datetime.timedelta(days=1), datetime.timedelta(weeks=1)


@pytest.mark.parametrize(
    ("by", "span", "expected"),
    [
        (
            "hour",
            _HOUR,
            {
                _moment(2025, 6, 1, 22): 2,
                _moment(2025, 6, 1, 23): 1,
                _moment(2025, 6, 2, 8): 1,
                _moment(2026, 6, 2, 8): 1,
            },
        ),
        ("day", _DAY, {_moment(2025, 6, 1): 3, _moment(2025, 6, 2): 1, _moment(2026, 6, 2): 1}),
        ("week", _WEEK, {_moment(2025, 5, 26): 3, _moment(2025, 6, 2): 1, _moment(2026, 6, 1): 1}),
    ],
)
def test_messages_over_time(
    by: typing.Literal["hour", "day", "week"],
    span: datetime.timedelta,
    expected: dict[datetime.datetime, int],
    file: CacheFile,
) -> None:
    for axes in (file.messages.plot_activity(GUILD, by=by), file.messages.for_channel(CHANNEL).plot_activity(by=by)):
        _drawn(axes)
        (steps,) = typing.cast("typing.Any", axes.patches)
        heights, edges, _ = steps.get_data()
        starts = [dates.num2date(edge) for edge in edges]
        assert {start: height for start, height in zip(starts, heights, strict=False) if height} == expected
        for start, end, height in zip(starts, starts[1:], heights, strict=False):
            assert height == 0 or end - start == span
        assert axes.get_title() == f"Messages by {by}"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (UTC)", f"messages in each {by}")
        assert axes.get_ylim()[0] == 0


def test_messages_are_counted_by_the_hour_unless_asked_otherwise(file: CacheFile) -> None:
    assert file.messages.plot_activity().get_title() == "Messages by hour"
    with pytest.raises(ValueError, match="by is one of 'hour', 'day', 'week', not 'year'"):
        file.messages.plot_activity(by=typing.cast("typing.Any", "year"))


def test_dates_that_cannot_be_are_left_out_and_counted(path: pathlib.Path) -> None:
    """And one without an offset is of UTC."""
    sound = ["2025-06-01T10:30:00", "2025-06-01T10:40:00+00:00"]
    odd = ["0001-01-01T00:00:00+05:00", "1900-01-01T00:00:00+00:00", "9999-12-31T23:59:59-05:00"]

    async def store() -> None:
        async with sake_lite.SQLiteCache(path) as cache:
            for number, moment in enumerate([*sound, *odd], 1):
                await cache.set_member(GUILD, samples.member(number, joined_at=moment))
                await cache.set_message(samples.message(number, timestamp=moment))

    asyncio.run(store())
    file = CacheFile(path)
    for draw in (file.members.plot_joins, file.messages.plot_activity):
        with pytest.warns(RuntimeWarning, match="3 left out, of dates before 2015 or after 2099") as caught:
            axes = draw()
        assert [each.filename for each in caught] == [__file__]
        _drawn(axes)
        assert "Jun" in " ".join([*_labels(axes.xaxis), axes.xaxis.get_major_formatter().get_offset()])


def test_pictures_of_nothing(path: pathlib.Path) -> None:
    path.touch()
    file = CacheFile(path)
    for axes in (file.plot(), file.members.plot_joins(), file.messages.plot_activity()):
        _drawn(axes)
        assert axes.get_title()
