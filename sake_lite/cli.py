"""The command line: `sake-lite`, or `python -m sake_lite`.

It needs the extra `cli` (click and rich). What it does is done by the library; the commands, in modules of their own,
have arguments and output. Here is what holds for all of them, the exit codes: 0 where all is well, 1 where something is
wrong with a file, or nothing was found, 2 for wrong arguments. No error shows a traceback.
"""

from __future__ import annotations

__all__ = ["main"]

import errno
import sys
import typing

import click

from ._cli_copy import compact, export, import_
from ._cli_look import check, info, list_rows, show
from ._cli_redis import to_redis
from ._cli_screen import complain, write_what_can_be_written
from .errors import SakeException


class _Commands(click.Group):
    """Commands, of which no error of the library, the system or whoever reads the output ends with a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> typing.Any:
        """Run a command, and end with 1 where it fails."""
        write_what_can_be_written()
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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sake_lite", message="%(prog)s %(version)s")
def main() -> None:
    """Look into a sake_lite file, copy it, and check it.

    Ends with 0 where all is well, with 1 where something is wrong with a file, or nothing was found, and with 2 for
    wrong arguments.
    """


for _command in (info, show, list_rows, export, import_, check, compact, to_redis):
    main.add_command(_command)
