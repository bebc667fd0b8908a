"""The slowest calls and what went wrong: errors, retries, outages, loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.provenance import only_failed_note
from tau2_logging.analysis.reports.text.sections.call_columns import CALL_COLUMNS
from tau2_logging.analysis.reports.text.sections.section import Section, Show, clock, long_text, section, text, yes_or_no
from tau2_logging.units import count, number, share
from tau2_logging.units import milliseconds as ms

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

_DOCUMENTS: dict[str, tuple[str, Show]] = {
    "domain": ("domain", text), "task": ("task", text), "trial": ("trial", text), "status": ("status", text), "reward": ("reward", number),
    "searches": ("searches", count), "required": ("required", count), "found": ("found", count), "found_share": ("share", share),
}  # fmt: skip
DOCUMENTS_NOTE = "Of the documents that a task requires, those that any search of the simulation returned."


def trouble_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield outliers and what went wrong."""
    yield section("Slowest calls", log.outliers(options.top), CALL_COLUMNS, top=options.top)
    yield section("Errors", log.errors(), CALL_COLUMNS, " ".join(["The line is that of the first.", *only_failed_note(log)]), key=True)
    yield section("Retries", log.retries(), CALL_COLUMNS)
    yield from _outages(log)
    yield from _agent_work(log)
    yield section("Cut at the length limit", log.truncations(), CALL_COLUMNS, top=10)
    yield section("Never ended", log.stuck(), CALL_COLUMNS, "And what they last waited on.", key=True, top=20)
    yield section("Repeated identical tool calls", log.repeated_calls(), CALL_COLUMNS, top=10)
    yield section("Required documents by simulation", log.documents_found(), _DOCUMENTS, DOCUMENTS_NOTE, top=20)


WAITS_NOTE = "Calls that waited for these servers to answer. Waits are neither model time nor retries; `in vain` counts calls that gave up."
OUTAGES_NOTE = (
    "From the first event that a server is down to the last that it answers again. A call that waited for several servers is in the row of "
    "each. Failed calls are those after the server's last good answer; simulations are those that waited or had such a call."
)
RECOVERY_NOTE = (
    "Rate: of the turns with a wrong reply, those that ended with a correct one. Of the simulations whose agent wrote a "
    "summary. Withheld and passed on are calls, and told are tool errors that were explained."
)
PROMPTS_NOTE = "Saved: of the tokens of those prompts. Information kept: of the identifiers in removed text, those still in the prompt."
_OF: dict[str, tuple[str, Show]] = {"simulations": ("simulations", count), "of_simulations": ("of", count)}


def _outages(log: RunLog) -> Iterator[Section]:
    waits: dict[str, tuple[str, Show]] = {"waits": ("waits", count), "in_vain": ("in vain", count), "wait_ms": ("waited ms", ms)}
    shows: dict[str, tuple[str, Show]] = {"model": ("model", text), "endpoint": ("servers", text), **waits,
        "longest_ms": ("longest", ms), **_OF}  # fmt: skip
    yield section("Waits for servers that were down", log.server_waits(), shows, WAITS_NOTE, key=True, top=20)
    shows = {"endpoint": ("server", text), "model": ("model", text), "began": ("began", clock), "length_ms": ("lasted ms", ms),
        "back": ("back", yes_or_no), "error_message": ("because", long_text), "failed_calls": ("failed calls", count), **waits,
        **_OF}  # fmt: skip
    yield section("Outages of model servers", log.outages(), shows, OUTAGES_NOTE, key=True, top=20)


def _agent_work(log: RunLog) -> Iterator[Section]:
    shows: dict[str, tuple[str, Show]] = {"domain": ("domain", text), **_OF, "turns": ("turns", count),
        "wrong_turns": ("with a wrong reply", count), "recovered": ("recovered", count), "recovery_rate": ("rate", share),
        "withheld": ("withheld", count), "passed_on": ("passed on", count), "told": ("told", count),
        "model_calls": ("model calls", count)}  # fmt: skip
    yield section("Recovery from wrong replies", log.recovery(), shows, RECOVERY_NOTE, key=True)
    shows = {"domain": ("domain", text), **_OF, "shortened": ("with a shorter prompt", count), "reductions": ("prompts", count),
        "tokens_before": ("tokens before", count), "tokens_saved": ("saved", count), "saved_share": ("saved share", share),
        "identifiers_seen": ("identifiers", count), "identifiers_kept": ("kept", count),
        "information_kept_share": ("information kept", share)}  # fmt: skip
    yield section("Prompts made shorter", log.shortened_prompts(), shows, PROMPTS_NOTE, key=True)
