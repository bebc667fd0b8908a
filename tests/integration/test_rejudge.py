"""Recorded conversations of airline judged again by scripted judges of known error."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from statistics import mean, variance
from typing import Any

import pytest

from tau2_logging.analysis.load import load_log
from tau2_logging.cli import rejudge as command
from tau2_logging.cli import run_local
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.statistics.distribution_functions import t_quantile
from tests.support.in_process import quick_workers, run_quietly, scripted

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

TASKS, TRIALS = 14, 3
ERRORS = (0.05, 0.15, 0.3)
JUDGES = ["scripted/judge", "scripted/judge#2", "scripted/judge#3"]
SEEN = "tool:"
"""What the judges look for: it is said in every conversation in which the agent used a tool."""
ARGUMENTS = [json.dumps({"met_if": SEEN, "wrong_verdicts": error, "seed": 2026}) for error in ERRORS]
"""With the seeds 0 and 1 the second judge errs 4 times of 84, as it does in 3 of 1,000 draws: tests/unit/models/test_judge_dice.py."""
CLAIMS = 14
WIDER = t_quantile(1 - 0.025 / CLAIMS, TASKS - 1) / t_quantile(0.975, TASKS - 1)
"""An interval of 95 % so much wider holds for all claims that are tested here at once (Bonferroni): nine kappas and five parts."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose agent does nothing in 40 of 100 simulations; a judge without error was asked."""
    logs = tmp_path_factory.mktemp("rejudge")
    judge = ModelChoice("scripted/judge", {"met_if": SEEN}, named=True)
    size = {"num_tasks": TASKS, "num_trials": TRIALS, "max_concurrency": 2}
    config = scripted(logs, {"gives_up": 0.4}, domains=("airline",), judge_model=judge, run_name="base", **size)
    run_quietly(config)
    return logs / "runs/base"


@pytest.fixture(scope="module")
def report(run: Path) -> dict[str, Any]:
    """rejudge.json of three judges that are each asked twice."""
    words = [str(run), "--judge-llm", *["scripted/judge"] * 3, "--judge-llm-args", *ARGUMENTS, "--trials", "2"]
    assert command.main([*words, "--log-dir", str(run.parent / "rejudged"), "--output-dir", str(run.parent)]) == 0
    return json.loads((run.parent / "rejudge.json").read_text(encoding="utf-8"))


def _truth(run: Path) -> dict[tuple[str, int], bool]:
    """Whether each conversation that a judge is asked about holds what the judges look for, read from its messages."""
    found = {}
    data = json.loads((run / "results_airline.json").read_text(encoding="utf-8"))
    asked = {task["id"] for task in data["tasks"] if task["evaluation_criteria"]["nl_assertions"]}
    for one in data["simulations"]:
        if one["task_id"] in asked and one["termination_reason"] in ("user_stop", "agent_stop"):
            found[one["task_id"], one["trial"]] = any(message["role"] == "tool" for message in one["messages"])
    return found


def _kappa(first: float, second: float, share: float) -> float:
    """Of two judges with these errors on conversations of which so many are met, by its definition."""
    met = [share * (1 - error) + (1 - share) * error for error in (first, second)]
    same = (1 - first) * (1 - second) + first * second
    chance = met[0] * met[1] + (1 - met[0]) * (1 - met[1])
    return (same - chance) / (1 - chance)


def _holds(row: dict[str, Any], value: float, truth: float) -> bool:
    return value - WIDER * (value - row["low"]) <= truth <= value + WIDER * (row["high"] - value)


def test_kappas_are_within_their_intervals_of_the_truth(run: Path, report: dict[str, Any]) -> None:
    """Of each two judges, of each with the recorded one (who made no error), and of each with itself."""
    share = mean(_truth(run).values())
    errors = {"recorded": 0.0, **dict(zip(JUDGES, ERRORS, strict=True))}
    wanted = {pair: _kappa(errors[pair[0]], errors[pair[1]], share) for pair in combinations(errors, 2)}
    wanted |= {(judge, judge): _kappa(errors[judge], errors[judge], share) for judge in JUDGES}
    found = {(row["first"], row["second"]): row["conversations"] for row in report["agreement"]}
    assert found.keys() == wanted.keys()
    assert [pair for pair, truth in wanted.items() if not _holds(found[pair], found[pair]["kappa"], truth)] == []
    for pair, row in found.items():
        assert row["of"] == len(_truth(run)) * (1 if pair[0] == pair[1] else 2)


def test_the_parts_of_the_variance_are_within_their_intervals_of_the_truth(run: Path, report: dict[str, Any]) -> None:
    """A judge of error e says e + (1 - 2e)·v on average of a conversation v: what follows is by hand."""
    truth = _truth(run)
    met = mean(truth.values())
    slopes = [1 - 2 * error for error in ERRORS]
    wanted = {
        "judge": variance([error + slope * met for error, slope in zip(ERRORS, slopes, strict=True)]),
        "judge and conversation": met * (1 - met) * variance(slopes),
        "judge again": mean(error * (1 - error) for error in ERRORS),
    }
    parts = {row["part"]: row for row in report["variance"]["parts"]}
    assert report["variance"]["conversations"] == len(truth)
    wanted |= {"task": 0.0, "trial": met * (1 - met) * mean(slopes) ** 2}  # who gives up is drawn for each trial alike
    assert [name for name, value in wanted.items() if not _holds(parts[name], parts[name]["variance"], value)] == []
    assert parts["user"]["remark"]
    assert sum(row["share"] or 0 for row in parts.values()) == pytest.approx(1, abs=1e-5)


def test_a_flip_has_both_verdicts_and_they_are_those_of_the_results(run: Path, report: dict[str, Any]) -> None:
    """Each is in the recorded results and in those of the judge; none that there are is left out."""
    recorded = _verdicts(run / "results_airline.json")
    wanted = {
        (row["judge"], row["again"], *key)
        for row in report["results"]
        for key, met in _verdicts(Path(row["results"])).items()
        if recorded[key] != met
    }
    told = {(row["judge"], row["again"], row["task"], row["trial"], row["assertion"]): row for row in report["flips"]}
    assert told.keys() == wanted
    assert all(row["before"] is not row["now"] and row["reason_now"] and row["reason_before"] for row in told.values())


def _verdicts(path: Path) -> dict[tuple[str, int, str], bool]:
    data = json.loads(path.read_text(encoding="utf-8"))
    return {
        (one["task_id"], one["trial"], check["nl_assertion"]): check["met"]
        for one in data["simulations"]
        for check in one["reward_info"]["nl_assertions"] or ()
    }


def test_results_are_tau2s_and_hold_the_conversations_as_they_were(run: Path, report: dict[str, Any]) -> None:
    """Only what the judge said is new; the run says whose conversations they are, and that nobody played."""
    from tau2.data_model.simulation import Results

    path = Path(report["results"][0]["results"])
    new, old = (Results.model_validate_json(file.read_text(encoding="utf-8")) for file in (path, run / "results_airline.json"))
    assert {(one.task_id, one.trial): one.messages for one in new.simulations} == {
        (one.task_id, one.trial): one.messages for one in old.simulations
    }
    assert new.info == old.info
    log = load_log(run.parent / "rejudged/tau2_airline.log", path.parent.name)
    start = log.select(["rejudged_from", "agent_llm", "judge_llm"], types=["run_start"]).iloc[0]
    assert (start["rejudged_from"], start["agent_llm"]) == (str(run / "results_airline.json"), "scripted/agent")
    assert len(log.select(["type"], types=["llm_call", "user_sim", "tool_call"])) == 0
    assert len(log.select(["type"], types=["evaluator"])) == len(_truth(run))


def test_judges_in_a_worker_process_say_what_they_say_in_threads(run: Path, report: dict[str, Any], tmp_path: Path) -> None:
    """And play nothing: the worker has the recorded conversations."""
    words = ["--judge-llm", "scripted/judge", "--judge-llm-args", ARGUMENTS[0]]
    with quick_workers():
        code = command.main([str(run), *words, "--executor", "processes", "--log-dir", str(tmp_path), "--output-dir", str(tmp_path)])
    found = json.loads((tmp_path / "rejudge.json").read_text(encoding="utf-8"))
    of_threads = [row for row in report["flips"] if (row["judge"], row["again"]) == ("scripted/judge", 0)]
    assert code == 0
    assert sorted(map(str, found["flips"])) == sorted(map(str, of_threads))
    assert of_threads


def test_without_a_judge_rewards_are_made_again(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same tau2 finds the same, but for what was changed in the file."""
    data = json.loads((run / "results_airline.json").read_text(encoding="utf-8"))
    data["simulations"].append({**data["simulations"][0], "trial": 10**12})
    changed = next(one for one in data["simulations"] if one["reward_info"]["reward"] == 1.0)
    changed["reward_info"]["reward"] = 0.0
    next(message for one in data["simulations"][1:] for message in one["messages"] if message["role"] == "tool")["content"] = "no"
    file = tmp_path / "results.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    code = command.main([str(file), "--log-dir", str(tmp_path / "logs"), "--output-dir", str(tmp_path)])
    report = json.loads((tmp_path / "rejudge.json").read_text(encoding="utf-8"))
    assert code == 1
    assert sorted(report["refused"]["reasons"].values()) == [1, 1]
    assert report["conversations"] == TASKS * TRIALS - 1
    assert [(row["task"], row["before"], row["now"]) for row in report["flips"]] == [(changed["task_id"], 0.0, 1.0)]
    said = capsys.readouterr().out
    assert "a tool answers otherwise than recorded" in said
    assert "its trial is not one that a run has" in said


def test_what_all_judges_may_cost_is_kept_to(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two judges the second is asked for what the first has left over; the rest is counted as not asked for, and not as failed."""
    price = json.dumps({"met_if": SEEN, "input_cost_per_token": 1e-3, "output_cost_per_token": 0.0})
    words = ["--judge-llm", "scripted/judge", "scripted/judge", "--judge-llm-args", price, "--max-concurrency", "1"]
    out = ["--log-dir", str(tmp_path), "--output-dir", str(tmp_path)]
    assert command.main([str(run), *words, *out]) == 0
    whole = {row["judge"]: row for row in json.loads((tmp_path / "rejudge.json").read_text(encoding="utf-8"))["judges"]}
    one = whole["scripted/judge"]["cost_usd"]
    assert command.main([str(run), *words, *out, "--max-cost", str(one * 1.5)]) == 1
    rows = {row["judge"]: row for row in json.loads((tmp_path / "rejudge.json").read_text(encoding="utf-8"))["judges"]}
    first, second = rows["scripted/judge"], rows["scripted/judge#2"]
    assert (first["calls"], first["unasked"], second["failed"]) == (whole["scripted/judge"]["calls"], 0, 0)
    assert 0 < second["calls"] < first["calls"]
    assert second["unasked"] == TASKS * TRIALS - second["scored"] > 0
    assert one < first["cost_usd"] + second["cost_usd"] < 1.6 * one
    assert f"{second['unasked']} were not asked for, because --max-cost was spent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (lambda run: [str(run), "--trials", "2"], "none is named"),
        (lambda run: [str(run), "--judge-llm", "a", "b", "--judge-llm-args", "{}", "{}", "{}"], "3 words for 2 judges"),
        (lambda run: [str(run.parent)], "holds no recorded simulation"),
        (lambda run: [str(run), "--judge-llm", "nobody/knows"], "nobody"),
    ],
)
def test_bad_input_to_judges_is_one_line(
    run: Path, words: Callable[[Path], list[str]], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words(run)) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_a_rejudged_run_is_not_resumed(report: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(report["results"][0]["results"]).parent
    with pytest.raises(SystemExit) as ended:
        run_local.main(["--resume", str(folder)])
    assert ended.value.code == 2
    assert "cannot be resumed" in capsys.readouterr().err


def test_a_simulation_of_another_task_than_it_names_is_refused(run: Path, tmp_path: Path) -> None:
    """Some public files have tasks and simulations mixed up: scored against the task that is named, all would have failed."""
    data = json.loads((run / "results_airline.json").read_text(encoding="utf-8"))
    mixed = next(one for one in data["simulations"] if one["task_id"] == "7")
    mixed["task_id"] = "2"
    file = tmp_path / "results.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    assert command.main([str(file), "--log-dir", str(tmp_path / "logs"), "--output-dir", str(tmp_path)]) == 1
    report = json.loads((tmp_path / "rejudge.json").read_text(encoding="utf-8"))
    assert report["refused"]["reasons"] == {"it was scored against another task than the one it names": 1}
