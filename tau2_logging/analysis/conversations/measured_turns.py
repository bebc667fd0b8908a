"""What `branch` measured of a conversation, as its page shows it: the chance of success over its turns, what else saves it."""

from __future__ import annotations

from typing import Any

from tau2_logging.analysis.deep.attribution.branch_files import MeasuredTurns


def measured_in(found: MeasuredTurns | None) -> dict[str, Any] | None:
    """Return the curve as [turn, chance, solved, scored], how it ended, the decisive turn (from 0, as pages count inside) and sentences.
    None if nothing was measured."""
    if found is None:
        return None
    scan = found.scan
    curve = [] if scan is None else [[one["turn"], one["chance"], one["solved"], one["scored"]] for one in scan["chances"]]
    return {
        "curve": curve,
        "turns": found.turns,
        "won": None if scan is None else bool(scan.get("reward") == 1.0),
        "turn": None if found.decisive is None else found.decisive["turn"] - 1,
        "decided": found.decided(),
        "saved": found.saved(),
    }
