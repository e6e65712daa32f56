"""The command line: `sake-lite`, or `python -m sake_lite`.

It needs the extra `cli` (click and rich). What it does is done by the library; the commands, in modules of their own,
have arguments and output. Here is what holds for all of them, the exit codes: 0 where all is well, 1 where something is
wrong with a file, or nothing was found, 2 for wrong arguments. No error shows a traceback.
"""

from __future__ import annotations

__all__ = ["main"]

import contextlib
import errno
import signal
import sys
import threading
import typing

import click

from ._cli_copy import compact, export, import_
from ._cli_look import check, info, list_rows, show
from ._cli_redis import to_redis
from ._cli_screen import complain, write_what_can_be_written
from .errors import SakeException

if typing.TYPE_CHECKING:
    import collections.abc


# Windows has only the first of them.
_ENDING: typing.Final = ("SIGTERM", "SIGHUP")


class _Commands(click.Group):
    """Commands, of which no error of the library, the system or whoever reads the output ends with a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> typing.Any:
        """Run a command, and end with 1 where it fails."""
        write_what_can_be_written()
        with _ending_as_by_ctrl_c():
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> typing.Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except SakeException as error:
            complain(str(error))
        except OSError as error:
            if error.errno == errno.EPIPE:  # as `| head` does; click ends quietly then
                raise
            complain(f"the output cannot be written: {error.strerror or error}")
        else:
            return result

        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _ending_as_by_ctrl_c() -> collections.abc.Generator[None, None, None]:
    """Let the signals by which systems end programs do so as Ctrl-C does, so that nothing half made is left behind."""
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be handled
        yield
        return

    known = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    handled = [each for each in known if signal.getsignal(each) is signal.SIG_DFL]  # `nohup` lets one be ignored
    for each in handled:
        signal.signal(each, signal.default_int_handler)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sake_lite", message="%(prog)s %(version)s")
def main() -> None:
    """Look into a sake_lite file, copy it, and check it.

    Ends with 0 where all is well, with 1 where something is wrong with a file, or nothing was found, and with 2 for
    wrong arguments.
    """


for _command in (info, show, list_rows, export, import_, check, compact, to_redis):
    main.add_command(_command)
