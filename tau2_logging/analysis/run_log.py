"""A log in memory: tables of its events, and the measures of the run it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures import agent_work
from tau2_logging.analysis.measures.comparison import pooling
from tau2_logging.analysis.measures.comparison.compare_runs import RunComparison, compare
from tau2_logging.analysis.measures.comparison.floor import floor_table
from tau2_logging.analysis.measures.costs import cost_tables
from tau2_logging.analysis.measures.costs.expert_calls import expert_table
from tau2_logging.analysis.measures.costs.repeated_prompts import repeated_prompts
from tau2_logging.analysis.measures.latency import latency_table
from tau2_logging.analysis.measures.outliers import errors, repeated_calls, retries, slowest_calls, truncations, unfinished
from tau2_logging.analysis.measures.run_time import makespan, time_budget
from tau2_logging.analysis.measures.run_time.critical_path import critical_path
from tau2_logging.analysis.measures.run_time.longest_first import longest_first
from tau2_logging.analysis.measures.servers import slow_calls
from tau2_logging.analysis.measures.servers.server_load import server_table
from tau2_logging.analysis.measures.servers.server_outages import outage_table, wait_table
from tau2_logging.analysis.measures.servers.server_waiting import waiting_table
from tau2_logging.analysis.measures.servers.worker_processes import worker_processes
from tau2_logging.analysis.tables.keyed import always_each_run, each_run, kept
from tau2_logging.analysis.tables.log_data import LogData
from tau2_logging.analysis.tables.voice import speech_tables

if TYPE_CHECKING:
    import pandas as pd

_NOTEBOOK = "tau2_logging.analysis.reports.html.notebook"
"""Reports come after the log; this one is loaded when a notebook shows it."""


class RunLog(LogData):
    """The events of one run, or of several, made by `load_log`, with a method for each measure. Each has the arguments of the function
    it is made of, but for the log.

    Of several runs every table is keyed by `run`, and `by_run` has a log of each; `pool` gives a log whose rates and sums are over all,
    for runs that are alike (see `pooling`).
    """

    def pool(self) -> RunLog:
        """Return the same events as one record: rates, sums and distributions are over all runs, what a clock says still by run.

        Raises UserError if the runs differ in settings or in the texts of their tasks.
        """
        pooling.check_alike(pooling.facts(self))
        return self.of(self.chosen, pooled=True)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return str(import_module(_NOTEBOOK).log_html(self))

    def compare(self, other: RunLog) -> RunComparison:
        """Compare this run with another; see `compare_runs.compare`."""
        return compare(self, other)

    @each_run
    def latency(self, by: str | Sequence[str] = "type") -> pd.DataFrame:
        """Return durations by type, or by type and `by`; see `latency.latency_table`. Kept, since every report asks for it."""
        key = (by,) if isinstance(by, str) else tuple(by)
        if key not in self._latencies:
            self._latencies[key] = latency_table(self, by)
        return self._latencies[key].copy()

    @cached_property
    def _latencies(self) -> dict[tuple[str, ...], pd.DataFrame]:
        return {}

    costs = each_run(kept(cost_tables.cost_table))
    task_costs = each_run(kept(cost_tables.task_costs))
    priced_as = each_run(cost_tables.priced_as)
    experts = each_run(kept(expert_table))
    floor = each_run(kept(floor_table))
    budget = each_run(kept(time_budget.task_budget))
    context_growth = each_run(kept(makespan.context_growth))
    repeated_prompts = each_run(kept(repeated_prompts))
    calls_by_endpoint = each_run(kept(slow_calls.calls_by_endpoint))
    waiting_at_servers = each_run(waiting_table)
    server_waits = each_run(wait_table)
    searches = each_run(kept(agent_work.searches_by_tool))
    documents_found = each_run(kept(agent_work.documents_found))
    outliers = each_run(kept(slowest_calls))
    errors = each_run(kept(errors))
    retries = each_run(kept(retries))
    truncations = each_run(kept(truncations))
    repeated_calls = each_run(repeated_calls)
    recovery = each_run(kept(agent_work.recovery_table))
    shortened_prompts = each_run(kept(agent_work.prompt_table))

    voice_turn_taking = each_run(kept(speech_tables.turn_taking))
    voice_speaking_time = each_run(kept(speech_tables.speaking_time))
    voice_work = each_run(kept(speech_tables.speech_work))
    voice_usage = each_run(kept(speech_tables.speech_usage))
    voice_cost = each_run(kept(speech_tables.speech_cost))
    voice_tools = each_run(kept(speech_tables.speech_tools))
    voice_simulations = each_run(kept(speech_tables.speech_by_simulation))

    critical_path = always_each_run(kept(critical_path))
    stragglers = always_each_run(kept(makespan.stragglers))
    concurrency = always_each_run(makespan.concurrency)
    longest_first = always_each_run(kept(longest_first))
    slower_with_load = always_each_run(kept(slow_calls.slower_with_load))
    latency_by_concurrency = always_each_run(makespan.latency_by_concurrency)
    worker_processes = always_each_run(worker_processes)
    model_servers = always_each_run(kept(server_table))
    outages = always_each_run(kept(outage_table))
    stuck = always_each_run(kept(unfinished))
