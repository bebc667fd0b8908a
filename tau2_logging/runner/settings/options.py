"""The options of a run: one table, from which the command lines, RunConfig's values and run.json are made.

To add an option, add a row here and the field of RunConfig that it fills (with its type and default), and use the field. From the row
are made: the flag of run_local.py and of `experiments plan`; whether --resume and `experiments run` may change it; its check; whether
run.json keeps it. Only argparse and the names of the log levels are imported, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.levels import LEVELS
from tau2_logging.soundness.audited_tasks import audits_named

HARNESSES = ("tau2", "maseval")
AUTO, THREADS, PROCESSES, RAY = EXECUTORS = ("auto", "threads", "processes", "ray")
SCORE, AS_ERROR = MODEL_FAILURES = ("score", "error")
EXPERT_MODES = ("advise", "delegate")
TTFT_MODES = ("auto", "on", "off")
MASKING = ("secrets", "all", "none")

MADE_OF_SEVERAL = ("agent_model", "user_model", "judge_model", "experts", "expert_mode", "arms", "servers")
"""Fields of RunConfig that `from_options` makes of several options, or with more than a conversion."""

Check = Callable[["Option", Any], None]
"""Raises UserError for a value that cannot be."""


@dataclass(frozen=True)
class Option:
    """An option of a run.

    `field` of RunConfig that it fills, None for a command that runs nothing. `parse`: further arguments of argparse's add_argument.
    `value` makes the field's value of what argparse, or run.json, has; `json`: the flag takes a JSON object. `resumable`: --resume and
    `experiments run` may change it. `of_start`: it belongs to a start of the run, and run.json does not keep it.
    `not_in_experiments`: why `experiments` has no such flag. `plan_help`: help of `experiments plan`, if it differs.
    `common`: `--help` shows it; `--help-all` shows all.
    """

    flag: str
    field: str | None
    help: str
    parse: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    dest: str = ""
    value: Callable[[Any], Any] | None = None
    json: bool = False
    check: Check | None = None
    resumable: bool = False
    of_start: bool = False
    not_in_experiments: str = ""
    plan_help: str = ""
    common: bool = False
    group: str = ""

    @property
    def name(self) -> str:
        """The name under which argparse keeps it: the field's, if the field is made of this option alone."""
        if self.dest:
            return self.dest
        alone = self.field is not None and self.field not in MADE_OF_SEVERAL
        return str(self.field) if alone else self.flag.lstrip("-").replace("-", "_")

    def add_to(self, group: argparse._ArgumentGroup, plan: bool = False) -> None:
        """Add the flag to a parser. If it is not given, it is absent from the result, so that --resume can tell."""
        text = self.plan_help if plan and self.plan_help else self.help
        group.add_argument(*self.aliases, self.flag, dest=self.name, default=argparse.SUPPRESS, help=text, **self.parse)


def at_least(least: int) -> Check:
    """Return a whole number of at least `least`."""

    def check(option: Option, value: int) -> None:
        if value < least:
            raise UserError(f"{option.flag} is {value}; give at least {least}")

    return check


def above_zero(unit: str) -> Check:
    """Return a finite number above 0 of `unit`."""

    def check(option: Option, value: float) -> None:
        if not 0 < value < float("inf"):
            raise UserError(f"{option.flag} is {value:g}; give {unit} above 0")

    return check


def one_of(choices: tuple[str, ...]) -> Check:
    """Return one of the choices; the problem names the flag."""

    def check(option: Option, value: str) -> None:
        if value not in choices:
            offered = " or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"
            raise UserError(f"{option.flag} is {value!r}; give {offered}")

    return check


def known(choices: tuple[str, ...]) -> Check:
    """Return one of the choices; the problem names the field."""

    def check(option: Option, value: str) -> None:
        if value not in choices:
            raise UserError(f"no {option.field} {value!r}; there are {', '.join(choices)}")

    return check


def _is_wait(option: Option, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise UserError(f"{option.flag} is {value:g}; give seconds, 0 for not at all")


def _is_audit(_: Option, value: str) -> None:
    audits_named(value)


def _is_port(option: Option, value: int) -> None:
    if not 0 <= value < 65536:
        raise UserError(f"{option.flag} is {value}; give a port, 1 to 65535 (0: any free one)")


_N: Mapping[str, Any] = {"type": int, "metavar": "N"}
_SECONDS: Mapping[str, Any] = {"type": float, "metavar": "SECONDS"}
_ON: Mapping[str, Any] = {"action": "store_true"}
_OFF: Mapping[str, Any] = {"action": "store_false"}


def _text(metavar: str) -> Mapping[str, Any]:
    return {"metavar": metavar}


def _several(metavar: str) -> Mapping[str, Any]:
    return {"nargs": "+", "metavar": metavar}


def _repeated(metavar: str) -> Mapping[str, Any]:
    return {"action": "append", "metavar": metavar}


_RUNS_NOTHING = "it only shows something"
_ARMS = "arms need tau2's own harness"
_BESIDE_PLAN = "an experiment's log is beside its plan, under the experiment's --name"

_WHAT = (
    Option("--domains", "domains", "domains to run: retail, airline, telecom, ... (default: retail)", _several("DOMAIN"),
           value=tuple, aliases=("-d",), common=True),
    Option("--task-ids", "task_ids", "only these tasks, in this order", _several("ID"), value=tuple, common=True),
    Option("--num-tasks", "num_tasks", "only the first N tasks of each domain", _N, check=at_least(1), aliases=("-n",), common=True),
    Option("--task-set", "task_set", "only tasks that an audit found sound: sound for the audit that is shipped, or the folder of one "
           "of yours (docs/audit.md)", _text("sound|DIR"), check=_is_audit),
    Option("--task-split", "task_split", "task split (default: base)", _text("NAME")),
    Option("--num-trials", "num_trials", "how many times each task is run (default: 1)", _N, check=at_least(1),
           plan_help="trials of each task in each arm (default: 1)", common=True),
    Option("--seed", "seed", "seed of the run; trials get the seeds tau2 gives them (default: 300)", _N,
           plan_help="seed of the trials, of the order of cells and of resampling (default: 300)"),
    Option("--list-domains", None, "show the domains, agents and users, and exit", _ON, not_in_experiments=_RUNS_NOTHING, common=True),
    Option("--list-tasks", None, "show the tasks of a domain, and exit", _text("DOMAIN"), not_in_experiments=_RUNS_NOTHING),
)  # fmt: skip

_WHO = (
    Option("--harness", "harness", "who runs the simulations: tau2, or MASEval's port (default: tau2)", {"choices": HARNESSES},
           check=known(HARNESSES), not_in_experiments=_ARMS),
    Option("--maseval-agents", "maseval_agents", "your own agent system in MASEval (see docs/integration.md)", _text("MODULE:FUNCTION"),
           not_in_experiments=_ARMS),
    Option("--agent", "agent", "agent implementation (default: llm_agent)", _text("NAME"),
           plan_help="agent of arms that name none (default: llm_agent)", common=True),
    Option("--agent-args", "agent_args", "settings of retry_agent, context_agent or enhanced_agent, as a JSON object", _text("JSON"),
           json=True),
    Option("--model", "agent_model", "the model of agent and user, by litellm's name, if they are not named each (default: scripted "
           "models)", _text("MODEL"), common=True),
    Option("--agent-llm", "agent_model", "the agent's model, by litellm's name, or recorded/RUN: what an earlier run answered, see "
           "docs/replay.md (default: scripted/agent)", _text("MODEL"), common=True),
    Option("--agent-llm-args", "agent_model", "arguments of the agent model's calls, as a JSON object",
           _text("JSON"), json=True, resumable=True),
    Option("--expert", "experts", "a model that the agent may consult through a tool; more after commas: description=..., prompt=..., "
           "input_cost_per_token=..., output_cost_per_token=..., any argument of its calls; or a .yaml file; repeatable (see "
           "docs/experts.md)", _repeated("NAME=MODEL"), resumable=True),
    Option("--expert-mode", "expert_mode", "an expert's answer goes back to the agent's model, or is the agent's turn (default: advise)",
           {"choices": EXPERT_MODES}, check=one_of(EXPERT_MODES)),
    Option("--user", "user", "user implementation (default: user_simulator)", _text("NAME")),
    Option("--user-variants", "arms", "do every task once for each of these personas of the user: control, frustration, anxiety, anger, "
           "confusion, placebo, or a .yaml file (see docs/experiments.md)", _text("NAME,NAME"),
           not_in_experiments="`experiments plan` has it among the options for arms"),
    Option("--user-llm", "user_model", "the user simulator's model (default: scripted/user)", _text("MODEL"), common=True),
    Option("--user-llm-args", "user_model", "arguments of the user model's calls, as a JSON object",
           _text("JSON"), json=True, resumable=True),
    Option("--judge-llm", "judge_model", "model that answers natural-language assertions and, if tau2 has one, the repetition check "
           "(default: scripted/judge with scripted models, else only what a task's reward needs)", _text("MODEL")),
    Option("--judge-llm-args", "judge_model", "arguments of the judge model's calls, as a JSON object",
           _text("JSON"), json=True, resumable=True),
)  # fmt: skip

_SERVERS = (
    Option("--serve", "servers", "start vLLM servers of this model for the run; it is then the agent's", _text("MODEL"), common=True),
    Option("--num-servers", "servers", "servers to start (default: 1)", _N, resumable=True),
    Option("--gpu-ids", "servers", "GPUs to divide among the servers (default: 0, 1, ...)", _text("ID,ID"), resumable=True),
    Option("--tensor-parallel", "servers", "GPUs of each server (default: 1)", {"type": int, "metavar": "K"}, resumable=True),
    Option("--start-port", "servers", "port of the first server; a port in use is skipped (default: 8000)", {"type": int, "metavar": "P"},
           resumable=True),
    Option("--tool-call-parser", "servers", "vLLM's parser of tool calls (default: that of the model's family)", _text("NAME")),
    Option("--serve-args", "servers", 'more arguments for each server: --serve-args="--max-num-seqs 64"', _text("WORDS"),
           resumable=True),
    Option("--serve-command", "servers", "what to start instead of 'vllm serve'; may hold {port} and {model}", _text("WORDS"),
           resumable=True),
    Option("--serve-timeout", "servers", "how long servers may take to be ready (default: 1800)", _SECONDS, resumable=True),
    Option("--endpoint", "servers", "a server that is already running; repeatable", _repeated("URL"), dest="endpoints",
           resumable=True, common=True),
    Option("--server-wait", "server_wait", "how long calls wait while no server of their model answers; no simulation is started "
           "meanwhile (default: 600)", _SECONDS, check=_is_wait, resumable=True),
    Option("--metrics-interval", "servers", "time between two readings of the servers' metrics (default: 5)", _SECONDS, resumable=True),
    Option("--receive-traces", "receive_traces", "receive the spans of model servers that were not started here (OTLP/HTTP): each call by "
           "its server's clock; with --serve this is automatic", _text("HOST:PORT"), resumable=True, of_start=True),
    Option("--check", None, "ask each model one small question, show what works, and exit", _ON, not_in_experiments=_RUNS_NOTHING,
           common=True),
)  # fmt: skip

_HOW = (
    Option("--max-concurrency", "max_concurrency", "simulations at a time, over all domains (default: 3)", _N, check=at_least(1),
           resumable=True, common=True),
    Option("--max-evaluations", "max_evaluations", "have so many conversations judged at a time beside those that are played; for judges "
           "that share no limit with the agent (default: an evaluation keeps its simulation's place, so that --max-concurrency limits all "
           "calls)", _N, check=at_least(1), resumable=True),
    Option("--executor", "executor", "where simulations run: threads of this process, worker processes, the workers of a Ray cluster, or "
           "auto (default): processes if threads would make calls look longer (docs/executors.md)", {"choices": EXECUTORS},
           check=known(EXECUTORS), resumable=True),
    Option("--workers", "workers", "worker processes (default: one for each core)", _N, check=at_least(1), resumable=True),
    Option("--ray-address", "ray_address", "a running Ray cluster: auto or 10.0.0.1:6379 (default: one on this machine, for "
           "the run)", _text("ADDRESS"), resumable=True),
    Option("--load", "modules", "import this module of yours first; it registers agents, users or domains with tau2; repeatable",
           _repeated("MODULE"), value=tuple),
    Option("--tool-faults", "tool_faults", "have tools fail on purpose at these rates: error, timeout, stale, empty, slow; of all tools or "
           "of one; wait=SECONDS for slow calls and timeouts (see docs/attribution.md)", _several("[TOOL:]FAULT=RATE"), value=tuple),
    Option("--retrieval-config", "retrieval_config", "how the agent of banking_knowledge (tau2 v1) finds documents, by tau2's own name; "
           "without a key work no_knowledge, full_kb, golden_retrieval, bm25, bm25_grep and grep_only (default: tau2's)",
           {"metavar": "NAME"}),
    Option("--max-steps", "max_steps", "steps of a simulation (default: 200)", _N, check=at_least(1)),
    Option("--max-errors", "max_errors", "tool errors that end a simulation (default: 10)", _N, check=at_least(1)),
    Option("--max-retries", "max_retries", "how many times a failed model call is repeated (default: 3)", _N, check=at_least(0),
           resumable=True),
    Option("--max-retry-wait", "max_retry_wait", "longest pause before a failed call is made again, "
           "whatever Retry-After asks for (default: 120)",
           _SECONDS, check=above_zero("seconds"), resumable=True),
    Option("--model-failures", "model_failures", "a simulation that the agent's own model ends (empty reply, malformed tool call, refusal, "
           "prompt too long) has reward 0, or is an error without reward that --resume runs again (default: score)",
           {"choices": MODEL_FAILURES}, check=one_of(MODEL_FAILURES)),
    Option("--request-timeout", "request_timeout", "timeout of a model call (default: the provider's)", _SECONDS,
           check=above_zero("seconds"), resumable=True),
    Option("--rate-limit", "rate_limits", "requests and tokens a minute of each model, or of one; repeatable, either number may be left "
           "out", _repeated("[MODEL=]RPM/TPM"), value=tuple, resumable=True),
    Option("--max-cost", "max_cost", "start no more simulations once this start has cost this much", {"type": float, "metavar": "USD"},
           check=above_zero("US dollars"), resumable=True, not_in_experiments="--budget limits the cost of all starts together",
           common=True),
    Option("--max-tokens-total", "max_tokens_total",
           "start no more simulations once this start has used this many input and output tokens", _N,
           check=at_least(1), resumable=True),
    Option("--task-timeout", "task_timeout", "give up a simulation after this time (default: never)", _SECONDS,
           check=above_zero("seconds"), resumable=True),
    Option("--heartbeat", "heartbeat", "time between heartbeats of a simulation (default: 30)", _SECONDS, check=above_zero("seconds"),
           resumable=True),
    Option("--no-fast-env", "fast_env", "let tau2 parse and hash whole databases for every simulation", _OFF, resumable=True),
    Option("--dry-run", None, "show how many simulations there would be, with which settings, and what is known of their cost and time, "
           "and exit", _ON, not_in_experiments="`experiments plan` is one", common=True),
    Option("--like", None, "with --dry-run: an earlier run to forecast from (default: the latest of these domains in --log-dir)",
           _text("LOG"),
           not_in_experiments="`experiments plan` has it among the options for cost"),
    Option("--prices", None, "with --dry-run: price table (JSON) over the built-in one", _text("FILE"), not_in_experiments=_RUNS_NOTHING),
    Option("--resume", None, "finish what is missing of an earlier run, with that run's settings", _text("RUN_DIR"), resumable=True,
           not_in_experiments="`experiments run` goes on with what is missing", common=True),
)  # fmt: skip

_OUTPUT = (
    Option("--log-level", "log_level", "lowest level of events to write (default: PROFILE)", {"choices": tuple(LEVELS), "type": str.upper},
           check=known(tuple(LEVELS)), resumable=True, common=True),
    Option("--events", "events", "write tool calls and state changes as JSON Lines beside the log (default: at level DEBUG)",
           {"action": argparse.BooleanOptionalAction}, resumable=True),
    Option("--snapshot-writes", "snapshot_writes", "with --events: a snapshot of the state after each write tool, and a check at the end "
           "for changes that no write tool made", _ON, resumable=True),
    Option("--mask", "masking", "mask personal data too (card numbers, e-mail, telephone, date of birth), and all of it in kept "
           "conversations, which cannot be scored again then (default: credentials, in logs)",
           {"action": "store_const", "const": "all"}, check=known(MASKING), resumable=True),
    Option("--no-mask", "masking", "mask nothing in arguments and results", {"action": "store_const", "const": "none"}, resumable=True),
    Option("--log-dir", "log_dir", "where logs go (default: logs)", _text("DIR"), value=Path, not_in_experiments=_BESIDE_PLAN, common=True),
    Option("--run-name", "run_name", "name of the run (default: date, time and four random digits)", _text("NAME"),
           not_in_experiments=_BESIDE_PLAN),
    Option("--ttft", "ttft", "make calls as streams to measure time to first token: auto (default) at hosts whose streams are known to "
           "give the same answer; on everywhere, which may change what an agent gets from a server that parses streamed tool calls; off "
           "nowhere", {"choices": TTFT_MODES}, check=one_of(TTFT_MODES), resumable=True),
    Option("--no-stream", "ttft", "the same as --ttft off", {"action": "store_const", "const": "off"}, resumable=True),
    Option("--no-trace-header", "trace_header", "send no traceparent header with model calls; servers' traces cannot be matched with them "
           "then (see docs/vllm.md)", _OFF, resumable=True),
    Option("--otlp", "otlp", "also send a trace of each simulation, and metrics, to an OpenTelemetry endpoint, as http://127.0.0.1:4318 "
           "(see docs/viewers.md)", _text("ENDPOINT"), resumable=True, of_start=True),
    Option("--otlp-content", "otlp_content", "with --otlp: also send messages, arguments and results, secrets masked", _ON, resumable=True,
           of_start=True),
    Option("--prometheus", "prometheus", "serve metrics for Prometheus on http://127.0.0.1:PORT/metrics during the run",
           {"type": int, "metavar": "PORT"}, check=_is_port, resumable=True, of_start=True),
    Option("--no-progress", "progress", "no progress display", _OFF, resumable=True),
    Option("--quiet", "quiet", "print only the result, warnings and errors", _ON, aliases=("-q",), resumable=True, of_start=True,
           common=True),
    Option("--open", None, "analyze the log after the run, and open the report in a browser", _ON, resumable=True, common=True,
           not_in_experiments="`experiments analyze` makes the report"),
    Option("--no-profile", "profile", "measure nothing and write no log, to see what profiling costs", _OFF, resumable=True,
           not_in_experiments="an experiment is analyzed from its log"),
)  # fmt: skip

_GROUPS = {
    "what to run": _WHAT,
    "agent, user, judge": _WHO,
    "model servers (docs/vllm.md)": _SERVERS,
    "how to run it": _HOW,
    "log and display": _OUTPUT,
}
OPTIONS = tuple(replace(option, group=group) for group, rows in _GROUPS.items() for option in rows)
RUN_OPTIONS = tuple(option for option in OPTIONS if option.field is not None)


def common_flags() -> list[str]:
    """Return the flags that `--help` shows."""
    return [option.flag for option in OPTIONS if option.common]


def flag_of(name: str) -> str:
    """Return the flag of an option by its name among the arguments."""
    return next(option.flag for option in OPTIONS if option.name == name)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags of run_local.py."""
    _add(parser, OPTIONS)


def planned_options() -> list[Option]:
    """Return the options of `experiments plan`: every one of a run that can be the same in all starts of an experiment."""
    return [option for option in OPTIONS if not option.not_in_experiments and not option.of_start]


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `experiments plan`."""
    _add(parser, planned_options(), plan=True)


def start_options() -> list[Option]:
    """Return the options of `experiments run`: those that --resume may change."""
    return [option for option in OPTIONS if option.resumable and not option.not_in_experiments]


def add_start_options(group: argparse._ArgumentGroup) -> None:
    """Add the flags of `experiments run`."""
    for option in start_options():
        option.add_to(group)


def _add(parser: argparse.ArgumentParser, options: Iterable[Option], plan: bool = False) -> None:
    groups = {title: parser.add_argument_group(title) for title in _GROUPS}
    for option in options:
        option.add_to(groups[option.group], plan)
