"""What the pages say of runs, as JSON: texts that are ready to show, and the few numbers that are drawn or sorted by."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.events.roles import BY_NAME, ROLES
from tau2_logging.statistics.score import Score
from tau2_logging.units import UNKNOWN, clock, duration, money
from tau2_logging.view.run_state import OpenSimulation, RunState
from tau2_logging.view.runs_folder import BROKEN_OFF, RUNNING, STARTING, Run, RunsFolder
from tau2_logging.view.seen_event import wall_seconds

MOST_IN_FLIGHT = 50
_WORK = {role.event: role.label for role in ROLES}
_SETTINGS = (
    "agent", "agent_args", "agent_llm", "agent_llm_args", "user", "user_llm", "user_llm_args", "judge_llm", "experts", "expert_mode",
    "max_steps", "max_errors", "seed", "harness", "tau2_version", "argv",
)  # fmt: skip


def runs_json(folder: RunsFolder) -> dict[str, Any]:
    """Return the list of runs, the latest start first."""
    rows = [run_row(run) for run in folder.runs.values()]
    rows.sort(key=lambda row: (row["started_s"] is not None, row["started_s"] or 0, row["run"]), reverse=True)
    return {"folder": str(folder.path), "read": round(folder.read_share, 3), "unnamed": folder.unnamed, "runs": rows}


def run_row(run: Run) -> dict[str, Any]:
    """Return one row of the list."""
    state, start = run.state, _start(run)
    over = run.status not in (RUNNING, STARTING)
    return {
        "run": run.name, "status": run.status, "why": _why(run), "domains": ", ".join(_domains(run)),
        "agent": str(start.get("agent") or UNKNOWN), "agent_llm": str(start.get("agent_llm") or UNKNOWN),
        "user_llm": str(start.get("user_llm") or UNKNOWN), "done": len(state.ended), "planned": _planned(run),
        "in_flight": 0 if over else len(state.in_flight), "reward": _headline(state.scores(unfinished=over)),
        "scored": sum(score.scored for score in state.scores(over).values()), **_money(run),
        "time": duration(_wall_ms(run)), "started_s": _started_s(run), "started": _local(_started_s(run)), "logs": len(run.logs),
    }  # fmt: skip


def run_json(run: Run) -> dict[str, Any]:
    """Return what the page of a run shows beside its row."""
    start = _start(run)
    found = run.state.scores(unfinished=run.status not in (RUNNING, STARTING))
    scores = {name: score for name, score in found.items() if score.simulations}
    return {
        **run_row(run),
        "scores": [
            {"name": name, "headline": score.headline, "solved": score.solved} for name, score in scores.items() if score.simulations
        ],
        "model_calls": run.state.model_calls,
        "failed_calls": run.state.failed_calls,
        "flight": list(_flight(run)),
        "settings": [[name, str(start[name])] for name in _SETTINGS if start.get(name) not in (None, "")],
    }


def _start(run: Run) -> Mapping[str, Any]:
    """Return run_start's fields, of the first domain; before there is a run_start, what run.json says."""
    for domain in run.state.domains.values():
        return domain.start
    config = run.saved.get("config")
    config = config if isinstance(config, dict) else {}
    models = {f"{role}_llm": value.get("llm") for role in ("agent", "user") if isinstance(value := config.get(f"{role}_model"), dict)}
    return {**models, "agent": config.get("agent"), "user": run.saved.get("user"), "argv": run.saved.get("argv")}


def _domains(run: Run) -> list[str]:
    config = run.saved.get("config")
    saved = config.get("domains") if isinstance(config, dict) else None
    return list(run.state.domains) or ([str(name) for name in saved] if isinstance(saved, list) else [])


def _planned(run: Run) -> int | None:
    saved = run.saved.get("simulations")
    return run.state.planned if run.state.planned is not None else saved if isinstance(saved, int) else None


def _why(run: Run) -> str:
    if run.status == BROKEN_OFF:
        return "its process is gone" if run.folder else "the log has no end of the run"
    return run.state.why_stopped if run.state.over else ""


def _headline(scores: Mapping[str, Score]) -> str:
    told = {name: score.headline for name, score in scores.items() if score.simulations}
    return "; ".join(f"{name}: {text}" if name else text for name, text in told.items()) or "nothing has ended yet"


def _money(run: Run) -> dict[str, Any]:
    """Return the cost so far beside the most that the run may spend; a share of the budget if both are known."""
    spent, budget = run.state.spent, _budget(run)
    text = money(spent.usd) if not spent.unpriced else f"at least {money(spent.usd)}" if spent.usd else UNKNOWN
    nothing_seen = not run.state.ended and not run.state.model_calls
    return {
        "cost": UNKNOWN if nothing_seen else text,
        "unpriced": spent.unpriced,
        "budget": None if budget is None else money(budget),
        "budget_share": None if not budget or nothing_seen or spent.unpriced else spent.usd / budget,
    }


def _budget(run: Run) -> float | None:
    config = run.saved.get("config")
    value = config.get("max_cost") if isinstance(config, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _wall_ms(run: Run) -> float | None:
    seconds = run.state.wall_s(time.time() if run.status == RUNNING else None)
    return None if seconds is None else seconds * 1000


def _started_s(run: Run) -> float | None:
    saved = run.saved.get("started_wall")
    return run.state.started_s() or (float(saved) if isinstance(saved, int | float) else None)


def _local(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _flight(run: Run) -> Iterator[dict[str, Any]]:
    """Yield simulations in flight, the slowest first, and what each waits on."""
    now = time.time() if run.status == RUNNING else None
    for (domain, task, trial), one in list(run.state.slowest())[:MOST_IN_FLIGHT]:
        yield {
            "name": f"{domain} {task}" + (f" trial {trial}" if trial else ""),
            "for": _since(one.started, run.state, now),
            "waiting_on": waiting_on(one),
            "since": _since(one.last.time, run.state, now),
            "step": one.last.fields.get("step"),
            "cost": money(one.spent.usd) if not one.spent.unpriced else UNKNOWN,
        }


def _since(moment: str, state: RunState, now: float | None) -> str:
    seconds = wall_seconds(moment, state.utc_offset())
    return UNKNOWN if seconds is None or now is None else clock(max(now - seconds, 0.0))


def waiting_on(one: OpenSimulation) -> str:
    """Return what a simulation waits on: what its last heartbeat said, else who acts next, else what its last event was."""
    fields = one.last.fields
    if fields.get("waiting_on"):
        what = str(fields["waiting_on"])
        return _WORK.get(what, what) + (f" ({fields['model']})" if fields.get("model") else "")
    if one.last.type == "step_complete" and fields.get("to_role"):
        role = str(fields["to_role"])
        return f"{BY_NAME[role].label if role in BY_NAME else role} (next to act)"
    return f"unknown; last event: {one.last.type}"
