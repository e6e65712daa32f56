"""A message's `reactions`, and what one more or one less makes of them. No I/O, and nothing is changed in place."""

from __future__ import annotations

__all__ = ["Change", "counting", "without"]

import collections.abc
import typing

from . import _codec

if typing.TYPE_CHECKING:
    from ._codec import Payload

Reactions: typing.TypeAlias = "list[Payload]"
Change: typing.TypeAlias = "collections.abc.Callable[[Reactions], Reactions]"


def counting(payload: Payload, own_id: int | None, step: int) -> Change:
    """Return what adds a reaction (`step` 1) to those that are there, or takes one away (-1).

    Parameters
    ----------
    payload
        The event's payload, which names the emoji and the user.
    own_id
        The bot's own user, whose reactions are marked.
    step
        By how much to count up.
    """
    emoji = _codec.copy(payload["emoji"])
    identity = _identity(emoji)
    is_own = int(payload["user_id"]) == own_id
    is_burst = bool(payload.get("burst"))
    colors = list(payload.get("burst_colors") or ())

    def change(there: Reactions) -> Reactions:
        at = next((at for at, each in enumerate(there) if _identity(each["emoji"]) == identity), len(there))
        before = there[at] if at < len(there) else {"emoji": emoji, "count": 0, "me": False, "burst_colors": colors}
        counted = _count(before, is_burst=is_burst, step=step)
        if is_own:
            counted["me_burst" if is_burst else "me"] = step > 0
        return [*there[:at], *([counted] if counted["count"] > 0 else ()), *there[at + 1 :]]

    return change


def without(emoji: Payload) -> Change:
    """Return what takes away all reactions with an emoji."""
    gone = _identity(emoji)
    return lambda there: [each for each in there if _identity(each["emoji"]) != gone]


def _count(reaction: Payload, *, is_burst: bool, step: int) -> dict[str, typing.Any]:
    count: int = reaction["count"]
    details: dict[str, int] = {**(reaction.get("count_details") or {"burst": 0, "normal": count})}
    kind = "burst" if is_burst else "normal"
    details[kind] = max(0, details[kind] + step)
    return {**reaction, "count": count + step, "count_details": details}


def _identity(emoji: Payload) -> int | str:
    """Return what tells an emoji from others: a custom one's ID, its name else."""
    return int(emoji["id"]) if emoji.get("id") else emoji["name"]
