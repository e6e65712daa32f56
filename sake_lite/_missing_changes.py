"""Warnings that somebody listens to changes which a cache cannot tell of, or not of all of them.

Nothing else would say so: the listener is merely never called. It is looked into as a shard's session begins, when all
caches of a bot are open, since another one on the same event manager may keep what this one does not. Those who only
wait for a change, with `wait_for`, are not warned: their waiting ends by itself.
"""

from __future__ import annotations

__all__ = ["MissingChanges"]

import logging
import typing

import hikari

from . import resources

if typing.TYPE_CHECKING:
    import collections.abc

    from ._table import AnyTable

_LOGGER: typing.Final = logging.getLogger("hikari.sake_lite")


class MissingChanges:
    """The warnings of one cache, each given once.

    Parameters
    ----------
    cache
        The cache.
    event_manager
        Where the changes of the cache are listened to.
    """

    __slots__ = ("_cache", "_event_manager", "_warned")

    def __init__(self, cache: resources.Resource, event_manager: hikari.api.EventManager) -> None:
        self._cache = cache
        self._event_manager = event_manager
        self._warned: set[type[hikari.Event]] = set()

    def warn(self, intents: hikari.Intents | None) -> None:
        """Warn of each event that is listened to and will not come, unless that was said before.

        Parameters
        ----------
        intents
            The gateway's, or `None` where they are not known.
        """
        kept = self._kept_by_any()
        for resource in resources.Resource.__subclasses__():
            for table in resource.tables:
                if table.change is None or table.change in self._warned or not self._has_listener(table.change):
                    continue

                missing = hikari.Intents.NONE if intents is None else table.intents & ~intents
                if table not in kept:
                    self._warned.add(table.change)
                    _LOGGER.warning(
                        "%s is listened to, but %r does not keep %s, so it never comes: use a cache that has "
                        "sake_lite.resources.%s among its bases, as SQLiteCache does",
                        table.change.__name__,
                        self._cache,
                        table.name,
                        resource.__name__,
                    )
                elif missing and table in self._cache.all_tables:
                    self._warned.add(table.change)
                    _LOGGER.warning(
                        "%s is listened to, but %r is not told of all changes of %s without the intents %s: give them "
                        "to the bot, and enable those that are privileged in Discord's developer portal",
                        table.change.__name__,
                        self._cache,
                        table.name,
                        missing,
                    )

    def _has_listener(self, event: type[hikari.Event]) -> bool:
        # Whoever listens to all changes takes what there is.
        return bool(self._event_manager.get_listeners(event, polymorphic=False))

    def _kept_by_any(self) -> collections.abc.Set[AnyTable]:
        """Return what the open caches on the event manager keep."""
        listeners = self._event_manager.get_listeners(hikari.ShardPayloadEvent, polymorphic=False)
        owners = [getattr(listener, "__self__", None) for listener in listeners]
        return {table for owner in owners if isinstance(owner, resources.Resource) for table in owner.all_tables}
