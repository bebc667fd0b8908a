"""The fields of a ToolExecutionEvent that say what a tool was asked for: size, shape, fit to the signature, what is sensitive.

Most calls give a few plain values (text, numbers) under names that earlier calls of the tool gave too. What follows from names and types
alone is found out once; the values are then searched together, as the JSON text of the arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.events.argument_size import PLAIN_TYPES, as_text, byte_length, complexity, leaves_of
from tau2_logging.logger.content.argument_shape import LARGE_BYTES, Check, Signature, is_file, may_name_file, shape_of
from tau2_logging.logger.content.sensitive import ALL, examine_sensitive, holds_sign, tells

_CALLS_KEPT = 128
_FORMS_KEPT = 64


@dataclass(frozen=True)
class _Form:
    """Names and plain types of arguments, and what follows from them: fields, whether a value has to be compared with the signature,
    whether a name alone may make its value sensitive, or a file."""

    fields: Mapping[str, Any]
    check_values: bool
    telling: bool
    file_names: bool


class CallFields:
    """Of one tool; `signature` is None for one that does not exist."""

    def __init__(self, signature: Signature | None = None) -> None:
        self._signature = signature
        self._forms: dict[tuple[Any, ...], _Form | None] = {}
        self._calls: dict[tuple[str, str], Mapping[str, Any]] = {}

    def of(self, arguments: Mapping[str, Any], masking: str) -> Mapping[str, Any]:
        """Return the fields from `arguments` to `sensitive`, masked as `masking` says. The arguments must not change any more."""
        text = as_text(arguments)
        known = self._calls.get((masking, text))
        if known is None:
            form = self._form(arguments)
            known = self._plain(form, arguments, text, masking) if form is not None else self._any(arguments, text, masking)
            if len(self._calls) < _CALLS_KEPT:
                self._calls[masking, text] = known
        return known

    def _form(self, arguments: Mapping[str, Any]) -> _Form | None:
        key = (*arguments, *map(type, arguments.values()))
        if key in self._forms:
            return self._forms[key]
        form = (
            self._make_form(arguments)
            if all(type(name) is str and type(value) in PLAIN_TYPES for name, value in arguments.items())
            else None
        )
        if len(self._forms) < _FORMS_KEPT:
            self._forms[key] = form
        return form

    def _make_form(self, arguments: Mapping[str, Any]) -> _Form:
        signature = self._signature
        return _Form(
            {
                "argument_count": len(arguments),
                "argument_types": {name: PLAIN_TYPES[type(value)] for name, value in arguments.items()},
                **vars(signature.check_names(arguments) if signature is not None else Check()),
            },
            check_values=signature is not None and not signature.fits_by_type(arguments),
            telling=any(map(tells, arguments)),
            file_names=any(map(may_name_file, arguments)),
        )

    def _plain(self, form: _Form, arguments: Mapping[str, Any], text: str, masking: str) -> Mapping[str, Any]:
        size, number = byte_length(text), len(arguments)
        if form.telling or masking == ALL or holds_sign(text):
            shown, sensitive = examine_sensitive(arguments, leaves_of(arguments), masking)
        else:
            shown, sensitive = arguments, ()
        # a value that is a file's has a point or a colon in it, if it is not its name that says so
        suspect = form.file_names or "." in text or text.count(":") > number
        return {
            **form.fields,
            **(vars(self._signature.check(arguments)) if form.check_values and self._signature is not None else {}),
            "arguments": shown,
            "argument_bytes": size,
            "complexity": complexity(number, 0, size),
            "large": size > LARGE_BYTES,
            "has_file": suspect and any(is_file(name, value) for name, value in arguments.items() if type(value) is str),
            "sensitive": sensitive,
        }

    def _any(self, arguments: Mapping[str, Any], text: str, masking: str) -> Mapping[str, Any]:
        leaves = leaves_of(arguments)
        shown, sensitive = examine_sensitive(arguments, leaves, masking)
        return {
            **vars(self._signature.check(arguments) if self._signature is not None else Check()),
            "arguments": shown,
            **vars(shape_of(arguments, leaves, text)),
            "sensitive": sensitive,
        }
