"""A prompt made short enough: old tool results shortened, then old turns folded into a summary, then the oldest turns dropped.

Works on tau2's messages by their attributes alone (role, content, tool_calls, id). A call and its results are one group and go together.
The messages themselves are never changed: what is sent are copies, and the agent's own history stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.agents.agent_args import ContextSettings
from tau2_logging.agents.shortened_results import identifiers, shortened

RESULTS, SUMMARY, WINDOW = "results", "summary", "window"
_CALLED, _MENTIONS = "- you called ", ", mentions "
_LINE, _LONGEST_JSON = 160, 600
_HEAD = "Summary of the earlier part of this conversation, which is not shown any more:"

Count = Callable[[Sequence[Any]], int]
Say = Callable[[str], Any]
"""Makes a system message of a text."""


@dataclass
class Reduced:
    """A prompt that was made shorter: `messages` to send, what was done, what was taken out."""

    messages: list[Any]
    tokens: int
    strategies: list[str] = field(default_factory=list)
    removed: list[dict[str, Any]] = field(default_factory=list)
    identifiers_seen: int = 0
    identifiers_kept: int = 0


class Reduction:
    """One prompt being made shorter. `count` counts tokens of messages and must be additive up to a constant; `say` makes a message."""

    def __init__(self, messages: Sequence[Any], count: Count, say: Say, settings: ContextSettings, limit: int) -> None:
        self._system = [message for message in messages if message.role == "system"]
        self._talk = [message for message in messages if message.role != "system"]
        self._original = list(self._talk)
        self._count = count
        self._say = say
        self._settings = settings
        self._limit = int(limit * settings.critical)
        self._target = int(limit * settings.warning)
        self._summary: list[str] = []
        self._folded = 0
        self._reduced = Reduced([], count(messages))

    def run(self) -> Reduced:
        """Make it as short as it has to be, and no shorter."""
        for keep_all_identifiers in (True, False):
            self._shorten_results(keep_all_identifiers)
        self._fold_turns()
        self._slide()
        reduced = self._reduced
        reduced.messages = self._messages()
        reduced.tokens = self._count(reduced.messages)
        self._measure_information(" ".join(map(_text_of, reduced.messages)))
        return reduced

    def _messages(self) -> list[Any]:
        summary = [self._say("\n".join([_HEAD, *self._summary]))] if self._summary else []
        return [*self._system, *summary, *self._talk]

    def _shorten_results(self, keep_all_identifiers: bool) -> None:
        results = [place for place, message in enumerate(self._talk) if message.role == "tool"]
        for place in results[: max(len(results) - self._settings.keep_results, 0)]:
            if self._reduced.tokens <= self._target:
                return
            message = self._talk[place]
            used = identifiers(" ".join(_text_of(later) for later in self._talk[place + 1 :] if later.role != "tool"))
            content = shortened(str(message.content or ""), used.__contains__ if not keep_all_identifiers else _keeper(used))
            if content != message.content:
                self._replace(place, message.model_copy(update={"content": content}))
                self._note(RESULTS, place, message, "shortened")

    def _replace(self, place: int, message: Any) -> None:
        self._reduced.tokens += self._count([message]) - self._count([self._talk[place]])
        self._talk[place] = message

    def _fold_turns(self) -> None:
        while self._reduced.tokens > self._target:
            group = self._oldest_group(self._settings.keep_messages)
            if not group:
                return
            lines = summary_lines(group)
            before = self._count(self._messages())
            for message in group:
                self._note(SUMMARY, 0, message, "a line of the summary")
                self._take_out()
            self._summary += lines
            self._reduced.tokens += self._count(self._messages()) - before

    def _slide(self) -> None:
        """Past the limit (or its critical share) even so: the summary grows thinner, then the oldest turns go, down to the last one."""
        while self._reduced.tokens > self._limit and (self._summary or self._oldest_group(1)):
            before = self._count(self._messages())
            if self._summary:
                self._thin_summary()
            else:
                for message in self._oldest_group(1):
                    self._note(WINDOW, 0, message, "nothing")
                    self._take_out()
            self._reduced.tokens += self._count(self._messages()) - before

    def _thin_summary(self) -> None:
        """What results mentioned goes first, then what was said, what was called last; each time the oldest."""
        lines = self._summary
        place = next((place for place, line in enumerate(lines) if _MENTIONS in line), None)
        if place is not None:
            lines[place], _, mentions = lines[place].partition(_MENTIONS)
            self._note_text(WINDOW, mentions)
            return
        place = next((place for place, line in enumerate(lines) if not line.startswith(_CALLED)), 0)
        self._note_text(WINDOW, lines.pop(place))

    def _take_out(self) -> None:
        self._talk.pop(0)
        self._folded += 1

    def _oldest_group(self, keep: int) -> list[Any]:
        """Return the oldest message, with the results that belong to it if it is a call; none if it would reach into the last `keep`."""
        size = 1
        while size < len(self._talk) and self._talk[size].role == "tool":
            size += 1
        return self._talk[:size] if len(self._talk) - size >= keep else []

    def _note(self, strategy: str, place: int, message: Any, kept: str) -> None:
        self._strategy(strategy)
        number = self._folded + place
        if any(entry["message"] == number and entry["strategy"] == strategy for entry in self._reduced.removed):
            return
        calls = getattr(message, "tool_calls", None) or ()
        entry = {"message": number, "role": message.role, "tool": ", ".join(call.name for call in calls) or None}
        self._reduced.removed.append({**entry, "tokens": self._tokens(message), "kept": kept, "strategy": strategy})

    def _note_text(self, strategy: str, line: str) -> None:
        self._strategy(strategy)
        entry = {"message": None, "role": "summary", "tool": None, "tokens": self._tokens(self._say(line))}
        self._reduced.removed.append({**entry, "kept": "nothing", "strategy": strategy})

    def _tokens(self, message: Any) -> int:
        return self._count([message]) - self._count([])

    def _strategy(self, strategy: str) -> None:
        if strategy not in self._reduced.strategies:
            self._reduced.strategies.append(strategy)

    def _measure_information(self, sent: str) -> None:
        """Of the identifiers in what was taken out, how many are in what is sent."""
        touched = {entry["message"] for entry in self._reduced.removed if entry["message"] is not None}
        seen = identifiers(" ".join(_text_of(self._original[place]) for place in sorted(touched)))
        self._reduced.identifiers_seen = len(seen)
        self._reduced.identifiers_kept = len(seen & identifiers(sent))


def _keeper(used: set[str]) -> Callable[[str], bool]:
    """Keeps values that are identifiers by their look, and those that later turns use."""
    return lambda text: text in used or (" " not in text and bool(identifiers(text)))


def _text_of(message: Any) -> str:
    calls = " ".join(json.dumps(call.arguments, default=str) for call in getattr(message, "tool_calls", None) or ())
    return f"{message.content or ''} {calls}"


def summary_lines(group: Sequence[Any]) -> list[str]:
    """Return a group of messages, a line for each: what was said, which call was made with what, and how it went."""
    head, *results = group
    calls = getattr(head, "tool_calls", None) or ()
    if not calls:
        return [f"- {'you' if head.role == 'assistant' else head.role}: {_clip(str(head.content or ''))}"]
    lines = []
    for number, call in enumerate(calls):
        result = results[number] if number < len(results) else None
        arguments = json.dumps(call.arguments, ensure_ascii=False, default=str)
        lines.append(f"{_CALLED}{call.name} with {arguments}: {_came_of(result)}")
    return lines


def _came_of(result: Any) -> str:
    if result is None:
        return "no result"
    text = _clip(str(result.content or ""))
    return text if getattr(result, "error", False) else f"ok{_mentions(str(result.content or ''))}"


def _mentions(content: str) -> str:
    named = sorted(identifiers(content))[:12]
    return f"{_MENTIONS}{', '.join(named)}" if named else ""


def _clip(text: str) -> str:
    """Return one line, cut at a word; a text with JSON in it is cut before the JSON or not at all."""
    text = " ".join(text.split())
    if len(text) <= _LINE or ("{" in text and len(text) <= _LONGEST_JSON):
        return text
    return f"{text[: min(_LINE, text.find('{') % len(text))].rpartition(' ')[0]} ..."
