"""A judge examined: its verdicts on conversations of which the right verdict is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.analysis.deep.attribution.rules.judge_rules import contradicts
from tau2_logging.audit.judge_questions import JudgeQuestion, judge_questions, sentences_of
from tau2_logging.audit.task_audit import reference_calls
from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text, masked_start
from tau2_logging.runner.asked_judge import AskedJudge, JudgeAnswer, JudgeVerdict
from tau2_logging.runner.harness.conversation_replay import ConversationReplay

RIGHT, FALSE_PASS, FALSE_FAIL, NO_VERDICT = VERDICTS = ("right", "false_passes", "false_fails", "no_verdict")
_AT_ONCE = 8
"""Questions asked at a time."""
_LONGEST = 300


@dataclass
class JudgeAudit:
    """Verdicts of a judge in a domain. Each expected verdict is one of VERDICTS; `against_own_words` are counted besides, by what their
    reason says. `empty`: answers without any verdict, which tau2 scores 1; `failed`: calls without an answer that tau2 can read."""

    model: str
    calls: int = 0
    empty: int = 0
    failed: int = 0
    against_own_words: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def verdicts(self) -> int:
        """How many verdicts were asked for."""
        return sum(self.counts.values())

    def as_json(self) -> dict[str, Any]:
        """Return the domain's entry `judge`."""
        counted = {name: getattr(self, name) for name in ("model", "calls", "empty", "failed", "verdicts")}
        return {**counted, **self.counts, "against_own_words": self.against_own_words, "wrong": self.wrong}

    def add(self, task: str, question: JudgeQuestion, answer: JudgeAnswer) -> None:
        """Count an answer."""
        self.calls += 1
        self.failed += bool(answer.problem)
        self.empty += not answer.verdicts and not answer.problem
        for verdict, assertion, expected in zip(_aligned(question, answer), question.assertions, question.expected, strict=True):
            name = _named(verdict, expected)
            self.counts[name] += 1
            own = verdict is not None and contradicts(verdict.met, verdict.reason)
            self.against_own_words += own
            if name != RIGHT or own:
                self.wrong.append({
                    "task": task, "conversation": question.kind, "assertion": mask_text(assertion), "expected": expected,
                    "verdict": None if verdict is None else verdict.met, "found": name if name != RIGHT else "against_own_words",
                    "reason": masked_start(answer.problem if verdict is None else verdict.reason, _LONGEST),
                })  # fmt: skip


def _aligned(question: JudgeQuestion, answer: JudgeAnswer) -> list[JudgeVerdict | None]:
    """Return the verdict on each assertion: in their order if there is one for each, else those that repeat the assertion's text."""
    if len(answer.verdicts) == len(question.assertions):
        return list(answer.verdicts)
    by_text = {" ".join(verdict.assertion.split()).casefold(): verdict for verdict in answer.verdicts}
    return [by_text.get(" ".join(assertion.split()).casefold()) for assertion in question.assertions]


def _named(verdict: JudgeVerdict | None, expected: bool) -> str:
    if verdict is None:
        return NO_VERDICT
    return RIGHT if verdict.met == expected else FALSE_PASS if verdict.met else FALSE_FAIL


def audit_judge(judge: AskedJudge, replay: ConversationReplay, tasks: Iterable[Any], progress: Callable[[int, int], None]) -> JudgeAudit:
    """Ask the judge about every task with a sentence to be said. Raises UserError if it answers none of the questions."""
    asked = [(str(task.id), question, _messages(replay, task, question)) for task in tasks for question in _questions(task)]
    found = JudgeAudit(judge.model.llm)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda one: judge.ask(one[2], one[1].assertions), asked)
        for number, ((task, question, _), answer) in enumerate(zip(asked, answers, strict=True), start=1):
            found.add(task, question, answer)
            progress(number, len(asked))
    if found.failed and found.failed == found.calls:
        raise UserError(f"the judge {found.model} answered none of {found.calls} questions: {found.wrong[0]['reason']}")
    return found


def _questions(task: Any) -> Iterable[JudgeQuestion]:
    criteria = task.evaluation_criteria
    if criteria is None:
        return ()
    return judge_questions(sentences_of(criteria.nl_assertions or (), criteria.communicate_info or ()))


def _messages(replay: ConversationReplay, task: Any, question: JudgeQuestion) -> Sequence[Any]:
    return replay.messages(task, reference_calls(task), question.says)
