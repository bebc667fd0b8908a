"""The tables the user reads, as text: one list of sections for the terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.measures import makespan
from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.measures.costs.prices import default_prices
from tau2_logging.analysis.measures.critical_path import chain, critical_kinds
from tau2_logging.analysis.measures.latency import METRIC_NOTES, SHARE_NOTE, shown_dimensions
from tau2_logging.analysis.measures.percentiles import equal_bins
from tau2_logging.analysis.measures.provenance import newer_format, only_failed_note, recorded_note
from tau2_logging.analysis.measures.run_totals import Totals, totals_of
from tau2_logging.analysis.measures.time_budget import total_budget
from tau2_logging.analysis.reports.text.voice_columns import VOICE_TABLES
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.statistics.score import Score
from tau2_logging.units import ABSENT, count, duration, is_unknown, number, share
from tau2_logging.units import milliseconds as ms
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

Show = Callable[[Any], str]
_CELL = 120
_MOST_ROWS = 50
"""Of a table on the terminal and in Markdown: a log may hold thousands of models, functions or domains."""

_MOST_NAMES = 12


@dataclass(frozen=True)
class Section:
    """A table with a title. `rows`: text cells; `numbers`: which columns are numbers (set to the right)."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    numbers: frozenset[str] = frozenset()
    note: str = ""
    key: bool = field(default=False)
    """One of the few that a summary holds."""


def mean(value: Any) -> str:
    """Return six significant digits, as awk prints."""
    return ABSENT if is_unknown(value) else f"{value:.6g}"


def text(value: Any) -> str:
    """Return anything else, on one line."""
    return ABSENT if is_unknown(value) else " ".join(str(value).split())


def long_text(value: Any) -> str:
    """Return text cut to what a cell holds."""
    shown = text(value)
    return shown if len(shown) <= _CELL else shown[: _CELL - 1] + "…"


def names(found: Sequence[str]) -> str:
    """Return the first of them, and how many more there are."""
    more = f" and {len(found) - _MOST_NAMES:,} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(map(str, found[:_MOST_NAMES])) + more if found else ABSENT


def section(
    title: str, table: pd.DataFrame, shows: dict[str, tuple[str, Show]], note: str = "", key: bool = False, top: int = _MOST_ROWS
) -> Section:
    """Return a section of some columns of a table: `shows` gives each its heading and how it is shown. `top`: rows at most."""
    shows = {column: show for column, show in shows.items() if column in table}
    shown = table.head(top)
    rows = [
        [show(value) for value, (_, show) in zip(row, shows.values(), strict=True)]
        for row in shown[list(shows)].itertuples(index=False, name=None)
    ]
    if len(shown) < len(table):
        note = " ".join(filter(None, [note, f"{len(table) - len(shown):,} more are in the files."]))
    numbers = frozenset(heading for heading, show in shows.values() if show not in (text, long_text, _clock, _yes))
    return Section(title, [heading for heading, _ in shows.values()], rows, numbers, note, key)


_LATENCY: dict[str, tuple[str, Show]] = {
    "n": ("n", count), "untimed": ("untimed", count), "errors": ("errors", count), "mean_ms": ("mean ms", mean),
    "std_ms": ("std", ms), "min_ms": ("min", ms),
    "p50_ms": ("p50", ms), "p90_ms": ("p90", ms), "p95_ms": ("p95", ms), "p99_ms": ("p99", ms), "max_ms": ("max", ms),
    "total_ms": ("total", ms), "share": ("share", share),
}  # fmt: skip
_TOKENS: dict[str, tuple[str, Show]] = {
    "p50_ttft_ms": ("TTFT p50", ms), "p95_ttft_ms": ("TTFT p95", ms), "p50_tpot_ms": ("TPOT p50", ms), "mean_itl_ms": ("ITL mean", ms),
    "output_tokens_per_s": ("out tok/s", number), "timed": ("timed", count),
}  # fmt: skip
_SEARCHES: dict[str, tuple[str, Show]] = {
    "function": ("function", text), "calls": ("calls", count), "errors": ("errors", count), "untold": ("untold", count),
    "nothing_found": ("found nothing", count), "mean_documents": ("documents", number), "with_required": ("found a required one", count),
    "mean_ms": ("mean ms", mean), "p95_ms": ("p95", ms), "embedding_calls": ("embeddings", count), "embedding_tokens": ("tokens", count),
    "embedding_cost_usd": ("USD", usd),
}  # fmt: skip
SEARCHES_NOTE = (
    "Tools that search documents. Documents: how many a call returned, on average; untold: answers that do not name theirs, as a shell's. "
    "Times are whole, with embedding models and rerankers; embeddings, tokens and USD are theirs."
)
_DOCUMENTS: dict[str, tuple[str, Show]] = {
    "domain": ("domain", text), "task": ("task", text), "trial": ("trial", text), "status": ("status", text), "reward": ("reward", number),
    "searches": ("searches", count), "required": ("required", count), "found": ("found", count), "found_share": ("share", share),
}  # fmt: skip
DOCUMENTS_NOTE = "Of the documents that a task requires, those that any search of the simulation returned."
_CALL: dict[str, tuple[str, Show]] = {
    "type": ("type", text), "domain": ("domain", text), "task": ("task", text), "trial": ("trial", text), "status": ("status", text),
    "step": ("step", text), "name": ("model or function", text), "model": ("model", text), "function": ("function", text),
    "waiting_on": ("waited on", text), "elapsed_ms": ("for ms", ms), "last_type": ("last event", text), "error_type": ("error", text),
    "n": ("n", count), "calls": ("of calls", count), "share": ("share", share), "share_of_chain": ("share of chain", share),
    "wait_ms": ("waited ms", ms), "max_attempt": ("attempts", count),
    "output_tokens": ("output tokens", count), "duration_ms": ("ms", ms), "times_median": ("x median", number),
    "behind_ms": ("behind ms", ms),
    "line": ("line", text), "file": ("file", text),
}  # fmt: skip


DEEP = "deep"
GROUPS = ("run", "latency", "voice", "time", "servers", "cost", "trouble", "compare", DEEP)
"""Groups of tables, by the names that `--tables` takes; `deep` are those of the deep analysis."""


def all_sections(log: RunLog, options: ReportOptions, groups: Sequence[str] = GROUPS) -> Iterator[Section]:
    """Yield every section of some groups that has something to say, in the order of reading."""
    makers: dict[str, Callable[[], Iterator[Section]]] = {
        "run": lambda: _run_sections(log, options),
        "latency": lambda: latency_sections(log, options),
        "voice": lambda: voice_sections(log),
        "time": lambda: time_sections(log),
        "servers": lambda: server_sections(log),
        "cost": lambda: cost_sections(log, options),
        "trouble": lambda: trouble_sections(log, options),
        "compare": lambda: comparison_sections(log, options),
    }
    yield from (found for group in makers if group in groups for found in makers[group]() if found.rows)
    rejected = rejected_section(log)
    yield from [rejected] if rejected.rows else []


def _run_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    yield overview(log, options)
    yield section("Arms", arms_table(log, options.prices), _ARM, ARMS_NOTE, key=True)
    yield section("Floor, and sound tasks", log.floor(), _FLOOR, FLOOR_NOTE, key=True)
    yield from gates(options)


def overview(log: RunLog, options: ReportOptions) -> Section:
    """Return the run in a few lines."""
    totals, idle = totals_of(log, options.prices), makespan.idle_tail(log)
    costs, shown = totals.costs, totals.shown
    rows = [
        ["run", log.run_id or ("all runs" if log.runs else "not named in the log")],
        ["domains", names(log.domains)],
        *outcome(log, totals),
        ["wall time", shown["wall time"] + _pool(idle)],
        *_start_up(idle),
        ["errors", shown["errors"]],
        ["cost", f"{shown['cost']} (agent {usd(costs['agent_usd'])}, benchmark {usd(costs['benchmark_usd'])})"],
        *([] if totals.arms else [["cost per solved simulation", usd(costs["per_solved_usd"])]]),
        ["lines", _lines(log)],
    ]
    others = [run for run in log.runs if run != log.run_id] if log.run_id else []
    note = f"The files hold {len(others)} other run(s): {', '.join(others[:5])}; choose one with --run ID, or --run all." if others else ""
    return Section(
        "Run",
        ["", ""],
        rows,
        note=" ".join(filter(None, (recorded_note(log), *newer_format(log), *only_failed_note(log), *_sentences(log.notes), note))),
        key=True,
    )


ARMS_NOTE = "Times and tool calls are those of each simulation's last attempt; costs are those of all attempts."
_ARM: dict[str, tuple[str, Show]] = {
    "domain": ("arm", text), "simulations": ("simulations", count), "mean_reward": ("mean reward", number), "scored": ("scored", count),
    "solved": ("solved", count), "median_ms": ("median", duration), "tool_calls": ("tool calls", count), "tool_errors": ("failed", count),
    "cost_usd": ("cost", usd), "per_solved_usd": ("per solved", usd),
}  # fmt: skip

FLOOR_NOTE = (
    "Idle: tasks that an agent solves that makes no call; transfers: that only transfers the customer. By the audit of these tasks' texts "
    "(docs/audit.md). Rates are of scored simulations."
)
_FLOOR: dict[str, tuple[str, Show]] = {
    "domain": ("domain", text), "tasks": ("tasks", count), "audited": ("audited", count), "idle": ("idle", count),
    "transfers": ("transfers", count), "success": ("solved", share), "sound": ("sound", count), "sound_scored": ("scored", count),
    "sound_success": ("of them solved", share), "audit": ("audit", text),
}  # fmt: skip


def _pool(idle: Mapping[str, float | int | None]) -> str:
    if idle["makespan_ms"] is None:
        return ""
    starts = idle["starts"] or 0
    pauses = f" in {starts} starts, without the pauses" if starts > 1 else ""
    workers = idle["workers"] or 0
    return f"{pauses}, {workers} worker{'s' * (workers != 1)}, {share(idle['idle_share'])} idle at the end"


def _start_up(idle: Mapping[str, float | int | None]) -> list[list[str]]:
    known = idle["start_up_ms"] is not None
    return [["start-up", f"{duration(idle['start_up_ms'])}, before the first simulation: not in the wall time"]] if known else []


def chain_note(log: RunLog) -> str:
    """Return what the critical path is, and how much of the wall time it covers."""
    idle, links = makespan.idle_tail(log), chain(log)
    whole = idle["makespan_ms"] or float("nan")
    took = f"{duration(idle['chain_ms'])}, {share((idle['chain_ms'] or 0.0) / whole)} of the wall time"
    return (
        f"{len(links)} simulation(s) one after the other in one slot, back from the one that ended last, took {took}. Shares are of the "
        "chain's time; calls at the same time each count their own. After the last simulation had started, "
        f"{duration(idle['tail_ms'])} passed, and workers waited {duration(idle['idle_worker_ms'])} in all."
    )


def outcome(log: RunLog, totals: Totals) -> list[list[str]]:
    """Return how many simulations there were and how they ended, and their mean reward with its denominator."""
    return [
        ["simulations", totals.shown["simulations"]],
        *(row for arm, found in totals.outcomes.items() for row in _scores(f", {arm}" if arm else "", found)),
        *_beside(log.simulations),
    ]


def _scores(of: str, found: Score) -> list[list[str]]:
    return [[f"mean reward{of}", found.headline], [f"solved{of}", f"{found.solved:,} of {found.scored:,} scored"]]


def _sentences(notes: Iterable[str]) -> list[str]:
    return [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes]


def _lines(log: RunLog) -> str:
    lines, rejected, values = (sum(getattr(reading, name) for reading in log.readings) for name in ("lines", "rejected", "values"))
    said = f"{lines:,} read, {rejected:,} could not be read"
    return f"{said}; {values:,} values are left out of their events" if values else said


def _beside(table: pd.DataFrame) -> list[list[str]]:
    """Return tau2's own reward, if another harness gave the reward."""
    beside: list[float] = list(as_floats(table["tau2_reward"])) if "tau2_reward" in table else []
    known = [reward for reward in beside if reward == reward]
    return [["mean reward by tau2's evaluator", f"{sum(known) / len(known):.4f} ({len(known)} scored)"]] if known else []


def latency_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """By type, then by everything else, then the bins."""
    note = " ".join([*only_failed_note(log), SHARE_NOTE + METRIC_NOTES])
    first: dict[str, tuple[str, Show]] = {"type": ("type", text)}
    yield section("Latency by type", log.latency(), {**first, **_LATENCY}, note, key=True)
    yield section("Searches of documents", log.searches(), _SEARCHES, SEARCHES_NOTE, key=True)
    yield section("Tokens over time", _with_tokens(log.latency("model")), {**first, "model": ("model", text), **_TOKENS}, key=True)
    for name in shown_dimensions(log):
        table = log.latency(name)
        if len(table):
            yield section(f"Latency by {name}", table, {**first, name: (name, text), **_LATENCY}, top=30)
    if options.bins:
        yield from _bins(log, options.bins)


def _with_tokens(table: pd.DataFrame) -> pd.DataFrame:
    return table[table[[name for name in _TOKENS if name != "timed"]].notna().any(axis=1)]


def _bins(log: RunLog, bins: int) -> Iterator[Section]:
    for type_ in log.latency()["type"]:
        table = log.select(["duration_ms", "total_duration_ms"], types=[type_])
        values = as_floats(table["duration_ms"].fillna(table["total_duration_ms"]))
        found = equal_bins(values, bins)
        whole = sum(amount for _, _, amount in found)
        widest = max((amount for _, _, amount in found), default=1)
        rows = [[ms(low), ms(high), count(n), share(n / whole), "#" * math.ceil(40 * n / widest)] for low, high, n in found]
        yield Section(
            f"Distribution of {type_}", ["from ms", "to ms", "n", "share", ""], rows, frozenset(("from ms", "to ms", "n", "share"))
        )


_KINDS: dict[str, Show] = {"text": text, "count": count, "ms": ms, "share": share, "usd": usd, "number": number}


def voice_sections(log: RunLog) -> Iterator[Section]:
    """Yield what is known of speech in voice simulations; each title says whether it is audio time or wall time."""
    for title, method, columns, note in VOICE_TABLES:
        shows = {name: (heading, _KINDS[kind]) for name, (heading, kind) in columns.items()}
        yield section(title, getattr(log, method)(), shows, note, key=True)


def time_sections(log: RunLog) -> Iterator[Section]:
    """Yield time budget, makespan, concurrency, context."""
    budget = log.budget()
    shows: dict[str, tuple[str, Show]] = {
        "kind": ("kind", text), "total_ms": ("total ms", ms), "share": ("share", share), "mean_ms": ("ms a simulation", ms),
        "simulations": ("of simulations", count),
    }  # fmt: skip
    yield section("Time budget", total_budget(budget), shows, BUDGET_NOTE, key=True)
    path = log.critical_path()
    if len(path):
        kinds: dict[str, tuple[str, Show]] = {"type": ("type", text), "name": ("model or function", text), "n": ("n", count),
            "duration_ms": ("total ms", ms), "share_of_chain": ("share of chain", share)}  # fmt: skip
        yield section("Critical path", critical_kinds(path), kinds, chain_note(log), top=12)
        yield section("Slowest on the critical path", path.nlargest(8, "duration_ms"), _CALL)
    yield section("Stragglers", log.stragglers(), _CALL, "Simulations that ended after 95 % of them had.")
    levels: dict[str, tuple[str, Show]] = {
        "what": ("what", text), "mean": ("mean", number), "p50": ("p50", number), "p95": ("p95", number), "max": ("max", number),
        "busy_ms": ("busy ms", ms),
    }  # fmt: skip
    yield section("Concurrency", log.concurrency(), levels, "How many were open at once, weighted by time.")
    processes: dict[str, tuple[str, Show]] = {"worker": ("worker", text), "host": ("host", text), "ready_ms": ("ready at ms", ms),
        "simulations": ("simulations", count), "failed": ("failed", count), "mean_ms": ("mean ms", ms), "lost": ("lost", count),
        "ended_because": ("ended because", text)}  # fmt: skip
    yield section("Worker processes", log.worker_processes(), processes, WORKER_NOTE)
    by_level: dict[str, tuple[str, Show]] = {"in_flight": ("in flight", text), "n": ("n", count), "mean_ms": ("mean ms", mean),
        "p50_ms": ("p50", ms), "p95_ms": ("p95", ms), "queue_mean_ms": ("queue mean", ms)}  # fmt: skip
    yield section("llm_call by concurrency", log.latency_by_concurrency(), by_level)
    growth: dict[str, tuple[str, Show]] = {"turn": ("call", count), "calls": ("calls", count),
        "mean_input_tokens": ("mean input tokens", number),
        "cached_share": ("cached", share)}  # fmt: skip
    yield section("Context growth", log.context_growth(), growth, "By the agent's n-th call in a simulation.", top=20)


BUDGET_NOTE = (
    "Exclusive times: they add up to 100 % of the simulations' wall time. A kind that is not in the log is unknown (-) and its time "
    "untracked."
)
WORKER_NOTE = "Simulations that ended there; those lost with a worker were run again by another."
SERVER_NOTE = (
    "By the servers' own clocks, over the run: queue is the wait at the server for a place in its batch, prefill the work on the prompt, "
    "TTFT both and the work around them (templates, tokenizing). Client figures are of the run's calls there; requests may be others' too. "
    "Peaks are those of samples."
)


WAITING_NOTE = (
    "Means, in ms. By the server's own clock, call by call, of those calls that it told of: queue is the wait for a place in its batch, "
    "prefill the work on the prompt, decode the tokens after the first, TTFT from the request's arrival to the first token. At the server "
    "is all of it, with the server's own work around the model. The rest of a call is the network, proxies and the client. A figure that "
    "the server does not tell is left out."
)


_WAITING: dict[str, tuple[str, Show]] = {
    "role": ("role", text), "model": ("model", text), "endpoint": ("server", text), "source": ("told by", text), "told": ("told", count),
    "calls": ("of calls", count), "server_queue_mean_ms": ("queue mean", ms), "server_queue_p95_ms": ("queue p95", ms),
    "server_prefill_mean_ms": ("prefill mean", ms), "server_decode_mean_ms": ("decode mean", ms), "server_ttft_mean_ms": ("TTFT mean", ms),
    "server_e2e_mean_ms": ("at the server", ms), "network_mean_ms": ("rest", ms), "call_mean_ms": ("whole call", ms),
}  # fmt: skip


def server_sections(log: RunLog) -> Iterator[Section]:
    """Yield the model servers: where their time went, and how full they were."""
    table = log.model_servers()
    where: dict[str, tuple[str, Show]] = {"endpoint": ("server", text)}
    times: dict[str, tuple[str, Show]] = {"requests": ("requests", count), "queue_mean_ms": ("queue mean ms", ms),
        "prefill_mean_ms": ("prefill mean", ms), "decode_mean_ms": ("decode mean", ms), "ttft_mean_ms": ("TTFT mean", ms),
        "client_ttft_mean_ms": ("TTFT, client", ms),
        "e2e_mean_ms": ("whole mean", ms), "client_mean_ms": ("whole, client", ms)}  # fmt: skip
    yield section("Model servers", table, {**where, **times}, SERVER_NOTE, key=True)
    load: dict[str, tuple[str, Show]] = {"calls": ("our calls", count), "errors": ("errors", count), "peak_running": ("running", count),
        "peak_waiting": ("waiting", count), "peak_kv_cache_share": ("KV cache", share), "prefix_hit_share": ("prefix hits", share),
        "preemptions": ("preemptions", count), "prefill_total_ms": ("prefill ms, all", ms), "decode_total_ms": ("decode ms, all", ms),
        "samples": ("samples", count)}  # fmt: skip
    note = "Running, waiting and KV cache at their peak; prefill and decode summed over all requests."
    yield section("Waiting at the server", log.waiting_at_servers(), _WAITING, WAITING_NOTE, key=True)
    yield section("Load of the model servers", table, {**where, **load}, note, key=True)


def cost_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield tokens and money."""
    date = (options.prices or default_prices()).date
    note = f"Prices as logged by the run, else from the table of {date}. A price that is not known is unknown, never 0."
    note = " ".join([note, *only_failed_note(log)])
    yield section("Cost", _dearest_first(log.costs(prices=options.prices)), COST_COLUMNS, note, key=True)
    yield section(
        "Experts", _dearest_first(log.experts(options.prices)), EXPERT_COLUMNS, "Share of the total time of all simulations.", key=True
    )
    if options.price_as:
        table = log.priced_as(options.price_as, options.prices)
        shows: dict[str, tuple[str, Show]] = {
            "model": ("model", text), "agent_usd": ("agent", usd), "benchmark_usd": ("benchmark", usd), "all_usd": ("all", usd),
            "known_usd": ("of the calls with known price", usd), "unknown_calls": ("calls of unknown price", count),
        }  # fmt: skip
        yield section("The same tokens on other models", table, shows, f"Prices of {date}.")


def _dearest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is, or, if not all of it is shown, what cost most at its head; calls of unknown price go before them."""
    if len(table) <= _MOST_ROWS:
        return table
    return table.sort_values(["cost_usd", "calls"], ascending=False, na_position="first", kind="stable", ignore_index=True)


COST_COLUMNS: dict[str, tuple[str, Show]] = {
    "side": ("cost of", text), "role": ("role", text), "model": ("model", text), "calls": ("calls", count),
    "errors": ("errors", count),
    "input_tokens": ("input", count), "cached_tokens": ("cached", count), "output_tokens": ("output", count),
    "reasoning_tokens": ("reasoning", count), "cost_usd": ("cost", usd), "unknown_calls": ("calls of unknown price", count),
}  # fmt: skip


EXPERT_COLUMNS: dict[str, tuple[str, Show]] = {
    "expert": ("expert", text), "model": ("model", text), "calls": ("calls", count), "errors": ("errors", count),
    "mean_ms": ("mean ms", ms), "p95_ms": ("p95", ms), "share": ("share", share), "input_tokens": ("input", count),
    "output_tokens": ("output", count), "cost_usd": ("cost", usd), "unknown_calls": ("calls of unknown price", count),
}  # fmt: skip


def trouble_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield outliers and what went wrong."""
    yield section("Slowest calls", log.outliers(options.top), _CALL, top=options.top)
    yield section("Errors", log.errors(), _CALL, " ".join(["The line is that of the first.", *only_failed_note(log)]), key=True)
    yield section("Retries", log.retries(), _CALL)
    yield from _outages(log)
    yield from _agent_work(log)
    yield section("Cut at the length limit", log.truncations(), _CALL, top=10)
    yield section("Never ended", log.stuck(), _CALL, "And what they last waited on.", key=True, top=20)
    yield section("Repeated identical tool calls", log.repeated_calls(), _CALL, top=10)
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
    shows = {"endpoint": ("server", text), "model": ("model", text), "began": ("began", _clock), "length_ms": ("lasted ms", ms),
        "back": ("back", _yes), "error_message": ("because", long_text), "failed_calls": ("failed calls", count), **waits,
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


def _clock(value: Any) -> str:
    return text(value)[:23]


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def gates(options: ReportOptions) -> Iterator[Section]:
    """Yield the gates, first what is broken."""
    rows = []
    for gate in sorted(options.slo, key=lambda gate: bool(gate["met"])):
        rows.append([str(gate["status"]), str(gate["gate"]), *gate_values(gate), str(gate["detail"])])
    columns = ["", "gate", "value", "without failures", "limit", "detail"]
    note = "A failed call counts as infinitely long. Goodput as vLLM defines it: the share that meets every objective."
    yield Section("Gates", columns, rows, frozenset(columns[2:5]), note, key=True)


def gate_values(gate: Mapping[str, object]) -> list[str]:
    """Return value, value without failures, and limit of a gate, in its unit."""
    show = {"ms": ms, "USD": usd}.get(str(gate["unit"]), share)
    unit = " ms" if gate["unit"] == "ms" else ""
    return [show(gate[name]) + ("" if is_unknown(gate[name]) else unit) for name in ("value", "plain", "limit")]


def _verdict(value: Any) -> str:
    return "not measured" if is_unknown(value) else "yes" if value else "no"


def comparison_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield this run beside another."""
    if options.compare is None:
        return
    found = log.compare(options.compare)
    shows: dict[str, tuple[str, Show]] = {
        "type": ("type", text), "n": ("n", count), "n_other": ("n other", count), "tasks": ("tasks", count), "median_ms": ("median ms", ms),
        "median_other_ms": ("other", ms),
        "difference_ms": ("difference", ms), "low_ms": ("95 % CI from", ms), "high_ms": ("to", ms), "change": ("change", share),
        "p_holm": ("p (Holm)", number), "significant": ("beyond noise", _verdict),
    }  # fmt: skip
    yield section("Compared", found.latency, shows, found.note, key=True)
    yield _totals_compared(found.totals)
    changed = found.simulations[found.simulations["reward_change"].fillna(0) != 0]
    rewards: dict[str, tuple[str, Show]] = {"domain": ("domain", text), "task": ("task", text), "trial": ("trial", text),
        "reward_other": ("was", number), "reward": ("is", number)}  # fmt: skip
    yield section("Compared: changed rewards", changed, rewards, top=20)
    settings: dict[str, tuple[str, Show]] = {name: (name, text) for name in ("field", "this", "other")}
    yield section("Compared: settings that differ", found.settings, settings, key=True)


def _totals_compared(totals: pd.DataFrame) -> Section:
    """Return rewards as numbers, and money as money: a cost that is not known is unknown."""
    sides = ["this", "other", "difference"]
    rows = []
    for row in totals.to_dict("records"):
        show = usd if row["what"].endswith(" usd") else number
        rows.append([row["what"], *(show(row[side]) for side in sides)])
    return Section("Compared: reward and cost", ["what", *sides], rows, frozenset(sides), key=True)


def rejected_section(log: RunLog) -> Section:
    """Return lines and values that could not be read."""
    rows = [[entry.file, str(entry.line), entry.reason] for entry in log.rejected[:10]]
    more = log.rejected_count - len(rows)
    note = "All of them are in rejected_lines.txt." + (f" {more:,} more." if more > 0 else "")
    return Section("Lines and values that could not be read", ["file", "line", "reason"], rows, frozenset(("line",)), note)
