"""The kinds of findings: whether one makes a task unsound, and what it means. docs/audit.md has the same table."""

from __future__ import annotations

from dataclasses import dataclass

from tau2_logging.events.secrets.masking import mask_text


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
    "write_not_needed": FindingKind(False, "the task scores 1 also without a write of the reference, with it changed, or with another"),
    "wrong_number_passes": FindingKind(False, "a number to be said is found within another, wrong number"),
    "reference_read_errs": FindingKind(False, "a read of the reference errs"),
    "write_changes_nothing": FindingKind(False, "a write of the reference changes nothing"),
    "replaced_by_itself": FindingKind(False, "the reference replaces something by itself"),
    "reference_against_policy": FindingKind(True, "the policy forbids a write of the reference, by a rule that it states in so many words"),
    "reference_id_unknown": FindingKind(False, "perhaps: an identifier in the reference is in no database, and nobody tells it"),
    "argument_untold": FindingKind(False, "perhaps: an argument of a write is in no text, no answer and no database"),
    "record_mismatch": FindingKind(False, "perhaps: an argument differs in one field from a record in the database"),
    "text_id_unknown": FindingKind(
        False, "perhaps: an identifier in the task's text is in no database (or the customer is meant to be wrong)"
    ),
    "amount_unexplained": FindingKind(
        False, "perhaps: an amount to be said is no amount that the reference's calls gave, nor a sum or difference"
    ),
    "calculated_not_said": FindingKind(False, "perhaps: the reference calculates an amount, and other amounts are to be said"),
    "user_check_met_at_start": FindingKind(False, "a check of the user's side is met before anybody did anything"),
    "user_check_out_of_reach": FindingKind(True, "a check of the user's side is not met after the reference"),
    "no_reference": FindingKind(False, "the task has no reference actions: reference and mutants are not examined"),
    "needs_judge": FindingKind(False, "a judge decides a part of the reward: not examined"),
    "no_criteria": FindingKind(False, "the task has nothing to be scored by: not examined"),
}
"""In the order in which a reader should look at them."""


@dataclass(frozen=True)
class AuditFinding:
    """A finding of a task; `evidence` is the call, the text or the message that shows it, its credentials masked: every file shows it."""

    kind: str
    evidence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", mask_text(self.evidence))

    @property
    def unsound(self) -> bool:
        """Return whether a task with it is unsound."""
        return KINDS[self.kind].unsound
