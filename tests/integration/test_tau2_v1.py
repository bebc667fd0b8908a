"""tau2 v1, where it is installed (`make test-tau2-v1 TAU2=folder`): its domains run, and events are those of the trajectories."""

from __future__ import annotations

import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.recordings import load_results
from tau2_logging.cli.listing import list_domains
from tau2_logging.errors import UserError
from tau2_logging.instrument import has_module
from tau2_logging.runner.harness.tau2_harness import KNOWLEDGE
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, check_run
from tests.support.voice_recordings import counted, lanes_of

pytestmark = [*LEFT_OPEN, pytest.mark.skipif(not has_module("tau2", "runner"), reason="tau2 v1 is not installed here")]

OFFLINE = ("no_knowledge", "full_kb", "golden_retrieval", "bm25", "grep_only")


@pytest.mark.parametrize(("domain", "number"), [("airline", 8), ("retail", 8), ("telecom", 8), ("mock", 3)])
def test_a_text_domain_is_measured_soundly(domain: str, number: int, tmp_path: Path) -> None:
    """The references of its first tasks earn their reward, and each event has its message."""
    code, said = run_quietly(scripted(tmp_path, domains=(domain,), num_tasks=number))
    assert code == 0, said
    assert check_run(tmp_path, [domain]) == number
    assert "data: tau2's v1 data, not comparable with v0.2" in said
    rewards = [float(text) for text in re.findall(r"type=task_end .*?reward=([\d.]+)", (tmp_path / f"tau2_{domain}.log").read_text())]
    assert rewards == [1.0] * number


@pytest.mark.parametrize("name", OFFLINE)
def test_banking_knowledge_runs_without_a_key(name: str, tmp_path: Path) -> None:
    """Under each retrieval configuration that works offline; run_start, the results and run.json name it."""
    code, said = run_quietly(scripted(tmp_path, domains=(KNOWLEDGE,), retrieval_config=name, num_tasks=2))
    assert code == 0, said
    assert check_run(tmp_path, [KNOWLEDGE]) == 2
    assert f"retrieval_config={name} " in (tmp_path / f"tau2_{KNOWLEDGE}.log").read_text()
    folder = RunFiles(tmp_path).only_run()
    assert f'"retrieval_config": "{name}"' in (folder / "run.json").read_text()
    assert f'"retrieval_config":"{name}"' in (folder / f"results_{KNOWLEDGE}.json").read_text()


def test_why_a_domain_cannot_run_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """tau2's own choice of retrieval needs a key: the list and the run say so, with what works; an unknown name is answered with all."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert list_domains() == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {KNOWLEDGE}")]
    assert "CANNOT RUN" in line
    assert "choose a --retrieval-config that needs no key (no_knowledge, full_kb" in line
    with pytest.raises(UserError, match="choose a --retrieval-config that needs no key"):
        run_quietly(scripted(tmp_path, domains=(KNOWLEDGE,), num_tasks=1))
    with pytest.raises(UserError, match="no retrieval configuration 'bm26'; there are "):
        run_quietly(scripted(tmp_path, domains=(KNOWLEDGE,), retrieval_config="bm26", num_tasks=1))


VOICE = Path(os.environ.get("TAU2", "")) / "tests/test_voice/test_interaction_metrics/testdata/experiment"


@pytest.mark.skipif(not (VOICE / "results.json").is_file(), reason="TAU2 names no source of tau2 with recorded voice simulations")
def test_recorded_voice_simulations_have_the_figures_of_their_ticks() -> None:
    """Counted from the letters of their lanes, and by tau2's own metrics where definitions agree."""
    log, _ = load_results([VOICE])
    lanes = [lanes_of(json.loads(file.read_text())["ticks"]) for file in sorted((VOICE / "simulations").glob("*.json"))]
    wanted = [counted(agent, user, 200.0) for agent, user in lanes]
    for name in ("audio_ms", "agent_ms", "user_ms", "silence_ms", "both_ms"):
        column = {"audio_ms": "audio_ms", "both_ms": "audio_overlap_ms"}.get(name, f"audio_{name}")
        assert sorted(log.voice_simulations()[column]) == pytest.approx(sorted(one[name] for one in wanted))
    said = {row["what"]: row for row in log.voice_turn_taking().to_dict("records")}
    answers, yields = ([value for one in wanted for value in one[name]] for name in ("answers", "yields"))
    theirs = compute_of(VOICE)
    for what, mine, of, latency in (("agent answers", answers, "owed", "response"), ("agent yields", yields, "user_interrupts", "yield")):
        row = said[what]
        assert (row["n"], row["of"]) == (len(mine), sum(one[of] for one in wanted)) == (row["n"], theirs["counts"][f"{latency}_total"])
        assert row["mean_audio_ms"] == pytest.approx(sum(mine) / len(mine)) == pytest.approx(theirs[f"{latency}_latency_mean"] * 1000)
        assert row["share"] == pytest.approx(theirs[f"{latency}_rate"])
    assert said["agent interrupts"]["n"] == sum(one["agent_interrupts"] for one in wanted) == theirs["counts"]["agent_interrupts_count"]


def compute_of(folder: Path) -> dict[str, Any]:
    """What tau2's own metrics say of a folder of recorded voice simulations."""
    metrics, simulation = import_module("tau2.metrics.voice_interaction_metrics"), import_module("tau2.data_model.simulation")
    found: dict[str, Any] = metrics.compute_interaction_metrics_for_experiment(simulation.Results.load(folder))
    return found
