"""What `audit` does: progress on stderr, the table on stdout, the files."""

from __future__ import annotations

import argparse
import sys

from tau2_logging.audit.audit_files import FOLDER, summary, write_audit
from tau2_logging.audit.domain_audit import HowToAudit, audit_domains
from tau2_logging.errors import UserError
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.settings.json_flag import json_object


def audit(args: argparse.Namespace) -> int:
    """Examine what was asked for. Raises UserError for what there is not."""
    if args.workers is not None and args.workers < 1:
        raise UserError(f"--workers is {args.workers}; give at least 1")
    how = HowToAudit(args.output_dir / FOLDER, not args.no_fast_env, args.workers, _judge(args))
    audits = audit_domains(Tau2Harness.load(), args.domains, args.task_ids, _progress, how)
    folder = write_audit(audits, args.output_dir)
    print(summary(audits))
    print(f"\nEvery finding with its evidence: {folder / 'audit.md'}\nSound tasks: {folder / 'sound.json'}")
    return 0


def _judge(args: argparse.Namespace) -> ModelChoice | None:
    arguments = json_object("--judge-llm-args", args.judge_llm_args)
    if args.judge_llm is None:
        if arguments:
            raise UserError("--judge-llm-args is given without --judge-llm; name the judge's model")
        return None
    return ModelChoice(args.judge_llm, arguments, named=True)


def _progress(domain: str, number: int, total: int) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{domain}: {number} of {total} tasks", end="\n" if number == total else "", file=sys.stderr, flush=True)
