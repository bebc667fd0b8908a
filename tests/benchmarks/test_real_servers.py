"""The parts of benchmarks.real_servers that need none of the servers."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.real_servers import folders, servers
from benchmarks.real_servers.counters import between
from benchmarks.real_servers.forms import FORMS, arguments
from benchmarks.real_servers.install import Step
from benchmarks.real_servers.trajectories import first_difference

VLLM = """\
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
vllm:prompt_tokens_total{{engine="0",model_name="tiny"}} {prompt}
vllm:prompt_tokens_total{{engine="1",model_name="tiny"}} 5.0
vllm:prompt_tokens_cached_total{{engine="0",model_name="tiny"}} {cached}
vllm:request_queue_time_seconds_sum{{engine="0",model_name="tiny"}} {queue}
vllm:request_queue_time_seconds_bucket{{engine="0",le="0.3",model_name="tiny"}} 7.0
"""
LLAMA = "llamacpp:prompt_tokens_total {computed}\nllamacpp:prompt_tokens_cached_total {cached}\nllamacpp:tokens_predicted_total {output}\n"


@pytest.mark.parametrize("form", FORMS)
def test_a_form_s_expression_fits_its_text_and_no_other(form: str) -> None:
    expression = arguments(form)["extra_body"]["structured_outputs"]["regex"]
    assert re.fullmatch(expression, FORMS[form])
    assert [name for name, text in FORMS.items() if re.fullmatch(expression, text)] == [form]


def test_there_are_twenty_forms_of_which_no_two_are_alike() -> None:
    assert len(set(FORMS.values())) == len(FORMS) == 20


def test_what_vllm_counts_is_added_up_over_engines_and_taken_as_a_difference() -> None:
    before, after = VLLM.format(prompt=100.0, cached=16.0, queue=0.5), VLLM.format(prompt=1.5e3, cached=48.0, queue=2.25)
    counted = between(before, after)
    assert (counted.prompt_tokens, counted.cached_tokens, counted.queue_s) == (1400, 32, 1.75)


def test_prompt_tokens_of_llama_cpp_are_those_computed_and_those_from_its_cache() -> None:
    before, after = LLAMA.format(computed=10, cached=5, output=7), LLAMA.format(computed=30, cached=65, output=11)
    counted = between(before, after)
    assert (counted.prompt_tokens, counted.cached_tokens, counted.output_tokens) == (20 + 60, 60, 4)
    assert counted.requests is None
    assert counted.ttft_s is None


def test_a_page_of_another_server_is_refused_and_not_counted_as_0() -> None:
    with pytest.raises(ValueError, match="neither"):
        between("", "sglang:prompt_tokens_total 5\n")


def _simulation(content: str, identifier: str = "a", reward: float = 1.0) -> dict[str, Any]:
    call = {"id": identifier, "name": "get_users", "arguments": {}, "requestor": "assistant"}
    messages = [{"role": "assistant", "content": content, "tool_calls": [call], "timestamp": identifier}]
    return {"task_id": "1", "trial": 0, "termination_reason": "user_stop", "reward_info": {"reward": reward}, "messages": messages}


def test_trajectories_that_differ_in_identifiers_and_times_alone_are_the_same() -> None:
    assert first_difference([_simulation("hi", "a")], [_simulation("hi", "b")]) is None


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ([], "1 and 0 simulations"),
        ([_simulation("hi", reward=0.0)], "reward 1.0 and 0.0"),
        ([_simulation("ho")], "message 0"),
        ([{**_simulation("hi"), "messages": []}], "1 and 0 messages"),
    ],
)
def test_where_trajectories_come_apart_is_named(other: list[dict[str, Any]], told: str) -> None:
    assert told in str(first_difference([_simulation("hi")], other))


def test_a_step_of_the_set_up_is_done_when_it_came_to_its_end_with_what_it_depends_on_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "STAMPS", tmp_path)
    step = Step("model", "package==1", lambda: None)
    assert not step.done
    step.stamp.write_text(step.depends_on)
    assert step.done
    assert not Step("model", "package==2", lambda: None).done


def test_a_server_has_ended_when_its_block_is_left_also_by_an_error(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), servers.counting(tmp_path) as server:
        assert servers.answers(f"{server.url}/well")
        assert not servers.answers(f"{server.url}/v1/models")
        raise KeyError
    assert not servers.answers(f"{server.url}/well")
    assert server.process.exit_code is not None
    assert server.completions() == 1  # its log is whole once it has ended: while it runs, a line may come after the answer
