"""The product against real model servers, which `make real-servers` sets up: llama.cpp, vLLM for CPUs, LiteLLM's proxy.

    python -m benchmarks.real_servers                              everything, about 25 minutes on two cores
    python -m benchmarks.real_servers --only llama proxy           without vLLM, five minutes

vllm    mock and retail at 1 and 4 at a time, 12 for 4 places, context exceeded, 20 forced forms of tool calls (a tiny random model)
forms   the forced forms alone: --forms chooses among them
text    streamed texts of SmolLM2 on vLLM
serve   --serve with vLLM: a run to its end, and one that is killed
llama   mock and retail at 1 and 4 at a time, streamed texts, killed for 20 s and back, context exceeded
proxy   LiteLLM's proxy before llama.cpp, with a model beside it that nobody may ask

Each check is what the product says (events, trajectories) beside what the server says (its log, its /metrics). Servers listen on loopback
and have ended when this does. Exit code 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.real_servers import against_counters, behind_proxy, folders, forced_forms, install, outages, served, servers
from benchmarks.real_servers.checks import Checks, as_json
from benchmarks.real_servers.forms import FORMS

_LONG = {"temperature": 0, "max_tokens": 8000}
"""With a retail prompt, more than the 8,192 tokens that vLLM is given."""


def vllm_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """All that one start of vLLM serves."""
    receive = f"127.0.0.1:{servers.free_port()}"
    options = ("--otlp-traces-endpoint", f"http://{receive}/v1/traces", "--enable-prompt-tokens-details")
    with servers.vllm(folder, folders.TINY, *options) as server:
        yield against_counters.check_runs(server, "tiny", folder, receive)
        yield against_counters.check_full(server, "tiny", folder, receive)
        yield outages.check_context_exceeded(server, "tiny", folder, _LONG)
        yield forced_forms.check(server, "tiny", folder, forms)
    yield ended(server)


def text_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """vLLM with a model that says something: the tiny one has made its tokens before the server gets to send the first."""
    with servers.vllm(folder, folders.WEIGHTS) as server:
        yield against_counters.check_streamed_text(server, "smollm2", folder)
    yield ended(server)


def forms_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """The forced forms alone."""
    with servers.vllm(folder, folders.TINY) as server:
        yield forced_forms.check(server, "tiny", folder, forms)
    yield ended(server)


def serve_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """vLLM started by the run itself."""
    yield served.check(folder)


def llama_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """Three starts of llama.cpp's server."""
    with servers.llama(folder) as server:
        yield against_counters.check_runs(server, "smollm2", folder, output=16)
        yield against_counters.check_streamed_text(server, "smollm2", folder)
    yield ended(server)
    yield outages.check_down_and_back(folder)
    with servers.llama(folder, context=4 * 1024, name="llama-small") as server:
        yield outages.check_context_exceeded(server, "smollm2", folder, {"temperature": 0, "max_tokens": 16})


def proxy_part(folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    """The proxy before llama.cpp."""
    yield behind_proxy.check(folder)


PARTS: dict[str, Callable[[Path, list[str] | None], Iterator[Checks]]] = {
    "llama": llama_part, "proxy": proxy_part, "vllm": vllm_part, "text": text_part, "serve": serve_part, "forms": forms_part,
}  # fmt: skip
ALL = ("llama", "proxy", "vllm", "text", "serve")
"""`forms` is part of `vllm`."""


def ended(server: servers.Server) -> Checks:
    """Whether a server is gone."""
    checks = Checks(f"{server.name}: ended")
    outages.check_ended(server, checks)
    return checks


def main() -> None:
    """Run, print, keep the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_servers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(ALL), metavar="PART", help="only these parts")
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), metavar="FORM", help="only these forms")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep logs and results there (default: none are kept)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    missing = [step.name for step in install.steps() if not step.done]
    if missing:
        sys.exit(f"not set up: {', '.join(missing)}; run make real-servers first")
    with tempfile.TemporaryDirectory() as name:
        found = [checks for part in options.only for checks in _timed(part, options.keep or Path(name), options.forms)]
    made = [check for checks in found for check in checks.made]
    if options.json:
        options.json.write_text(json.dumps(as_json(made), indent=2))
    failed = sum(not check.holds for check in made)
    print(f"\n{len(made) - failed} of {len(made)} checks hold")
    sys.exit(1 if failed else 0)


def _timed(part: str, folder: Path, forms: list[str] | None) -> Iterator[Checks]:
    began = time.monotonic()
    own = folder / part
    own.mkdir(parents=True)
    print(f"\n== {part}", flush=True)
    yield from PARTS[part](own, forms)
    print(f"   {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
