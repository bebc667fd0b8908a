"""A load in the formats of load generators.

*mooncake*: every request with its time, the length of its whole prompt and of its reply, and a number for each block of the prompt; the
same number is the same text. vLLM's benchmark reads it too. *aiperf*: the same format with AIPerf's sessions: the first request of a
session has a time, each later one a delay after the reply before it, and only the tokens that are new.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from tau2_logging.analysis.recordings.load_trace import LoadRequest, LoadSession, LoadTrace
from tau2_logging.units import plural

AIPERF, MOONCAKE, VLLM = "aiperf", "mooncake", "vllm"
FORMATS = (AIPERF, VLLM, MOONCAKE)
BLOCK_TOKENS = 512
"""Mooncake's own, and the default of AIPerf and vLLM for this format."""

Row = dict[str, Any]

_PROVIDERS = ("openai/", "hosted_vllm/")
"""litellm's prefixes, which a server does not know."""


def trace_rows(trace: LoadTrace, format_: str, block: int = BLOCK_TOKENS) -> list[Row]:
    """Return the lines of the trace's file."""
    return [*_sessions(trace, block)] if format_ == AIPERF else _requests(trace, block)


def told_of_trace(trace: LoadTrace, format_: str, block: int, path: str) -> Iterator[str]:
    """Yield what was written, what is not known, and how to replay it."""
    requests = trace.requests
    seconds = max(one.end_ms for one in requests) / 1000
    yield (
        f"{plural(len(requests), 'request')} of {plural(len(trace.sessions), 'simulation')} in {seconds:.1f} s, "
        f"at most {plural(trace.concurrency, 'simulation')} at a time, written to {path}"
    )
    if trace.shared_tokens is None:
        yield "what the prompts of different simulations have in common is not known; with the run's results file it would be"
    else:
        blocks = trace.shared_tokens // block
        yield f"all prompts start with the same {trace.shared_tokens:,} tokens, about: {blocks} blocks of {block}"
    if trace.left_out:
        yield f"{trace.left_out} calls are left out: they failed, or their time or tokens are unknown"
    recorded, replayed = sum(one.prompt for one in requests), replayed_prompt_tokens(trace)
    if format_ == AIPERF and replayed != recorded:
        yield f"AIPerf sends {replayed:,} prompt tokens where the run sent {recorded:,} ({(replayed / recorded - 1) * 100:+.1f} %)"
    yield f"replay: {_command(trace, format_, block, path)}"


def _command(trace: LoadTrace, format_: str, block: int, path: str) -> str:
    """Return the command that replays a trace; `ignore_eos` makes replies as long as they were."""
    model = trace.model
    for prefix in _PROVIDERS:
        model = model.removeprefix(prefix)
    if format_ == VLLM:
        return (
            f"vllm bench serve --model {shlex.quote(model)} --dataset-name timed_trace --dataset-path {shlex.quote(path)} --self-timed "
            f"--timed-trace-sec-multiplier 0.001 --timed-trace-chunk-hash-size {block} --num-prompts {len(trace.requests)} --ignore-eos"
        )
    size = "" if block == BLOCK_TOKENS else f" --isl-block-size {block}"
    return (
        f"aiperf profile --model {shlex.quote(model)} --url http://127.0.0.1:8000 --endpoint-type chat --streaming --input-file "
        f"{shlex.quote(path)} --custom-dataset-type mooncake_trace --fixed-schedule --extra-inputs ignore_eos:true{size}"
    )


def replayed_prompt_tokens(trace: LoadTrace) -> int:
    """Return how many prompt tokens AIPerf sends: it sends each reply again, reasoning too, and a turn adds at least one token."""
    sent = 0
    for session in trace.sessions:
        prompt = 0
        for number, request in enumerate(session.requests):
            prompt += _new_tokens(session.requests, number)
            sent += prompt
            prompt += request.reply
    return sent


def _new_tokens(requests: Sequence[LoadRequest], number: int) -> int:
    """Return how many tokens a request adds to the conversation: what a user said, what tools returned."""
    if number == 0:
        return requests[0].prompt
    before, now = requests[number - 1], requests[number]
    return max(1, now.prompt - before.prompt - (before.reply - before.reasoning))


def _sessions(trace: LoadTrace, block: int) -> Iterator[Row]:
    shared = (trace.shared_tokens or 0) // block
    for session in trace.sessions:
        for number, request in enumerate(session.requests):
            row: Row = {"session_id": session.name, "input_length": _new_tokens(session.requests, number), "output_length": request.reply}
            if number:
                row["delay"] = round(max(0.0, request.start_ms - session.requests[number - 1].end_ms), 3)
            else:
                row["timestamp"] = round(request.start_ms, 3)
                blocks = min(shared, request.prompt // block)
                row |= {"hash_ids": list(range(blocks))} if blocks else {}
            yield row


def _requests(trace: LoadTrace, block: int) -> list[Row]:
    numbers: dict[tuple[object, ...], int] = {}
    found = []
    for session in trace.sessions:
        for request, keys in zip(session.requests, _blocks(session, trace.shared_tokens or 0, block), strict=True):
            ids = [numbers.setdefault(key, len(numbers)) for key in keys]
            found.append({
                "timestamp": round(request.start_ms), "input_length": request.prompt, "output_length": request.reply, "hash_ids": ids,
            })  # fmt: skip
    return sorted(found, key=lambda row: row["timestamp"])


def _blocks(session: LoadSession, shared_tokens: int, block: int) -> Iterator[list[tuple[object, ...]]]:
    """Yield what identifies each block of each prompt. A conversation only grows, so a full block is the same in all later prompts; if a
    prompt is shorter than the one before it, the conversation was rewritten, and only what all simulations share is still the same."""
    rewritten = longest = 0
    for number, request in enumerate(session.requests):
        rewritten += request.prompt < longest
        longest = request.prompt
        full, rest = divmod(request.prompt, block)
        shared = min(shared_tokens // block, full)
        keys: list[tuple[object, ...]] = [("shared", place) for place in range(shared)]
        keys += [(session.name, rewritten, place) for place in range(shared, full)]
        yield [*keys, (session.name, "end", number)] if rest else keys
