"""`--prompts ID`: what models were sent in a simulation and what they replied, one JSON object a call, as it was."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.conversations.conversation import Key
from tau2_logging.analysis.conversations.prompts_sent import prompts_of
from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.reports.show import chosen_simulations, named
from tau2_logging.errors import UserError
from tau2_logging.events.roles import ROLE_OF_EVENT
from tau2_logging.events.sent_prompts import PAYLOAD, Prompts

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

_COLUMNS = ("run", "domain", "task", "trial", "span", "step", "model", "reply", "line")
_CONTROL = re.compile("[\x7f-\x9f]")
"""What a terminal may obey and JSON does not escape."""


def show_prompts(log: RunLog, names: Sequence[str]) -> None:
    """Print the calls of the simulation of each name (as for `--show`) in order of their ends. The text of `messages`, `tools` and `reply`
    is the log's, byte for byte. Raises UserError for a name that the log does not hold, and if it was not written at DEBUG.
    """
    if not names:
        return
    chosen = [first for first, _ in chosen_simulations(log, names)]
    prompts, found = prompts_of(log), _payloads(log)
    for key in chosen:
        if key not in found:
            raise UserError(f"the log holds no prompts of {named(key)}: with --log-level DEBUG a run writes them into tau2_<domain>.log")
        for row in found[key]:
            line = f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in _told(row, prompts))}}}"
            print(_CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", line) if sys.stdout.isatty() else line)


def _payloads(log: RunLog) -> dict[Key, list[dict[str, Any]]]:
    """Return the payloads of the attempt that counts of each simulation, each with its call."""
    begins = {key_of(row): row["start_ms"] for row in log.simulations.to_dict("records")}
    calls = {(row["run"], row["span"]): row for row in log.calls.to_dict("records")}
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in log.select(_COLUMNS, types=[PAYLOAD]).to_dict("records"):
        call: Mapping[str, Any] = calls.get((row["run"], row["span"]), {})
        if (key := key_of(row)) in begins and not call.get("start_ms", begins[key]) < begins[key]:
            found.setdefault(key, []).append({**row, "call": ROLE_OF_EVENT.get(str(call.get("type"))), "attempt": call.get("attempt")})
    return found


def _told(row: Mapping[str, Any], prompts: Prompts) -> Iterator[tuple[str, str]]:
    for name in ("task", "trial", "step", "call", "attempt", "model", "span", "line"):
        value = row[name]
        yield name, "null" if pd.isna(value) else json.dumps(value if isinstance(value, str) else int(value), ensure_ascii=False)
    for name in ("messages", "tools"):
        yield name, _as_json(getattr(prompts, name)(row["run"], row["span"]))
    yield "reply", _as_json(row["reply"])


def _as_json(text: str | None) -> str:
    """Return a text that is JSON as it is, another (of a damaged log) as a JSON string."""
    try:
        json.loads(text or "null")
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text or "null"
