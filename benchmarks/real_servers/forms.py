"""Twenty forms in which a model may write a tool call: what `structured_outputs.regex` has a real vLLM generate, whatever its weights.

A server has two parsers of tool calls, one for whole answers and one for streams, and they differ on most of these.
"""

from __future__ import annotations

import json
import re
from typing import Any

_NAME, _CREATE = '"name": "get_users"', '"name": "create_task"'
_ARGUMENTS = '"arguments": {"user_id": "user_1", "title": "Meeting"}'
_GOOD = f"{{{_CREATE}, {_ARGUMENTS}}}"


def _block(inside: str) -> str:
    return f"<tool_call>\n{inside}\n</tool_call>"


FORMS: dict[str, str] = {
    "good": _block(_GOOD),
    "two calls": _block(f'{{{_NAME}, "arguments": {{}}}}') + "\n" + _block(_GOOD),
    "single quotes": _block(_GOOD.replace('"', "'")),
    "no JSON": _block("create_task user_1 Meeting"),
    "no name": _block('{"function": "get_users", "arguments": {}}'),
    "arguments before name": _block(f"{{{_ARGUMENTS}, {_CREATE}}}"),
    "no arguments": _block(f"{{{_NAME}}}"),
    "a list": _block(f'[{{{_NAME}, "arguments": {{}}}}]'),
    "trailing comma": _block(f'{{{_NAME}, "arguments": {{}},}}'),
    "not closed": f"<tool_call>\n{_GOOD}",
    "empty block": _block(""),
    "last brace missing": _block(_GOOD[:-1]),
    "text, then a call": "I will do that.\n" + _block(_GOOD),
    "a call, then text": _block(_GOOD) + "\nIt is done.",
    "arguments are a string": _block(f'{{{_CREATE}, "arguments": {json.dumps(json.dumps({"user_id": "user_1", "title": "Meeting"}))}}}'),
    "arguments are null": _block(f'{{{_NAME}, "arguments": null}}'),
    "arguments are a list": _block(f'{{{_CREATE}, "arguments": ["user_1", "Meeting"]}}'),
    "unknown tool": _block('{"name": "fly_to_the_moon", "arguments": {}}'),
    "no line breaks": f"<tool_call>{_GOOD}</tool_call>",
    "text alone": "What is the title of the task?",
}
"""What the model is made to write, by the form's name."""


def arguments(form: str) -> dict[str, Any]:
    """Arguments of the agent's model that make it write this."""
    return {"temperature": 0, "max_tokens": 128, "extra_body": {"structured_outputs": {"regex": _literally(FORMS[form])}}}


def _literally(text: str) -> str:
    """A regular expression that only this text fits. `re.escape` also escapes blanks, which vLLM's grammars do not know."""
    return re.sub(r"[\\.\[\]{}()*+?^$|]", r"\\\g<0>", text).replace("\n", r"\n")
