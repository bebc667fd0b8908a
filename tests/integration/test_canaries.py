"""Sixty and more credentials of documented forms, wherever a person, a provider or a conversation may put one: no output holds them."""

from __future__ import annotations

import gzip
import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tau2_logging.cli import analyze_timing, audit, branch, label, rejudge, results, run_local
from tau2_logging.experiments import __main__ as experiments
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.session import run_in
from tests.support.executors import EXECUTORS
from tests.support.in_process import scripted
from tests.support.patience import LONG_S
from tests.support.server_spans import free_port
from tests.support.thorough import scaled
from tests.support.tokens import FORMS, opaque, secrets_of, token

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
from tau2.data_model.simulation import Results

GIVEN, SAID = 7, 8
"""Seeds of the canaries that a person gives, and of those that are said: by the provider, in prompts, by tools."""
PARTS, TRIALS = 8, 20
"""How much of what the provider says is kept of a refusal, about, and how many refusals it takes to hear all of it."""
TEXTS = ("console", "csv", "json", "markdown", "trace", "speedscope", "html")
"""Formats in which a text can be found."""
GIVEN_AS = {
    "argument": lambda at, fake: {"params": {f"p{at}": fake}},
    "header": lambda at, fake: {"extra_headers": {f"X-Custom-{at}": " ".join(fake.split())}},
    "default header": lambda at, fake: {"default_headers": {f"X-Other-{at}": " ".join(fake.split())}},
    "query": lambda at, fake: {"extra_query": {f"q{at}": fake}},
    "body": lambda at, fake: {"extra_body": {"pat": [{f"b{at}": fake}]}},
}


class _Echo(BaseHTTPRequestHandler):
    """Refuses every request, and says back all that it was sent, with canaries of its own: each time from another place on, since only the
    beginning of what it says is kept."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Echo)
        self.server.look()
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        parts = [f"Denied: {token(form, SAID)} is not valid." for form in FORMS]
        parts += [f"{name}: {value}" for name, value in self.headers.items()] + [self.path]
        parts += [f"{name}: {value}" for name, value in (given.get("params") or {}).items()] + [str(item) for item in given.get("pat", ())]
        self.server.parts = len(parts)
        start = self.server.refused * PARTS % len(parts)
        self.server.refused += 1
        body = json.dumps({"error": {"message": "\n".join(parts[start:] + parts[:start]), "type": "invalid_request_error"}}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Echo(ThreadingHTTPServer):
    """A server that refuses and repeats; `watched` is the port of a page that it reads meanwhile, `pages` what was there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.refused = self.parts = 0
        self.watched: int | None = None
        self.pages: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def look(self) -> None:
        """Read the page."""
        if self.watched is not None:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.watched}/metrics", timeout=LONG_S) as page:
                self.pages.append(page.read().decode())


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server that refuses and repeats."""
    with Echo() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def arguments(address: str) -> dict[str, Any]:
    """Arguments of a model's calls with a canary of each form, spread over the places where one may stand, and opaque ones everywhere."""
    found: dict[str, Any] = {"api_key": opaque(1), "temperature": 0.25, "api_base": f"http://me:{opaque(2)}@{address}/v1?sig={opaque(3)}"}
    places = list(GIVEN_AS.values())
    fakes = [*(token(form, GIVEN) for form in FORMS), *(opaque(number) for number in range(10, 20))]
    for at, fake in enumerate(fakes):
        for name, values in places[at % len(places)](at, fake).items():
            found.setdefault(name, {})
            if name == "extra_body":
                found[name].setdefault("pat", []).extend(values["pat"])
            else:
                found[name].update(values)
    return found


def given_canaries() -> set[str]:
    """What of the canaries that were given must be nowhere."""
    return {part for form in FORMS for part in secrets_of(token(form, GIVEN))} | {opaque(at) for at in (1, 2, 3, *range(10, 20))}


def said_canaries() -> set[str]:
    """What of the canaries that are said must be in no log."""
    return {part for form in FORMS for part in secrets_of(token(form, SAID))}


def command(capsys: pytest.CaptureFixture[str], main: Any, *words: str) -> str:
    """What a command prints on both streams."""
    with suppress(SystemExit):
        main(list(words))
    return "".join(capsys.readouterr())


def leaks(folder: Path, canaries: set[str], leave_out: str = "") -> dict[str, list[str]]:
    """The files that hold a canary, and which."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (leave_out and re.match(leave_out, path.name)):
            packed = path.read_bytes()
            data = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8", "replace")
            found[str(path.relative_to(folder))] = sorted(canary for canary in canaries if canary in data)
    return {name: held for name, held in found.items() if held}


def run_words(address: str, folder: Path, level: str, trials: int = TRIALS) -> list[str]:
    """A command line with canaries wherever it takes them: simulations one after the other."""
    text = json.dumps(arguments(address))
    return [
        "--domains", "mock", "--task-ids", "create_task_1", "--num-trials", str(trials), "--max-concurrency", "1", "--log-level", level,
        "--agent-llm", "openai/sim", "--user-llm", "openai/sim", "--agent-llm-args", text, f"--user-llm-args={text}",
        "--expert", f"wise=openai/sim,api_base=http://{address}/v1,api_key={opaque(1)},team={opaque(10)}",
        "--log-dir", str(folder), "--run-name", "r", "--no-progress", "--ttft", "off",
    ]  # fmt: skip


def exported(echo: Echo, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a run at DEBUG prints, and what it sends with content to an OTLP endpoint and shows to Prometheus."""
    receiver = pytest.importorskip("tests.support.otlp_receiver", reason="pip install -r requirements-otel.txt")
    pytest.importorskip("prometheus_client", reason="pip install -r requirements-otel.txt")
    echo.watched = free_port()
    with receiver.Receiver() as live:
        exports = ["--otlp", live.url, "--otlp-content", "--prometheus", str(echo.watched)]
        printed = command(capsys, run_local.main, *run_words(echo.address, folder, "DEBUG"), *exports)
    sent = b"".join(live.bodies).decode("utf-8", "replace")
    assert "is not valid" in sent
    assert 'tau2_model_calls_total{domain="mock",error_type="BadRequestError"' in echo.pages[-1]
    return printed + sent + "".join(echo.pages)


def test_what_was_given_or_repeated_by_the_provider_is_nowhere(echo: Echo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Canaries in arguments, headers, parameters, bodies, addresses and options of experts, all said back by a provider that refuses the
    call, together with those of its own: in no file of a run at DEBUG or its analysis in all formats of text, not on the terminal, not
    in what an OTLP endpoint or Prometheus gets."""
    printed = exported(echo, tmp_path, capsys)
    analyze = ["--log_file", str(tmp_path / "tau2_mock.log"), "--deep", "--output_dir", str(tmp_path / "out"), "--format", *TEXTS]
    printed += command(capsys, analyze_timing.main, *analyze)
    assert f"{TRIALS} of {TRIALS}" in printed
    assert (tmp_path / "out" / "report.html").exists()
    check_nowhere(tmp_path, printed)
    lines = (tmp_path / "tau2_mock.log").read_text().splitlines()
    assert sum(line.count("Denied: ") for line in lines if "type=user_sim" in line) >= len(FORMS)
    assert echo.refused * PARTS >= echo.parts
    start = next(line for line in lines if "type=run_start" in line)
    for shown in ("temperature", "0.25", "X-Custom-1", f"http://***@{echo.address}/v1?sig"):
        assert shown in start.replace("\\u003d", "=")


def check_nowhere(folder: Path, printed: str) -> None:
    """No canary is in a file or in what was printed."""
    canaries = given_canaries() | said_canaries()
    assert len(canaries) > 120
    assert leaks(folder, canaries) == {}
    assert [canary for canary in canaries if canary in printed] == []


@pytest.mark.parametrize("executor", EXECUTORS[: scaled(1, 3)])
def test_at_the_default_level_it_is_nowhere_either(executor: str, echo: Echo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same of a run at PROFILE, whose log is a part of the one at DEBUG, written otherwise."""
    trials = scaled(6, TRIALS)
    words = [*run_words(echo.address, tmp_path, "PROFILE", trials), "--executor", executor]
    printed = command(capsys, run_local.main, *words, *([] if executor == "threads" else ["--workers", "1"]))
    assert f"{trials} of {trials}" in printed
    check_nowhere(tmp_path, printed)


def test_models_that_are_asked_about_a_run_leave_nothing_behind(echo: Echo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A judge that is examined (audit), one that judges again (rejudge), an agent that plays on (branch), a reader of failures: each is
    given canaries, and refuses every call with what it was given and with canaries of its own. A label's note holds some, too."""
    config = scripted(tmp_path, {"gives_up": 1.0}, run_name="r", task_ids=("create_task_1",))
    run, given, asked = str(run_in(config)), json.dumps(arguments(echo.address)), "openai/sim"
    out = ["--output-dir", str(tmp_path / "out")]
    judge = ["--judge-llm", asked, "--judge-llm-args", given, *out]
    printed = command(capsys, audit.main, "--domains", "mock", "--task-ids", "create_task_1", "--workers", "1", *judge)
    printed += command(capsys, rejudge.main, run, "--trials", "4", "--log-dir", str(tmp_path / "rejudged"), *judge)
    swap = ["--at", "1", "--times", "4", "--swap", f"agent={asked}", "--swap-args", given, "--log-dir", str(tmp_path / "branches")]
    printed += command(capsys, branch.main, run, "create_task_1", *swap)
    words = ["--log_file", str(tmp_path / "tau2_mock.log"), "--deep", "--output_dir", str(tmp_path / "report")]
    printed += command(capsys, analyze_timing.main, *words, "--reader", asked, "--reader-args", given)
    note = " ".join(token(form, SAID) for form in FORMS)
    printed += command(capsys, label.main, run, "create_task_1", "--fault", "agent", "--note", note)
    assert {path.name for path in Path(run).iterdir()} >= {"branches.jsonl", "labels.jsonl"}
    assert (tmp_path / "out" / "rejudge.json").exists()
    assert printed.count("Denied") >= 2
    check_nowhere(tmp_path, printed)


def test_an_experiment_holds_none_of_what_a_provider_says(
    echo: Echo, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plan, its run and its report: not the key of the environment, which the provider repeats, and not the provider's canaries."""
    monkeypatch.setenv("OPENAI_API_KEY", opaque(1))
    models = json.dumps({"api_base": f"http://{echo.address}/v1"})
    plan = [
        "plan", "--name", "x", "--out", str(tmp_path), "--domains", "mock", "--task-ids", "create_task_1", "--num-trials", "1",
        "--agent-llm", "openai/sim", "--user-llm", "openai/sim", "--agent-llm-args", models, "--user-llm-args", models,
        "--user-variants", "control,anger",
    ]  # fmt: skip
    printed = command(capsys, experiments.main, *plan)
    printed += command(capsys, experiments.main, "run", str(tmp_path / "x"), "--no-progress", "--rounds", "1", "--log-level", "DEBUG")
    printed += command(capsys, experiments.main, "analyze", str(tmp_path / "x"))
    assert (tmp_path / "x" / "report" / "report.html").exists()
    assert "is not valid" in (tmp_path / "x" / "logs" / "tau2_mock.log").read_text()
    check_nowhere(tmp_path, printed)


def test_an_experiment_masks_what_its_arms_are_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan holds no canary of the arguments of models and arms."""
    given = arguments("127.0.0.1:9")
    arms = [word for name in ("a", "b") for word in ("--arm", f"{name}={json.dumps({'agent_llm_args': given})}")]
    words = ["--domains", "mock", "--num-trials", "1", "--agent-llm", "openai/sim", "--user-llm-args", json.dumps(given), *arms]
    printed = command(capsys, experiments.main, "plan", "--name", "x", "--out", str(tmp_path), *words)
    assert "X-Custom-1" in (tmp_path / "x" / "plan.json").read_text()
    check_nowhere(tmp_path, printed)


@pytest.mark.parametrize("masking", ["secrets", "all"])
def test_what_is_said_is_at_most_where_the_documentation_says(masking: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Canaries in prompts, arguments and results of tools at DEBUG: in no log and no event; in the conversations that tau2 keeps, unless
    --mask was given, and tau2 opens those then, too."""
    harness = Tau2Harness.load()
    task = next(task for task in harness.tasks("mock", None) if task.id == "create_task_1").model_copy(deep=True)
    said = "; ".join(token(form, SAID) for form in FORMS)
    task.user_scenario.instructions = f"Create a task for user_1 that is called {said}"
    for action in task.evaluation_criteria.actions:
        action.arguments["title"] = said
    run_dir = run_in(scripted(tmp_path, log_level="DEBUG", masking=masking, run_name="r"), {"mock": [task]})
    for to, *words in (["to-atif"], ["to-record", "--organization", "x"], ["to-trace", "--for", "aiperf"], ["to-trace", "--for", "vllm"]):
        source = run_dir / "results_mock.json" if to == "to-atif" else run_dir
        command(capsys, results.main, to, str(source), *words, "-o", str(tmp_path / "-".join([to, *words])))
        assert (tmp_path / "-".join([to, *words])).exists()
    kept = "" if masking == "all" else r"(simulations|results|prompts)_mock\.json|.*\.atif\.json"
    assert leaks(tmp_path, said_canaries(), kept) == {}
    saved = Results.load(run_dir / "results_mock.json")
    calls = [call for message in saved.simulations[0].messages for call in getattr(message, "tool_calls", None) or []]
    assert (token("openai", SAID) in str(calls)) == (masking == "secrets")
    assert calls
    assert saved.simulations[0].task_id == saved.tasks[0].id == "create_task_1"
    assert "tool_call" in (tmp_path / "tau2_mock.log").read_text()
