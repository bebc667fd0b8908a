"""Reading a YAML file of experts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tau2_logging.errors import UserError
from tau2_logging.logger.content.file_mistake import UNREADABLE, mistake


class _Strict(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that is written twice, of which YAML readers silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value!r} is written twice")
            seen.add(str(key.value))
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return the mapping a YAML file holds, empty for an empty file. Raises UserError for a file that is missing or holds anything else."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Strict)  # a SafeLoader: plain data only
    except OSError as error:
        raise UserError(f"--expert {path} cannot be read: {error.strerror}; give the path of a YAML file") from error
    except (yaml.YAMLError, *UNREADABLE) as error:
        raise UserError(f"--expert {path} is not YAML: {mistake(error)}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UserError(f"--expert {path} holds a {type(data).__name__}; write a line per expert, as in planner: gpt-4.1")
    return data
