"""How one value is written after `name=` and read back. A bijection for the values that `canonical` lets through.

A value is a bare token, or a JSON string literal when it holds a space, a quote, `=`, a backslash or anything unprintable, is empty,
or would read back as another type. Inside a literal `=` is written `\\u003d`, so that `grep type=llm_call` cannot be fooled by a value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

from tau2_logging.errors import CodecError

Value = str | int | float | bool
"""What a field can hold; an absent value is left out."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_UNSAFE = re.compile(r'[\s"=\\]')
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?", re.IGNORECASE)
_LARGEST_EXACT = 10**18
_LONGEST_WHOLE_BITS = 10_000
_ABSENT = "-"
_WHOLE = ("int", None)


def canonical(value: object, type_: str | None) -> Value | None:
    """Return the value as the log keeps it: rounded to the field's decimals, text cleaned of lone surrogates, None if there is nothing.

    Numbers that are not finite are absent (a log has no word for them that awk would survive). Anything that is not text, a number
    or a truth value becomes its text: JSON for a container, else `str()`. Whole numbers beyond 10^18 are text too: few readers keep them.
    """
    if value is None:
        return None
    kind = type(value)
    if kind is int and type_ in _WHOLE and -_LARGEST_EXACT <= value <= _LARGEST_EXACT:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    if kind is float or kind is int:
        return _canonical_number(value, type_)  # type: ignore[arg-type]
    if kind is bool:
        return str(value).lower() if type_ == "str" else value  # type: ignore[return-value]
    if kind is str:
        return clean(value)  # type: ignore[arg-type]
    return _canonical_other(value, type_)


def _canonical_number(value: int | float, type_: str | None) -> Value | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT:  # Python refuses to write out whole numbers of more than 4300 digits
        return str(value) if value.bit_length() < _LONGEST_WHOLE_BITS else hex(value)
    if type_ == "str":
        return str(value)
    if type_ == "ms":
        return round(float(value), 3) + 0.0
    if type_ == "usd":
        return round(float(value), 9) + 0.0
    if type_ == "float":
        return float(value)
    return int(value) if type_ == "int" and value == int(value) and abs(value) <= _LARGEST_EXACT else value


def _canonical_other(value: object, type_: str | None) -> Value | None:
    if isinstance(value, str):  # a str-Enum, for one: its value, not its repr
        return clean(str.__str__(value))
    if isinstance(value, Integral):
        return canonical(int(value), type_)
    if isinstance(value, Real):
        with suppress(OverflowError):  # a Fraction beyond what a float holds
            return canonical(float(value), type_)
    return clean(_text_of(value))


def _text_of(value: object) -> str:
    try:
        if isinstance(value, dict | list | tuple):
            return json.dumps(value, ensure_ascii=False, default=str)
        return str(value)
    except Exception:  # a cycle, a key that is no text, a __str__ that fails
        return object.__repr__(value)


def clean(text: str) -> str:
    """Return text that UTF-8 can hold: pairs of surrogates are joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def whole_json(text: str) -> Any:
    """Return the value of a JSON text with every text in it `clean`, names too. Raises what json.loads raises."""
    value = json.loads(text)
    return _cleaned(value) if _SURROGATE.search(text) else value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(item) for name, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def encode_text(text: str) -> str:
    """Return the text of a field that is declared as text: bare if nothing in it could be mistaken, else a literal."""
    if text and text.isprintable() and not _UNSAFE.search(text):
        return text
    return quote(text)


def quote(text: str) -> str:
    """Return a JSON string literal on one line without `=`, spaces allowed inside."""
    return json.dumps(text, ensure_ascii=not text.isprintable()).replace("=", "\\u003d")


def encode_value(value: Value, type_: str | None) -> str:
    """Return one canonical value as a token. Text that would read back as another type is quoted."""
    if isinstance(value, str):
        token = encode_text(value)
        return token if type_ == "str" or token[0] == '"' or isinstance(_infer(token), str) else quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if type_ == "ms":
        return f"{value:.3f}"
    if type_ == "usd":
        return f"{value:.9f}"
    return repr(value)


def decode_value(token: str, type_: str | None) -> Value:
    """Return the value of a token. Raises CodecError for a literal that is not JSON."""
    if token[0] == '"':
        try:
            text = json.loads(token)
        except ValueError as error:
            raise CodecError(f"bad string literal {token[:40]}") from error
        return clean(text)
    if type_ == "str":
        return token
    value = _infer(token)
    if isinstance(value, int) and not isinstance(value, bool) and type_ in ("ms", "usd", "float"):
        return float(value)
    return value


def _infer(token: str) -> Value:
    if token == "true":
        return True
    if token == "false":
        return False
    if _INT.fullmatch(token) and len(token.lstrip("-")) <= 19:
        return int(token)
    if _FLOAT.fullmatch(token) and ("." in token or "e" in token or "E" in token):
        number = float(token)
        return number if math.isfinite(number) else token
    return token


def encoder(type_: str | None) -> Callable[[object], str | None]:
    """Return a function from a raw value to its token (None: leave the field out), fast for the type that is declared."""
    if type_ == "ms":
        return _encode_ms
    if type_ == "str":
        return _encode_str
    if type_ == "int":
        return _encode_int
    return lambda value: _encode_any(value, type_)


def _encode_any(value: object, type_: str | None) -> str | None:
    value = canonical(value, type_)
    return None if value is None else encode_value(value, type_)


def _encode_ms(value: object) -> str | None:
    if type(value) is float and -1e15 < value < 1e15:
        token = f"{value:.3f}"
        return token if token != "-0.000" else "0.000"
    return _encode_any(value, "ms")


def _encode_str(value: object) -> str | None:
    if type(value) is str and value.isascii():
        return value if value.isidentifier() else encode_text(value)
    return _encode_any(value, "str")


def _encode_int(value: object) -> str | None:
    if type(value) is int and -_LARGEST_EXACT <= value <= _LARGEST_EXACT:
        return str(value)
    return _encode_any(value, "int")


def encode_task(task: str | None) -> str:
    """`task=` has a place of its own in every line: `-` stands for no task, a task that is called `-` is quoted."""
    if task is None:
        return _ABSENT
    return quote(task) if task == _ABSENT else encode_text(clean(task))


def decode_task(token: str) -> str | None:
    """Return the inverse of `encode_task`."""
    return None if token == _ABSENT else str(decode_value(token, "str"))


def encode_type(type_: str) -> str:
    """Return the token after `type=`, which is text like any other."""
    return encode_text(clean(type_))
