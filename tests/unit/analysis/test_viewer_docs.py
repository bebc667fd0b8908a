"""What docs/ tells other programs about our lines is true of them."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest

from tau2_logging.events import decode
from tau2_logging.events.semconv import METRICS
from tests.support.report_samples import hostile, pooled

ROOT = Path(__file__).parents[3]
LINES = [*pooled(12, 4).lines, *hostile().lines]


def test_lnav_reads_every_line() -> None:
    """Level, time, task and type as we read them; the samples in the file too."""
    (form,) = (value for key, value in json.loads((ROOT / "docs/lnav/tau2_log.json").read_text()).items() if key != "$schema")
    pattern = re.compile(form["regex"]["event"]["pattern"].replace("(?<", "(?P<"))
    for line in [*LINES, *(sample["line"] for sample in form["sample"])]:
        found, event = pattern.match(line), decode(line)
        assert found is not None, line
        task = found["task"]
        assert (json.loads(task) if task.startswith('"') else task) == ("-" if event.task is None else event.task)
        assert found["timestamp"] == event.time
        assert any(re.search(levels, found["level"]) for levels in form["level"].values())
    assert {form[name] for name in ("level-field", "opid-field", "body-field")} <= set(pattern.groupindex)


def test_the_head_that_vector_cuts_off_is_in_every_line() -> None:
    """What is left is name=value pairs."""
    (pattern,) = re.findall(r"parse_regex\(\.message, r'(.*?)'\)", (ROOT / "docs/viewers.md").read_text())
    for line in LINES:
        found = re.match(pattern, line)
        assert found is not None
        assert found["rest"].startswith("task=")


def test_names_in_the_manual_are_those_that_are_sent() -> None:
    """Each name of the conventions that the manual gives stands in the mapping; each metric stands in the manual."""
    manual, mapping = (ROOT / "docs/viewers.md").read_text(), (ROOT / "tau2_logging/events/semconv.py").read_text()
    names = re.findall(r"`((?:gen_ai|server|error|openinference|llm|langfuse|session)\.[a-z_.]+)`", manual)
    assert len(names) >= 25
    assert [name for name in names if f'"{name}"' not in mapping] == []
    assert [metric.name for metric in METRICS if f"`{metric.name}`" not in manual] == []


def test_metrics_in_the_manual_are_those_that_are_served() -> None:
    """For Prometheus."""
    pytest.importorskip("prometheus_client", reason="pip install -r requirements-otel.txt")
    from tau2_logging.sinks.prometheus import PrometheusSink

    sink = PrometheusSink(0, {})
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics") as page:
        served = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\S+)", page.read().decode(), re.MULTILINE)}
    sink.close()
    named = set(re.findall(r"\b(tau2_[a-z_]+?)(?:_total|_bucket)?\b(?![/.(])", (ROOT / "docs/viewers.md").read_text()))
    named -= {"tau2_logging", "tau2_retail", "tau2_log", "tau2_timeline"}
    assert len(named) >= 8
    assert named <= served


def test_the_example_of_recorded_results_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, beside a results file."""
    from tests.unit.analysis_recordings.test_tau2_results import V01, file, written

    written(tmp_path / "results.json", file([V01]))
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/recorded_results.md").read_text(), re.DOTALL)
    exec(compile(block, "docs/recorded_results.md", "exec"), {})
