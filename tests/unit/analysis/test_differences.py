"""What `--compare` claims: the task is the unit, and few tasks claim nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.comparisons import Case, lengths, lines, measure
from tau2_logging.analysis import load_log
from tau2_logging.analysis.measures.gates import check_slower
from tests.support.by_hand_times import holm, paired
from tests.support.thorough import scaled
from tests.unit.analysis.samples import llm, log_of, simulation


def _logs(folder: Path, case: Case) -> tuple[Path, Path]:
    random = np.random.default_rng(3)
    tasks = random.lognormal(0.0, 0.6, case.tasks)
    paths = folder / "tau2_a.log", folder / "tau2_b.log"
    for path, factor in zip(paths, (case.slowdown, 1.0), strict=True):
        path.write_text("".join(lines(factor * lengths(case, random), tasks, random)), encoding="utf-8")
    return paths


def test_every_row_is_scipys_paired_t_test_of_the_tasks_medians_adjusted_by_holm(tmp_path: Path) -> None:
    this, other = _logs(tmp_path, Case(8, 3, slowdown=1.6))
    table = load_log(this).compare(load_log(other)).latency
    wanted = [paired(this, other, str(type_)) for type_ in table["type"]]
    assert np.allclose(table[["difference_ms", "low_ms", "high_ms", "p"]].to_numpy(dtype=float), wanted)
    assert np.allclose(list(table["p_holm"]), holm(row[3] for row in wanted))
    assert list(table["tasks"]) == [8] * len(table)
    assert list(table["significant"]) == [bool(p < 0.05) for p in table["p_holm"]]


def test_runs_without_a_common_task_are_compared_by_welchs_test(tmp_path: Path) -> None:
    sides = [[100.0, 130.0, 90.0, 120.0, 95.0, 180.0], [200.0, 160.0, 150.0, 220.0, 190.0]]
    logs = [
        log_of(tmp_path, [e for i, ms in enumerate(side) for e in simulation(f"{name}{i}", calls=[llm(f"{name}{i}", ms=ms)])])
        for name, side in zip("ab", sides, strict=True)
    ]
    row = logs[0].compare(logs[1]).latency.set_index("type").loc["llm_call"]
    found = stats.ttest_ind(*sides, equal_var=False)
    assert (row["p"], row["tasks"]) == (pytest.approx(found.pvalue), 5)
    assert [row["low_ms"], row["high_ms"]] == pytest.approx([*found.confidence_interval(0.95)])


@pytest.mark.parametrize("tasks", [1, 2, 3, 4])
def test_fewer_than_five_tasks_give_no_interval_no_verdict_and_no_gate_however_many_trials(tmp_path: Path, tasks: int) -> None:
    this, other = _logs(tmp_path, Case(tasks, 4, slowdown=3.0))
    found = load_log(this).compare(load_log(other))
    assert found.latency[["low_ms", "high_ms", "p", "p_holm"]].isna().all().all()
    assert all(verdict is None for verdict in found.latency["significant"])
    for gate in check_slower(found, 0.1):
        assert (gate.met, gate.value) == (False, None)
        assert gate.detail.startswith(f"not measured: {tasks} task")


def test_trials_of_a_task_make_it_no_more_certain_that_the_runs_differ(tmp_path: Path) -> None:
    """Two tasks that differ by chance, a hundred trials each: two units, not two hundred."""
    this, other = _logs(tmp_path, Case(2, 100, interaction=0.5, noise=0.01))
    assert all(verdict is None for verdict in load_log(this).compare(load_log(other)).latency["significant"])


MOST = scaled(2, 3)


@pytest.mark.parametrize(("case", "most"), [(Case(1, 4), 0), (Case(3, 2), 0), (Case(5, 1), MOST), (Case(5, 4), MOST), (Case(15, 2), MOST)])
def test_runs_that_do_not_differ_are_hardly_ever_said_to(case: Case, most: int) -> None:
    """At a true rate of 5 %, more than 2 of 5 experiments claim something once in 860 times, more than 3 of 15 once in 180.
    `benchmarks.comparisons` makes many more."""
    repeat = scaled(5, 15) if most else scaled(2, 4)
    assert round(measure(case, repeat)["any_claim"] * repeat) <= most


def test_a_run_that_takes_twice_as_long_is_found_slower() -> None:
    assert measure(Case(15, 2, interaction=0.05, noise=0.2, slowdown=2.0), 4)["found_slower"] == 1.0
