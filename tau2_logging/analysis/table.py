"""A log in memory: tables of its events, and the statistics of the run it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tau2_logging.analysis.frames import frame
from tau2_logging.analysis.line import Rejected
from tau2_logging.analysis.simulations import TIMED_TYPES
from tau2_logging.analysis.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.compare import Comparison
    from tau2_logging.analysis.prices import PriceTable


@dataclass(frozen=True)
class Reading:
    """What was read and how it went, by file: number of lines, of events, of other text."""

    file: str
    lines: int
    events: int
    other: int
    rejected: int


class RunLog:
    """The events of one run (or of all runs of some files), made by `load_log`.

    `files`: paths as they were given. `runs`: ids of every run in the files, in order of first appearance. `run_id`: the run chosen;
    None where all are, or where the log knows no runs (the older runner's). `rejected`: lines that could not be read. Tables are made
    when they are first asked for and then kept.
    """

    def __init__(
        self, store: Store, files: Sequence[str], readings: Sequence[Reading], rejected: Sequence[Rejected], run_id: str | None
    ) -> None:
        self.store = store
        self.files = list(files)
        self.readings = list(readings)
        self.rejected = list(rejected)
        self.run_id = run_id
        self._latencies: dict[tuple[str, ...], pd.DataFrame] = {}

    @property
    def rejected_count(self) -> int:
        """Lines that could not be read; `rejected` holds the first 100,000 of them."""
        return sum(reading.rejected for reading in self.readings)

    @property
    def runs(self) -> list[str]:
        """Ids of the runs in the files, in order of first appearance."""
        texts = self.store.dictionary("run").texts
        return [texts[code] for code in self.store.first_rows("run")]

    @cached_property
    def domains(self) -> list[str]:
        """Domains of the chosen run's simulations, in order of first appearance."""
        return [str(name) for name in self.select(columns=["domain"])["domain"].dropna().unique()]

    def select(self, columns: Iterable[str] | None = None, types: Iterable[str] | None = None) -> pd.DataFrame:
        """Some columns of the events of some types, in file order. Takes memory for these columns alone."""
        return frame(self.store, self.files, types if types is not None else self.store.types(), columns, self.run_id)

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
        from tau2_logging.analysis.simulations import simulation_table

        return simulation_table(self)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row an attempt at a simulation, with its slot and its place in the time the run worked; see `attempts.attempt_table`."""
        from tau2_logging.analysis.attempts import attempt_table

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
        from tau2_logging.analysis.reports.notebook import log_html

        return log_html(self)

    def latency(self, by: str | Sequence[str] = "type") -> pd.DataFrame:
        """Durations by type, or by type and `by`; see `latency.latency_table`. Every report asks for the same ones, so they are kept."""
        from tau2_logging.analysis.latency import latency_table

        key = (by,) if isinstance(by, str) else tuple(by)
        if key not in self._latencies:
            self._latencies[key] = latency_table(self, by)
        return self._latencies[key].copy()

    def costs(self, by: Sequence[str] = ("side", "role", "model"), prices: PriceTable | None = None) -> pd.DataFrame:
        """Tokens and money by role and model; see `costs.cost_table`."""
        from tau2_logging.analysis.costs import cost_table

        return cost_table(self, by, prices)

    def experts(self, prices: PriceTable | None = None) -> pd.DataFrame:
        """Calls, time and money of each expert model; see `experts.expert_table`."""
        from tau2_logging.analysis.experts import expert_table

        return expert_table(self, prices)

    def task_costs(self, prices: PriceTable | None = None) -> pd.DataFrame:
        """Money by simulation; see `costs.task_costs`."""
        from tau2_logging.analysis.costs import task_costs

        return task_costs(self, prices)

    def priced_as(self, models: Sequence[str], prices: PriceTable | None = None) -> pd.DataFrame:
        """What these tokens would cost on other models; see `costs.priced_as`."""
        from tau2_logging.analysis.costs import priced_as

        return priced_as(self, models, prices)

    def budget(self) -> pd.DataFrame:
        """Where the time of each simulation went; see `budget.task_budget`."""
        from tau2_logging.analysis.budget import task_budget

        return task_budget(self)

    def critical_path(self) -> pd.DataFrame:
        """The calls and waits that decided the makespan; see `critical_path.critical_path`."""
        from tau2_logging.analysis.critical_path import critical_path

        return critical_path(self)

    def stragglers(self) -> pd.DataFrame:
        """The simulations that kept the run from ending; see `makespan.stragglers`."""
        from tau2_logging.analysis.makespan import stragglers

        return stragglers(self)

    def concurrency(self) -> pd.DataFrame:
        """Time-weighted concurrency; see `makespan.concurrency`."""
        from tau2_logging.analysis.makespan import concurrency

        return concurrency(self)

    def worker_processes(self) -> pd.DataFrame:
        """The worker processes and what each did; see `worker_processes.worker_processes`."""
        from tau2_logging.analysis.worker_processes import worker_processes

        return worker_processes(self)

    def latency_by_concurrency(self, type_: str = "llm_call") -> pd.DataFrame:
        """Latency by calls in flight; see `makespan.latency_by_concurrency`."""
        from tau2_logging.analysis.makespan import latency_by_concurrency

        return latency_by_concurrency(self, type_)

    def context_growth(self) -> pd.DataFrame:
        """How the agent's prompt grows from call to call; see `makespan.context_growth`."""
        from tau2_logging.analysis.makespan import context_growth

        return context_growth(self)

    def model_servers(self) -> pd.DataFrame:
        """What the model servers say of themselves; see `servers.server_table`."""
        from tau2_logging.analysis.servers import server_table

        return server_table(self)

    def outliers(self, top: int = 20) -> pd.DataFrame:
        """The slowest calls; see `outliers.slowest_calls`."""
        from tau2_logging.analysis.outliers import slowest_calls

        return slowest_calls(self, top)

    def errors(self) -> pd.DataFrame:
        """Failed calls by type, name and class of failure; see `outliers.errors`."""
        from tau2_logging.analysis.outliers import errors

        return errors(self)

    def retries(self) -> pd.DataFrame:
        """Repeated model calls; see `outliers.retries`."""
        from tau2_logging.analysis.outliers import retries

        return retries(self)

    def truncations(self) -> pd.DataFrame:
        """Replies cut at the length limit; see `outliers.truncations`."""
        from tau2_logging.analysis.outliers import truncations

        return truncations(self)

    def stuck(self) -> pd.DataFrame:
        """Simulations that never ended, and what they waited on; see `outliers.unfinished`."""
        from tau2_logging.analysis.outliers import unfinished

        return unfinished(self)

    def repeated_calls(self) -> pd.DataFrame:
        """Identical tool calls made again; see `outliers.repeated_calls`."""
        from tau2_logging.analysis.outliers import repeated_calls

        return repeated_calls(self)

    def compare(self, other: RunLog) -> Comparison:
        """This run beside another; see `compare.compare`."""
        from tau2_logging.analysis.compare import compare

        return compare(self, other)
