"""`experiments variants list|show|diff|lint|prompt`."""

from __future__ import annotations

import argparse
import difflib

from tau2_logging.errors import UserError
from tau2_logging.runner.settings.user_variants import Variant, known_variants, lint
from tau2_logging.runner.work.prompts import prompt_of
from tau2_logging.units import plural


def list_variants(args: argparse.Namespace) -> int:
    """Return names, lengths and what they are about."""
    for variant in known_variants(args.file or ()).values():
        words = len(variant.manner.split())
        expects = ", ".join(f"{marker} {way}" for marker, way in variant.expect.items()) or "nothing"
        print(f"{variant.name:14} {words:4} words  {variant.about or '-'} (should move: {expects})")
    return 0


def show(args: argparse.Namespace) -> int:
    """Return the text of a variant as it is in the prompt."""
    variant = _named(args, args.name)
    print(variant.block.rstrip("\n") if variant.block else f"({variant.name} adds nothing: tau2's own prompt)")
    return 0


def diff(args: argparse.Namespace) -> int:
    """Return two variants, line by line of sentences."""
    one, two = _named(args, args.name), _named(args, args.other)
    before, after = (variant.text.replace(". ", ".\n").splitlines() for variant in (one, two))
    print("\n".join(difflib.unified_diff(before, after, one.name, two.name, lineterm="", n=99)) or "no difference")
    return 0


def lint_variants(args: argparse.Namespace) -> int:
    """Return what is wrong with the variants; exit code 1 if something is."""
    variants = known_variants(args.file or ())
    found = lint(variants.values())
    for finding in found:
        print(f"{finding.severity}: {finding.variant} {finding.problem}")
    print(f"{plural(len(variants), 'variant')}, {plural(len(found), 'finding')}")
    return 1 if found else 0


def prompt(args: argparse.Namespace) -> int:
    """Return the whole system prompt of a task with a variant, and nothing else."""
    print(prompt_of(_named(args, args.name), args.domain, args.task), end="")
    return 0


def _named(args: argparse.Namespace, name: str) -> Variant:
    known = known_variants(args.file or ())
    if name not in known:
        raise UserError(f"no variant {name!r}; there are {', '.join(known)} (--file adds those of a YAML file)")
    return known[name]
