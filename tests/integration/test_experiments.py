"""An experiment from its plan to its report, with scripted models whose effect is known by arithmetic."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from tau2_logging.analysis.verdict.compare_sides import Comparison, compare_sides
from tau2_logging.analysis.verdict.read_sides import read_sides
from tau2_logging.analysis.verdict.sentences import headline
from tau2_logging.errors import UserError
from tau2_logging.experiments.__main__ import build_parser, command_of
from tau2_logging.experiments.cells import KEY, collect
from tau2_logging.experiments.planning.plan_file import read_plan
from tau2_logging.experiments.running.run_experiment import progress, run_experiment
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.harness.tau2_harness import trial_seeds
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.command import ROOT

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

TASKS = ("0", "7", "9", "13", "14", "17", "21", "23", "24", "26")
"""Retail tasks in which an agent that does nothing fails."""

TRIALS, GIVES_UP, MORE = 2, 0.15, 0.35
CELLS = len(TASKS) * TRIALS
WEAK = {"gives_up": GIVES_UP, "gives_up_when": {"i am really angry": MORE, "this is unacceptable": MORE}}


def experiments(*words: str) -> int:
    """`python -m tau2_logging experiments ...` without ending the process; the exit code."""
    args = build_parser().parse_args(words)
    return command_of(args)(args)


@dataclass(frozen=True)
class Made:
    """A finished experiment, and its cells as they were after a first go in which calls failed."""

    directory: Path
    first_code: int
    first: pd.DataFrame
    printed: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    out = tmp_path_factory.mktemp("experiments")
    words = ["plan", "--name", "moods", "--out", str(out), "--task-ids", *TASKS, "--num-trials", str(TRIALS), "--max-concurrency", "4"]
    assert experiments(*words, "--user-variants", "control,anger,placebo", "--agent-llm-args", json.dumps(WEAK)) == 0
    directory = out / "moods"
    experiment = read_plan(directory)
    broken = replace(experiment.config.agent_model, args={**WEAK, "faults": {"server_error": 0.03}})
    first_code = run_experiment(experiment, {"agent_model": broken, "max_retries": 0, "progress": False}, rounds=1)
    first = collect(experiment)
    assert experiments("launch", str(directory), "--no-progress") == 0
    assert experiments("analyze", str(directory / "plan.json")) == 0
    return Made(directory, first_code, first, (directory / "report" / "analysis.json").read_text())


def given_up(task: str, share: float) -> float:
    """In which share of its trials the scripted agent does nothing, from its settings and seeds alone."""
    draws = [random.Random(f"{seed}|retail/{task}|drops").random() for seed in trial_seeds(300, TRIALS)]
    return sum(draw < share for draw in draws) / TRIALS


def test_the_known_effect_is_recovered(made: Made) -> None:
    """Success of every task in every arm is what the settings say; so is the difference, and its interval holds the settings' -0.35."""
    found = json.loads(made.printed)
    rows = {row["arm"]: row for row in found["tables"]["primary"]}
    effect = sum(given_up(task, GIVES_UP) - given_up(task, GIVES_UP + MORE) for task in TASKS) / len(TASKS)
    anger, placebo = rows["anger"], rows["placebo"]
    assert anger["difference"] == pytest.approx(effect)
    assert anger["difference_low"] < -MORE < anger["difference_high"] < 0
    assert anger["p_holm"] < 0.05
    assert (placebo["difference"], placebo["p_holm"]) == (0, 1)
    assert re.match(r"anger: lower success, -\d+\.\d points against control", found["conclusions"][0])
    assert "no difference shown" in found["conclusions"][1]


def test_what_failed_is_run_again_and_scored_once(made: Made) -> None:
    """After a go in which calls failed, cells without a result are errors without a reward; in the end every cell is there, none twice."""
    failed = made.first[made.first["status"].eq("error")]
    assert made.first_code == 1
    assert 0 < len(failed) < len(made.first) == len(TASKS) * TRIALS * 3
    assert failed["reward"].isna().all()
    experiment = read_plan(made.directory)
    cells = collect(experiment)
    assert cells["status"].eq("ok").all()
    assert not cells.duplicated(KEY).any()
    assert [(item.ok, item.missing) for item in progress(experiment)] == [(len(TASKS) * TRIALS, 0)] * 3
    rows = [row for path in experiment.run_dir.glob("simulations_*.jsonl") for row in read_rows(path) if row["status"] == "ok"]
    assert len(rows) == len(cells)
    kept = made.first[made.first["status"].eq("ok")].merge(cells, on=KEY)
    assert (kept["reward_x"] == kept["reward_y"]).all()


def test_the_manipulation_is_seen_in_the_users_words(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Anger is delivered: cue phrases and exclamations up, sentiment down, against both others; of the placebo nothing was declared."""
    assert experiments("manipulation", str(made.directory)) == 0
    printed = capsys.readouterr().out
    assert "anger: delivered\n" in printed
    assert "placebo: prompt delivered, nothing declared" in printed
    markers = {(row["arm"], row["against"], row["marker"]): row for row in json.loads(made.printed)["tables"]["markers"]}
    for against in ("control", "placebo"):
        assert markers["anger", against, "cue_phrases"]["difference_low"] > 0.5
        assert markers["anger", against, "exclamations"]["difference_low"] > 0
        assert markers["anger", against, "sentiment"]["difference_high"] < 0
    assert markers["placebo", "control", "exclamations"]["difference"] == 0


def test_the_reports_hold_everything(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV of every table, cells, report.html with forest and transcripts of all arms; figures of cost and tokens are the log's."""
    report = made.directory / "report"
    names = {path.name for path in report.iterdir()}
    assert {"cells.csv", "primary.csv", "pass_k.csv", "flips.csv", "secondary.csv", "terminations.csv", "report.html"} <= names
    page = (report / "report.html").read_text()
    data = json.loads(re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])["experiment"]  # type: ignore[index]
    assert [row["arm"] for row in data["forest"]] == ["anger", "placebo"]
    assert len(data["conversations"]) == len(TASKS)
    for talk in data["conversations"]:
        assert [arm["arm"] for arm in talk["arms"]] == ["control", "anger", "placebo"]
        assert all(arm["lines"][0] == ["agent", "Hi! How can I help you today?"] for arm in talk["arms"])
    flips = pd.read_csv(report / "flips.csv")
    changed = [task for task in TASKS if given_up(task, GIVES_UP) != given_up(task, GIVES_UP + MORE)]
    assert sorted(flips["task"].astype(str)) == sorted(changed)
    assert experiments("status", str(made.directory)) == experiments("monitor", str(made.directory)) == 0
    assert capsys.readouterr().out.count(f"{CELLS} of {CELLS} scored, 0 failed, 0 missing, cost free") == 6


def test_a_plan_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    """One line: no arms, an unknown reference, a bad arm, a budget that is too small or cannot be known, a plan that is there."""
    start = ("plan", "--name", "x", "--out", str(tmp_path), "--domains", "mock")
    cases = [
        (["--user-variants", "control"], "fewer than two"),
        (["--user-variants", "control,anger", "--reference", "calm"], "no arm 'calm'"),
        (["--arm", "a=agent"], "is not NAME=JSON"),
        (["--arm", 'a={"agnt": "x"}'], "no setting 'agnt'"),
        (["--agents", "llm_agent,retry_agent", "--budget", "1", "--cost-per-simulation", "0.5"], r"costs about \$9\.00"),
        (["--agent-llms", "gpt-4.1,openai/nobody-1", "--user-llm", "gpt-4.1", "--budget", "5"], "price of a model is not in the table"),
        (["--user-variants", "control,anger", "--rate", "1.5"], "--rate is 1.5"),
    ]
    for words, problem in cases:
        with pytest.raises(UserError, match=problem):
            experiments(*start, *words)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="cannot read the plan"):
        experiments("analyze", str(tmp_path))
    assert experiments(*start, "--agents", "llm_agent,retry_agent") == 0
    with pytest.raises(UserError, match="is there already"):
        experiments(*start, "--agents", "llm_agent,retry_agent")
    with pytest.raises(UserError, match="has not been run"):
        experiments("analyze", str(tmp_path / "x"))


def test_agents_and_models_are_arms_like_users(tmp_path: Path) -> None:
    """retry_agent and a lazy model against llm_agent, one trial: no variant to be delivered, McNemar's test beside the paired one."""
    words = ["plan", "--name", "agents", "--out", str(tmp_path), "--task-ids", *TASKS[:6], "--reference", "plain"]
    words += ["--arm", 'plain={"agent": "llm_agent"}', "--arm", 'retry={"agent": "retry_agent", "agent_args": {"attempts": 5}}']
    words += ["--arm", 'lazy={"agent_llm": "scripted/agent", "agent_llm_args": {"gives_up": 1.0}}']
    assert experiments(*words, "--agent-llm-args", '{"bad_writes": 0.7, "bad_when_told": 0.0}') == 0
    assert experiments("run", str(tmp_path / "agents"), "--no-progress") == 0
    assert experiments("analyze", str(tmp_path / "agents"), "--format", "json") == 0
    tables = json.loads((tmp_path / "agents" / "report" / "analysis.json").read_text())["tables"]
    assert [row["verdict"] for row in tables["delivery"]] == ["no variant", "no variant"]
    primary, mcnemar = ({row["arm"]: row for row in tables[name]} for name in ("primary", "mcnemar"))
    assert primary["lazy"]["success_rate"] == 0 < primary["lazy"]["reference_rate"]
    assert (mcnemar["lazy"]["won"], mcnemar["retry"]["lost"]) == (0, 0)
    assert mcnemar["lazy"]["lost"] == round(primary["lazy"]["reference_rate"] * 6)
    errors = {row["arm"]: row["difference"] for row in tables["secondary"] if row["measure"] == "tool errors"}
    assert errors["retry"] < 0
    assert [path.name for path in (tmp_path / "agents" / "report").iterdir()] == ["analysis.json"]


def test_the_prompt_command_prints_the_prompt_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """The control's is byte for byte what tau2 makes."""
    from tau2.registry import registry
    from tau2.user.user_simulator import UserSimulator

    task = registry.get_tasks_loader("mock")()[0]
    own = UserSimulator(tools=None, instructions=str(task.user_scenario), llm="none", llm_args={}).system_prompt
    assert experiments("variants", "prompt", "control", "--domain", "mock", "--task", str(task.id)) == 0
    assert capsys.readouterr().out == own
    for words in (["list"], ["show", "anger"], ["diff", "anger", "placebo"], ["lint"]):
        assert experiments("variants", *words) == 0
    assert "6 variants, 0 findings" in capsys.readouterr().out


def test_the_manual_shows_commands_that_parse() -> None:
    """Every command of docs/experiments.md is one that the parser takes."""
    text = (ROOT / "docs" / "experiments.md").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("python -m tau2_logging experiments")]
    assert len(lines) > 8
    import shlex

    for line in lines:
        words = shlex.split(line, comments=True)[4:]
        build_parser().parse_args(words)


def test_a_plan_is_run_until_it_is_settled_and_judged_accordingly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An agent that does nothing loses every task: ten of them are enough, in batches of five, and the others are not run."""
    more = ("27", "28", "29", "30", "31")
    arms = ["--arm", "works={}", "--arm", 'idles={"agent_llm": "scripted/agent", "agent_llm_args": {"gives_up": 1.0}}']
    words = ["plan", "--name", "idle", "--out", str(tmp_path), "--task-ids", *TASKS, *more, *arms, "--reference", "works"]
    assert experiments(*words) == 0
    directory = tmp_path / "idle"
    going = ["run", str(directory), "--no-progress", "--until", "settled", "--batch", "5"]
    assert experiments(*going) == 0
    said = capsys.readouterr().out
    assert "look 1: 5 of 15 tasks; idles -100 points (-100 to " in said
    assert "settled after 10 of 15 tasks; 5 tasks (33 %) were not needed" in said
    assert experiments(*going) == 0
    assert [item.ok for item in progress(read_plan(directory))] == [10, 10]
    with pytest.raises(UserError, match="was begun with --until settled"):
        experiments("run", str(directory))
    assert experiments("analyze", str(directory), "--format", "json") == 0
    found = json.loads((directory / "report" / "analysis.json").read_text())
    (row,) = found["tables"]["primary"]
    last = json.loads((directory / "logs" / "runs" / "idle" / "looks.json").read_text())["looks"][-1]["arms"]["idles"]
    assert (row["tasks"], row["difference"], row["difference_high"]) == (10, -1.0, last["high"])
    assert "It was stopped after 10 of 15 tasks in random order, where it was settled" in found["conclusions"][-1]
    (pair,) = compare_sides(read_sides([str(directory / "logs")])).pairs
    assert (pair.a.label, pair.b.label) == ("idles", "works")
    assert pair.success.interval.low == pytest.approx(-last["high"])
    assert "scores are those of a sample of tasks" in headline(Comparison([pair.a, pair.b], {}, [pair]))


def test_a_difference_that_is_surely_small_is_settled_by_the_margin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two arms that are alike: without a margin all tasks are run, with one of 70 points only as many as bring the interval within it."""
    arms = ["--arm", "one={}", "--arm", 'other={"agent_llm_args": {"ttft_ms": 0}}']
    assert experiments("plan", "--name", "alike", "--out", str(tmp_path), "--task-ids", *TASKS, *arms, "--reference", "one") == 0
    going = ["run", str(tmp_path / "alike"), "--no-progress", "--until", "settled", "--batch", "5"]
    assert experiments(*going, "--margin", "70") == 0
    said = capsys.readouterr().out
    looks = json.loads((tmp_path / "alike" / "logs" / "runs" / "alike" / "looks.json").read_text())
    reach = [look["arms"]["other"]["high"] for look in looks["looks"]]
    assert reach[-1] <= 0.7
    assert all(one > 0.7 for one in reach[:-1])
    assert f"settled after {looks['looks'][-1]['tasks']} of 10 tasks" in said


def test_a_plan_ends_when_its_budget_is_spent_and_goes_on_with_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget ends in the middle of the second batch, at which there is no look; with $5 it goes on to its end."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with SimulatedServer(ServerSettings(models=("sim",), turns=1)) as server:
        price = {"api_base": server.base_url, "input_cost_per_token": 1e-5, "output_cost_per_token": 1e-5}
        user = ["--user-llm", "openai/sim", "--user-llm-args", json.dumps(price), "--budget", "0.12", "--cost-per-simulation", "0.0001"]
        arms = ["--arm", "one={}", "--arm", 'other={"agent_llm_args": {"ttft_ms": 0}}', "--reference", "one"]
        assert experiments("plan", "--name", "paid", "--out", str(tmp_path), "--task-ids", *TASKS, *arms, *user) == 0
        going = ["run", str(tmp_path / "paid"), "--no-progress", "--until", "settled", "--batch", "5"]
        experiments(*going)
        said = capsys.readouterr().out
        assert "the budget is spent, and it is not settled after 5 of 10 tasks" in said
        assert {side.simulations["task"].nunique() for side in read_sides([str(tmp_path / "paid" / "logs")])} == {5}
        experiments(*going, "--budget", "5")
    assert "all tasks are done after 10 of 10 tasks" in capsys.readouterr().out
