"""How a prompt differs from the recorded one: which part, and which words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tau2_logging.logger.content.prompt_parts import PromptParts, part_hash
from tau2_logging.models.recorded.recorded_replies import RecordedCall

_AROUND, _LONGEST = 4, 160
_NOT_KEPT = "the recorded text was not kept"


def difference(call: RecordedCall, now: PromptParts, texts: Mapping[str, str]) -> str | None:
    """Return in words how a prompt differs from that of a recorded call, None if it does not as far as is known. The first part that
    differs is told: the system prompt, the tools, a message."""
    return _system(call, now, texts) or _tools(call, now, texts) or _messages(call, now, texts)


def _system(call: RecordedCall, now: PromptParts, texts: Mapping[str, str]) -> str | None:
    missing = next((what for what, text in call.contains if _squeezed(text) not in _squeezed(now.system or "")), None)
    if missing is not None:
        return f"system prompt: it does not contain {missing} of the recording"
    if not call.is_whole or call.system == (None if now.system is None else part_hash(now.system)):
        return None
    return f"system prompt: {_texts_differ(call.system, now.system, texts)}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _tools(call: RecordedCall, now: PromptParts, texts: Mapping[str, str]) -> str | None:
    if not call.is_whole or call.tools == (None if now.tools is None else part_hash(now.tools)):
        return None
    if call.tools is None or now.tools is None or call.tools not in texts:
        return f"tools: {_texts_differ(call.tools, now.tools, texts)}"
    return next(_tools_differ(json.loads(texts[call.tools]), json.loads(now.tools)), "tools: they are written differently")


def _tools_differ(before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    old, new = ({str((tool.get("function") or tool).get("name")): tool for tool in tools} for tools in (before, after))
    yield from (f"tool {name}: it is not offered any more" for name in old if name not in new)
    yield from (f"tool {name}: the recording does not have it" for name in new if name not in old)
    for name in old:
        yield from (f"tool {name}: {said}" for said in _values_differ(old[name].get("function"), new[name].get("function"), ""))
    if list(old) != list(new):
        yield f"tools: their order was {', '.join(old)}, and is {', '.join(new)}"


def _values_differ(before: Any, after: Any, path: str) -> Iterator[str]:
    """Yield what differs between two JSON values, deepest first."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in before:
            if name in after:
                yield from _values_differ(before[name], after[name], f"{path}.{name}" if path else str(name))
        if list(before) != list(after):
            kind = "order" if set(before) == set(after) else "names"
            yield f"{path or 'its schema'} has other {kind}: {', '.join(before)} was recorded, {', '.join(after)} is sent"
    elif before != after:
        yield f"{path} {words_differ(_as_text(before), _as_text(after))}"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _messages(call: RecordedCall, now: PromptParts, texts: Mapping[str, str]) -> str | None:
    if call.messages is None:
        return None
    for at, (name, text) in enumerate(zip(call.messages, now.messages, strict=False), 1):
        if name != part_hash(text):
            return f"message {at} of {len(now.messages)} ({_role(text)}): {_message_differs(texts.get(name), text)}"
    if len(call.messages) != len(now.messages):
        return f"messages: the recorded prompt has {len(call.messages)}, this one has {len(now.messages)}"
    return None


def _role(text: str) -> str:
    return str(json.loads(text).get("role", "of no role"))


def _message_differs(before: str | None, after: str) -> str:
    if before is None:
        return f"{_NOT_KEPT}; sent is {_cut(str(json.loads(after).get('content') or after))}"
    return next(_values_differ(json.loads(before), json.loads(after), ""), "it is written differently")


def _texts_differ(name: str | None, after: str | None, texts: Mapping[str, str]) -> str:
    if name is None or after is None:
        return "the recorded prompt has none" if name is None else "the recorded prompt has one, this one has none"
    return words_differ(texts[name], after) if name in texts else f"it is another ({_NOT_KEPT})"


def words_differ(before: str, after: str) -> str:
    """Return the first words in which two texts differ, with a few of those before them."""
    old, new = before.split(), after.split()
    at = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))
    if old == new:
        return "has other spaces or line ends"
    blocks = difflib.SequenceMatcher(None, old[at : at + 200], new[at : at + 200], autojunk=False).get_opcodes()
    kind, old_from, old_to, new_from, new_to = next(block for block in blocks if block[0] != "equal")
    start = max(at + old_from - _AROUND, 0)
    lead = " ".join(old[start : at + old_from])
    removed, added = " ".join(old[at + old_from : at + old_to]), " ".join(new[at + new_from : at + new_to])
    place = f"after '{lead}': " if lead else "at its start: "
    if kind == "insert":
        return f"{place}'{_cut(added)}' is new"
    if kind == "delete":
        return f"{place}'{_cut(removed)}' is missing"
    return f"{place}'{_cut(removed)}' was recorded, '{_cut(added)}' is sent"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
