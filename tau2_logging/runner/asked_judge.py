"""A judge asked about given conversations, through tau2's own evaluator of natural-language assertions."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.instrument.simulations.judge_model import judged_by
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.models.scripted.provider import register
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.runner.model_calls.litellm_settings import check_models, quiet_litellm
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.settings.secret_values import model_secrets


@dataclass(frozen=True)
class JudgeVerdict:
    """What the judge said of an assertion, and why."""

    assertion: str
    met: bool
    reason: str


@dataclass(frozen=True)
class JudgeAnswer:
    """All verdicts of one answer; `problem` says why there is none if the call failed, or tau2 could not read the answer."""

    verdicts: tuple[JudgeVerdict, ...]
    problem: str = ""


class AskedJudge:
    """A judge's model. Use it in a `with` block; raises UserError for a model that cannot be asked."""

    def __init__(self, model: ModelChoice) -> None:
        check_models([model])
        self.model = model
        self._evaluator = importlib.import_module("tau2.evaluator.evaluator_nl_assertions").NLAssertionsEvaluator
        self._stack = ExitStack()

    def __enter__(self) -> AskedJudge:
        register(TaskScripts())
        self._stack.enter_context(KNOWN.knowing(model_secrets([self.model])))
        self._stack.enter_context(quiet_litellm())
        self._stack.enter_context(judged_by(self.model.llm, self.model.call_args))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, messages: Sequence[Any], assertions: Sequence[str]) -> JudgeAnswer:
        """Return the verdicts on a conversation."""
        try:
            checks = self._evaluator.evaluate_nl_assertions(list(messages), list(assertions))
            return JudgeAnswer(tuple(_verdict(one) for one in checks))
        except Exception as error:
            return JudgeAnswer((), error_line(error))


def _verdict(check: Any) -> JudgeVerdict:
    return JudgeVerdict(str(check.nl_assertion), bool(check.met), mask_text(str(check.justification or "")))
