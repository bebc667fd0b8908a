"""`tau2-logging simulate-server`: the simulated server as a process."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from tau2_logging.invocation import program
from tau2_logging.leaving import exit_code, leave
from tau2_logging.models.simulated_server.server import SimulatedServer
from tau2_logging.models.simulated_server.vllm_flags import NAME, Options, read_options


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal or the end of the lifetime. Exit code 0, 1 for --die-after, 2 for bad input, 130 after Ctrl-C."""
    return exit_code(program(NAME), lambda: _serve(sys.argv[1:] if argv is None else argv), output_matters=False)


def _serve(argv: Sequence[str]) -> int:
    options = read_options(argv)
    with SimulatedServer(options.settings, host=options.host, port=options.port, journal=options.journal) as server:
        _greet(options, server.url)
        return _wait(options)


def _greet(options: Options, url: str) -> None:
    if options.ignored:
        print(f"ignored: {shlex.join(options.ignored)}", file=sys.stderr, flush=True)
    print(f"serving {', '.join(options.settings.models)} at {url}", flush=True)


def _wait(options: Options) -> int:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    dies = options.die_after_s is not None and options.die_after_s < options.lifetime_s
    if not ended.wait(options.die_after_s if dies else options.lifetime_s) and dies:
        print("fatal: the engine core died, as --die-after asked", file=sys.stderr, flush=True)
        os._exit(1)  # as a crash would: connections are dropped, nothing is tidied up
    return 0


if __name__ == "__main__":
    leave(main())
