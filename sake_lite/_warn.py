"""Warnings, given where the package is used: Python shows a warning once for each place that it is from."""

from __future__ import annotations

__all__ = ["warn"]

import inspect
import warnings


def warn(message: str) -> None:
    """Warn whoever called into the package."""
    frame, depth = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(f"{__package__}."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, RuntimeWarning, stacklevel=depth)
