"""The agent's model calls of a run as a load: how long each prompt and reply was, when it was asked for, and what prompts had in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.deep.reading.files.results_files import domain_of, read_file, simulations_of
from tau2_logging.analysis.deep.reading.inputs import beside, is_results
from tau2_logging.analysis.deep.reading.messages import flat
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_CHARACTERS_PER_TOKEN = 4
_TOKENS_OF_A_MESSAGE = 4
"""What a chat template adds to a message, about."""


@dataclass(frozen=True)
class LoadRequest:
    """One model call. `start_ms` counts from the first call of the trace; `reasoning` tokens are part of `reply` and not sent again."""

    start_ms: float
    end_ms: float
    prompt: int
    reply: int
    reasoning: int = 0


@dataclass(frozen=True)
class LoadSession:
    """The model calls of one simulation, in order."""

    name: str
    requests: Sequence[LoadRequest]


@dataclass(frozen=True)
class LoadTrace:
    """Sessions in the order of their start. `shared_tokens`: how many tokens at the start of all prompts are the same; None if not known.
    `left_out`: calls that failed, or whose time or length is unknown."""

    model: str
    sessions: Sequence[LoadSession]
    shared_tokens: int | None
    left_out: int
    concurrency: int

    @property
    def requests(self) -> list[LoadRequest]:
        """Return every request, by its start."""
        return sorted((one for session in self.sessions for one in session.requests), key=lambda one: one.start_ms)


def load_trace(log: RunLog, model: str | None = None) -> LoadTrace:
    """Return the load that a run's agent was. Raises UserError if there is none, or if it is of several runs or models."""
    if len(runs := [str(one.run_id) for one in log.by_run]) > 1:
        raise UserError(f"a trace is of one run, and here are {', '.join(runs)}; name one with --run")
    asked = log.select(types=("llm_call",))
    models = sorted(set(asked["model"].dropna())) if len(asked) else []
    if model is None and len(models) > 1:
        raise UserError(f"the agent asked several models: {', '.join(models)}; a trace is of one server, so choose with --model")
    if model is not None and model not in models:
        raise UserError(f"no call of the agent is to {model!r}; it asked {', '.join(models) or 'no model'}")
    asked = asked if model is None else asked[asked["model"] == model]
    known = _known(asked)
    if known.empty:
        raise UserError("no model call of the agent with its time and tokens; there is nothing to replay")
    origin = float(known["start_ms"].min())
    groups = known.groupby(["domain", "task", "trial"], sort=False, dropna=False)
    sessions = [LoadSession("/".join(map(str, key)), _requests(rows, origin)) for key, rows in groups]
    sessions.sort(key=lambda session: session.requests[0].start_ms)
    shared = _shared_tokens(sessions, _openings(log))
    return LoadTrace(model or "".join(models[:1]), sessions, shared, len(asked) - len(known), _most_at_once(sessions))


def _known(asked: pd.DataFrame) -> pd.DataFrame:
    for name in ("input_tokens", "output_tokens", "duration_ms", "start_ms"):
        if name not in asked:
            return asked.iloc[:0]
        asked = asked[asked[name].notna()]
    failed = asked["error"].fillna(False).astype(bool)
    return asked[~failed & (asked["input_tokens"] > 0) & (asked["output_tokens"] > 0)]


def _requests(rows: pd.DataFrame, origin: float) -> list[LoadRequest]:
    reasoning = rows["reasoning_tokens"].fillna(0) if "reasoning_tokens" in rows else rows["output_tokens"] * 0
    columns = (rows["start_ms"], rows["duration_ms"], rows["input_tokens"], rows["output_tokens"], reasoning)
    found = [
        LoadRequest(float(start) - origin, float(start) - origin + float(took), int(prompt), int(reply), int(thought))
        for start, took, prompt, reply, thought in zip(*columns, strict=True)
    ]
    return sorted(found, key=lambda one: one.start_ms)


def _most_at_once(sessions: Sequence[LoadSession]) -> int:
    """Return the most sessions that were under way at a time."""
    moments = [(session.requests[0].start_ms, 1) for session in sessions]
    moments += [(max(one.end_ms for one in session.requests), -1) for session in sessions]
    most = running = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def _shared_tokens(sessions: Sequence[LoadSession], openings: Mapping[str, int]) -> int | None:
    """Return how long the instructions, the policy and the tools are that all first prompts start with: what is left of each when the
    messages before it are taken away, the least of all. None if the messages are not known, or if a simulation has no user: then its
    instructions hold its task."""
    if len(sessions) < 2 or not all(session.name in openings for session in sessions):
        return None
    return max(0, min(session.requests[0].prompt - openings[session.name] for session in sessions))


def _openings(log: RunLog) -> dict[str, int]:
    """Return about how many tokens the messages before the first model call of each simulation have, of those that a user opened."""
    named = [Path(file) for file in log.files if is_results(Path(file)) and Path(file).suffix != ".eval"]
    found: dict[str, int] = {}
    for path in named or beside(log).results:
        data = read_file(path)
        domain = domain_of(path, data)
        for task, trial, simulation in simulations_of(data, path, []):
            before = list(_before_the_agent(simulation))
            if any(message.get("role") == "user" for message in before):
                text = sum(len(str(message.get("content") or "")) for message in before)
                found[f"{domain}/{task}/{trial}"] = text // _CHARACTERS_PER_TOKEN + _TOKENS_OF_A_MESSAGE * len(before)
    return found


def _before_the_agent(simulation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the messages up to the first reply of the agent's model; tau2's greeting is none."""
    for message in flat(simulation.get("messages") or ()):
        if message.get("role") == "assistant" and (message.get("usage") or message.get("tool_calls")):
            return
        yield message
