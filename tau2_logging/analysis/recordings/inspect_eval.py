"""Inspect AI's `.eval` logs of inspect_evals' tau2 tasks: a zip of JSON files, read without inspect_ai.

A sample is a simulation, an epoch a trial. Its events say when each model and each tool was called and how long it worked; a model event
has a role (`user`; none is the agent) unless a scorer makes it. Inspect's `input_tokens` leave cached ones out, ours include them.
An answer from Inspect's local cache (`cache: "read"`) is no call: no model was asked, and Inspect's own model_usage leaves it out, too.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.messages import moment
from tau2_logging.analysis.reader.sources import unpacked_zstd
from tau2_logging.analysis.recordings.recorded_simulation import (
    GAP,
    MEASURED,
    Fields,
    LogLine,
    Missing,
    RecordedSimulation,
    note_call,
    run_lines,
)
from tau2_logging.analysis.recordings.tau2_results import mapping
from tau2_logging.errors import UserError
from tau2_logging.events.logfmt import whole_json

SUFFIX = ".eval"
_ZSTD = 93
"""Number of the compression that Inspect uses, which Python's zipfile does not know before 3.14."""

_LOCAL_HEADER = 30
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partial, incorrect, no answer."""

_INPUT = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
"""What was sent, in three parts: fresh, read from the provider's cache, written to it."""

_UNREADABLE = "{} is not a readable finished log of Inspect AI: {}: {}"

Sample = Mapping[str, Any]


def eval_lines(path: Path, missing: Missing) -> tuple[str, list[LogLine]]:
    """Return (domain, the lines of the log that this file amounts to). Raises UserError if it is no log of a tau2 task."""
    domain, header, samples = read_eval(path)
    try:
        return domain, list(_lines(path, domain, header, iter(samples), missing))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(_UNREADABLE.format(path, type(error).__name__, error)) from error


def read_eval(path: Path) -> tuple[str, Mapping[str, Any], list[Sample]]:
    """Return (domain, header, samples) of a log. Raises UserError if it is no log of a tau2 task."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            header = whole_json(_member(archive, raw, archive.getinfo("header.json")).decode())
            domain = _domain(path, header)
            names = sorted(name for name in archive.namelist() if name.startswith("samples/"))
            return domain, header, [whole_json(_member(archive, raw, archive.getinfo(name)).decode()) for name in names]
    except FileNotFoundError as error:
        raise UserError(f"no file {path}") from error
    except (OSError, zipfile.BadZipFile, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(_UNREADABLE.format(path, type(error).__name__, error)) from error


def run_of(header: Mapping[str, Any]) -> Any:
    """Return the id of a log; until 2025 it had none of its own."""
    return header["eval"].get("eval_id") or header["eval"]["run_id"]


def _member(archive: zipfile.ZipFile, raw: Any, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != _ZSTD:
        return archive.read(info)
    raw.seek(info.header_offset)
    local = raw.read(_LOCAL_HEADER)
    raw.seek(int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little"), 1)
    return b"".join(unpacked_zstd(io.BytesIO(raw.read(info.compress_size))))


def _domain(path: Path, header: Mapping[str, Any]) -> str:
    task = str(header["eval"]["task"]).rpartition("/")[2]
    if not task.startswith("tau2_"):
        raise UserError(f"{path} is a log of {task}; only those of inspect_evals' tau2 tasks (tau2_airline, ...) can be read")
    return task.removeprefix("tau2_")


def _lines(path: Path, domain: str, header: Mapping[str, Any], samples: Iterator[Sample], missing: Missing) -> Iterator[LogLine]:
    about = header["eval"]
    context: Fields = {"domain": domain, "run": run_of(header)}
    origin = moment(header["stats"]["started_at"]) or 0.0
    recordings = [_recorded(sample, f"i{number:x}x", origin, context, missing) for number, sample in enumerate(samples)]
    packages = mapping(about.get("packages"))
    said: Fields = {
        "tau2_version": ", ".join(f"{name} {version}" for name, version in packages.items()), "agent_llm": about["model"],
        "user_llm": mapping(mapping(about.get("model_roles")).get("user")).get("model"), "recorded_from": path.name,
    }  # fmt: skip
    yield from run_lines(recordings, origin, said, context)


def _recorded(sample: Sample, span: str, origin: float, context: Fields, missing: Missing) -> RecordedSimulation:
    recorded = RecordedSimulation({**context, "trial": int(sample["epoch"]) - 1}, str(sample["id"]), span, origin)
    recorded.begin(moment(sample.get("started_at")) or origin, None)
    scoring, callers = scoring_spans(sample["events"]), dict[str, str]()
    for event in sample["events"]:
        if event["event"] in ("model", "tool"):
            type_, fields = _model(event, scoring, callers) if event["event"] == "model" else _tool(event, callers)
            if event.get("cache") == "read":
                missing.counts["local_cache"] += 1
                continue
            ended = moment(event.get("completed")) or moment(event["timestamp"]) or origin
            duration_ms, timing = _took(event, ended)
            note_call(missing, type_, timing, fields)
            recorded.call(type_, ended, duration_ms, timing, fields)
    missing.counts["model_usage"] += _differs(recorded, mapping(sample.get("model_usage")))
    recorded.end(float(sample.get("total_time") or 0.0), bool(recorded.lines[1:]), _outcome(sample))
    return recorded


def scoring_spans(events: list[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the spans in which a scorer works."""
    found: set[str] = set()
    for event in events:
        if event["event"] == "span_begin" and (str(event.get("type")).startswith("scorer") or event.get("parent_id") in found):
            found.add(event["id"])
    return found


def _took(event: Mapping[str, Any], ended: float) -> tuple[float | None, str | None]:
    """Return (ms, how it is known): Inspect's working time leaves out what was waited for retries and limits. Early logs know neither."""
    worked = event.get("working_time")
    if worked is not None:
        return float(worked) * 1000, MEASURED
    if event.get("completed") is None:
        return None, None
    return max(0.0, (ended - (moment(event["timestamp"]) or ended)) * 1000), GAP


def _model(event: Mapping[str, Any], scoring: set[str], callers: dict[str, str]) -> tuple[str, Fields]:
    is_user = event.get("role") == "user"
    output = mapping(event.get("output"))
    choice: Mapping[str, Any] = next(iter(output.get("choices") or ()), {})
    calls = mapping(choice.get("message")).get("tool_calls") or ()
    callers.update({str(call.get("id")): "user" if is_user else "assistant" for call in calls})
    usage, error = mapping(output.get("usage")), event.get("error")
    _, cached, written = (usage.get(name) for name in _INPUT)
    sent = None if usage.get("input_tokens") is None else sum(int(usage.get(name) or 0) for name in _INPUT)
    cost = usage.get("total_cost")
    return "evaluator" if event.get("span_id") in scoring else "user_sim" if is_user else "llm_call", {
        "model": event["model"], "call_type": str(event["model"]).partition("/")[0], "has_tool_calls": bool(calls), "input_tokens": sent,
        "output_tokens": usage.get("output_tokens"), "cached_tokens": cached,
        "cache_write_tokens": written, "reasoning_tokens": usage.get("reasoning_tokens"),
        "finish_reason": choice.get("stop_reason"), "cost_usd": None if cost is None else float(cost), "error": bool(error),
        "error_type": "ModelError" if error else None,
    }  # fmt: skip


def _differs(recorded: RecordedSimulation, by_model: Mapping[str, Any]) -> bool:
    """Return whether Inspect itself counted other tokens, if it says what it counted."""
    usages = [mapping(usage) for usage in by_model.values()]
    sent = sum(int(usage.get(name) or 0) for usage in usages for name in _INPUT)
    received = sum(int(usage.get("output_tokens") or 0) for usage in usages)
    return bool(usages) and (sent, received) != (recorded.sums["input_tokens"], recorded.sums["output_tokens"])


def _tool(event: Mapping[str, Any], callers: Mapping[str, str]) -> tuple[str, Fields]:
    error = event.get("error")
    return "tool_call", {
        "function": event["function"], "call_type": "local_function", "requestor": callers.get(str(event.get("id")), "assistant"),
        "error": bool(error), "error_type": str(mapping(error).get("type") or "ToolError") if error else None,
    }  # fmt: skip


def _outcome(sample: Sample) -> Fields:
    error = mapping(sample.get("error"))
    value = next((mapping(score).get("value") for score in mapping(sample.get("scores")).values()), None)
    reward = _GRADES.get(value) if isinstance(value, str) else float(value) if isinstance(value, int | float) else None
    limit = mapping(sample.get("limit")).get("type")
    ended: Fields = {"status": "ok", "reward": reward, "termination": None if limit is None else f"{limit}_limit"}
    if not error:
        return ended
    return {**ended, "status": "error", "reward": None, "error_type": "SampleError", "error_message": str(error.get("message"))[:300]}
