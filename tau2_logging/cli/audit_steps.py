"""What `audit` does: progress on stderr, the table on stdout, the files."""

from __future__ import annotations

import argparse
import sys

from tau2_logging.audit.audit_files import summary, write_audit
from tau2_logging.audit.domain_audit import audit_domains
from tau2_logging.runner.harness.tau2_harness import Tau2Harness


def audit(args: argparse.Namespace) -> int:
    """Examine what was asked for. Raises UserError for what there is not."""
    audits = audit_domains(Tau2Harness.load(), args.domains, args.task_ids, _progress, fast=not args.no_fast_env)
    folder = write_audit(audits, args.output_dir)
    print(summary(audits))
    print(f"\nEvery finding with its evidence: {folder / 'audit.md'}\nSound tasks: {folder / 'sound.json'}")
    return 0


def _progress(domain: str, number: int, total: int) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{domain}: {number} of {total} tasks", end="\n" if number == total else "", file=sys.stderr, flush=True)
