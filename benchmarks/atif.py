"""Real results files as ATIF: the validators of other people's packages take every trajectory, and reading them back loses nothing.

    python -m venv /tmp/validators && /tmp/validators/bin/pip install harbor nvidia-nat-atif
    python -m benchmarks.atif /tmp/validators/bin/python results1.json results2.json ...

For each file: trajectories written and accepted by both validators, and whether the log that they amount to is, line by line, that of the
results file. Exit code 1 if one is refused or differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.analysis.recordings import Missing
from tau2_logging.analysis.recordings.tau2_results import results_lines
from tau2_logging.analysis.recordings.to_trajectories import write_trajectories
from tau2_logging.errors import UserError

VALIDATE = """
import json, pathlib, sys
from harbor.utils.trajectory_validator import TrajectoryValidator
from nat.atif import Trajectory
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/*.atif.json")):
    validator = TrajectoryValidator()
    if not validator.validate(path):
        print("Harbor refuses", path, validator.errors[:2])
    try:
        Trajectory.model_validate(json.loads(path.read_text()))
    except ValueError as error:
        print("NVIDIA's toolkit refuses", path, error)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="the interpreter that has harbor and nvidia-nat-atif")
    parser.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tau2_atif_") as name:
        same = [_round_trip(file, Path(name) / f"{number}-{file.stem}") for number, file in enumerate(args.files)]
        made = len(list(Path(name).glob("*/*.atif.json")))
        answer = subprocess.run([args.python, "-c", VALIDATE, name], capture_output=True, text=True, timeout=900, check=False)
    print(answer.stdout, answer.stderr, sep="", end="")
    refused = len(answer.stdout.splitlines())
    told = [one for one in same if one is not None]
    print(f"{len(told)} files, {made} trajectories: {refused} refusals; {sum(told)} files read back as the same log")
    return int(bool(refused or answer.returncode or not all(told)))


def _round_trip(file: Path, folder: Path) -> bool | None:
    """Return whether the log is the same; None for a file that is none of tau2's, or has no messages."""
    try:
        write_trajectories(file, folder)
        same = _lines(file) == _lines(folder)
    except UserError as error:
        print(f"left out: {error}")
        return None
    if not same:
        print(f"DIFFERENT: {file}")
    return same


def _lines(path: Path) -> list[str]:
    told = results_lines(path, "run", Missing())[1]
    told[0].fields.pop("recorded_from")
    return [line.text() for line in told]


if __name__ == "__main__":
    sys.exit(main())
