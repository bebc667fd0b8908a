"""A recorded conversation made again on fresh environments of tau2: each call is answered as it was recorded, or the reason why not."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.environments import FastDatabases
from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.errors import Tau2LoggingError
from tau2_logging.events.retrieval_tools import is_retrieval
from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.runner.harness.tau2_harness import Tau2Harness

UNREADABLE = "the installed tau2 cannot read it"
NO_START = "its initial state cannot be set"
OTHER_ANSWER = "a tool answers otherwise than recorded"
OTHER_DATABASE = "the database differs from the recorded one"
_RANDOM = frozenset({"refuel_data"})
"""Tools of tau2 that put a random id into the database: no two databases are alike after them."""
_NO_TIMES = {"start_time": "1970-01-01T00:00:00", "end_time": "1970-01-01T00:00:00", "duration": 0.0}
"""What tau2 wants a simulation to say of itself, and some recordings do not."""
_SHOWN = 120
_TOOK = re.compile(r"\n\n\[Timing: [^\[\]]*\]\Z")
"""How tau2 v1 ends the answer of a search."""


class ReplayRefused(Tau2LoggingError):
    """A conversation cannot be made again as it was. `reason` is one of the constants above, the text has the evidence."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(f"{reason}: {evidence}" if evidence else reason)
        self.reason = reason
        self.evidence = evidence


@dataclass(frozen=True)
class KnownHashes:
    """tau2's hashes of the databases as they were recorded: (agent's or user's, hash) after a call by its id, and both at the end."""

    after_call: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    at_end: tuple[str | None, str | None] = (None, None)


class ConversationRebuilder:
    """Environments of tau2 and its classes of messages. Use it in a `with` block: databases are parsed once inside it."""

    def __init__(self, harness: Tau2Harness) -> None:
        self._harness = harness
        self._simulations = importlib.import_module("tau2.data_model.simulation").SimulationRun
        self._tasks = importlib.import_module("tau2.data_model.tasks")
        self._databases = DatabaseSubstitutes("tau2", FastDatabases())
        self._stack = ExitStack()

    def __enter__(self) -> ConversationRebuilder:
        self._databases.install()
        self._stack.callback(self._databases.uninstall)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def simulation(self, recorded: Mapping[str, Any]) -> Any:
        """Return tau2's SimulationRun of a recorded one. Raises ReplayRefused."""
        try:
            return self._simulations.model_validate({**_NO_TIMES, **{name: one for name, one in recorded.items() if one is not None}})
        except Exception as error:
            raise ReplayRefused(UNREADABLE, _brief(error)) from error

    def task(self, recorded: Mapping[str, Any]) -> Any:
        """Return tau2's Task of a recorded one. Raises ReplayRefused."""
        try:
            return self._tasks.Task.model_validate(dict(recorded))
        except Exception as error:
            raise ReplayRefused(UNREADABLE, f"task: {_brief(error)}") from error

    def play_again(
        self, domain: str, task: Any, messages: Sequence[Any], solo: bool, known: KnownHashes, retrieval: str | None = None
    ) -> int:
        """Make every call of the messages in a fresh environment; return how many there were.

        Raises ReplayRefused at the first whose answer, or whose database afterwards, is not the recorded one.
        """
        environment = self._started(domain, task, solo, retrieval)
        number, comparable = 0, True
        for number, (call, answer) in enumerate(calls_of(messages), 1):
            given = environment.get_response(call)
            if not (_same_documents if is_retrieval(domain, call.name, call.requestor) else same_answer)(given.content, answer.content):
                raise ReplayRefused(OTHER_ANSWER, _difference(number, call, given.content, answer.content))
            comparable = comparable and call.name not in _RANDOM
            if comparable and call.id in known.after_call:
                _compare_hash(environment, *known.after_call[call.id], f"after call {number}, {call.name}")
            environment.sync_tools()
        for database, hash_ in zip(("agent", "user"), known.at_end, strict=True):
            if comparable and hash_ is not None:
                _compare_hash(environment, database, hash_, "at the end")
        return number

    def _started(self, domain: str, task: Any, solo: bool, retrieval: str | None) -> Any:
        try:
            environment = self._harness.new_environment(domain, task, retrieval, **({"solo_mode": True} if solo else {}))
            set_initial_state(environment, task, with_history=False)
        except Exception as error:
            raise ReplayRefused(NO_START, _brief(error)) from error
        return environment


def calls_of(messages: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each call with the message that answers it. Raises ReplayRefused for one that has none."""
    rest = iter(messages)
    for message in rest:
        for call in getattr(message, "tool_calls", None) or ():
            answer = next(rest, None)
            if answer is None or answer.role != "tool" or answer.id != call.id:
                raise ReplayRefused(UNREADABLE, f"the answer to {call.name} is missing, or is not where tau2 puts it")
            yield call, answer


def _same_documents(one: str | None, other: str | None) -> bool:
    """Return whether two searches found the same: their answers end with how long they took."""
    return _TOOK.sub("", one or "") == _TOOK.sub("", other or "")


def same_answer(one: str | None, other: str | None) -> bool:
    """Return whether two answers of a tool are the same to tau2's evaluator: as JSON if they are that, else as text."""
    return bool(_value(one) == _value(other))


def _value(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return text


def _difference(number: int, call: Any, now: str | None, then: str | None) -> str:
    return f"call {number}, {call.name}: now {_cut(now)}, recorded {_cut(then)}"


def _cut(text: str | None) -> str:
    return shorten(repr(mask_text(text or "")), _SHOWN)


def _compare_hash(environment: Any, database: str, known: str, where: str) -> None:
    found = environment.get_db_hash() if database == "agent" else environment.get_user_db_hash()
    if found != known:
        raise ReplayRefused(OTHER_DATABASE, f"{where}: the {database}'s has hash {str(found)[:12]}, recorded {known[:12]}")


def _brief(error: BaseException) -> str:
    return shorten(" ".join(mask_text(error_line(error)).split()), 2 * _SHOWN)
