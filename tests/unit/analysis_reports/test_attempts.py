"""Each report stands alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.reports import REPORTS, load_report
from tau2_logging.analysis.reports.output import write_reports
from tau2_logging.analysis.reports.pictures import latency_pictures
from tau2_logging.analysis.reports.report_failures import Attempts, PartlyWrittenError
from tau2_logging.analysis.reports.report_options import ReportOptions, output_file
from tau2_logging.cli.analyze_timing import main
from tests.support.report_samples import pooled
from tests.support.report_samples import write as write_log

OLDEST = (
    "[PROFILE] 2025-12-24 04:28:25.388 task=7 thread=124685400381120 type=llm_call step=1 model=m call_type=vllm duration_ms={} "
    "has_tool_calls=True\n"
)


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    return load_log(write_log(tmp_path / "tau2_retail.log", [pooled(3, 2)]))


def report(name: str, error: BaseException | None = None) -> ModuleType:
    """A report of one file that raises, if told so, before it is written."""
    module = ModuleType(name)

    def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
        if error is not None:
            raise error
        path = output_file(output_dir, f"{name}.txt")
        path.write_text(log.run_id or "")
        return [path]

    module.NAME, module.FILES, module.write = name, (f"{name}.txt",), write  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("error", [ValueError("slice step\ncannot be zero"), RecursionError(), MemoryError(), OSError(28, "No space left")])
def test_a_report_that_fails_is_named_with_its_reason_on_one_line_and_the_others_are_written(
    error: Exception, log: RunLog, tmp_path: Path
) -> None:
    made = write_reports(log, tmp_path / "out", [report("a"), report("b", error), report("c")], ReportOptions())  # type: ignore[list-item]
    assert [path.name for path in made.paths] == ["a.txt", "c.txt", "analysis.json"]
    assert [failure.report for failure in made.failures] == ["b"]
    assert type(error).__name__ in made.failures[0].reason
    assert "\n" not in made.failures[0].reason
    assert json.loads((tmp_path / "out" / "analysis.json").read_text())["failed"] == [vars(made.failures[0])]


@pytest.mark.parametrize("error", [BrokenPipeError(), KeyboardInterrupt()])
def test_a_closed_pipe_and_an_interrupt_are_nobody_s_reason(error: BaseException, log: RunLog, tmp_path: Path) -> None:
    with pytest.raises(type(error)):
        write_reports(log, tmp_path / "out", [report("a", error)], ReportOptions())  # type: ignore[list-item]


def test_a_file_of_a_report_that_fails_leaves_the_report_s_other_files(tmp_path: Path) -> None:
    inner = Attempts()
    inner.make("one.csv", lambda: [tmp_path / "one.csv"])
    inner.make("two.csv", lambda: [][1])
    outer = Attempts()
    outer.make("csv", inner.written)
    outer.make("html", lambda: [tmp_path / "report.html"])
    assert [path.name for path in outer.paths] == ["one.csv", "report.html"]
    assert [failure.report for failure in outer.failures] == ["csv: two.csv"]
    with pytest.raises(PartlyWrittenError, match=r"csv: two\.csv: IndexError"):
        outer.written()


@pytest.mark.parametrize("format_", [name for name in REPORTS if name != "console"])
def test_every_report_but_the_one_that_fails_is_written_by_the_command(
    format_: str, log: RunLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> list[Path]:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(load_report(format_), "write", fail)
    others = [name for name in ("markdown", "trace", "speedscope") if name != format_]
    with pytest.raises(SystemExit) as ended:
        main(["--log_file", log.files[0], "--output_dir", str(tmp_path / "out"), "--format", format_, *others])
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.err.splitlines() == [f"error: the report {format_} could not be made: ZeroDivisionError: division by zero"]
    for name in others:
        assert list((tmp_path / "out").glob(load_report(name).FILES[0]))


@pytest.mark.parametrize("lengths", [("1307.20", "1507.20"), ("5.00", "5.00"), ("0.00", "0.00"), ("3100.00", "4600.00"), ("1e-3", "1e9")])
def test_calls_of_nearly_one_length_have_every_picture(lengths: tuple[str, str], tmp_path: Path) -> None:
    """No power of ten, no 2 and no 5 may lie between them."""
    path = tmp_path / "tau2_retail.log"
    path.write_text("".join(OLDEST.format(length) for length in lengths))
    made = write_reports(load_log(path), tmp_path / "out", [load_report("png"), load_report("html")], ReportOptions())
    assert made.failures == []
    assert {path.name for path in made.paths} >= {"latency_histograms.png", "latency_cdf.png", "report.html"}


@pytest.mark.parametrize(("low", "high"), [(1176.5, 1657.9), (2.1, 4.9), (1.0, 1.0001), (5e-4, 6e5)])
@pytest.mark.parametrize("unit", ["ms", "tokens"])
def test_a_logarithmic_axis_of_times_never_goes_without_a_tick(low: float, high: float, unit: str) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    latency_pictures.value_axis(axes, axes.xaxis, low, high, True, unit)
    assert unit != "ms" or [place for place in axes.xaxis.get_majorticklocs() if low <= place <= high]
