"""Ids of traces and spans, made from those of the log: every export, and the header of every model call, has the same ones."""

from __future__ import annotations

import hashlib


def trace_id(run: object, simulation: object) -> int:
    """Return the 128-bit id of a simulation's trace. `simulation`: the span of its task_start."""
    return _hashed(f"trace {run} {simulation}", 16)


def span_id(run: object, span: object) -> int:
    """Return the 64-bit id of an operation's span."""
    return _hashed(f"span {run} {span}", 8)


def traceparent(run: object, simulation: object, span: object) -> str:
    """Return the W3C header that makes what a server does a child of `span` (https://www.w3.org/TR/trace-context/), sampled."""
    return f"00-{trace_id(run, simulation):032x}-{span_id(run, span):016x}-01"


def _hashed(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big") or 1
