"""`%load_ext tau2_logging` in IPython and Jupyter: the cell magic `%tau2_timeline`. IPython itself is not imported."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from tau2_logging.analysis.load import LATEST, load_log
from tau2_logging.analysis.reports.html.notebook import timeline_html
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError
from tau2_logging.units import plural

_USAGE = "%tau2_timeline LOG [LOG ...] [--run ID] [--tasks ID ...]"


class TimelineView:
    """What the magic returns: shows itself as HTML. `log` is what was read, for further questions."""

    def __init__(self, log: RunLog, tasks: list[str]) -> None:
        self.log = log
        self._html = timeline_html(log, tasks)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return (
            f"<timeline of {self.log.run_id or 'all runs'}: {plural(len(self.log.simulations), 'simulation')}; shown as HTML in a notebook>"
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UserError(f"{message}; use {_USAGE}")


def timeline(line: str) -> TimelineView | None:
    """Return the magic: the timeline of a log, or of some of its tasks. A mistake is printed, as a command would."""
    parser = _Parser(prog="%tau2_timeline", add_help=False)
    parser.add_argument("logs", nargs="+")
    parser.add_argument("--run", default=LATEST)
    parser.add_argument("--tasks", nargs="+", default=[])
    try:
        given = parser.parse_args(shlex.split(line))
        return TimelineView(load_log(given.logs, given.run), given.tasks)
    except (UserError, ValueError) as error:
        print(f"error: {error}")
        return None


def load_ipython_extension(shell: Any) -> None:
    """Register the magic; IPython calls it."""
    shell.register_magic_function(timeline, "line", "tau2_timeline")


def unload_ipython_extension(shell: Any) -> None:
    """Take it off again."""
    shell.magics_manager.magics["line"].pop("tau2_timeline", None)
