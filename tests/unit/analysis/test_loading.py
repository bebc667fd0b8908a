"""What a log may look like, and what is said about what is wrong with it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import load_log
from tau2_logging.errors import UserError
from tau2_logging.events import encode
from tests.unit.analysis.samples import event, llm, log_of, simulation, write

LINE = encode(llm()).encode()


def damaged(folder: Path, data: bytes, name: str = "tau2_retail.log"):  # type: ignore[no-untyped-def]
    path = folder / name
    path.write_bytes(data)
    return load_log(path)


def test_compressed_logs_give_the_same_table(tmp_path: Path) -> None:
    plain = write(tmp_path, simulation(calls=[llm()]))
    data = plain.read_bytes()
    (tmp_path / "tau2_retail.log.gz").write_bytes(gzip.compress(data))
    (tmp_path / "tau2_retail.log.zst").write_bytes(zstandard.compress(data))
    expected = load_log(plain).events.drop(columns="file")
    for ending in (".gz", ".zst"):
        assert load_log(f"{plain}{ending}").events.drop(columns="file").equals(expected)


@pytest.mark.parametrize("cut", [0.02, 0.51, 0.99])
@pytest.mark.parametrize("frames", [1, 40])
@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
def test_a_compressed_log_that_is_cut_off_or_damaged_is_told_by_name_and_reason(
    packed: Callable[[bytes], bytes], frames: int, cut: float, tmp_path: Path
) -> None:
    ending = ".gz" if packed is gzip.compress else ".zst"
    text = b"".join(encode(one).encode() + b"\n" for one in simulation(calls=[llm(str(number)) for number in range(50)]))
    data = packed(text) * frames
    whole = damaged(tmp_path, data, f"tau2_retail.log{ending}")
    assert whole.readings[0].events == 52 * frames
    for wrong in (data[: int(len(data) * cut)], data[:20] + b"\xff" * 40 + data[60:]):
        with pytest.raises(UserError, match=rf"cannot read .*retail\.log\{ending}"):
            damaged(tmp_path, wrong, f"tau2_retail.log{ending}")


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
def test_a_compressed_log_under_a_plain_name_is_read(packed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    assert damaged(tmp_path, packed(LINE + b"\n")).readings[0].events == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_log_in_utf_16_is_named_as_such(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tau2_retail\.log is UTF-16, .* iconv -f UTF-16"):
        damaged(tmp_path, LINE.decode().encode(encoding))


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    lines = [encode(one).encode() for one in simulation(calls=[llm()] * 200)]
    with_returns = damaged(tmp_path, b"".join(line + b"\r\n" for line in lines))
    without = damaged(tmp_path, b"".join(line + b"\n" for line in lines))
    assert with_returns.events.equals(without.events)
    assert not with_returns.rejected


HEAD = b"[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 "


@pytest.mark.parametrize(
    "damage",
    [b"\0\0\0", b"\xff\xfe", b"x" * 10_000_000, HEAD[:-5], HEAD + b"type=llm_call model=\xff", LINE.replace(b"gpt-4.1", b"gpt\xff4.1")],
)
def test_a_damaged_line_is_rejected_with_its_number_and_the_others_are_read(tmp_path: Path, damage: bytes) -> None:
    log = damaged(tmp_path, LINE + b"\n" + damage + b"\n" + LINE + b"\n")
    assert log.events["line"].tolist() == [1, 3]
    assert [entry.line for entry in log.rejected] == [2]
    assert len(log.rejected[0].text) <= 2000


def test_a_long_line_is_an_event_like_any_other(tmp_path: Path) -> None:
    log = log_of(tmp_path, [llm(), event("llm_payload", messages="m" * 20_000_000), llm()])
    assert len(log.events) == 3
    assert len(log.events["messages"].iloc[1]) == 20_000_000


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_no_figure_is_taken_from_a_last_line_that_was_cut(tmp_path: Path, cut: int) -> None:
    """The process may have died while it wrote; what is left must not be read as another number."""
    log = damaged(tmp_path, LINE + b"\n" + LINE[:-cut])
    assert log.calls["duration_ms"].tolist() in ([100.0], [100.0, 100.0])
    assert log.calls["domain"].unique().tolist() == ["retail"]
    assert len(log.calls) + len(log.rejected) == 2


def test_a_clock_that_steps_back_does_no_harm(tmp_path: Path) -> None:
    log = log_of(tmp_path, [event("task_start", at_s=30.0, start_ms=0.0), event("task_end", at_s=2.0, start_ms=0.0, duration_ms=90.0)])
    assert log.simulations["duration_ms"].tolist() == [90.0]


def test_an_unknown_field_is_a_column_of_the_type_it_looks_like(tmp_path: Path) -> None:
    log = log_of(tmp_path, [llm(gpu=3, host="a b", load=0.5), llm(gpu=4, host="c", load=1.0)])
    assert log.events["gpu"].tolist() == [3, 4]
    assert log.events["host"].tolist() == ["a b", "c"]
    assert log.events["load"].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("said", "column", "reason"),
    [
        ("duration_ms=soon", "duration_ms", "duration_ms=soon is not a number of milliseconds"),
        ("duration_ms=nan", "duration_ms", "duration_ms=nan is not a number of milliseconds"),
        ("duration_ms=-100.000", "duration_ms", "duration_ms=-100 is less than 0"),
        ("duration_ms=1e308", "duration_ms", "duration_ms=1e+308 is more than 1e+12"),
        ("input_tokens=-5", "input_tokens", "input_tokens=-5 is less than 0"),
        ("input_tokens=1.5", "input_tokens", "input_tokens=1.5 is not a whole number"),
        ("cost_usd=-20.000000000", "cost_usd", "cost_usd=-20 is less than 0"),
        ("reward=1e308", "reward", "reward=1e+308 is more than 1e+09"),
        ("error=maybe", "error", "error=maybe is not true or false"),
        ('model="\\ud83d"', "model", "model holds half of a character (a lone surrogate)"),
    ],
)
def test_a_value_that_no_run_can_have_is_left_out_of_its_event_and_counted(said: str, column: str, reason: str, tmp_path: Path) -> None:
    """The same alone, among lines that are well, and if every line has it."""
    wrong = re.sub(rf' {column}=("[^"]*"|\S+)'.encode(), b"", LINE) + f" {said}\n".encode()
    for text, bad in ((wrong, 1), (wrong * 60, 60), ((LINE + b"\n") * 200 + wrong, 1)):
        log = damaged(tmp_path, text)
        assert [entry.reason for entry in log.rejected] == [f"{reason}; the value is left out"] * bad
        assert log.readings[0].events == log.readings[0].lines == text.count(b"\n")
        assert (log.readings[0].rejected, log.readings[0].values) == (0, bad)
        shown = log.select([column, "line"])
        assert shown[column].tail(bad).isna().all()


def test_a_constant_of_three_hundred_thousand_letters_on_many_lines_is_read(tmp_path: Path) -> None:
    text = encode(llm(error_message="x" * 300_000, gpu="y" * 300_000)).encode() + b"\n"
    log = damaged(tmp_path, text * 12)
    assert log.events["error_message"].str.len().tolist() == log.events["gpu"].str.len().tolist() == [300_000] * 12


def test_an_event_of_another_age_keeps_all_but_its_time(tmp_path: Path) -> None:
    log = damaged(tmp_path, LINE.replace(b"2026-", b"9999-") + b"\n" + LINE + b"\n")
    assert log.events["time"].isna().tolist() == [True, False]
    assert [entry.line for entry in log.rejected] == [1]
    assert len(log.simulations) == 1


def test_tables_are_the_same_when_columns_had_to_go_to_disk(tmp_path: Path) -> None:
    path = tmp_path / "tau2_retail.log"
    write_log(path, Plan(faults=0.05), 1_000_000)
    small = load_log(path, limit_bytes=10_000)
    assert small.events.equals(load_log(path).events)
    assert small.latency().equals(load_log(path).latency())


def test_the_latest_run_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    runs = [event("run_start", None, at, run=name) for at, name in ((5.0, "late"), (1.0, "early"))]
    path = write(tmp_path, [*runs, llm(start=6000.0, run="late", ms=5.0), llm(start=6000.0, run="early", ms=7.0)])
    assert load_log(path).run_id == "late"
    assert load_log(path).calls["duration_ms"].tolist() == [5.0]
    assert load_log(path, run="early").calls["duration_ms"].tolist() == [7.0]
    assert load_log(path, run="all").runs == ["late", "early"]
    with pytest.raises(UserError, match="no run 'other' in the log; it holds late, early"):
        load_log(path, run="other")


def test_several_files_are_one_log(tmp_path: Path) -> None:
    first = write(tmp_path, simulation(calls=[llm()]))
    second = write(tmp_path, [event(**{**vars_of(one), "domain": "mock"}) for one in ("task_start", "task_end")], "tau2_mock.log")
    log = load_log([first, second])
    assert log.domains == ["retail", "mock"]
    assert log.events["file"].unique().tolist() == [str(first), str(second)]


def vars_of(type_: str) -> dict[str, object]:
    return {"type_": type_, "start_ms": 0.0, **({"duration_ms": 1.0, "status": "ok"} if type_ == "task_end" else {})}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "absent.log", "no log file"),
        (lambda folder: folder, "is a folder; use --log-dir"),
        (lambda folder: text_file(folder, "tau2_x.log"), "no event in"),
        (lambda folder: text_file(folder, "x.log.gz"), "cannot read"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=says):
        load_log(make(tmp_path))


def text_file(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("hello\nworld\n")
    return path
