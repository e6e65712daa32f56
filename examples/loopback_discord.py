"""A small Discord on 127.0.0.1, so that a real `hikari.GatewayBot` can run without a token and without a network.

It speaks as much of Discord's gateway as a cache needs: READY, GUILD_CREATE, member chunks, resuming, and whatever
dispatch one asks it to send. Of its REST API it has as much as a framework for commands needs to register them and to
respond to one; it takes messages, and answers what one has it answer. It is written for sake_lite's examples and tests;
it is no model of Discord's rules.
"""

from __future__ import annotations

__all__ = ["LoopbackDiscord", "guild", "interaction", "member", "message", "user"]

import asyncio
import base64
import json
import typing
import zlib

import aiohttp.web

Payload: typing.TypeAlias = "dict[str, typing.Any]"

_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _REQUEST_MEMBERS, _INVALID, _HELLO, _ACK = 0, 1, 2, 6, 8, 9, 10, 11
_CHUNK_MEMBERS: typing.Final[int] = 1000
_BOT_ID: typing.Final[int] = 100
_OWNER_ID: typing.Final[int] = 101
_ALL_PERMISSIONS: typing.Final[str] = str(2**53 - 1)


def user(user_id: int, name: str, *, bot: bool = False) -> Payload:
    """Return a user's payload."""
    return {
        "id": str(user_id),
        "username": name,
        "discriminator": "0",
        "global_name": name.title(),
        "avatar": None,
        "bot": bot,
        "public_flags": 0,
    }


def member(user_id: int, name: str, *, nick: str | None = None) -> Payload:
    """Return a member's payload, without its guild, as a GUILD_CREATE lists it."""
    return {
        "user": user(user_id, name),
        "nick": nick,
        "avatar": None,
        "roles": [],
        "joined_at": "2024-02-29T12:00:00+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def guild(guild_id: int, name: str, members: list[Payload]) -> Payload:
    """Return a GUILD_CREATE's payload, with one role, one text channel, and all members."""
    everyone: Payload = {
        "id": str(guild_id),
        "name": "@everyone",
        "color": 0,
        "hoist": False,
        "position": 0,
        "permissions": "104324673",
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }
    general: Payload = {
        "id": str(guild_id + 1),
        "type": 0,
        "guild_id": str(guild_id),
        "name": "general",
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
        "topic": None,
        "parent_id": None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
    }
    return {
        "id": str(guild_id),
        "name": name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "owner_id": members[0]["user"]["id"],
        "application_id": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "vanity_url_code": None,
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "features": [],
        "joined_at": "2024-02-29T12:00:00+00:00",
        "large": False,
        "unavailable": False,
        "member_count": len(members),
        "roles": [everyone],
        "emojis": [],
        "stickers": [],
        "channels": [general],
        "threads": [],
        "members": members,
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def message(message_id: int, channel_id: int, guild_id: int, author: Payload, content: str) -> Payload:
    """Return a MESSAGE_CREATE's payload; `author` is a member's."""
    return {
        "id": str(message_id),
        "channel_id": str(channel_id),
        "guild_id": str(guild_id),
        "author": author["user"],
        "member": {name: value for name, value in author.items() if name != "user"},
        "content": content,
        "timestamp": "2026-11-23T12:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        "components": [],
    }


def interaction(interaction_id: int, command: Payload, guild_id: int, author: Payload, **data: object) -> Payload:
    """Return an INTERACTION_CREATE's payload: a member, `author`, uses a command; `data` is what is chosen with it."""
    return {
        "id": str(interaction_id),
        "application_id": command["application_id"],
        "type": 2,  # application command
        "token": f"interaction-{interaction_id}",
        "version": 1,
        "guild_id": str(guild_id),
        "channel_id": str(guild_id + 1),
        "channel": {"id": str(guild_id + 1), "type": 0, "name": "general", "permissions": _ALL_PERMISSIONS},
        "member": author | {"permissions": _ALL_PERMISSIONS},
        "data": {"id": command["id"], "name": command["name"], "type": command["type"], **data},
        "locale": "en-US",
        "guild_locale": "en-US",
        "app_permissions": _ALL_PERMISSIONS,
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(guild_id)},
        "context": 0,  # in a guild
        "attachment_size_limit": 10_485_760,
    }


class LoopbackDiscord:
    """A Discord with some guilds and one bot, to be used as an async context manager.

    Parameters
    ----------
    guilds
        The guilds that the bot is in, as `guild` returns them.
    members_in_guild_create
        How many of a guild's members its GUILD_CREATE lists; the bot has to request the others.
    """

    def __init__(self, guilds: list[Payload], *, members_in_guild_create: int = 250) -> None:
        self.guilds = {entry["id"]: entry for entry in guilds}
        self.members_in_guild_create = members_in_guild_create
        self.bot = user(_BOT_ID, "loopback bot", bot=True) | {"mfa_enabled": True, "flags": 0, "verified": True}
        # A token's first part is the bot's ID.
        self.token = f"{base64.b64encode(str(_BOT_ID).encode()).decode()}.loopback.discord"
        self.url = ""
        self.commands: list[Payload] = []
        """The application's commands, as the bot has registered them."""

        self.requests: list[str] = []
        """What else the bot asked the REST API for, such as `"GET /guilds/1000/roles"`."""

        self.answers: dict[str, Payload | list[Payload]] = {}
        """What the REST API answers to these; whatever else is asked for does not exist."""

        self.messages: asyncio.Queue[Payload] = asyncio.Queue()
        """The messages that the bot has sent to channels."""

        self._responses: dict[str, asyncio.Future[Payload]] = {}
        self._runner: aiohttp.web.AppRunner | None = None
        self._sockets: list[_Socket] = []
        self._sent: list[tuple[int, str, Payload]] = []
        self._has_session = False

    async def __aenter__(self) -> typing.Self:
        app = aiohttp.web.Application()
        app.router.add_get("/api/v10/gateway/bot", self._on_gateway_bot)
        app.router.add_get("/gateway", self._on_gateway)
        app.router.add_get("/api/v10/oauth2/applications/@me", self._on_application)
        app.router.add_get("/api/v10/applications/{application}/commands", self._on_commands)
        app.router.add_put("/api/v10/applications/{application}/commands", self._on_set_commands)
        app.router.add_post("/api/v10/interactions/{interaction}/{token}/callback", self._on_response)
        app.router.add_post("/api/v10/channels/{channel}/messages", self._on_message)
        app.router.add_route("*", "/api/v10/{path:.*}", self._on_request)
        self._runner = aiohttp.web.AppRunner(app)
        await self._runner.setup()
        await aiohttp.web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}/api/v10"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()

    async def dispatch(self, name: str, payload: Payload) -> None:
        """Send an event to the connected bot."""
        self._sent.append((len(self._sent) + 1, name, payload))
        for socket in self._sockets:
            await socket.dispatch(*self._sent[-1])

    async def invoke(self, name: str, guild_id: int, author: Payload, **data: object) -> Payload:
        """Have a member use one of the bot's commands, and return the bot's response, `type` and `data`, as it came.

        Parameters
        ----------
        name
            The command's name.
        guild_id
            The guild in whose channel it is used.
        author
            The member who uses it.
        **data
            What is chosen with it: `options`, `resolved`, `target_id`, as Discord sends them.
        """
        command = {command["name"]: command for command in self.commands}[name]
        sent = interaction(9_000 + len(self._responses), command, guild_id, author, **data)
        response = self._responses[sent["id"]] = asyncio.get_running_loop().create_future()
        await self.dispatch("INTERACTION_CREATE", sent)
        return await response

    async def disconnect(self) -> None:
        """Cut the connection, as the network would; the bot will resume."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close()

    async def end_session(self) -> None:
        """Cut the connection, and forget the session: the bot cannot resume, and begins a new one."""
        self._has_session = False
        await self.disconnect()

    async def _on_gateway_bot(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 1000, "max_concurrency": 1}
        url = f"ws://{request.host}/gateway"
        return aiohttp.web.json_response({"url": url, "shards": 1, "session_start_limit": limit})

    async def _on_application(self, _: aiohttp.web.Request) -> aiohttp.web.Response:
        application: Payload = {
            "id": self.bot["id"],
            "name": self.bot["username"],
            "description": "",
            "bot_public": False,
            "bot_require_code_grant": False,
            "owner": user(_OWNER_ID, "owner"),
            "verify_key": "00" * 32,
            "flags": 0,
            "approximate_guild_count": len(self.guilds),
            "approximate_user_install_count": 0,
            "integration_types_config": {"0": {}},
        }
        return aiohttp.web.json_response(application)

    async def _on_commands(self, _: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self.commands)

    async def _on_set_commands(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        defaults: Payload = {"type": 1, "application_id": self.bot["id"], "default_member_permissions": None}
        defaults |= {"integration_types": [0], "contexts": None, "version": "1"}
        commands = enumerate(await request.json(), start=8_000)
        self.commands = [defaults | command | {"id": str(number)} for number, command in commands]
        return aiohttp.web.json_response(self.commands)

    async def _on_response(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        interaction_id = request.match_info["interaction"]
        self._responses[interaction_id].set_result(await request.json())
        return aiohttp.web.json_response({"interaction": {"id": interaction_id, "type": 2}})

    async def _on_message(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        sent = await request.json()
        await self.messages.put(sent)
        channel_id, number = int(request.match_info["channel"]), 6_000 + self.messages.qsize()
        author = member(_BOT_ID, str(self.bot["username"]))
        return aiohttp.web.json_response(message(number, channel_id, channel_id - 1, author, sent["content"]))

    async def _on_request(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        asked = f"{request.method} /{request.match_info['path']}"
        self.requests.append(asked)
        if asked in self.answers:
            return aiohttp.web.json_response(self.answers[asked])
        return aiohttp.web.json_response({"message": "Unknown", "code": 10_000}, status=404)

    async def _on_gateway(self, request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        response = aiohttp.web.WebSocketResponse()
        await response.prepare(request)
        socket = _Socket(response)
        await socket.send({"op": _HELLO, "d": {"heartbeat_interval": 41_250}})
        async for frame in response:
            command = json.loads(frame.data)
            await self._on_command(socket, command["op"], command["d"], request.host)

        if socket in self._sockets:
            self._sockets.remove(socket)
        return response

    async def _on_command(self, socket: _Socket, op: int, data: typing.Any, host: str) -> None:
        if op == _HEARTBEAT:
            await socket.send({"op": _ACK, "d": None})
        elif op == _IDENTIFY:
            self._sent.clear()
            self._sockets = [socket]
            self._has_session = True
            await self._greet(data["shard"], host)
        elif op == _RESUME and not self._has_session:
            await socket.send({"op": _INVALID, "d": False})
        elif op == _RESUME:
            self._sockets = [socket]
            for sequence, name, payload in [event for event in self._sent if event[0] > data["seq"]]:
                await socket.dispatch(sequence, name, payload)
            await self.dispatch("RESUMED", {})
        elif op == _REQUEST_MEMBERS:
            await self.send_chunks(data)

    async def _greet(self, shard: list[int], host: str) -> None:
        ready = {
            "v": 10,
            "user": self.bot,
            "guilds": [{"id": guild_id, "unavailable": True} for guild_id in self.guilds],
            "session_id": "loopback",
            "resume_gateway_url": f"ws://{host}/gateway",
            "shard": shard,
            "application": {"id": self.bot["id"], "flags": 0},
        }
        await self.dispatch("READY", ready)
        for entry in self.guilds.values():
            await self.dispatch("GUILD_CREATE", entry | {"members": entry["members"][: self.members_in_guild_create]})

    async def send_chunks(self, request: Payload) -> None:
        """Answer a request for a guild's members."""
        members = self.guilds[request["guild_id"]]["members"]
        starts = range(0, len(members), _CHUNK_MEMBERS)
        for index, start in enumerate(starts):
            chunk: Payload = {
                "guild_id": request["guild_id"],
                "members": members[start : start + _CHUNK_MEMBERS],
                "chunk_index": index,
                "chunk_count": len(starts),
                "not_found": [],
                "nonce": request.get("nonce"),
            }
            await self.dispatch("GUILD_MEMBERS_CHUNK", chunk)


class _Socket:
    """One gateway connection, compressed as `zlib-stream`."""

    def __init__(self, response: aiohttp.web.WebSocketResponse) -> None:
        self._response = response
        self._compressor = zlib.compressobj()
        self._lock = asyncio.Lock()

    async def send(self, payload: Payload) -> None:
        async with self._lock:
            data = self._compressor.compress(json.dumps(payload).encode())
            await self._response.send_bytes(data + self._compressor.flush(zlib.Z_SYNC_FLUSH))

    async def dispatch(self, sequence: int, name: str, payload: Payload) -> None:
        await self.send({"op": _DISPATCH, "t": name, "s": sequence, "d": payload})

    async def close(self) -> None:
        await self._response.close(code=4000)
