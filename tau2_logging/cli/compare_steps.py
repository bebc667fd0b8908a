"""What `compare` does, once its arguments are parsed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tau2_logging.analysis.load import LATEST_OF_EACH
from tau2_logging.analysis.measures.gates import parse_percent
from tau2_logging.analysis.reports.compared.compare_files import CONSOLE, chosen_formats, write_files
from tau2_logging.analysis.reports.compared.compare_text import text_lines
from tau2_logging.analysis.reports.report_failures import Attempts, PartlyWrittenError
from tau2_logging.analysis.verdict.audited_pair import only_sound
from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tau2_logging.analysis.verdict.quality_gates import Limits, check, parse_points
from tau2_logging.analysis.verdict.read_sides import read_sides
from tau2_logging.browser import open_made
from tau2_logging.soundness.audited_tasks import audits_named

_BROKEN_GATE, _INCOMPLETE = 3, 1


def compare(args: argparse.Namespace) -> int:
    """Compare the runs, write and print what was asked for; the exit code. Raises UserError for bad input, before anything is read."""
    formats, limits = chosen_formats(args.format), _limits(args)
    paths = [args.baseline, *args.paths] if args.baseline else args.paths
    audits = audits_named(args.only) if args.only else None
    sides = read_sides(paths, args.run or LATEST_OF_EACH, args.labels)
    sides = sides if audits is None else only_sound(sides, audits)
    comparison = compare_sides(sides, args.reference, args.all_pairs, audits)
    gates = check(comparison, limits)
    made = Attempts()
    try:
        made.paths += write_files(comparison, gates, Path(args.output_dir), formats)
    except PartlyWrittenError as error:
        made = error.attempts
    if CONSOLE in formats:
        print("\n".join(text_lines(comparison, gates)))
    if made.paths:
        print(f"wrote {', '.join(map(str, made.paths))}")
    for failure in made.failures:
        print(failure, file=sys.stderr)
    if args.open:
        open_made(made.paths, "compare.html")
    if not all(gate.met for gate in gates):
        return _BROKEN_GATE
    return _INCOMPLETE if made.failures else 0


def _limits(args: argparse.Namespace) -> Limits:
    worse = None if args.fail_if_worse is None else parse_points(args.fail_if_worse)
    shares = [
        None if text is None else parse_percent(text, flag)
        for text, flag in ((args.fail_if_costlier, "--fail-if-costlier"), (args.fail_if_slower, "--fail-if-slower"))
    ]
    return Limits(worse, *shares)
