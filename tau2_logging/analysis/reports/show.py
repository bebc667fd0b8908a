"""`--show ID`: one simulation of the log, printed to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.conversations.conversation import Conversation, Key
from tau2_logging.analysis.conversations.read_conversations import NOT_RECORDED, ConversationReader
from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.reports.console import console
from tau2_logging.analysis.reports.text.reading import outcome_of, show_conversation
from tau2_logging.errors import UserError
from tau2_logging.events.sent_prompts import PAYLOAD

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog


def show(log: RunLog, names: Sequence[str]) -> None:
    """Print the simulation of each name: `17`, `retail:17` or `retail:17:0`. Of several trials the first that was not solved is shown, and
    the others are named. Raises UserError for a name that the log does not hold.
    """
    rows = {key_of(row): row for row in log.simulations.to_dict("records")}
    chosen = chosen_simulations(log, names)
    told = {one.key: one for one in ConversationReader(log).conversations({first for first, _ in chosen})}
    screen = console()
    for first, others in chosen:
        found = told.get(first, Conversation(first, "the log", [], missing=[NOT_RECORDED]))
        show_conversation(screen, found, rows[first])
        if PAYLOAD in log.store.types():
            screen.print(f"what the models were sent: --prompts {named(first)}", soft_wrap=True, highlight=False, markup=False)
        if others:
            same = ", ".join(f"{named(key)} ({outcome_of(rows[key]['reward']).lower()})" for key in others)
            screen.print(f"also: {same}", soft_wrap=True, highlight=False, markup=False)


def chosen_simulations(log: RunLog, names: Sequence[str]) -> list[tuple[Key, list[Key]]]:
    """Return, for each name, the simulation that it means and the others that it could mean. Raises UserError if there is none."""
    rows = {key_of(row): row for row in log.simulations.to_dict("records")}
    return [_chosen(rows, name) for name in names]


def _chosen(rows: dict[Key, dict[Any, Any]], name: str) -> tuple[Key, list[Key]]:
    """Return (the simulation to show, the others of that name)."""
    found = [key for key in rows if name in (key[2], f"{key[1]}:{key[2]}", f"{key[2]}:{key[3]}", named(key), f"{key[0]}:{named(key)}")]
    if not found:
        known = ", ".join(named(key) for key in list(rows)[:8])
        raise UserError(f"no simulation {name!r} in the log; it holds {len(rows):,}: {known}{', ...' if len(rows) > 8 else ''}")
    found.sort(key=lambda key: ("Not solved", "Not scored", "Solved").index(outcome_of(rows[key]["reward"])))
    return found[0], found[1:]


def named(key: Key) -> str:
    """Return a simulation's name: `retail:17:0`."""
    return ":".join(key[1:])
