"""What each model call of a log was sent, put together from its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tau2_logging.events.sent_prompts import COLUMNS, PART, PAYLOAD, Prompts

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData


def prompts_of(log: LogData) -> Prompts:
    """Return the prompts of a log's calls; empty if it was not written at DEBUG."""
    prompts = Prompts()
    for row in log.select(COLUMNS, types=[PART, PAYLOAD]).to_dict("records"):
        prompts.add(row["type"], row)
    return prompts
