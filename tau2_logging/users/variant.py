"""What a variant is: a text about manner, put into the simulator's system prompt before the scenario, and what it should change.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError

MARKERS = ("cue_phrases", "exclamations", "politeness", "hedges", "questions", "words", "sentiment")
"""What is counted in a user's messages to see whether a variant has changed how it writes (docs/experiments.md says how)."""

UP, DOWN = "up", "down"
BEGIN, END = "<manner>\n", "\n</manner>\n\n"
FRAME = (
    "This is about your manner of writing and about nothing else. What you want, what you know, what you agree to and when the "
    "conversation ends are as the guidelines and the scenario say: add no wish, no fact and no condition, answer what you are asked, "
    "and do not end the conversation because of your mood."
)
"""Ends the text of every variant."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Variant:
    """`manner` is the text (empty for tau2's own simulator), `cues` phrases of it that a customer of this kind writes, `expect` which
    markers have to go up or down against the control for the variant to count as delivered.
    """

    name: str
    manner: str = ""
    cues: tuple[str, ...] = ()
    expect: Mapping[str, str] = field(default_factory=dict)
    about: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UserError(f"variant name {self.name!r} cannot be used; give a lower-case word: letters, digits, _ and -, at most 40")
        for marker, way in self.expect.items():
            if marker not in MARKERS:
                raise UserError(f"variant {self.name}: expects a change of {marker!r}, which is no marker; there are {', '.join(MARKERS)}")
            if way not in (UP, DOWN):
                raise UserError(f"variant {self.name}: expects {marker} to go {way!r}; give up or down")

    @property
    def text(self) -> str:
        """The manner and the frame around it, as the model reads them; empty for the control."""
        return f"{self.manner.strip()}\n\n{FRAME}" if self.manner.strip() else ""

    @property
    def block(self) -> str:
        """The text with its marks, as it is in the prompt; empty for the control."""
        return f"{BEGIN}{self.text}{END}" if self.text else ""

    def as_json(self) -> dict[str, Any]:
        """For run.json and plan files."""
        return {"name": self.name, "manner": self.manner, "cues": list(self.cues), "expect": dict(self.expect), "about": self.about}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Variant:
        """From `as_json`, or an item of a YAML file. Raises UserError for what it cannot be."""
        values = dict(data)
        unknown = sorted(values.keys() - {"name", "manner", "cues", "expect", "about"})
        name = values.get("name")
        if unknown:
            raise UserError(f"variant {name}: no setting {unknown[0]!r}; there are manner, cues, expect and about")
        for key, kind in (("name", str), ("manner", str), ("about", str), ("expect", Mapping)):
            if key in values and not isinstance(values[key], kind):
                raise UserError(f"variant {name}: {key} is {values[key]!r}; give {'text' if kind is str else 'markers with up or down'}")
        cues = values.get("cues", ())
        if isinstance(cues, str) or not all(isinstance(cue, str) and cue.strip() for cue in cues):
            raise UserError(f"variant {name}: cues is {cues!r}; give a list of phrases")
        return cls(**{**values, "cues": tuple(cues)})
