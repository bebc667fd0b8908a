"""Flags that people try: other words for an option of a run, and what is there instead of an option that does not exist."""

from __future__ import annotations

from collections.abc import Collection

from tau2_logging.invocation import ANALYZE, EXPERIMENTS, VIEW, command

OTHER_WORDS = {
    "--domains": ("--domain", "--environment", "--environments", "--env"),
    "--task-ids": ("--task-id", "--task"),
    "--num-tasks": ("--limit", "--n-tasks", "--max-tasks", "--ntasks"),
    "--task-split": ("--task-split-name",),
    "--num-trials": ("--trials", "--epochs", "--n-trials", "--repeats"),
    "--list-domains": ("--list-agents", "--list-users"),
    "--model": ("--llm", "-m"),
    "--agent-llm": ("--agent-model",),
    "--user-variants": ("--variants",),
    "--user-llm": ("--user-model",),
    "--judge-llm": ("--judge-model",),
    "--endpoint": ("--base-url", "--api-base", "--url"),
    "--max-concurrency": ("--concurrency", "--parallel", "--jobs", "-j"),
    "--max-retries": ("--retries",),
    "--max-cost": ("--budget", "--cost-limit"),
    "--log-dir": ("--output", "--output-dir", "--output_dir", "-o", "--logs", "--save-dir", "--results-dir"),
    "--run-name": ("--name", "--save-to", "--experiment-name"),
}
"""Flag of a run -> words that mean it, too. They are understood, and `--help` does not show them."""


def synonyms(flags: Collection[str] = OTHER_WORDS.keys()) -> dict[str, str]:
    """Return words -> the flag that they mean, of these flags."""
    return {word: flag for flag, words in OTHER_WORDS.items() if flag in flags for word in words}


def answers() -> dict[str, str]:
    """Return flags that people try and that do not exist -> what to use instead."""
    analyze = command(ANALYZE)
    return {
        "": "name domains with --domains, tasks with --task-ids",
        "--tasks": "--task-ids ID ... says which tasks, --num-tasks N how many",
        "--max-workers": "--max-concurrency N is simulations at a time, --workers N is worker processes",
        "--num-workers": "--max-concurrency N is simulations at a time, --workers N is worker processes",
        "--temperature": """give --agent-llm-args '{"temperature": 0.2}', and --user-llm-args for the user's model""",
        "--llm-args": "--agent-llm-args and --user-llm-args take a JSON object each",
        "--model-args": "--agent-llm-args and --user-llm-args take a JSON object each",
        "--timeout": "--request-timeout S is for a model call, --task-timeout S for a simulation",
        "--api-key": "keys come from the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...), never from the command line",
        "--verbose": f"--log-level DEBUG writes prompts and arguments to the log; {command(VIEW)} shows a run while it runs",
        "-v": f"--log-level DEBUG writes prompts and arguments to the log; {command(VIEW)} shows a run while it runs",
        "--debug": "give --log-level DEBUG",
        "--config": "options are given on the command line; --resume RUN_DIR repeats those of an earlier run",
        "--json": f"the analysis writes it: {analyze} --format json",
        "--csv": f"the analysis writes it: {analyze} --format csv",
        "--html": f"--open makes the report and opens it; or later: {analyze} --format html",
        "--report": "--open makes the report and opens it",
        "--no-color": "set the environment variable NO_COLOR=1",
        "--list-models": "any model that litellm knows can be named; --check asks those that you name",
        "--task-set-name": "--task-split NAME names a part of a domain's tasks",
        "--log-file": "--log-dir DIR says where logs go; that of a domain is DIR/tau2_<domain>.log",
        "--max-price": "--max-cost USD limits what a run costs; for rented GPUs it is --max-hourly-cost of the command rental",
        "--agents": f"several agents are compared by: {command(EXPERIMENTS)} plan --agents NAME,NAME",
        "--timestamp": "--run-name NAME gives a run its name; the date is the default",
    }
