"""What an audit says of the tasks of a run: what an agent that does nothing earns on them, and how the run did on the sound ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from tau2_logging.analysis.measures.comparison.pooling import facts
from tau2_logging.analysis.tables.simulations import solved
from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.soundness.audited_tasks import AuditedTask, Audits, shipped_audits
from tau2_logging.units import share

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

    L = TypeVar("L", bound=LogData)

COLUMNS = (
    "domain", "tasks", "audited", "idle", "transfers", "sound", "sound_simulations", "sound_scored", "sound_solved", "success",
    "sound_success", "audit",
)  # fmt: skip


def floor_table(log: LogData) -> pd.DataFrame:
    """Return a row for each domain (and arm) with an audited task.

    `tasks` of the run, `audited` of them with the same text; of these `idle` and `transfers`: how many an agent solves that makes no call,
    that only transfers; `sound`; and of the simulations of sound tasks how many there are, were scored and solved. Rates are shares of the
    scored ones: `success` of all, `sound_success` of those of sound tasks; NaN if none was scored.
    """
    audits = log.audits or shipped_audits()
    rows = [_row(label, mine, _found(log, mine, audits), audits) for label, mine in log.simulations.groupby("domain", sort=False)]
    return pd.DataFrame([row for row in rows if row["audited"]], columns=pd.Index(COLUMNS, dtype=object))


def _found(log: LogData, simulations: pd.DataFrame, audits: Audits) -> dict[str, AuditedTask]:
    texts = {(domain, task): text for one in facts(log) for (domain, task), text in one.tasks.items()}
    places = {(str(domain), str(task)) for domain, task in zip(simulations["domain"], simulations["task"], strict=True)}
    found = {task: audits.of(plain_domain(domain), task, texts.get((domain, task))) for domain, task in places}
    return {task: one for task, one in found.items() if one is not None}


def _row(label: object, simulations: pd.DataFrame, found: dict[str, AuditedTask], audits: Audits) -> dict[str, object]:
    tasks = simulations["task"].astype(str)
    won, scored = solved(simulations), simulations["reward"].notna()
    sound = tasks.map(lambda task: task in found and bool(found[task].sound))
    return {
        "domain": str(label), "tasks": tasks.nunique(), "audited": len(found), "idle": sum(one.idle for one in found.values()),
        "transfers": sum(one.transfers for one in found.values()), "sound": sum(bool(one.sound) for one in found.values()),
        "sound_simulations": int(sound.sum()), "sound_scored": int((sound & scored).sum()), "sound_solved": int((sound & won).sum()),
        "success": won[scored].mean(), "sound_success": won[sound & scored].mean(), "audit": audits.source,
    }  # fmt: skip


def floor_sentences(table: pd.DataFrame) -> Iterator[str]:
    """Yield for each row what the success of its domain has to be held against."""
    for row in table.to_dict("records"):
        yield floor_sentence(str(row["domain"]), row["audited"], row["tasks"], row["idle"], row["transfers"]) + _on_sound(row)


def floor_sentence(domain: str, audited: int, tasks: int, idle: int, transfers: int) -> str:
    """Return `Floor (airline): an agent that calls no tool solves 19 of these 50 tasks.`"""
    of = f"these {tasks:,} tasks" if audited == tasks else f"the {audited:,} audited of these {tasks:,} tasks"
    more = f", one that only transfers {transfers:,}" if transfers > idle else ""
    return f"Floor ({domain}): an agent that calls no tool solves {idle or 'none'} of {of}{more}."


def _on_sound(row: dict[object, object]) -> str:
    if row["sound"] == row["tasks"] or not row["sound_scored"]:
        return ""
    tasks, their = ("task", "its") if row["sound"] == 1 else ("tasks", "their")
    return (
        f" An audit found no fault in {row['sound']:,} {tasks}: of {their} {row['sound_scored']:,} scored "
        f"simulations {row['sound_solved']:,} are solved ({share(row['sound_success'])})."
    )


def only_sound(log: L, audits: Audits) -> L:
    """Return the log without the tasks that an audit did not find sound with the text that they had. Raises UserError if none is left."""
    tasks = {one.run_id or "": list(_tasks(one, audits)) for one in log.by_run}
    left_out = [(run, domain, task) for run, found in tasks.items() for domain, task, sound in found if not sound]
    number = sum(map(len, tasks.values()))
    if len(left_out) == number:
        domains = ", ".join(dict.fromkeys(plain_domain(domain) for domain in log.domains))
        raise UserError(
            f"--only: the audit ({audits.source}) calls none of these {number} tasks of {domains} sound, or does not have them with the "
            "texts that they had; examine them with the command audit, in the release of tau2 that ran them, and give --only the folder it "
            "writes"
        )
    note = (
        f"only tasks that the audit of {audits.source} found sound: {len(left_out):,} of {number:,} are left out. Times between "
        "simulations (wall time, concurrency) leave out what the others did meanwhile"
    )
    return log.without(left_out, audits, note)


def _tasks(log: LogData, audits: Audits) -> Iterator[tuple[str, str, bool]]:
    """Yield domain, task, and whether it was found sound."""
    known = {str(label): _found(log, mine, audits) for label, mine in log.simulations.groupby("domain", sort=False)}
    for domain, task in dict.fromkeys(zip(log.simulations["domain"].astype(str), log.simulations["task"].astype(str), strict=True)):
        found = known.get(domain, {}).get(task)
        yield domain, task, found is not None and bool(found.sound)
