"""`analyze_timing_from_tau2_log.py`: as a person runs it once, and in this process for what does not depend on that."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pandas as pd
import polars
import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.cli import analyze_timing
from tests.support.command import in_process
from tests.support.patience import LONG_S

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
FIGURES, EVENTS = ("--format", "json"), ("--format", "parquet")
"""All tables of a log take seconds; where any file will do, it is the one with the events."""


analyze = partial(in_process, analyze_timing.main)


def analyze_as_a_person(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "analyze_timing_from_tau2_log.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=LONG_S, check=False)


def test_the_garbage_collector_is_as_it_was_after_the_command(tmp_path: Path) -> None:
    before = gc.get_threshold()
    assert analyze(tmp_path / "missing.log").returncode == 2
    assert analyze(GOLDEN / "current" / "tau2_mock.log", "--output_dir", tmp_path, *FIGURES).returncode == 0
    assert (gc.get_threshold(), gc.isenabled()) == (before, True)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs") / "tau2_retail.log"
    write_log(path, Plan(faults=0.05, tasks=20, workers=6), 300_000)
    return path


@pytest.fixture(scope="module")
def everything(log: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    output = tmp_path_factory.mktemp("out") / "results"
    return analyze_as_a_person("--log_file", log, "--output_dir", output, "--bins", "5", "--price-as", "gpt-5", "nobody/knows"), output


def test_the_command_of_the_readme_writes_every_file(everything: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, output = everything
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    names = {path.name for path in output.iterdir()}
    assert names >= {"latency_by_type.csv", "cost_table.csv", "cost_table.md", "stats.json", "summary.md", "events.parquet"}
    assert names >= {"latency_histograms.png", "latency_cdf.png", "report.html"}
    assert any(name.startswith("gantt_") for name in names)
    assert names >= {"trace.json", "trace.pftrace.gz", "speedscope.json"}
    assert "events.csv" not in names  # made if csv is asked for by name; events.parquet has the same events


def test_the_mean_on_the_terminal_is_that_of_grep_and_awk(everything: tuple[subprocess.CompletedProcess[str], Path], log: Path) -> None:
    pipeline = f'grep "type=llm_call" {log} | grep -oP "duration_ms=\\d+\\.\\d+" | cut -d= -f2 | awk \'{{s+=$1}} END {{print s/NR}}\''
    expected = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=True).stdout.strip()
    row = next(line for line in everything[0].stdout.splitlines() if line.split()[:1] == ["llm_call"])
    assert row.split()[3] == expected


def test_stats_json_holds_the_promised_keys_and_plain_numbers(everything: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    stats = json.loads((everything[1] / "stats.json").read_text(), parse_constant=pytest.fail)
    assert stats["schema_version"] == 1
    keys = {"n", "errors", "mean_ms", "std_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "total_ms"}
    assert all(set(row) >= keys for row in stats["latency"].values())
    assert set(stats) >= {"tokens", "cost", "tasks", "outliers"}
    assert stats["priced_as"][1]["all_usd"] is None
    table = pd.read_csv(everything[1] / "latency_by_type.csv").set_index("type")
    assert stats["latency"]["llm_call"]["p95_ms"] == table.loc["llm_call", "p95_ms"]


def test_the_events_files_hold_every_event_with_types(
    everything: tuple[subprocess.CompletedProcess[str], Path], log: Path, tmp_path: Path
) -> None:
    assert analyze("--log_file", log, "--output_dir", tmp_path, "--format", "csv").returncode == 0
    lines = len(log.read_text().splitlines())
    parquet = polars.read_parquet(everything[1] / "events.parquet")
    assert len(parquet) == lines == len(polars.read_csv(tmp_path / "events.csv", infer_schema_length=None))
    assert parquet.schema["duration_ms"] == polars.Float64
    assert parquet.schema["input_tokens"] == polars.Int64
    assert parquet.schema["error"] == polars.Boolean
    assert parquet.schema["time"] == polars.Datetime("ms")


def test_both_logs_of_a_run_give_the_same_figures(tmp_path: Path) -> None:
    found = []
    for name in ("tau2", "eval"):
        assert analyze("--log_file", GOLDEN / f"current/{name}_mock.log", "--output_dir", tmp_path / name, *FIGURES).returncode == 0
        found.append(json.loads((tmp_path / name / "stats.json").read_text()))
    for stats in found:
        for key in ("files", "outliers"):  # file names and line numbers differ
            stats.pop(key)
        for finding in stats["findings"]:
            finding["proof"].pop("lines")
    assert found[0] == found[1]


def test_the_log_may_come_from_standard_input_and_dashes_may_be_underscores(log: Path, tmp_path: Path) -> None:
    done = analyze("--log-file", "-", "--output-dir", tmp_path, *EVENTS, stdin=log.read_bytes())
    assert done.returncode == 0, done.stderr
    assert len(polars.read_parquet(tmp_path / "events.parquet")) == len(log.read_text().splitlines())


def test_a_folder_is_read_as_one_run(log: Path, tmp_path: Path) -> None:
    assert analyze("--log_dir", log.parent, "--output_dir", tmp_path, *EVENTS).returncode == 0
    done = analyze("--log_dir", log.parent, "--log-glob", "nothing*", "--output_dir", tmp_path)
    assert (done.returncode, "matches 'nothing*'" in done.stderr) == (2, True)


def test_the_folder_of_a_run_is_that_run_in_its_log(log: Path, tmp_path: Path) -> None:
    """Of a log of several runs it is not the latest, but the one that was named; where no log is, it is a record."""
    logs = tmp_path / "logs"
    run = logs / "runs" / "20261120-174501-a1b2c3"
    run.mkdir(parents=True)
    text = log.read_text()
    (logs / log.name).write_text(text + text.replace(run.name, "20261121-174501-other"))
    (run / "run.json").write_text("{}")
    assert analyze(run, "--output_dir", tmp_path / "out", *FIGURES).returncode == 0
    assert json.loads((tmp_path / "out" / "analysis.json").read_text())["run"] == run.name
    (logs / log.name).unlink()
    done = analyze(run, "--output_dir", tmp_path / "none", *FIGURES)
    assert (done.returncode, "is not a log but a record without one" in done.stderr) == (2, True)


def test_a_task_may_be_named_with_its_domain(log: Path, tmp_path: Path) -> None:
    """Two domains have a task 0: `retail:0` draws the one of retail, and a task that is not there is named."""
    done = analyze("--log_file", log, "--output_dir", tmp_path, "--format", "png", "--tasks", "retail:0")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("gantt_*0*.png"))
    missing = analyze("--log_file", log, "--output_dir", tmp_path / "none", "--format", "png", "--tasks", "airline:0")
    assert missing.returncode == 2
    assert "no task 'airline:0'" in missing.stderr


def test_files_of_another_run_are_not_overwritten_without_force(log: Path, tmp_path: Path) -> None:
    """The same command on a second run's log writes into a folder of that run, and says so; --force overwrites."""
    assert analyze("--log_file", log, "--output_dir", tmp_path, *EVENTS).returncode == 0
    assert analyze("--log_file", log, "--output_dir", tmp_path, *EVENTS).returncode == 0
    before = (tmp_path / "events.parquet").read_bytes()
    other = analyze("--log_file", GOLDEN / "current/tau2_mock.log", "--output_dir", tmp_path, *EVENTS)
    [own] = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert (other.returncode, f"wrote {own}/events.parquet" in other.stdout) == (0, True)
    assert json.loads((own / "analysis.json").read_text())["run"] in own.name
    assert (tmp_path / "events.parquet").read_bytes() == before
    assert analyze("--log_file", GOLDEN / "current/tau2_mock.log", "--output_dir", tmp_path, *EVENTS, "--force").returncode == 0
    assert (tmp_path / "events.parquet").read_bytes() != before


def test_an_analysis_without_files_leaves_the_folder_of_another_run_as_it_is(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert analyze("--log_file", log, "--output_dir", out, "--format", "console").returncode == 0
    assert not out.exists()
    assert analyze("--log_file", log, "--output_dir", out, *EVENTS).returncode == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    other = GOLDEN / "current/tau2_mock.log"
    assert analyze("--log_file", other, "--output_dir", out, "--format", "console").returncode == 0
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_what_is_said_to_be_written_is_where_it_is_said_to_be(log: Path, tmp_path: Path) -> None:
    """Also if the files go into a folder of the run, because those of another run are in the folder that was named."""
    for one in (log, GOLDEN / "current/tau2_mock.log"):
        damaged = tmp_path / one.name
        damaged.write_bytes(one.read_bytes() + b"[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=llm_call duration_ms=\xff\n")
        said = analyze("--log_file", damaged, "--output_dir", tmp_path / "out", "--format", "json", "csv")
        [(number, folder)] = re.findall(r"^wrote (\d+) files to (\S+)$", said.stdout, re.MULTILINE)
        assert sum(path.is_file() for path in Path(folder).iterdir()) == int(number)
        assert f"see {folder}/rejected_lines.txt" in said.stderr
        assert Path(folder, "rejected_lines.txt").exists()


def test_strict_fails_on_a_line_that_cannot_be_read_and_names_it(log: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "tau2_retail.log"
    damaged.write_bytes(log.read_bytes() + b"[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=llm_call duration_ms=\xff\n")
    plain = analyze("--log_file", damaged, "--output_dir", tmp_path / "out", *EVENTS)
    assert plain.returncode == 0
    assert f"{damaged}:" in plain.stderr
    assert len((tmp_path / "out" / "rejected_lines.txt").read_text().splitlines()) == 2
    assert analyze("--log_file", damaged, "--output_dir", tmp_path / "out", *EVENTS, "--strict").returncode == 1


def test_a_broken_gate_exits_3_and_the_summary_says_so(log: Path, tmp_path: Path) -> None:
    words = ("--log_file", log, "--output_dir", tmp_path, "--format", "markdown", "--slo")
    nonsense = analyze(*words, "llm_call.p50:10000", "task.p50:1e")
    assert nonsense.returncode == 2
    good = analyze(*words, "llm_call.p50:10000", "--compare", log, "--fail-if-slower", "10%")
    assert good.returncode == 0, good.stderr
    bad = analyze(*words, "llm_call.p50:1", "--slo", "task.p50:300000")
    assert bad.returncode == 3
    summary = (tmp_path / "summary.md").read_text()
    assert "| BROKEN | llm\\_call.p50:1 |" in summary
    assert "| met | task.p50:300000 |" in summary


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no log given"),
        (("--log_file", "absent.log"), "no log file absent.log"),
        (("--log_file", "LOG", "--run", "other"), "no run 'other'"),
        (("--log_file", "LOG", "--tasks", "999"), "no task '999' in the log; it holds"),
        (("--log_file", "LOG", "--format", "pdf"), "no format 'pdf'"),
        (("--log_file", "LOG", "--prices", "absent.json"), "cannot read the price file"),
        (("--log_file", "LOG", "--fail-if-slower", "10%"), "--fail-if-slower requires --compare"),
        (("--log_file", "LOG", "--bins", "-1"), "--bins -1 is too small"),
        (("--log_file", "LOG", "--bins", "100000"), "--bins 100000 is too many"),
        (("--log_file", "LOG", "--output_dir", "/proc/nothing"), "cannot write to /proc/nothing"),
        (("--log_file", "-", "--follow"), "--follow needs a file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(log: Path, arguments: tuple[str, ...], says: str) -> None:
    done = analyze(*(str(log) if argument == "LOG" else argument for argument in arguments))
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_loads_no_heavy_library() -> None:
    """It must answer within 0.3 s, which numpy and pandas alone would not."""
    script = "import sys; from tau2_logging.cli.analyze_timing import build_parser; build_parser(); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split())
    assert not loaded & {"numpy", "pandas", "polars", "matplotlib", "rich", "litellm", "tau2"}


def test_the_analysis_needs_neither_tau2_nor_litellm(log: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from tau2_logging.cli.analyze_steps import run; from tau2_logging.cli.analyze_timing import build_parser; "
        f"args = ['--log_file', {str(log)!r}, '--output_dir', {str(tmp_path)!r}, '--format', 'json,markdown,parquet']; "
        "run(build_parser().parse_args(args), []); "
        "bad = [name for name in sys.modules if name.partition('.')[0] in ('tau2', 'litellm', 'openai')]; print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_text_from_a_log_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Neither as rich's markup, nor as Markdown, nor as a terminal's escape sequences."""
    from tau2_logging.events import encode
    from tests.unit.analysis.samples import event, llm

    hostile = "[bold red]x|y`<script>\x1b[2J"
    path = tmp_path / "tau2_x.log"
    path.write_text("".join(encode(one) + "\n" for one in (llm(model=hostile), event("tool_call", function=hostile, duration_ms=1.0))))
    done = analyze("--log_file", path, "--output_dir", tmp_path / "out", "--format", "console", "markdown", "--tables")
    assert done.returncode == 0
    assert "[bold red]x|y`<script>" in done.stdout
    assert "\x1b" not in done.stdout
    assert "<script>" not in (tmp_path / "out" / "summary.md").read_text()


def test_a_log_is_followed_until_its_run_has_ended(log: Path, tmp_path: Path) -> None:
    growing = tmp_path / "tau2_retail.log"
    lines = log.read_bytes().splitlines(keepends=True)

    def grow() -> None:
        with growing.open("ab", buffering=0) as file:
            for begin in range(0, len(lines), len(lines) // 4):
                file.write(b"".join(lines[begin : begin + len(lines) // 4]))
                time.sleep(0.3)

    writer = threading.Thread(target=grow)
    writer.start()
    done = analyze("--log_dir", tmp_path, "--follow", "--interval", "0.1", "--output_dir", tmp_path / "out", *EVENTS)
    writer.join()
    assert done.returncode == 0, done.stderr
    assert len(polars.read_parquet(tmp_path / "out" / "events.parquet")) == len(lines)


def test_a_reader_that_has_seen_enough_is_no_error(log: Path, tmp_path: Path) -> None:
    """The exit code of the command is 0, too, not only that of `head`."""
    command = f"{sys.executable} {ROOT}/analyze_timing_from_tau2_log.py --log_file {log} --output_dir {tmp_path} --format console | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env={**os.environ}, check=False)
    assert (done.returncode, done.stderr) == (0, "")
