"""`python -m tau2_logging COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from tau2_logging.cli import compare, view
from tau2_logging.leaving import CommandParser

COMMANDS: Mapping[str, tuple[Callable[[Sequence[str]], None], str]] = {
    "compare": (compare.main, "is one run better than another?"),
    "view": (view.main, "a page of all runs, live"),
}
"""Name of a command -> its main, and what it does."""


def main(argv: Sequence[str] | None = None) -> None:
    """Hand the words after the command's name to that command."""
    words = list(sys.argv[1:] if argv is None else argv)
    listed = "\n".join(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items())
    parser = CommandParser(
        prog="python -m tau2_logging", epilog=f"commands:\n{listed}\n", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Profiling and structured logging for tau2-bench.",
    )  # fmt: skip
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help="see below; COMMAND --help says more")
    command = parser.parse_args(words[:1]).command
    COMMANDS[command][0](words[1:])


if __name__ == "__main__":
    main()
