"""What entities are bound to where there is no bot: their data is all there, and the network is not.

Entities carry an `app`, through which their methods reach Discord. A cache that is opened in a notebook has none to
give, and one that is given only a REST client wraps it.
"""

from __future__ import annotations

__all__ = ["as_app"]

import typing

import hikari
from hikari import impl

if typing.TYPE_CHECKING:
    from concurrent import futures


def as_app(app: hikari.RESTAware | hikari.api.RESTClient | None) -> hikari.RESTAware:
    """Return an app for entities: the one given, one around the REST client given, or an offline one.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if app is None:
        return _OfflineApp()

    # Asked in this order, since hikari's protocols take a bot for a `RESTClient` too. Not everyone checks types, and an
    # app that is none would show only in the entities.
    given = typing.cast("object", app)
    if isinstance(given, hikari.RESTAware):
        return given
    # By what it has, since the class's own check asks for part of that only, which an event manager passes too.
    if isinstance(given, hikari.api.RESTClient) and hasattr(given, "entity_factory"):
        return _RESTApp(given)

    raise TypeError(f"app must be a bot, a hikari.api.RESTClient or None, not {type(given).__name__}")


class _RESTApp(hikari.RESTAware):
    """A REST client as an app."""

    __slots__ = ("_rest",)

    def __init__(self, rest: hikari.api.RESTClient) -> None:
        self._rest = rest

    @property
    def entity_factory(self) -> hikari.api.EntityFactory:
        return self._rest.entity_factory

    @property
    def executor(self) -> futures.Executor | None:
        return None

    @property
    def http_settings(self) -> hikari.api.HTTPSettings:
        return self._rest.http_settings

    @property
    def proxy_settings(self) -> hikari.api.ProxySettings:
        return self._rest.proxy_settings

    @property
    def rest(self) -> hikari.api.RESTClient:
        return self._rest


class _OfflineREST:
    """Answers every call with an error that says why there is no network."""

    __slots__ = ()

    def __getattr__(self, name: str) -> typing.Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_args: object, **_kwargs: object) -> typing.NoReturn:
            raise hikari.ComponentStateConflictError(
                f"{name} needs Discord, and this entity comes from a cache that was opened without a bot; "
                "give the cache an app to use the network"
            )

        return refuse


class _OfflineApp(hikari.RESTAware):
    """An app without a network."""

    __slots__ = ("_entity_factory", "_rest")

    def __init__(self) -> None:
        self._entity_factory = impl.EntityFactoryImpl(self)
        # Raising in the property itself would break `isinstance(app, hikari.RESTAware)`.
        self._rest = typing.cast("hikari.api.RESTClient", _OfflineREST())

    @property
    def entity_factory(self) -> hikari.api.EntityFactory:
        return self._entity_factory

    @property
    def executor(self) -> futures.Executor | None:
        return None

    @property
    def http_settings(self) -> hikari.api.HTTPSettings:
        return impl.HTTPSettings()

    @property
    def proxy_settings(self) -> hikari.api.ProxySettings:
        return impl.ProxySettings()

    @property
    def rest(self) -> hikari.api.RESTClient:
        return self._rest
