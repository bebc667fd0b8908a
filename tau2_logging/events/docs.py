"""Writes the reference of events from the tables: docs/events.md and docs/events_jsonl.md whole, in README.md a shorter one between
two markers.

    python -m tau2_logging.events.docs [--check]

`--check` writes nothing and exits 1 where a file is not up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.events.fields import CONTEXT_FIELDS, FIELDS
from tau2_logging.events.kinds import KINDS, SCHEMA_VERSION, Kind
from tau2_logging.events.levels import LEVELS, level_name
from tau2_logging.events.structured_docs import structured_reference

BEGIN, END = "<!-- events:begin -->", "<!-- events:end -->"
_TYPES = {
    "str": "text",
    "int": "whole number",
    "bool": "`true` or `false`",
    "float": "number",
    "ms": "milliseconds, three decimals",
    "usd": "US dollars, nine decimals",
}
_HEAD = """\
# Events

Made by `python -m tau2_logging.events.docs` from the tables in `tau2_logging/events`; do not edit. Version of the format: {version}.

    [PROFILE] 2026-11-20 17:45:01.123 task=7 thread=139706683837312 type=tool_call step=3 function=get_order_details ...

One event is one line. `[LEVEL]`, the local time, `task` (`-` for an event of the whole run), `thread` and `type` come first and in this
order, then the event's own fields in the order given here, then its context. A field that has no value is left out. Of a duration, the
end is `start_ms + duration_ms`; `start_ms` counts from the begin of the run.

A value is a bare token, or a JSON string where it holds a space, a quote, `=`, a backslash or anything unprintable, is empty, or would be
read back as another type. In such a string `=` is written `\\u003d`: no value can be taken for a field.

Levels: {levels}. The level is the kind's, raised by the outcome: a failed call (`error=true`) is at least a WARNING, a `task_end` with
`status=error` or `timeout` is an ERROR, and a WARNING if the agent's own model ended the simulation and it is scored.
"""


def reference() -> str:
    """The text of docs/events.md."""
    levels = ", ".join(f"{name} {number}" for name, number in sorted(LEVELS.items(), key=lambda level: level[1]))
    head = _HEAD.format(version=SCHEMA_VERSION, levels=levels)
    return "\n".join([head, "## Kinds\n", _list(), *map(_section, KINDS.values()), *_rest()])


def _list() -> str:
    rows = [f"| [{kind.name}](#{kind.name}) | {level_name(kind.level)} | {kind.when} |" for kind in KINDS.values()]
    return "\n".join(["| type | level | when |", "|---|---|---|", *rows]) + "\n"


def short_table() -> str:
    """Kinds with their level, when they are written and their fields: the table of README.md."""
    rows = ["| type | level | when | own fields |", "|---|---|---|---|"]
    for kind in KINDS.values():
        rows.append(f"| `{kind.name}` | {level_name(kind.level)} | {kind.when} | {_short_fields(kind)} |")
    return "\n".join(rows) + "\n"


def _short_fields(kind: Kind) -> str:
    shared = KINDS["llm_call"].fields
    if kind.name != "llm_call" and set(shared) <= set(kind.fields):
        own = [f"`{name}`" for name in kind.fields if name not in shared]
        return ", ".join([*own, "those of `llm_call`"])
    return " ".join(f"`{name}`" for name in kind.fields)


def _section(kind: Kind) -> str:
    return f"## {kind.name}\n\n{level_name(kind.level)}; {kind.when}.\n\n{_fields(kind.fields)}"


def _rest() -> tuple[str, str]:
    own = {name for kind in KINDS.values() for name in kind.fields}
    others = [name for name in FIELDS if name not in own and name not in CONTEXT_FIELDS]
    note = "A field that is not in any table is kept; its type is read from its look. Typed as well:"
    return (
        f"## Context\n\nLast on every event that has it.\n\n{_fields(CONTEXT_FIELDS)}",
        f"## Events of your own\n\n{note}\n\n{_fields(others)}",
    )


def _fields(names: Sequence[str]) -> str:
    rows = [f"| `{name}` | {_TYPES[FIELDS[name].type]} | {FIELDS[name].doc.replace('|', chr(92) + '|')} |" for name in names]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]) + "\n"


def with_table(readme: str) -> str:
    """A README with the table put between its markers; unchanged where it has none."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{short_table()}{end}{after}" if begin and end else readme


def outdated(root: Path) -> dict[Path, str]:
    """The files under a checkout that are not up to date, with the text they should have."""
    wanted = {root / "docs" / "events.md": reference(), root / "docs" / "events_jsonl.md": structured_reference()}
    readme = root / "README.md"
    if readme.exists():
        wanted[readme] = with_table(readme.read_text(encoding="utf-8"))
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or say which are not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tau2_logging.events.docs", description="Write docs/events.md and the README's table.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is not up to date")
    options = parser.parse_args(argv)
    files = outdated(Path(__file__).resolve().parents[2])
    for path, text in files.items():
        print(f"{'not up to date' if options.check else 'written'}: {path}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and files else 0


if __name__ == "__main__":
    sys.exit(main())
