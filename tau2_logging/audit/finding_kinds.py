"""The kinds of findings: whether one makes a task unsound, and what it means. docs/audit.md has the same table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FindingKind:
    """`unsound`: a task with this finding is not in the list of sound tasks; otherwise it is a hint, to be read."""

    unsound: bool
    meaning: str


KINDS = {
    "initial_state_fails": FindingKind(True, "the task's initial state cannot be set"),
    "reference_fails": FindingKind(True, "the reference itself does not score 1"),
    "reference_write_errs": FindingKind(True, "a write of the reference is refused by its tool"),
    "evaluator_raises": FindingKind(True, "tau2's evaluator raises after an idle agent: its simulation has no reward, not 0"),
    "not_deterministic": FindingKind(True, "the same calls gave other answers or another end state"),
    "idle_passes": FindingKind(True, "an agent that makes no call scores 1"),
    "transfer_passes": FindingKind(True, "an agent that transfers every customer at once scores 1"),
    "hole": FindingKind(True, "a wrong conversation scores 1"),
    "trap": FindingKind(True, "a right conversation scores 0"),
    "write_not_needed": FindingKind(False, "the task still scores 1 without this write of the reference, or with the write changed"),
    "wrong_number_passes": FindingKind(False, "a number to be said is found within another, wrong number"),
    "reference_read_errs": FindingKind(False, "a read of the reference errs"),
    "write_changes_nothing": FindingKind(False, "a write of the reference changes nothing"),
    "replaced_by_itself": FindingKind(False, "the reference replaces something by itself"),
    "no_reference": FindingKind(False, "the task has no reference actions: reference and mutants are not examined"),
    "needs_judge": FindingKind(False, "a judge decides a part of the reward: not examined"),
    "no_criteria": FindingKind(False, "the task has nothing to be scored by: not examined"),
}
"""In the order in which a reader should look at them."""


@dataclass(frozen=True)
class AuditFinding:
    """A finding of a task; `evidence` is the call, the text or the message that shows it."""

    kind: str
    evidence: str

    @property
    def unsound(self) -> bool:
        """Return whether a task with it is unsound."""
        return KINDS[self.kind].unsound
