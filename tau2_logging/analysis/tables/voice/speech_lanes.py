"""The lanes of voice simulations as pages and pictures draw them: stretches of speech and tool calls, in audio time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.tables.simulations import KEY

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

Key = tuple[str, str, str, str]
"""(run, domain, task, trial), each as text; empty for one that is not known, trial 0 if there is none."""

SPEECH = (
    "speaker", "speech_kind", "audio_start_ms", "audio_ms", "audio_overlap_ms", "answered", "audio_response_ms", "yielded",
    "audio_yield_ms",
)  # fmt: skip
TOOLS = ("function", "audio_start_ms", "audio_ms", "error", "requestor")


def speech_lanes(log: LogData) -> dict[Key, dict[str, Any]]:
    """Return of each voice simulation whose ticks tell: `audio`, its length in ms; `speech` and `tools`, rows of SPEECH and TOOLS."""
    import pandas as pd

    summaries = log.select([*KEY, "audio_ms"], types=["speech_summary"])
    told = summaries[summaries["audio_ms"].notna()].to_dict("records")
    lanes: dict[Key, dict[str, Any]] = {_key(row): {"audio": row["audio_ms"], "speech": [], "tools": []} for row in told}
    for type_, name, columns in (("speech", "speech", SPEECH), ("tool_call", "tools", TOOLS)):
        for row in log.select([*KEY, *columns], types=[type_]).to_dict("records") if lanes else ():
            if (key := _key(row)) in lanes and pd.notna(row["audio_start_ms"]):
                lanes[key][name].append([None if pd.isna(row[column]) else row[column] for column in columns])
    return lanes


def _key(row: dict[Any, Any]) -> Key:
    run, domain, task, trial = (None if value is None or value != value or str(value) == "<NA>" else value for value in map(row.get, KEY))
    return str(run or ""), str(domain or ""), str(task or ""), str(int(trial or 0))


def both_at_once(speech: list[list[Any]]) -> list[tuple[float, float]]:
    """Return from when to when both sides speak, in ms."""
    user, agent = ([(row[2], row[2] + row[3]) for row in speech if row[0] == side] for side in ("user", "agent"))
    spans = [(max(one[0], other[0]), min(one[1], other[1])) for one in user for other in agent]
    return [(start, end) for start, end in spans if start < end]
