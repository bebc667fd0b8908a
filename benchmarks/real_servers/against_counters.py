"""A run's events held against what its server has logged and counted itself: requests, tokens, and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.real_servers.checks import Checks
from benchmarks.real_servers.commands import Run, model_words, run_local
from benchmarks.real_servers.counters import Counters, between
from benchmarks.real_servers.servers import Server
from benchmarks.real_servers.trajectories import first_difference
from tau2_logging.events import Event

SUMS_SHARE = 0.01
"""How far sums of the servers' spans may be from sums of its histograms."""
TIMES_SHARE, TIMES_MS = 0.05, 20.0
"""How far the client's token times may be from the server's, whichever is more."""
TOLD = {"queue": "queue_s", "ttft": "ttft_s", "prefill": "prefill_s", "decode": "decode_s", "e2e": "e2e_s"}
"""Fields of a server_call, without `server_` and `_ms`, and the sums they must give."""
_ROLES = {"llm_call": "agent", "user_sim": "user"}
_STEPS = {"mock": "8", "retail": "6"}


def measured(server: Server, folder: Path, name: str, words: list[str], environ: dict[str, str] | None = None) -> tuple[Run, Counters, int]:
    """A run, what the server has counted meanwhile, and how many completions its log tells of."""
    page, completions = server.metrics(), server.completions()
    run = run_local(folder, name, words, environ)
    return run, between(page, server.metrics()), server.completions() - completions


def domain_words(domain: str, concurrency: int, tasks: int = 4) -> list[str]:
    """Few, short simulations."""
    return ["--domains", domain, "--num-tasks", str(tasks), "--max-concurrency", str(concurrency), "--max-steps", _STEPS[domain]]


def check_runs(server: Server, model: str, folder: Path, receive: str | None = None, output: int = 24) -> Checks:
    """mock and retail at 1 and at 4 at a time, with and without profiling. `receive`: where the server sends its spans; one that sends none
    tells its times in its answers.
    """
    checks = Checks(f"{server.name}: events and counters")
    choice = model_words(server.url, model, {"temperature": 0, "max_tokens": output})
    for domain in ("mock", "retail"):
        for concurrency in (1, 4):
            name, words = f"{domain}-{concurrency}", domain_words(domain, concurrency) + choice
            plain = run_local(folder, f"{server.name}-{name}-plain", [*words, "--no-profile"])
            traces = ["--receive-traces", receive] if receive else []
            run, counted, logged = measured(server, folder, f"{server.name}-{name}", [*words, *traces])
            compare(checks, f"{domain}, {concurrency} at a time", run, counted, logged)
            compare_told(checks, f"{domain}, {concurrency} at a time", run, counted)
            again = partial(run_local, folder, f"{server.name}-{name}-again", [*words, "--no-profile"])
            compare_trajectories(checks, f"{domain}, {concurrency} at a time", plain, run, again)
    return checks


def compare_trajectories(checks: Checks, title: str, plain: Run, run: Run, again: Callable[[], Run]) -> None:
    """As without profiling. Answers may vary if a server computes requests together: then two runs without profiling differ, too."""
    difference = first_difference(plain.results, run.results)
    if difference is not None and first_difference(plain.results, again().results) is not None:
        checks.note(f"{title}: trajectories cannot be compared", "two runs without profiling differ as well")
    else:
        checks.true(f"{title}: trajectories as without profiling", difference is None, difference or "")


def compare(checks: Checks, title: str, run: Run, counted: Counters, logged: int) -> None:
    """Calls and tokens."""
    checks.equal(f"{title}: exit code", run.code, 0)
    checks.equal(f"{title}: calls in events and in the server's log", len(run.calls), logged)
    if counted.requests is not None:
        checks.equal(f"{title}: ... and by its counter", len(run.calls), counted.requests)
    for field, expected in (("input", counted.prompt_tokens), ("output", counted.output_tokens), ("cached", counted.cached_tokens)):
        checks.equal(f"{title}: {field} tokens", total(run.calls, f"{field}_tokens"), expected)


def compare_told(checks: Checks, title: str, run: Run, counted: Counters) -> None:
    """What the server told of each call: one for each, of both roles, with sums as in its own counters."""
    told = [event for event in run.events if event.type == "server_call"]
    spans = {event.get("span") for event in told}
    for kind, role in _ROLES.items():
        made = [call for call in run.calls if call.type == kind]
        checks.equal(f"{title}: calls of the {role} that the server told of", sum(call.get("span") in spans for call in made), len(made))
    checks.equal(f"{title}: server_call events", len(told), len(run.calls))
    for name, counter in TOLD.items():
        seconds = getattr(counted, counter)
        if seconds is not None:
            checks.near(f"{title}: {name} at the server, ms in all", total(told, f"server_{name}_ms"), 1000 * seconds, SUMS_SHARE)


def check_full(server: Server, model: str, folder: Path, receive: str) -> Checks:
    """Twelve simulations at a time for four places: the queue must show, and not as prefill."""
    checks = Checks(f"{server.name}: 12 for 4 places")
    choice = model_words(server.url, model, {"temperature": 0, "max_tokens": 48})
    words = [*domain_words("mock", 12), "--num-trials", "3", *choice, "--receive-traces", receive]
    run, counted, logged = measured(server, folder, f"{server.name}-full", words)
    compare(checks, "12 at a time", run, counted, logged)
    compare_told(checks, "12 at a time", run, counted)
    told = [event for event in run.events if event.type == "server_call"]
    queue, prefill = (total(told, f"server_{name}_ms") or 0.0 for name in ("queue", "prefill"))
    checks.true("12 at a time: more time in the queue than in prefill", queue > prefill, f"{queue:,.0f} and {prefill:,.0f} ms")
    return checks


def check_streamed_text(server: Server, model: str, folder: Path) -> Checks:
    """Texts, one at a time, streamed: the same trajectory, and the client's first token and decode time beside the server's (means)."""
    checks = Checks(f"{server.name}: streamed texts")
    words = [*domain_words("mock", 1), *model_words(server.url, model, {"temperature": 0, "max_tokens": 48})]
    plain = run_local(folder, f"{server.name}-unstreamed", [*words, "--no-profile"])
    run, counted, _ = measured(server, folder, f"{server.name}-streamed", [*words, "--ttft", "on"])
    checks.equal("exit code", run.code, 0)
    again = partial(run_local, folder, f"{server.name}-unstreamed-again", [*words, "--no-profile"])
    compare_trajectories(checks, "streamed", plain, run, again)
    calls = [call for call in run.calls if call.get("ttft_ms") is not None]
    checks.equal("calls with a first-token time", len(calls), sum(not call.get("error") for call in run.calls))
    first = counted.ttft_s if counted.ttft_s is not None else counted.prefill_s
    for name, seconds in (("ttft", first), ("decode", counted.decode_s)):
        if calls:
            seen = (total(calls, f"{name}_ms") or 0.0) / len(calls)
            checks.near(f"{name}, mean ms", seen, 1000 * seconds / len(calls), TIMES_SHARE, TIMES_MS)
    return checks


def total(events: Iterable[Event], field: str) -> float | int | None:
    """Sum of a field; None if no event has it."""
    values = [value for event in events if isinstance(value := event.get(field), int | float)]
    return sum(values) if values else None
