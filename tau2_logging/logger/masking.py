"""Secrets are masked before anything is written: keys in settings, bearer tokens and key-like strings in text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from tau2_logging.logger.named_secrets import holds_named, mask_named
from tau2_logging.logger.token_forms import holds_form, mask_forms

MASK = "***"
_LONGEST_SECRET = 4096
"""Characters: a secret that begins before a cut is seen whole, if it is no longer."""

_SECRET_NAME = re.compile(
    r"(?:^|[_\-.])(?:api[_\-]?keys?|secrets?(?:[_\-]?key)?|pass(?:word|wd|phrase|code)s?|pwd|tokens?|authorization|auth|credentials?|"
    r"cookies?|private[_\-]?key|(?:subscription|account|signing|encryption)[_\-]?key|access[_\-]?key(?:[_\-]?id)?)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HARMLESS_NAMES = frozenset(f"{word}_token" for word in ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "end_of_text"))
_OPAQUE_NAMES = frozenset(("extra_headers", "default_headers", "headers", "extra_query", "default_query", "extra_body"))
"""Settings in which anything may be a credential, whatever its name: all their texts are masked."""
_LARGEST_NUMBER = 100_000
"""Of opaque settings, numbers as parameters have them are shown."""
_NAME_SIGNS = ("key", "token", "secret", "passw", "passp", "passc", "pwd", "auth", "credential", "cookie", "header", "extra", "default")
"""Each name that makes its value secret holds one of these."""


def mask_text(text: str) -> str:
    """Text with everything that looks like a credential replaced by `***`. Some ms for 200 kB."""
    return mask_signed(text) if has_sign(text) else text


def has_sign(text: str) -> bool:
    """Whether a text holds a credential. Without it, `mask_text` leaves the text as it is. Some microseconds for a short text."""
    return holds_named(text) or holds_form(text)


def may_hold_secret(text: str) -> bool:
    """Whether JSON text may hold a credential, or a name that makes its value one."""
    small = text.lower()
    return any(sign in small for sign in _NAME_SIGNS) or has_sign(text)


def mask_signed(text: str) -> str:
    """`mask_text` without looking for the signs first."""
    return mask_forms(mask_named(text, MASK), MASK)


def mask(value: object) -> object:
    """The same value with secrets masked, by the name of a key and by the look of a text. Containers are copied."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: _mask_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    return value


def _mask_item(name: str, item: object) -> object:
    if is_opaque_name(name):
        return mask_leaves(item)
    return MASK if is_secret_name(name) and item is not None else mask(item)


def mask_leaves(value: object) -> object:
    """The same value with all that may be a credential masked: each text, and numbers that are no parameters. Names are kept."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_name(str(key)) and item is not None else mask_leaves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_leaves(item) for item in value]
    plain = value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER)
    return value if plain else MASK


def is_opaque_name(name: str) -> bool:
    """Whether everything under a setting of this name may be a credential: `extra_headers`, `extra_body`, `default-query`."""
    return name.lower().replace("-", "_") in _OPAQUE_NAMES


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret: `api_key`, `OPENAI_API_KEY`, `secretKey`, but not `max_tokens`, nor a price."""
    plain = name.lower()
    if plain in _HARMLESS_NAMES or plain.endswith(("_per_token", "_tokens")):
        return False
    return bool(_SECRET_NAME.search(_CAMEL.sub("_", name)))


def masked_json(value: object) -> str:
    """JSON text of a value with its secrets masked."""
    return mask_text(json.dumps(mask(value), ensure_ascii=False, default=str))


def masked_argv(argv: list[str]) -> str:
    """A command line as text, with the values of secret flags and secrets inside values masked."""
    words: list[str] = []
    for word in argv:
        secret = bool(words) and words[-1].startswith("--") and is_secret_name(words[-1].lstrip("-"))
        words.append(MASK if secret else _mask_json_word(word))
    return " ".join(words)


def _mask_json_word(word: str) -> str:
    try:
        value = json.loads(word)
    except ValueError:
        return mask_text(word)
    return masked_json(value) if isinstance(value, dict | list) else mask_text(word)


def shorten(text: str, limit: int = 300) -> str:
    """At most `limit` characters; says how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more characters)"


def masked_start(text: str, limit: int = 300) -> str:
    """The first `limit` characters, masked; says how many were left out. A server's error page may be long: the rest is not looked at."""
    if len(text) <= limit:
        return shorten(mask_text(text), limit)
    shown = mask_text(text[: limit + _LONGEST_SECRET])[:limit]
    return f"{shown}... ({len(text) - limit} more characters)"
