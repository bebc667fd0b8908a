"""Pictures: distributions of latency and tokens, a Gantt picture of chosen tasks, an overview of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.options import ReportOptions, output_file
from tau2_logging.analysis.reports.distributions import calls_with_roles
from tau2_logging.analysis.reports.names import heading, row_name
from tau2_logging.analysis.timeline import Timeline
from tau2_logging.analysis.timeline_questions import chosen
from tau2_logging.analysis.timeline_source import timeline_of

if TYPE_CHECKING:
    from tau2_logging.analysis.table import RunLog

NAME = "png"
FILES = ("latency_histograms.png", "latency_cdf.png", "ttft_decode.png", "token_lengths.png", "run_overview.png", "gantt_*.png")


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Draws what the log has: no calls, no distributions; no tasks, no Gantt. Returns the files it wrote."""
    title = options.title or heading(log)
    timeline = timeline_of(log)
    return [*_distributions(log, output_dir, title), *_gantts(timeline, output_dir, title, options)]


def _distributions(log: RunLog, output_dir: Path, title: str) -> list[Path]:
    from tau2_logging.analysis.reports import png_latency as pictures
    from tau2_logging.analysis.reports.png_figure import save

    calls = calls_with_roles(log)
    if calls.empty:
        return []
    drawn = {
        "latency_histograms.png": pictures.histograms(calls, f"Latency, {title}"),
        "latency_cdf.png": pictures.cumulative(calls, f"Latency, cumulative, {title}"),
        "ttft_decode.png": pictures.first_token(calls, f"First token and decoding, {title}"),
        "token_lengths.png": pictures.token_lengths(calls, f"Tokens, {title}"),
    }
    return [save(figure, output_file(output_dir, name)) for name, figure in drawn.items() if figure is not None]


def _gantts(timeline: Timeline, output_dir: Path, title: str, options: ReportOptions) -> list[Path]:
    from tau2_logging.analysis.reports.png_figure import save
    from tau2_logging.analysis.reports.png_gantt import gantt
    from tau2_logging.analysis.reports.png_overview import overview

    if timeline.rows.empty:
        return []
    made = [save(overview(timeline, title), output_file(output_dir, "run_overview.png"))]
    several = timeline.rows["domain"].nunique() > 1
    for row in chosen(timeline, options.tasks):
        name = row_name(timeline.rows.loc[row], several)
        made.append(save(gantt(timeline, row), output_file(output_dir, f"gantt_{name}.png")))
    return made
