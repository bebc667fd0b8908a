"""What `audit` does: progress on stderr, the table on stdout, the files."""

from __future__ import annotations

import argparse
import sys

from tau2_logging.audit.audit_files import FOLDER, summary, write_audit, write_changes
from tau2_logging.audit.domain_audit import HowToAudit, audit_domains, dumped_tasks, known_domains
from tau2_logging.audit.examination import edition_name
from tau2_logging.audit.task_changes import Edition, change_lines, changes, edition_at
from tau2_logging.errors import UserError
from tau2_logging.runner.harness.load_harness import load_module
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.settings.json_flag import json_object


def audit(args: argparse.Namespace) -> int:
    """Examine what was asked for. Raises UserError for what there is not."""
    if args.workers is not None and args.workers < 1:
        raise UserError(f"--workers is {args.workers}; give at least 1")
    harness = Tau2Harness.load(other_data=True)
    for name in args.load:
        load_module(name)
    if args.changed_from is not None:
        return _changes(harness, args)
    how = HowToAudit(args.output_dir / FOLDER, not args.no_fast_env, args.workers, _judge(args), tuple(args.load))
    audits = audit_domains(harness, args.domains, args.task_ids, _progress, how)
    folder = write_audit(audits, args.output_dir)
    print(summary(audits))
    print(f"\nEvery finding with its evidence: {folder / 'audit.html'}, audit.md\nSound tasks: {folder / 'sound.json'}")
    return 0


def _changes(harness: Tau2Harness, args: argparse.Namespace) -> int:
    here = Edition(edition_name(harness), {domain: dumped_tasks(harness, domain) for domain in known_domains(harness, args.domains)})
    there = edition_at(args.changed_from, list(here.domains), harness.completed_task)
    found = list(changes(here, there))
    print("\n".join(change_lines(found, here, there)))
    print(f"\nEach change: {write_changes(found, here, there, args.output_dir) / 'changes.md'}")
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
