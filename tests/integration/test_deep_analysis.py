"""`--deep` on a real run: the same figures as tau2's own, from each source what it holds, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.root_causes import root_causes
from tau2_logging.analysis.reports.text.answer import MOST_LINES, answer, record_answer
from tau2_logging.cli.analyze_timing import main
from tau2_logging.errors import UserError

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

FAULTS = {"invalid_args": 0.2, "unknown_tool": 0.06, "loop": 0.1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log folder of a run of mock and retail with faults, two trials, events on."""
    from tests.support.in_process import run_quietly, scripted

    folder = tmp_path_factory.mktemp("logs")
    code, said = run_quietly(
        scripted(folder, agent={"faults": FAULTS}, domains=("mock", "retail"), num_tasks=14, num_trials=2, max_steps=50, events=True)
    )
    assert code == 0, said
    return folder


@pytest.fixture(scope="module")
def analysis(run: Path) -> LogAnalyzer:
    return LogAnalyzer(sorted(run.glob("tau2_*.log")))


@pytest.fixture(scope="module")
def simulations(run: Path) -> list[dict[str, Any]]:
    """tau2's simulations, with their domain."""
    found = []
    for path in sorted(run.glob("runs/*/results_*.json")):
        data = json.loads(path.read_text())
        found += [{**one, "domain": data["info"]["environment_info"]["domain_name"]} for one in data["simulations"]]
    return found


def test_an_action_is_made_exactly_where_tau2s_own_check_says_so(analysis: LogAnalyzer, simulations: list[dict[str, Any]]) -> None:
    from tau2_logging.analysis.deep.recall import gold_actions

    made = gold_actions(analysis.recorded).set_index(["domain", "task", "trial", "index"])["made"].to_dict()
    checks = {
        (one["domain"], one["task_id"], one["trial"], index): check["action_match"]
        for one in simulations
        for index, check in enumerate(one["reward_info"].get("action_checks") or ())
    }
    assert len(checks) > 60
    assert {key: made[key] for key in checks} == checks


def test_pass_k_is_tau2s_own(analysis: LogAnalyzer, run: Path) -> None:
    from tau2.data_model.simulation import Results
    from tau2.metrics.agent_metrics import compute_metrics

    table = analysis.get_reward_results()["pass_k"].set_index(["domain", "k"])["pass_k_rate"]
    for path in run.glob("runs/*/results_*.json"):
        expected = compute_metrics(Results.load(path)).pass_hat_ks
        domain = path.stem.removeprefix("results_")
        assert {k: table[domain, k] for k in expected} == pytest.approx(expected)


def test_every_call_has_its_clock_its_type_and_its_check(analysis: LogAnalyzer, simulations: list[dict[str, Any]]) -> None:
    """Calls of results, log and events are the same calls: none is lost or doubled, none is without a duration."""
    calls = analysis.recorded.calls
    tools = sum(message["role"] == "tool" for one in simulations for message in one["messages"])
    assert len(calls) == tools - len(analysis.recorded.history)
    assert calls["duration_ms"].notna().all()
    invented = calls["tool"].str.endswith("_now")
    assert (calls["tool_type"].isna() == invented).all()
    assert (
        calls.loc[~invented, "unexpected"].map(bool) == calls.loc[~invented, "error_text"].fillna("").str.contains("unexpected keyword")
    ).all()


def test_injected_faults_come_back_as_what_they_were(analysis: LogAnalyzer) -> None:
    """A call with made-up arguments is a schema violation, one of a made-up tool a hallucinated tool, and no other call is either."""
    from tau2_logging.analysis.deep.tool_calls.taxonomy import with_kinds

    failed = with_kinds(analysis.recorded.calls)
    assert (failed["kind"].eq("hallucinated tool") == failed["tool"].str.endswith("_now")).all()
    spoiled = failed["arguments"].map(lambda given: "unexpected_argument" in given)
    assert (failed["kind"].eq("schema violation") == spoiled).all()


def test_a_loop_that_was_played_is_the_cause_that_is_found(analysis: LogAnalyzer) -> None:
    causes = analysis.get_error_analysis()["root_causes"]
    assert "loop" in set(causes["cause"])
    ended = causes[causes["termination"] == "max_steps"]
    assert set(ended["cause"]) == {"loop"}


def test_each_source_alone_gives_the_figures_that_it_holds(analysis: LogAnalyzer, run: Path, tmp_path: Path) -> None:
    """Execution is the same from results, events and log; recall from results; what a source does not hold is not there."""
    from_results, from_events = (LogAnalyzer(sorted(run.glob(f"runs/*/{kind}_*.json*"))) for kind in ("results", "events"))
    for path in run.glob("tau2_*.log"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    from_log = LogAnalyzer(tmp_path)
    wanted = execution(analysis)
    for other in (from_results, from_events, from_log):
        pd.testing.assert_frame_equal(execution(other), wanted, check_dtype=False)
    same = ["made", "actions", "recall_rate"]
    assert from_results.get_recall_results()["by_tool"][same].sum().equals(analysis.get_recall_results()["by_tool"][same].sum())
    assert from_log.get_recall_results()["recall"].empty
    types = set(from_results.get_recall_results()["recall"]["tool_type"])
    assert types == set(analysis.get_recall_results()["recall"]["tool_type"])  # of tau2's own tools they are known
    assert from_log.get_reward_results()["success"]["solved"].tolist() == analysis.get_reward_results()["success"]["solved"].tolist()


def execution(analyzer: LogAnalyzer) -> pd.DataFrame:
    table = analyzer.get_execution_results()["by_tool"]
    return table.sort_values(["domain", "tool"], ignore_index=True)[
        ["domain", "tool", "errors", "calls", "error_rate_low", "error_rate_high"]
    ]


def test_a_run_that_was_killed_is_read_from_its_checkpoint(analysis: LogAnalyzer, run: Path, tmp_path: Path) -> None:
    for path in run.glob("runs/*/simulations_*.jsonl"):
        (tmp_path / path.name).write_text(path.read_text() + '{"domain": "mo')
    found = LogAnalyzer(tmp_path)
    assert len(found.recorded.calls) == len(analysis.recorded.calls) + len(analysis.recorded.history)  # it does not hold the tasks' talk
    assert len(found.recorded.refused) == 2


def test_every_part_has_the_name_it_is_asked_by_and_says_what_it_is(analysis: LogAnalyzer) -> None:
    names = (
        "get_comprehensive_analysis", "get_argument_analysis", "get_performance_analysis", "get_error_analysis", "get_temporal_analysis",
        "get_performance_bottlenecks", "get_tool_efficiency_metrics", "get_argument_correlation_analysis",
    )  # fmt: skip
    parts = {name for name in dir(LogAnalyzer) if name.startswith("get_")}
    assert parts >= set(names)
    assert all(getattr(LogAnalyzer, name).__doc__ for name in parts)
    parts_by_name = analysis.get_comprehensive_analysis()
    assert parts_by_name.pop("basic_stats")["total_tool_calls"] == len(analysis.recorded.calls)
    for part in parts_by_name.values():
        assert part
        assert all(isinstance(table, pd.DataFrame) for table in part.values())


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_the_command_adds_the_deep_tables_to_every_format(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Terminal, JSON, Markdown, CSV and the report's pages show one and the same figure."""
    words = ("--log_dir", run, "--deep", "--output_dir", tmp_path, "--format", "console", "json", "markdown", "csv", "html")
    assert command(*words, "--tables", "deep") == 0
    out = capsys.readouterr().out
    rows = json.loads((tmp_path / "deep.json").read_text(), parse_constant=pytest.fail)["tables"]["success"]["rows"]
    retail = next(row for row in rows if row["domain"] == "retail")
    shown = f"{100 * retail['success_rate']:.1f} %"
    assert "Reward: tasks solved" in out
    for text in (out, (tmp_path / "deep.md").read_text(), (tmp_path / "summary.md").read_text()):
        assert shown in text
    assert pd.read_csv(tmp_path / "deep_success.csv").set_index("domain").loc["retail", "success_rate"] == retail["success_rate"]
    data = (tmp_path / "report.html").read_text().partition('id="data">')[2].partition("</script>")[0]
    page = json.loads(data)["pages"]
    assert {"outcomes", "failures", "arguments", "behavior", "latency"} <= page.keys()
    (failed,) = (table for table in page["failures"] if table["title"] == "Each failed simulation")
    assert failed["rows_of"][0] is not None  # leads to its timeline


def test_results_files_alone_need_no_log(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recorded without us: no log, no run.json, no events. A log of another run that is analyzed into the same folder gets one in it."""
    [ours] = run.glob("runs/*/results_mock.json")
    results, output = tmp_path / "gpt-9_mock.json", tmp_path / "out"
    results.write_bytes(ours.read_bytes())
    assert command("--log_file", results, "--deep", "--tables", "--output_dir", output) == 0
    assert {"deep.json", "deep.md", "report.html", "deep_success.csv"} <= {path.name for path in output.iterdir()}
    assert "Recall: reference actions made" in capsys.readouterr().out
    before = (output / "deep.json").read_bytes()
    assert command("--log_dir", ours.parent, "--deep", "--output_dir", output, "--format", "json") == 0
    assert (output / "deep.json").read_bytes() == before
    [own] = [path for path in output.iterdir() if path.is_dir()]
    assert f"wrote {own}/deep.json" in capsys.readouterr().out
    assert (own / "deep.json").is_file()


def test_a_results_file_is_an_input_like_a_log(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named where a log is named, it is what it is after --results."""
    results = tmp_path / "gpt-9_mock.json"
    results.write_bytes(next(run.glob("runs/*/results_mock.json")).read_bytes())
    said = []
    for words in ([results], ["--log_file", results], ["--results", results]):
        assert command(*words, "--format", "console") == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]
    assert "mean reward" in said[0]


BAD = {
    "events without --deep": (["{folder}/events_x.jsonl"], "read it with --deep"),
    "results and a log without --deep": (["{results}", "{folder}/tau2_mock.log"], "read it with --deep"),
    "a gate without a log": (["{results}", "{folder}/events_x.jsonl", "--deep", "--slo", "task:1"], "--slo needs a log"),
    "a format without a log": (["{results}", "{folder}/events_x.jsonl", "--deep", "--format", "png"], "--format png needs a log"),
    "no such file": (["{folder}/none.json", "--deep"], "no file"),
    "not JSON": (["{folder}/cut.json", "--deep"], "is not JSON"),
    "other JSON": (["{folder}/other.json", "--deep"], "not a results file of tau2"),
    "strange simulations": (["{folder}/strange.json", "--deep"], "none of its simulations can be read"),
    "no simulation": (["{folder}/empty.json", "--deep"], "no simulation in"),
    "no event": (["{folder}/events_x.jsonl", "--deep"], "no event in"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line(case: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was wrong, the value, what to do; exit code 2, no traceback."""
    (tmp_path / "cut.json").write_text('{"tasks": [')
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "strange.json").write_text('{"info": {}, "tasks": [], "simulations": [{"task_id": "0", "messages": [3]}]}')
    (tmp_path / "empty.json").write_text('{"info": {}, "tasks": [], "simulations": []}')
    (tmp_path / "events_x.jsonl").write_text("nonsense\n")
    [results] = run.glob("runs/*/results_mock.json")
    words, says = BAD[case]
    assert command("--log_file", *(word.format(results=results, folder=tmp_path) for word in words), "--output_dir", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("analyze_timing_from_tau2_log.py: error: ")
    assert error.count("\n") == 1
    assert says in error


def test_a_folder_without_anything_to_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to read in"):
        LogAnalyzer(tmp_path)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_first_screen_says_why_tasks_failed_where_the_time_went_and_what_it_cost(run: Path, simulations: list[Any], width: int) -> None:
    """Without --deep, in at most 30 lines, none wider than the terminal; counts are those of tau2's own results."""
    log = load_log(sorted(run.glob("tau2_*.log")))
    lines = answer(log, ReportOptions(), width)
    text = "\n".join(lines)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    solved = sum(one["reward_info"]["reward"] == 1 for one in simulations)
    assert f"{len(simulations)} simulations: {solved} solved, {len(simulations) - solved} not solved" in text
    assert "Not solved, by likely cause" in text
    causes = root_causes(LogAnalyzer.of_log(log).recorded)["cause"].value_counts()
    assert f"  {causes.index[0]} {causes.iloc[0]}: " in text
    ends = [event for event in log.select(types=["task_end"]).to_dict("records") if event["llm_ms"] == event["llm_ms"]]
    most = max(("llm_ms", "evaluation_ms", "user_ms", "tool_ms"), key=lambda name: sum(event[name] for event in ends))
    named = {"llm_ms": "agent model", "evaluation_ms": "evaluation", "user_ms": "user simulator", "tool_ms": "tools"}[most]
    legend = next(line for line in lines if line.startswith(("\u2588 ",)))
    assert legend.startswith(f"\u2588 {named} ") or "tau2 and this harness" in legend.split("%")[0]
    assert "cost free" in text


@pytest.mark.parametrize("width", [80, 120])
def test_all_that_the_command_prints_fits_a_screen_of_30_lines(
    run: Path, tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was written and what to open, whose paths alone may be longer than a line."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert command("--log_dir", run, "--output_dir", tmp_path, "--format", "console", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= width


def test_results_files_alone_have_the_same_first_screen_without_times(run: Path, simulations: list[Any]) -> None:
    lines = record_answer(LogAnalyzer(sorted(run.glob("runs/*/results_*.json"))), 80)
    solved = sum(one["reward_info"]["reward"] == 1 for one in simulations)
    assert f"{len(simulations)} simulations: {solved} solved" in "\n".join(lines)
    assert max(map(len, lines)) <= 80
