"""`run_local.py`: run tau2-bench and write its log.

Only argparse is imported here; tau2 and litellm, which take seconds, are imported when a run begins.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.errors import UserError
from tau2_logging.events.levels import LEVELS
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.leaving import CommandParser, carry_out, tell

if TYPE_CHECKING:
    from tau2_logging.runner.settings.config import ModelChoice, RunConfig

_RESUMABLE = frozenset(
    ("resume", "max_concurrency", "task_timeout", "heartbeat", "log_level", "no_progress", "max_retries", "no_profile", "no_fast_env")
    + ("events", "snapshot_writes", "mask")
    + ("ttft", "no_trace_header", "max_retry_wait", "request_timeout", "max_cost", "max_tokens_total", "rate_limit")
    + ("agent_llm_args", "user_llm_args", "judge_llm_args", "expert")
    + ("num_servers", "gpu_ids", "tensor_parallel", "start_port", "serve_args", "serve_command", "serve_timeout", "endpoints")
    + ("metrics_interval", "server_wait")
    + ("executor", "workers", "ray_address")
    + ("otlp", "otlp_content", "prometheus", "receive_traces")
)
_SHOWN = frozenset(("list_domains", "list_tasks", "check"))
"""Flags that make the command one that shows something, and runs nothing."""
_EPILOG = """\
examples:
  python run_local.py --domains retail                      scripted models, no key, no network
  python run_local.py --domains retail airline telecom --max-concurrency 8
  python run_local.py --domains retail --agent-llm gpt-4.1 --user-llm gpt-4.1 --num-trials 4
  python run_local.py --resume logs/runs/20261120-174501-1f3a

exit code: 0 every simulation finished, 1 some ended in error or time-out, or something could not be written, 2 bad input,
130 and 143 stopped by Ctrl-C and SIGTERM
"""


def build_parser(prog: str = "run_local.py") -> argparse.ArgumentParser:
    """The parser. Flags that are not given are absent from the result, so that --resume can tell."""
    parser = CommandParser(
        prog=prog,
        description="Run tau2-bench simulations and write a log that says where the time and the money went.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    _add_what(parser.add_argument_group("what to run"))
    _add_who(parser.add_argument_group("agent, user, judge"))
    _add_servers(parser.add_argument_group("model servers (docs/vllm.md)"))
    _add_how(parser.add_argument_group("how to run it"))
    _add_output(parser.add_argument_group("log and display"))
    return parser


def _add_what(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--domains", nargs="+", metavar="DOMAIN", help="domains to run: retail, airline, telecom, ... (default: retail)")
    group.add_argument("--task-ids", nargs="+", metavar="ID", help="only these tasks")
    group.add_argument("--num-tasks", type=int, metavar="N", help="only the first N tasks of each domain")
    group.add_argument("--task-split", "--task-split-name", metavar="NAME", help="task split (default: base)")
    group.add_argument("--num-trials", type=int, metavar="N", help="how often each task is run (default: 1)")
    group.add_argument("--seed", type=int, metavar="N", help="seed of the run; trials get the seeds tau2 gives them (default: 300)")
    group.add_argument("--list-domains", action="store_true", help="show the domains, agents and users and leave")
    group.add_argument("--list-tasks", metavar="DOMAIN", help="show the tasks of a domain and leave")


def _add_who(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--harness", choices=["tau2", "maseval"], help="who runs the simulations: tau2, or MASEval's port (default: tau2)")
    group.add_argument("--maseval-agents", metavar="MODULE:FUNCTION", help="your own agent system in MASEval (see docs/integration.md)")
    group.add_argument("--agent", metavar="NAME", help="agent implementation (default: llm_agent)")
    group.add_argument("--agent-args", metavar="JSON", help="settings of retry_agent, context_agent or enhanced_agent, as a JSON object")
    group.add_argument("--agent-llm", metavar="MODEL", help="the agent's model, by litellm's name (default: scripted/agent)")
    group.add_argument("--agent-llm-args", metavar="JSON", help="arguments of its calls, as a JSON object")
    group.add_argument("--expert", action="append", metavar="NAME=MODEL", help="a model that the agent may consult through a tool; more "
                       "after commas: description=..., prompt=..., input_cost_per_token=..., output_cost_per_token=..., any argument of "
                       "its calls; or a .yaml file; repeatable (see docs/experts.md)")  # fmt: skip
    group.add_argument("--expert-mode", choices=("advise", "delegate"), help="an expert's answer goes back to the agent's model, or is the "
                       "agent's turn (default: advise)")  # fmt: skip
    group.add_argument("--user", metavar="NAME", help="user implementation (default: user_simulator)")
    group.add_argument("--user-variants", metavar="NAME,NAME", help="do every task once for each of these manners of the user: control, "
                       "frustration, anxiety, anger, confusion, placebo, or a .yaml file (see docs/experiments.md)")  # fmt: skip
    group.add_argument("--user-llm", metavar="MODEL", help="the user simulator's model (default: scripted/user)")
    group.add_argument("--user-llm-args", metavar="JSON", help="arguments of its calls, as a JSON object")
    group.add_argument("--judge-llm", metavar="MODEL", help="model that answers natural-language assertions and, where tau2 has one, the "
                       "repetition check (default: scripted/judge with scripted models, else only what a task's reward needs)")  # fmt: skip
    group.add_argument("--judge-llm-args", metavar="JSON", help="arguments of its calls, as a JSON object")


def _add_servers(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--serve", metavar="MODEL", help="start vLLM servers of this model for the run; it is then the agent's")
    group.add_argument("--num-servers", type=int, metavar="N", help="how many (default: 1)")
    group.add_argument("--gpu-ids", metavar="ID,ID", help="GPUs to deal out among them (default: 0, 1, ...)")
    group.add_argument("--tensor-parallel", type=int, metavar="K", help="GPUs of each server (default: 1)")
    group.add_argument("--start-port", type=int, metavar="P", help="port of the first; a port in use is passed over (default: 8000)")
    group.add_argument("--tool-call-parser", metavar="NAME", help="vLLM's parser of tool calls (default: that of the model's family)")
    group.add_argument("--serve-args", metavar="WORDS", help='more words for each server\'s command line: --serve-args="--max-num-seqs 64"')
    group.add_argument("--serve-command", metavar="WORDS", help="what to start in the place of 'vllm serve'; may hold {port} and {model}")
    group.add_argument("--serve-timeout", type=float, metavar="SECONDS", help="until they have to be ready (default: 1800)")
    group.add_argument("--endpoint", action="append", dest="endpoints", metavar="URL", help="a server that runs already; may be repeated")
    group.add_argument("--server-wait", type=float, metavar="SECONDS", help="how long calls wait while no server of their model answers; "
                       "no simulation is started meanwhile (default: 600)")  # fmt: skip
    group.add_argument("--metrics-interval", type=float, metavar="SECONDS", help="between two looks at the servers' figures (default: 5)")
    group.add_argument("--receive-traces", metavar="HOST:PORT", help="receive the spans of model servers that were not started here "
                       "(OTLP/HTTP): each call by its server's clock; with --serve this is done anyway")  # fmt: skip
    group.add_argument("--check", action="store_true", help="ask each model one small question, show what works, and leave")


def _add_how(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--max-concurrency", type=int, metavar="N", help="simulations at a time, over all domains (default: 3)")
    group.add_argument("--executor", choices=("threads", "processes", "ray"), help="where simulations run: threads of this process, worker "
                       "processes, or the workers of a Ray cluster (docs/executors.md; default: threads)")  # fmt: skip
    group.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one for each core)")
    group.add_argument("--ray-address", metavar="ADDRESS", help="a Ray cluster that runs already, as auto or 10.0.0.1:6379 (default: one "
                       "on this machine, for the run)")  # fmt: skip
    group.add_argument("--load", action="append", dest="modules", metavar="MODULE", help="import this module of yours first: it tells "
                       "tau2's registry of agents, users and domains; repeatable")  # fmt: skip
    group.add_argument("--max-steps", type=int, metavar="N", help="steps of a simulation (default: 200)")
    group.add_argument("--max-errors", type=int, metavar="N", help="tool errors that end a simulation (default: 10)")
    group.add_argument("--max-retries", type=int, metavar="N", help="how often a failed model call is made again (default: 3)")
    group.add_argument("--max-retry-wait", type=float, metavar="SECONDS", help="longest pause before that, whatever the provider asks for "
                       "in Retry-After (default: 120)")  # fmt: skip
    group.add_argument("--model-failures", choices=("score", "error"), help="a simulation that the agent's own model ends (empty reply, "
                       "malformed tool call, refusal, prompt too long) has reward 0, or is an error without reward that --resume runs "
                       "again (default: score)")  # fmt: skip
    group.add_argument("--request-timeout", type=float, metavar="SECONDS", help="time-out of a model call (default: the provider's)")
    group.add_argument("--rate-limit", action="append", metavar="[MODEL=]RPM/TPM", help="requests and tokens a minute of each model, or "
                       "of one; repeatable, either number may be left out")  # fmt: skip
    group.add_argument("--max-cost", type=float, metavar="USD", help="begin no more simulations once this start has cost as much")
    group.add_argument("--max-tokens-total", type=int, metavar="N", help="the same for input and output tokens")
    group.add_argument("--task-timeout", type=float, metavar="SECONDS", help="give a simulation up after this time (default: never)")
    group.add_argument("--heartbeat", type=float, metavar="SECONDS", help="time between heartbeats of a simulation (default: 30)")
    group.add_argument("--no-fast-env", action="store_true", help="let tau2 parse and hash whole databases for every simulation")
    group.add_argument("--resume", metavar="RUN_DIR", help="finish what is missing of an earlier run, with that run's settings")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--log-level", choices=list(LEVELS), help="least level of events to write (default: PROFILE)")
    group.add_argument("--events", action=argparse.BooleanOptionalAction,
                       help="write tool calls and state changes as JSON Lines beside the log (default: at level DEBUG)")  # fmt: skip
    group.add_argument("--snapshot-writes", action="store_true", help="with --events: a snapshot of the state after each write tool, "
                       "and a look at the end for changes that no write tool made")  # fmt: skip
    group.add_argument("--mask", action=argparse.BooleanOptionalAction,
                       help="mask personal data too (card numbers, e-mail, telephone, date of birth), and all of it in kept conversations, "
                       "which cannot be scored again then; --no-mask: nothing in arguments and results (default: credentials, in "
                       "logs)")  # fmt: skip
    group.add_argument("--log-dir", metavar="DIR", help="where logs go (default: logs)")
    group.add_argument("--run-name", metavar="NAME", help="name of the run (default: date, time and four random digits)")
    group.add_argument("--ttft", choices=("auto", "on", "off"), help="make calls as streams to measure time to first token: auto (default) "
                       "at hosts whose streams are known to bring the same answer; on everywhere, which may change what an agent gets "
                       "from a server that parses streamed tool calls; off nowhere")  # fmt: skip
    group.add_argument("--no-stream", action="store_const", dest="ttft", const="off", help="the same as --ttft off")
    group.add_argument("--no-trace-header", action="store_true", help="send no traceparent header with model calls, by which servers that "
                       "trace can be joined with them (see docs/vllm.md)")  # fmt: skip
    group.add_argument("--otlp", metavar="ENDPOINT", help="also send a trace of each simulation, and metrics, to an OpenTelemetry "
                       "endpoint, as http://127.0.0.1:4318 (see docs/viewers.md)")  # fmt: skip
    group.add_argument("--otlp-content", action="store_true", help="with what was said: messages, arguments and results, secrets masked")
    group.add_argument("--prometheus", type=int, metavar="PORT", help="metrics for Prometheus on http://127.0.0.1:PORT/metrics meanwhile")
    group.add_argument("--no-progress", action="store_true", help="no progress display")
    group.add_argument("--no-profile", action="store_true", help="measure nothing and write no log: what the profiling itself costs")


def main(argv: Sequence[str] | None = None, prog: str = "run_local.py") -> None:
    """Run the command; ends the process with its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    given = vars(build_parser(prog).parse_args(words))
    carry_out(prog, lambda: _command(given, words), output_matters=not given.keys().isdisjoint(_SHOWN))


def _command(given: dict[str, Any], words: list[str]) -> int:
    if "list_domains" in given:
        from tau2_logging.cli.listing import list_domains

        return list_domains()
    if "list_tasks" in given:
        from tau2_logging.cli.listing import list_tasks

        return list_tasks(given["list_tasks"], given.get("task_split"))
    config, resume = _resumed(given) if "resume" in given else (_config(given), None)
    from tau2_logging.runner.harness.tau2_harness import check_tau2

    check_tau2()
    if "check" in given:
        from tau2_logging.runner.model_calls.preflight import check

        return check(config)
    from tau2_logging.runner.session import run

    return run(config, resume, words)


def _config(given: dict[str, Any]) -> RunConfig:
    from tau2_logging.runner.settings.config import RunConfig, server_settings
    from tau2_logging.runner.settings.expert_options import expert_settings

    values = _plain_values(given)
    servers = server_settings(given)
    if servers is not None and "agent_llm" not in given:
        from tau2_logging.runner.model_calls.model_servers import agent_llm

        given = {**given, "agent_llm": agent_llm(servers)}
    agent, user, judge = _models(given)
    values = {**expert_settings(given.get("expert"), given.get("expert_mode")), **values}
    for expert in values.get("experts", ()):
        if expert.scripted and not agent.scripted:
            _hint(f"note: expert {expert.alias} is a scripted model, which knows the task's solution and tells it")
    if "user_variants" in given:
        from tau2_logging.runner.settings.arms import variant_arms

        values["arms"] = variant_arms(given["user_variants"])
    return RunConfig(**values, agent_model=agent, user_model=user, judge_model=judge, servers=servers)


def _plain_values(given: dict[str, Any]) -> dict[str, Any]:
    names = (
        "harness",
        "maseval_agents",
        "num_tasks",
        "task_split",
        "num_trials",
        "seed",
        "agent",
        "user",
        "max_concurrency",
        "executor",
        "workers",
        "ray_address",
        "max_steps",
        "max_errors",
    )
    limits = (
        "max_retries",
        "max_retry_wait",
        "model_failures",
        "request_timeout",
        "max_cost",
        "max_tokens_total",
        "task_timeout",
        "heartbeat",
        "server_wait",
    )
    exports = ("otlp", "otlp_content", "prometheus", "receive_traces")
    values = {name: given[name] for name in (*names, *limits, "log_level", "run_name", "ttft", *exports) if name in given}
    if "rate_limit" in given:
        values["rate_limits"] = tuple(given["rate_limit"])
    for name in ("domains", "task_ids", "modules"):
        if name in given:
            values[name] = tuple(given[name])
    if "log_dir" in given:
        values["log_dir"] = Path(given["log_dir"])
    if "no_progress" in given:
        values["progress"] = False
    if "no_trace_header" in given:
        values["trace_header"] = False
    if "no_profile" in given:
        values["profile"] = False
    if "no_fast_env" in given:
        values["fast_env"] = False
    for name in ("events", "snapshot_writes"):
        if name in given:
            values[name] = given[name]
    if "agent_args" in given:
        from tau2_logging.runner.settings.json_flag import json_object

        values["agent_args"] = json_object(given, "agent_args")
    if "mask" in given:
        values["masking"] = "all" if given["mask"] else "none"
    return values


def _models(given: dict[str, Any]) -> tuple[ModelChoice, ModelChoice, ModelChoice | None]:
    from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER

    agent = _model(given, "agent", SCRIPTED_AGENT)
    user = _model(given, "user", SCRIPTED_USER)
    scripted = agent.scripted and user.scripted
    if agent.scripted != user.scripted:
        role = "user" if user.scripted else "agent"
        _hint(f"note: the {role} is played by a scripted model, which knows the task's solution; name one with --{role}-llm")
    judge = _model(given, "judge", SCRIPTED_JUDGE) if scripted or "judge_llm" in given else None
    if judge is None and "judge_llm_args" in given:
        raise UserError("--judge-llm-args is given without --judge-llm; name the judge's model")
    return agent, user, judge


def _hint(text: str) -> None:
    tell(text)


def _model(given: dict[str, Any], role: str, default: str) -> ModelChoice:
    from tau2_logging.runner.settings.config import ModelChoice
    from tau2_logging.runner.settings.json_flag import json_object

    name = given.get(f"{role}_llm", default)
    return ModelChoice(name, json_object(given, f"{role}_llm_args"), named=f"{role}_llm" in given)


def _resumed(given: dict[str, Any]) -> tuple[RunConfig, Path]:
    import dataclasses

    from tau2_logging.runner.settings.config import server_settings
    from tau2_logging.runner.settings.expert_options import with_experts
    from tau2_logging.runner.settings.json_flag import json_object
    from tau2_logging.runner.settings.saved_run import saved_config

    fixed = sorted(given.keys() - _RESUMABLE)
    if fixed:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in fixed)
        raise UserError(f"{flags} cannot be changed by --resume, which repeats the run's own settings; leave it out or start a new run")
    directory = Path(given["resume"])
    config = saved_config(directory)
    if directory.resolve() != (config.log_dir / "runs" / directory.name).resolve():
        config = dataclasses.replace(config, log_dir=directory.resolve().parent.parent)
    if "executor" in given:
        config = dataclasses.replace(config, executor=given["executor"], workers=given.get("workers"), ray_address=given.get("ray_address"))
    config = dataclasses.replace(config, **_plain_values(given), servers=server_settings(given, config.servers))
    for role in CONFIGURED_ROLES:
        model = getattr(config, f"{role}_model")
        if f"{role}_llm_args" in given and model is not None:
            changed = dataclasses.replace(model, args=json_object(given, f"{role}_llm_args"))
            config = dataclasses.replace(config, **{f"{role}_model": changed})
    if "expert" in given:
        config = with_experts(config, given["expert"])
    masked = config.masked_secret()
    if masked is not None:
        raise UserError(_to_give_again(masked))
    return config, directory


def _to_give_again(role: str) -> str:
    """What a resumed run needs that run.json does not keep."""
    kind, _, name = role.partition(" ")
    if kind == "arm":
        return f"the settings of {role} held what may be a secret, which is not kept; start a new run, with keys in the environment"
    if kind == "servers":
        return "--serve-args or --serve-command held what may be a secret, which is not kept; give them again"
    flag = f"--expert {name}=..." if name else f"--{role}-llm-args"
    return f"the {role}'s arguments held what may be a secret, which is not kept; give {flag} again"
