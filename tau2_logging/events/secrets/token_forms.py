"""Credentials that are known by their look: the forms that providers document.

benchmarks/README.md says why this is a table of our own and not a package for the scanning of repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_RUN = 20
"""A form is, or holds, so many characters of letters, digits, _ and - in a row, if there is no `k-` or `Q~` in it."""
_RUN_BYTES = b"a" * _RUN
_IN_RUN = bytes(97 if re.match(r"[A-Za-z0-9_-]", chr(code)) else 32 for code in range(256))
_SHORTEST = 11
_IN_FORM = bytes(97 if re.match(r"[A-Za-z0-9_\-.~+/=:]", chr(code)) else 32 for code in range(256))
"""Bytes of an ASCII text as `a` where a run, or a form, may go on, else a space: a run is then found
several times faster than by a pattern."""

_FORM = re.compile(
    r"""
    (?<![A-Za-z0-9])
    (?: (?:[spr]k|csk)-[A-Za-z0-9_\-]{8,}                  # OpenAI, Anthropic, OpenRouter, Cerebras and many others
    | (?:gh[pousr]|github_pat|hf|api_org|gsk|xai|nvapi|r8|npm|fw|fm2|figd|ntn|jina|sbp|sb_secret|lsv2|pcsk|tgp_v1|wandb_v1)[_\-]
      [A-Za-z0-9_\-]{17,}
    | (?:dckr_[po]at|lin_(?:api|oauth)|sntry[su]|gl(?:sa|c)|pscale_[a-z]+|do[opr]_v1|shp[a-z]{2}|rubygems|ph[cx]|CCIPAT|bk[a-z]a)_
      [A-Za-z0-9_\-]{16,}[A-Za-z0-9_\-+/=]*
    | (?:gl[a-z]{2,5}|pypi|pplx|tvly|PMA[KT]|GOCSPX|HRKU|NR(?:AK|II|JS|RA)|CFPAT|sq0[a-z]{3}|xkeysib|xapp|sess|bedrock-api-key)-
      [A-Za-z0-9_\-]{16,}
    | (?:[spr]k_(?:live|test|prod)|whsec|duffel_(?:live|test))_[A-Za-z0-9]{14,}[A-Za-z0-9+/]*
    | A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16,}                    # AWS
    | ABSK[A-Za-z0-9]{16,}[A-Za-z0-9+/]{20,}=*
    | AIza[A-Za-z0-9_\-]{20,}                              # Google
    | ya29\.[A-Za-z0-9_\-]{20,}[A-Za-z0-9_\-.]*
    | 1//0[A-Za-z0-9_\-]{30,}
    | [A-Za-z0-9_\-~.]{3}[0-9]Q~[A-Za-z0-9_\-~.]{31,}      # Azure
    | AT(?:ATT|CTT|BB)[A-Za-z0-9_\-]{16,}=?[A-Z0-9]*               # Atlassian
    | xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{15,}           # Slack
    | SG\.[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{16,}
    | [MNO][A-Za-z0-9_\-]{22,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,}   # Discord
    | [0-9]{8,10}:[A-Za-z0-9_\-]{34,36}                    # Telegram
    | (?:SK|AC)[0-9a-f]{32} | key-[0-9a-f]{32} | dapi[0-9a-f]{32}(?:-[0-9])? | [0-9a-f]{32}-us[0-9]{1,2}
    | hv[sbr]\.[A-Za-z0-9_\-]{20,}
    | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-]{40,}
    | dp\.[a-z]{2,6}\.(?:[a-z]+\.)?[A-Za-z0-9]{30,} | dt0[a-z][0-9]{2}\.[A-Z0-9]{20,}\.[A-Z0-9]{40,}
    | v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}
    | pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}
    | EAAA[A-Za-z0-9_\-]{50,} | AGE-SECRET-KEY-1[A-Z0-9]{40,}
    | (?:ops_)?eyJ[A-Za-z0-9_\-]{17,}(?:\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*|[A-Za-z0-9_\-+/=]{100,})   # JSON web token
    )
    """,
    re.VERBOSE,
)


def holds_form(text: str) -> bool:
    """Return whether a text may hold a form. Some tenths of a microsecond for a text without a long word."""
    if "k-" in text or "Q~" in text or _RUN_BYTES in text.encode("ascii", "replace").translate(_IN_RUN):
        return next(_found(text), None) is not None
    return False


def mask_forms(text: str, mask: str) -> str:
    """Return the text with every form replaced. Linear: only words that hold a run, `k-` or `Q~` are looked at closely."""
    parts: list[str] = []
    done = 0
    for start, end in _found(text):
        parts += (text[done:start], mask)
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _found(text: str) -> Iterator[tuple[int, int]]:
    for start, end in _candidates(text):
        if start and text[start - 1] == "\\" and text[start] in "nrt":  # in JSON text a line end is a letter
            start += 1
        for found in _FORM.finditer(text[start:end]):
            yield start + found.start(), start + found.end()


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """Yield where words start and end that may hold a form."""
    plain = text.encode("ascii", "replace")  # a byte for each character
    runs = plain.translate(_IN_RUN)
    signs = [(where, sign, where.find(sign)) for where, sign in ((runs, _RUN_BYTES), (plain, b"k-"), (plain, b"Q~"))]
    signs = [one for one in signs if one[2] >= 0]
    words = plain.translate(_IN_FORM)
    while signs:
        at = min(place for _, _, place in signs)
        start, end = words.rfind(b" ", 0, at) + 1, words.find(b" ", at)
        end = len(words) if end < 0 else end
        if end - start >= _SHORTEST:
            yield start, end
        signs = [(where, sign, where.find(sign, end) if place < end else place) for where, sign, place in signs]
        signs = [one for one in signs if one[2] >= 0]
