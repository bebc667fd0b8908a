"""One question to one model, with what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import litellm

from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.models.scripted.llm_args import ScriptedSettings, check_knobs
from tau2_logging.models.scripted.provider import PROVIDER, register
from tau2_logging.models.scripted.reader import READER
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.runner.model_calls.litellm_settings import check_models, quiet_litellm
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.settings.secret_values import model_secrets

_TIMEOUT_S = 120.0
_RETRIES = 2


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said. Tokens and USD are None if they are not known."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


@contextmanager
def ready_to_ask(model: ModelChoice) -> Iterator[None]:
    """Check a model and have litellm ready. Raises UserError for one that nobody serves, or whose key is missing."""
    if model.scripted:
        register(TaskScripts())
    if model.llm == f"{PROVIDER}/{READER}":
        check_knobs(READER, model.args)
        ScriptedSettings.of(model.args)
    else:
        check_models([model])
    with quiet_litellm(), KNOWN.knowing(model_secrets([model])):
        yield


def price_per_token(model: ModelChoice) -> tuple[float, float] | None:
    """Return USD per token of input and of output, None if they are not known."""
    if model.args.get("input_cost_per_token") is not None:
        return float(model.args["input_cost_per_token"]), float(model.args.get("output_cost_per_token") or 0.0)
    if model.scripted:
        return 0.0, 0.0
    try:
        known = litellm.get_model_info(model=model.llm)
    except Exception:
        return None
    prices = known.get("input_cost_per_token"), known.get("output_cost_per_token")
    return (float(prices[0]), float(prices[1] or 0.0)) if prices[0] else None


def tokens_of(model: ModelChoice, messages: Sequence[Mapping[str, str]]) -> int:
    """Return how many tokens a question has, about: four characters each."""
    return sum(len(message["content"]) for message in messages) // 4


def ask(model: ModelChoice, messages: Sequence[Mapping[str, str]]) -> ModelAnswer:
    """Return a model's answer. Raises what the client raises."""
    settings = {"timeout": _TIMEOUT_S, "max_retries": _RETRIES, "temperature": 0.0, "drop_params": True, **model.args}
    response: Any = litellm.completion(model=model.llm, messages=list(messages), **settings)
    usage = getattr(response, "usage", None)
    read, written = (getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
    price = price_per_token(model)
    cost = None if price is None or read is None or written is None else read * price[0] + written * price[1]
    return ModelAnswer(str(response.choices[0].message.content or ""), read, written, cost)
