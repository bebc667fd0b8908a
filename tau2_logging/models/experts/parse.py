"""Experts as the user names them: `NAME=MODEL[,option=value...]` on the command line, or a YAML file of the same options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import masked_leaves
from tau2_logging.events.secrets.command_line import masked_expert
from tau2_logging.models.experts.expert_files import read_mapping
from tau2_logging.models.experts.expert_model import PRICES, Expert

_NEXT_OPTION = re.compile(r",(?=\s*[A-Za-z_][A-Za-z0-9_]*=)")
_WORDS = ("description", "prompt")
_FORM = "write NAME=MODEL[,option=value...], as in planner=gpt-4.1,description=Plans the next steps"


def parse_experts(values: Iterable[str]) -> tuple[Expert, ...]:
    """Return the experts of several `--expert` values; one that ends in .yaml or .yml is a file. Raises UserError, also for a name used
    twice."""
    found: dict[str, Expert] = {}
    for value in values:
        for expert in _of_value(value):
            if expert.alias in found:
                raise UserError(f"--expert: two experts are named {expert.alias!r}; give each its own name")
            found[expert.alias] = expert
    return tuple(found.values())


def _of_value(value: str) -> list[Expert]:
    if value.lower().endswith((".yaml", ".yml")) and "=" not in value:
        return _of_file(Path(value))
    return [parse_expert(value)]


def parse_expert(text: str) -> Expert:
    """Return an expert from `NAME=MODEL[,option=value...]`.

    A comma starts a new option only if `name=` follows it, so that a description may hold commas. Numbers, true, false and JSON
    objects are read as such, `description` and `prompt` always as text. Raises UserError.
    """
    alias, equals, rest = text.partition("=")
    if not equals:
        raise UserError(f"--expert {masked_expert(text)!r} has no '='; {_FORM}, or name a .yaml file")
    model, *options = _NEXT_OPTION.split(rest)
    given: dict[str, Any] = {}
    for option in options:
        name, _, value = option.strip().partition("=")
        if name in given or name == "model":
            raise UserError(f"--expert {alias.strip()}: {name} is given twice; give it once")
        given[name] = value.strip() if name in _WORDS else _value(value.strip())
    return _expert(alias.strip(), {"model": model.strip(), **given})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _expert(alias: str, options: Mapping[str, Any]) -> Expert:
    own = {name: options[name] for name in ("model", *_WORDS, *PRICES) if options.get(name) is not None}
    args = {name: value for name, value in options.items() if name not in ("model", *_WORDS, *PRICES)}
    return Expert(alias, own.pop("model", ""), args, **own)


def _of_file(path: Path) -> list[Expert]:
    data = read_mapping(path)
    if not data:
        raise UserError(f"--expert {path} names no expert; write a line per expert, as in planner: gpt-4.1")
    return [_of_entry(path, str(alias), entry) for alias, entry in data.items()]


def _of_entry(path: Path, alias: str, entry: Any) -> Expert:
    if isinstance(entry, str):
        entry = {"model": entry}
    if not isinstance(entry, Mapping) or not all(isinstance(name, str) for name in entry):
        raise UserError(f"--expert {path}: {alias} is {masked_leaves(entry)!r}; give a model's name, or options as in 'model: gpt-4.1'")
    return _expert(alias, entry)
