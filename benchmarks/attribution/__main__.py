"""How often the rules that say whose fault a failure is are right.

python -m benchmarks.attribution scripted [--trials 4] [--tasks N] [--json FILE]  scripted simulations with known culprits
python -m benchmarks.attribution public FOLDER [--write|--held-out]                labeled public results files, which lie in FOLDER
python -m benchmarks.attribution first                                             what was said of held-out labels before rules were mended
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.attribution import public, scripted


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_scripted = kinds.add_parser("scripted")
    of_scripted.add_argument("--trials", type=int, default=4, help="how often every task is played, with other dice each time")
    of_scripted.add_argument("--tasks", type=int, help="only the first tasks of each domain")
    of_scripted.add_argument("--json", type=Path, help="write the figures there")
    of_public = kinds.add_parser("public")
    of_public.add_argument("folder", type=Path)
    of_public.add_argument("--write", action="store_true", help="keep the decisions in tests/golden/attribution")
    of_public.add_argument("--held-out", action="store_true", help="the labels that the rules were not written on")
    kinds.add_parser("first")
    args = parser.parse_args()
    if args.kind == "first":
        public.first()
    elif args.kind == "public":
        public.measure(args.folder, args.write and not args.held_out, args.held_out)
    else:
        table, rules = scripted.measure(args.trials, args.tasks)
        if args.json:
            args.json.write_text(json.dumps(scripted.figures(table, rules), indent=2) + "\n")


if __name__ == "__main__":
    main()
