"""The events of a log as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.store.file_counts import FileCounts, Rejected
from tau2_logging.analysis.tables.frames import frame
from tau2_logging.soundness.audited_tasks import Audits

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

NAMELESS = ""
"""The run of events that name none, in a log in which others do."""


@dataclass(frozen=True)
class Remarks:
    """(notes, doubts) on a log that was made of recordings: on all of them, and on each run."""

    on_all: tuple[list[str], list[str]] = ([], [])
    on_run: Mapping[str, tuple[list[str], list[str]]] = field(default_factory=dict)

    def with_note(self, note: str) -> Remarks:
        """Return these remarks and one more note, which is also a doubt, on everything."""
        more = {run: ([note, *notes], [note, *doubts]) for run, (notes, doubts) in self.on_run.items()}
        return Remarks(([note, *self.on_all[0]], [note, *self.on_all[1]]), more)

    def of(self, runs: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return those on these runs: on all of them together if there are several."""
        return self.on_run.get(runs[0], self.on_all) if len(runs) == 1 else self.on_all


class EventTables:
    """The events of one run, or of several.

    `files`: paths as they were given. `runs`: ids of every run in the files, in order of first appearance. `chosen`: the runs this log is
    of; empty for all of them. `rejected`: lines that could not be read, values that were left out. Tables are made on first use and then
    kept.

    `audits`: what says which tasks are sound, None for the audit that is shipped. `left_out`: tasks that are not in this log since they
    were not found sound, as (run, domain, task).

    Of several runs every table is keyed by `run`: runs differ in agent, model or settings, and a figure over all of them is a figure of
    none. `by_run` has a log of each.
    """

    def __init__(
        self,
        store: EventStore,
        files: Sequence[str],
        readings: Sequence[FileCounts],
        rejected: Sequence[Rejected],
        chosen: Sequence[str],
        pooled: bool = False,
        remarks: Remarks | None = None,
        audits: Audits | None = None,
        left_out: frozenset[tuple[str, str, str]] = frozenset(),
    ) -> None:
        self.store = store
        self.files = list(files)
        self.readings = list(readings)
        self.rejected = list(rejected)
        self.chosen = tuple(chosen)
        self.pooled = pooled
        self.remarks = remarks or Remarks()
        self.audits, self.left_out = audits, left_out
        self._more_refused = 0

    @property
    def run_id(self) -> str | None:
        """The run; None if there are several, or if the log names no run (the older runner's)."""
        return (self.chosen[0] or None) if len(self.chosen) == 1 else None

    @cached_property
    def by_run(self) -> list[Self]:
        """A log of each run, in order of first appearance; events without a run, beside others that have one, are a run without a name."""
        if len(self.chosen) == 1 or not self.runs:
            return [self]
        names = [run for run in self.runs if run in self.chosen] if self.chosen else [*self.runs, *self._nameless]
        return [self] if len(names) < 2 else [self.of([name]) for name in names]

    @property
    def _nameless(self) -> list[str]:
        return [NAMELESS] if self.store.select(self.store.types(), ["run"])["run"].null_count() else []

    def of(self, chosen: Sequence[str], pooled: bool = False) -> Self:
        """Return the same log of other runs."""
        return type(self)(
            self.store, self.files, self.readings, self.rejected, chosen, pooled, self.remarks, self.audits, self.left_out
        )  # fmt: skip

    def without(self, simulations: Iterable[tuple[str, str, str]], audits: Audits, note: str) -> Self:
        """Return the same log without the tasks, given as (run, domain, task), that `audits` did not find sound; `note` says so."""
        left_out = frozenset(simulations)
        store, remarks = self.store.without(left_out), self.remarks.with_note(note)
        return type(self)(store, self.files, self.readings, self.rejected, self.chosen, self.pooled, remarks, audits, left_out)

    @property
    def notes(self) -> list[str]:
        """What the file that the log was made of does not hold."""
        return self.remarks.of(self.chosen)[0]

    @property
    def doubts(self) -> list[str]:
        """Those of the notes that say why figures may be wrong."""
        return self.remarks.of(self.chosen)[1]

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
        return [run for _, run, _, _ in self.store.first_events()]

    @cached_property
    def domains(self) -> list[str]:
        """Domains of the chosen run's simulations, in order of first appearance."""
        found = self.store.select(self.store.types(), ["domain"], self.chosen)["domain"]
        return [str(name) for name in found.drop_nulls().unique(maintain_order=True).cast(pl.String)]

    def select(
        self,
        columns: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        where: pl.Expr | None = None,
        of: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Return some columns of the events of some types, in file order. Takes memory for these columns alone.

        `where`: only events of which this is true. `of`: only events of the simulations in this table (KEY), with its row in `place`.
        """
        types = types if types is not None else self.store.types()
        return frame(self.store, self.files, types, columns, self.chosen, where, of)

    def count(self, columns: Sequence[str], types: Iterable[str]) -> pd.DataFrame:
        """Return how many events have the same text in these columns: the columns, and `n`."""
        import pandas as pd

        found = self.store.select(types, columns, self.chosen).group_by(columns, maintain_order=True).len("n")
        texts = {name: pd.Series(found[name].cast(pl.String).to_list(), dtype=object) for name in columns}
        return pd.DataFrame({**texts, "n": found["n"].to_numpy().astype("int64")})

    @cached_property
    def events(self) -> pd.DataFrame:
        """One row an event, in file order: file, line, level, time (local), task, thread, type, then a typed column for each field that
        occurs (float64, Int64, boolean or object), `end_ms` and `role` (agent, expert, user, judge, tool or None).
        """
        return self.select()

    def _run_events(self, type_: str) -> dict[str | None, dict[str, object]]:
        table = self.select(types=[type_])
        rows = table.drop(columns=["end_ms", "role"], errors="ignore").to_dict("records")
        return {row.get("domain"): {str(key): value for key, value in row.items()} for row in rows}

    @cached_property
    def run_start(self) -> dict[str | None, dict[str, object]]:
        """Fields of run_start by domain; of the last one if the run was resumed."""
        return self._run_events("run_start")

    @cached_property
    def run_end(self) -> dict[str | None, dict[str, object]]:
        """Fields of run_end by domain; empty while the run goes on or if it was killed."""
        return self._run_events("run_end")
