"""Every conversation that was recorded of a log's simulations, from whatever holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.conversations.conversation import Conversation, Key, Told
from tau2_logging.analysis.conversations.database_changes import changes_in
from tau2_logging.analysis.conversations.eval_source import told_by_eval
from tau2_logging.analysis.conversations.fault_shown import fault_in
from tau2_logging.analysis.conversations.masked import masked, search
from tau2_logging.analysis.conversations.measured_turns import measured_in
from tau2_logging.analysis.conversations.payloads import told_by_payloads
from tau2_logging.analysis.conversations.reference import cause_in, reference_of
from tau2_logging.analysis.conversations.results_source import told_by_checkpoint, told_by_results
from tau2_logging.analysis.conversations.rewards_told import parts_of, task_of
from tau2_logging.analysis.conversations.turn_times import CallsBySimulation, key_of, set_clock
from tau2_logging.analysis.conversations.turns import turns_of
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.attribution.accusation import FAULT_NAMES
from tau2_logging.analysis.deep.attribution.attribute import attributed
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.reading.inputs import Files, beside, run_names, sort_out
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.analysis.deep.reading.recorded_conversation import RecordedConversation
from tau2_logging.analysis.deep.recall import gold_actions
from tau2_logging.analysis.deep.root_causes import cause_of, evidence
from tau2_logging.analysis.recordings.inspect_eval import SUFFIX

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

NOT_RECORDED = (
    "The conversation was not recorded: there is no results file, no checkpoint and no payload of it. A run keeps them in "
    "runs/<run>/ beside its log; a log of --log-level DEBUG holds them itself."
)


@dataclass
class ConversationReader:
    """The conversations of a log. `deep`: the deep analysis of the same simulations, if there is one already."""

    log: RunLog
    deep: LogAnalyzer | None = None

    @cached_property
    def files(self) -> Files:
        """What lies beside the log, or what the log was made of."""
        named = [path for name in self.log.files if (path := Path(name)).suffix == ".json" and path.is_file()]
        files = beside(self.log)
        files.results = list(dict.fromkeys([*files.results, *sort_out(named).results]))
        return files

    @cached_property
    def analysis(self) -> LogAnalyzer:
        """The deep analysis; made if there is none."""
        return self.deep if self.deep is not None else LogAnalyzer.of_log(self.log, self.files.results, timed=False)

    @property
    def is_empty(self) -> bool:
        """Whether neither a file nor the log itself holds a conversation."""
        return not self.files and not self._evals and "llm_payload" not in self.log.store.types()

    def faults(self) -> dict[Key, str]:
        """Return whose fault each simulation that was not solved is, under the same condition as `causes`."""
        if self.deep is None and not self.files:
            return {}
        return {key: FAULT_NAMES[attributed(FailedCase(found, self._said.get(key)))["fault"]] for key, found in self._evidence.items()}

    def causes(self) -> dict[Key, str]:
        """Return the likely cause of each simulation that was not solved, if more than the log is known of them."""
        if self.deep is None and not self.files:
            return {}
        return {key: cause_of(found)[0] for key, found in self._evidence.items()}

    def conversations(self, only: set[Key] | None = None) -> Iterator[Conversation]:
        """Yield one conversation after the other; each simulation once, from the source that tells most of it. `only`: those of these."""
        if self.is_empty:
            return
        calls, has_sign = CallsBySimulation(self.log), search()
        for told in self._told(set(calls.begins) if only is None else only):
            turns = turns_of(told)
            spoken = any(turn.audio_at_ms is not None for turn in turns)
            clocked = spoken or set_clock(turns, calls.of(told.key), calls.begins[told.key])
            yield masked(self._conversation(told, turns, clocked), has_sign)

    def _told(self, wanted: set[Key]) -> Iterator[Told]:
        left = set(wanted)
        for told in self._in_files():
            if told.key in left and told.messages:
                left.remove(told.key)
                yield told
        yield from told_by_payloads(self.log, left)

    def _in_files(self) -> Iterator[Told]:
        for path, run in run_names(self.files.results).items():
            yield from told_by_results(path, run)
        for path in self.files.checkpoints:
            yield from told_by_checkpoint(path)
        for path in self._evals:
            yield from told_by_eval(path)

    @property
    def _evals(self) -> list[Path]:
        return [path for name in self.log.files if (path := Path(name)).suffix == SUFFIX]

    def _conversation(self, told: Told, turns: Sequence[Any], clocked: bool) -> Conversation:
        found = self._evidence.get(told.key)
        return Conversation(
            told.key,
            told.source,
            list(turns),
            task_of(told.task),
            told.policy,
            reference_of(self._actions.get(told.key, ()), turns),
            parts_of(told.reward),
            self._changes.get(told.key, []),
            None if found is None else cause_in(found, turns),
            None if found is None else fault_in(FailedCase(found, self._said.get(told.key)), told.messages),
            measured_in(self.analysis.recorded.measured.get(told.key)),
            list(self._missing(told, turns, clocked)),
        )

    def _missing(self, told: Told, turns: Sequence[Any], clocked: bool) -> Iterator[str]:
        if told.task is None:
            yield f"The {told.source} does not hold the task and its reference actions."
        if told.reward is None:
            yield f"The {told.source} does not hold the parts of the reward."
        elif not told.reward.get("reward_breakdown"):
            yield f"The reward was not judged part by part{_why(told.reward)}"
        if not told.policy:
            yield f"The {told.source} does not hold the policy."
        if not clocked:
            yield "The calls of the log could not be matched to the turns: times are those of the messages, or unknown."
        if told.key not in self._changes and not self.files.events:
            yield "What changed in the database was not recorded: run with --events."

    @cached_property
    def _changes(self) -> dict[Key, list[dict[str, Any]]]:
        return changes_in(self.files.events)

    @cached_property
    def _evidence(self) -> dict[Key, Any]:
        return {key_of(found.simulation): found for found in evidence(self.analysis.recorded, self._gold)}

    @cached_property
    def _said(self) -> dict[Key, RecordedConversation]:
        return {(one.run, one.domain, one.task, str(one.trial)): one for one in self.analysis.recorded.conversations.values()}

    @cached_property
    def _actions(self) -> dict[Key, list[dict[str, Any]]]:
        found: dict[Key, list[dict[str, Any]]] = {}
        for row in self._gold:
            found.setdefault(key_of(row), []).append(row)
        return found

    @cached_property
    def _gold(self) -> list[dict[str, Any]]:
        return records(gold_actions(self.analysis.recorded))


def _why(reward: Any) -> str:
    note = (reward.get("info") or {}).get("note")
    return f": {note}" if note else "."


def conversations_of(log: RunLog, deep: LogAnalyzer | None = None) -> Iterable[Conversation]:
    """Return every conversation that was recorded of the log's simulations. Raises UserError if what lies beside the log cannot be read."""
    return ConversationReader(log, deep).conversations()
