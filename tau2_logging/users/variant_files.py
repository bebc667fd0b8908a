"""Reading one's own variants from a YAML file.

impatience:
  manner: You are in a hurry, and it shows in the way you write. ... a phrase like "can we move on" ...
  cues: [can we move on]
  expect: {cue_phrases: up, words: down}
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tau2_logging.errors import UserError
from tau2_logging.logger.content.file_mistake import UNREADABLE, mistake
from tau2_logging.users.builtin import BUILTIN
from tau2_logging.users.variant import Variant


def read_variants(path: Path) -> tuple[Variant, ...]:
    """Return the variants of a file, in its order. Raises UserError for a file that is missing or holds anything else."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"variants file {path} cannot be read: {error.strerror}; give the path of a YAML file") from error
    except (yaml.YAMLError, *UNREADABLE) as error:
        raise UserError(f"variants file {path} is not YAML: {mistake(error)}") from None
    if not isinstance(data, dict) or not data:
        raise UserError(f"variants file {path} holds no variants; write them by name, each with manner: and cues:")
    found = []
    for name, item in data.items():
        if str(name) in BUILTIN:
            raise UserError(f"variants file {path}: {name!r} is one that ships; give yours another name")
        if not isinstance(item, dict) or not str(item.get("manner") or "").strip():
            raise UserError(f"variants file {path}: {name!r} has no manner; write what the user's manner is, as manner: You are ...")
        found.append(Variant.from_json({**item, "name": str(name)}))
    return tuple(found)
