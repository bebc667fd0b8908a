"""Whatever is asked for, the task file is read back as it was meant and our own checks find nothing in it."""

from __future__ import annotations

from dataclasses import replace

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.models.rental.checks import check, read_document
from tau2_logging.models.rental.command import find_command
from tau2_logging.models.rental.render import document, render
from tau2_logging.models.rental.task import RentalTask
from tau2_logging.models.servers.families import REASONING_PARSERS, TOOL_CALL_PARSERS
from tests.support.thorough import scaled

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
known = st.sampled_from(["Qwen/Qwen3-32B", "meta-llama/Llama-3.3-70B-Instruct", "openai/gpt-oss-120b", "/models/GLM-4.6", "Qwen2.5-7B"])
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).map(lambda text: f"--x{text}")
tasks = st.builds(
    RentalTask,
    model=known,
    gpus=st.lists(st.sampled_from(["A100", "A100-80GB:8", "L4:1", "H100=2"]), min_size=1, max_size=3, unique=True).map(tuple),
    max_hourly_cost=st.floats(0.01, 1000),
    infra=st.lists(st.sampled_from(["aws", "gcp/us-central1", "*/us-east-1", "kubernetes/my_context"]), max_size=2, unique=True).map(tuple),
    use_spot=st.booleans(),
    port=st.integers(1, 65535),
    disk_size=st.integers(1, 10000),
    idle_minutes=st.integers(1, 10000),
    startup_minutes=st.integers(5, 1000),
    replicas=st.integers(1, 64),
    max_model_len=st.none() | st.integers(1, 10**7),
    vllm_args=st.lists(words, max_size=3).map(tuple),
    hf_token=st.booleans(),
)
strange = st.builds(
    replace,
    tasks,
    model=st.text(_LETTERS + "/._-'\"$`&;|\\(){}*éß", min_size=1, max_size=20).map(lambda text: f"me/my{text}"),
    tool_call_parser=st.sampled_from(sorted(TOOL_CALL_PARSERS)),
    reasoning_parser=st.sampled_from([None, "none", *sorted(REASONING_PARSERS)]),
)


@settings(max_examples=scaled(30, 500))
@given(tasks)
def test_a_rendered_file_has_no_error(task: RentalTask) -> None:
    read = read_document(render(task))
    assert read == document(task)
    assert [problem.text for problem in check(read) if problem.fatal] == []


@settings(max_examples=scaled(30, 500))
@given(strange)
def test_the_shell_reads_the_words_that_were_given(task: RentalTask) -> None:
    """Names and flags with quotes, spaces and signs of the shell arrive at vLLM as they are."""
    command = find_command(yaml.safe_load(render(task))["run"], {})
    assert command is not None
    assert command.model == task.model
    assert command.value("--tool-call-parser") == task.tool_call_parser
    assert command.words[len(command.words) - len(task.vllm_args) :] == task.vllm_args
