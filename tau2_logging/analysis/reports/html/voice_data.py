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

_ROWS = {
    "speech": (
        "speaker", "speech_kind", "audio_start_ms", "audio_ms", "audio_overlap_ms", "answered", "audio_response_ms", "yielded",
        "audio_yield_ms",
    ),
    "tool_call": ("function", "audio_start_ms", "audio_ms", "error", "requestor"),
}  # fmt: skip


def voice_data(log: RunLog, timeline: Timeline) -> dict[int, dict[str, Any]]:
    """Return, by row of the timeline: `audio`, the conversation's length in ms; `speech` and `tools`, rows of _ROWS."""
    summaries = log.select([*KEY, "audio_ms"], types=["speech_summary"]).dropna(subset="audio_ms")
    if summaries.empty:
        return {}
    rows = {key_of(row): int(row["row"]) for row in timeline.rows.iloc[:MOST_SIMULATIONS].to_dict("records") if row["counted"]}
    speech, tools = (_by_key(log.select([*KEY, *columns], types=[type_], of=summaries)) for type_, columns in _ROWS.items())
    return {
        rows[key]: {
            "audio": row["audio_ms"],
            "speech": speech.get(key, []),
            "tools": [one for one in tools.get(key, []) if one[1] is not None],
        }
        for row in summaries.to_dict("records")
        if (key := key_of(row)) in rows
    }


def _by_key(table: pd.DataFrame) -> dict[Key, list[list[Any]]]:
    found: dict[Key, list[list[Any]]] = {}
    for row in table.to_dict("records"):
        found.setdefault(key_of(row), []).append([None if pd.isna(value) else value for name, value in row.items() if name not in KEY])
    return found
