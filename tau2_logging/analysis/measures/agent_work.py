"""What agents that recover or keep their prompts short did: how often they recovered, what they saved and what they kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tau2_logging.analysis.tables.simulations import KEY

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_PLACE = ["key", "attempt"]
_WRONG = ("asked_again", "passed_on")
_COUNTS = (
    "turns", "model_calls", "withheld", "recovered", "passed_on", "told", "reductions", "tokens_saved", "identifiers_seen",
    "identifiers_kept",
)  # fmt: skip
_MEASURED = ["domain", "simulations", "of_simulations"]
RECOVERY_COLUMNS = (*_MEASURED, "turns", "wrong_turns", "recovered", "recovery_rate", "withheld", "passed_on", "told", "model_calls")
PROMPT_COLUMNS = (
    *_MEASURED, "shortened", "reductions", "tokens_before", "tokens_saved", "saved_share", "identifiers_seen", "identifiers_kept",
    "information_kept_share",
)  # fmt: skip


def recovery_table(log: LogData) -> pd.DataFrame:
    """By domain, RECOVERY_COLUMNS; domains in which no reply was wrong and no tool error was explained are left out.

    `simulations` have a summary, of `of_simulations`; the sums are over these, every attempt that has one included. `wrong_turns`: turns
    in which a reply was withheld or passed on wrong (by the corrections); recovery_rate = recovered / wrong_turns.
    """
    table = _summed(log)
    table = table.assign(recovery_rate=table["recovered"] / table["wrong_turns"].where(table["wrong_turns"] > 0))
    return _where(table, table["wrong_turns"] + table["withheld"] + table["passed_on"] + table["told"], RECOVERY_COLUMNS)


def prompt_table(log: LogData) -> pd.DataFrame:
    """By domain, PROMPT_COLUMNS; domains in which no prompt was made shorter are left out.

    `shortened` of the `simulations` had such a prompt. saved_share = tokens_saved / tokens_before (of the prompts that were made
    shorter), information_kept_share = identifiers_kept / identifiers_seen (in what was taken out), NaN if none was seen.
    """
    table = _summed(log)
    table = table.assign(
        saved_share=table["tokens_saved"] / table["tokens_before"].where(table["tokens_before"] > 0),
        information_kept_share=table["identifiers_kept"] / table["identifiers_seen"].where(table["identifiers_seen"] > 0),
    )
    return _where(table, table["reductions"], PROMPT_COLUMNS)


def _where(table: pd.DataFrame, happened: pd.Series, columns: tuple[str, ...]) -> pd.DataFrame:
    return table.loc[happened > 0, list(columns)].reset_index(drop=True)


def _summed(log: LogData) -> pd.DataFrame:
    """Return the summaries by domain, with what their attempts' events say beside them."""
    events = _events(log)
    summaries = events[events["type"] == "agent_summary"].drop_duplicates(_PLACE, keep="last").set_index(_PLACE)
    wrong = events[(events["type"] == "correction") & events["outcome"].isin(_WRONG)]
    before = events[events["type"] == "context_reduction"].groupby(_PLACE)["tokens_before"].sum()
    beside = {"wrong_turns": wrong.groupby(_PLACE)["step"].nunique(dropna=False), "tokens_before": before}
    counted = summaries.assign(**{name: found.reindex(summaries.index).fillna(0).astype("int64") for name, found in beside.items()})
    counted[list(_COUNTS)] = counted[list(_COUNTS)].fillna(0).astype("int64")
    counted["shortened"] = counted["key_again"].where(counted["reductions"] > 0)
    groups = counted.groupby("domain", dropna=False, sort=False)
    table = groups[[*_COUNTS, *beside]].sum().assign(simulations=groups["key_again"].nunique(), shortened=groups["shortened"].nunique())
    every = log.simulations.groupby("domain", dropna=False).size()
    return table.assign(of_simulations=every.reindex(table.index)).reset_index()


def _events(log: LogData) -> pd.DataFrame:
    """Return what agents wrote, with the number of its simulation (`key`, again as `key_again`) and of the attempt at it."""
    names = [*KEY, "type", "step", "outcome", "tokens_before", *_COUNTS]
    events = log.select(names, types=("task_start", "correction", "context_reduction", "agent_summary"))
    key = events.groupby(KEY, dropna=False, sort=False).ngroup()
    return events.assign(key=key, key_again=key, attempt=(events["type"] == "task_start").groupby(key).cumsum())
