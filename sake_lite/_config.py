"""The settings of a cache, all in one frozen place.

Lifetimes are kept in seconds as floats; `math.inf` is the one spelling of "never expires". Moments in the file are
whole milliseconds of Unix time, and `None` there is "never".
"""

from __future__ import annotations

__all__ = ["Config", "ExpireT", "OnCorruptT", "deadline", "milliseconds", "now", "seconds"]

import dataclasses
import datetime
import math
import time
import typing

ExpireT: typing.TypeAlias = "int | float | datetime.timedelta"
"""A lifetime: seconds, or a `datetime.timedelta`; `inf` and `nan` mean that the entry never expires."""

OnCorruptT: typing.TypeAlias = 'typing.Literal["raise", "set_aside"]'
"""What to do with a damaged file: refuse it, or rename it and start afresh."""

_DAY: typing.Final[float] = 86_400.0

# Beyond this many seconds (31,700 years) a deadline in milliseconds nears the end of SQLite's integers.
_NEVER_AFTER: typing.Final[float] = 1e12


# SQLite keeps a timeout in milliseconds, in 32 bits.
_LONGEST_TIMEOUT: typing.Final[int] = (2**31 - 1) // 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What can be adjusted about a cache; the constructor of the cache documents each."""

    user_expire: float = _DAY
    member_expire: float = _DAY
    message_expire: float = _DAY
    message_limit: int = 100_000
    invite_expire: float = 30 * _DAY
    busy_timeout: float = 5.0
    max_pending_rows: int = 200_000
    row_cache_bytes: int = 16 * 1024 * 1024
    on_corrupt: OnCorruptT = "raise"
    housekeeping: bool = True

    def __post_init__(self) -> None:
        if self.on_corrupt not in {"raise", "set_aside"}:
            raise ValueError(f"on_corrupt must be 'raise' or 'set_aside', not {self.on_corrupt!r}")

        for name, unit in (("message_limit", "rows"), ("max_pending_rows", "rows"), ("row_cache_bytes", "bytes")):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < 2**63:
                raise ValueError(f"{name} must be a whole number of {unit}, not {value!r}")

        if not 0 <= self.busy_timeout <= _LONGEST_TIMEOUT:
            raise ValueError(f"busy_timeout must be at most {_LONGEST_TIMEOUT} seconds, not {self.busy_timeout!r}")

    @property
    def attempt_timeout(self) -> float:
        """How long one attempt to write waits for a lock, in seconds.

        A part of `busy_timeout`, so that a call which comes in the middle of an attempt does not wait twice as long.
        """
        return self.busy_timeout / 4

    def replace(self, **settings: ExpireT | OnCorruptT | bool | None) -> Config:
        """Return these settings with some changed, lifetimes as users spell them, `None` being the default.

        Raises
        ------
        ValueError
            If a value makes no sense.
        TypeError
            If a lifetime is neither a number nor a `datetime.timedelta`.
        """
        changes: dict[str, typing.Any] = {}
        for name, value in settings.items():
            if value is None:
                changes[name] = self.__dataclass_fields__[name].default
            else:
                is_lifetime = name.endswith(("_expire", "_timeout"))
                changes[name] = seconds(typing.cast("ExpireT", value)) if is_lifetime else value

        return dataclasses.replace(self, **changes)


def seconds(expire: ExpireT, /) -> float:
    """Convert a lifetime as users spell it to seconds.

    Raises
    ------
    ValueError
        If it is negative.
    TypeError
        If it is neither a number nor a `datetime.timedelta`.
    """
    if isinstance(expire, datetime.timedelta):
        value = expire.total_seconds()
    elif isinstance(expire, bool) or not isinstance(expire, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a lifetime is a number of seconds or a timedelta, not {type(expire).__name__}")
    elif expire < 0:
        raise ValueError(f"a lifetime cannot be negative: {expire!r}")
    else:
        value = math.inf if expire > _NEVER_AFTER else float(expire)

    if math.isnan(value):
        return math.inf

    if value < 0:
        raise ValueError(f"a lifetime cannot be negative: {expire!r}")

    return value


def now() -> int:
    """Return this moment as the file spells it: whole milliseconds of Unix time."""
    return time.time_ns() // 1_000_000


def milliseconds(lifetime: float) -> int | None:
    """Return a lifetime in seconds as the file spells it, in whole milliseconds; `None` is for ever."""
    return None if lifetime > _NEVER_AFTER else int(max(0, lifetime) * 1000)


def deadline(start: int, lifetime: float) -> int | None:
    """Return when something that lives for `lifetime` seconds from `start` (ms) ends (ms); `None` is never."""
    length = milliseconds(lifetime)
    return None if length is None else start + length
