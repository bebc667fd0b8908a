"""A log as measures read it: its events, its simulations and every attempt at them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tau2_logging.analysis.tables.attempts import attempt_table
from tau2_logging.analysis.tables.event_tables import EventTables
from tau2_logging.analysis.tables.simulations import TIMED_TYPES, simulation_table

if TYPE_CHECKING:
    import pandas as pd


class LogData(EventTables):
    """The tables that measures are made of. `LogData` adds the measures themselves."""

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The timed calls: model calls of every role, tools, evaluations. None contains another, but for parallel ones."""
        return self.select(types=TIMED_TYPES)

    @cached_property
    def simulations(self) -> pd.DataFrame:
        """One row a simulation (run, domain, task, trial), as `simulations.simulation_table` describes."""
        return simulation_table(self)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row an attempt at a simulation, with its slot and its place in the time the run worked; see `attempts.attempt_table`."""
        return attempt_table(self)
