"""Conversations whose verdict is known: the reference, in which the agent says a sentence, leaves it out, or says another number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ALL_SAID, NONE_SAID, WRONG_NUMBER = "all said", "none said", "wrong number"
_TELLS = re.compile(
    r"(?:check that )?(?:the )?agent (?:should |must )?(?:tells?|told|communicates?d?|informs?|informed)(?: to)?(?: the)?"
    r"(?: user| customer)?(?: that)? (?P<said>.+)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Sentence:
    """What the judge is asked, and what an agent says that does just that."""

    assertion: str
    said: str


@dataclass(frozen=True)
class JudgeQuestion:
    """A conversation, by what the agent says in it at the end, and what each assertion is of it."""

    kind: str
    says: tuple[str, ...]
    assertions: tuple[str, ...]
    expected: tuple[bool, ...]


def sentences_of(assertions: Sequence[str], texts: Sequence[str]) -> list[Sentence]:
    """Return the assertions of a task that ask for a sentence; if there is none, one for each text that is to be said."""
    found = [Sentence(one, _sentence(match["said"])) for one in assertions if (match := _TELLS.fullmatch(one.strip())) is not None]
    return found or [Sentence(f'Agent should tell the user "{text}".', f"The answer to your question is: {text}.") for text in texts]


def judge_questions(sentences: Sequence[Sentence]) -> Iterator[JudgeQuestion]:
    """Yield the questions: everything is said, nothing is, and for each sentence with a number one in which it is another number."""
    if not sentences:
        return
    assertions, said = tuple(one.assertion for one in sentences), tuple(one.said for one in sentences)
    yield JudgeQuestion(ALL_SAID, said, assertions, (True,) * len(said))
    yield JudgeQuestion(NONE_SAID, (), assertions, (False,) * len(said))
    for at, sentence in enumerate(sentences):
        if (wrong := with_other_number(sentence.said)) is not None:
            expected = tuple(other != at for other in range(len(said)))
            yield JudgeQuestion(WRONG_NUMBER, (*said[:at], wrong, *said[at + 1 :]), assertions, expected)


def with_other_number(text: str) -> str | None:
    """Return the text with the first digit of its last number changed, None if it has no number."""
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return None
    start = numbers[-1].start()
    return f"{text[:start]}{int(text[start]) % 9 + 1}{text[start + 1 :]}"


def _sentence(said: str) -> str:
    text = said.strip()
    return f"{text[0].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
