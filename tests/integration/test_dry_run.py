"""`--dry-run` shows what a run would do, and does nothing; `--open` shows what a run did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging import browser
from tau2_logging.cli import run_local
from tests.support.command import in_process
from tests.support.litellm_clients import LEFT_OPEN

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN


def test_a_run_is_forecast_made_and_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before; afterwards the same forecast knows the time; a page is opened and the exit code is the run's."""
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setenv("BROWSER", "x")
    words = ["--domain", "mock", "-n", "5", "--trials", "2"]
    before = in_process(run_local.main, *words, "--dry-run")
    assert (before.returncode, before.stderr) == (0, "")
    assert "mock: 5 tasks x 2 trials = 10" in before.stdout
    assert "time          unknown" in before.stdout
    assert list(tmp_path.iterdir()) == []

    done = in_process(run_local.main, *words, "--quiet", "--open")
    assert done.returncode == 0, done.stderr
    assert "No real model" not in done.stdout
    assert "mock: mean reward" in done.stdout
    (page,) = opened
    assert page == (tmp_path / "analysis_results/report.html").as_uri()

    after = in_process(run_local.main, *words, "--dry-run")
    assert "time          about " in after.stdout
    assert "cost          free" in after.stdout
    assert len(list((tmp_path / "logs/runs").iterdir())) == 1


def test_a_run_that_would_be_refused_is_planned_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, and with a price that is not known; what cannot be planned is bad input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = in_process(run_local.main, "--domain", "mock", "--model", "gpt-4.1", "--max-cost", "3", "--dry-run")
    assert done.returncode == 1
    assert "agent         llm_agent, gpt-4.1" in done.stdout
    assert "--max-cost 3 USD" in done.stdout
    assert "cost          about $" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("not ready: model 'gpt-4.1' needs OPENAI_API_KEY")
    unknown = in_process(run_local.main, "--domain", "mock", "--agent-llm", "openai/nobodys", "--dry-run")
    assert "cost          unknown" in unknown.stdout
    assert in_process(run_local.main, "--domain", "mok", "--dry-run").returncode == 2
