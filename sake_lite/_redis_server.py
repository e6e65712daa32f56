"""The Redis server that a file is copied to: its address, its faults, and the note there of how far a copy has come.

What is copied, and how, is in `_to_redis.py`. The note is with the copied rows, and not beside the file, so that it is
lost where they are: a server that was emptied, or that restarted without what it held, is filled from the beginning.
"""

from __future__ import annotations

__all__ = ["CopyNote", "RedisFailure", "connection", "disconnect", "failures", "without_secrets"]

import contextlib
import json
import typing
import urllib.parse

import redis
import redis.asyncio
import sake.redis

from . import errors

if typing.TYPE_CHECKING:
    import collections.abc
    import types

_SCHEMES: typing.Final = frozenset({"redis", "rediss", "unix"})

# Where Sake keeps what belongs to what: there it looks for keys of another form, and at no others.
_DATABASE: typing.Final[int] = int(sake.redis.ResourceIndex.REFERENCE)
_KEY: typing.Final[str] = "sake_lite:to-redis"

_KEPT_FOR: typing.Final[int] = 86_400  # seconds that the note of a copy stays which nobody goes on with


class RedisFailure(errors.BackendError):
    """The Redis server cannot be reached or does not do as it is told; the message names it, without a password."""


def without_secrets(address: str) -> str:
    """Return an address as messages may show it: without a user, a password and options.

    Raises
    ------
    ValueError
        If it is not the address of a Redis server as a whole; the message does not repeat it.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        host = parts.hostname
        _ = parts.port
    except ValueError:  # what it says may be a part of the password
        parts = host = None
    # Behind the host there is no @, unless a password has a character that ends it.
    if parts is None or parts.scheme not in _SCHEMES or "@" in parts.path + parts.query or parts.fragment:
        raise ValueError(_NO_ADDRESS)

    options = urllib.parse.parse_qs(parts.query)
    if parts.scheme == "unix":
        shown, is_complete, database = f"unix://{parts.path}", bool(parts.path), ""
    else:
        shown, is_complete = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", bool(host)
        database = parts.path.strip("/")
    if not is_complete:
        raise ValueError(_NO_ADDRESS)
    if database or "db" in options:
        raise ValueError(
            "Sake keeps each resource in a database of its own, 0 to 10, so the address must name none; leave its end "
            "away, such as /0"
        )

    return shown


_NO_ADDRESS: typing.Final[str] = (
    "this is not the address of a Redis server, such as redis://localhost:6379, redis://:password@localhost:6379, "
    "rediss://… or unix://…; in a password, write / as %2F, @ as %40, # as %23, ? as %3F"
)


@contextlib.contextmanager
def failures(server: str) -> collections.abc.Generator[None, None, None]:
    """Raise `RedisFailure`, which names the server, for whatever it makes its client raise in the block."""
    try:
        yield
    except (redis.RedisError, OSError) as exception:
        raise _failure(server, exception) from exception


def _failure(server: str, exception: Exception) -> RedisFailure:
    fault = str(exception) or type(exception).__name__
    return RedisFailure(f"the Redis server {server} cannot be used: {fault}", exception=exception)


def connection(client: sake.redis.ResourceClient, index: int) -> redis.asyncio.Redis[bytes]:
    """Return the connection of one of Sake's clients, which is open, to one of its databases."""
    return client._get_connection(sake.redis.ResourceIndex(index))  # pyright: ignore[reportPrivateUsage]


async def disconnect(client: sake.redis.ResourceClient) -> None:
    """Close the connections of one of Sake's clients that is open, which itself leaves them to the collector."""
    for index in client.all_indexes():
        pool: typing.Any = connection(client, index).connection_pool
        await pool.disconnect()


def _parsed(note: bytes) -> typing.Any:
    """Return what a note says; `None` where it is none."""
    try:
        return json.loads(note)
    except ValueError:
        return None


class CopyNote:
    """How far the copy of a file has come, noted on the Redis server.

    Parameters
    ----------
    address
        The server's address.
    subject
        What tells the file, as it is now, from others and from what it was: a note of something else counts as none.
    """

    __slots__ = ("_client", "_server", "_subject")

    def __init__(self, address: str, subject: str) -> None:
        self._server = without_secrets(address)
        self._subject = subject
        with self._refusals():
            self._client = redis.asyncio.Redis.from_url(address, db=_DATABASE)

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: types.TracebackType | None,
    ) -> None:
        await self._client.close(close_connection_pool=True)

    async def read(self) -> dict[str, typing.Any] | None:
        """Return what was noted last of this file as it is now, if anything; the first that is asked of the server.

        Raises
        ------
        RedisFailure
            If the server cannot be reached, or refuses.
        """
        with self._refusals():
            found = await self._client.get(_KEY)
        match _parsed(found or b""):
            case {"subject": self._subject, "copied": copied}:
                return copied
            case _:
                return None

    async def write(self, copied: dict[str, typing.Any]) -> None:
        """Note how far it has come, instead of what was noted before.

        Raises
        ------
        RedisFailure
            If the server cannot be reached, or refuses.
        """
        note = json.dumps({"subject": self._subject, "copied": copied})
        with failures(self._server):
            await self._client.set(_KEY, note, ex=_KEPT_FOR)

    async def remove(self) -> None:
        """Take the note away.

        Raises
        ------
        RedisFailure
            If the server cannot be reached, or refuses.
        """
        with failures(self._server):
            await self._client.delete(_KEY)

    @contextlib.contextmanager
    def _refusals(self) -> collections.abc.Generator[None, None, None]:
        """Raise `RedisFailure` also for what the client raises over an address's host name and options."""
        try:
            with failures(self._server):
                yield
        except (ValueError, TypeError) as exception:
            if isinstance(exception, RedisFailure):
                raise
            raise _failure(self._server, exception) from exception
