"""`tau2-logging results`: recorded results put together, thinned out, or made into a log.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import RESULTS, command, program
from tau2_logging.leaving import carry_out

_EPILOG = """\
examples:
  {command} merge part1.json part2.json -o all.json
  {command} filter all.json --failed --task-ids 7 12 -o failed.json
  {command} to-log all.json -o logs_of_all/
  {command} to-atif all.json -o trajectories/
  {command} to-trace logs/tau2_retail.log --for aiperf -o trace.jsonl

Files are tau2's own (v0.1 to v1, also v1's results.json with its folder), the folder of a run,
trajectories in ATIF (a file, or a folder of one run), or Inspect AI's .eval (to-log).
exit code: 0 done, 2 bad input
"""

_FILE = "a results file of tau2, the folder of a run, or trajectories in ATIF"


def build_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=program(RESULTS),
        description="Merge or filter recorded results, or write them as a log, in ATIF, or as a load.",
        epilog=_EPILOG.format(command=command(RESULTS)),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    merge = commands.add_parser("merge", help="merge several files of one domain, agent and user")
    merge.add_argument("files", nargs="+", metavar="FILE", help=_FILE)
    keep = commands.add_parser("filter", help="keep some simulations of a file, and their tasks")
    keep.add_argument("file", metavar="FILE", help=_FILE)
    keep.add_argument("--task-ids", nargs="+", metavar="ID", help="only simulations of these tasks")
    keep.add_argument("--trials", nargs="+", type=int, metavar="N", help="only these trials")
    keep.add_argument("--termination", nargs="+", metavar="REASON", help="with this termination: user_stop, max_steps, ...")
    which = keep.add_mutually_exclusive_group()
    which.add_argument("--solved", action="store_const", const=True, help="with full reward")
    which.add_argument("--failed", dest="solved", action="store_const", const=False, help="without")
    log = commands.add_parser("to-log", help="write logs that every analysis reads: tau2_<domain>.log")
    log.add_argument("files", nargs="+", metavar="FILE", help=f"{_FILE}, or .eval of Inspect AI")
    atif = commands.add_parser("to-atif", help="write each simulation as a trajectory in ATIF: <domain>_<task>_<trial>.atif.json")
    atif.add_argument("file", metavar="FILE", help=_FILE)
    trace = commands.add_parser("to-trace", help="write the agent's model calls as a load for AIPerf, vLLM's benchmark or Mooncake")
    trace.add_argument("file", metavar="LOG", help="a log, a folder of logs or of a run, or a results file")
    trace.add_argument("--for", dest="format", choices=("aiperf", "vllm", "mooncake"), required=True, help="who replays it")
    trace.add_argument("--model", metavar="NAME", help="calls of this model, if the agent asked several")
    trace.add_argument("--run", metavar="RUN", default="latest", help="which run of a log (default: the latest)")
    trace.add_argument("--block-size", type=int, default=512, metavar="N", help="tokens of a hashed block (default: %(default)s)")
    record = commands.add_parser("to-record", help="write the score of a run as a record of every_eval_ever")
    record.add_argument("file", metavar="LOG", help="a log, a folder of logs or of a run, or a results file")
    record.add_argument("--organization", required=True, metavar="NAME", help="who evaluated")
    record.add_argument("--relationship", choices=("first_party", "third_party", "collaborative", "other"), default="other",
                        help="of that organization to the model's maker (default: %(default)s)")  # fmt: skip
    record.add_argument("--run", metavar="RUN", default="latest", help="which run of a log (default: the latest)")
    for one in (merge, keep, log, atif, trace, record):
        what = "the file to write" if one in (merge, keep, trace, record) else "the folder to write to"
        one.add_argument("-o", "--output", required=True, metavar="PATH", help=what)
        one.add_argument("--force", action="store_true", help="overwrite what is there")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    carry_out(parser.prog, lambda: _command(args))


def _command(args: argparse.Namespace) -> int:
    from tau2_logging.cli.results_steps import COMMANDS

    return COMMANDS[args.command](args)


if __name__ == "__main__":
    main()
