"""The cache: all resources, put together.

How a payload gets in
    hikari hands each raw gateway dispatch to `Resource._on_shard_payload` (`resources/_base.py`), in whose first
    synchronous segment `_gateway.make_batch` asks every table's handlers (`resources/*.py`) what the event changes.
    The answer is a `Batch` (`_batch.py`) of operations (`_operations.py`), its rows encoded as far as they are few
    (`_rows.py`), which takes its place in the queue (`_queue.py`) of the one task that writes (`_writer.py`). What is
    queued is handed to a connection's thread (`_connection.py`), which applies it in one transaction (`_execute.py`),
    the rows of many batches in one statement (`_upserts.py`), those that are built upon read together (`_stored.py`)
    and changed one by one (`_modify.py`), and leaves out a batch that fails by itself.
    `set_*`, `delete_*` and `clear_*` go the same way, and return after the commit.

How an entity gets out
    `get_*` finds a row that was read lately, and that nothing has touched since, in memory, as bytes (`_memory.py`).
    Otherwise, as `iter_*` does always (`_iterator.py`, a window of rows at a time, `_walk.py`), it waits until what was
    queued before is committed (`_session.py`), then reads rows on a connection of their own (`_reader.py`), many keys
    in one statement (`_points.py`). Who waits for a thread, to read or to write, goes on as soon as that has woken the
    event loop (`_callbacks.py`, `_answer.py`). The row's table (`_table.py`) checks that the row is what was written,
    decodes it (`_codec.py`), and lets hikari's entity factory build the entity. Where several rows are needed for one,
    as with `permissions_for`, they are read in one transaction (`_snapshot.py`).

Who is told what was there before
    Where somebody listens to one of `events.py`, as `_listeners.py` asks hikari at each commit, triggers note what each
    batch changes in that table (`_change_log.py`). After the commit it goes to the listeners (`_change.py`), as bytes
    that are decoded when asked for. Who listens for what cannot come is warned (`_missing_changes.py`).

What goes by itself
    READY names the guilds of a shard: what belongs to others is swept (`_gateway.py`), and what was true of the past
    session only is hidden until GUILD_CREATE (`resources/_awaited.py`). Members that a GUILD_CREATE leaves out are
    asked for (`_chunks.py`); when all chunks are in, whoever they did not name is gone (`_chunked.py`). Every minute,
    `_housekeeping.py` removes what expired and lets the file shrink. `purge_user` is in `_purge.py`.

The file itself, who may use it and how, is the matter of `_file.py`, and what is in it that of `_layout.py`; `check` is
in `_check.py`, lines of JSON are made of it in `_export.py`, and copies in `_copy.py`. Looking into a file without a
bot, and without an event loop, is `file.py`, with a view of each resource in `_views.py`. `_to_redis.py`, with the
server in `_redis_server.py`, gives all rows to Sake (`_sake_rows.py`), and finds what else Sake has there
(`_sake_others.py`). The command line before all that begins in `cli.py`, with its commands in `_cli_*.py`. How Tanjun
sees the cache is in `tanjun.py`, and of which guilds the cache knows all that there is, in `_listed.py`. Every error
has its class and its one origin in `errors.py`.
"""

from __future__ import annotations

__all__ = ["SQLiteCache"]

from . import abc, resources


class SQLiteCache(
    resources.PermissionsCache,
    resources.GuildCache,
    resources.EmojiCache,
    resources.GuildChannelCache,
    resources.InviteCache,
    resources.MeCache,
    resources.MemberCache,
    resources.MessageCache,
    resources.PresenceCache,
    resources.RoleCache,
    resources.StickerCache,
    resources.ThreadCache,
    resources.UserCache,
    resources.VoiceStateCache,
    abc.RefCache,
):
    """All that Discord tells a bot, in one SQLite file.

    That is the whole of the Sake standard, `sake_lite.abc.RefCache`, and threads and stickers beside.

    The parameters are those of `sake_lite.resources.Resource`. To keep less, inherit from some of the mixins in
    `sake_lite.resources` instead.

    Examples
    --------
    ```py
    bot = hikari.GatewayBot(token, cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE))
    cache = sake_lite.SQLiteCache("bot.db", bot, bot.event_manager, event_managed=True)


    @bot.listen()
    async def on_message(event: hikari.GuildMessageCreateEvent) -> None:
        message = await cache.get_message(event.message_id)
        author = await cache.get_member(event.guild_id, event.author_id)
    ```

    The cache takes an event in before a listener gets it: a message is there in the listener of its creation, and
    gone in that of its deletion.
    """

    __slots__ = ()
