"""The credentials among a run's settings and in its environment, as texts: what no output of the run may hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tau2_logging.events.call_arguments import MASK, is_secret_name, shown_address, shown_arguments
from tau2_logging.events.secrets.command_line import masked_words
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.runner.settings.config import ModelChoice, RunConfig


def secret_values(config: RunConfig) -> list[str]:
    """Return the texts of arguments and words that are not shown, parts of addresses, and variables of the environment with the name of a
    secret."""
    found = [text for model in config.models for text in _hidden(dict(model.args), shown_arguments(model.args, mask_text))]
    if config.servers is not None:
        words = [*config.servers.serve_command, *config.servers.serve_args]
        found += [text for word, shown in zip(words, masked_words(words), strict=True) for text in _hidden(word, shown)]
    if config.otlp is not None:
        found += _hidden(config.otlp, shown_address(config.otlp))
    found += [value for name, value in os.environ.items() if is_secret_name(name) and not value.startswith(("/", "~"))]
    shown = {model.llm.rpartition("/")[2] for model in config.models}
    return [value for value in found if value not in shown]


def model_secrets(models: Iterable[ModelChoice]) -> list[str]:
    """Return the same of models that are asked outside of a run."""
    return [text for model in models for text in secret_values(RunConfig(judge_model=model))]


def _hidden(value: Any, shown: Any) -> Iterator[str]:
    """Yield the texts of a value that are not in what is shown of it."""
    if isinstance(value, Mapping) and isinstance(shown, Mapping):
        for name, item in value.items():
            yield from _hidden(item, shown.get(str(name), MASK))
    elif isinstance(value, Mapping):
        yield from (text for item in value.values() for text in _hidden(item, MASK))
    elif isinstance(value, list | tuple):
        items = shown if isinstance(shown, list | tuple) else [MASK] * len(value)
        yield from (text for item, one in zip(value, items, strict=True) for text in _hidden(item, one))
    elif isinstance(value, str) and value != shown:
        yield from [value] if shown == MASK else [part for part in re.split(r"[\s/:@?&=#]+", value) if part and part not in str(shown)]
