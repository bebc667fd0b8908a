"""A run as a load for AIPerf, vLLM's benchmark and Mooncake: lengths, gaps, and what prompts share, worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.recordings import load_results, write_log
from tau2_logging.analysis.recordings.load_formats import AIPERF, MOONCAKE, VLLM, replayed_prompt_tokens, trace_rows
from tau2_logging.analysis.recordings.load_trace import LoadRequest, LoadSession, LoadTrace, load_trace
from tau2_logging.analysis.verdict.read_sides import named_log
from tau2_logging.cli import results
from tau2_logging.errors import UserError
from tests.support import recordings

BLOCK = 10
ONE = LoadSession("retail/1/0", [LoadRequest(0, 100, 35, 5), LoadRequest(140, 200, 47, 3), LoadRequest(200, 260, 53, 9)])
TWO = LoadSession("retail/2/0", [LoadRequest(50, 90, 38, 4), LoadRequest(300, 310, 30, 2)])
TRACE = LoadTrace("m", [ONE, TWO], 29, 0, 2)


def test_a_session_grows_by_what_was_new() -> None:
    """The sum of a session's new tokens and replies is each prompt of the run; delays are the gaps that tools and users made."""
    rows = [row for row in trace_rows(TRACE, AIPERF, BLOCK) if row["session_id"] == ONE.name]
    prompt = 0
    for row, request in zip(rows, ONE.requests, strict=True):
        prompt += row["input_length"]
        assert prompt == request.prompt
        prompt += row["output_length"]
    assert [row.get("delay") for row in rows] == [None, 40, 0]
    assert [row.get("timestamp") for row in rows] == [0, None, None]
    assert [row.get("hash_ids") for row in rows] == [[0, 1], None, None]  # 29 shared tokens are two blocks of 10


def test_a_prompt_that_shrank_is_counted() -> None:
    """AIPerf's conversations only grow: of 35+47+53+38+30 prompt tokens it sends 13 more, a turn of one token after 42."""
    assert replayed_prompt_tokens(TRACE) == 35 + 47 + 53 + 38 + (38 + 4 + 1)


def test_reasoning_is_not_sent_again() -> None:
    """What a user added is the growth of the prompt less the visible part of the reply."""
    thinking = LoadSession("s", [LoadRequest(0, 1, 100, 30, reasoning=25), LoadRequest(2, 3, 125, 5)])
    assert [row["input_length"] for row in trace_rows(LoadTrace("m", [thinking], None, 0, 1), AIPERF)] == [100, 20]


def test_blocks_are_the_same_if_their_text_is() -> None:
    """Full blocks repeat as the conversation grows, the shared ones in every session; the end of a prompt is its own; a rewritten
    conversation keeps only what all share."""
    rows = trace_rows(TRACE, MOONCAKE, BLOCK)
    assert rows == trace_rows(TRACE, VLLM, BLOCK)
    assert [(row["timestamp"], row["input_length"], row["output_length"]) for row in rows] == [
        (0, 35, 5), (50, 38, 4), (140, 47, 3), (200, 53, 9), (300, 30, 2),
    ]  # fmt: skip
    first, other, second, third, short = (row["hash_ids"] for row in rows)
    assert [len(ids) for ids in (first, other, second, third, short)] == [4, 4, 5, 6, 3]
    assert first[:3] == second[:3] == third[:3]
    assert second[:4] == third[:4]
    assert len({first[3], second[3], second[4], third[5]}) == 4
    assert set(other) & set(first) == set(first[:2])
    assert set(short) & set(other) == set(first[:2])


def written(folder: Path, models: tuple[str, str] = ("gpt-4.1", "gpt-4.1"), silent: bool = False) -> list[Path]:
    """A file a model: two simulations whose user says 40 and 80 letters before a model call of 100 tokens, and one call without tokens."""
    paths = []
    for name in dict.fromkeys(models):
        simulations = [recordings.simulation(str(n), 0, [recordings.call("look")]) for n in (1, 2)]
        for number, one in enumerate(simulations):
            one["messages"][0]["content"] = "x" * 40 * (number + 1)
            del one["messages"][-1]["usage"]
            one["messages"] = one["messages"][silent:]
        data = recordings.results([recordings.task("1"), recordings.task("2")], simulations)
        data["info"]["agent_info"] = {"implementation": "llm_agent", "llm": name}
        paths.append(recordings.write(folder / f"{name}.json", data))
    return paths


def test_what_prompts_share_follows_from_what_the_user_said_first(tmp_path: Path) -> None:
    """100 tokens less 20 of the longer opening and 4 of its template; unknown if nobody spoke first."""
    trace = load_trace(load_results(written(tmp_path))[0])
    assert (trace.model, len(trace.sessions), trace.left_out, trace.shared_tokens) == ("gpt-4.1", 2, 2, 100 - 20 - 4)
    assert load_trace(load_results(written(tmp_path, silent=True))[0]).shared_tokens is None


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        results.main(["to-trace", *words])
    return int(left.value.code or 0)


@pytest.mark.parametrize("format_", [AIPERF, VLLM, MOONCAKE])
def test_the_command_writes_json_lines_and_the_command_to_replay_them(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what is shared and what was left out, and overwrites only with --force."""
    (path,), out = written(tmp_path), tmp_path / "t.jsonl"
    words = [str(path), "--for", format_, "-o", str(out), "--block-size", "16"]
    assert (command(*words), command(*words), command(*words, "--force")) == (0, 2, 0)
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["input_length"] for row in rows] == [100, 100]
    said = capsys.readouterr().out
    assert "2 requests of 2 simulations" in said
    assert "the same 76 tokens, about: 4 blocks of 16" in said
    assert "2 calls are left out: they failed, or their time or tokens are unknown" in said
    assert f"replay: {'vllm bench serve' if format_ == VLLM else 'aiperf profile'} --model gpt-4.1 " in said
    assert " 16" in said.rsplit("replay:", 1)[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "other"], "no call of the agent is to 'other'; it asked gpt-4.1"),
        (["--block-size", "0"], "--block-size is 0; give a whole number of at least 1"),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and nothing is written."""
    (path,) = written(tmp_path)
    assert command(str(path), "--for", AIPERF, "-o", str(tmp_path / "t.jsonl"), *words) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "t.jsonl").exists()


def test_the_latest_run_of_a_log_is_meant(tmp_path: Path) -> None:
    """Unless --run names another."""
    logs = []
    for number, name in enumerate(("gpt-4.1", "other")):
        ((log,), _) = write_log(written(tmp_path, (name, name)), tmp_path / str(number))
        logs.append(log.read_text())
    both = tmp_path / "tau2_retail.log"
    both.write_text("".join(logs))
    for words, model in (([], "other"), (["--run", "gpt-4.1"], "gpt-4.1")):
        out = tmp_path / f"{model}.jsonl"
        assert command(str(both), "--for", AIPERF, "-o", str(out), *words) == 0
        assert len(out.read_text().splitlines()) == 2
        assert load_trace(named_log(str(both), words[1:] or "latest")).model == model


def test_a_trace_is_of_one_run(tmp_path: Path) -> None:
    """Two files are two runs, which need not have been at the same time."""
    with pytest.raises(UserError, match="a trace is of one run, and here are gpt-4"):
        load_trace(load_results(written(tmp_path, ("gpt-4.1", "other")))[0])
