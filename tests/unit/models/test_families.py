"""The table of model families: names that vLLM has, and the right row for a model."""

from __future__ import annotations

import pytest

from tau2_logging.models.servers.families import FAMILIES, REASONING_PARSERS, TOOL_CALL_PARSERS, family_of, mismatch
from tau2_logging.models.servers.server_process import command_of
from tau2_logging.models.servers.server_settings import ModelServerSettings


def test_every_parser_of_the_table_is_one_of_vllms() -> None:
    tools = {parser for family in FAMILIES for parser in (family.tool_call_parser, *family.also)}
    assert tools <= TOOL_CALL_PARSERS
    assert {family.reasoning_parser for family in FAMILIES} - {None} <= REASONING_PARSERS


@pytest.mark.parametrize(
    ("model", "tools", "reasoning"),
    [
        ("Qwen/Qwen3-32B", "hermes", "qwen3"),
        ("/models/Qwen3-8B-FP8/", "hermes", "qwen3"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "hermes", None),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "hermes", "qwen3"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_xml", None),
        ("Qwen/Qwen2.5-72B-Instruct", "hermes", None),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "hermes", None),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8", "llama3_json", None),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama4_pythonic", None),
        ("openai/gpt-oss-120b", "openai", "openai_gptoss"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "deepseek_v31", "deepseek_v3"),
        ("moonshotai/Kimi-K2-Thinking", "kimi_k2", "kimi_k2"),
        ("moonshotai/Kimi-K2-Instruct-0905", "kimi_k2", None),
        ("zai-org/GLM-4.6", "glm45", "glm45"),
        ("allenai/Olmo-3-32B-Think", "olmo3", "olmo3"),
    ],
)
def test_a_model_has_the_parsers_of_its_family(model: str, tools: str, reasoning: str | None) -> None:
    family = family_of(model)
    assert family is not None
    assert (family.tool_call_parser, family.reasoning_parser) == (tools, reasoning)


@pytest.mark.parametrize("model", ["deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "Qwen/Qwen3-Embedding-8B", "me/my-model", ""])
def test_a_model_that_is_not_in_the_table_has_no_family(model: str) -> None:
    """A name inside a name is not enough: a distilled Llama does not write Llama's tool calls."""
    assert family_of(model) is None


def test_every_row_of_the_table_can_be_reached() -> None:
    """No row stands behind a wider one."""
    samples = """
        qwen3-coder-30b qwen3.5-9b qwen3-4b-instruct-2507 qwen3-8b qwq-32b qwen2.5-7b hermes-3-8b llama-4-scout llama-3.3-70b xlam-1b
        magistral-small mistral-large gpt-oss-20b deepseek-v4 deepseek-v3.2 deepseek-v3.1 deepseek-v3-0324 deepseek-r1-0528 glm-4.7
        glm-4.5-air kimi-k3 kimi-k2-instruct kimi-k2.5 minimax-m3 minimax-m2 gemma-4-27b granite-4.0-h-small granite-3.1-8b hunyuan-a13b
        seed-oss-36b olmo-3-7b-think olmo-3-7b-instruct phi-4-mini-instruct step3
    """
    assert [family_of(name) for name in samples.split()] == list(FAMILIES)


def test_a_parser_of_another_format_is_a_mismatch_unless_the_prompt_is_ones_own() -> None:
    assert mismatch("Qwen/Qwen3-32B", "mistral", ()) is not None
    assert mismatch("Qwen/Qwen3-32B", "qwen3_json", ()) is None
    assert mismatch("Qwen/Qwen3-32B", "mistral", ("--chat-template=mine.jinja",)) is None
    assert mismatch("me/my-model", "mistral", ()) is None


@pytest.mark.parametrize(
    ("settings", "parser"),
    [
        (ModelServerSettings(serve="meta-llama/Llama-3.3-70B-Instruct"), "llama3_json"),
        (ModelServerSettings(serve="me/my-model"), "hermes"),
        (ModelServerSettings(serve="meta-llama/Llama-3.3-70B-Instruct", tool_call_parser="pythonic"), "pythonic"),
    ],
)
def test_serve_takes_the_parser_of_the_family(settings: ModelServerSettings, parser: str) -> None:
    """What the person names goes before it; `hermes` stands in for a family that is not known."""
    words = command_of(settings, 8000)
    assert words[words.index("--tool-call-parser") + 1] == parser
