"""Inspect AI's logs of tau2 tasks, of the shape that inspect_ai 0.3.285 with inspect_evals 0.26 writes."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tau2_logging.analysis import RunLog
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.recordings.recorded_simulation import Missing
from tau2_logging.errors import UserError

T = "2026-11-21T02:57:{:09.6f}+00:00"


def header(task: str = "inspect_evals/tau2_airline") -> dict[str, Any]:
    roles = {"user": {"model": "openai/user", "config": {}, "args": {}}}
    about = {"eval_id": "run1", "task": task, "model": "openai/agent", "model_roles": roles, "packages": {"inspect_ai": "0.3.285"}}
    return {"version": 2, "status": "success", "eval": about, "stats": {"started_at": "2026-11-21T02:57:00+00:00"}}


def model(at: float, worked: float | None, role: str | None, span: str = "s", call: str | None = None, **more: Any) -> dict[str, Any]:
    """A model event; `call`: the id of the tool call that it asks for."""
    calls = [{"id": call, "function": "f", "arguments": {}}] if call else None
    usage = {"input_tokens": 100, "output_tokens": 10, "input_tokens_cache_read": 40, "total_tokens": 150}
    choice = {"message": {"role": "assistant", "content": "x", "tool_calls": calls}, "stop_reason": "tool_calls" if call else "stop"}
    return {
        "event": "model", "span_id": span, "timestamp": T.format(at), "completed": T.format(at + 2), "working_time": worked, "role": role,
        "model": "openai/user" if role == "user" else "openai/agent", "output": {"choices": [choice], "usage": usage}, **more,
    }  # fmt: skip


def tool(number: str, name: str, at: float, worked: float | None, error: Any) -> dict[str, Any]:
    """A tool event of a second's length."""
    times = {"timestamp": T.format(at), "completed": T.format(at + 1), "working_time": worked}
    return {"event": "tool", "id": number, "function": name, **times, "error": error}


def sample(number: str, epoch: int, value: Any, **more: Any) -> dict[str, Any]:
    events = [
        {"event": "span_begin", "id": "s", "type": "solver"},
        model(1, 1.5, "user"),
        model(4, 0.75, None, call="c1"),
        tool("c1", "f", 6, 0.5, None),
        tool("c9", "g", 7, None, {"type": "parsing", "message": "no"}),
        model(9, None, None, error="boom"),
        {"event": "span_begin", "id": "k", "type": "scorers"},
        {"event": "span_begin", "id": "kk", "type": "scorer", "parent_id": "k"},
        model(12, 1.0, None, span="kk"),
    ]  # fmt: skip
    whole = {"id": number, "epoch": epoch, "started_at": T.format(0.5), "total_time": 20.0, "scores": {"airline_scorer": {"value": value}}}
    return {**whole, "events": events, **more}


def archived(path: Path, members: dict[str, Any], zstd: bool) -> Path:
    """A .eval file, deflated or, as Inspect writes it now, compressed with zstd (number 93 in zip's list, which zipfile cannot write)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if zstd else zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            data = json.dumps(value).encode()
            archive.writestr(name, zstandard.ZstdCompressor().compress(data) if zstd else data)
        offsets = [info.header_offset for info in archive.infolist()]
    if zstd:
        raw = bytearray(path.read_bytes())
        places = [offset + 8 for offset in offsets]
        place = raw.find(b"PK\x01\x02")
        while place >= 0:
            places.append(place + 10)
            place = raw.find(b"PK\x01\x02", place + 1)
        for at in places:
            struct.pack_into("<H", raw, at, 93)
        path.write_bytes(raw)
    return path


def evaluated(folder: Path, samples: dict[str, dict[str, Any]]) -> tuple[RunLog, Missing]:
    """The log of samples by name, each with what is its own, and what is missing in it."""
    members = {f"samples/{name}.json": sample(name.partition("_")[0], 1, "C", **more) for name, more in samples.items()}
    return load_results([archived(folder / "a.eval", {"header.json": header(), **members}, False)])


@pytest.mark.parametrize("zstd", [True, False])
def test_samples_are_simulations_and_epochs_trials(zstd: bool, tmp_path: Path) -> None:
    """Calls by who made them, working times where Inspect kept them, cached tokens included, grades as rewards."""
    members = {"header.json": header(), "samples/7_epoch_1.json": sample("7", 1, "C"), "samples/7_epoch_2.json": sample("7", 2, "I")}
    log, missing = load_results([archived(tmp_path / "a.eval", members, zstd)])
    table = log.simulations
    assert table["trial"].tolist() == [0, 1]
    assert table["reward"].tolist() == [1.0, 0.0]
    assert set(table["domain"]) == {"airline"}
    calls = log.calls[log.calls["trial"] == 0].sort_values("start_ms", kind="stable")
    assert calls["type"].tolist() == ["user_sim", "llm_call", "tool_call", "tool_call", "llm_call", "evaluator"]
    assert calls["duration_ms"].tolist() == [1500.0, 750.0, 500.0, 1000.0, 2000.0, 1000.0]
    assert calls["timing"].tolist() == ["measured", "measured", "measured", "gap", "gap", "measured"]
    assert calls["error"].tolist() == [False, False, False, True, True, False]
    assert calls["input_tokens"].dropna().tolist() == [140] * 4
    assert calls["requestor"].dropna().tolist() == ["assistant", "assistant"]
    assert table["llm_ms"].tolist() == [2750.0, 2750.0]
    assert any("8 model calls without a known price" in sentence for sentence in missing.sentences())


@pytest.mark.parametrize("role", [None, "user"])
@pytest.mark.parametrize("reads", [0, 1, 3])
def test_answers_from_the_local_cache_are_no_calls(role: str | None, reads: int, tmp_path: Path) -> None:
    """Calls, tokens and time are those of Inspect's own model_usage; the tools that such an answer asks for were called all the same."""
    calls = [
        model(1, 1.0, role, cache="write"),
        model(3, 2.0, role),
        *(model(5, 0.001, role, call="c1", cache="read") for _ in range(reads)),
    ]
    usage = {"m": {"input_tokens": 200, "output_tokens": 20, "input_tokens_cache_read": 80, "total_tokens": 300}}
    members = {"7_epoch_1": {"events": [*calls, tool("c1", "f", 9, 0.5, None)], "model_usage": usage}}
    log, missing = evaluated(tmp_path, members)
    costs = log.costs()
    assert (costs["calls"].sum(), costs["input_tokens"].sum(), costs["output_tokens"].sum()) == (2, 280, 20)
    assert log.latency().set_index("type").loc["user_sim" if role else "llm_call", ["n", "total_ms"]].tolist() == [2, 3000.0]
    assert log.latency().set_index("type").loc["tool_call", "n"] == 1
    said = " ".join(missing.sentences())
    assert (f"{reads} answers from Inspect's local cache" in said, "own model_usage" in said) == (reads > 0, False)


def test_calls_that_are_not_those_of_inspects_own_sums_are_said(tmp_path: Path) -> None:
    usage = {"m": {"input_tokens": 999, "output_tokens": 20, "total_tokens": 1019}}
    _, missing = evaluated(tmp_path, {"7_epoch_1": {"events": [model(1, 1.0, None)], "model_usage": usage}})
    assert any("1 samples whose calls do not add up" in sentence for sentence in missing.sentences())


@pytest.mark.parametrize(("name", "rate"), [("anthropic/claude-sonnet-4-5", 3.75), ("openai/gpt-4.1", 2.0)])
def test_what_is_written_to_the_providers_cache_has_its_price(name: str, rate: float, tmp_path: Path) -> None:
    """A quarter more than fresh input with Anthropic, as fresh where there is no such price; reads at the price of reads."""
    usage = {"input_tokens": 1_000, "output_tokens": 0, "input_tokens_cache_read": 2_000, "input_tokens_cache_write": 4_000}
    call = {**model(1, 1.0, None), "model": name}
    call["output"]["usage"] = usage
    log, _ = evaluated(tmp_path, {"7_epoch_1": {"events": [call]}})
    fresh, read = (3.0, 0.3) if "claude" in name else (2.0, 0.5)
    assert log.costs()["cost_usd"].tolist() == pytest.approx([(1_000 * fresh + 2_000 * read + 4_000 * rate) / 1e6])
    assert log.priced_as([name])["all_usd"].tolist() == log.costs()["cost_usd"].tolist()


def test_an_early_log_has_calls_without_a_length(tmp_path: Path) -> None:
    """Before 2025's releases neither a log's own id nor an end or a working time was kept: no length is made up, and that is said."""
    head = header()
    head["eval"]["run_id"] = head["eval"].pop("eval_id")
    early = {name: value for name, value in model(1, None, None).items() if name != "completed"}
    members = {"header.json": head, "samples/7_epoch_1.json": sample("7", 1, "C", events=[early], started_at=None)}
    log, missing = load_results([archived(tmp_path / "a.eval", members, False)])
    assert log.calls["type"].tolist() == ["llm_call"]
    assert "duration_ms" not in log.calls
    assert log.simulations["run"].tolist() == ["run1"]
    assert any("1 messages without a time" in sentence for sentence in missing.sentences())


def test_a_sample_that_failed_has_no_reward(tmp_path: Path) -> None:
    """An error of the infrastructure is not scored, and says what it was."""
    failed = sample("7", 1, "C", error={"message": "out of memory"}, limit={"type": "time"})
    log, _ = load_results([archived(tmp_path / "a.eval", {"header.json": header(), "samples/7_epoch_1.json": failed}, True)])
    (row,) = log.simulations.to_dict("records")
    assert (row["status"], row["error_message"]) == ("error", "out of memory")
    assert row["reward"] != row["reward"]


def test_what_is_no_log_of_a_tau2_task_is_bad_input(tmp_path: Path) -> None:
    """Another task, no zip, a log that never ended, damaged data, nothing there."""
    cases = {
        "other": ({"header.json": header("inspect_evals/gpqa")}, "only those of inspect_evals' tau2 tasks"),
        "open": ({"_journal/start.json": {}}, "not a readable finished log"),
        "odd": ({"header.json": header(), "samples/x.json": {"id": 3}}, "not a readable finished log"),
    }
    for name, (members, reason) in cases.items():
        with pytest.raises(UserError, match=reason):
            load_results([archived(tmp_path / f"{name}.eval", members, False)])
    (tmp_path / "no.eval").write_text("no zip")
    for name in ("no.eval", "none.eval"):
        with pytest.raises(UserError, match=name):
            load_results([tmp_path / name])
