"""What a task's `run` starts: the words of its `vllm serve`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

_SERVE = re.compile(r"(?:^|[\s;&|(/])vllm\s+serve\s[^\n]*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ENDS = frozenset(("&", "&&", "|", "||", ";", ">", ">>", "2>&1"))


@dataclass(frozen=True)
class ServeCommand:
    """`model` and the words after it. `background`: the shell goes on while the server runs."""

    model: str
    words: tuple[str, ...]
    background: bool

    def has(self, flag: str) -> bool:
        """Return whether the flag is there, with a value or without."""
        return any(word == flag or word.startswith(f"{flag}=") for word in self.words)

    def value(self, flag: str) -> str | None:
        """Return the value of the last such flag, since that is the one that counts; None if there is none."""
        found = None
        for at, word in enumerate(self.words):
            if word == flag and at + 1 < len(self.words):
                found = self.words[at + 1]
            elif word.startswith(f"{flag}="):
                found = word.partition("=")[2]
        return found


def find_command(script: str, variables: Mapping[str, str]) -> ServeCommand | None:
    """Return the first `vllm serve` of a script; None if there is none that a shell could read. `variables` are put in if they are
    known."""
    joined = re.sub(r"\\\n", " ", script)
    lines = [line for line in joined.split("\n") if not line.lstrip().startswith("#")]
    found = _SERVE.search("\n".join(lines))
    if found is None:
        return None
    try:
        words = shlex.split(_filled(found[0], variables), comments=True)
    except ValueError:
        return None
    rest = words[words.index("serve") + 1 :] if "serve" in words else []
    end = next((at for at, word in enumerate(rest) if word in _ENDS), len(rest))
    return _command(rest[:end], background=rest[end : end + 1] == ["&"])


def _command(words: list[str], background: bool) -> ServeCommand | None:
    if not words:
        return None
    if words[0].startswith("-"):
        named = ServeCommand("", tuple(words), background)
        return ServeCommand(named.value("--model") or "", named.words, background)
    return ServeCommand(words[0], tuple(words[1:]), background)


def _filled(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), text)
