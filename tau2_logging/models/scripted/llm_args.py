"""Arguments of the scripted models (`--agent-llm-args` and its siblings), checked at the edge."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import is_of_real_models

FAULTS = (
    "invalid_args",
    "unknown_tool",
    "malformed_json",
    "unknown_expert",
    "empty_reply",
    "rate_limit",
    "server_error",
    "timeout",
    "loop",
)
LOOP = "loop"
"""The one fault that is not drawn per call: its rate is the share of simulations in which the agent repeats its first call forever."""

_LATENCY = ("ttft_ms", "tpot_ms", "spread")
_SHARES = ("bad_writes", "bad_when_told", "lapse", "gives_up", "invents", "wrong_verdicts")
USER_FAULTS = ("hangs_up", "wrong_fact", "withholds", "changes_mind")
"""What the user can do wrong on purpose; each is the share of simulations in which it does."""
JUDGE_FAULTS = ("empty_verdict", "contradicts", "miscounts", "fails")
"""The same of the judge; each is the share of conversations that it judges."""
READING_FAULTS = ("false_pass", "false_fail", "against_own_words", "no_verdict", "not_json")
"""What a judge that reads can do wrong, by `reading_faults`."""

_OF_ALL = ("ttft_ms", "tpot_ms", "spread", "faults", "seed")
KNOBS: Mapping[str, tuple[str, ...]] = {
    "agent": (*_OF_ALL, "bad_writes", "bad_when_told", "context_limit", "lapse", "gives_up", "gives_up_when"),
    "user": (*_OF_ALL, *USER_FAULTS),
    "judge": (*_OF_ALL, *JUDGE_FAULTS, "reading_faults", "met_if", "wrong_verdicts"),
    "expert": _OF_ALL,
    "reader": (*_OF_ALL, "invents"),
}
"""The settings that each scripted model takes."""


def check_knobs(role: str, arguments: Iterable[str]) -> None:
    """Raise UserError for an argument that this scripted model does not take, nor any real one: it would change nothing."""
    known = KNOBS[role]
    for name in arguments:
        if name in known or is_of_real_models(name):
            continue
        owner = next((other for other, names in KNOBS.items() if name in names), None)
        if owner is not None:
            raise UserError(f"scripted/{role} has no setting {name!r}, which is one of scripted/{owner}; it has {', '.join(known)}")
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UserError(f"scripted/{role} has no setting {name!r}; {hint}it has {', '.join(known)}")


@dataclass(frozen=True)
class ScriptedSettings:
    """`ttft_ms` to the first token, `tpot_ms` for each token after it, both times a lognormal factor with sigma `spread` and median 1.

    `faults` gives the rate of each fault per call (of `loop` per simulation); their sum is at most 1. `seed` makes all of it repeatable.

    Two weaknesses of the agent, for trying out agents that make up for them (see `weakness`). `bad_writes`: share of its calls of write
    tools whose arguments are wrong; `bad_when_told`: the same once it has been told what the tool takes, or that a value does not exist.
    `context_limit`: prompt tokens from which on it loses the thread, `lapse`: the share of its calls beyond that in which it does.

    An effect of the customer on the agent, for trying out experiments: `gives_up` is the share of simulations in which the agent does
    nothing that it was asked for, `gives_up_when` what is added to it if the customer has written certain words. The same trial of a
    task draws alike in every arm, so that `{"gives_up": 0.2, "gives_up_when": {"unacceptable": 0.3}}` is an effect of -0.3 on success.

    Faults of the user, for trying out who is blamed for a failure: `hangs_up`, `wrong_fact`, `withholds`, `changes_mind`, each the share of
    simulations in which the user commits it; a simulation has at most one (see `user_faults`). `empty_verdict`, `contradicts`, `miscounts`,
    `fails` are those of the judge (see `judge`). `reading_faults`: a judge that reads, with the share of its verdicts in which it commits
    each of READING_FAULTS (see `judge`). `invents`: the share of simulations of which the reader quotes what nobody said.

    Of the judge, for trying out how judges are compared: `met_if`, words that a conversation has to hold for outcomes to be met, and
    `wrong_verdicts`, the share of conversations of which it says the opposite. Another `seed` or share gets others wrong.
    """

    ttft_ms: float = 0.0
    tpot_ms: float = 0.0
    spread: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    bad_writes: float = 0.0
    bad_when_told: float = 0.2
    context_limit: int | None = None
    lapse: float = 1.0
    gives_up: float = 0.0
    invents: float = 0.0
    gives_up_when: Mapping[str, float] = field(default_factory=dict)
    user_faults: Mapping[str, float] = field(default_factory=dict)
    judge_faults: Mapping[str, float] = field(default_factory=dict)
    reading_faults: Mapping[str, float] | None = None
    met_if: str = ""
    wrong_verdicts: float = 0.0

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> ScriptedSettings:
        """From model arguments; those of real models (temperature, ...) are ignored. Raises UserError with the name and the value."""
        latency = {name: _at_least_zero(name, arguments[name]) for name in _LATENCY if arguments.get(name) is not None}
        shares = {name: _share(name, arguments[name]) for name in _SHARES if arguments.get(name) is not None}
        limit = None if arguments.get("context_limit") is None else int(_at_least_zero("context_limit", arguments["context_limit"]))
        faults = _rates(arguments.get("faults") or {}, FAULTS, "faults")
        when = _shares_by_words(arguments.get("gives_up_when") or {})
        return cls(
            **latency,
            **shares,
            context_limit=limit,
            faults=faults,
            gives_up_when=when,
            user_faults=_one_of_shares(USER_FAULTS, arguments),
            judge_faults=_one_of_shares(JUDGE_FAULTS, arguments),
            reading_faults=_reading_faults(arguments.get("reading_faults")),
            met_if=str(arguments.get("met_if") or ""),
            seed=_seed(arguments.get("seed")),
        )

    def draw_fault(self, random_: random.Random) -> str | None:
        """Return which fault this call has, if any. A call that is made again is drawn again."""
        at = random_.random()
        for name, rate in self.faults.items():
            if name != LOOP:
                at -= rate
                if at < 0:
                    return name
        return None

    def loops(self, random_: random.Random) -> bool:
        """Return whether the agent of a simulation loops."""
        return random_.random() < self.faults.get(LOOP, 0.0)

    def drops_the_task(self, heard: str, random_: random.Random) -> bool:
        """Return whether the agent does nothing in a simulation in which the customer has written `heard`."""
        said = heard.lower()
        share = self.gives_up + sum(more for words, more in self.gives_up_when.items() if words.lower() in said)
        return random_.random() < share

    def misjudges(self, conversation: str) -> bool:
        """Return whether the judge gets a conversation wrong."""
        return random.Random(f"{self.seed}|{self.wrong_verdicts}|{conversation}|verdict").random() < self.wrong_verdicts

    def latency_ms(self, tokens: int, random_: random.Random) -> tuple[float, float]:
        """Return (time to first token, time from the first token to the last) of a reply of `tokens` tokens."""
        factor = math.exp(random_.gauss(0.0, self.spread)) if self.spread else 1.0
        return self.ttft_ms * factor, self.tpot_ms * factor * max(tokens - 1, 0)


def _at_least_zero(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise UserError(f"scripted model: {name} is {value!r}; give a number of at least 0")
    return float(value)


def _share(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise UserError(f"scripted model: {name} is {value!r}; give a share from 0 to 1")
    return float(value)


def _shares_by_words(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise UserError(f'scripted model: gives_up_when is {value!r}; give shares by words, as in {{"gives_up_when": {{"angry": 0.2}}}}')
    return {str(words): _share(f"gives_up_when {words!r}", share) for words, share in value.items()}


def _one_of_shares(names: Iterable[str], arguments: Mapping[str, Any]) -> dict[str, float]:
    found = {name: _share(name, arguments[name]) for name in names if arguments.get(name) is not None}
    if sum(found.values()) > 1 + 1e-9:
        raise UserError(f"scripted model: the shares of {', '.join(found)} add up to {sum(found.values()):g}; at most 1 is possible")
    return found


def _reading_faults(faults: Any) -> dict[str, float] | None:
    return None if faults is None else _rates(faults, READING_FAULTS, "reading_faults")


def _rates(faults: Any, known: Sequence[str], argument: str) -> dict[str, float]:
    if not isinstance(faults, Mapping):
        raise UserError(f'scripted model: {argument} is {faults!r}; give rates by name, as in {{"{argument}": {{"{known[0]}": 0.1}}}}')
    for name, rate in faults.items():
        if name not in known:
            raise UserError(f"scripted model: no fault {name!r}; there are {', '.join(known)}")
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 <= rate <= 1:
            raise UserError(f"scripted model: the rate of {name} is {rate!r}; give a number from 0 to 1")
    if sum(faults.values()) > 1 + 1e-9:
        raise UserError(f"scripted model: the fault rates add up to {sum(faults.values()):g}; at most 1 is possible")
    return dict(faults)


def _seed(seed: Any) -> int:
    return seed if isinstance(seed, int) else 0
