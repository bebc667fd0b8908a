"""Command lines as they are shown: what is known to be harmless, and the names of the rest."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from tau2_logging.events.call_arguments import MASK, is_secret_name, shown_address, shown_arguments
from tau2_logging.events.secrets.masking import mask_text

_ARGUMENTS = re.compile(r".*_a(?:r(?:gs?)?)?")
"""Flags whose value is an object; argparse takes the start of a flag for the flag."""
_SERVER_WORDS = re.compile(r"serve_(?:a(?:r(?:gs?)?)?|c(?:o(?:m(?:m(?:a(?:nd?)?)?)?)?)?)")
_PLACES = re.compile(r"(?:endpoints?|otlp|receive_\w*|ray_\w*|base_url|api_base)")
_NEXT_OPTION = re.compile(r",(?=\s*[A-Za-z_][A-Za-z0-9_]*=)")
_NUMBER = re.compile(r"-?\d{1,8}(?:\.\d{1,8})?|true|false|auto|on|off", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_FLAG = re.compile(r"--?[A-Za-z][\w.\-]{0,40}")
_HARMLESS_FLAGS = frozenset(
    (
        "m", "u", "I", "S", "E", "model", "served-model-name", "alias", "a", "host", "port", "p", "dtype", "quantization", "load-format",
        "kv-cache-dtype", "tokenizer", "tokenizer-mode", "revision", "tool-call-parser", "reasoning-parser", "chat-template", "task",
        "max-model-len", "max-num-seqs", "max-num-batched-tokens", "gpu-memory-utilization", "tensor-parallel-size", "tp", "dp", "pp",
        "pipeline-parallel-size", "data-parallel-size", "block-size", "seed", "swap-space", "device", "attention-backend", "c", "ctx-size",
        "n", "ngl", "n-gpu-layers", "np", "parallel", "t", "threads", "b", "ub", "fa", "jinja", "hf", "hf-repo", "mem-fraction-static",
        "model-path", "context-length", "enable-auto-tool-choice", "enable-prompt-tokens-details", "trust-remote-code", "enforce-eager",
        "enable-prefix-caching", "no-enable-prefix-caching", "uvicorn-log-level", "log-level", "ttft-ms", "itl-ms", "faults",
    )
)  # fmt: skip
_HARMLESS_VARIABLES = frozenset(("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "VLLM_ATTENTION_BACKEND", "VLLM_LOGGING_LEVEL", "OMP_NUM_THREADS"))


def masked_argv(argv: Sequence[str]) -> str:
    """Return a command line of run_local.py as text: of arguments of models and words of servers what is known to be harmless."""
    return " ".join(argv_words(argv))


def argv_words(argv: Sequence[str]) -> list[str]:
    """Return the same, word by word."""
    words: list[str] = []
    flag = ""
    for word in argv:
        name, equals, value = word.partition("=")
        if not word.startswith("--") or " " in name:  # argparse takes a word with a space in it for a value
            words.append(_shown(flag, word))
        elif equals:
            words.append(f"{name}={_shown(name, value)}")
        else:
            flag = word
            words.append(mask_text(word))
    return words


def _shown(flag: str, value: str) -> str:
    name = flag.lstrip("-").replace("-", "_")
    if is_secret_name(name):
        return MASK
    if _SERVER_WORDS.fullmatch(name):
        return _server_words(value)
    if name == "expert":
        return masked_expert(value)
    if value.lstrip().startswith(("{", "[")) or _ARGUMENTS.fullmatch(name):
        return _object(value)
    if _PLACES.fullmatch(name) or "://" in value:
        return mask_text(shown_address(value))
    return mask_text(value)


def _server_words(text: str) -> str:
    try:
        return " ".join(masked_words(shlex.split(text)))
    except ValueError:
        return MASK


def _object(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return MASK
    return _json(shown_arguments(value, mask_text)) if isinstance(value, dict) else MASK


def masked_expert(text: str) -> str:
    """Return a value of `--expert`, NAME=MODEL[,option=value...], as it is shown."""
    first, *options = _NEXT_OPTION.split(text)
    return ",".join([mask_text(first), *map(_option, options)])


def _option(option: str) -> str:
    name, _, value = option.strip().partition("=")
    if name in ("description", "prompt"):
        return f"{name}={mask_text(value)}"
    try:
        given = json.loads(value)
    except ValueError:
        given = value
    shown = shown_arguments({name: given}, mask_text)[name]
    return f"{name}={shown if isinstance(shown, str) else _json(shown)}"


def masked_words(words: Sequence[str]) -> list[str]:
    """Return the words of a server's command line: flags with the values of those that are known to be harmless, numbers, and what comes
    before the first flag; variables (`NAME=value`) with their names. Everything else is masked."""
    shown: list[str] = []
    open_ = True
    for word in words:
        name, equals, value = word.partition("=")
        if _FLAG.fullmatch(name):
            open_ = name.lstrip("-") in _HARMLESS_FLAGS
            shown.append(f"{name}={_word(value, open_)}" if equals else mask_text(word))
            open_ = open_ or bool(equals)
        else:
            shown.append(_word(word, open_))
    return shown


def _word(word: str, is_open: bool) -> str:
    if _NUMBER.fullmatch(word) or word in ("{port}", "{model}"):
        return word
    if _VARIABLE.match(word):
        name, _, value = word.partition("=")
        return word if name in _HARMLESS_VARIABLES or _NUMBER.fullmatch(value) else f"{name}={MASK}"
    return mask_text(word) if is_open else MASK


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
