"""`tau2-logging view`: a page of all runs of a folder, live.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.browser import open_page
from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import VIEW, command, program
from tau2_logging.leaving import carry_out

_EPILOG = """\
examples:
  {command}
  {command} logs --port 9000 --open

The page answers to browsers on this machine only. From another machine: ssh -L 8737:127.0.0.1:8737 gpu-box

exit code: 130 ended by Ctrl-C, 143 by SIGTERM, 2 bad input
"""


def build_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=program(VIEW),
        description="Show all runs of a folder in a browser: running ones live, finished ones with their reports, two compared.",
        epilog=_EPILOG.format(command=command(VIEW)),
        synonyms={"--browser": "--open"},
        answers=dict.fromkeys(("--log-dir", "--log_dir", "--log-file"), "the folder is named without a flag, after view")
        | {"--host": "the page answers on 127.0.0.1 only; from another machine: ssh -L 8737:127.0.0.1:8737 gpu-box"},
    )
    parser.add_argument("folder", nargs="?", default="logs", metavar="FOLDER", help="folder that runs write to (default: %(default)s)")
    parser.add_argument("--port", type=_port, metavar="P", help="port on 127.0.0.1 (default: 8737, or a free one if that is in use)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use 1 to 65535, or 0 for a free one")
    return int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, serve until Ctrl-C, and end the process with its exit code."""
    parser = build_parser()
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    carry_out(parser.prog, lambda: _view(args), output_matters=False)


def _view(args: argparse.Namespace) -> int:
    from tau2_logging.view.runs_site import serve

    return serve(Path(args.folder), args.port, open_page if args.open else None)


if __name__ == "__main__":
    main()
