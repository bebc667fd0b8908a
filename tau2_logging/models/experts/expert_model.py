"""What an expert is: a model under an alias, with what the agent is told about it and what it is told itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.logger.context import CurrentExpert

ADVISE, DELEGATE = "advise", "delegate"
MODES = (ADVISE, DELEGATE)
"""advise: the answer is a tool result that the agent's model reads. delegate: the answer is the agent's turn."""

PRICES = ("input_cost_per_token", "output_cost_per_token")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}")
_OURS = frozenset(("messages", "tools", "tool_choice", "stream", "num_retries", "max_retries"))
"""Arguments of a call that are not the user's to set."""


@dataclass(frozen=True)
class Expert:
    """`model` by litellm's name, `args` of its calls, `description` for the agent's model, `prompt` instead of the built-in one.

    Prices are in USD per token, for models that litellm has no or another price of; both or none. Raises UserError for what makes no sense.
    """

    alias: str
    model: str
    args: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    prompt: str | None = None
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None

    def __post_init__(self) -> None:
        if not _ALIAS.fullmatch(self.alias):
            raise UserError(
                f"--expert: {self.alias!r} cannot name an expert; use a letter, then letters, digits, _ and - (at most 64), "
                "as in planner=gpt-4.1"
            )
        if not isinstance(self.model, str) or not self.model.strip():
            raise UserError(f"--expert {self.alias}: no model given; write {self.alias}=MODEL, as in {self.alias}=gpt-4.1")
        for name in sorted(_OURS & self.args.keys()):
            raise UserError(f"--expert {self.alias}: {name} cannot be set for an expert; omit it")
        self._check_words()
        self._check_prices()

    def _check_words(self) -> None:
        for name in ("description", "prompt"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise UserError(f"--expert {self.alias}: {name} is {value!r}; give text, or leave it out")

    def _check_prices(self) -> None:
        for name in PRICES:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise UserError(f"--expert {self.alias}: {name} is {value!r}; give US dollars per token, as in 0.000002")
        missing = [name for name in PRICES if getattr(self, name) is None]
        if len(missing) == 1:
            raise UserError(f"--expert {self.alias}: a price needs both {' and '.join(PRICES)}; {missing[0]} is missing")

    @property
    def scripted(self) -> bool:
        """Whether it is one of the built-in models, which know the tasks' solutions."""
        return self.model.startswith("scripted/")

    @property
    def call_args(self) -> dict[str, Any]:
        """Arguments of each call: those given, else temperature 0 as tau2 has it.

        Without the prices: litellm would take them for the model's from then on, also if another expert or the agent uses it.
        """
        return dict(self.args) or {"temperature": 0.0}

    @property
    def prices(self) -> dict[str, float]:
        """The prices that were given, by name."""
        return {name: getattr(self, name) for name in PRICES if getattr(self, name) is not None}

    @property
    def asked(self) -> CurrentExpert:
        """What the log is told while the model is called."""
        return CurrentExpert(self.alias, self.input_cost_per_token, self.output_cost_per_token)

    @property
    def offer(self) -> str:
        """How the agent's model is told of it, in one line."""
        return f"{self.alias}: {' '.join((self.description or 'an expert to consult').split())}"
