"""A Redis server of one's own, on a free port of loopback, that keeps everything in memory."""

from __future__ import annotations

__all__ = ["is_installed", "run"]

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
import typing

if typing.TYPE_CHECKING:
    import collections.abc

_PATIENCE: typing.Final[float] = 10.0  # seconds until it must have started


def is_installed() -> bool:
    """Whether there is a Redis server that can be started."""
    return shutil.which("redis-server") is not None


@contextlib.contextmanager
def run() -> collections.abc.Generator[str, None, None]:
    """Start a server and give its address; it ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    # Sake gives each resource a database of its own.
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--databases", "32"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(["redis-server", *settings, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
