"""Programs that tests run as processes of their own."""

from __future__ import annotations

__all__ = ["AS_NOBODY", "run_at_the_same_moment"]

import subprocess
import typing

if typing.TYPE_CHECKING:
    import collections.abc

AS_NOBODY: typing.Final[str] = """
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
"""What makes a process nobody in particular, where the tests run as root, whom the system forbids nothing.

It goes behind a program's imports, since their files may be root's.
"""


def run_at_the_same_moment(
    commands: collections.abc.Sequence[list[str]], environment: dict[str, str] | None = None
) -> None:
    """Run programs, each of which says `ready` and waits for a line; none may complain of anything."""
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for command in commands
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[1] for process in processes] == [""] * len(processes)
