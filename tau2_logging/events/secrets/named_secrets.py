"""Credentials in running text that only what is beside them tells of: `password=`, `"api_key": `, `--token `, `Cookie:`, `curl -u`.

A text is not searched for patterns, each of which takes ten milliseconds for 200 kB. It is searched for the words that every such place
holds, which takes a few hundredths of one, and only around those words is it looked at closely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

Span = tuple[int, int]
"""Where a credential starts and ends."""

_NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_LONGEST_NAME = 80
_WORDS = (
    "key",
    "token",
    "secret",
    "passw",
    "passp",
    "passc",
    "pwd",
    "authori",
    "credential",
    "cookie",
    "signature",
    "-auth",
    "_auth",
    "-pass",
)
_HOOKS = ("hooks.slack.com/", "/api/webhooks/", "webhook.office.com/", "api.telegram.org/bot", "api.telegram.org/file/bot")
_SIGNS = (*_WORDS, "bearer", "basic", "://", "mysql", " -u ", "-user")
"""Each text in which something is found holds one of these in small letters, or is one in which `_QUERY` finds something."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CERTAIN = re.compile(
    r"(?:api[_\-]?keys?|secrets?(?:[_\-]?key)?|pass(?:word|wd|phrase|code)s?|pwd|authorization|credentials?|cookies?|"
    r"(?:access|auth|session|refresh|bearer|security)[_\-]?tokens?|(?:private|subscription|account|signing|encryption)[_\-]?key|"
    r"access[_\-]?key(?:[_\-]?id)?)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASS|PWD|CREDENTIALS?|AUTH|COOKIE)")
_LIKELY = re.compile(r"(?:.*[_\-])?(?:token|signature|auth)|\w+-[\w\-]*key", re.IGNORECASE)
_FLAG = re.compile(r"--?(?:[a-z][\w\-]*-)?(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api-?)?key|auth|credentials?)", re.IGNORECASE)
_HARMLESS = frozenset(f"{word}_token" for word in ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop"))

_REST_OF_NAME = re.compile(rf"[A-Za-z0-9_\-]{{0,{_LONGEST_NAME}}}")
_IS = re.compile(r"""\\*["']?\s*(?:=>|[:=])\s*""")
_AFTER_FLAG = re.compile(r"""\s*=\s*|[ \t]+(?!-)|\\*["'],\s*\\*(?=["'][^\-"'])""")
"""Also between the words of a command line that is shown as a list."""
_QUOTED = re.compile(r'"[^"\\\n]{0,4096}(?=")|' + r"'[^'\\\n]{0,4096}(?=')")
_GROUP = re.compile(r"[\[{][^\]}]{0,4096}[\]}]")
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|Digest|ApiKey|SSWS|AWS4-HMAC-SHA256)\s+", re.IGNORECASE)
_VALUE = re.compile(r"""[^\s"',;}&\\<]{3,}""")
_SHELL_WORD = re.compile(r"""["']?([^\s"'\\]{3,})""")
_NOTHING = re.compile(r"(?:\*\*\*|None\b|null\b|true\b|false\b)", re.IGNORECASE)
_COOKIE = re.compile(r"""[^\s=;"',\\]{1,100}=[^"'\r\n\\]{1,4096}""")
_OF_ELEMENT = re.compile(r">([^<>\n]{3,})")
_OF_BEARER = re.compile(  # not "basic economy": a credential is long, or has a digit, or a capital after a small letter
    r"(?i:Bearer|Basic)\s+(?=[^\s\"']*(?:[0-9=]|[a-z][A-Z])|[^\s\"']{20})([A-Za-z0-9._~+/=\-]{6,})"
)
_KEY_BLOCK = re.compile(r"private key[a-z ]*-----(.*?)(?:-----end|\Z)", re.DOTALL)
_LOGIN_IN_ADDRESS = re.compile(r"""://([^\s/@"'<>\\]{1,512}|[^\s/@:"'<>\\]{0,64}:(?![0-9]{1,5}(?:[/?#]|\b))[^\s@"'<>\\]{0,512})@""")
_QUERY = re.compile(r"""[?&][\w.\-\[\]%$~]{1,80}=([^\s&"'<>#\\]+)""")
_LOGIN = re.compile(r"""(?<!\S)(?:-u|--user|--proxy-user)[\s=]+["']?[^\s:"']{1,64}:([^\s"']{3,})""")
_MYSQL = re.compile(r"\bmysql\w*\s(?:[^\n]{0,200}?\s)?-p([^\s\"']{3,})")
_PLAIN = re.compile(r"""[^\s"'<>\\]+""")


def holds_named(text: str) -> bool:
    """Return whether something is found in a text. About a microsecond for one without a sign."""
    small = text.lower()
    for sign in _SIGNS:
        if sign in small:
            return next(_spans(text), None) is not None
    return "=" in text and _QUERY.search(text) is not None


def mask_named(text: str, mask: str) -> str:
    """Return the text with what is found replaced. Some milliseconds for 200 kB."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(_spans(text)):
        start = max(start, done)
        if start < end and text[start:end] != mask:
            parts += (text[done:start], mask)
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _spans(text: str) -> Iterator[Span]:
    small = text.lower()
    if len(small) != len(text):  # some letters have longer small ones
        small = "".join(character.lower() if character.isascii() else character for character in text)
    for word in _WORDS:
        at = small.find(word)
        while at >= 0:
            span = _named(text, at)
            if span is not None:
                yield span
            at = small.find(word, max(at + len(word), 0 if span is None else span[1]))  # what is masked already is not looked at
    for word in ("bearer", "basic"):
        yield from (found.span(1) for at in _all(small, word) if (found := _OF_BEARER.match(text, at)) and _begins_word(text, at))
    if "-----begin" in small:
        yield from (found.span(1) for found in _KEY_BLOCK.finditer(small))
    if "://" in small:
        yield from (found.span(1) for found in _LOGIN_IN_ADDRESS.finditer(text))
        yield from (found.span() for hook in _HOOKS for at in _all(small, hook) if (found := _PLAIN.match(text, at + len(hook))))
    if "=" in text:
        yield from (found.span(1) for found in _QUERY.finditer(text))
    if " -u " in small or "-user" in small:
        yield from (found.span(1) for found in _LOGIN.finditer(text))
    if "mysql" in small:
        yield from (found.span(1) for found in _MYSQL.finditer(text))


def _all(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def _begins_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum() or _escaped(text, at - 1)


def _escaped(text: str, at: int) -> bool:
    """Return whether the letter there is a line end or a tab of JSON text."""
    return at > 0 and text[at] in "nrt" and text[at - 1] == "\\"


def _named(text: str, at: int) -> Span | None:
    """Return the value that belongs to the name of which there is a word at `at`."""
    end = _REST_OF_NAME.match(text, at).end()  # type: ignore[union-attr]  # it matches no letter, too
    sign = _IS.match(text, end)
    before = text[max(0, at - _LONGEST_NAME) : at]
    if sign is None and "-" not in before and text[at] != "-" and text[end : end + 1] != ">":  # neither a flag nor an element
        return None
    start = at - len(before) + len(before.rstrip(_NAME_CHARACTERS))
    start += _escaped(text, start)
    name = text[start:end]
    if text[end : end + 1] == ">" and start and text[start - 1] == "<":
        found = _OF_ELEMENT.match(text, end) if _kind(name) else None
        return found.span(1) if found else None
    if name.startswith("-") and _is_flag(name) and (gap := _AFTER_FLAG.match(text, end)):
        found = _SHELL_WORD.match(text, gap.end())
        return found.span(1) if found else None
    return _value(text, sign.end(), name) if sign is not None else None


@lru_cache(maxsize=1024)
def _kind(name: str) -> str:
    """Return `certain`: whatever follows is a credential. `likely`: it is if it looks like one. Empty: it is none."""
    plain = _CAMEL.sub("_", name).lower()
    if plain in _HARMLESS:
        return ""
    if any(found.end() == len(plain) for found in _CERTAIN.finditer(plain)) or _VARIABLE.fullmatch(name):
        return "certain"
    return "likely" if _LIKELY.fullmatch(plain) else ""


@lru_cache(maxsize=1024)
def _is_flag(name: str) -> bool:
    return _FLAG.fullmatch(name) is not None


def _value(text: str, at: int, name: str) -> Span | None:
    kind = _kind(name)
    if not kind or _NOTHING.match(text, at):
        return None
    if "cookie" in name.lower():
        found = _COOKIE.match(text, _unquoted(text, at))
        return found.span() if found else None
    if kind == "certain" and (found := _GROUP.match(text, at)):
        return found.span()
    if (found := _QUOTED.match(text, at)) is not None:
        start, end = found.start() + 1, found.end()
    else:
        start = _unquoted(text, at)
        start = scheme.end() if (scheme := _SCHEME.match(text, start)) else start
        found = _VALUE.match(text, start)
        end = found.end() if found else start
    if _NOTHING.match(text, start) or not _may_be(text[start:end], kind):
        return None
    return start, end


def _unquoted(text: str, at: int) -> int:
    """Return where a value starts behind its quotes, which may be escaped."""
    following = text[at : at + 4]
    return at + len(following) - len(following.lstrip("\\\"'"))


def _may_be(value: str, kind: str) -> bool:
    if kind == "certain":
        return len(value) >= 3
    return len(value) >= 16 or (len(value) >= 8 and any(map(str.isdigit, value)))
