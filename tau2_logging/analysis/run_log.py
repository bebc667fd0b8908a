"""A log in memory: tables of its events, and the statistics of the run it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tau2_logging.analysis.reader.column_store import Store
from tau2_logging.analysis.reader.line import Rejected
from tau2_logging.analysis.tables.frames import frame
from tau2_logging.analysis.tables.keyed import always_each_run, each_run
from tau2_logging.analysis.tables.simulations import TIMED_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.measures.comparison import Comparison
    from tau2_logging.analysis.measures.prices import PriceTable

NAMELESS = ""
"""Stands for the events that name no run, in a log in which others do."""


@dataclass(frozen=True)
class Reading:
    """What was read and how it went, by file: number of lines, of events, of other text, of lines that could not be read, and of values
    that were left out of events (see `plausible`).
    """

    file: str
    lines: int
    events: int
    other: int
    rejected: int
    values: int = 0


class RunLog:
    """The events of one run, or of several, made by `load_log`.

    `files`: paths as they were given. `runs`: ids of every run in the files, in order of first appearance. `chosen`: the runs this log is
    of; empty for all of them. `rejected`: lines that could not be read, values that were left out. Tables are made when they are first
    asked for and then kept.

    Of several runs every table is keyed by `run`: runs differ in agent, model or settings, and a figure over all of them is a figure of
    none. `by_run` has a log of each; `pool` gives a log whose rates and sums are over all, for runs that are alike (see `pooling`).
    """

    def __init__(
        self,
        store: Store,
        files: Sequence[str],
        readings: Sequence[Reading],
        rejected: Sequence[Rejected],
        chosen: Sequence[str],
        pooled: bool = False,
    ) -> None:
        self.store = store
        self.files = list(files)
        self.readings = list(readings)
        self.rejected = list(rejected)
        self.chosen = tuple(chosen)
        self.pooled = pooled
        self.notes: list[str] = []
        self._more_refused = 0
        self._latencies: dict[tuple[str, ...], pd.DataFrame] = {}

    @property
    def run_id(self) -> str | None:
        """The run; None where there are several, or where the log names no run (the older runner's)."""
        return (self.chosen[0] or None) if len(self.chosen) == 1 else None

    @cached_property
    def by_run(self) -> list[RunLog]:
        """A log of each run, in order of first appearance; events without a run, beside others that have one, are a run without a name."""
        if len(self.chosen) == 1 or not self.runs:
            return [self]
        names = [run for run in self.runs if run in self.chosen] if self.chosen else [*self.runs, *self._nameless]
        return [self] if len(names) < 2 else [self._of([name]) for name in names]

    @property
    def _nameless(self) -> list[str]:
        return [NAMELESS] if any(bool((self.store.column(type_, "run") < 0).any()) for type_ in self.store.types()) else []

    def pool(self) -> RunLog:
        """The same events as one record: rates, sums and distributions are over all runs, what a clock says still by run.

        Raises UserError where the runs differ in settings or in the texts of their tasks.
        """
        from tau2_logging.analysis.measures.pooling import check_alike, facts

        check_alike(facts(self))
        return self._of(self.chosen, pooled=True)

    def _of(self, chosen: Sequence[str], pooled: bool = False) -> RunLog:
        return RunLog(self.store, self.files, self.readings, self.rejected, chosen, pooled)

    @property
    def rejected_count(self) -> int:
        """Lines that could not be read and values that were left out; `rejected` holds the first 100,000 of them."""
        return self._more_refused + sum(reading.rejected + reading.values for reading in self.readings)

    def refuse(self, entries: Sequence[Rejected]) -> None:
        """Add what could not be read of the recording that this log was made of."""
        self._more_refused += len(entries)
        self.rejected += entries

    @cached_property
    def runs(self) -> list[str]:
        """Ids of the runs in the files, in order of first appearance."""
        texts = self.store.dictionary("run").texts
        return [texts[code] for _, code in self.store.first_rows("run")]

    @cached_property
    def domains(self) -> list[str]:
        """Domains of the chosen run's simulations, in order of first appearance."""
        return [str(name) for name in self.select(columns=["domain"])["domain"].dropna().unique()]

    def select(self, columns: Iterable[str] | None = None, types: Iterable[str] | None = None) -> pd.DataFrame:
        """Some columns of the events of some types, in file order. Takes memory for these columns alone."""
        return frame(self.store, self.files, types if types is not None else self.store.types(), columns, self.chosen)

    @cached_property
    def events(self) -> pd.DataFrame:
        """One row an event, in file order: file, line, level, time (local), task, thread, type, then a typed column for each field that
        occurs (float64, Int64, boolean or object), `end_ms` and `role` (agent, expert, user, judge, tool or None).
        """
        return self.select()

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The timed calls: model calls of every role, tools, evaluations. None contains another, but for parallel ones."""
        return self.select(types=TIMED_TYPES)

    @cached_property
    def simulations(self) -> pd.DataFrame:
        """One row a simulation (run, domain, task, trial), as `simulations.simulation_table` describes."""
        from tau2_logging.analysis.tables.simulations import simulation_table

        return simulation_table(self)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row an attempt at a simulation, with its slot and its place in the time the run worked; see `attempts.attempt_table`."""
        from tau2_logging.analysis.tables.attempts import attempt_table

        return attempt_table(self)

    def _run_events(self, type_: str) -> dict[str | None, dict[str, object]]:
        table = self.select(types=[type_])
        rows = table.drop(columns=["end_ms", "role"], errors="ignore").to_dict("records")
        return {row.get("domain"): {str(key): value for key, value in row.items()} for row in rows}

    @cached_property
    def run_start(self) -> dict[str | None, dict[str, object]]:
        """Fields of run_start by domain; of the last one where the run was resumed."""
        return self._run_events("run_start")

    @cached_property
    def run_end(self) -> dict[str | None, dict[str, object]]:
        """Fields of run_end by domain; empty while the run goes on or where it was killed."""
        return self._run_events("run_end")

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from tau2_logging.analysis.reports.html.notebook import log_html

        return log_html(self)

    @each_run
    def latency(self, by: str | Sequence[str] = "type") -> pd.DataFrame:
        """Durations by type, or by type and `by`; see `latency.latency_table`. Every report asks for the same ones, so they are kept."""
        from tau2_logging.analysis.measures.latency import latency_table

        key = (by,) if isinstance(by, str) else tuple(by)
        if key not in self._latencies:
            self._latencies[key] = latency_table(self, by)
        return self._latencies[key].copy()

    @each_run
    def costs(self, by: Sequence[str] = ("side", "role", "model"), prices: PriceTable | None = None) -> pd.DataFrame:
        """Tokens and money by role and model; see `costs.cost_table`."""
        from tau2_logging.analysis.measures.costs import cost_table

        return cost_table(self, by, prices)

    @each_run
    def experts(self, prices: PriceTable | None = None) -> pd.DataFrame:
        """Calls, time and money of each expert model; see `experts.expert_table`."""
        from tau2_logging.analysis.measures.expert_calls import expert_table

        return expert_table(self, prices)

    @each_run
    def task_costs(self, prices: PriceTable | None = None) -> pd.DataFrame:
        """Money by simulation; see `costs.task_costs`."""
        from tau2_logging.analysis.measures.costs import task_costs

        return task_costs(self, prices)

    @each_run
    def priced_as(self, models: Sequence[str], prices: PriceTable | None = None) -> pd.DataFrame:
        """What these tokens would cost on other models; see `costs.priced_as`."""
        from tau2_logging.analysis.measures.costs import priced_as

        return priced_as(self, models, prices)

    @each_run
    def budget(self) -> pd.DataFrame:
        """Where the time of each simulation went; see `budget.task_budget`."""
        from tau2_logging.analysis.measures.time_budget import task_budget

        return task_budget(self)

    @always_each_run
    def critical_path(self) -> pd.DataFrame:
        """The calls and waits that decided the makespan; see `critical_path.critical_path`."""
        from tau2_logging.analysis.measures.critical_path import critical_path

        return critical_path(self)

    @always_each_run
    def stragglers(self) -> pd.DataFrame:
        """The simulations that kept the run from ending; see `makespan.stragglers`."""
        from tau2_logging.analysis.measures.makespan import stragglers

        return stragglers(self)

    @always_each_run
    def concurrency(self) -> pd.DataFrame:
        """Time-weighted concurrency; see `makespan.concurrency`."""
        from tau2_logging.analysis.measures.makespan import concurrency

        return concurrency(self)

    @always_each_run
    def worker_processes(self) -> pd.DataFrame:
        """The worker processes and what each did; see `worker_processes.worker_processes`."""
        from tau2_logging.analysis.measures.worker_processes import worker_processes

        return worker_processes(self)

    @always_each_run
    def latency_by_concurrency(self, type_: str = "llm_call") -> pd.DataFrame:
        """Latency by calls in flight; see `makespan.latency_by_concurrency`."""
        from tau2_logging.analysis.measures.makespan import latency_by_concurrency

        return latency_by_concurrency(self, type_)

    @each_run
    def context_growth(self) -> pd.DataFrame:
        """How the agent's prompt grows from call to call; see `makespan.context_growth`."""
        from tau2_logging.analysis.measures.makespan import context_growth

        return context_growth(self)

    @always_each_run
    def model_servers(self) -> pd.DataFrame:
        """What the model servers say of themselves; see `servers.server_table`."""
        from tau2_logging.analysis.measures.model_servers import server_table

        return server_table(self)

    @each_run
    def waiting_at_servers(self) -> pd.DataFrame:
        """Where the model calls waited, by their servers' clocks; see `server_calls.waiting_table`."""
        from tau2_logging.analysis.measures.server_waiting import waiting_table

        return waiting_table(self)

    @each_run
    def outliers(self, top: int = 20) -> pd.DataFrame:
        """The slowest calls; see `outliers.slowest_calls`."""
        from tau2_logging.analysis.measures.outliers import slowest_calls

        return slowest_calls(self, top)

    @each_run
    def errors(self) -> pd.DataFrame:
        """Failed calls by type, name and class of failure; see `outliers.errors`."""
        from tau2_logging.analysis.measures.outliers import errors

        return errors(self)

    @each_run
    def retries(self) -> pd.DataFrame:
        """Repeated model calls; see `outliers.retries`."""
        from tau2_logging.analysis.measures.outliers import retries

        return retries(self)

    @each_run
    def server_waits(self) -> pd.DataFrame:
        """Waits of model calls for a server that answers; see `outages.wait_table`."""
        from tau2_logging.analysis.measures.server_outages import wait_table

        return wait_table(self)

    @always_each_run
    def outages(self) -> pd.DataFrame:
        """Model servers that were down; see `outages.outage_table`."""
        from tau2_logging.analysis.measures.server_outages import outage_table

        return outage_table(self)

    @each_run
    def recovery(self) -> pd.DataFrame:
        """How often an agent's wrong replies were put right; see `agent_work.recovery_table`."""
        from tau2_logging.analysis.measures.agent_work import recovery_table

        return recovery_table(self)

    @each_run
    def shortened_prompts(self) -> pd.DataFrame:
        """What an agent saved and kept in shorter prompts; see `agent_work.prompt_table`."""
        from tau2_logging.analysis.measures.agent_work import prompt_table

        return prompt_table(self)

    @each_run
    def truncations(self) -> pd.DataFrame:
        """Replies cut at the length limit; see `outliers.truncations`."""
        from tau2_logging.analysis.measures.outliers import truncations

        return truncations(self)

    @always_each_run
    def stuck(self) -> pd.DataFrame:
        """Simulations that never ended, and what they waited on; see `outliers.unfinished`."""
        from tau2_logging.analysis.measures.outliers import unfinished

        return unfinished(self)

    @each_run
    def repeated_calls(self) -> pd.DataFrame:
        """Identical tool calls made again; see `outliers.repeated_calls`."""
        from tau2_logging.analysis.measures.outliers import repeated_calls

        return repeated_calls(self)

    def compare(self, other: RunLog) -> Comparison:
        """This run beside another; see `compare.compare`."""
        from tau2_logging.analysis.measures.comparison import compare

        return compare(self, other)
