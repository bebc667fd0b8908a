"""The log's clock on the turns: when each started, how long it took, its tokens, its cost and its line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.conversations.conversation import Key, ToolCall, Turn
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.simulations import KEY, TIMED_TYPES
from tau2_logging.events.roles import AGENT_SIDE_TYPES, BY_NAME

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

Call = dict[str, Any]
_FIRST = {"assistant": BY_NAME["agent"].event, "user": BY_NAME["user"].event}
_TYPES = {"assistant": AGENT_SIDE_TYPES, "user": frozenset((_FIRST["user"],))}
_TOOL = BY_NAME["tool"].event
_OF_CALL = ("type", "step", "start_ms", "duration_ms", "input_tokens", "output_tokens", "cost_usd", "error", "line")
_OF_TURNS = {*_TYPES["assistant"], *_TYPES["user"], _TOOL}


def key_of(row: Mapping[str, Any]) -> Key:
    """Return the simulation of a row of the log or of the recording."""
    run, domain, task, trial = ("" if (value := row.get(name)) is None or value is pd.NA or value != value else value for name in KEY)
    return str(run), str(domain), str(task), str(int(trial)) if trial != "" else "0"


class CallsBySimulation:
    """The calls of a log by simulation, of the attempt that counts, in order of start. Only those of one simulation at a time are rows."""

    def __init__(self, log: LogData) -> None:
        self.begins = {key_of(row): row["start_ms"] for row in log.simulations[[*KEY, "start_ms"]].to_dict("records")}
        table = log.select([*KEY, *_OF_CALL], types=TIMED_TYPES)
        number = table.groupby(KEY, dropna=False, sort=False).ngroup().to_numpy()
        firsts = np.unique(number, return_index=True)[1]
        keys = [key_of(row) for row in table[KEY].iloc[firsts].to_dict("records")]
        starts = numbers(table, "start_ms")
        begins = np.array([self.begins.get(key, np.inf) for key in keys], dtype=float)
        counts = np.flatnonzero(~(starts < begins[number]))
        order = counts[np.lexsort((np.nan_to_num(starts[counts]), number[counts]))]
        self._columns = [table[name].to_numpy(dtype=object, na_value=None)[order].tolist() for name in _OF_CALL]
        edges = np.searchsorted(number[order], np.arange(len(keys) + 1)).tolist()
        self._places: defaultdict[Key, list[slice]] = defaultdict(list)
        for key, low, high in zip(keys, edges, edges[1:], strict=False):
            self._places[key].append(slice(low, high))

    def of(self, key: Key) -> list[Call]:
        """Return the calls of a simulation: _OF_CALL, None if absent."""
        places = self._places.get(key, ())
        rows = [row for place in places for row in zip(*(column[place] for column in self._columns), strict=True)]
        calls = [dict(zip(_OF_CALL, row, strict=True)) for row in rows]
        return calls if len(places) < 2 else sorted(calls, key=lambda call: call["start_ms"] or 0.0)


def set_clock(turns: Sequence[Turn], calls: Sequence[Call], began: float) -> bool:
    """Set what the log knows on the turns; whether its calls could be distinguished turn by turn."""
    live = [turn for turn in turns if not turn.before]
    pairs = _by_step(live, calls) or _by_order(live, calls)
    if pairs is None:
        return False
    for thing, mine in pairs:
        _set(thing, mine, began)
    return True


Pairs = list[tuple[Turn | ToolCall, list[Call]]]


def _by_step(turns: Sequence[Turn], calls: Sequence[Call]) -> Pairs | None:
    """Return turns and the calls of their steps: each message of agent or user is a step, and so are the results of its calls together."""
    steps: defaultdict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call["type"] in _OF_TURNS:
            if call.get("step") is None:
                return None
            steps[int(call["step"])].append(call)
    waiting, pairs = [steps[number] for number in sorted(steps)], Pairs()
    for number, turn in enumerate(turns):
        if number == 0 and waiting and not _made_by(turn, waiting[0]):
            continue  # tau2 says the first sentence itself
        if waiting and not _made_by(turn, waiting[0]):
            return None
        if waiting:
            pairs.append((turn, waiting.pop(0)))
        if turn.calls and waiting:
            tools = waiting.pop(0)
            if any(call["type"] != _TOOL for call in tools) or len(tools) > len(turn.calls):
                return None
            pairs += [(use, [call]) for use, call in zip(turn.calls, tools, strict=False)]
    return pairs or None


def _made_by(turn: Turn, calls: Iterable[Call]) -> bool:
    return any(call["type"] in _TYPES.get(turn.who, ()) for call in calls)


def _by_order(turns: Sequence[Turn], calls: Sequence[Call]) -> Pairs | None:
    """Return turns and the calls that succeeded, role by role in order, if there are as many of them."""
    pairs = Pairs()
    for who, type_ in _FIRST.items():
        mine = [turn for turn in turns if turn.who == who]
        made = [call for call in calls if call["type"] == type_ and not call.get("error")]
        mine = mine[1:] if who == "assistant" and len(mine) == len(made) + 1 else mine
        if len(mine) != len(made):
            return None
        pairs += [(turn, [call]) for turn, call in zip(mine, made, strict=True)]
    uses = [use for turn in turns for use in turn.calls if use.error is not None]
    tools = [call for call in calls if call["type"] == _TOOL]
    return pairs + [(use, [call]) for use, call in zip(uses, tools, strict=True)] if len(uses) == len(tools) else None


def _set(thing: Turn | ToolCall, calls: list[Call], began: float) -> None:
    first, last = calls[0], calls[-1]
    thing.line = last.get("line")
    thing.at_ms = None if first["start_ms"] is None else max(0.0, first["start_ms"] - began)
    thing.ms = _sum(calls, "duration_ms")
    if isinstance(thing, Turn):
        tokens = [_sum(calls, name) for name in ("input_tokens", "output_tokens")]
        thing.tokens_in, thing.tokens_out = (None if count is None else int(count) for count in tokens)
        thing.usd, thing.model_calls = _sum(calls, "cost_usd"), len(calls)


def _sum(calls: Iterable[Call], name: str) -> float | None:
    values = [call.get(name) for call in calls]
    return None if any(value is None for value in values) else float(sum(value for value in values if value is not None))
