"""What a run amounts to, on one screen: how it ended, what stands out, where time and money went, what to open next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis import deep as deep_analysis
from tau2_logging.analysis.measures.comparison.floor import floor_sentences
from tau2_logging.analysis.measures.provenance import is_recorded, newer_format, only_failed_note, recorded_in_brief, without_failed_calls
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.analysis.measures.run_totals import Totals, totals_of
from tau2_logging.analysis.reports.text.finding_lines import HEADING, lines_of, sentence_of, shown_findings, wrapped
from tau2_logging.analysis.reports.text.voice_line import voice_lines
from tau2_logging.analysis.tables.simulations import solved
from tau2_logging.deferred import deferred
from tau2_logging.events.roles import BY_NAME
from tau2_logging.statistics.pass_k import pass_hat_k
from tau2_logging.statistics.score import Score, is_solved, score_of
from tau2_logging.units import duration, is_unknown, money, plural, share

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer, root_causes
    from tau2_logging.analysis.deep.reading.recorded import Recorded
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.reports.text import fault_line
    from tau2_logging.analysis.run_log import RunLog
else:
    root_causes = deferred("tau2_logging.analysis.deep.root_causes")
    fault_line = deferred("tau2_logging.analysis.reports.text.fault_line")

MOST_LINES = 28
"""On a terminal of 80 columns or more: with what was written and what to open, which the command says after it, 30."""

_SHADES, _REST = "█▓▒░", "·"
_LEAST_SHARE = 0.005
_KINDS = {
    "agent_service": "agent model", "user_service": "user simulator", "expert_service": "expert models", "judge_service": "judge",
    "queue": "waiting in this process", "retry_wait": "waits before retries", "tool": "tools", "evaluation": "evaluation",
    "setup": "setup", "other": "tau2 and this harness", "untracked": "not tracked",
}  # fmt: skip
_MOST_NAMES, _MOST_CAUSES, _MOST_DOMAINS, _MOST_RUNS = 10, 3, 6, 3
_NO_REFERENCE = "No reference actions here, so causes stay unknown. Name the results file, too: LOG results_<domain>.json --deep"
MOST_READ = 300
"""Simulations of a run whose conversations are read to say why tasks failed, if nobody asked for the deep analysis: some 7 ms each."""


def answer(log: RunLog, options: ReportOptions, width: int) -> list[str]:
    """Return the lines, each at most `width` wide and at most MOST_LINES in all."""
    totals = totals_of(log, options.prices)
    doubts = [line for doubt in log.doubts for line in _wrapped(f"Note: {doubt}.", width)]
    first = [*_head(log, width), *_outcome(log, totals, options.deep, width), *doubts]
    last = [*_time(log, totals, width), *_money(log, options, totals, width)]
    room = MOST_LINES - len(first) - len(last) - (1 if last else 0) - 2
    found = _findings(log, options, width, room)
    blocks = [first, found, last, _notes(log, width, room - len(found))]
    lines = [line for block in blocks if block for line in (*block, "")]
    return lines[:-1]


def record_answer(deep: LogAnalyzer, width: int) -> list[str]:
    """Return the same of results files alone, run by run; times are not known."""
    runs = [deep] if deep.pooled or len(deep.runs) < 2 else [deep.of_run(run) for run in deep.runs]
    shown = [line for one in runs[:_MOST_RUNS] for line in (*_run_of_record(one, width), "")]
    more = [f"{plural(len(runs) - _MOST_RUNS, 'more run')} in deep.md and report.html.", ""] if len(runs) > _MOST_RUNS else []
    return [*shown, *more, *(line for note in deep.notes for line in _wrapped(f"Note: {note.rstrip('.')}.", width))]


def _run_of_record(deep: LogAnalyzer, width: int) -> Iterator[str]:
    simulations, calls = deep.recorded.simulations, deep.recorded.calls
    domains = ", ".join(simulations["domain"].dropna().astype(str).unique())
    yield from _wrapped(" · ".join([domains or "no domain", *(f"run {run}" for run in deep.runs)]), width)
    yield from _wrapped(outcome_sentence(score_of(zip(simulations["reward"], simulations["status"], strict=True))), width)
    costs = simulations[["agent_cost_usd", "user_cost_usd"]].astype(float).sum(axis=1, skipna=False)
    failed = int(calls["error"].eq(True).sum())
    money_known = f"cost {money(costs.sum(skipna=False))}"
    yield from _wrapped(f"failed: {failed:,} of {len(calls):,} tool calls · {money_known} · times are not in results files", width)
    rewards = simulations["reward"].astype(float)
    failed_ones = simulations[rewards.notna() & ~rewards.map(is_solved)]
    yield from _not_solved(failed_ones, root_causes.root_causes(deep.recorded), simulations["trial"].nunique() > 1, width)
    yield from fault_line.fault_line(deep.recorded)


def _head(log: RunLog, width: int) -> Iterator[str]:
    starts = list(log.run_start.values())
    said = starts[0] if starts else {}
    models = [f"{role} {said[f'{role}_llm']}" for role in ("agent", "user") if said.get(f"{role}_llm")]
    yield from _wrapped(" · ".join([", ".join(log.domains) or "no domain", *models, *([f"run {log.run_id}"] if log.run_id else [])]), width)


def _outcome(log: RunLog, totals: Totals, deep: LogAnalyzer | None, width: int) -> Iterator[str]:
    for arm, found in totals.outcomes.items():
        yield from _wrapped((f"{arm}: " if arm else "") + outcome_sentence(found), width)
    if len(log.domains) > 1 and not totals.arms:
        yield from _wrapped(f"Solved: {_by_domain(log)}", width)
    for sentence in floor_sentences(log.floor().head(_MOST_DOMAINS)):
        yield from _wrapped(sentence, width)
    for line in voice_lines(log):
        yield from _wrapped(line, width)
    workers = idle_tail(log)["workers"]
    parts = [f"{totals.shown['wall time']} wall time" + (f", {workers} at a time" if workers else "")]
    failed_calls = f"{totals.tool_calls.text} tool calls" if without_failed_calls(log) else totals.shown["errors"]
    parts += [f"failed: {failed_calls}", f"cost {totals.shown['cost']}"]
    if (per := totals.costs["per_solved_usd"]) and not is_unknown(per):
        parts.append(f"{money(per)} per solved simulation")
    yield from _wrapped(" · ".join(parts), width)
    yield from _wrapped(_pass_k(log), width) if not totals.arms else []
    failed = log.simulations[~solved(log.simulations) & log.simulations["reward"].notna()]
    if len(failed):
        recorded = _recorded(log, deep)
        causes = pd.DataFrame() if recorded is None else root_causes.root_causes(recorded)
        yield from _not_solved(failed, causes, log.simulations["trial"].nunique() > 1, width)
        if recorded is not None and recorded.gold.empty and not causes.empty and causes["cause"].eq(root_causes.UNKNOWN).any():
            yield from [] if any(name.endswith(".eval") for name in log.files) else _wrapped(_NO_REFERENCE, width)
        yield from [] if recorded is None else fault_line.fault_line(recorded)


def _by_domain(log: RunLog) -> str:
    """Return `24 of 30 retail, 26 of 30 airline`, of those scored."""
    scored = log.simulations[log.simulations["reward"].notna()]
    by_domain = solved(scored).groupby(scored["domain"], sort=False).agg(["sum", "count"])
    return ", ".join(f"{int(row['sum']):,} of {int(row['count']):,} {domain}" for domain, row in by_domain.head(_MOST_DOMAINS).iterrows())


def _pass_k(log: RunLog) -> str:
    """Return `pass^1 0.600, pass^2 0.500 over 10 tasks (...)` if all tasks have the same number of scored trials, and several."""
    scored = log.simulations[log.simulations["reward"].notna()]
    trials = solved(scored).groupby([scored["domain"], scored["task"]]).agg(["sum", "count"])
    k = int(trials["count"].min()) if len(trials) else 0
    if k < 2 or k != trials["count"].max() or len(log.domains) > 1:
        return ""
    shown = [f"pass^{at} {np.mean([pass_hat_k(int(won), k, at) for won in trials['sum']]):.3f}" for at in sorted({1, 2, k})]
    return f"{', '.join(shown)} over {len(trials):,} tasks (pass^k: k of k trials solved)"


def outcome_sentence(found: Score) -> str:
    """Return `60 simulations: 50 solved, 8 not solved, 2 not scored; mean reward 0.862 of 58 scored (0.833 if the others failed)`."""
    unscored = found.simulations - found.scored
    parts = [f"{found.solved:,} solved", f"{found.scored - found.solved:,} not solved"]
    if unscored:
        ends = ", ".join(f"{number:,} {status}" for status, number in found.unscored.most_common())
        parts.append(f"{unscored:,} not scored ({ends})")
    if found.mean is None:
        return f"{found.simulations:,} simulations: none scored" + (f" ({parts[-1]})" if unscored else "")
    mean = f"mean reward {found.mean:.3f} of {found.scored:,} scored"
    return f"{found.simulations:,} simulations: {', '.join(parts)}; {mean}" + (
        f" ({found.mean_if_failed:.3f} if the others failed)" if unscored else ""
    )


def _not_solved(failed: pd.DataFrame, causes: pd.DataFrame, several: bool, width: int) -> Iterator[str]:
    """Yield which tasks were not solved, by likely cause if causes are known."""
    if causes.empty:
        yield from _wrapped(f"Not solved: {_names(failed, several)}", width) if len(failed) else []
        return
    yield "Not solved, by likely cause (found by rules; open the simulation to verify):"
    groups = sorted(causes.groupby("cause", sort=False), key=lambda group: -len(group[1]))
    shown = len(groups) if len(groups) <= _MOST_CAUSES + 1 else _MOST_CAUSES
    for cause, group in groups[:shown]:
        yield from _wrapped(f"{cause} {len(group):,}: {_names(group, several)}", width, indent="  ")
    if rest := groups[shown:]:
        others = pd.concat([group for _, group in rest])
        yield from _wrapped(f"{len(rest)} other causes {len(others):,}: {_names(others, several)}", width, indent="  ")
    lost = causes["lost_parts"].dropna().value_counts()
    if len(lost):
        alone = " alone" if any(", " in parts for parts in lost.index) else ""
        parts = ", ".join(f"{_and(parts)}{alone * (', ' not in parts)} {number:,}" for parts, number in lost.items())
        yield from _wrapped(f"Parts of the reward that were lost: {parts}", width)


def _recorded(log: RunLog, deep: LogAnalyzer | None) -> Recorded | None:
    """Return what the run recorded, with what lies beside its log; of a large run only if the deep analysis was asked for. Results of other
    runs that were named with the log are left out.
    """
    if deep is None and len(log.simulations) > MOST_READ:
        return None
    analysis = deep or deep_analysis.LogAnalyzer.of_log(log)
    return analysis.recorded.of_run(log.run_id) if log.run_id in analysis.runs and not analysis.pooled else analysis.recorded


def _names(rows: pd.DataFrame, several: bool) -> str:
    """Return `retail 0, 5, 14; airline 7 and 3 more`, with trials, as in `5 (trials 0, 1)`, if tasks have several."""
    by_task = rows.groupby(["domain", "task"], sort=False)["trial"]
    tasks = by_task.agg(lambda trials: ", ".join(str(trial) for trial in sorted(trials))).rename("trials").reset_index()
    tasks["name"] = tasks["task"] + [_trials(trials) if several else "" for trials in tasks["trials"]]
    shown = [f"{domain} {', '.join(mine['name'])}" for domain, mine in tasks.head(_MOST_NAMES).groupby("domain", sort=False)]
    more = len(tasks) - _MOST_NAMES
    return "; ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _and(parts: str) -> str:
    return parts.replace(", ", " and ")


def _trials(numbers: str) -> str:
    return f" (trials {numbers})" if "," in numbers else f" (trial {numbers})"


def _findings(log: RunLog, options: ReportOptions, width: int, room: int) -> list[str]:
    """As many findings as there is room for, with what to do, or without it; the rest are counted."""
    every = shown_findings(log, options)
    found = [one for one in every if one.key != "never_solved"]  # said above, by cause
    lines = [HEADING]
    for number, one in enumerate(found, 1):
        left = room - len(lines) - (number < len(found))
        more = next((form for form in (lines_of(number, one, width), sentence_of(number, one, width)) if len(form) <= left), None)
        if more is None:
            lines.append(f"   and {len(every) - number + 1} more in the files (summary.md, report.html, stats.json)")
            break
        lines += more
    return lines if found else []


def _time(log: RunLog, totals: Totals, width: int) -> Iterator[str]:
    budget = total_budget(log.budget())
    kinds = {**_KINDS, "other": "rest"} if is_recorded(log) else _KINDS
    known = [(str(row.kind), float(row.total_ms)) for row in budget.itertuples() if row.total_ms == row.total_ms and row.total_ms > 0]
    if whole := sum(value for _, value in known):
        yield f"Time of all simulations, {duration(whole)}:"
        yield from bar([(kinds.get(kind, kind), value / whole) for kind, value in known], width)


def _money(log: RunLog, options: ReportOptions, totals: Totals, width: int) -> Iterator[str]:
    table = log.costs(by=("role",), prices=options.prices)
    known = [(str(row.role), float(row.cost_usd)) for row in table.itertuples() if row.cost_usd == row.cost_usd and row.cost_usd > 0]
    if whole := sum(value for _, value in known):
        unknown = int(table["unknown_calls"].sum())
        yield f"Money, {totals.shown['cost']}" + (f" ({unknown:,} calls of unknown price are not in it)" if unknown else "") + ":"
        yield from bar([(BY_NAME[role].label if role in BY_NAME else role, value / whole) for role, value in known], width)


def bar(parts: Sequence[tuple[str, float]], width: int) -> Iterator[str]:
    """Yield a bar of shares that add up to 1, largest first, and its legend: four parts, and the rest as one."""
    ordered = sorted(parts, key=lambda part: -part[1])
    named, rest = ordered[: len(_SHADES)], ordered[len(_SHADES) :]
    shown = [*named, ("rest", sum(value for _, value in rest))] if rest else named
    shades = [*_SHADES[: len(named)], _REST]
    ends = [0, *(round(width * sum(value for _, value in shown[: at + 1])) for at in range(len(shown)))]
    yield "".join(shade * (ends[at + 1] - ends[at]) for at, shade in enumerate(shades[: len(shown)]))
    yield from _joined([f"{shade} {name} {share(value)}" for shade, (name, value) in zip(shades, named, strict=False)], width)
    if rest:
        yield from _wrapped(f"{_REST} {', '.join(f'{name} {share(value)}' for name, value in rest if value >= _LEAST_SHARE)}", width)


def _joined(items: Sequence[str], width: int) -> list[str]:
    """Return items side by side, as many on a line as fit."""
    lines = [""]
    for item in items:
        line = f"{lines[-1]}  {item}" if lines[-1] else item
        lines[len(lines) - 1 if len(line) <= width else len(lines) :] = [line if len(line) <= width else item]
    return lines


def _notes(log: RunLog, width: int, room: int) -> list[str]:
    """Return what the figures rest on, as far as there is room for whole sentences."""
    lines: list[str] = []
    for note in filter(None, [*newer_format(log), *only_failed_note(log), recorded_in_brief(log)]):
        more = _wrapped(f"Note: {note.rstrip('.')}.", width)
        lines += more if len(lines) + len(more) <= room else []
    return lines


def _wrapped(text: Any, width: int, indent: str = "") -> list[str]:
    return wrapped(str(text), indent, f"{indent}  " if indent else "", width)
