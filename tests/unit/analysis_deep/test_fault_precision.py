"""The precision that a rule is shown with is that of the labeled simulations, counted again from labels and decisions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.attribution.attribute import FAULT_RULES
from tau2_logging.analysis.deep.attribution.precision import MEASURED, measured_on, precision_of

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "attribution"


def rows(name: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    found = [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]
    return {(row["file"], row["task"], row["trial"]): row for row in found}


LABELS, DECISIONS = rows("labels.jsonl"), rows("decisions.jsonl")
HELD_OUT, FIRST_SAID = rows("held_out.jsonl"), rows("held_out_decisions.jsonl")
"""Labels that no rule was written on, and what the rules said of them the first time."""


def test_every_labelled_simulation_was_decided_and_no_other() -> None:
    assert LABELS.keys() == DECISIONS.keys()
    assert HELD_OUT.keys() == FIRST_SAID.keys()
    assert (len(LABELS), len(HELD_OUT), len(LABELS.keys() & HELD_OUT.keys())) == (73, 321, 0)


def test_the_table_in_the_package_is_what_labels_and_decisions_count_to() -> None:
    rules = {rule.name for rule in FAULT_RULES}  # one that is gone has its first decisions in the file still
    said = {key: row for key, row in (DECISIONS | FIRST_SAID).items() if row["rule"] in rules}
    of = Counter(row["rule"] for row in said.values())
    right = Counter(row["rule"] for key, row in said.items() if (LABELS | HELD_OUT)[key]["fault"] == row["fault"])
    assert {rule: (right[rule], number) for rule, number in of.items()} == dict(MEASURED)


def test_accusations_of_user_and_task_are_right_nine_times_in_ten_and_find_half() -> None:
    for fault in ("user", "task"):
        said = [key for key, row in DECISIONS.items() if row["fault"] == fault]
        right = [key for key in said if LABELS[key]["fault"] == fault]
        meant = [key for key, row in LABELS.items() if row["fault"] == fault]
        assert len(right) >= 0.9 * len(said)
        assert len(right) >= 0.5 * len(meant)


def test_a_rule_that_no_label_met_has_no_precision() -> None:
    assert precision_of("judge failed") is None
    assert measured_on("judge failed") == 0
    assert precision_of("information not given") == 40 / 53
