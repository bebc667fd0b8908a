"""`python -m benchmarks.attribution public FOLDER [--write]`: the rules against labels of public results files, which lie in FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.attribution import public


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_public = kinds.add_parser("public")
    of_public.add_argument("folder", type=Path)
    of_public.add_argument("--write", action="store_true", help="keep the decisions in tests/golden/attribution")
    args = parser.parse_args()
    public.measure(args.folder, args.write)


if __name__ == "__main__":
    main()
