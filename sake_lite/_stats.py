"""What can be known of the writing: how much was done, what waits, and why."""

from __future__ import annotations

__all__ = ["Stats"]

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What the writer has done since the cache was opened, and what it has yet to do."""

    queued_batches: int = 0
    """Events and calls that wait to be written."""

    queued_rows: int = 0
    """The rows in them."""

    batches: int = 0
    """Events and calls that were committed."""

    rows: int = 0
    """Rows that were written or deleted; a row equal to the stored one is not written."""

    commits: int = 0
    """Transactions that were committed."""

    last_commit: datetime.datetime | None = None
    """When the last one was, in UTC."""

    failures: int = 0
    """Events and calls that could not be stored: malformed ones, and awaited ones that failed."""

    dropped_rows: int = 0
    """Rows of events that were given up because `max_pending_rows` waited while nothing could be written."""

    last_error: str | None = None
    """Why nothing could be written the last time; `None` once something was written."""
