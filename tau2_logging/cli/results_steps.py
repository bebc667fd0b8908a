"""What each command of `tau2_logging.cli.results` does. Each returns the exit code; UserError for bad input."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.files.trajectories import SCHEMA_VERSION
from tau2_logging.analysis.recordings import recorded_file, write_log
from tau2_logging.analysis.recordings.edit import Wanted, filtered, merged, write_results, write_text
from tau2_logging.analysis.recordings.load_formats import told_of_trace, trace_rows
from tau2_logging.analysis.recordings.load_trace import load_trace
from tau2_logging.analysis.recordings.to_trajectories import write_trajectories
from tau2_logging.analysis.verdict.read_sides import named_log
from tau2_logging.analysis.verdict.score_record import score_record
from tau2_logging.errors import UserError
from tau2_logging.units import plural


def _merge(args: argparse.Namespace) -> int:
    data = merged([recorded_file(name) for name in args.files])
    write_results(data, Path(args.output), args.force)
    return _written(data, args.output)


def _filter(args: argparse.Namespace) -> int:
    data = filtered(recorded_file(args.file), Wanted(args.task_ids, args.trials, args.solved, args.termination))
    write_results(data, Path(args.output), args.force)
    return _written(data, args.output)


def _written(data: dict[str, Any], output: str) -> int:
    tasks = {str(simulation["task_id"]) for simulation in data["simulations"]}
    print(f"{plural(len(data['simulations']), 'simulation')} of {plural(len(tasks), 'task')} written to {output}")
    return 0


def _to_atif(args: argparse.Namespace) -> int:
    made, silent = write_trajectories(recorded_file(args.file), Path(args.output), args.force)
    if silent:
        print(f"note: no trajectory of {plural(silent, 'simulation')} without messages (voice, or failed at once)", file=sys.stderr)
    print(f"{len(made):,} {'trajectory' if len(made) == 1 else 'trajectories'} ({SCHEMA_VERSION}) written to {args.output}")
    return 0


def _to_trace(args: argparse.Namespace) -> int:
    if args.block_size < 1:
        raise UserError(f"--block-size is {args.block_size}; give a whole number of at least 1")
    trace = load_trace(named_log(args.file, args.run), args.model)
    rows = trace_rows(trace, args.format, args.block_size)
    write_text("".join(f"{json.dumps(row)}\n" for row in rows), Path(args.output), args.force)
    for sentence in told_of_trace(trace, args.format, args.block_size, args.output):
        print(sentence)
    return 0


def _to_record(args: argparse.Namespace) -> int:
    record = score_record(named_log(args.file, args.run), args.organization, args.relationship)
    write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", Path(args.output), args.force)
    print(f"{plural(len(record['evaluation_results']), 'result')} (every_eval_ever {record['schema_version']}) written to {args.output}")
    return 0


def _to_log(args: argparse.Namespace) -> int:
    paths, missing = write_log([recorded_file(name) for name in args.files], Path(args.output), args.force)
    for sentence in missing.sentences():
        print(f"note: {sentence}", file=sys.stderr)
    print(f"written: {', '.join(map(str, paths))}")
    return 0


COMMANDS = {"merge": _merge, "filter": _filter, "to-log": _to_log, "to-atif": _to_atif, "to-trace": _to_trace, "to-record": _to_record}
