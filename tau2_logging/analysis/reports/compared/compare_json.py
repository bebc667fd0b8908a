"""compare.json: the comparison for programs; docs/compare.md says what each field means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.quality_gates import Gate
from tau2_logging.analysis.verdict.sentences import headline, sentence_of
from tau2_logging.analysis.verdict.sides import ComparedRun, mean_or_none
from tau2_logging.analysis.verdict.success import SuccessDifference

SCHEMA = 1


def as_json(comparison: Comparison, gates: Sequence[Gate] = ()) -> dict[str, Any]:
    """Return the content of the file; a number that is not known is null."""
    several = len(comparison.domains) > 1
    found = {
        "schema": SCHEMA,
        "sentence": headline(comparison),
        "runs": [_run(side) for side in comparison.sides],
        "settings": {name: list(values) for name, values in comparison.settings.items()},
        "pairs": [_pair(pair, several) for pair in comparison.pairs],
        "flips": [_named(pair, row) for pair in comparison.pairs for row in pair.flips],
        "noise": [_named(pair, pair.noise.as_json()) for pair in comparison.pairs],
        "bounds": [_named(pair, _bounds(pair)) for pair in comparison.pairs],
        "tiers": {domain: comparison.tiers(domain) for domain in comparison.domains if comparison.all_pairs},
        "gates": [{"gate": gate.gate, "run": gate.b, "domain": gate.domain, "status": gate.status, "detail": gate.detail}
                  for gate in gates],
    }  # fmt: skip
    return {name: _exact(value) for name, value in found.items()}


def _run(side: ComparedRun) -> dict[str, Any]:
    table = side.simulations
    return {
        "label": side.label, "source": side.source, "run": side.run, "settings": dict(side.settings), "simulations": len(table),
        "scored": side.scored, "solved": side.solved, "success": mean_or_none(table["outcome"]), "trials": side.trials,
        "model_failures": int(table["model_failure"].sum()), "not_scored": dict(side.unscored),
        "cost_usd": mean_or_none(table["cost_usd"]) if table["cost_usd"].notna().all() else None,
    }  # fmt: skip


def _pair(pair: PairVerdict, several: bool) -> dict[str, Any]:
    up, down = pair.ups_and_downs
    matching = pair.matching
    return {
        "a": pair.a.label, "b": pair.b.label, "domain": pair.domain, "tasks": pair.tasks, **_difference(pair.success),
        "p_adjusted": pair.p_adjusted, "outcome": pair.outcome, "outcome_as_scored": pair.outcome_as_scored, "success_a": pair.rates[0],
        "success_b": pair.rates[1], "up": up, "down": down, "pass_k": list(pair.pass_k), "measures": list(pair.measures),
        "only_a": [task for _, task in matching.only_a], "only_b": [task for _, task in matching.only_b],
        "told_differently": [task for _, task in matching.told_differently],
        "on_sound_tasks": None if pair.audited is None else pair.audited.as_json(), "sentence": sentence_of(pair, several),
    }  # fmt: skip


def _difference(found: SuccessDifference) -> dict[str, float]:
    return {"difference": found.interval.estimate, "low": found.interval.low, "high": found.interval.high, "p": found.p}


def _bounds(pair: PairVerdict) -> dict[str, Any]:
    ends = {end: {**_difference(found), "outcome": pair.outcome_at(end)} for end, found in pair.ends.items()}
    return {"unscored_a": pair.unscored[0], "unscored_b": pair.unscored[1], **ends}


def _named(pair: PairVerdict, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"a": pair.a.label, "b": pair.b.label, "domain": pair.domain, **fields}


def _exact(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(name): _exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    return float(value) if float(value) == float(value) and abs(float(value)) != float("inf") else None
