"""Who spoke when, as report.html embeds it: the two lanes of each voice simulation, in audio time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.reports.html.run_data import MOST_SIMULATIONS
from tau2_logging.analysis.tables.simulations import KEY

if TYPE_CHECKING:
    from tau2_logging.analysis.conversations.conversation import Key
    from tau2_logging.analysis.run_log import RunLog
    from tau2_logging.analysis.timeline.timeline import Timeline

_SPEECH = (
    "speaker", "speech_kind", "audio_start_ms", "audio_ms", "audio_overlap_ms", "answered", "audio_response_ms", "yielded",
    "audio_yield_ms",
)  # fmt: skip
_TOOLS = ("function", "audio_start_ms", "audio_ms", "error", "requestor")


def voice_data(log: RunLog, timeline: Timeline) -> dict[int, dict[str, Any]]:
    """Return, by row of the timeline: `audio`, the conversation's length in ms; `speech` and `tools`, rows of _SPEECH and _TOOLS."""
    rows = {key_of(row): int(row["row"]) for row in timeline.rows.iloc[:MOST_SIMULATIONS].to_dict("records") if row["counted"]}
    summaries = log.select([*KEY, "audio_ms"], types=["speech_summary"])
    speech, tools = _by_key(log, "speech", _SPEECH), _by_key(log, "tool_call", _TOOLS)
    return {
        rows[key]: {
            "audio": row["audio_ms"],
            "speech": speech.get(key, []),
            "tools": [one for one in tools.get(key, []) if one[1] is not None],
        }
        for row in summaries[summaries["audio_ms"].notna()].to_dict("records")
        if (key := key_of(row)) in rows
    }


def _by_key(log: RunLog, type_: str, columns: tuple[str, ...]) -> dict[Key, list[list[Any]]]:
    found: dict[Key, list[list[Any]]] = {}
    for row in log.select([*KEY, *columns], types=[type_]).to_dict("records"):
        found.setdefault(key_of(row), []).append([None if pd.isna(row[name]) else row[name] for name in columns])
    return found
