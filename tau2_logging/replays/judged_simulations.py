"""What a judge said of a conversation: each natural-language assertion met or not, and why; and the reward that came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.statistics.kappa import Agreement, agreement

RECORDED = "recorded"
Key = tuple[str, str, str, int]
"""(file, label, task, trial) of a conversation."""


@dataclass(frozen=True)
class SavedVerdict:
    """`met` by assertion with the judge's words; none of them if no judge was asked. `reward` is None if there is none."""

    met: tuple[bool, ...]
    assertions: tuple[str, ...]
    reasons: tuple[str, ...]
    reward: float | None

    @property
    def is_met(self) -> bool | None:
        """Whether all assertions are met; None if none was judged."""
        return all(self.met) if self.met else None


def verdict_of(reward_info: Mapping[str, Any] | None) -> SavedVerdict:
    """Return the verdict that tau2's reward_info holds."""
    info = reward_info or {}
    checks = [check for check in info.get("nl_assertions") or () if isinstance(check.get("met"), bool)]
    reward = info.get("reward")
    return SavedVerdict(
        tuple(bool(check["met"]) for check in checks),
        tuple(str(check.get("nl_assertion")) for check in checks),
        tuple(str(check.get("justification") or "") for check in checks),
        None if reward is None else float(reward),
    )


@dataclass(frozen=True)
class Judging:
    """One time that a judge went over the conversations: `recorded`, or a model's for the `again`-th time; verdicts by conversation."""

    judge: str
    again: int
    verdicts: Mapping[Key, SavedVerdict]


@dataclass(frozen=True)
class Flip:
    """Something that two judgings say differently: an assertion, or the reward if `assertion` is None."""

    key: Key
    judge: str
    again: int
    assertion: str | None
    before: Any
    now: Any
    reason_before: str = ""
    reason_now: str = ""

    def row(self) -> dict[str, Any]:
        """Return it for a file."""
        file, label, task, trial = self.key
        return {
            "file": file, "domain": label, "task": task, "trial": trial, "judge": self.judge, "again": self.again,
            "assertion": self.assertion and mask_text(self.assertion), "before": self.before, "now": self.now,
            "reason_before": mask_text(self.reason_before) or None, "reason_now": mask_text(self.reason_now) or None,
        }  # fmt: skip


def flips(base: Judging, other: Judging) -> Iterator[Flip]:
    """Yield what another judging says otherwise, of what both have judged."""
    for key, now in other.verdicts.items():
        before = base.verdicts.get(key)
        if before is None:
            continue
        told = dict(zip(before.assertions, zip(before.met, before.reasons, strict=True), strict=True))
        for assertion, met, reason in zip(now.assertions, now.met, now.reasons, strict=True):
            if assertion in told and told[assertion][0] != met:
                yield Flip(key, other.judge, other.again, assertion, told[assertion][0], met, told[assertion][1], reason)
        if before.reward is not None and now.reward is not None and abs(before.reward - now.reward) > 1e-9:
            yield Flip(key, other.judge, other.again, None, before.reward, now.reward)


@dataclass(frozen=True)
class JudgesAgree:
    """How far two judges agree on whether all assertions of a conversation are met, and on single assertions."""

    first: str
    second: str
    conversations: Agreement
    assertions: Agreement


def judges_agree(judgings: Sequence[Judging]) -> list[JudgesAgree]:
    """Return the agreement of every two judges, and of each with itself if it was asked again."""
    names = list(dict.fromkeys(judging.judge for judging in judgings))
    found = []
    for number, first in enumerate(names):
        for second in names[number:]:
            pairs = _pairs(judgings, first, second)
            if pairs:
                found.append(JudgesAgree(first, second, _of_conversations(pairs), _of_assertions(pairs)))
    return found


def _pairs(judgings: Sequence[Judging], first: str, second: str) -> list[tuple[Judging, Judging]]:
    """Return the judgings to compare: of two judges the same goes, of a judge with itself one after the other."""
    ones, others = ([judging for judging in judgings if judging.judge == name] for name in (first, second))
    if first == second:
        return list(pairwise(ones))
    return [(one, other) for one in ones for other in others if one.again == other.again or RECORDED in (first, second)]


def _of_conversations(pairs: Sequence[tuple[Judging, Judging]]) -> Agreement:
    rows = [
        (one, other, key[:3])
        for a, b in pairs
        for key in a.verdicts
        if key in b.verdicts and (one := a.verdicts[key].is_met) is not None and (other := b.verdicts[key].is_met) is not None
    ]
    return agreement([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _of_assertions(pairs: Sequence[tuple[Judging, Judging]]) -> Agreement:
    rows = []
    for a, b in pairs:
        for key, one in a.verdicts.items():
            other = b.verdicts.get(key)
            told = {} if other is None else dict(zip(other.assertions, other.met, strict=True))
            rows += [(met, told[text], key[:3]) for text, met in zip(one.assertions, one.met, strict=True) if text in told]
    return agreement([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
