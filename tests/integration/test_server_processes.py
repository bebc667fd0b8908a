"""Servers as processes: real ones, small ones. Nothing of them is left, however the run ends; one that does not come up says why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.models.servers.fleet import Fleet
from tau2_logging.models.servers.server_process import ServerDied, ServerPlan, port_is_free
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.secret_values import secret_values
from tests.support.command import ROOT, environment
from tests.support.patience import LONG_S
from tests.support.processes import alive, gone
from tests.support.tokens import opaque, token

if not Path("/proc/self/stat").exists():
    pytest.skip("looks at processes through /proc", allow_module_level=True)

STUBBORN = """
    import pathlib, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeper = [sys.executable, "-S", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
    pids = [subprocess.Popen(sleeper, start_new_session=alone).pid for alone in (False, True)]
    pathlib.Path(sys.argv[1]).write_text(" ".join(map(str, pids)))
    time.sleep(60)
"""
"""A server that does not listen to SIGTERM, with a child in its group and one in a session of its own."""


def script(folder: Path, text: str) -> Path:
    path = folder / "server.py"
    path.write_text(textwrap.dedent(text))
    return path


def parent(folder: Path, *words: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process with a stubborn server, and the pids of the server and its children."""
    family = folder / "pids"
    command = [sys.executable, str(ROOT / "tests/support/fleet_parent.py"), str(folder), sys.executable, "-S"]
    env = environment(PYTHONPATH=str(ROOT))
    process = subprocess.Popen(
        [*command, str(script(folder, STUBBORN)), str(family), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
    )
    assert process.stdout is not None
    server = int(process.stdout.readline())
    deadline = time.monotonic() + LONG_S
    while not (family.exists() and len(family.read_text().split()) == 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    return process, [server, *map(int, family.read_text().split())]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None], ids=["kill", "term", "int", "leaves"])
def test_nothing_is_left_however_the_run_ends(number: signal.Signals | None, tmp_path: Path) -> None:
    """Killed, ended, interrupted or done: the server, its child and its child in another session end, though none obeys SIGTERM."""
    process, family = parent(tmp_path, *([] if number else ["leave"]))
    assert number is None or all(alive(pid) for pid in family)
    if number is not None:
        process.send_signal(number)
    process.communicate(timeout=LONG_S)
    assert gone(family)


def test_a_server_dies_with_its_supervisor(tmp_path: Path) -> None:
    """Even one whose supervisor was killed."""
    plan = ServerPlan(0, 1, (sys.executable, "-S", "-c", "import time; time.sleep(60)"), None, tmp_path / "server_0.log")
    with Fleet([plan]) as fleet:
        process = fleet.processes[0]
        server = process.pid
        assert server is not None
        supervisor = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
        assert supervisor != os.getpid()
        os.kill(supervisor, signal.SIGKILL)
        assert gone([server])


EXITS = "import sys; print('loading'); sys.exit('CUDA out of memory')"
CRASHES = "import os; os.kill(os.getpid(), 11)"
SLOW = "import time; print('still loading', flush=True); time.sleep(60)"


NAMED = """
    import json, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            listing = json.dumps({"data": [{"id": "other", "owned_by": sys.argv[2]}]})
            found = {"/v1/models": listing, "/version": '{"version": "1"}'}.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write((found or "").encode())
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Pages).serve_forever()
"""
"""A server that lists another model than it should; argv[2] owns it."""


@pytest.mark.parametrize(
    ("owner", "advice"),
    [("llamacpp", "--alias m"), ("vllm", "--served-model-name m"), ("somebody", "give --serve other, with the model's path in")],
)
def test_advice_fits_the_program(owner: str, advice: str, tmp_path: Path) -> None:
    """A server that offers its model under another name is told of in its own words."""
    port = next(port for port in range(18900, 19000) if port_is_free(port))
    plan = ServerPlan(0, port, (sys.executable, str(script(tmp_path, NAMED)), str(port), owner), None, tmp_path / "server_0.log")
    with Fleet([plan]) as fleet, pytest.raises(ServerDied, match="serves other and not 'm'") as raised:
        fleet.wait_ready("m", LONG_S, lambda text: None)
    assert advice in str(raised.value)


@pytest.mark.parametrize(
    ("program", "timeout_s", "said"),
    [
        (EXITS, LONG_S, ["exit code 1 before it was ready", "    loading", "    CUDA out of memory"]),
        (CRASHES, LONG_S, ["exit code 139 (SIGSEGV) before it was ready", "is empty"]),
        (SLOW, 2.0, ["not ready after 2 s", "--serve-timeout", "    still loading"]),
    ],
    ids=["exits", "crashes", "too slow"],
)
def test_a_server_that_does_not_come_up_says_why(program: str, timeout_s: float, said: list[str], tmp_path: Path) -> None:
    """Its exit code, or how long it was waited for, and the end of its log; the others are ended with it."""
    plans = [
        ServerPlan(at, 1, (sys.executable, "-S", "-c", text), None, tmp_path / f"server_{at}.log")
        for at, text in enumerate([program, SLOW])
    ]
    with Fleet(plans) as fleet:
        pids = [int(process.pid or 0) for process in fleet.processes]
        with pytest.raises(ServerDied) as raised:
            fleet.wait_ready("m", timeout_s, lambda text: None)
    assert not [words for words in said if words not in str(raised.value)]
    assert gone(pids)


ARGV = """
    import json, os, sys, time
    given = sys.argv[1:]
    flags = {name.lstrip("-"): value for name, value in zip(given[::2], given[1::2])}
    print(given, json.dumps(flags), flags, " ".join(given), flush=True)
    for part in given[1][:9], given[1][9:] + "\\n":  # a buffer that is full in the middle of a word
        os.write(2, part.encode())
        time.sleep(0.05)
    os.write(1, b"\\xff ready")
"""
"""A server that prints the flags it was given, in the ways that servers do."""


def test_a_servers_own_log_holds_no_value_of_its_flags(tmp_path: Path) -> None:
    """Printed as a list, JSON, a dict, words, or in two parts: the log has the names and the rest of the text, to its last byte."""
    hidden = [opaque(1), token("openai"), "hunter2x", opaque(2)]
    flags = ("--team-login", hidden[0], "--hf-token", hidden[1], "--api-key", hidden[2], "--x-extra", hidden[3])
    settings = ModelServerSettings(serve="m", serve_command=(sys.executable, "-S", str(script(tmp_path, ARGV)), *flags))
    plan = ServerPlan(0, 1, settings.serve_command, None, tmp_path / "server_0.log")
    with KNOWN.knowing(secret_values(RunConfig(domains=("mock",), servers=settings))), Fleet([plan]) as fleet:
        assert fleet.processes[0].wait(LONG_S)
        assert fleet.processes[0].exit_code == 0
    text = plan.log.read_bytes()
    assert [secret for secret in hidden if secret.encode() in text] == []
    assert text.count(b"api-key") == 4
    assert text.endswith(b"\n***\n\xff ready")


CHATTY = "import sys; [print('x' * 99) for _ in range(20_000)]; print('done', file=sys.stderr)"


def test_a_server_goes_on_while_nothing_takes_its_log(tmp_path: Path) -> None:
    """It says 2 MB to a log on a full disk, and ends well."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    with Fleet([ServerPlan(0, 1, (sys.executable, "-S", "-c", CHATTY), None, full)]) as fleet:
        assert fleet.processes[0].wait(LONG_S)
        assert fleet.processes[0].exit_code == 0
