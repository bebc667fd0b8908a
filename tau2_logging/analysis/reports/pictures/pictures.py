"""Pictures: distributions of latency and tokens, a Gantt picture of chosen tasks, an overview of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports.pictures.distributions import calls_with_roles
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.report_options import ReportOptions, output_file
from tau2_logging.analysis.reports.text.names import heading, row_name
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.queries import chosen

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

NAME = "png"
FILES = ("latency_histograms.png", "latency_cdf.png", "ttft_decode.png", "token_lengths.png", "run_overview.png", "gantt_*.png")


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Draw what the log has: no calls, no distributions; no tasks, no Gantt. Return the files written."""
    title = options.title or heading(log)
    attempts = Attempts()
    attempts.make("distributions", _distributions, log, output_dir, title)
    attempts.make("timelines", _timelines, log, output_dir, title, options)
    return attempts.written()


def _distributions(log: RunLog, output_dir: Path, title: str) -> list[Path]:
    from tau2_logging.analysis.reports.pictures import latency_pictures as pictures

    calls = calls_with_roles(log)
    attempts = Attempts()
    if not calls.empty:
        for name, draw, said in (
            ("latency_histograms.png", pictures.histograms, "Latency"),
            ("latency_cdf.png", pictures.cumulative, "Latency, cumulative"),
            ("ttft_decode.png", pictures.first_token, "First token and decoding"),
            ("token_lengths.png", pictures.token_lengths, "Tokens"),
        ):
            attempts.make(name, _save, output_file(output_dir, name), draw, calls, f"{said}, {title}")
    return attempts.written()


def _timelines(log: RunLog, output_dir: Path, title: str, options: ReportOptions) -> list[Path]:
    from tau2_logging.analysis.reports.pictures.gantt import gantt
    from tau2_logging.analysis.reports.pictures.overview import overview

    timeline = timeline_of(log)
    attempts = Attempts()
    if not timeline.rows.empty:
        attempts.make(
            "run_overview.png",
            _save,
            output_file(output_dir, "run_overview.png"),
            overview,
            timeline,
            title,
            totals_of(log, options.prices),
        )
        several = timeline.rows["domain"].nunique() > 1
        for row in chosen(timeline, options.tasks):
            name = f"gantt_{row_name(timeline.rows.loc[row], several)}.png"
            attempts.make(name, _save, output_file(output_dir, name), gantt, timeline, row)
    return attempts.written()


def _save(path: Path, draw: Callable[..., Any], *args: object) -> list[Path]:
    from tau2_logging.analysis.reports.pictures.figure import save

    figure = draw(*args)
    return [] if figure is None else [save(figure, path)]
