"""One task examined: its reference made twice, idle agents, mutants of the reference, each scored by tau2's own evaluator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.audit.finding_kinds import AuditFinding
from tau2_logging.audit.mutants import (
    ALWAYS_WRONG,
    WRITE_LEFT_OUT,
    WRONG_IF_STATE_DIFFERS,
    WRONG_NUMBER,
    Mutant,
    changed_arguments,
    extra_writes,
    mutants,
    values_of,
)  # fmt: skip
from tau2_logging.audit.policy_reading import against_policy, flights_of
from tau2_logging.audit.task_reading import TaskReader
from tau2_logging.events.task_hash import task_hash
from tau2_logging.runner.harness.conversation_replay import ConversationReplay, ReplayCall, Replayed, StateError

TALKS, TRANSFERS, STOPS = "talks", "transfers", "stops"
IDLE_AGENTS = (TALKS, TRANSFERS, STOPS)
_TRANSFER = ReplayCall("assistant", "transfer_to_human_agents", {"summary": "The customer asks for help."})


@dataclass
class TaskAudit:
    """What was found of a task. `reference` and the values of `idle` are rewards; None and no entry where none was given."""

    task: str
    text: str = ""
    """A hash of the task's text."""
    findings: list[AuditFinding] = field(default_factory=list)
    reference: float | None = None
    idle: dict[str, float] = field(default_factory=dict)
    mutants: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Kind -> (scored as they should be, made)."""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Part of the reward -> (wrong mutants that it alone would have refused, wrong mutants)."""

    @classmethod
    def of(cls, task: Any) -> TaskAudit:
        """Return the audit of a task of which nothing was found yet."""
        return cls(str(task.id), task_hash(task.model_dump(mode="json")))

    @property
    def sound(self) -> bool | None:
        """Return False with a finding that makes a task unsound, None if the reference was not examined."""
        if any(finding.unsound for finding in self.findings):
            return False
        return None if self.reference is None else True

    @property
    def idle_passes(self) -> bool:
        """Return whether an agent scores 1 that makes no call."""
        return 1 in (self.idle.get(TALKS), self.idle.get(STOPS))

    def add(self, kind: str, evidence: str) -> None:
        """Keep a finding."""
        self.findings.append(AuditFinding(kind, evidence))

    def has(self, kind: str) -> bool:
        """Return whether there is a finding of a kind."""
        return any(finding.kind == kind for finding in self.findings)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaskAudit:
        """Return what `as_json` was made of."""
        findings = [AuditFinding(one["kind"], one["evidence"]) for one in data["findings"]]
        mutants, parts = ({name: (one["caught"], one["of"]) for name, one in data[of].items()} for of in ("mutants", "parts"))
        return cls(data["id"], data["text"], findings, data["reference"], dict(data["idle"]), mutants, parts)

    def as_json(self) -> dict[str, Any]:
        """Return the task's entry in the domain's file."""
        return {
            "id": self.task,
            "text": self.text,
            "sound": self.sound,
            "findings": [{"kind": one.kind, "unsound": one.unsound, "evidence": one.evidence} for one in self.findings],
            "reference": self.reference,
            "idle": self.idle,
            **{
                of: {name: {"caught": caught, "of": made} for name, (caught, made) in counts.items()}
                for of, counts in (("mutants", self.mutants), ("parts", self.parts))
            },
        }


class TaskExaminer:
    """Examines tasks of a domain."""

    def __init__(self, replay: ConversationReplay, references: Iterable[Sequence[ReplayCall]]) -> None:
        """`references`: of all tasks of the domain; what they do elsewhere is tried as a mutant."""
        calls = [call for reference in references for call in reference]
        self._replay = replay
        self._values = values_of(calls)
        self._kinds: Mapping[tuple[str, str], str] = replay.tool_kinds()
        self._writes = list({str(call): call for call in calls if call.requestor == "assistant" and self._kind(call) == "write"}.values())
        self._policy, databases = replay.policy(), replay.databases()
        self._reader, self._flights = TaskReader(databases, self._policy), flights_of(databases)

    def examine(self, task: Any) -> TaskAudit:
        """Return what is found of a task. It is asked of no model."""
        audit = TaskAudit.of(task)
        if kind := _not_examined(task):
            audit.add(kind, "the reward is not computed without a judge" if kind == "needs_judge" else "it has no evaluation criteria")
            return audit
        try:
            self._idle(task, audit)
            if task.evaluation_criteria.actions is None:
                audit.add("no_reference", "evaluation_criteria.actions is absent")
            else:
                self._reference(task, audit)
        except StateError as error:
            audit.add("initial_state_fails", str(error))
        return audit

    def _idle(self, task: Any, audit: TaskAudit) -> None:
        conversations: dict[str, tuple[list[ReplayCall], list[str]]] = {TALKS: ([], ["I see. Please tell me more."]), STOPS: ([], [])}
        if ("assistant", _TRANSFER.name) in self._kinds:
            conversations[TRANSFERS] = ([_TRANSFER], [])
        for agent, (calls, says) in conversations.items():
            played = self._replay.play(task, calls, says, agent_stops=agent == STOPS)
            if played.reward is not None:
                audit.idle[agent] = played.reward
            elif not audit.has("evaluator_raises"):
                audit.add("evaluator_raises", f"after an agent that {agent}: {played.problem}")
        if audit.idle_passes:
            audit.add("idle_passes", "no call was made, and the reward is 1")
        elif audit.idle.get(TRANSFERS) == 1:
            audit.add("transfer_passes", f"the only call was {_TRANSFER.name}, and the reward is 1")

    def _reference(self, task: Any, audit: TaskAudit) -> None:
        calls, says = reference_calls(task), tuple(task.evaluation_criteria.communicate_info or ())
        played, again = (self._replay.play(task, calls, says) for _ in range(2))
        audit.reference = played.reward if played.reward is not None else 0.0
        audit.findings += self._of_calls(calls, played)
        audit.findings += self._read(task, calls, played, says)
        audit.findings += self._of_user_checks(task, calls)
        audit.findings += _differences(calls, played, again)
        if audit.reference != 1:
            audit.add("reference_fails", played.problem or f"scores {audit.reference:g}: {_parts(played)}")
            return
        writes = [answer.before != answer.after for answer in played.answers]
        reads = [self._kind(call) == "read" for call in calls]
        for mutant in mutants(calls, says, writes, reads):
            self._judge(task, mutant, self._replay.play(task, mutant.calls, mutant.says), played, audit)
        for at in (at for at, wrote in enumerate(writes) if wrote):
            for alternatives in changed_arguments(calls, at, says, self._values):
                self._first_accepted(task, alternatives, at, played, audit)
        if any(writes):
            self._first_accepted(task, extra_writes(calls, says, self._writes), len(calls), played, audit)

    def _of_calls(self, calls: Sequence[ReplayCall], played: Replayed) -> Iterator[AuditFinding]:
        for call, answer in zip(calls, played.answers, strict=True):
            write = self._kind(call) == "write"
            if answer.error:
                yield AuditFinding("reference_write_errs" if write else "reference_read_errs", f"{call}: {answer.output}")
            elif write and answer.before == answer.after:
                yield AuditFinding("write_changes_nothing", str(call))
            if write and replaced_by_itself(call.arguments):
                yield AuditFinding("replaced_by_itself", str(call))

    def _read(self, task: Any, calls: Sequence[ReplayCall], played: Replayed, says: Sequence[str]) -> Iterator[AuditFinding]:
        text, writes = told_to_customer(task), [self._kind(call) == "write" for call in calls]
        start = "" if task.initial_state is None else task.initial_state.model_dump_json()
        yield from self._reader.findings(text, calls, writes, played.answers, says, start)
        outputs = [answer.output for answer in played.answers]
        yield from against_policy(self._policy, text, calls, outputs, self._replay.look(task), self._flights)

    def _of_user_checks(self, task: Any, calls: Sequence[ReplayCall]) -> Iterator[AuditFinding]:
        """Yield checks of the user's side that are met at the start, or are not met at the end."""
        asserted = list(task.evaluation_criteria.env_assertions or ())
        if not any(assertion.env_type == "user" for assertion in asserted):
            return
        begun, ended = self._replay.assertions_met(task, ()), self._replay.assertions_met(task, calls)
        for assertion, at_start, at_end in zip(asserted, begun, ended, strict=True):
            if assertion.env_type == "user" and (at_start or not at_end):
                kind = "user_check_out_of_reach" if not at_end else "user_check_met_at_start"
                yield AuditFinding(kind, str(ReplayCall("user", assertion.func_name, assertion.arguments)))

    def _kind(self, call: ReplayCall) -> str | None:
        return self._kinds.get((call.requestor, call.name))

    def _first_accepted(self, task: Any, alternatives: Sequence[Mutant], at: int, reference: Replayed, audit: TaskAudit) -> None:
        """Judge the first of these whose call is not refused and leads elsewhere."""
        for mutant in alternatives:
            played = self._replay.play(task, mutant.calls, mutant.says)
            if not played.answers[at].error and played.state != reference.state:
                self._judge(task, mutant, played, reference, audit)
                return

    def _judge(self, task: Any, mutant: Mutant, played: Replayed, reference: Replayed, audit: TaskAudit) -> None:
        differs = played.state != reference.state
        if mutant.kind == WRITE_LEFT_OUT and not differs:
            return  # a later write of the reference makes up for it: the same in the end, and neither right nor wrong
        wrong = mutant.kind in ALWAYS_WRONG or (mutant.kind in WRONG_IF_STATE_DIFFERS and differs)
        good = (played.reward == 1) is not wrong
        _count(audit.mutants, mutant.kind, good)
        for part, value in played.parts.items() if wrong else ():
            _count(audit.parts, part, value != 1)
        if not good:
            audit.add(_named(task, mutant, wrong), f"{mutant.what}: scores {'nothing' if played.reward is None else f'{played.reward:g}'}"
                      + (f" ({played.problem})" if played.problem else ""))  # fmt: skip


def _count(counts: dict[str, tuple[int, int]], name: str, caught: bool) -> None:
    before, of = counts.get(name, (0, 0))
    counts[name] = (before + caught, of + 1)


def replaced_by_itself(arguments: Mapping[str, Any]) -> bool:
    """Return whether something that is to be replaced is replaced by itself: `item_ids` and `new_item_ids` have an entry in common."""
    pairs = [(old, arguments.get(f"new_{name}")) for name, old in arguments.items()]
    return any(isinstance(old, list) and isinstance(new, list) and any(entry in new for entry in old) for old, new in pairs)


def _named(task: Any, mutant: Mutant, wrong: bool) -> str:
    """Return the kind of finding. A reward that does not compare databases asks for a goal, not for the reference's way there; that a
    number is found within another is a property of tau2's evaluator, and no task's."""
    if wrong and mutant.kind in WRONG_IF_STATE_DIFFERS and "DB" not in _basis(task):
        return "write_not_needed"
    if mutant.kind == WRONG_NUMBER:
        return "wrong_number_passes"
    return "hole" if wrong else "trap"


def told_to_customer(task: Any) -> str:
    """Return all that the customer of a task is told, and what was said before it begins."""
    start = getattr(task.initial_state, "message_history", None) or ()
    history = [str(message.content) for message in start if getattr(message, "content", None)]
    return "\n".join([str(task.user_scenario), str(getattr(task, "ticket", None) or ""), *history])


def _basis(task: Any) -> set[str]:
    return {str(getattr(part, "value", part)) for part in getattr(task.evaluation_criteria, "reward_basis", None) or ()}


def _not_examined(task: Any) -> str | None:
    if task.evaluation_criteria is None:
        return "no_criteria"
    return "needs_judge" if "NL_ASSERTION" in _basis(task) else None


def reference_calls(task: Any) -> tuple[ReplayCall, ...]:
    """Return the reference actions of a task, none if it has none."""
    actions = getattr(task.evaluation_criteria, "actions", None) or ()
    return tuple(ReplayCall(action.requestor, action.name, action.arguments) for action in actions)


def _differences(calls: Sequence[ReplayCall], one: Replayed, two: Replayed) -> Iterator[AuditFinding]:
    """Yield the first call whose answer or state differs between two replays."""
    for call, first, second in zip(calls, one.answers, two.answers, strict=True):
        if first != second:
            what = "another answer" if first.output != second.output else "another state"
            yield AuditFinding("not_deterministic", f"{call}: {what} the second time")
            return


def _parts(played: Replayed) -> str:
    return ", ".join(f"{part} {value:g}" for part, value in played.parts.items()) or "no parts"
