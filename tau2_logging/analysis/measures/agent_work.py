"""What agents did beside answering: how often they recovered, what shorter prompts saved and kept, which documents searches found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.percentiles import percentile
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events.retrieval_tools import ids_in

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


TOOL_COLUMNS = (
    "function", "calls", "errors", "untold", "nothing_found", "mean_documents", "with_required", "mean_ms", "p95_ms", "embedding_calls",
    "embedding_tokens", "embedding_cost_usd",
)  # fmt: skip
DOCUMENT_COLUMNS = (*KEY, "status", "reward", "searches", "required", "found", "found_share")


def searches_by_tool(log: LogData) -> pd.DataFrame:
    """Return one row a tool that searches documents: TOOL_COLUMNS. Empty if none was called.

    `untold`: calls whose answer does not say which documents it holds; `nothing_found` and `mean_documents` are of the others;
    `with_required`: calls that found a document that the task requires, NaN if no task tells. Times are whole, with embedding models and
    rerankers, in ms. embedding_cost_usd is NaN as soon as one price is unknown.
    """
    import pandas as pd

    columns = [
        "function", "error", "returned", "required", "required_found", "duration_ms", "total_duration_ms", "embedding_calls",
        "embedding_tokens", "embedding_cost_usd",
    ]  # fmt: skip
    calls = log.select(columns, types=["retrieval_call"])
    rows = [_tool(str(name), group) for name, group in calls.groupby("function", sort=False)]
    return pd.DataFrame(rows, columns=list(TOOL_COLUMNS)).sort_values("calls", ascending=False, kind="stable", ignore_index=True)


def _tool(name: str, calls: pd.DataFrame) -> dict[str, Any]:
    returned, asked = as_floats(calls["returned"]), as_floats(calls["embedding_calls"])
    whole = calls["total_duration_ms"].fillna(calls["duration_ms"])
    lengths = as_floats(whole)[~np.isnan(as_floats(whole))]
    told = ~np.isnan(returned)
    has_task = as_floats(calls["required"]) > 0
    found = calls["required_found"].fillna("").astype(str) != ""
    cost = as_floats(calls["embedding_cost_usd"])
    return {
        "function": name,
        "calls": len(calls),
        "errors": int(calls["error"].fillna(False).sum()),
        "untold": int((~told).sum()),
        "nothing_found": int((returned == 0).sum()),
        "mean_documents": float(returned[told].mean()) if told.any() else np.nan,
        "with_required": float(found.sum()) if (has_task & told).any() else np.nan,
        "mean_ms": float(lengths.mean()) if len(lengths) else np.nan,
        "p95_ms": percentile(lengths, 95) if len(lengths) else np.nan,
        "embedding_calls": _sum(asked),
        "embedding_tokens": _sum(as_floats(calls["embedding_tokens"])),
        "embedding_cost_usd": np.nan if np.isnan(asked).all() or (np.isnan(cost) & (asked > 0)).any() else float(np.nansum(cost)),
    }


def _sum(values: Any) -> float:
    """NaN if none is known."""
    return float(np.nansum(values)) if (~np.isnan(values)).any() else np.nan


def documents_found(log: LogData) -> pd.DataFrame:
    """Return one row a simulation of a run in which documents were searched: DOCUMENT_COLUMNS. Empty if none were.

    `searches`: live calls of its last start; `found`: of the documents that its task `required`, those that any of them returned. NaN if
    the task, the log's level or an answer that names no documents leave it open.
    """
    searches = log.select([*KEY, "start_ms", "returned", "required_found"], types=["retrieval_call"])
    table = log.simulations
    if searches.empty or table.empty:
        return table.reindex(columns=list(DOCUMENT_COLUMNS)).head(0)
    required = log.select([*KEY, "required"], types=["task_start"]).drop_duplicates(KEY, keep="last")
    rows = table[[*KEY, "status", "reward", "start_ms", "retrieval_calls"]].merge(required, on=KEY, how="left")
    rows["place"] = np.arange(len(rows))
    searches = searches.merge(rows[[*KEY, "place", "start_ms"]].rename(columns={"start_ms": "begin"}), on=KEY)
    searches = searches[~(as_floats(searches["start_ms"]) < as_floats(searches["begin"]) - 1e-3)]
    made = np.bincount(searches["place"], minlength=len(rows))
    told = np.bincount(searches["place"], weights=searches["returned"].notna(), minlength=len(rows))
    ids: list[set[str]] = [set() for _ in range(len(rows))]
    for place, text in zip(searches["place"], searches["required_found"], strict=True):
        ids[place].update(ids_in(text) if isinstance(text, str) else ())
    found, wanted = np.array([len(one) for one in ids], dtype=float), as_floats(rows["required"])
    counted = as_floats(rows["retrieval_calls"])
    is_open = np.isnan(wanted) | (made < np.nan_to_num(counted)) | ((told < made) & (found < wanted))
    rows["searches"] = np.where(np.isnan(counted), made, counted).astype(int)
    rows["found"] = np.where(is_open, np.nan, found)
    rows["found_share"] = rows["found"] / wanted
    return rows[list(DOCUMENT_COLUMNS)]
