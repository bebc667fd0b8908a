"""Does the verdict claim too much, do its intervals hold the truth, and how much of the t-test's power does it have?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.verdict import fixed, sequential


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000, help="drawn pairs of runs in each cell (default: %(default)s)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = {"fixed": fixed.run(options.pairs), "sequential": sequential.run(options.pairs)}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
