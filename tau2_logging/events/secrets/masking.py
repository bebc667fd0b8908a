"""Secrets are masked before anything is written: keys in settings, bearer tokens and key-like strings in text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tau2_logging.events.call_arguments import MASK, is_opaque_name, is_secret_name, masked_leaves
from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.events.secrets.named_secrets import holds_named, mask_named
from tau2_logging.events.secrets.token_forms import holds_form, mask_forms

__all__ = [
    "MASK", "has_sign", "is_opaque_name", "is_secret_name", "mask", "mask_signed", "mask_text", "masked_json", "masked_start",
    "may_hold_secret", "may_name_secret", "shorten",
]  # fmt: skip
_LONGEST_SECRET = 4096
"""Characters: a secret that starts before a cut is seen whole, if it is no longer."""

_NAME_SIGNS = ("key", "token", "secret", "passw", "passp", "passc", "pwd", "auth", "credential", "cookie", "header", "extra", "default")
"""Each name that makes its value secret holds one of these."""


def mask_text(text: str) -> str:
    """Return text with everything that looks like a credential replaced by `***`. Some ms for 200 kB."""
    return mask_signed(text) if has_sign(text) else text


def has_sign(text: str) -> bool:
    """Return whether a text holds a credential. Without it, `mask_text` leaves the text as it is. Some microseconds for a short text."""
    return KNOWN.within(text) or holds_named(text) or holds_form(text)


def may_hold_secret(text: str) -> bool:
    """Return whether JSON text may hold a credential, or a name that makes its value one."""
    return may_name_secret(text) or has_sign(text)


def may_name_secret(name: str) -> bool:
    """Return whether a name may be one that makes its value a secret."""
    small = name.lower()
    return any(sign in small for sign in _NAME_SIGNS)


def mask_signed(text: str) -> str:
    """Return `mask_text` without looking for the signs first."""
    return mask_forms(mask_named(KNOWN.hidden(text, MASK), MASK), MASK)


def mask(value: object) -> object:
    """Return the same value with secrets masked, by the name of a key and by the look of a text. Containers are copied."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: _mask_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    return value


def _mask_item(name: str, item: object) -> object:
    if is_opaque_name(name):
        return masked_leaves(item)
    return MASK if is_secret_name(name) and item is not None else mask(item)


def masked_json(value: object) -> str:
    """Return JSON text of a value with its secrets masked."""
    return mask_text(json.dumps(mask(value), ensure_ascii=False, default=str))


def shorten(text: str, limit: int = 300) -> str:
    """At most `limit` characters; says how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more characters)"


def masked_start(text: str, limit: int = 300) -> str:
    """Return the first `limit` characters, masked; says how many were left out. A server's error page may be long: the rest is not looked
    at."""
    if len(text) <= limit:
        return shorten(mask_text(text), limit)
    shown = mask_text(text[: limit + _LONGEST_SECRET])[:limit]
    return f"{shown}... ({len(text) - limit} more characters)"
