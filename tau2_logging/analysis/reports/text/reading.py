"""One simulation to be read on a terminal: what was lost and why first, then turn after turn, then task, reference and reward."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from tau2_logging.analysis.conversations.conversation import Conversation, ToolCall, Turn
from tau2_logging.units import duration, money, reward

_MOST = 600
"""Letters of arguments or of a result that are printed; the page has all."""
_WIDEST = 100
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that a terminal obeys; they are shown, since a model or a tool may have written them."""
_SPEAKERS = {"assistant": "agent"}

Said = tuple[str, str, int]
"""(text, style, indent)."""


def show_conversation(console: Console, found: Conversation, row: dict[str, Any]) -> None:
    """Print it; `row` is the simulation's row of the log. Colors only on a terminal."""
    width = min(console.width, _WIDEST) if console.is_terminal else 80
    for text, style, indent in [*_head(found, row), *_turns(found), *_about(found)]:
        shown = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        for line in Text(shown, style=style).wrap(console, width - indent) or [Text()]:
            line.rstrip()
            console.print(Text(" " * indent) + line, highlight=False, no_wrap=True, overflow="ignore", crop=False)


def outcome_of(value: Any) -> str:
    """Return solved, Not solved or Not scored."""
    if value is None or value != value:
        return "Not scored"
    return "Solved" if float(value) >= 1 - 1e-6 else "Not solved"


def _head(found: Conversation, row: dict[str, Any]) -> Iterator[Said]:
    outcome = outcome_of(row.get("reward"))
    color = {"Solved": "bold green", "Not solved": "bold red"}.get(outcome, "bold yellow")
    yield f"{':'.join(found.key[1:])}  {outcome}, reward {reward(row.get('reward'))}, {duration(row.get('duration_ms'))}", color, 0
    if found.cause:
        yield f"Likely cause: {found.cause['cause']}{_at_turn(found.cause)}", "bold", 0
        if found.cause["evidence"]:
            yield str(found.cause["evidence"]), "", 2
    if found.fault and found.fault["rule"]:
        yield f"Whose fault, by rules: {found.fault['fault']}{_at_turn(found.fault)}", "bold", 0
        yield f"{found.fault['sentence']}.", "", 2


def _at_turn(shown: dict[str, Any]) -> str:
    return "" if shown["turn"] is None else f" (turn {shown['turn'] + 1})"


def _turns(found: Conversation) -> Iterator[Said]:
    lost, fault = (shown["turn"] if shown else None for shown in (found.cause, found.fault))
    made = {one["position"]: one["outcome"] for one in found.reference if one["position"] is not None}
    if found.turns:
        yield from _heading(f"Conversation, from {found.source}")
    for number, turn in enumerate(found.turns):
        mark = "  <- the likely cause shows here" if number == lost else "  <- the fault shows here" if number == fault else ""
        yield f"{number + 1} {_SPEAKERS.get(turn.who, turn.who)}  {_margin(turn)}{mark}", "bold cyan" if turn.who == "user" else "bold", 0
        if turn.text:
            yield turn.text, "", 2
        for use in turn.calls:
            yield from _call(use, made)


def _margin(turn: Turn) -> str:
    facts = [
        "" if turn.at_ms is None else f"at {duration(turn.at_ms)}",
        "" if turn.ms is None else f"took {duration(turn.ms)}",
        "" if turn.tokens_in is None else f"{turn.tokens_in:,} in, {'unknown' if turn.tokens_out is None else f'{turn.tokens_out:,}'} out",
        "" if turn.ms is None else "cost unknown" if turn.usd is None else money(turn.usd),
        "" if turn.line is None else f"line {turn.line}",
    ]
    return ", ".join(fact for fact in facts if fact)


def _call(use: ToolCall, made: dict[int, str]) -> Iterator[Said]:
    marks = [
        "FAILED" if use.error is True else "no result" if use.error is None else "",
        f"repeated x{use.times}" if use.times > 1 else "",
        f"reference: {made[use.position]}" if use.position in made else "",
        "" if use.ms is None else duration(use.ms),
    ]
    yield f"-> {use.tool}  {', '.join(mark for mark in marks if mark)}", "red" if use.error is True else "magenta", 2
    yield _cut(use.arguments if isinstance(use.arguments, str) else json.dumps(use.arguments, ensure_ascii=False, default=str)), "", 5
    if use.result is not None:
        yield _cut(use.result), "red" if use.error is True else "dim", 5


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text) - _MOST:,} more characters)"


def _heading(text: str) -> Iterator[Said]:
    yield "", "", 0
    yield text, "bold underline", 0


def _about(found: Conversation) -> Iterator[Said]:
    yield from _reference(found)
    yield from _reward(found)
    yield from _changes(found)
    if found.task is not None and found.task["said"]:
        yield from _heading("Task")
        for name, text in found.task["said"]:
            yield f"{name}: {text}", "", 2
    if found.policy:
        yield from _heading(f"Policy: {len(found.policy.split()):,} words, in report.html")
    if found.missing:
        yield from _heading("Not recorded")
        yield from ((sentence, "yellow", 2) for sentence in found.missing)


def _reference(found: Conversation) -> Iterator[Said]:
    if not found.reference:
        return
    made = sum(one["outcome"].startswith("made") for one in found.reference)
    yield from _heading(f"Reference actions: {made} of {len(found.reference)} made")
    for one in found.reference:
        turn = "" if one["turn"] is None else f" (turn {one['turn'] + 1})"
        yield f"{one['outcome']}: {one['tool']}{turn}", "green" if one["outcome"] == "made" else "red", 2
        if one["differing"]:
            yield one["differing"], "", 5


def _reward(found: Conversation) -> Iterator[Said]:
    if not found.parts:
        return
    yield from _heading("Reward")
    for part in found.parts:
        value = "does not count here" if part["value"] is None else reward(part["value"])
        yield f"{part['part']}: {value}", "red" if part["full"] is False else "", 2
        for reason in part["reasons"]:
            met = {True: "met", False: "NOT MET"}.get(reason["met"], "unknown")
            yield f"{met}: {reason['text']}{f' ({why})' if (why := reason['why']) else ''}", "red" if reason["met"] is False else "", 5


def _changes(found: Conversation) -> Iterator[Said]:
    if not found.changes:
        return
    yield from _heading("Changes of the database")
    for change in found.changes:
        yield f"{change['tool'] or 'no tool'}: {change['of']} in the {change['database']}'s database", "", 2
        for path, kind, before, after in change["changes"]:
            shown = {"added": _short(after), "removed": _short(before)}.get(kind, f"{_short(before)} -> {_short(after)}")
            yield f"{path} {kind}: {shown}", "", 5


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else f"{text[:157]}..."
