"""What `rejudge` does: rebuild, have the judges score, say what came of it."""

from __future__ import annotations

import argparse
import sys

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.replays.rebuilt_simulations import RefusedSimulations, SimulationRebuilder
from tau2_logging.replays.rejudge_report import report_lines, report_of, write_report
from tau2_logging.replays.rejudging import judges_of, rejudged
from tau2_logging.replays.saved_simulations import read_saved
from tau2_logging.runner.harness.rebuilt_conversation import ConversationRebuilder
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.json_flag import json_object
from tau2_logging.runner.settings.secret_values import model_secrets
from tau2_logging.units import plural


def rejudge(args: argparse.Namespace) -> int:
    """Score again what was recorded. Raises UserError for bad input, or if nothing can be scored."""
    _check(args)
    judges = judges_of(args.judge_llm, [json_object("--judge-llm-args", text) for text in args.judge_llm_args])
    recordings = read_saved(dict.fromkeys(args.paths))
    harness, refused = Tau2Harness.load(), RefusedSimulations()
    with ConversationRebuilder(harness) as rebuilder:
        rebuilt = SimulationRebuilder(harness, rebuilder, args.tasks).all(recordings, refused)
    if not rebuilt:
        saved, why = refused.found[0]
        raise UserError(f"none of {plural(len(recordings), 'conversation')} can be judged again; the first, {saved.name}: {why}")
    config = RunConfig(log_dir=args.log_dir, max_concurrency=args.max_concurrency, max_cost=args.max_cost, executor=args.executor)
    with KNOWN.knowing(model_secrets(judge.model for judge in judges if judge.model is not None)):
        found = rejudged(rebuilt, judges, args.trials, config, _progress)
        report = report_of(found, refused)
    lines = list(report_lines(report))
    paths = write_report(report, lines, args.output_dir)
    print("\n".join(lines))
    print(f"\nwrote {', '.join(map(str, paths))}; results of each judge: {args.log_dir}/runs")
    return int(bool(refused.found) or any(use.failed or use.unasked for use in found.used.values()))


def _check(args: argparse.Namespace) -> None:
    if args.trials < 1:
        raise UserError(f"--trials {args.trials} is too small; it must be at least 1")
    if args.trials > 1 and not args.judge_llm:
        raise UserError("--trials asks judges again, and none is named; give --judge-llm, or leave --trials out")
    if len(args.judge_llm_args) not in (0, 1, len(args.judge_llm)) or (args.judge_llm_args and not args.judge_llm):
        raise UserError(
            f"--judge-llm-args has {len(args.judge_llm_args)} words for {len(args.judge_llm)} judges; give one, or one for each"
        )


def _progress(text: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
