"""tau2 v1, where it is installed (`make test-tau2-v1 TAU2=folder`): its domains run, and events are those of the trajectories."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tau2_logging.cli.listing import list_domains
from tau2_logging.errors import UserError
from tau2_logging.instrument import has_module
from tau2_logging.runner.harness.tau2_harness import KNOWLEDGE
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, check_run

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
