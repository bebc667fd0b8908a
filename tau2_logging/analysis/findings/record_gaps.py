"""Findings about what the log does not say, and why: time to first token, token counts, types of events."""

from __future__ import annotations

from collections.abc import Iterator

from tau2_logging.analysis.findings.finding import RECORD, Finding, Proof
from tau2_logging.analysis.findings.run_facts import RunFacts, listed
from tau2_logging.analysis.measures.provenance import is_recorded, left_out

LEAST_CALLS = 10
LEAST_WITHOUT_TTFT, LEAST_WITHOUT_USAGE = 0.5, 0.1


def no_ttft(run: RunFacts) -> Iterator[Finding]:
    """Tell of at least LEAST_WITHOUT_TTFT of LEAST_CALLS successful calls of real models without a time to first token, and why."""
    calls = run.answered
    without = calls[calls["ttft_ms"].isna()]
    if is_recorded(run.log) or len(calls) < LEAST_CALLS or len(without) < LEAST_WITHOUT_TTFT * len(calls):
        return
    why, advice = _why_no_ttft(run)
    yield Finding(
        "no_ttft",
        f"The time to first token is unknown for {len(without):,} of {len(calls):,} model calls "
        f"({listed(without['model'].unique(), 3)}): {why}.",
        advice,
        len(without) / len(calls),
        RECORD,
        Proof("latency"),
        {"without": len(without), "calls": len(calls)},
    )


def _why_no_ttft(run: RunFacts) -> tuple[str, str]:
    argv = str(next(iter(run.log.run_start.values()), {}).get("argv"))
    if "--no-stream" in argv or "--ttft off" in argv or "--ttft=off" in argv:
        return "the run was started without streaming requests", "Run with --ttft auto, or --ttft on to measure it at every host."
    return (
        "a reply without a stream has no first token, and streaming requests are made only to hosts known to give the same answer",
        "Run with --ttft on to measure it everywhere; it says what that may change.",
    )


def no_usage(run: RunFacts) -> Iterator[Finding]:
    """Tell of at least LEAST_WITHOUT_USAGE of LEAST_CALLS successful calls without token counts, in a log that a run wrote."""
    calls = run.answered
    without = calls[calls["input_tokens"].isna()]
    if is_recorded(run.log) or len(calls) < LEAST_CALLS or len(without) < LEAST_WITHOUT_USAGE * len(calls):
        return
    yield Finding(
        "no_usage",
        f"{len(without):,} of {len(calls):,} model calls have no token counts ({listed(without['model'].unique(), 3)}): their servers sent "
        "no usage, so tokens, time per token and cost are unknown.",
        "Use a server or client that sends `usage` with its answers (for streams: stream_options include_usage).",
        len(without) / len(calls),
        RECORD,
        Proof("cost_by_model"),
        {"without": len(without), "calls": len(calls)},
    )


def level_hides(run: RunFacts) -> Iterator[Finding]:
    """Tell of types of events that the log's level leaves out, though the ends of simulations count them."""
    if is_recorded(run.log) or not (hidden := left_out(run.log)):
        return
    yield Finding(
        "level_hides",
        f"The log's level leaves out {listed(hidden)}: the ends of simulations count more of them than the log holds, so their latency and "
        "what stands out among them are unknown.",
        "Run with --log-level PROFILE (or DEBUG for arguments and repeated calls).",
        1.0,
        RECORD,
        Proof("run"),
        {"held": hidden},
    )
