"""The fields of a ToolExecutionEvent that say what a tool returned."""

from __future__ import annotations

import re
from typing import Any

from tau2_logging.events.argument_size import byte_length
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.logger.content.sensitive import masked_text

_PREVIEW, _LONGEST_MESSAGE = 200, 500
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = {"": "empty", "null": "null", "None": "null", "true": "boolean", "false": "boolean", "True": "boolean", "False": "boolean"}


def result_fields(text: str, failed: bool, masking: str) -> dict[str, Any]:
    """Return size, kind and start of a result; of a failed call also the error text, masked and shortened."""
    return {
        "error_message": shorten(masked_text(text, masking), _LONGEST_MESSAGE) if failed else None,
        "result_bytes": byte_length(text),
        "result_type": look_of(text),
        "result_preview": masked_text(text[: 2 * _PREVIEW], masking)[:_PREVIEW],
    }


def look_of(text: str) -> str:
    """Return what a result looks like from outside: object, array, number, boolean, null, text or empty. It is not parsed."""
    text = text.strip()
    for ends, name in (("{}", "object"), ("[]", "array")):
        if text[:1] == ends[0] and text[-1:] == ends[1]:
            return name
    return _WORDS.get(text) or ("number" if _NUMBER.fullmatch(text) else "text")
