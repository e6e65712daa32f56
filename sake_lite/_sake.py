"""Being taken for an implementation of `sake.abc` where hikari-sake, whose interfaces those are, is installed.

It is about `isinstance` alone. What is caught is another matter: Python looks at an exception's real bases, so
`except sake.EntryNotFound` does not catch ours, and giving ours new bases at run time would change the errors of the
whole process. The bases of both among Python's own errors are the same.
"""

from __future__ import annotations

__all__ = ["register_with_sake"]

import importlib
import typing

from . import abc

if typing.TYPE_CHECKING:
    from abc import ABCMeta


def register_with_sake() -> None:
    """Let `isinstance(cache, sake.abc.RefMemberCache)`, and every other interface of Sake, be true of what has it here.

    Code that asks for Sake's interfaces then takes a cache, as far as it keeps those resources. Registering again
    changes nothing. Errors stay what they are: `sake.EntryNotFound` and `sake_lite.EntryNotFound` are both a
    `LookupError`, and neither is the other.

    Raises
    ------
    ModuleNotFoundError
        If hikari-sake is not installed.
    """
    try:
        standard = importlib.import_module("sake.abc")
    except ModuleNotFoundError as error:
        message = f"register_with_sake needs hikari-sake, of which {error.name} is missing: pip install hikari-sake"
        raise ModuleNotFoundError(message, name=error.name) from error

    for name in abc.__all__:
        interface: ABCMeta | None = getattr(standard, name, None)
        if interface is not None:  # Sake has no threads and stickers
            interface.register(getattr(abc, name))
