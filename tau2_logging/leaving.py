"""How a command ends its process: the same way for all of them.

What the user has to mend is one line, `PROG: error: what was wrong` as argparse says it, and exit code 2 (1 if it is not their input).
Ctrl-C gives 130. A reader of the output that has seen enough (`| head`) ends the command in silence with 0; output that cannot be
written is an error. A simulation that hangs in somebody's network call does not keep the process.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.extras import missing_package

INTERRUPTED = 130
SIMULATION_THREAD = "simulation"


def carry_out(prog: str, work: Callable[[], int], output_matters: bool = True) -> NoReturn:
    """Do the work and end the process with its exit code."""
    leave(exit_code(prog, work, output_matters))


def exit_code(prog: str, work: Callable[[], int], output_matters: bool = True) -> int:
    """Do the work; the exit code that it gives, or that of what went wrong, which has then been said.

    `output_matters`: what is printed is what the command is for. Otherwise the loss of it changes no exit code.
    """
    _fill_closed_places()
    try:
        code = work()
        if output_matters and sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
        return code
    except Tau2LoggingError as error:
        tell(f"{prog}: error: {error}")
        return error.exit_code
    except ImportError as error:
        sentence = missing_package(error)
        if sentence is None:
            raise
        tell(f"{prog}: error: {sentence}")
        return UserError.exit_code
    except KeyboardInterrupt:
        tell(f"{prog}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        tell(f"{prog}: error: {_said_of(error)}")
        return 1


def _said_of(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"cannot write {error.filename or 'the output'}: {error.strerror}; make room and start again"
    return str(error)


def _fill_closed_places() -> None:
    """A process that was started without one of its standard streams (`>&-`) must not have its first file take that place: whatever
    prints past Python would go into the file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def tell(text: str) -> None:
    """A line on stderr, if there is one that takes it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def leave(code: int) -> NoReturn:
    """End the process with `code`, whatever has become of its output."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _forget(stream)
    if any(thread.name == SIMULATION_THREAD for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _forget(stream: object) -> None:
    """Let what could not be written go nowhere, so that Python's own flush at the end does not complain."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        pass
