"""`python -m sake_lite`: the command line, or a line that says what it needs."""

from __future__ import annotations

__all__ = ["main"]

import sys


def main() -> None:
    """Run the command line; exits with 2 where what it needs is not installed."""
    try:
        from . import cli  # noqa: PLC0415 - what it needs may be missing
    except ModuleNotFoundError as error:
        sys.exit(_needs(error.name or "something"))
    except KeyboardInterrupt:  # from here on, click sees to it
        sys.exit(1)

    cli.main(prog_name="sake-lite")


def _needs(name: str) -> int:
    sys.stderr.write(f"the command line needs {name}: pip install 'sake_lite[cli]'\n")
    return 2


if __name__ == "__main__":
    main()
