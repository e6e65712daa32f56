"""Voice states: which members are in which voice channel, and how."""

from __future__ import annotations

__all__ = ["VoiceStateCache", "VoiceStateChange"]

import typing

import hikari

from .. import abc
from .._change import Change
from .._column import snowflake
from .._iterator import CacheIterator
from .._table import Table
from ._awaited import AWAITED
from ._base import Resource
from .user import USERS

if typing.TYPE_CHECKING:
    from .._batch import Batch
    from .._codec import Payload


def _decode(factory: hikari.api.EntityFactory, payload: Payload) -> hikari.VoiceState:
    return factory.deserialize_voice_state(payload)


_GUILD = snowflake("guild_id")


class VoiceStateChange(Change[hikari.VoiceState, tuple[hikari.Snowflake, hikari.Snowflake]]):
    """A member entered, moved between, or left voice channels, or is muted or deafened otherwise than before."""

    __slots__ = ()


VOICE_STATES: Table[hikari.VoiceState] = Table(
    name="voice_states",
    key=(_GUILD, snowflake("user_id")),
    references=(snowflake("channel_id"), _GUILD),
    decode=_decode,
    change=VoiceStateChange,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_VOICE_STATES,
    hidden_by=AWAITED,
    partly_listed_as="voice_states",
)


@VOICE_STATES.on("GUILD_CREATE")
def _guild_voice_states(payload: Payload, batch: Batch) -> None:
    """Store who is in a voice channel, each with their member, which only the list beside has."""
    states = [state for state in payload.get("voice_states", ()) if state.get("channel_id")]
    speakers = {state["user_id"] for state in states}
    members = {
        member["user"]["id"]: {**member, "guild_id": payload["id"]}
        for member in payload.get("members", ())
        if member["user"]["id"] in speakers
    }
    whole = [
        {"member": members[state["user_id"]], **state} if state["user_id"] in members else state for state in states
    ]
    batch.replace(VOICE_STATES, whole, guild_id=payload["id"])


@VOICE_STATES.on("VOICE_STATE_UPDATE")
def _voice_state(payload: Payload, batch: Batch) -> None:
    if "guild_id" not in payload:
        return  # a call in a direct message

    if payload["channel_id"] is None:
        batch.delete(VOICE_STATES, guild_id=payload["guild_id"], user_id=payload["user_id"])
    else:
        batch.upsert(VOICE_STATES, payload)


@VOICE_STATES.on("GUILD_MEMBER_REMOVE")
def _member_removed(payload: Payload, batch: Batch) -> None:
    batch.delete(VOICE_STATES, guild_id=payload["guild_id"], user_id=payload["user"]["id"])


@USERS.on("VOICE_STATE_UPDATE")
def _user_of_voice_state(payload: Payload, batch: Batch) -> None:
    if payload.get("member"):
        batch.upsert(USERS, payload["member"]["user"])


class VoiceStateCache(Resource, abc.RefVoiceStateCache):
    """Voice states, from GUILD_CREATE and VOICE_STATE_UPDATE; who is in no channel has none."""

    __slots__ = ()
    tables: typing.ClassVar = (VOICE_STATES,)

    async def get_voice_state(
        self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /
    ) -> hikari.VoiceState:
        return await self._get(VOICE_STATES, guild_id, user_id)

    def iter_voice_states(self) -> CacheIterator[hikari.VoiceState]:
        return self._iterate(VOICE_STATES)

    def iter_voice_states_for_channel(self, channel_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.VoiceState]:
        return self._iterate(VOICE_STATES, channel_id=channel_id)

    def iter_voice_states_for_guild(self, guild_id: hikari.Snowflakeish, /) -> CacheIterator[hikari.VoiceState]:
        return self._iterate(VOICE_STATES, guild_id=guild_id)

    async def delete_voice_state(self, guild_id: hikari.Snowflakeish, user_id: hikari.Snowflakeish, /) -> None:
        await self._delete(VOICE_STATES, guild_id=guild_id, user_id=user_id)

    async def clear_voice_states(self) -> None:
        await self._delete(VOICE_STATES)

    async def clear_voice_states_for_channel(self, channel_id: hikari.Snowflakeish, /) -> None:
        await self._delete(VOICE_STATES, channel_id=channel_id)

    async def clear_voice_states_for_guild(self, guild_id: hikari.Snowflakeish, /) -> None:
        await self._delete(VOICE_STATES, guild_id=guild_id)

    async def set_voice_state(self, guild_id: hikari.Snowflakeish, payload: Payload, /) -> None:
        """Store a member's voice state, and the user of the member in it.

        Parameters
        ----------
        guild_id
            The guild.
        payload
            The voice state's JSON object, as Discord sends it; one that is in no channel cannot be stored.

        Raises
        ------
        ValueError
            If it is no JSON object with the IDs that it is stored by; nothing is stored then.
        BackendError
            If it cannot be written.
        """
        with self._batch("set_voice_state") as batch:
            payload = self._checked(payload)
            batch.upsert(VOICE_STATES, payload, guild_id=guild_id)
            if member := payload.get("member"):
                batch.upsert(USERS, member.get("user", {}))

        await self._commit(batch)
