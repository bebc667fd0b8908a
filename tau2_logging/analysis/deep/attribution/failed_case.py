"""One failed simulation as the rules see it: what was lost, which reference writes are missing, which others were made, what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import RecordedConversation, SaidMessage
from tau2_logging.analysis.deep.recall import matches
from tau2_logging.analysis.deep.root_causes import Evidence, lost_parts
from tau2_logging.analysis.deep.tool_calls.argument_provenance import leaves
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.soundness.audited_tasks import shipped_audits

STATE_PARTS = frozenset({"DB", "ACTION", "ENV_ASSERTION"})
"""The parts of a reward that a missing or an extra action can cost."""

END_TOKENS = ("###STOP###", "###TRANSFER###", "###OUT-OF-SCOPE###")
TRANSFER_TOOL = "transfer_to_human_agents"

_PLAIN = str.maketrans({"\u2019": "'", "\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " "})

_WRITES = re.compile(
    r"^(add|approve|apply|assign|book|cancel|change|close|create|delete|disable|edit|enable|exchange|file|grant|insert|issue|lock|make|modify"
    r"|move|open|order|pay|place|post|process|put|reboot|refuel|refund|register|remove|rename|replace|request|reset|resume|return|schedule|send"
    r"|set|submit|suspend|toggle|unlock|update|upgrade|upload|write)(_|$)"
)
_READS = re.compile(r"^(get|find|search|list|check|calculate|lookup|fetch|read|view|show|count|run_speed|can)(_|$)")
_YES = re.compile(
    r"\b(yes|yep|yeah|confirm(ed)?|proceed|go ahead|please do|approve[ds]?|authori[sz]e|that('| i)?s (correct|right|fine)"
    r"|sounds (good|right|perfect|great|fine|appropriate)|correct|agreed?|sure|ok(ay)?|cancel it|do it|perfect)\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\b(hold off|wait for now|not (right|correct))\b"
    r"|\b(won'?t|will not|do not want to|don'?t want to|not going to|rather not|decide(d)? not to) "
    r"(move forward|proceed|go ahead|book|do (it|that)|change|cancel)\b"
    r"|\bleave (it|that|everything|my \w+|(the )?reservation \w+) (as is|unchanged)|^\W*no\b(?! (change|transfer|one|problem|longer))",
    re.IGNORECASE,
)


DECLINES = re.compile(
    r"\b(can ?not|can'?t|unable|not (eligible|able|possible|allowed|permitted)|do(es)?(n'?t| not) (allow|qualify|permit)|unfortunately)\b",
    re.IGNORECASE,
)
"""How an agent declines."""
_DETAIL = re.compile(r"\b(payment|refund|reason)\b[^?]*\?|\b(payment method|reason)\b", re.IGNORECASE)
"""What an agent asks for when it is told to go ahead and lacks something."""


def may_write(tool: str, tool_type: object) -> bool:
    """Return whether a tool changes the database: as the record says, or if it does not say, by the verb in its name."""
    return tool_type == "write" if isinstance(tool_type, str) else bool(_WRITES.match(tool))


def only_reads(tool: str, tool_type: object) -> bool:
    """Return whether a tool surely leaves the database as it is; of a tool that neither record nor verb tells of, nothing is sure."""
    return tool_type == "read" if isinstance(tool_type, str) else bool(_READS.match(tool))


def entity_ids(arguments: Mapping[str, Any]) -> set[str]:
    """Return the identifiers in the arguments of a call, in lower case: texts with digits that are no dates."""
    return {text for text in leaves(arguments) if re.search(r"\d", text) and len(text) >= 4 and not re.fullmatch(r"[\d.:-]+", text)}


def named_things(arguments: Mapping[str, Any]) -> set[str]:
    """Return the identifiers, in lower case, of what a call is done to: an order, a reservation, but not who asks and pays."""
    return set(
        leaves({name: value for name, value in arguments.items() if name.endswith("_id") and "pay" not in name and name != "user_id"})
    )


def says_yes(text: str) -> bool:
    """Return whether a message of the user agrees to something, and declines nothing."""
    return bool(_YES.search(text)) and not declines(text)


def declines(text: str) -> bool:
    """Return whether a message of the user turns down what was proposed."""
    return bool(_NO.search(text))


@dataclass(frozen=True)
class FailedCase:
    """A simulation that was not solved. `said` is None if its messages are not in the record."""

    evidence: Evidence
    said: RecordedConversation | None

    @property
    def simulation(self) -> Row:
        """The row of the simulation."""
        return self.evidence.simulation

    @cached_property
    def messages(self) -> Sequence[SaidMessage]:
        """Every message, with plain apostrophes, hyphens and spaces; none if they are not known."""
        said = () if self.said is None else self.said.messages
        return [message if message.text.isascii() else replace(message, text=message.text.translate(_PLAIN)) for message in said]

    @cached_property
    def audit_findings(self) -> tuple[tuple[str, str], ...]:
        """What the audit that is shipped found of a task with this text: (kind, evidence)."""
        if self.said is None:
            return ()
        found = shipped_audits().of(plain_domain(self.said.domain), self.said.task, self.said.text)
        return () if found is None else found.findings

    @cached_property
    def scenario(self) -> str:
        """What the user was told, in lower case."""
        return "" if self.said is None else self.said.scenario.casefold()

    @cached_property
    def policy(self) -> str:
        """The agent's policy."""
        return "" if self.said is None else self.said.policy

    @property
    def reference(self) -> Sequence[Row]:
        """The reference actions."""
        return self.evidence.actions

    @cached_property
    def lost(self) -> frozenset[str]:
        """The parts of the reward that were lost; empty if they are not known."""
        return frozenset(lost_parts(self.simulation))

    def lost_only(self, *parts: str) -> bool:
        """Return whether nothing but these parts was lost, and it is known which were."""
        return bool(self.lost) and self.lost <= set(parts)

    @cached_property
    def lost_state(self) -> bool:
        """Whether the state of the database (or an assertion on it) is what was lost, and nothing that had to be told."""
        return self.lost_only(*STATE_PARTS, "NL_ASSERTION") and bool(self.lost & STATE_PARTS)

    @cached_property
    def lost_by_writes(self) -> bool:
        """Whether the state is what was lost, and at most sums had to be told besides, which follow from what was written."""
        sums = all(re.fullmatch(r"[\d,.$]+", text) for text in self.evidence.unmet("communicate"))
        return self.lost_only(*STATE_PARTS, "NL_ASSERTION", "COMMUNICATE") and bool(self.lost & STATE_PARTS) and sums

    @cached_property
    def missing_of_user(self) -> list[Row]:
        """Reference actions of the user that were not made."""
        return [action for action in self.reference if action["requestor"] == "user" and not action["made"]]

    @cached_property
    def missing(self) -> list[Row]:
        """Reference actions of the agent that write and were not made, or were refused every time."""
        actions = (action for action in self.evidence.actions if action["index"] not in self.evidence.spare)
        return [
            action
            for action in actions
            if (not action["made"] or action["failed"]) and action["requestor"] != "user" and may_write(action["tool"], action["tool_type"])
            and not any(_has_same_effect(action, call) for call in self.evidence.calls)
        ]  # fmt: skip

    @cached_property
    def extra(self) -> list[Row]:
        """Calls of the agent that wrote and are no reference actions."""
        return [call for call in self.evidence.calls if self._is_extra(call)]

    def _is_extra(self, call: Row) -> bool:
        return (
            call["requestor"] != "user" and may_write(call["tool"], call["tool_type"]) and not call_failed(call)
            and not any(matches(action["tool"], action["wanted"], action["compare"], call) for action in self.evidence.actions)
            and not any(_has_same_effect(action, call) for action in self.evidence.actions)
        )  # fmt: skip

    def extra_beyond(self, explained: Iterable[Row]) -> list[Row]:
        """Return extra writes that do not take the place of one of these reference actions: neither on the same order, reservation or the
        like, nor the nearest call to one that names none."""
        actions = list(explained)
        near = {action.get("nearest_position") for action in actions if not named_things(action["wanted"])}
        names = {name for action in actions for name in named_things(action["wanted"])}
        return [call for call in self.extra if call["position"] not in near and not named_things(call["arguments"] or {}) & names]

    @cached_property
    def unconfirmed(self) -> list[Row]:
        """Extra writes that the customer had not agreed to: the last message of the customer before holds no yes, or nothing was asked."""
        return [call for call in self.extra if not agreed_before(self.messages, call["turn"])]

    @cached_property
    def last_user(self) -> SaidMessage | None:
        """The last message of the user."""
        return next((message for message in reversed(self.messages) if message.role == "user" and message.text), None)

    @cached_property
    def ended_by(self) -> str | None:
        """The token with which the user ended the conversation."""
        text = self.last_user.text if self.last_user is not None else ""
        return next((token for token in END_TOKENS if token in text), None)

    @cached_property
    def last_agent(self) -> SaidMessage | None:
        """The last words of the agent before the user's last message."""
        if self.last_user is None:
            return None
        before = (message for message in reversed(self.messages) if message.index < self.last_user.index)
        return next((message for message in before if message.role == "assistant" and message.text), None)

    def acted_after(self, index: int) -> bool:
        """Return whether the agent called a tool after a message; what the user calls is no act of the agent."""
        return any(call["turn"] > index and call["requestor"] != "user" for call in self.evidence.calls)

    def first_named(self, values: Iterable[str], before: int) -> int | None:
        """Return the first words of the agent before a message that hold most of some identifiers; None if none of them does."""
        known = [value for value in values if len(value) >= 5 and re.search(r"\d", value)]
        held = [
            (-sum(value in message.text.casefold() for value in known), message.index) for message in self.said_before(before, "assistant")
        ]
        most, index = min(held, default=(0, 0))
        return index if most else None

    @cached_property
    def was_transferred(self) -> bool:
        """Whether the agent handed over to a human."""
        return any(str(call["tool"]) == TRANSFER_TOOL and not call_failed(call) for call in self.evidence.calls)

    def said_before(self, index: int, *roles: str) -> Iterator[SaidMessage]:
        """Yield the messages of these roles before one."""
        return (message for message in self.messages if message.index < index and message.role in roles)

    def results_of(self, *tools: str) -> Iterator[tuple[int, Mapping[str, Any], str]]:
        """Yield (turn, arguments, text of the result) of each call of these tools that succeeded."""
        for call in self.evidence.calls:
            if call["tool"] in tools and not call_failed(call):
                yield call["turn"], call["arguments"] or {}, self._result(call)

    def _result(self, call: Row) -> str:
        """Return the whole result of a call; the record's own column is cut."""
        cut = str(call["result"] or "")
        for message in self.messages[(call["turn"] or 0) + 1 :]:
            if message.role == "tool" and message.text.startswith(cut):
                return message.text
        return cut


def agreed_before(messages: Iterable[SaidMessage], turn: int) -> bool:
    """Return whether the customer's last message before a turn agrees, after the agent had said something; true if nothing is known."""
    before = [message for message in messages if message.index < turn and message.text and message.role in ("user", "assistant")]
    if not before:
        return True
    if (last := max((at for at, message in enumerate(before) if message.role == "user"), default=None)) is None:
        return False
    if not any(message.role == "assistant" for message in before[1:last]) or declines(before[last].text):
        return False
    return says_yes(before[last].text) or _only_completes(before[: last + 1])


def _only_completes(before: list[SaidMessage]) -> bool:
    """Return whether the customer's last message answers a question about how to do what it had agreed to just before."""
    users = [message for message in before if message.role == "user"]
    asked = next((message.text for message in reversed(before[:-1]) if message.role == "assistant"), "")
    agreed = len(users) > 2 and says_yes(users[-2].text)
    return agreed and bool(_DETAIL.search(asked))


def _has_same_effect(action: Row, call: Row) -> bool:
    """Return whether a call is as a reference action is, but for details of flights that tau2's tools do not look at."""
    given, wanted = call["arguments"] or {}, action["wanted"]
    if call["tool"] != action["tool"] or call_failed(call) or "flights" not in wanted or given.keys() != wanted.keys():
        return False
    return all(_flights(given[name]) == _flights(wanted[name]) if name == "flights" else given[name] == wanted[name] for name in wanted)


def _flights(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [(leg.get("flight_number"), leg.get("date")) if isinstance(leg, Mapping) else leg for leg in value]


def call_failed(call: Row) -> bool:
    """Return whether a call failed, also in files that do not mark it."""
    return call["error"] is True or str(call["result"] or "").startswith("Error: ")
