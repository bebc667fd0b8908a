"""What a run records of itself: run_start, run_end, and the content of run.json."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events import SCHEMA_VERSION
from tau2_logging.events.secrets.command_line import masked_argv
from tau2_logging.instrument import distribution_version
from tau2_logging.logger.clock import utc_offset
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.saved_run import write_run
from tau2_logging.runner.settings.start_fields import settings_fields
from tau2_logging.runner.work.run_folder import RunFolder
from tau2_logging.runner.work.run_plan import RunPlan
from tau2_logging.sinks.totals import DomainTotals, LiveTotals
from tau2_logging.version import __version__


@dataclass(frozen=True)
class RunRecord:
    """A run as it is recorded."""

    config: RunConfig
    harness: Tau2Harness
    plan: RunPlan
    folder: RunFolder
    argv: Sequence[str]

    def write_run_json(self) -> None:
        """Write run.json, which --resume reads. Raises UserError if the disk refuses."""
        data = {
            "run_id": self.folder.run_id,
            "started": time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(self.folder.started_wall)),
            "started_wall": self.folder.started_wall,
            "config": self.config.as_json(),
            "user": next(iter(self.plan.settings.values())).user,
            "trial_seeds": list(self.plan.seeds),
            "simulations": len(self.plan.units),
            "argv": masked_argv(self.argv),
            **self.harness.origin,
            **self._versions(),
        }
        try:
            write_run(self.folder.directory, data)
        except OSError as error:
            raise UserError(
                f"cannot write {self.folder.directory}/run.json: {error.strerror}; make room or choose another --log-dir"
            ) from error

    def emit_start(self, logger: EventLogger) -> None:
        """Write run_start for each label."""
        for label, fields in self._start_fields(logger):
            logger.emit("run_start", fields, domain=label)

    def _start_fields(self, logger: EventLogger) -> Iterator[tuple[str, dict[str, Any]]]:
        planned = self.plan.planned()
        for label, settings in self.plan.settings.items():
            yield (
                label,
                {
                    "schema": SCHEMA_VERSION,
                    **self._versions(),
                    "utc_offset": utc_offset(logger.clock),
                    "harness": self.harness.label,
                    **settings_fields(settings),
                    "seed": settings.seed,
                    "seeds": ",".join(map(str, self.plan.seeds)),
                    "simulations": planned[label],
                    "max_evaluations": self.config.max_evaluations,
                    "resumed": self.folder.resumed,
                    **self.harness.origin,
                    "argv": masked_argv(self.argv),
                    "domain": label,
                    "run": self.folder.run_id,
                },
            )

    def emit_end(self, logger: EventLogger, totals: LiveTotals, signal: str | None, stopped_by: str | None) -> None:
        """Write run_end for each label; `signal` or `stopped_by` says why the run ended before its end."""
        for label, item in totals.domains.items():
            ended = {"signal": signal, "stopped_by": stopped_by, "domain": label, "run": self.folder.run_id}
            logger.emit("run_end", {**_end_fields(logger, item), **ended}, domain=label)

    def _versions(self) -> dict[str, str | None]:
        return {
            "tau2_version": self.harness.version,
            "tau2_data": self.harness.data,
            "litellm_version": (distribution_version("litellm") or "litellm unknown").split()[-1],
            "python_version": platform.python_version(),
            "tau2_logging_version": __version__,
        }


def _end_fields(logger: EventLogger, item: DomainTotals) -> dict[str, Any]:
    return {
        "start_ms": 0.0,
        "duration_ms": logger.since_start_ms(logger.clock.now_ns()),
        "simulations": item.done,
        "ok": item.ok,
        "errors": item.errors,
        "model_failures": item.model_failures,
        "timeouts": item.timeouts,
        "pending": item.planned - item.done,
        "mean_reward": item.mean_reward,
        **item.counted,
        "tool_errors": item.tool_errors,
        "llm_errors": item.call_errors,
        "retries": item.retries,
        "input_tokens": item.input_tokens,
        "output_tokens": item.output_tokens,
        "cost_usd": item.cost_usd,
    }
