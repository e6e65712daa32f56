"""An embedded, persistent cache for hikari bots: the Sake standard in one SQLite file."""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CacheFile",
    "CacheIterator",
    "CheckReport",
    "ClosedClient",
    "EntryNotFound",
    "InvalidDataFound",
    "Problem",
    "SQLiteCache",
    "SakeException",
    "Stats",
    "abc",
    "errors",
    "events",
    "register_with_sake",
    "resources",
]

__version__ = "0.1.0"

from . import abc, errors, events, resources
from ._check import CheckReport, Problem
from ._iterator import CacheIterator
from ._sake import register_with_sake
from ._stats import Stats
from .cache import SQLiteCache
from .errors import BackendError, ClosedClient, EntryNotFound, InvalidDataFound, SakeException
from .file import CacheFile
