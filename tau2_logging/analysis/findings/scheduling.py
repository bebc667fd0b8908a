"""Findings about the order of simulations and about workers: what made the run longer than its work."""

from __future__ import annotations

from collections.abc import Iterator

from tau2_logging.analysis.findings.finding import TIME, WALL, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, simulation_names
from tau2_logging.analysis.measures.provenance import is_recorded
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.units import duration, share, significant

LEAST_SIMULATIONS = 5
LEAST_SAVED, LEAST_IDLE, LEAST_START_UP, LEAST_EVALUATION = 0.05, 0.15, 0.2, 0.2
LEAST_START_UP_MS = LEAST_MS = 5000.0
"""A run (for scoring: simulations together) that takes less is too short to be worth another order."""
LONG, TIMES_MEDIAN = 0.5, 3.0


def order(run: RunFacts) -> Iterator[Finding]:
    """Tell what starting the longest simulations first would have saved: at least LEAST_SAVED of the wall time, of several workers."""
    saved = 0.0 if is_recorded(run.log) else _saved_by_order(run)
    if saved < LEAST_SAVED * run.wall_ms or run.wall_ms < LEAST_MS:
        return
    last = run.log.stragglers()
    yield Finding(
        "order",
        f"Starting the longest simulations first would have saved about {duration(saved)} of {duration(run.wall_ms)} "
        f"({share(saved / run.wall_ms)}): at the end, {_workers(run)} waited {duration(run.idle['idle_worker_ms'])} in all.",
        "Put the tasks that take longest first in --task-ids, or run more tasks at once, so that the end weighs less.",
        saved / run.wall_ms,
        WALL,
        Proof("stragglers", (), simulation_names(last)),
        {"saved_ms": saved, "wall_ms": run.wall_ms, "idle_worker_ms": run.idle["idle_worker_ms"]},
        Saving(saved),
    )


def _saved_by_order(run: RunFacts) -> float:
    table = run.log.longest_first()
    several = table[(table["workers"] > 1) & (table["simulations"] >= LEAST_SIMULATIONS)]
    return float(several["saved_ms"].sum())


def _workers(run: RunFacts) -> str:
    return f"the {run.idle['workers']:,} workers"


def straggler(run: RunFacts) -> Iterator[Finding]:
    """Tell of one simulation that took at least LONG of the wall time and TIMES_MEDIAN the median, of several workers."""
    table = run.simulations.dropna(subset=["duration_ms"]).sort_values("duration_ms", ascending=False, kind="stable")
    if len(table) < LEAST_SIMULATIONS or (run.idle["workers"] or 0) < 2 or run.wall_ms < LEAST_MS:
        return
    longest, second = (float(table["duration_ms"].iloc[n]) for n in (0, 1))
    median = float(table["duration_ms"].median())
    if longest < LONG * run.wall_ms or longest < TIMES_MEDIAN * median:
        return
    [name] = simulation_names(table, 1)
    yield Finding(
        "straggler",
        f"{':'.join(name)} alone took {duration(longest)} of the run's {duration(run.wall_ms)}, {significant(longest / median, 3)} times "
        f"the median simulation ({duration(median)} of {len(table):,}).",
        "See what it waited on or repeated; --task-timeout and --max-steps limit such a simulation.",
        (longest - second) / run.wall_ms,
        WALL,
        Proof("critical_path", (), (name,)),
        {"longest_ms": longest, "median_ms": median, "wall_ms": run.wall_ms},
        Saving(longest - second),
    )


def idle_workers(run: RunFacts) -> Iterator[Finding]:
    """Tell of workers without work at the end: at least LEAST_IDLE of their time, if another order would not have helped."""
    idle = float(run.idle["idle_share"] or 0.0)
    if len(run.simulations) < LEAST_SIMULATIONS or (run.idle["workers"] or 0) < 2 or idle < LEAST_IDLE:
        return
    if run.wall_ms < LEAST_MS or _saved_by_order(run) >= LEAST_SAVED * run.wall_ms:
        return
    yield Finding(
        "idle_workers",
        f"{_workers(run).capitalize()} had nothing to do for {share(idle)} of their time: after their last simulation they waited "
        f"{duration(run.idle['idle_worker_ms'])} in all for the run to end ({len(run.simulations):,} simulations).",
        "Use fewer workers, or run more simulations (more tasks or trials) in one run.",
        idle,
        WALL,
        Proof("stragglers", (), simulation_names(run.log.stragglers())),
        {"idle_share": idle, "idle_worker_ms": run.idle["idle_worker_ms"], "workers": run.idle["workers"]},
    )


def start_up(run: RunFacts) -> Iterator[Finding]:
    """Tell of a long start: at least LEAST_START_UP of start and wall time together, and LEAST_START_UP_MS."""
    took = float(run.idle["start_up_ms"] or 0.0) if run.wall_ms else 0.0
    part = took / (took + run.wall_ms) if took else 0.0
    if took < LEAST_START_UP_MS or part < LEAST_START_UP:
        return
    yield Finding(
        "start_up",
        f"{duration(took)} passed before the first simulation started, {share(part)} of {duration(took + run.wall_ms)} in all.",
        "Run more simulations in one run, or keep the model servers running between runs (--endpoint in place of --serve).",
        part,
        WALL,
        Proof("run"),
        {"start_up_ms": took, "wall_ms": run.wall_ms},
        Saving(took),
    )


def evaluation_share(run: RunFacts) -> Iterator[Finding]:
    """Tell of scoring that takes at least LEAST_EVALUATION of the time of at least LEAST_SIMULATIONS simulations."""
    if len(run.budget) < LEAST_SIMULATIONS or run.simulation_ms < LEAST_MS:
        return
    budget = total_budget(run.budget).set_index("kind")["total_ms"].fillna(0.0)
    judge, replay = float(budget["judge_service"]), float(budget["evaluation"])
    if run.time_share(judge + replay) < LEAST_EVALUATION:
        return
    yield Finding(
        "evaluation_share",
        f"Scoring takes {share(run.time_share(judge + replay))} of the time of simulations: {_judge(judge)}tau2's replay of the tool "
        f"calls {duration(replay)}, of {duration(run.simulation_ms)} ({len(run.budget):,} simulations).",
        "A faster --judge-llm shortens the first."
        if judge > replay
        else "Replay is work of this process: --executor processes spreads it over cores.",
        run.time_share(judge + replay),
        TIME,
        Proof("budget"),
        {"judge_ms": judge, "evaluation_ms": replay, "simulation_ms": run.simulation_ms},
        Saving(run.wall_part(judge + replay)),
    )


def _judge(ms: float) -> str:
    return f"the judge's model {duration(ms)}, " if ms else ""
