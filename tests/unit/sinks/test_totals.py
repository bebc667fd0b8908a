"""The sums that the display and the final table show are those of the events."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable

import pytest
from rich.console import Console

from tau2_logging.logger import EventLogger, FakeClock, Outcome, Simulation
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.scope import ERROR, OK, TIMEOUT, begin, end
from tau2_logging.sinks.progress_display import ProgressDisplay, clip, summary_table
from tau2_logging.sinks.totals import DomainTotals, LiveTotals
from tau2_logging.statistics.pass_k import mean_pass_at, mean_pass_hat
from tau2_logging.units import money


@pytest.fixture
def totals() -> LiveTotals:
    return LiveTotals({"retail": 4, "mock": 1})


@pytest.fixture
def logger(totals: LiveTotals) -> EventLogger:
    return EventLogger("run", [totals], FakeClock())


def finish(logger: EventLogger, task: str, outcome: Outcome, domain: str = "retail", ms: float = 10) -> None:
    """A simulation that takes `ms` and ends so."""
    simulation = begin(logger, domain, task, 0)
    simulation.go_live()
    clock = logger.clock
    assert isinstance(clock, FakeClock)
    clock.advance(ms)
    end(simulation, outcome)


def test_simulations_are_counted_by_how_they_ended(logger: EventLogger, totals: LiveTotals) -> None:
    """The mean reward is that of those that finished; an infrastructure failure is no reward of 0."""
    finish(logger, "1", Outcome(OK, reward=1.0))
    finish(logger, "2", Outcome(OK, reward=0.0))
    finish(logger, "3", Outcome(ERROR))
    finish(logger, "4", Outcome(TIMEOUT))
    item = totals.domains["retail"]
    assert (item.ok, item.errors, item.timeouts, item.done, item.mean_reward) == (2, 1, 1, 4, 0.5)
    assert (item.duration_ms, item.spent_ms["other_ms"]) == (40.0, 40.0)
    assert totals.domains["mock"].done == 0


def test_calls_are_summed_over_all_roles(logger: EventLogger, totals: LiveTotals) -> None:
    """Tokens, money, failed calls, failed tools, retries."""
    simulation = Simulation(logger, "retail", "7")
    for type_ in ("llm_call", "user_sim", "evaluator", "expert_call"):
        simulation.emit(type_, {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.25, "error": False})
    simulation.emit("llm_call", {"error": True})
    simulation.emit("tool_call", {"error": True})
    simulation.emit("tool_call", {"error": False})
    simulation.emit("retry", {})
    item = totals.domains["retail"]
    assert (item.input_tokens, item.output_tokens, item.cost_usd) == (40, 8, 1.0)
    assert (item.call_errors, item.tool_errors, item.retries) == (1, 1, 1)
    assert totals.overall("input_tokens") == 40


def test_a_simulation_that_is_broken_off_has_its_calls_in_the_totals(logger: EventLogger, totals: LiveTotals) -> None:
    """After Ctrl-C nothing ends: calls, their errors and tokens are counted as they come, all of them or none."""
    simulation = begin(logger, "retail", "7")
    simulation.emit("tool_call", {"error": True})
    simulation.emit("llm_call", {"input_tokens": 10, "cached_tokens": 4, "reasoning_tokens": 2})
    simulation.emit("expert_call", {"cached_tokens": 3})
    simulation.abandon()
    item = totals.domains["retail"]
    counted = {name: number for name, number in item.counted.items() if number}
    assert counted == {"tool_calls": 1, "llm_calls": 1, "expert_calls": 1, "cached_tokens": 7, "reasoning_tokens": 2}
    assert (item.tool_errors, item.input_tokens, item.done) == (1, 10, 0)


def test_one_call_of_unknown_price_makes_the_cost_unknown(logger: EventLogger, totals: LiveTotals) -> None:
    """A failed call without tokens costs nothing and changes nothing."""
    simulation = Simulation(logger, "retail", "7")
    simulation.emit("llm_call", {"error": True})
    assert totals.overall("cost_usd") == 0.0
    simulation.emit("llm_call", {"input_tokens": 10, "output_tokens": 2})
    simulation.emit("llm_call", {"input_tokens": 10, "output_tokens": 2, "cost_usd": 1.0})
    assert totals.overall("cost_usd") is None
    assert money(totals.overall("cost_usd")) == "unknown"


@pytest.mark.parametrize("successes", range(5))
def test_pass_hat_k_is_the_chance_that_k_of_the_trials_all_succeed(successes: int) -> None:
    """Compared with counting every choice of k of 4 trials; a second task without trials enough limits k."""
    trials = [1.0] * successes + [0.0] * (4 - successes)
    item = DomainTotals(rewards={"1": trials})
    for k, value in item.pass_hat().items():
        chosen = list(itertools.combinations(trials, k))
        assert value == pytest.approx(sum(all(choice) for choice in chosen) / len(chosen))
    assert list(item.pass_hat()) == [1, 2, 3, 4]
    assert list(DomainTotals(rewards={"1": trials, "2": [1.0]}).pass_hat()) == [1]
    assert DomainTotals().pass_hat() == {}


def test_simulations_of_an_earlier_start_count_as_done(totals: LiveTotals) -> None:
    """A resumed run begins where it was."""
    totals.add_finished("retail", "1", 1.0)
    totals.add_finished("retail", "2", None)
    assert (totals.domains["retail"].done, totals.domains["retail"].mean_reward) == (2, 1.0)


def text_of(totals: LiveTotals, width: int = 100) -> str:
    """The final table as a person sees it."""
    console = Console(file=io.StringIO(), width=width)
    console.print(summary_table(totals))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_final_table_says_what_the_issue_asks_for(logger: EventLogger, totals: LiveTotals) -> None:
    """A column per domain; every row has its value; it fits a narrow terminal."""
    finish(logger, "1", Outcome(OK, reward=1.0), ms=2500)
    Simulation(logger, "retail", "2").emit("llm_call", {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.25, "error": False})
    text = text_of(totals, width=60)
    for row in ("mean reward", "pass^1", "time: agent model", "time: tools", "time: judge model", "tokens in / out", "cost", "retries"):
        assert row in text
    assert "1 of 4" in text
    assert "2.5 s, 100.0 %" in text
    assert max(map(len, text.splitlines())) <= 60


def test_the_final_table_stands_when_domains_got_unequally_far(logger: EventLogger, totals: LiveTotals) -> None:
    """One domain has two trials of its task, the other was stopped before its first end."""
    for _ in range(2):
        finish(logger, "1", Outcome(OK, reward=1.0))
    rows = [line.split() for line in text_of(totals).splitlines()]
    assert ["pass^1", "1.000", "-"] in rows
    assert ["pass^2", "1.000", "-"] in rows


def test_without_a_terminal_progress_is_plain_lines(logger: EventLogger, totals: LiveTotals) -> None:
    """A line per domain and one of totals, at the begin and at the end, and not over and over."""
    console = Console(file=io.StringIO(), force_terminal=False, width=200)
    progress = ProgressDisplay(totals, console)
    progress.start()
    for _ in range(5):
        progress.update([])
    finish(logger, "1", Outcome(OK, reward=1.0))
    progress.stop([])
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("retail 0/4 reward - ")
    assert lines[3].startswith("retail 1/4 reward 1.000 ")
    assert "\x1b" not in console.file.getvalue()


def test_the_line_of_totals_names_the_slowest_and_what_it_waits_on(logger: EventLogger, totals: LiveTotals) -> None:
    """In flight, the slowest simulation, its call and its model, tokens, cost, errors, retries; long task ids are cut."""
    clock = logger.clock
    assert isinstance(clock, FakeClock)
    slow = begin(logger, "retail", "[mobile_data_issue]" + "x" * 200)
    clock.advance(5000)
    fast = begin(logger, "retail", "2")
    Operation(slow, "llm_call", "llm", "llm_call", "gpt-4.1")
    clock.advance(1500)
    line = ProgressDisplay(totals, Console(file=io.StringIO())).line([fast.in_flight(), slow.in_flight()])
    assert line.startswith("in flight 2, slowest retail [mobile_data_issue]")
    assert "6.5 s, on llm_call gpt-4.1 for 1.5 s" in line
    assert "| cost free | errors: 0 model, 0 tool | retries 0" in line
    assert len(line) < 200


def test_on_a_terminal_the_bars_are_drawn_and_left_standing(logger: EventLogger, totals: LiveTotals) -> None:
    """The live display shows each domain, done and planned, and failed ones."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    progress = ProgressDisplay(totals, console)
    progress.start()
    finish(logger, "1", Outcome(ERROR))
    progress.update([])
    progress.stop([])
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "retail" in text
    assert "1/4" in text
    assert "1 failed" in text


def test_progress_that_is_switched_off_says_nothing(totals: LiveTotals) -> None:
    """--no-progress."""
    console = Console(file=io.StringIO())
    progress = ProgressDisplay(totals, console, enabled=False)
    progress.start()
    progress.update([])
    progress.stop([])
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


@pytest.mark.parametrize("width", range(4, 60, 5))
def test_a_clipped_text_is_no_longer_than_it_may_be(width: int) -> None:
    """Its begin and its end are kept."""
    text = "".join(chr(97 + number % 26) for number in range(215))
    clipped = clip(text, width)
    assert len(clipped) <= width
    assert text.endswith(clipped.split("..")[1])
    assert text.startswith(clipped.split("..")[0])


def test_pass_at_k_and_pass_hat_k_are_the_shares_of_samples_that_succeed() -> None:
    """Counted over every sample of k trials without replacement: at least one of k succeeds, all k do. A k above the
    fewest trials is absent."""
    rewards = {"a": [1.0, 0.0, 0.5, 1.0], "b": [0.0, 1.0, 0.0], "c": [1.0, 1.0, 1.0]}

    def share(judge: Callable[[Iterable[bool]], bool], k: int) -> float:
        tasks = [[judge(reward == 1.0 for reward in sample) for sample in itertools.combinations(trials, k)] for trials in rewards.values()]
        return sum(sum(samples) / len(samples) for samples in tasks) / len(tasks)

    assert mean_pass_hat(rewards) == pytest.approx({k: share(all, k) for k in (1, 2, 3)})
    assert mean_pass_at(rewards) == pytest.approx({k: share(any, k) for k in (1, 2, 3)})
    assert mean_pass_at({}) == mean_pass_hat({}) == {}


def test_the_mean_reward_has_its_denominator(logger: EventLogger, totals: LiveTotals) -> None:
    """1 of 4 scored with 1, three without a reward: 0.25 if those had failed."""
    for task, outcome in (("1", Outcome(OK, reward=1.0)), ("2", Outcome(ERROR)), ("3", Outcome(ERROR)), ("4", Outcome(TIMEOUT))):
        finish(logger, task, outcome)
    said = "1.000 of 1 scored; 2 of 4 ended in error, 1 of 4 timed out (0.250 if those fail)"
    assert totals.domains["retail"].score.headline == said


def test_what_no_call_has_told_is_not_shown_as_0(logger: EventLogger, totals: LiveTotals) -> None:
    """Without profiling nothing is known of times, tokens, money and errors; of calls that all failed, nothing of tokens and money."""
    finish(logger, "1", Outcome(OK, reward=1.0))
    assert not {"time: agent model", "tokens in / out", "cost"} & {
        line.rpartition("  ")[0].strip() for line in text_of(totals).splitlines()
    }
    Simulation(logger, "retail", "2").emit("llm_call", {"error": True})
    rows = {words[0]: words[1] for line in text_of(totals).splitlines() if len(words := line.strip().split("  ", 1)) == 2}
    assert rows["tokens in / out"].split()[0] == "-"
    assert rows["cost"].split()[0] == "unknown"
