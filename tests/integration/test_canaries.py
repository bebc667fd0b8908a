"""Sixty and more credentials of documented forms, wherever a person, a provider or a conversation may put one: no output holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tau2_logging.cli import analyze_timing, run_local
from tau2_logging.runner.harness.tau2_harness import Benchmark
from tau2_logging.runner.session import run_in
from tests.support.in_process import scripted
from tests.support.tokens import FORMS, opaque, secrets_of, token

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
from tau2.data_model.simulation import Results

GIVEN, SAID = 7, 8
"""Seeds of the canaries that a person gives, and of those that are said: by the provider, in prompts, by tools."""
GIVEN_AS = {
    "argument": lambda at, fake: {"params": {f"p{at}": fake}},
    "header": lambda at, fake: {"extra_headers": {f"X-Custom-{at}": " ".join(fake.split())}},
    "default header": lambda at, fake: {"default_headers": {f"X-Other-{at}": " ".join(fake.split())}},
    "query": lambda at, fake: {"extra_query": {f"q{at}": fake}},
    "body": lambda at, fake: {"extra_body": {"pat": [{f"b{at}": fake}]}},
}


class _Echo(BaseHTTPRequestHandler):
    """Refuses every request, and says back all that it was sent, with canaries of its own."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        given = json.loads(sent)
        given.pop("messages", None)
        given.pop("tools", None)
        said = "\n".join(f"Denied: {token(form, SAID)} is not valid." for form in FORMS)
        text = f"{dict(self.headers)} {self.path} {given} {said}"
        body = json.dumps({"error": {"message": text, "type": "invalid_request_error"}}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """host:port of a server that refuses and repeats."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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
    with pytest.raises(SystemExit):
        main(list(words))
    return "".join(capsys.readouterr())


def leaks(folder: Path, canaries: set[str], leave_out: str = "") -> dict[str, list[str]]:
    """The files that hold a canary, and which."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (leave_out and re.match(leave_out, path.name)):
            data = path.read_bytes().decode("utf-8", "replace")
            found[str(path.relative_to(folder))] = sorted(canary for canary in canaries if canary in data)
    return {name: held for name, held in found.items() if held}


@pytest.mark.parametrize("level", ["PROFILE", "DEBUG"])
def test_what_was_given_or_repeated_by_the_provider_is_nowhere(
    level: str, echo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Canaries in arguments, headers, parameters, bodies, addresses and options of experts, all said back by a provider that refuses the
    call, together with those of its own: in no file of the run or the analysis in all formats, and not on the terminal."""
    text = json.dumps(arguments(echo))
    printed = command(
        capsys, run_local.main, "--domains", "mock", "--task-ids", "create_task_1", "--agent-llm", "openai/sim", "--user-llm", "openai/sim",
        "--agent-llm-args", text, f"--user-llm-args={text}", "--log-level", level, "--log-dir", str(tmp_path), "--run-name", "r",
        "--expert", f"wise=openai/sim,api_base=http://{echo}/v1,api_key={opaque(1)},team={opaque(10)}", "--no-progress", "--ttft", "off",
    )  # fmt: skip
    assert "1 of 1" in printed
    printed += command(
        capsys, analyze_timing.main, "--log_file", str(tmp_path / "tau2_mock.log"), "--deep", "--output_dir", str(tmp_path / "out")
    )
    assert (tmp_path / "out" / "report.html").exists()
    canaries = given_canaries() | said_canaries()
    assert len(canaries) > 120
    assert leaks(tmp_path, canaries) == {}
    assert [canary for canary in canaries if canary in printed] == []
    start = next(line for line in (tmp_path / "tau2_mock.log").read_text().splitlines() if "type=run_start" in line)
    for shown in ("temperature", "0.25", "X-Custom-1", f"http://***@{echo}/v1?sig"):
        assert shown in start.replace("\\u003d", "=")


@pytest.mark.parametrize("masking", ["secrets", "all"])
def test_what_is_said_is_at_most_where_the_documentation_says(masking: str, tmp_path: Path) -> None:
    """Canaries in prompts, arguments and results of tools at DEBUG: in no log and no event; in the conversations that tau2 keeps, unless
    --mask was given, and tau2 opens those then, too."""
    benchmark = Benchmark.load()
    task = next(task for task in benchmark.tasks("mock", None) if task.id == "create_task_1").model_copy(deep=True)
    said = "; ".join(token(form, SAID) for form in FORMS)
    task.user_scenario.instructions = f"Create a task for user_1 that is called {said}"
    for action in task.evaluation_criteria.actions:
        action.arguments["title"] = said
    run_dir = run_in(scripted(tmp_path, log_level="DEBUG", masking=masking, run_name="r"), {"mock": [task]})
    kept = "" if masking == "all" else r"(simulations|results)_mock\.json"
    assert leaks(tmp_path, said_canaries(), kept) == {}
    results = Results.load(run_dir / "results_mock.json")
    calls = [call for message in results.simulations[0].messages for call in getattr(message, "tool_calls", None) or []]
    assert (token("openai", SAID) in str(calls)) == (masking == "secrets")
    assert calls
    assert results.simulations[0].task_id == results.tasks[0].id == "create_task_1"
    assert "tool_call" in (tmp_path / "tau2_mock.log").read_text()
