"""What each command of `tau2_logging.cli.results` does. Each returns the exit code; UserError for bad input."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.trajectories import SCHEMA_VERSION
from tau2_logging.analysis.recordings import recorded_file, write_log
from tau2_logging.analysis.recordings.edit import Wanted, filtered, merged, write_results
from tau2_logging.analysis.recordings.to_trajectories import write_trajectories


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
    print(f"{len(data['simulations'])} simulations of {len(tasks)} tasks written to {output}")
    return 0


def _to_atif(args: argparse.Namespace) -> int:
    made, silent = write_trajectories(recorded_file(args.file), Path(args.output), args.force)
    if silent:
        print(f"note: {silent} simulations without messages (voice, or failed before the first) have no trajectory", file=sys.stderr)
    print(f"{len(made)} trajectories ({SCHEMA_VERSION}) written to {args.output}")
    return 0


def _to_log(args: argparse.Namespace) -> int:
    paths, missing = write_log([recorded_file(name) for name in args.files], Path(args.output), args.force)
    for sentence in missing.sentences():
        print(f"note: {sentence}", file=sys.stderr)
    print(f"written: {', '.join(map(str, paths))}")
    return 0


COMMANDS = {"merge": _merge, "filter": _filter, "to-log": _to_log, "to-atif": _to_atif}
