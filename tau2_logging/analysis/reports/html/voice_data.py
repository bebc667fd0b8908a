"""The lanes of voice simulations as report.html embeds them, by row of the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.reports.html.run_data import MOST_SIMULATIONS
from tau2_logging.analysis.tables.voice.speech_lanes import speech_lanes

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog
    from tau2_logging.analysis.timeline.timeline import Timeline


def voice_data(log: RunLog, timeline: Timeline) -> dict[int, dict[str, Any]]:
    """Return `speech_lanes` by row of the timeline."""
    lanes = speech_lanes(log)
    rows = timeline.rows.iloc[:MOST_SIMULATIONS].to_dict("records") if lanes else []
    return {int(row["row"]): lanes[key] for row in rows if row["counted"] and (key := key_of(row)) in lanes}
