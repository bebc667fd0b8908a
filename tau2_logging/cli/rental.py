"""`tau2-logging rental`: SkyPilot task files for model servers on rented GPUs.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import RENTAL, command, program
from tau2_logging.leaving import carry_out
from tau2_logging.units import plural

if TYPE_CHECKING:
    from tau2_logging.models.rental.task_files import CheckResult, Rendered

_EPILOG = """\
examples:
  {command} render --gpu A100-80GB:1 --model Qwen/Qwen3-32B --max-hourly-cost 2.0 -o endpoint.yaml
  {command} validate endpoint.yaml
  sky launch -c tau2-qwen3-32b -d --secret VLLM_API_KEY --secret HF_TOKEN endpoint.yaml

docs/gpus.md walks through it. exit code: 0 done, 2 bad input, or a file that should not be launched
"""


def build_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=program(RENTAL),
        description="Write and check task files with which SkyPilot rents a machine with GPUs and serves a model with vLLM.",
        epilog=_EPILOG.format(command=command(RENTAL)),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    render = commands.add_parser("render", help="write a task file", argument_default=argparse.SUPPRESS)
    _add_machine(render.add_argument_group("machine"))
    _add_server(render.add_argument_group("server"))
    output = render.add_argument_group("output")
    output.add_argument("-o", "--output", default=None, metavar="FILE", help="file to write (default: print it)")
    output.add_argument("--force", action="store_true", default=False, help="overwrite the file")
    validate = commands.add_parser("validate", help="check a task file before it costs money")
    validate.add_argument("file", metavar="FILE", help="a task file, rendered or your own")
    return parser


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--gpu", dest="gpus", nargs="+", action="extend", required=True, metavar="NAME:COUNT",
                       help="GPUs of the machine: A100-80GB:1; several are alternatives, the cheapest is taken")  # fmt: skip
    group.add_argument("--max-hourly-cost", type=float, required=True, metavar="USD",
                       help="exclude machines with a higher listed price; docs/gpus.md has the exceptions")  # fmt: skip
    group.add_argument("--infra", nargs="+", action="extend", metavar="PLACE",
                       help="aws, gcp/us-central1, kubernetes/context, ...; several are alternatives (default: all you have)")  # fmt: skip
    group.add_argument("--use-spot", action="store_true", help="spot machines: cheaper, and can be taken away at any time")
    group.add_argument("--disk-size", type=int, metavar="GB", help="disk; the model has to fit (default: 256)")
    group.add_argument("--idle-minutes", type=int, metavar="N", help="end the server after N minutes without a token (default: 30)")
    group.add_argument("--startup-minutes", type=int, metavar="N", help="give up if it has not loaded after this time (default: 60)")
    group.add_argument("--replicas", type=int, metavar="N", help="replicas behind one address, with `sky serve up` (default: 1)")
    group.add_argument("--name", metavar="NAME", help="name of the cluster (default: from the model)")


def _add_server(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", required=True, metavar="MODEL", help="as `vllm serve` takes it: Qwen/Qwen3-32B")
    group.add_argument("--port", type=int, metavar="P", help="port (default: 8000)")
    group.add_argument("--tool-call-parser", metavar="NAME", help="vLLM's parser of tool calls (default: that of the model's family)")
    group.add_argument(
        "--reasoning-parser", metavar="NAME", help="vLLM's parser of reasoning, or none (default: that of the model's family)"
    )
    group.add_argument("--max-model-len", type=int, metavar="N", help="longest context, in tokens (default: the model's)")
    group.add_argument(
        "--vllm-version", metavar="VERSION", help="release of vLLM to install (default: the one whose parser names are known)"
    )
    group.add_argument(
        "--vllm-args", metavar='"..."', help='more arguments for vllm serve; write it with =: --vllm-args="--max-num-seqs 64"'
    )
    group.add_argument("--no-hf-token", dest="hf_token", action="store_false", help="the model can be downloaded without HF_TOKEN")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    carry_out(parser.prog, lambda: _rental(args))


def _rental(args: argparse.Namespace) -> int:
    from tau2_logging.models.rental.task_files import rendered, validated

    if args.command == "validate":
        return _show_verdict(validated(Path(args.file)), args.file)
    options = {name: value for name, value in vars(args).items() if name not in ("command", "output", "force")}
    return _show_rendered(rendered(options, args.output, args.force), args.output)


def _show_rendered(made: Rendered, output: str | None) -> int:
    print(made.text if output is None else f"written to {output}", end="" if output is None else "\n")
    for text in made.warnings:
        print(f"warning: {text}", file=sys.stderr)
    print(f"\nwhat next:\n{made.hints}", file=sys.stderr)
    return 0


def _show_verdict(verdict: CheckResult, file: str) -> int:
    for text in verdict.warnings:
        print(f"warning: {text}", file=sys.stderr)
    for text in verdict.errors:
        print(f"error: {text}", file=sys.stderr)
    print(f"{file}: {plural(len(verdict.errors), 'error')}, {plural(len(verdict.warnings), 'warning')} by {verdict.by}")
    return 2 if verdict.errors else 0


if __name__ == "__main__":
    main()
