"""Secrets are masked before anything is written: keys in settings, bearer tokens and key-like strings in text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "***"
_LONGEST_SECRET = 4096
"""Characters: a secret that begins before a cut is seen whole, if it is no longer."""

_SECRET_NAME = re.compile(
    r"(?:^|[_\-.])(?:api[_\-]?key|apikey|secret|secrets|password|passwd|token|authorization|auth|credentials?|private[_\-]?key|"
    r"access[_\-]?key(?:[_\-]?id)?)$",
    re.IGNORECASE,
)
_HARMLESS_NAMES = frozenset(f"{word}_token" for word in ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "end_of_text"))
_SECRET_TEXT = re.compile(
    r"""
      \b(?:sk|pk|rk)-[A-Za-z0-9_\-]{8,}                    # OpenAI, Anthropic and many others
    | \bAIza[0-9A-Za-z_\-]{20,}                            # Google
    | \b(?:gh[pousr]|hf|gsk|xai|nvapi|r8)[_\-][A-Za-z0-9_\-]{10,}
    | \bAKIA[0-9A-Z]{12,}                                  # AWS
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*   # JSON web token
    """,
    re.VERBOSE,
)
_BEARER = re.compile(  # not "basic economy": a credential is long, or has a digit, or a capital after a small letter
    r"\b((?i:Bearer|Basic))\s+(?=[^\s\"']*(?:[0-9=]|[a-z][A-Z])|[^\s\"']{20})[A-Za-z0-9._~+/=\-]{6,}"
)
_ASSIGNED = re.compile(
    r"""((?:api[_\-]?key|secret|password|passwd|authorization|credentials?|(?:access|auth|session|refresh|bearer)[_\-]?token|private[_\-]?key|"""
    r"""access[_\-]?key(?:[_\-]?id)?)\\*["']?\s*[:=]\s*\\*["']?(?:(?:Bearer|Basic|Token)\s+)?)(?!\*\*\*|None\b|null\b)[^\s"',;}&\\]{3,}""",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"""((?<![A-Za-z0-9_])token\\*["']?\s*[:=]\s*\\*["']?)[^\s"',;}&\\]{16,}""", re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")


_SIGNS = (
    "secret", "password", "passwd", "authorization", "credential", "token", "://", "akia", "aiza", "eyj",
    *(f"{kind}{joint}key" for kind in ("api", "private", "access") for joint in ("", "_", "-")), "sk-", "pk-", "rk-",
    *(f"{prefix}{joint}" for prefix in ("ghp", "gho", "ghu", "ghs", "ghr", "hf", "gsk", "xai", "nvapi", "r8") for joint in "_-"),
)  # fmt: skip
"""Every credential that is looked for holds one of these, whatever the case, or one that is `_SPOKEN`: looking for them first takes a
twentieth of the time."""
_SPOKEN = re.compile(r"(?:bearer|basic)[\s\\]")
"""Not basic_economy. In JSON text, white space may be a backslash and a letter."""


_ROUGH = (
    "key", "token", "secret", "passw", "auth", "credential", "bearer", "basic", "://", "akia", "aiza", "eyj", "k-", "gh", "hf", "gsk",
    "xai", "nvapi", "r8",
)  # fmt: skip
"""Each sign holds one of these. A loop over a few takes half the time of one over all."""


def mask_text(text: str) -> str:
    """Text with everything that looks like a credential replaced by `***`."""
    return mask_signed(text) if has_sign(text) else text


def has_sign(text: str) -> bool:
    """Whether a text may hold a credential. Without it, `mask_text` leaves the text, and any part of it, as it is. About a microsecond."""
    small = text.lower()
    for rough in _ROUGH:
        if rough in small:
            return any(sign in small for sign in _SIGNS) or _SPOKEN.search(small) is not None
    return False


def may_hold_secret(text: str) -> bool:
    """Whether JSON text may hold a credential, or a name that makes its value one: each such name holds a rough sign, too."""
    small = text.lower()
    return any(rough in small for rough in _ROUGH)


def mask_signed(text: str) -> str:
    """`mask_text` without looking for the signs first."""
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    text = _TOKEN.sub(rf"\1{MASK}", text)
    text = _ADDRESS.sub(rf"\1{MASK}@", text)
    return _SECRET_TEXT.sub(MASK, text)


def mask(value: object) -> object:
    """The same value with secrets masked, by the name of a key and by the look of a text. Containers are copied."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_name(str(key)) and item is not None else mask(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    return value


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret: `api_key`, `OPENAI_API_KEY`, `auth`, but not `max_tokens`, nor a price per token."""
    return bool(_SECRET_NAME.search(name)) and name.lower() not in _HARMLESS_NAMES and not name.lower().endswith("_per_token")


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
