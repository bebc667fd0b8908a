"""Arms by variants of the user simulator: those that ship, and those of YAML files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tau2_logging.errors import UserError
from tau2_logging.runner.settings.config import Arm
from tau2_logging.users import BUILTIN, Variant, lint, read_variants

__all__ = ["Variant", "chosen_variants", "known_variants", "lint", "variant_arms"]


def known_variants(files: Iterable[str] = ()) -> dict[str, Variant]:
    """Return the variants that ship and those of YAML files, by name. Raises UserError for a file that cannot be read or a name used
    twice."""
    found = dict(BUILTIN)
    for file in files:
        for variant in read_variants(Path(file)):
            if variant.name in found:
                raise UserError(f"variant {variant.name!r} is in two files; name it otherwise in {file}")
            found[variant.name] = variant
    return found


def chosen_variants(text: str) -> tuple[Variant, ...]:
    """Return what `--user-variants` names: variants after commas, or YAML files, which mean all variants in them. Raises UserError."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    files = [word for word in words if word.endswith((".yaml", ".yml"))]
    known = known_variants(files)
    chosen: list[Variant] = []
    for word in words:
        if word in files:
            chosen += [variant for variant in read_variants(Path(word)) if variant.name not in words]
        elif word in known:
            chosen.append(known[word])
        else:
            raise UserError(f"no variant {word!r}; there are {', '.join(known)}, or name a YAML file with your own")
    if not chosen:
        raise UserError("--user-variants names none; give some, as in --user-variants control,anger")
    return tuple(chosen)


def variant_arms(text: str) -> tuple[Arm, ...]:
    """Return an arm for each variant that `--user-variants` names. Raises UserError."""
    return tuple(Arm(variant.name, variant) for variant in chosen_variants(text))
