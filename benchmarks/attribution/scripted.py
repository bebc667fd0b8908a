"""Scripted simulations with known culprits: `python -m benchmarks.attribution scripted [--trials N]`.

Played: the user hangs up, says a wrong fact, withholds or changes its mind (`--user-llm-args`), or the agent does nothing, writes wrong
arguments or loops (`--agent-llm-args`), or tools fail (`--tool-faults`), each in a share of the simulations of retail and airline. Planted
into solved ones of the careful user, because no task there is decided by a judge: verdicts without a reason, against their own words, too
few; a tool that breaks at a reference write; a reference that exchanges an item for itself; an end by an outage.

Printed is the confusion matrix over failed simulations: rows are culprits, columns what the rules say; then precision and recall of each
accusation of others than the agent, and how many of the agent's failures are blamed on others where nothing but the agent failed.
"""

from __future__ import annotations

import io
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.models.scripted import ScriptedSettings
from tau2_logging.models.scripted.user_faults import drawn_user_fault
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig

DOMAINS = ("retail", "airline")
USER_SHARES = {"hangs_up": 0.15, "wrong_fact": 0.15, "withholds": 0.15, "changes_mind": 0.15}
AGENT_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "does nothing": {"gives_up": 0.5},
    "wrong arguments": {"bad_writes": 1.0, "bad_when_told": 1.0},
    "loops": {"faults": {"loop": 0.5}},
}
TOOL_FAULTS = ("error=0.06", "timeout=0.03", "empty=0.1", "stale=0.2", "wait=0")
NOBODY = {"changes_mind": 0.0}
"""A careful user without a fault."""

HOLED: Mapping[str, frozenset[str]] = {
    "airline": frozenset(
        ["2", "5", "7", "9", "12", "13", "14", "18", "21", "23", "27", "29", "33", "35", "37", "38", "39", "42", "44", "45"]
    ),
    "retail": frozenset(["18", "22", "62", "91", "98", "100", "107"]),
}
"""Tasks whose reference or scenario later releases of tau2 changed: the task may be at fault there, too, so they are left out."""

Table = Counter[tuple[str, str]]


def play(
    folder: Path, user: Mapping[str, Any], agent: Mapping[str, Any], seed: int, tasks: int | None, tools: tuple[str, ...] = ()
) -> list[Path]:
    """Run the tasks once; returns the results files, or the logs if `tools` fail: the faults are marked there."""
    name = f"run{seed}"
    config = RunConfig(
        domains=DOMAINS, num_tasks=tasks, agent_model=ModelChoice(SCRIPTED_AGENT, {**agent, "seed": seed}),
        user_model=ModelChoice(SCRIPTED_USER, {**user, "seed": seed}), judge_model=ModelChoice(SCRIPTED_JUDGE), log_dir=folder / name,
        run_name=name, progress=False, max_steps=60, seed=300 + seed, tool_faults=tools,
    )  # fmt: skip
    run(config, console=Console(file=io.StringIO()))
    return sorted((folder / name).glob("tau2_*.log") if tools else (folder / name / "runs" / name).glob("results_*.json"))


def decided(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what the rules say of each failed simulation of a results file, of tasks that are sound."""
    for row in records(attribution(LogAnalyzer(path).recorded)):
        if row["task"] not in HOLED[str(row["domain"])]:
            yield row


def user_faults(folder: Path, seeds: range, tasks: int | None) -> tuple[Table, Table]:
    """Return (culprit, fault said) and (what the user did, rule) over the failed simulations whose user was drawn a fault."""
    table, rules = Table(), Table()
    for seed in seeds:
        for path in play(folder, USER_SHARES, {}, seed, tasks):
            seed_of = {str(one["task_id"]): one["seed"] for one in json.loads(path.read_text(encoding="utf-8"))["simulations"]}
            for row in decided(path):
                settings = ScriptedSettings.of({**USER_SHARES, "seed": seed_of[row["task"]]})  # tau2 gives every simulation its own seed
                fault = drawn_user_fault(settings, f"{row['domain']}/{row['task']}")
                table["user" if fault else "unknown", row["fault"]] += 1
                rules[fault or "none", str(row["rule"])] += 1
    return table, rules


def agent_faults(folder: Path, seeds: range, tasks: int | None) -> Table:
    """Return (agent, fault said) over failed simulations in which nobody but the agent did wrong, with a careful user and a plain one."""
    table = Table()
    for number, faults in enumerate(AGENT_FAULTS.values()):
        for seed in seeds:
            for user in (NOBODY, {}):
                place = folder / f"agent{number}{bool(user)}"
                for path in play(place, user, faults, seed, tasks):
                    table += Table(("agent", row["fault"]) for row in decided(path))
    return table


def tool_faults(folder: Path, seeds: range, tasks: int | None) -> Table:
    """Return (tools, fault said) over failed simulations in which nothing but tools failed."""
    table = Table()
    for seed in seeds:
        for path in play(folder, {}, {}, seed, tasks, TOOL_FAULTS):
            table += Table(("tools", row["fault"]) for row in decided(path))
    return table


def planted(folder: Path, seeds: range, tasks: int | None) -> Table:
    """Return (culprit, fault said) over solved simulations into whose record a fault of judge, tools, task or infrastructure was put."""
    table = Table()
    for seed in seeds:
        for path in play(folder / "solved", NOBODY, {}, seed, tasks):
            data = json.loads(path.read_text(encoding="utf-8"))
            for culprit, plant in PLANTS.items():
                found = _planted(data, plant, random.Random(f"{seed}{culprit}"))
                if found["simulations"]:
                    file = folder / f"{culprit.replace(' ', '_')}_{path.name}"
                    file.write_text(json.dumps(found), encoding="utf-8")
                    table += Table((culprit.split()[0], row["fault"]) for row in decided(file))
    return table


Plant = Callable[[dict[str, Any], dict[str, Any], random.Random], bool]


def _planted(data: Mapping[str, Any], plant: Plant, draw: random.Random) -> dict[str, Any]:
    tasks = {str(task["id"]): task for task in deepcopy(data["tasks"])}
    kept = []
    for simulation in deepcopy(data["simulations"]):
        if (simulation["reward_info"] or {}).get("reward") == 1.0 and plant(simulation, tasks[str(simulation["task_id"])], draw):
            kept.append(simulation)
    return {**data, "tasks": list(tasks.values()), "simulations": kept}


def _lose(simulation: dict[str, Any], part: str) -> None:
    info = simulation["reward_info"]
    info["reward"], info["reward_breakdown"] = 0.0, {**(info.get("reward_breakdown") or {}), part: 0.0}


def _verdicts(reason: str) -> Plant:
    def plant(simulation: dict[str, Any], task: dict[str, Any], draw: random.Random) -> bool:
        _lose(simulation, "NL_ASSERTION")
        task["evaluation_criteria"]["nl_assertions"] = ["The agent is polite."]
        verdict = {"nl_assertion": "The agent is polite.", "met": False, "justification": reason}
        simulation["reward_info"]["nl_assertions"] = [verdict]
        return True

    return plant


def _too_few(simulation: dict[str, Any], task: dict[str, Any], draw: random.Random) -> bool:
    _verdicts("x")(simulation, task, draw)
    task["evaluation_criteria"]["nl_assertions"] = ["The agent is polite.", "The agent is brief."]
    simulation["reward_info"]["nl_assertions"][0]["met"] = True
    return True


def _broken_tool(simulation: dict[str, Any], task: dict[str, Any], draw: random.Random) -> bool:
    wanted = [(one["name"], one["arguments"]) for one in task["evaluation_criteria"]["actions"] or ()]
    for message in simulation["messages"]:
        for call in message.get("tool_calls") or ():
            if (call["name"], call["arguments"]) in wanted and not call["name"].startswith(
                ("get", "find", "search", "list", "calc", "transfer")
            ):
                for result in simulation["messages"]:
                    if result["role"] == "tool" and result["id"] == call["id"]:
                        result["content"], result["error"] = "Error: Internal server error: connection timed out", True
                        _lose(simulation, "DB")
                        return True
    return False


def _same_item(simulation: dict[str, Any], task: dict[str, Any], draw: random.Random) -> bool:
    for action in task["evaluation_criteria"]["actions"] or ():
        if action["name"] == "exchange_delivered_order_items":
            action["arguments"]["new_item_ids"] = list(action["arguments"]["item_ids"])
            _lose(simulation, "DB")
            return True
    return False


def _outage(simulation: dict[str, Any], task: dict[str, Any], draw: random.Random) -> bool:
    simulation["messages"] = simulation["messages"][: draw.randrange(1, len(simulation["messages"]))]
    simulation["reward_info"], simulation["termination_reason"] = None, "infrastructure_error"
    return True


PLANTS: Mapping[str, Plant] = {
    "judge empty": _verdicts(""),
    "judge contradicts": _verdicts("The agent was polite throughout; the expectation is met."),
    "judge miscounts": _too_few,
    "tools break": _broken_tool,
    "task same item": _same_item,
    "infrastructure": _outage,
}


def measure(trials: int, tasks: int | None, folder: Path | None = None) -> tuple[Table, Table]:
    """Play, plant and print; returns the confusion matrix and what the rules said of each fault of the user."""
    with tempfile.TemporaryDirectory() as made:
        place, seeds = folder or Path(made), range(trials)
        table, rules = user_faults(place / "user", seeds, tasks)
        table += agent_faults(place, seeds, tasks) + tool_faults(place / "tools", seeds, tasks) + planted(place, seeds, tasks)
    report(table, rules)
    return table, rules


def report(table: Table, rules: Table) -> None:
    """Print the matrix, precision and recall."""
    said = sorted({fault for _, fault in table})
    print(f"{sum(table.values()):,} failed simulations\n{'culprit':16}" + "".join(f"{fault:>15}" for fault in said))
    for culprit in sorted({culprit for culprit, _ in table}):
        print(f"{culprit:16}" + "".join(f"{table[culprit, fault]:15,}" for fault in said))
    for fault in ("user", "judge", "tools", "task", "infrastructure"):
        print(f"{fault:16} precision {precision(table, fault):.3f}, recall {recall(table, fault):.3f}")
    print(f"the agent's failures blamed on others: {blamed_on_others(table):.3f}")
    for (fault, rule), number in sorted(rules.items()):
        print(f"  {fault:14} {number:6,}  {rule}")


def figures(table: Table, rules: Table) -> dict[str, list[dict[str, Any]]]:
    """Return the counts behind the report: failed simulations by culprit and fault said, and by fault of the user and rule."""
    return {
        "failed": [{"culprit": culprit, "said": said, "n": number} for (culprit, said), number in sorted(table.items())],
        "rules": [{"user_fault": fault, "rule": rule, "n": number} for (fault, rule), number in sorted(rules.items())],
    }


def precision(table: Table, fault: str) -> float:
    """Return the right accusations of all of this fault."""
    of = sum(number for (_, said), number in table.items() if said == fault)
    return table[fault, fault] / of if of else float("nan")


def recall(table: Table, fault: str) -> float:
    """Return the found of all simulations with this culprit."""
    of = sum(number for (culprit, _), number in table.items() if culprit == fault)
    return table[fault, fault] / of if of else float("nan")


def blamed_on_others(table: Table) -> float:
    """Return the share of the agent's failures that are said to be another's."""
    agents = {said: number for (culprit, said), number in table.items() if culprit == "agent"}
    wrong = sum(number for said, number in agents.items() if said not in ("agent", "unknown"))
    return wrong / sum(agents.values()) if agents else float("nan")
