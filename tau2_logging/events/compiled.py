"""One function per kind that writes its fields, made from the table.

Writing an event is on the path of everything that is measured, and a loop over the table costs three times what straight-line code
does. So the table is turned into source once, at import, as attrs and dataclasses do for `__init__`:

    def write_fields(get):
        line = ""; seen = 0
        value = get("step")
        if value is not None:
            seen += 1
            line += f" step={value}" if value.__class__ is int and -LIMIT < value < LIMIT else slow("step", value)
        ...
        return line, seen

The fast branch of each type accepts only values whose token is certain; everything else goes through `logfmt`.
"""

from __future__ import annotations

from collections.abc import Callable

from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import encode_text, encoder

WriteFields = Callable[[Callable[[str], object]], tuple[str, int]]

_FAST = {
    "int": 'f" {name}={{value}}" if value.__class__ is int and -LIMIT < value < LIMIT else slow("{name}", value)',
    "ms": 'f" {name}={{value:.3f}}" if value.__class__ is float and 0.0 < value < 1e15 else slow("{name}", value)',
    "bool": '" {name}=true" if value is True else " {name}=false" if value is False else slow("{name}", value)',
    "str": 'f" {name}={{tokens.get(value) or slow_text(value)}}" if value.__class__ is str else slow("{name}", value)',
    "id": 'f" {name}={{value}}" if value.__class__ is str and value.isalnum() and value.isascii() else slow("{name}", value)',
}
_SLOW = 'slow("{name}", value)'
_IDS = frozenset(("span", "parent"))
_CACHE_SIZE = 4096
_TOKENS: dict[str, str] = {}


def slow_field(name: str, value: object) -> str:
    """` name=token` for any value, empty where the value is absent (None, NaN)."""
    token = encoder(field_type(name))(value)
    return "" if token is None else f" {name}={token}"


def text_token(text: str) -> str:
    """Token of a text, remembered: model, function and domain names come again and again."""
    token = encoder("str")(text) or encode_text(text)
    if len(text) < 256:
        if len(_TOKENS) >= _CACHE_SIZE:
            _TOKENS.clear()
        _TOKENS[text] = token
    return token


def compile_fields(names: tuple[str, ...]) -> WriteFields:
    """A function from a mapping's `get` to (the text of these fields in this order, how many of them were there)."""
    lines = ["def write_fields(get):", '    line = ""', "    seen = 0"]
    for name in names:
        type_ = "id" if name in _IDS else field_type(name) or ""
        lines += [
            f'    value = get("{name}")',
            "    if value is not None:",
            "        seen += 1",
            f"        line += {_FAST.get(type_, _SLOW).format(name=name)}",
        ]
    lines.append("    return line, seen")
    namespace: dict[str, object] = {"LIMIT": 10**18, "tokens": _TOKENS, "slow": slow_field, "slow_text": text_token}
    exec("\n".join(lines), namespace)
    return namespace["write_fields"]  # type: ignore[return-value]
