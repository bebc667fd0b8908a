"""docs/events_jsonl.md, made from the classes in `structured`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from tau2_logging.events.structured import EVENT_CLASSES, EVENTS_SCHEMA, StructuredEvent, rows

_HEAD = """\
# Structured events

Made by `python -m tau2_logging.events.docs` from the classes in `tau2_logging/events/structured.py`; do not edit. Version: {version}.

`run_local.py --events` (and every run with `--log-level DEBUG`) writes `logs/runs/<run>/events_{{domain}}.jsonl`: one JSON object a line,
appended as it happens, ASCII. Only what the simulation itself did is in it, never what tau2's evaluator repeats. A simulation's
events are in the file, in their order, about a second after they were made at the latest, and before the simulation's `task_end` is in the
log: a few are made together, never while a call is measured. `time` says when each happened; events of different simulations are not in the
order of time. What is in the file survives any kill. A run that is killed with SIGKILL may lack the last second of the simulations it
was in the midst of, which are run again when it is resumed; the log beside has every call. Read it with

    from tau2_logging.events import read_events

    for event in read_events(Path("logs/runs/<run>/events_retail.jsonl")):
        ...          # a ToolExecutionEvent, StateChangeEvent, ..., or a RejectedLine where a line cannot be read

Fields and types that the reader does not know are kept (`event.extra`). Credentials in arguments, results and changes are masked; with
`--mask` so are card numbers (by the Luhn check), e-mail addresses, telephone numbers and dates of birth, in every log; with `--no-mask`
nothing in them is. `sensitive` names what was found in each case. tau2's own results files are masked
only with `--mask`: its evaluator needs them whole.

`apply_changes(state, event.changes)` makes the state after a StateChangeEvent of the state before (`database.model_dump()` as JSON), and
its SHA-256 as tau2 computes it is `post_hash`, unless something in the changes was masked. A change's path has a step for each level:
a key, a position in a list, or `id_field=value` for a record of a list (`lines/line_id=L1002/status`); in a step, `~` is written `~0`,
`/` is written `~1`, and an empty key `~2`.
"""


def structured_reference() -> str:
    """The whole text."""
    context = [name for name, _ in rows(StructuredEvent)]
    parts = [_HEAD.format(version=EVENTS_SCHEMA), f"## In every event\n\n{_table(StructuredEvent, context)}"]
    for kind in EVENT_CLASSES:
        own = [name for name, _ in rows(kind) if name not in context]
        parts.append(f"## {kind.__name__}\n\n`type` is `{kind.type}`. {(kind.__doc__ or '').strip()}\n\n{_table(kind, own)}")
    return "\n".join(parts)


def _table(kind: type[StructuredEvent], names: Sequence[str]) -> str:
    sentences = dict(rows(kind))
    types = {item.name: str(item.type) for item in fields(kind)}
    lines = [f"| `{name}` | {_type(types[name])} | {sentences[name]} |" for name in names]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *lines]) + "\n"


def _type(annotation: str) -> str:
    """The type as JSON has it."""
    words = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "null"}
    parts = [part.strip() for part in annotation.split("|")]
    return " or ".join(words.get(part) or ("array" if part.startswith("tuple") else "object") for part in parts)
