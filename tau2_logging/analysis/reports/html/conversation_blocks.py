"""The conversations as report.html embeds them: compressed blocks of some simulations each, which the page unpacks when it shows one."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.conversations.conversation import Conversation, Key, ToolCall, Turn
from tau2_logging.analysis.conversations.read_conversations import NOT_RECORDED, ConversationReader
from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.reports.html.run_data import MOST_SIMULATIONS
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.errors import Tau2LoggingError

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog
    from tau2_logging.analysis.timeline.timeline import Timeline

IN_A_BLOCK = 50
"""Simulations of a block: a page unpacks one block, and neighbors compress each other."""
LEFT_OUT = "Conversations were left out of this page (--no-content)."


@dataclass
class Blocks:
    """Compressed blocks being filled. `data` says of each simulation of the page where its conversation is."""

    packed: list[str] = field(default_factory=list)
    _open: list[dict[str, Any]] = field(default_factory=list)
    _policies: dict[str, int] = field(default_factory=dict)

    def add(self, conversation: Conversation) -> tuple[int, int]:
        """Add one; returns its block and its place in it."""
        if len(self._open) == IN_A_BLOCK:
            self.close()
        kept = without_blanks(conversation)
        if (policy := kept.pop("policy", None)) is not None:
            kept["policy"] = self._policies.setdefault(policy, len(self._policies))
        self._open.append(kept)
        return len(self.packed), len(self._open) - 1

    def close(self) -> None:
        """Compress what was added since the block before."""
        if self._open:
            text = json.dumps({"policies": list(self._policies), "conversations": self._open}, separators=(",", ":"), default=str)
            self.packed.append(base64.b64encode(zlib.compress(text.encode(), 6)).decode())
        self._open, self._policies = [], {}


_EXACT = ("arguments", "changes")
"""Fields whose values are shown as they were recorded, absent ones and empty ones too."""
_TELLING = ("error", "met", "full")
"""Fields whose False says something."""


_PARTS = (Turn, ToolCall, Conversation)
_PLAIN = frozenset((str, int, bool, type(None)))


def without_blanks(value: Any) -> Any:
    """Return a value without the fields that are None, false or empty; of a part of a conversation its fields."""
    if isinstance(value, list | tuple):
        return [item if type(item) in _PLAIN else without_blanks(item) for item in value]
    fields = value if isinstance(value, dict) else vars(value) if isinstance(value, _PARTS) else None
    if fields is None:
        return exact(value)
    return {
        name: item if type(item) in _PLAIN else exact(item) if name in _EXACT else without_blanks(item)
        for name, item in fields.items()
        if not (item is None or item == [] or (item is False and name not in _TELLING))
    }


def exact(value: Any) -> Any:
    """Return a value as JSON has it: a number that JSON does not have is None."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(name): exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return round(value, 9) if isinstance(value, float) and isfinite(value) else None if isinstance(value, float) else value


def conversation_data(log: RunLog, timeline: Timeline, options: ReportOptions) -> tuple[dict[str, Any], list[str]]:
    """Return (what the page says of conversations, the blocks). A recording that cannot be read is a note on the page, and no error."""
    if not options.content:
        return {"note": LEFT_OUT}, []
    table = timeline.rows.iloc[:MOST_SIMULATIONS][[*KEY, "row", "counted"]]
    rows = {key_of(row): int(row["row"]) for row in table[table["counted"].astype(bool)].to_dict("records")}
    blocks, reading = Blocks(), ConversationReader(log, options.deep)
    try:
        where = {rows[one.key]: blocks.add(one) for one in reading.conversations() if one.key in rows}
        causes = {rows[key]: cause for key, cause in reading.causes().items() if key in rows}
        faults = {rows[key]: fault for key, fault in reading.faults().items() if key in rows}
        others = list(_others(options.compare, {key[1:3] for key in rows}, blocks))
    except (Tau2LoggingError, AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, Tau2LoggingError) else f"{type(error).__name__}: {error}"
        return {"note": f"Conversations could not be read: {reason}"}, []
    blocks.close()
    note = _note(len(where), len(rows))
    return {"where": where, "causes": causes, "faults": faults, "others": others, "note": note, "blocks": len(blocks.packed)}, blocks.packed


def _note(found: int, of: int) -> str:
    if found == of:
        return ""
    return NOT_RECORDED if not found else f"Of {of - found:,} of {of:,} simulations the conversation was not recorded."


def _others(other: RunLog | None, tasks: Iterable[tuple[str, ...]], blocks: Blocks) -> Iterator[dict[str, Any]]:
    """Yield the conversations of the other run of a comparison, of tasks that this one has."""
    if other is None:
        return
    wanted, rewards = set(tasks), _rewards(other)
    for one in ConversationReader(other).conversations():
        if one.key[1:3] in wanted:
            run, domain, task, trial = one.key
            place = blocks.add(one)
            yield {"run": run, "domain": domain, "task": task, "trial": int(trial), "reward": rewards.get(one.key), "at": place}


def _rewards(log: RunLog) -> dict[Key, float | None]:
    rows = log.simulations[[*KEY, "reward"]].to_dict("records")
    return {key_of(row): None if row["reward"] != row["reward"] or row["reward"] is None else float(row["reward"]) for row in rows}
