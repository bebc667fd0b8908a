"""One set of rows from several sources of the same run: the results file says what happened, the log how long it took, events the rest."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from tau2_logging.analysis.deep.reading.known_tools import known_type
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Row, Rows

Key = tuple[Any, ...]

_FROM_LOG = ("duration_ms", "injected")
_FROM_EVENTS = ("tool_type", "complexity", "missing", "unexpected", "wrong_type", "outside_enum", "state_changed", "duration_ms")


def combined(results: Rows, logs: Rows, events: Rows) -> Rows:
    """Return the rows of all sources, each simulation once.

    A simulation is told by the results file if that holds it, else by the log, else by its events. Calls of the log are those of the
    trajectory in the same order; events are found by call id, or by order if the simulation is not in a results file.
    """
    found = Rows(
        gold=_once(results.gold, ["run", "domain", "task", "index"]), remarks=events.remarks, refused=[*results.refused, *events.refused]
    )
    said = {row["run"] for row in logs.settings}  # a run's log knows more of it than its results file
    found.settings = [*logs.settings, *(row for row in results.settings if row["run"] not in said)]
    found.tasks = [*results.tasks, *logs.tasks]
    found.conversations = results.conversations
    told = {key_of(row): row for row in _once(results.simulations, RUN_KEY)}
    of_log = {key_of(row): row for row in logs.simulations}
    found.simulations = [{**row, **_ended(of_log.get(key, {}))} for key, row in told.items()]
    found.simulations += [row for key, row in of_log.items() if key not in told]
    calls, log_calls, event_calls = (by_simulation(rows.calls) for rows in (results, logs, events))
    for key in dict.fromkeys([*told, *of_log, *event_calls]):
        mine = calls[key] if key in told else log_calls[key]
        if key in told:
            _enrich(mine, {row["position"]: row for row in log_calls.get(key, ())}, _FROM_LOG)
        if not mine and key not in told and key not in of_log:
            found.simulations.append({**dict(zip(RUN_KEY, key, strict=True)), "status": "unknown", "talk": False})
        found.calls += _with_events(mine, event_calls.get(key, []), key in told)
    found.replies = _replies(results, logs)
    _spread_tool_types(found)
    return found


def key_of(row: Row) -> Key:
    """Return the key of a row's simulation."""
    return row.get("run"), row.get("domain"), row.get("task"), row.get("trial")  # RUN_KEY; a loop takes three times as long


def text_key(row: Row) -> tuple[str, str, str, str]:
    """Return the key of a row's simulation as text, as files beside a run have it."""
    run, domain, task, trial = (str(row.get(name)) for name in RUN_KEY)
    return run, domain, task, trial


def by_simulation(rows: Iterable[Row]) -> defaultdict[Key, list[Row]]:
    """Return the rows of each simulation, in their order."""
    found: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[key_of(row)].append(row)
    return found


def _once(rows: Iterable[Row], names: list[str]) -> list[Row]:
    """Return the last row of each key: a file may be given twice."""
    return list({tuple(row.get(name) for name in names): row for row in rows}.values())


def _ended(row: Row) -> Row:
    """Return how the log says that the simulation ended, and how long it took by a monotonic clock."""
    return {name: row[name] for name in ("status", "duration_s", "ended_in") if row.get(name) is not None and row[name] == row[name]}


def _enrich(calls: Iterable[Row], others: dict[Any, Row], names: Iterable[str]) -> None:
    for call in calls:
        other = others.get(call.get("position"))
        if other is not None and other["tool"] == call["tool"]:
            call.update({name: other[name] for name in names if other.get(name) is not None})


def _with_events(calls: list[Row], events: list[Row], by_id: bool) -> list[Row]:
    if not calls:
        return [{"position": position, **event} for position, event in enumerate(events)]
    if not by_id:  # the events of an attempt that was killed come before
        last = events[-len(calls) :]
        pairs = zip(calls, last, strict=False) if [e["tool"] for e in last] == [c["tool"] for c in calls] else ()
        return [{**call, **_known(event)} for call, event in pairs] or calls
    waiting: dict[Any, deque[Row]] = defaultdict(deque)
    for event in events:
        waiting[event.get("call_id")].append(event)
    repeats: dict[Any, int] = defaultdict(int)
    for call in calls:
        repeats[call.get("call_id")] += 1
    for call_id, queue in waiting.items():
        while len(queue) > repeats.get(call_id, 0):
            queue.popleft()
    for call in calls:
        queue = waiting[call.get("call_id")]
        if queue:
            event = queue.popleft()
            call.update({name: event[name] for name in _FROM_EVENTS if event.get(name) is not None})
    return calls


def _known(event: Row) -> Row:
    return {name: value for name, value in event.items() if value is not None and name not in ("position", "turn")}


def _replies(results: Rows, logs: Rows) -> list[Row]:
    """Return model calls as the log timed them, else messages; of a simulation of which the log knows no model call, the messages."""
    timed = by_simulation(logs.replies)
    messages = [row for row in results.replies if key_of(row) not in timed]
    return [*logs.replies, *messages]


def _spread_tool_types(rows: Rows) -> None:
    """A tool that is known to write writes everywhere in its domain; of tau2's own domains it is known without a record."""
    types = {(row.get("domain"), row.get("tool")): row["tool_type"] for row in (*rows.gold, *rows.calls) if row.get("tool_type")}
    for row in (*rows.calls, *rows.gold):
        tool = (row.get("domain"), row.get("tool"))
        row["tool_type"] = row.get("tool_type") or types.get(tool) or known_type(*tool)
