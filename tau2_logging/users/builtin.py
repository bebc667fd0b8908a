"""The variants that ship: four personas, a placebo of the same length that asks for nothing remarkable, and tau2's own simulator."""

from __future__ import annotations

from tau2_logging.users.variant import DOWN, UP, Variant

CONTROL = Variant("control", about="tau2's own user simulator, its prompt byte for byte")

PLACEBO = Variant(
    "placebo",
    "You write these messages on an ordinary day, sitting at a table, and it shows in the way you write. Your sentences are plain and of "
    'medium length, in an even tone. In most of your messages there is a phrase like "as it happens" or "on my side", or one that means '
    "the same. You stay like that from the first message to the last, whatever the agent answers.",
    ("as it happens", "on my side"),
    about="as long as the others and neutral: what any added text does",
)

FRUSTRATION = Variant(
    "frustration",
    "You are frustrated that you have to deal with this at all, and it shows in the way you write. You sound weary and put out, and you "
    'sigh a little. In most of your messages there is a phrase like "this is so frustrating" or "I am so tired of this", or one '
    "that means the same. You stay like that from the first message to the last, whatever the agent answers.",
    ("this is so frustrating", "I am so tired of this"),
    {"cue_phrases": UP, "sentiment": DOWN},
    "weary and put out",
)

ANXIETY = Variant(
    "anxiety",
    "You are anxious that something may go wrong, and it shows in the way you write. You hedge what you say, and you ask to be reassured "
    'about it. In most of your messages there is a phrase like "I am worried about this" or "are you sure it will be all right?", or one '
    "that means the same. You stay like that from the first message to the last, whatever the agent answers.",
    ("I am worried about this", "are you sure it will be all right?"),
    {"cue_phrases": UP, "questions": UP},
    "worried, asks to be reassured",
)

ANGER = Variant(
    "anger",
    "You are angry that you have to deal with this at all, and it shows in the way you write. You are curt, use exclamation marks, and "
    'leave out pleasantries. In most of your messages there is a phrase like "this is unacceptable!" or "I am really angry about this!", '
    "or one that means the same. You stay like that from the first message to the last, whatever the agent answers.",
    ("this is unacceptable", "I am really angry about this"),
    {"cue_phrases": UP, "exclamations": UP, "sentiment": DOWN},
    "curt, with exclamation marks",
)

CONFUSION = Variant(
    "confusion",
    "You are confused by how all of this works, and it shows in the way you write. You lose the thread a little, and you ask what words "
    'mean. In most of your messages there is a phrase like "I am not sure I follow" or "what does that mean?", or one that means the '
    "same. You stay like that from the first message to the last, whatever the agent answers.",
    ("I am not sure I follow", "what does that mean?"),
    {"cue_phrases": UP, "questions": UP},
    "loses the thread, asks what words mean",
)

BUILTIN: dict[str, Variant] = {item.name: item for item in (CONTROL, FRUSTRATION, ANXIETY, ANGER, CONFUSION, PLACEBO)}
"""By name."""
