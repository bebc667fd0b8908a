"""The roles whose work a simulation's time and money go to, one row each. Every other list of roles is derived from this table.

To add a role: a row here, a row of its event in `kinds`, and rows of its counter and its exclusive time in `fields`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One role.

    `event`: type of the event of its work. `counter`: field of task_end that counts these events. `category`: name of its time in the
    ledger. `side`: who pays for its model calls, `agent` (the agent with experts and retrieval) or `benchmark`; None if it calls no model.
    `label`: its name in pictures and pages, `color`: its color there (see `palette`).
    `nesting`: 1 is innermost; of several roles at work in the same moment, the innermost one is charged with the time.
    `log_order`: its place among the fields of an event; the rows themselves are in the order of drawing.
    """

    name: str
    event: str
    counter: str | None
    category: str
    side: str | None
    label: str
    color: str
    nesting: int
    log_order: int

    @property
    def exclusive_ms(self) -> str:
        """Field of task_end that holds its time."""
        return f"{self.category}_ms"


ROLES = (
    Role("agent", "llm_call", "llm_calls", "llm", "agent", "agent model", "blue", nesting=2, log_order=1),
    Role("expert", "expert_call", "expert_calls", "expert", "agent", "expert model", "purple", nesting=1, log_order=4),
    Role("tool", "tool_call", "tool_calls", "tool", None, "tools", "orange", nesting=7, log_order=3),
    Role("retrieval", "retrieval_call", "retrieval_calls", "retrieval", None, "retrieval", "indigo", nesting=6, log_order=7),
    Role("embedding", "embedding_call", "embedding_calls", "embedding", "agent", "embeddings", "brown", nesting=5, log_order=8),
    Role("user", "user_sim", "user_calls", "user", "benchmark", "user simulator", "green", nesting=3, log_order=2),
    Role("judge", "evaluator", "judge_calls", "judge", "benchmark", "judge", "red", nesting=4, log_order=5),
    Role("evaluation", "evaluation", None, "evaluation", None, "evaluation", "gray", nesting=8, log_order=6),
)
BY_NAME = {role.name: role for role in ROLES}

ROLE_NAMES = tuple(role.name for role in ROLES)
"""In the order of drawing."""
_IN_LOG_ORDER = sorted(ROLES, key=lambda role: role.log_order)
OF_DOCUMENTS = ("retrieval", "embedding")
"""Roles of domains with documents; reports leave them out if they did nothing."""
MODEL_ROLES = tuple(role.name for role in ROLES if role.side is not None)
"""Roles that call models."""
CHAT_ROLES = tuple(name for name in MODEL_ROLES if name not in OF_DOCUMENTS)
"""Those of them whose models are asked with messages. tau2 itself says which models a retrieval asks."""
CONFIGURED_ROLES = tuple(name for name in CHAT_ROLES if name != "expert")
"""Roles with one model, named by `--ROLE-llm`; experts are named one by one."""

ROLE_OF_EVENT = {role.event: role.name for role in ROLES}
ROLE_OF_TIME = {role.exclusive_ms: role.name for role in ROLES}
MODEL_CALL_TYPES = tuple(role.event for role in ROLES if role.side is not None)
WORK_TYPES = (*MODEL_CALL_TYPES, *(role.event for role in ROLES if role.side is None))
"""Events of work, model calls first: none of their durations contains another's."""
CALL_COUNTERS = {role.event: role.counter for role in sorted(_IN_LOG_ORDER, key=lambda role: role.side is None) if role.counter is not None}
"""Type of event -> field that counts it; model calls first, as in the log."""
SIDES = {role.name: role.side for role in ROLES if role.side is not None}
"""Who pays for a role's model calls."""
AGENT_SIDE_TYPES = frozenset(role.event for role in ROLES if role.side == "agent")
"""Model calls that the agent's cost is the sum of."""

NESTING = tuple(role.category for role in sorted(ROLES, key=lambda role: role.nesting))
"""Categories of the ledger, innermost first."""
EXCLUSIVE_MS = (*(role.exclusive_ms for role in _IN_LOG_ORDER), "setup_ms", "other_ms")
"""The exclusive times of task_end. At every moment exactly one of them is counting, so they add up to duration_ms."""

TOKEN_FIELDS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
"""The token counts of a model call that are summed."""
