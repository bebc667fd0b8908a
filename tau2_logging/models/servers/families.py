"""Which of vLLM's parsers belong to which family of models: the one table.

Names as vLLM registers them in vllm/tool_parsers/__init__.py and vllm/reasoning/__init__.py; which family takes which, from its pages
"Tool Calling" and "Reasoning Outputs" and the model cards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

VLLM_VERSION = "0.33.0"
"""The release whose parser names these are."""


@dataclass(frozen=True)
class Family:
    """`pattern` matches the start of a model's name without its owner, in small letters. `reasoning_parser` is None if models of
    the family do not think, or not by default. `also`: further parsers of tool calls that read the same format.
    """

    name: str
    pattern: str
    tool_call_parser: str
    reasoning_parser: str | None = None
    also: tuple[str, ...] = ()

    def takes(self, tool_call_parser: str) -> bool:
        """Return whether the parser reads what models of the family write."""
        return tool_call_parser == self.tool_call_parser or tool_call_parser in self.also


FAMILIES = (
    Family("Qwen3-Coder", r"qwen3-coder", "qwen3_xml", also=("qwen3_coder",)),
    Family("Qwen3.5 and later", r"qwen3\.[5-9]", "qwen3_coder", "qwen3", also=("qwen3_xml",)),
    Family("Qwen3 Instruct", r"qwen3.*-instruct", "hermes", also=("qwen3_json",)),
    Family("Qwen3", r"qwen3(?!.*-(?:base|embedding|reranker))", "hermes", "qwen3", also=("qwen3_json",)),
    Family("QwQ", r"qwq", "hermes", "deepseek_r1", also=("qwen3_json",)),
    Family("Qwen2.5", r"qwen2\.5", "hermes", also=("qwen3_json",)),
    Family("Hermes", r"(?:deep)?hermes-[2-4]", "hermes"),
    Family("Llama 4", r"(?:meta-)?llama-4", "llama4_pythonic", also=("llama4_json", "llama3_json", "pythonic")),
    Family("Llama 3.1 to 3.3", r"(?:meta-)?llama-3\.[1-3]", "llama3_json", also=("llama4_json",)),
    Family("xLAM", r"(?:llama-|qwen-)?xlam", "xlam"),
    Family("Magistral", r"magistral", "mistral", "mistral"),
    Family("Mistral", r"(?:mistral|ministral|devstral)", "mistral"),
    Family("gpt-oss", r"gpt-oss", "openai", "openai_gptoss"),
    Family("DeepSeek-V4", r"deepseek-v4", "deepseek_v4", "deepseek_v4"),
    Family("DeepSeek-V3.2", r"deepseek-v3\.2", "deepseek_v32", "deepseek_v3"),
    Family("DeepSeek-V3.1", r"deepseek-v3\.1", "deepseek_v31", "deepseek_v3"),
    Family("DeepSeek-V3", r"deepseek-v3(?!\.)", "deepseek_v3"),
    Family("DeepSeek-R1-0528", r"deepseek-r1-0528(?!-qwen)", "deepseek_v3", "deepseek_r1"),
    Family("GLM-4.7 and later", r"glm-(?:4\.7|5)", "glm47", "glm45", also=("glm45",)),
    Family("GLM-4.5", r"glm-4\.[56]", "glm45", "glm45", also=("glm47",)),
    Family("Kimi-K3", r"kimi-k3", "kimi_k3", "kimi_k3"),
    Family("Kimi-K2 Instruct", r"kimi-k2-instruct", "kimi_k2"),
    Family("Kimi-K2", r"kimi-k2", "kimi_k2", "kimi_k2"),
    Family("MiniMax-M3", r"minimax-m3", "minimax_m3", "minimax_m3"),
    Family("MiniMax-M2", r"minimax-m2", "minimax_m2", "minimax_m2"),  # ..._append_think leaves the thoughts for the user to read
    Family("Gemma 4", r"gemma-4", "gemma4", "gemma4"),
    Family("Granite 4", r"granite-4", "granite4"),
    Family("Granite 3", r"granite-3", "granite"),
    Family("Hunyuan-A13B", r"hunyuan-a13b", "hunyuan_a13b", "hunyuan_a13b"),
    Family("Seed-OSS", r"seed-oss", "seed_oss", "seed_oss"),
    Family("Olmo 3 Think", r"olmo-3.*-think", "olmo3", "olmo3"),
    Family("Olmo 3", r"olmo-3", "olmo3"),
    Family("Phi-4-mini", r"phi-4-mini", "phi4_mini_json"),
    Family("Step3", r"step3", "step3", "step3"),
)
"""The first that matches counts, so a special case is before the rule."""

_TOOL_CALL_PARSERS = """
    apertus beam cohere_command3 cohere_command4 deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 deepseek_v41 dots ernie45 functiongemma
    gemma4 gigachat3 glm45 glm47 granite granite-20b-fc granite4 hermes hf hunyuan_a13b hy_v3 hy_v4 inkling internlm jamba k2_horizon
    kimi_k2 kimi_k3 lfm2 ling3 llama3_json llama4_json llama4_pythonic longcat mimo minicpm5 minimax_m2 minimax_m3 mistral muse
    muse_glimmer musespark1x olmo3 openai phi4_mini_json plamo3 poolside_v1 pythonic qwen3_coder qwen3_json qwen3_xml seed_oss step3 step3p5
    step5 xlam
"""
_REASONING_PARSERS = """
    beam cohere_command3 cohere_command4 deepseek_r1 deepseek_v3 deepseek_v4 deepseek_v41 ernie45 gemma4 glm45 glm47 granite
    granite_thinking_parser hf holo2 hunyuan_a13b hy_v3 hy_v4 inkling k2_horizon kimi_k2 kimi_k3 ling3 mimo minicpmv minimax_m2
    minimax_m2_append_think minimax_m3 mistral muse muse_glimmer musespark1x nemotron_v3 olmo3 openai_gptoss plamo3 poolside_v1 qwen3
    seed_oss step3 step3p5 step5
"""
TOOL_CALL_PARSERS, REASONING_PARSERS = frozenset(_TOOL_CALL_PARSERS.split()), frozenset(_REASONING_PARSERS.split())
"""All that there are."""


def family_of(model: str) -> Family | None:
    """Return the family of a model by its name (`Qwen/Qwen3-32B`) or the last part of its path; None for a name that is not in the
    table."""
    name = model.rstrip("/").rpartition("/")[2].lower()
    return next((family for family in FAMILIES if re.match(family.pattern, name)), None)


def mismatch(model: str, tool_call_parser: str, words: tuple[str, ...]) -> str | None:
    """Return why the parser does not fit the model; None if it does, if the family is not known, and if the words of `vllm serve`
    bring a chat template or a parser of one's own, which may ask the model for another format.
    """
    family = family_of(model)
    own = any(word.partition("=")[0] in ("--chat-template", "--tool-parser-plugin") for word in words)
    if family is None or own or family.takes(tool_call_parser):
        return None
    return f"--tool-call-parser is {tool_call_parser}; {model} is a {family.name} model and takes {family.tool_call_parser}"


def known_families() -> str:
    """Return their names, to be listed in a message."""
    return ", ".join(family.name for family in FAMILIES)
