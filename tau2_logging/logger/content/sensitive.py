"""Sensitive values in arguments and texts: found by the words of a name and by the look of a value, and masked.

Two families. Secrets (credentials) are masked by default. Personal data (card numbers, e-mail, telephone, date of birth) is found and
named, but masked only on request: an analysis of what an agent did wrong often needs to see it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tau2_logging.events.argument_size import Leaves, leaves_of
from tau2_logging.events.secrets.masking import MASK, has_sign, is_opaque_name, is_secret_name, mask, mask_text
from tau2_logging.events.structured import Sensitive
from tau2_logging.logger.content.argument_shape import words_of

SECRET, CARD, EMAIL, PHONE, BIRTH = "secret", "card_number", "email", "phone", "date_of_birth"

NONE, SECRETS, ALL = "none", "secrets", "all"
"""What is masked: nothing, credentials (the default), personal data as well."""
LEVELS = (NONE, SECRETS, ALL)

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])|(?<![\w.+-])\+\d{10,15}(?!\w)")
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
_NUMBER = re.compile(r"\d{3}[ .-]\d{4}|\+\d{10}|\d(?:[ -]?\d){12}")
"""In every telephone and card number that is found without a name that tells of it; not in the seven to ten digits of an id."""
_APART = "\n\n\n"
"""Between texts that are looked at together: no sign holds it, and no run of digits goes on after it."""
_TELLING = frozenset(("dob", "birth", "birthdate", "birthday", "phone", "telephone", "mobile", "fax", "cvv", "cvc", "pin"))
_PHONE_WORDS = frozenset(("phone", "telephone", "mobile", "fax"))
_NO_PHONE_WORDS = frozenset(("type", "model", "name", "id", "status"))
_DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
_BIRTH = re.compile(rf"""(\b(?:dob|birth_?dates?|date_of_birth|birthdays?)\b\\*["']?\s*[:=]\s*\\*["']?){_DATE}""", re.IGNORECASE)
_DATE_ONLY = re.compile(rf"{_DATE}(?:[T ].*)?")


to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""`json.dumps` as the log has it."""


def find_sensitive(arguments: Mapping[str, Any], leaves: Leaves | None = None) -> tuple[Sensitive, ...]:
    """Return the arguments that hold something sensitive, each with its kind; nested ones by their path."""
    leaves = leaves_of(arguments) if leaves is None else leaves
    found = [(name, kind_of(name, value)) for name, value in leaves if is_suspect(name, value)]
    return tuple(Sensitive(name, kind) for name, kind in found if kind is not None)


def examine_sensitive(arguments: Mapping[str, Any], leaves: Leaves, level: str) -> tuple[Mapping[str, Any], tuple[Sensitive, ...]]:
    """Return arguments with what `level` says masked, the same ones if there is nothing to mask, and `find_sensitive` of them.

    All texts are looked at together first; mostly there is nothing to see, and that takes a few microseconds.
    """
    text = _APART.join([value if type(value) is str else str(value) for _, value in leaves])
    told = any(map(tells, _keys(arguments)))
    signs = has_sign(text)
    found = find_sensitive(arguments, leaves) if told or signs or _may_be_personal(text) else ()
    return masked(arguments, level) if told or signs or level == ALL else arguments, found


def tells(key: str) -> bool:
    """Return whether a key alone may make what is under it sensitive."""
    return is_telling(key) or is_secret_name(key) or is_opaque_name(key)


def holds_sign(text: str) -> bool:
    """Return whether there may be something sensitive in values, or in the JSON text of them, under keys none of which `tells`."""
    return has_sign(text) or _may_be_personal(text)


def _may_be_personal(text: str) -> bool:
    return "@" in text or _NUMBER.search(text) is not None


def _keys(value: Any) -> list[str]:
    """Return the keys of all objects in a value."""
    if isinstance(value, Mapping):
        return [*map(str, value), *(key for item in value.values() if type(item) is not str for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list | tuple) else []


def is_suspect(name: str, value: Any) -> bool:
    """Return whether `kind_of` has anything to look at: a name it knows, a sign of a credential, an @, a number. Costs a microsecond."""
    if value is None or isinstance(value, bool):
        return False
    text = str(value)
    return _may_be_personal(text) or is_telling(name.rpartition(".")[2]) or _is_under_opaque(name) or has_sign(text)


@lru_cache(maxsize=4096)
def is_telling(name: str) -> bool:
    """Return whether a name alone may make its value sensitive."""
    last = name.partition("[")[0]
    return is_secret_name(last) or bool(_TELLING.intersection(words_of(last)))


@lru_cache(maxsize=4096)
def _is_under_opaque(name: str) -> bool:
    """Return whether a path leads through `headers` or its like, all of whose texts are masked."""
    return any(is_opaque_name(part.partition("[")[0]) for part in name.split("."))


def kind_of(name: str, value: Any) -> str | None:
    """Return what kind of sensitive value is under a name, None for nothing."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    text = str(value)
    last = name.rpartition(".")[2].partition("[")[0]
    if _is_under_opaque(name) and isinstance(value, str):
        return SECRET
    if is_secret_name(last) or words_of(last)[-1:] in (("cvv",), ("cvc",), ("pin",)) or mask_text(text) != text:
        return SECRET
    if _is_birth_name(last) and _DATE_ONLY.fullmatch(text.strip()):
        return BIRTH
    return _personal_kind(last, text)


def _is_birth_name(name: str) -> bool:
    words = words_of(name)
    return bool({"dob", "birthdate", "birthday"}.intersection(words)) or ("birth" in words and "place" not in words)


def _personal_kind(name: str, text: str) -> str | None:
    words = frozenset(words_of(name))
    if len(text) > 12 and any(is_card_number(found[0]) for found in _DIGITS.finditer(text)):
        return CARD
    if "@" in text and _EMAIL.search(text):
        return EMAIL
    named = _PHONE_WORDS & words and not words & _NO_PHONE_WORDS
    if _PHONE.search(text) or (named and 7 <= sum(map(str.isdigit, text)) <= 15):
        return PHONE
    return None


def is_card_number(text: str) -> bool:
    """Return 13 to 19 digits, not all the same, whose Luhn sum (ISO/IEC 7812-1) ends in 0. Spaces and hyphens between them do not count."""
    digits = [int(character) for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def mask_personal(text: str) -> str:
    """Return a text without e-mail addresses, telephone and card numbers, and dates of birth if they are called so."""
    text = _DIGITS.sub(lambda found: MASK if is_card_number(found[0]) else found[0], text)
    return _BIRTH.sub(rf"\1{MASK}", _PHONE.sub(MASK, _EMAIL.sub(MASK, text)))


def masked(value: Any, level: str) -> Any:
    """Return a JSON value with what `level` says masked. Containers are copied."""
    if level == NONE:
        return value
    value = mask(value)
    return _mask_values(value, "") if level == ALL else value


def masked_text(text: str, level: str) -> str:
    """Return a text with what `level` says masked."""
    if level == NONE:
        return text
    text = mask_text(text)
    return mask_personal(text) if level == ALL else text


def masked_as_json(value: Any, level: str, text: str | None = None) -> str:
    """Return a value as JSON with what `level` says masked. `text` is the JSON of it, if the caller has it.

    Mostly there is nothing to mask, which three looks tell: at the keys, at the JSON, and at all texts of the value together, if the JSON
    holds them in another way.
    """
    text = to_json(value) if text is None else text
    if level == NONE or (
        level == SECRETS and not _holds_telling_key(value) and not has_sign(text) and not _holds_escaped_sign(value, text)
    ):
        return text
    return masked_text(to_json(masked(value, level)), level)


def _holds_escaped_sign(value: Any, text: str) -> bool:
    return "\\" in text and has_sign(_APART.join(_texts(value)))


def _holds_telling_key(value: Any) -> bool:
    if isinstance(value, Mapping):
        if any(is_secret_name(key) or is_opaque_name(key) for key in map(str, value)):
            return True
        return any(_holds_telling_key(item) for item in value.values() if type(item) is not str)
    return isinstance(value, list | tuple) and any(map(_holds_telling_key, value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _mask_values(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _mask_values(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask_values(item, name) for item in value]
    if kind_of(name, value) in (BIRTH, PHONE, SECRET):
        return MASK
    return mask_personal(value) if isinstance(value, str) else MASK if kind_of(name, value) else value
