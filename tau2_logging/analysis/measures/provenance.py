"""What the figures of a log rest on that was made afterwards, from a file that was recorded without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.events import MODEL_CALL_TYPES, SCHEMA_VERSION
from tau2_logging.events.roles import CALL_COUNTERS

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData


def newer_format(log: LogData) -> list[str]:
    """Return a sentence if a newer version of this package wrote the log: what it means may have changed."""
    schemas = log.select(["schema"], types=["run_start"])["schema"].dropna()
    newest = int(schemas.max()) if len(schemas) else SCHEMA_VERSION
    if newest <= SCHEMA_VERSION:
        return []
    return [f"The log has format {newest}, and this version reads up to {SCHEMA_VERSION}: update tau2-logging, or figures may be wrong."]


_COUNTERS = {**CALL_COUNTERS, "step_complete": "steps"}


@kept
def left_out(log: LogData) -> dict[str, int]:
    """Return types whose events the log's level leaves out, all of them or all but the failed ones, and how many it holds: the ends of
    simulations count more.
    """
    ends = log.select(_COUNTERS.values(), types=["task_end"])
    held = {type_: log.select(["error"], types=[type_])["error"].fillna(False) for type_ in _COUNTERS}
    return {type_: len(errors) for type_, errors in held.items() if len(errors) < int(ends[_COUNTERS[type_]].sum()) and bool(errors.all())}


def only_failed(log: LogData) -> list[str]:
    """Return the types of which the log holds the failed events alone, its level leaves the others out."""
    return [type_ for type_, number in left_out(log).items() if number]


def only_failed_note(log: LogData) -> list[str]:
    """Return a sentence on these types, if there are any."""
    types = only_failed(log)
    if not types:
        return []
    return [f"Written at a level such as INFO, it holds only failed events of {', '.join(types)}: their rate and latency are unknown."]


def recorded_note(log: LogData) -> str:
    """Return a sentence or two for the head of a report; empty for a log that a run itself wrote."""
    brief = recorded_in_brief(log)
    return brief and (
        f"{brief} Time to first token, queueing, retries, setup are not in it; workers are as many as were busy at once; lines "
        "are those of the log that `tau2-logging results to-log` makes of it."
    )


def recorded_in_brief(log: LogData) -> str:
    """Return the first of these sentences."""
    files = list(log.select(["recorded_from"], types=["run_start"])["recorded_from"].dropna().unique())
    if not files:
        return ""
    timing = log.select(["timing"], types=MODEL_CALL_TYPES)["timing"]
    gaps = int((timing == "gap").sum())
    bound = f"; of {gaps:,} of {len(timing):,} model calls it holds no length: the time since the previous message is shown, an upper bound"
    names = f"{', '.join(map(str, files[:3]))}{', ...' if len(files) > 3 else ''}"
    return f"Made from {names}, recorded without a log{bound if gaps else ''}."


def without_failed_calls(log: LogData) -> bool:
    """Return whether the log was made from results files of tau2, in which a model call that failed has left no trace."""
    files = log.select(["recorded_from"], types=["run_start"])["recorded_from"].dropna()
    return len(files) > 0 and not files.astype(str).str.endswith(".eval").any()


def is_recorded(log: LogData) -> bool:
    """Return whether the log was made from a file that was recorded without one: it tells of no queue, retry or start-up."""
    return bool(log.select(["recorded_from"], types=["run_start"])["recorded_from"].notna().any())
