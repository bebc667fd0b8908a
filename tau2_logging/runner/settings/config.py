"""What the user asked for, as a frozen object. Checked at the edge; what needs tau2 to be checked is checked by `plan`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_logging.agents import EXPERT_AGENT
from tau2_logging.errors import UserError
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.events.secrets.masking import MASK
from tau2_logging.models.experts import ADVISE, Expert
from tau2_logging.models.recorded import PREFIX
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.settings.options import RAY, RUN_OPTIONS, SCORE, THREADS
from tau2_logging.runner.settings.shown_settings import shown_settings
from tau2_logging.runner.settings.tool_faults import ToolFaults
from tau2_logging.users import Variant

SCRIPTED_AGENT, SCRIPTED_USER, SCRIPTED_JUDGE = "scripted/agent", "scripted/user", "scripted/judge"

DEFAULT_ARGS = {"temperature": 0.0}
"""Arguments of a model's calls if none are given: tau2's own."""


@dataclass(frozen=True)
class ModelChoice:
    """A model by litellm's name and the arguments of its calls. `named` tells whether the user named it."""

    llm: str
    args: Mapping[str, Any] = field(default_factory=dict)
    named: bool = False

    @property
    def scripted(self) -> bool:
        """Whether it is one of ours."""
        return self.llm.startswith("scripted/")

    @property
    def recorded(self) -> bool:
        """Whether a recording answers for it."""
        return self.llm.startswith(PREFIX)

    @property
    def free(self) -> bool:
        """Whether its calls cost nothing and go nowhere."""
        return self.scripted or self.recorded

    @property
    def call_args(self) -> Mapping[str, Any]:
        """Arguments of its calls: those given, or tau2's own default."""
        return self.args or DEFAULT_ARGS


@dataclass(frozen=True)
class Arm:
    """One of several ways in which a run does the same tasks. What is None, or empty, is as the run has it."""

    name: str
    variant: Variant | None = None
    agent: str | None = None
    agent_args: Mapping[str, Any] = field(default_factory=dict)
    agent_model: ModelChoice | None = None
    user_model: ModelChoice | None = None

    def __post_init__(self) -> None:
        if not self.name or not all(character.isascii() and (character.isalnum() or character in "_.-") for character in self.name):
            raise UserError(f"arm name {self.name!r} cannot be used; give letters, digits, _, . and -")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Arm:
        """From run.json or a plan file."""
        values = dict(data)
        for name in ("agent_model", "user_model"):
            if values.get(name) is not None:
                values[name] = ModelChoice(**values[name])
        if values.get("variant") is not None:
            values["variant"] = Variant.from_json(values["variant"])
        return cls(**values)


@dataclass(frozen=True)
class RunConfig:
    """A run. Times in seconds; `task_timeout` None is no limit. tau2's own names keep tau2's meaning and defaults."""

    domains: tuple[str, ...] = ("retail",)
    task_ids: tuple[str, ...] | None = None
    num_tasks: int | None = None
    task_set: str | None = None
    task_split: str | None = None
    num_trials: int = 1
    max_concurrency: int = 3
    max_evaluations: int | None = None
    executor: str = THREADS
    workers: int | None = None
    ray_address: str | None = None
    modules: tuple[str, ...] = ()
    seed: int = 300
    harness: str = "tau2"
    maseval_agents: str | None = None
    agent: str = "llm_agent"
    agent_args: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    arms: tuple[Arm, ...] = ()
    agent_model: ModelChoice = field(default_factory=lambda: ModelChoice(SCRIPTED_AGENT))
    user_model: ModelChoice = field(default_factory=lambda: ModelChoice(SCRIPTED_USER))
    judge_model: ModelChoice | None = None
    experts: tuple[Expert, ...] = ()
    expert_mode: str = ADVISE
    tool_faults: tuple[str, ...] = ()
    retrieval_config: str | None = None
    max_steps: int = 200
    max_errors: int = 10
    model_failures: str = SCORE
    max_retries: int = 3
    max_retry_wait: float = 120.0
    request_timeout: float | None = None
    max_cost: float | None = None
    max_tokens_total: int | None = None
    rate_limits: tuple[str, ...] = ()
    task_timeout: float | None = None
    server_wait: float = 600.0
    heartbeat: float = 30.0
    log_level: str = "PROFILE"
    log_dir: Path = Path("logs")
    run_name: str | None = None
    progress: bool = True
    quiet: bool = False
    profile: bool = True
    ttft: str = "auto"
    trace_header: bool = True
    fast_env: bool = True
    events: bool | None = None
    snapshot_writes: bool = False
    masking: str = "secrets"
    servers: ModelServerSettings | None = None
    otlp: str | None = None
    otlp_content: bool = False
    prometheus: int | None = None
    receive_traces: str | None = None

    def __post_init__(self) -> None:
        for option in RUN_OPTIONS:
            value = getattr(self, str(option.field))
            if option.check is not None and value is not None:
                option.check(option, value)
        if not self.domains:
            raise UserError("no domain given; name one or more with --domains, or see --list-domains")
        self._check_profile()
        self._check_executor()
        self._check_harness()
        self._check_experts()
        self._check_arms()
        self._check_tool_faults()

    def _check_profile(self) -> None:
        if not self.profile and (self.max_cost or self.max_tokens_total or self.rate_limits):
            raise UserError("--max-cost, --max-tokens-total and --rate-limit count what is measured; they cannot go with --no-profile")
        if not self.profile and (self.otlp is not None or self.prometheus is not None):
            raise UserError("--otlp and --prometheus show what is measured; they cannot go with --no-profile")
        if self.otlp_content and self.otlp is None:
            raise UserError("--otlp-content needs an endpoint; give --otlp ENDPOINT too")

    def _check_executor(self) -> None:
        if self.workers is not None and self.executor == THREADS:
            raise UserError("--workers counts processes; give --executor processes or ray too, or --max-concurrency for more threads")
        if self.ray_address is not None and self.executor != RAY:
            raise UserError("--ray-address names a cluster for --executor ray; give that too")

    def _check_harness(self) -> None:
        if self.harness == "maseval" and (self.agent != "llm_agent" or self.user is not None):
            raise UserError("--agent and --user name tau2's; with --harness maseval give your own agents with --maseval-agents")
        if self.maseval_agents is not None and self.harness != "maseval":
            raise UserError("--maseval-agents goes with --harness maseval; with tau2, register your agent and name it with --agent")

    def _check_arms(self) -> None:
        names = [arm.name for arm in self.arms]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"two arms are named {twice!r}; name each once")
        if self.arms and self.harness != "tau2":
            raise UserError(f"--harness {self.harness} has a user of its own; variants and other arms need tau2's, so leave --harness out")
        if self.user is not None and any(arm.variant is not None for arm in self.arms):
            raise UserError(f"--user {self.user} does not go with variants, which are of tau2's own user simulator; leave one of them out")

    def _check_tool_faults(self) -> None:
        if self.tool_faults and self.harness != "tau2":
            raise UserError(f"--tool-faults needs tau2's own harness; leave --harness {self.harness} out")
        if self.tool_faults and not self.profile:
            raise UserError("--tool-faults are marked in the log; they cannot go with --no-profile")
        ToolFaults.of(self.tool_faults)

    def _check_experts(self) -> None:
        recorded = next((expert for expert in self.experts if expert.model.startswith(PREFIX)), None)
        if recorded is not None:
            raise UserError(f"--expert {recorded.alias}={recorded.model}: recordings do not answer for experts; name a model")
        if self.agent == EXPERT_AGENT and not self.experts:
            raise UserError("--agent expert_agent has no expert; name one or more with --expert NAME=MODEL, as in --expert planner=gpt-4.1")
        if self.experts and self.agent != EXPERT_AGENT:
            raise UserError(f"--agent {self.agent} cannot consult experts; leave --agent out, use --agent expert_agent, or drop --expert")

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        """The models in use."""
        experts = (ModelChoice(expert.model, {**expert.args, **expert.prices}) for expert in self.experts)
        arms = (model for arm in self.arms for model in (arm.agent_model, arm.user_model))
        return tuple(model for model in (self.agent_model, self.user_model, self.judge_model, *experts, *arms) if model is not None)

    @property
    def writes_events(self) -> bool:
        """Whether structured events are written: as asked for, else at level DEBUG and for domains under their `_enhanced` names."""
        unasked = self.log_level == "DEBUG" or any(domain.endswith("_enhanced") for domain in self.domains)
        return self.profile and (unasked if self.events is None else self.events)

    @property
    def all_scripted(self) -> bool:
        """No real model is evaluated."""
        return all(model.scripted for model in self.models)

    def as_json(self) -> dict[str, Any]:
        """For run.json: of the models' arguments and the servers' words only what is known to be harmless, other secrets masked. If a
        start of the run sends its events is not a setting of the run."""
        of_start = {option.field for option in RUN_OPTIONS if option.of_start}
        data = {name: value for name, value in dataclasses.asdict(self).items() if name not in of_start}
        return {**shown_settings(data), "log_dir": str(self.log_dir)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunConfig:
        """From run.json. A masked secret stays masked (see `masked_secret`)."""
        known = {item.name for item in dataclasses.fields(cls)}
        data = {**({"ttft": "off"} if data.get("stream") is False else {}), **data}  # as version 0.1.0 wrote it
        values = {name: value for name, value in data.items() if name in known}
        for name in ("agent_model", "user_model", "judge_model"):
            if values.get(name) is not None:
                values[name] = ModelChoice(**values[name])
        for option in RUN_OPTIONS:
            if option.value is not None and values.get(str(option.field)) is not None:
                values[str(option.field)] = option.value(values[str(option.field)])
        if values.get("servers") is not None:
            values["servers"] = ModelServerSettings.from_json(values["servers"])
        values["arms"] = tuple(map(Arm.from_json, values.get("arms") or ()))
        values["experts"] = tuple(Expert(**expert) for expert in values.get("experts") or ())
        return cls(**values)

    def role_models(self) -> dict[str, ModelChoice | None]:
        """Return the model of each role that has one; None if tau2's own is kept."""
        return {role: getattr(self, f"{role}_model") for role in CONFIGURED_ROLES}

    def masked_secret(self) -> str | None:
        """Return the name of a role (`agent`, `expert planner`, `servers`) of which something was masked: a resumed run has to be given
        it again."""
        roles: dict[str, object] = {**self.role_models(), "servers": self.servers}
        roles |= {f"expert {expert.alias}": expert for expert in self.experts} | {f"arm {arm.name}": arm for arm in self.arms}
        return next((role for role, settings in roles.items() if MASK in repr(settings)), None)
