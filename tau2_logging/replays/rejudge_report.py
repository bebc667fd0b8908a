"""What came of judging again: lines for the terminal, `rejudge.json` and `rejudge.md`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.replays.judged_simulations import RECORDED, Flip, Judging, flips, judges_agree
from tau2_logging.replays.rebuilt_simulations import RefusedSimulations
from tau2_logging.replays.rejudging import Rejudged
from tau2_logging.statistics.kappa import Agreement
from tau2_logging.statistics.score import is_solved
from tau2_logging.statistics.variance_parts import NOISE, VariancePart
from tau2_logging.units import money

_MOST_FLIPS = 8


def report_of(found: Rejudged, refused: RefusedSimulations) -> dict[str, Any]:
    """Return all figures, as rejudge.json has them."""
    parts, rests_on = found.parts()
    return {
        "schema": 1,
        "conversations": len(found.recordings),
        "refused": {"count": len(refused.found), "reasons": dict(refused.counts()), "simulations": refused.rows()},
        "judges": [_judge_row(found, name) for name in dict.fromkeys(judging.judge for judging in found.judgings)],
        "agreement": [
            {"first": one.first, "second": one.second, "conversations": _agreement_row(one.conversations),
             "assertions": _agreement_row(one.assertions)}
            for one in judges_agree(found.judgings)
        ],
        "flips": [flip.row() for flip in _flips(found)],
        "variance": {"conversations": rests_on, "parts": [_part_row(part) for part in parts]},
        "results": [
            {"file": file, "judge": judge, "again": again, "results": str(path)} for (file, judge, again), path in found.results.items()
        ],
    }  # fmt: skip


def _flips(found: Rejudged) -> Iterator[Flip]:
    """Yield what each judging says otherwise than what was recorded; of conversations that no judge had judged, than the first judge."""
    recorded, *asked = found.judgings
    judged = any(verdict.met for verdict in recorded.verdicts.values())
    for number, judging in enumerate(asked):
        base = recorded if judged or number == 0 else Judging(asked[0].judge, 0, _assertions_of(asked[0], recorded))
        yield from flips(base, judging)


def _assertions_of(first: Judging, recorded: Judging) -> Mapping[Any, Any]:
    """Return the first judge's verdicts with the recorded rewards."""
    return {
        key: replace(verdict, reward=recorded.verdicts[key].reward) for key, verdict in first.verdicts.items() if key in recorded.verdicts
    }


def _judge_row(found: Rejudged, name: str) -> dict[str, Any]:
    mine = [judging for judging in found.judgings if judging.judge == name]
    met = [verdict.is_met for judging in mine for verdict in judging.verdicts.values() if verdict.is_met is not None]
    rewards = [verdict.reward for judging in mine for verdict in judging.verdicts.values() if verdict.reward is not None]
    use = found.used.get(name)
    return {
        "judge": name, "times": len(mine), "judged": len(met), "met": sum(met), "scored": len(rewards),
        "solved": sum(map(is_solved, rewards)), "failed": None if use is None else use.failed,
        "unasked": None if use is None else use.unasked, "calls": None if use is None else use.calls,
        "cost_usd": None if use is None else use.cost_usd,
    }  # fmt: skip


def _agreement_row(one: Agreement) -> dict[str, Any]:
    known = {name: _known(getattr(one, name)) for name in ("kappa", "low", "high")}
    return {"same": int(one.same), "of": one.of, **known, "remark": one.remark or None}


def _part_row(part: VariancePart) -> dict[str, Any]:
    known = {name: _known(getattr(part, name)) for name in ("variance", "low", "high", "share")}
    return {"part": part.name, **known, "remark": part.remark or None}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report for the terminal."""
    yield from _refused_lines(report)
    yield from _judge_lines(report["judges"])
    yield from _agreement_lines(report["agreement"])
    yield from _flip_lines(report["flips"])
    yield from _part_lines(report["variance"])


def _refused_lines(report: Mapping[str, Any]) -> Iterator[str]:
    refused, whole = report["refused"], report["conversations"] + report["refused"]["count"]
    yield f"{report['conversations']:,} of {whole:,} recorded conversations can be scored again: their calls are answered as recorded"
    for reason, number in refused["reasons"].items():
        example = next(row for row in refused["simulations"] if row["reason"] == reason)
        yield f"  refused {number:,}: {reason} ({example['simulation']}{': ' if example['evidence'] else ''}{example['evidence']})"


def _judge_lines(judges: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    yield f"{'judge':28} {'assertions all met':>20} {'reward 1':>14} {'calls':>6} {'failed':>6} {'cost':>8}"
    for row in judges:
        met = f"{row['met']:,} of {row['judged']:,}" if row["judged"] else "none judged"
        cost = "" if row["judge"] == RECORDED else money(row["cost_usd"])
        calls, failed = ("" if row[name] is None else f"{row[name]:,}" for name in ("calls", "failed"))
        yield f"{row['judge']:28} {met:>20} {row['solved']:>5,} of {row['scored']:<5,} {calls:>6} {failed:>6} {cost:>8}".rstrip()
    unasked = sum(row["unasked"] or 0 for row in judges)
    if unasked:
        yield f"{unasked:,} were not asked for, because --max-cost was spent"


def _agreement_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    told = [row for row in rows if row["conversations"]["of"] or row["assertions"]["of"]]
    if not told:
        return
    yield ""
    yield "agreement"
    for row in told:
        pair = f"{row['first']} with itself" if row["first"] == row["second"] else f"{row['first']} / {row['second']}"
        yield f"  {pair}"
        for name in ("conversations", "assertions"):
            one = row[name]
            yield f"    {name:14} {one['same']:,} of {one['of']:,} the same; {_kappa(one)}"


def _kappa(one: Mapping[str, Any]) -> str:
    if one["kappa"] is None:
        return f"no kappa: {one['remark']}"
    interval = one["remark"] if one["low"] is None else f"{one['low']:.2f} to {one['high']:.2f}"
    return f"kappa {one['kappa']:.2f} ({interval})"


def _flip_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    rewards = sum(row["assertion"] is None for row in rows)
    yield ""
    yield f"flips: {len(rows) - rewards:,} verdicts on assertions, {rewards:,} rewards (all in rejudge.json)"
    for row in rows[:_MOST_FLIPS]:
        where = f"  {row['domain']} {shorten(row['task'], 30)} trial {row['trial']}, {row['judge']}: "
        if row["assertion"] is None:
            yield f"{where}reward {row['before']:g} -> {row['now']:g}"
        else:
            yield f"{where}{_met(row['before'])} -> {_met(row['now'])}: {shorten(row['assertion'], 60)}"


def _met(value: bool) -> str:
    return "met" if value else "not met"


def _part_lines(variance: Mapping[str, Any]) -> Iterator[str]:
    if not variance["parts"]:
        return
    yield ""
    yield f"what verdicts differ by ({variance['conversations']:,} conversations that every judge judged each time)"
    alone = next((part["variance"] is None for part in variance["parts"] if part["part"] == NOISE), False)
    for part in variance["parts"]:
        if part["variance"] is None:
            yield f"  {part['part']:24} not known: {part['remark']}"
            continue
        interval = "" if part["low"] is None else f" ({part['low']:.4f} to {part['high']:.4f})"
        share = "" if part["share"] is None else f"{part['share']:6.1%}"
        also = ", its own noise included" if alone and part["part"] == "judge and conversation" else ""
        yield f"  {part['part']:24} {share}  variance {part['variance']:.4f}{interval}{also}"


def write_report(report: Mapping[str, Any], lines: list[str], folder: Path) -> list[Path]:
    """Write rejudge.json and rejudge.md; returns their paths. Raises UserError if they cannot be written."""
    paths = [folder / "rejudge.json", folder / "rejudge.md"]
    text = "\n".join(["# Judged again", "", "```", *lines, "```", "", *_all_flips(report["flips"])])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths[0].write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        paths[1].write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another --output-dir") from error
    return paths


def _all_flips(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["assertion"] is not None:
            yield f"- {row['domain']} {row['task']} trial {row['trial']}: {row['assertion']}"
            yield f"  - before, {_met(row['before'])}: {row['reason_before'] or '-'}"
            yield f"  - {row['judge']}, {_met(row['now'])}: {row['reason_now'] or '-'}"
