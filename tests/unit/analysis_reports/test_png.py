"""Pictures: which files are made, and that nothing in them overprints or leaves the picture."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports.pictures import latency_pictures, pictures
from tau2_logging.analysis.reports.pictures.distributions import calls_with_roles
from tau2_logging.analysis.reports.pictures.figure import plain
from tau2_logging.analysis.reports.pictures.gantt import gantt
from tau2_logging.analysis.reports.pictures.overview import overview
from tau2_logging.analysis.timeline.build import timeline_of
from tests.support.report_samples import Sample, hostile, pooled, write
from tests.support.thorough import scaled

PNG = b"\x89PNG\r\n\x1a\n"


def made(tmp_path: Path, *samples: Sample, tasks: tuple[str, ...] = ()) -> set[str]:
    log = load_log(write(tmp_path / "tau2_retail.log", samples))
    paths = pictures.write(log, tmp_path / "out", ReportOptions(tasks=tasks))
    assert all(path.read_bytes().startswith(PNG) for path in paths)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    return {path.name for path in paths}


def visible(figure: Figure) -> list[tuple[str, Any]]:
    """The texts of a figure and the rectangles that they cover, in pixels."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    inside = [(text, text.get_window_extent(renderer)) for text in texts]
    return [(text.get_text(), box) for text, box in inside if box.width > 0]


def assert_readable(figure: Figure) -> None:
    width, height = figure.canvas.get_width_height()
    texts = visible(figure)
    for text, box in texts:
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -1, f"{text!r} leaves the picture"
    for (a, first), (b, second) in combinations(texts, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across < 2 or down < 2, f"{a!r} overprints {b!r}"


def test_a_log_with_everything_gives_every_picture(tmp_path: Path) -> None:
    assert made(tmp_path, pooled(12, 3)) == {
        "latency_histograms.png", "latency_cdf.png", "ttft_decode.png", "token_lengths.png", "run_overview.png",
        "gantt_11.png", "gantt_10.png", "gantt_5.png",
    }  # fmt: skip


def test_a_log_without_tokens_and_tasks_gives_the_pictures_that_it_has_figures_for(tmp_path: Path) -> None:
    sample = Sample()
    sample.timed("tool_call", "0", 0, 0.0, function="f")
    assert made(tmp_path, sample) == {"latency_histograms.png", "latency_cdf.png", "run_overview.png", "gantt_0.png"}


def test_the_same_task_of_two_domains_and_trials_gives_different_files(tmp_path: Path) -> None:
    again = pooled(3, 1)
    again.lines = [line.replace("trial=0", "trial=1") for line in again.lines]
    names = made(tmp_path, pooled(3, 1), again, pooled(3, 1, domain="airline"), tasks=("1",))
    assert {name for name in names if name.startswith("gantt")} == {
        "gantt_retail_1.png",
        "gantt_retail_1_trial1.png",
        "gantt_airline_1.png",
    }


def test_a_hostile_task_id_leaves_the_folder_alone_and_breaks_no_picture(tmp_path: Path) -> None:
    names = made(tmp_path, hostile())
    assert len(names) == 8
    assert {path.name for path in tmp_path.iterdir()} == {"tau2_retail.log", "out"}


@pytest.mark.parametrize("samples", [[pooled(12, 4), pooled(10, 4, domain="airline", seed=3)], [hostile()]], ids=["two domains", "hostile"])
def test_no_text_of_a_gantt_picture_overprints_another_or_leaves_it(tmp_path: Path, samples: list[Sample]) -> None:
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", samples)))
    for row in run.rows["row"][-3:]:
        assert_readable(gantt(run, int(row)))


@pytest.mark.parametrize(("simulations", "workers"), [(1, 1), (60, 8), (scaled(500, 2000), 32)])
def test_no_text_of_the_overview_overprints_another_or_leaves_it_at_any_size(tmp_path: Path, simulations: int, workers: int) -> None:
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(simulations, workers, turns=2)]))
    figure = overview(timeline_of(log), "run", totals_of(log))
    assert_readable(figure)
    assert figure.get_figheight() < 22


def test_the_overview_marks_simulations_that_ended_in_an_error_or_were_not_solved(tmp_path: Path) -> None:
    """Of 14: one ended in an error, one earned nothing, one never ended."""
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(14, 4)]))
    lines = [line for axes in overview(timeline_of(log), "run", totals_of(log)).axes for line in axes.lines]
    assert [len(line.get_xdata()) for line in lines if line.get_marker() == "x"] == [3]


@pytest.mark.parametrize("sample", [pooled(1, 1, turns=1), pooled(200, 8), hostile()], ids=["one", "many", "hostile"])
def test_no_text_of_a_distribution_overprints_another_or_leaves_it(tmp_path: Path, sample: Sample) -> None:
    calls = calls_with_roles(load_log(write(tmp_path / "tau2_retail.log", [sample])))
    for draw in (latency_pictures.histograms, latency_pictures.cumulative, latency_pictures.first_token, latency_pictures.token_lengths):
        assert_readable(draw(calls, "run 20261120_174501_ab12"))


def test_text_that_the_font_or_mathtext_would_stumble_over_is_shown_as_it_is_or_as_a_box() -> None:
    assert plain("$\\frac{ \u2028 \x00 雪") == "$\\frac{ \ufffd \ufffd \ufffd"
    assert plain("a" * 50, 9) == "aaaaa…aaa"
