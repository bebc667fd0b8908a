"""What the user who runs the analysis may choose, validated once at the edge and then only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.run_log import RunLog
    from tau2_logging.analysis.what_if import Forecast


@dataclass(frozen=True)
class ReportOptions:
    """Options of every report; a report reads what it needs.

    `tasks`: task ids to draw and to detail, empty for the reports' own choice (the slowest, the median and a failed one). `bins`: number
    of equal-width bins of the text histograms, 0 for none. `prices`: the price table in force, None for the one that ships. `price_as`:
    models for "what would these tokens cost on that model". `compare`: the other run, read already. `slo`: the results of the gates,
    ready to show (see `analysis.slo`). `what_if`: answers to `--what-if`. `force`: files of another run may be overwritten. `title`:
    heading of reports. `top`: rows of a list of the slowest. `command`: the command line, shown in reports so that they can be made
    again. `deep`: the deep analysis of the same simulations, None if it was not asked for. `experiment`: what the page of an experiment
    shows (see
    `reports/html/assets/experiment.js`), None for a run that is none. `tables`: groups of tables that the terminal shows instead of
    the answer on one screen (see `text.sections.groups`). `content`: whether report.html holds the conversations. `events_csv`: whether the
    CSV files are to hold the events themselves, too.
    """

    tasks: tuple[str, ...] = ()
    bins: int = 0
    prices: PriceTable | None = None
    price_as: tuple[str, ...] = ()
    compare: RunLog | None = None
    slo: tuple[Mapping[str, object], ...] = ()
    what_if: tuple[Forecast, ...] = ()
    force: bool = False
    title: str = ""
    top: int = 20
    command: str = ""
    deep: LogAnalyzer | None = None
    experiment: Mapping[str, Any] | None = None
    tables: tuple[str, ...] = ()
    content: bool = True
    events_csv: bool = True


def output_file(output_dir: Path, name: str) -> Path:
    """Return the path of an output file; its folder is made."""
    output_dir.mkdir(parents=True, exist_ok=True)
    return output_dir / name
