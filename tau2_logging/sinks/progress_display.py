"""The progress of a run: a bar per domain and a line of totals on a terminal, plain lines elsewhere; a table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tau2_logging import units
from tau2_logging.logger.simulation import InFlight
from tau2_logging.sinks.totals import DomainTotals, LiveTotals

PLAIN_EVERY_S = 10.0
_WIDEST_BAR, _LEAST_BAR, _GAP = 32, 4, 2


class ProgressDisplay:
    """`start`, `update` as often as you like, `stop`. Draws at most four times a second; `in_flight` are the simulations now running."""

    def __init__(self, totals: LiveTotals, console: Console, enabled: bool = True) -> None:
        self._totals = totals
        self._console = console
        self._enabled = enabled
        self._begun = time.monotonic()
        self._said = (-PLAIN_EVERY_S, -1)
        self._already = {domain: item.done for domain, item in totals.domains.items()}
        self._live: Live | None = None
        self._waits: str | None = None

    def start(self) -> None:
        """Start to draw."""
        if self._enabled and self._console.is_terminal:
            self._live = Live(self.render([]), console=self._console, refresh_per_second=4, transient=False)
            self._live.start()

    def update(self, in_flight: Sequence[InFlight], waits: str | None = None) -> None:
        """Show where things are; `waits` says what the run as a whole waits for."""
        self._waits = waits
        if self._live is not None:
            self._live.update(self.render(in_flight))
        elif self._enabled:
            self._say(in_flight, last=False)

    def stop(self, in_flight: Sequence[InFlight]) -> None:
        """Draw for the last time."""
        if self._live is not None:
            self._live.update(self.render(in_flight))
            self._live.stop()
            self._live = None
        elif self._enabled:
            self._say(in_flight, last=True)

    def _say(self, in_flight: Sequence[InFlight], last: bool) -> None:
        elapsed = time.monotonic() - self._begun
        done = sum(item.done for item in self._totals.domains.values())
        due = elapsed - self._said[0] >= PLAIN_EVERY_S
        if not (due or last) or (last and self._said[1] == done):
            return
        self._said = (elapsed, done)
        for domain, item in self._totals.domains.items():
            self._print_plain(
                f"{domain} {item.done}/{item.planned} reward {units.reward(item.mean_reward)} "
                f"elapsed {units.clock(self._elapsed(domain))} eta {units.clock(self._eta(domain))}"
            )
        self._print_plain(self.line(in_flight))

    def _print_plain(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def render(self, in_flight: Sequence[InFlight]) -> RenderableType:
        """Return the display as it is now."""
        rows = [self._row(domain, item) for domain, item in self._totals.domains.items()]
        texts = sum(max(len(row[at]) + _GAP for row in rows) for at in range(len(rows[0]))) if rows else 0
        bar = min(_WIDEST_BAR, self._console.width - texts - _GAP)
        table = Table.grid(padding=(0, _GAP))
        for _ in range(6 if bar >= _LEAST_BAR else 5):
            table.add_column(no_wrap=True)
        for row, item in zip(rows, self._totals.domains.values(), strict=True):
            drawn = [ProgressBar(total=max(item.planned, 1), completed=item.done, width=bar)] if bar >= _LEAST_BAR else []
            table.add_row(row[0], *drawn, *row[1:])
        return Group(table, Text(self.line(in_flight), style="dim", overflow="fold"))

    def _row(self, domain: str, item: DomainTotals) -> list[Text]:
        """Return everything of a domain but its bar, which has what room is left."""
        failed = item.errors + item.timeouts
        return [
            Text(domain, style="bold"),
            Text(f"{item.done}/{item.planned}"),
            Text(f"reward {units.reward(item.mean_reward)}"),
            Text(f"{failed} failed" if failed else "", style="red"),
            Text(f"{units.clock(self._elapsed(domain))} elapsed, {units.clock(self._eta(domain))} to go", style="dim"),
        ]

    def line(self, in_flight: Sequence[InFlight]) -> str:
        """Return the line of totals: what is waited for, in flight, the slowest and what it waits on, tokens, money, errors, retries."""
        totals = self._totals
        parts = [*([self._waits] if self._waits else ()), _in_flight(in_flight)]
        tokens = [units.short_count(totals.overall(name) or 0) for name in ("input_tokens", "output_tokens")]
        parts.append(f"tokens {tokens[0]} in {tokens[1]} out")
        parts.append(f"cost {units.money(totals.overall('cost_usd'))}")
        parts.append(f"errors: {totals.overall('call_errors'):.0f} model, {totals.overall('tool_errors'):.0f} tool")
        parts.append(f"retries {totals.overall('retries'):.0f}")
        return " | ".join(parts)

    def _elapsed(self, domain: str) -> float:
        item = self._totals.domains[domain]
        if item.begun_s is None:
            return 0.0
        over = item.ended_s if item.done >= item.planned else None
        return (over or time.monotonic()) - item.begun_s

    def _eta(self, domain: str) -> float | None:
        item = self._totals.domains[domain]
        done = item.done - self._already[domain]
        left = item.planned - item.done
        if left <= 0:
            return 0.0
        return self._elapsed(domain) / done * left if done else None


def _in_flight(simulations: Sequence[InFlight]) -> str:
    if not simulations:
        return "in flight 0"
    slowest = max(simulations, key=lambda simulation: simulation.elapsed_ms)
    on = f"{slowest.waiting_on} {slowest.model}" if slowest.model else slowest.waiting_on
    return (
        f"in flight {len(simulations)}, slowest {slowest.domain} {clip(slowest.task, 40)} {units.duration(slowest.elapsed_ms)}, "
        f"on {on} for {units.duration(slowest.waited_ms)}"
    )


def summary_table(totals: LiveTotals) -> Table:
    """Return the table at the end: a column per domain, so that it fits a narrow terminal. Times are exclusive and summed over
    simulations."""
    table = Table(show_header=True, header_style="bold", box=SIMPLE_HEAD, expand=False)
    table.add_column("", no_wrap=True)
    for domain in totals.domains:
        table.add_column(domain, justify="right")
    shown = {1, *(max(item.pass_hat(), default=1) for item in totals.domains.values())}
    experts = any(item.spent_ms["expert_ms"] for item in totals.domains.values())
    columns = [_summary_column(item, sorted(shown), experts) for item in totals.domains.values()]
    for name in dict.fromkeys(name for column in sorted(columns, key=len, reverse=True) for name in column):
        table.add_row(name, *(column.get(name, "-") for column in columns))
    return table


def _summary_column(item: DomainTotals, shown: Sequence[int], experts: bool) -> dict[str, str]:
    hats, ats = item.pass_hat(), item.pass_at()
    beside = item.tau2_rewards
    return {
        "simulations finished": f"{item.ok} of {item.planned}",
        "ended in error / timeout": f"{item.errors} / {item.timeouts}",
        **({"ended by the agent's model": str(item.model_failures)} if item.model_failures else {}),
        "mean reward": units.reward(item.mean_reward),
        "scored": f"{item.score.scored} of {item.score.simulations}",
        **({"mean reward if the others fail": units.reward(item.score.mean_if_failed)} if item.score.unscored else {}),
        **({"mean reward by tau2's evaluator": units.reward(sum(beside) / len(beside))} if beside else {}),
        **{f"pass^{k}": units.reward(hats.get(k)) for k in shown},
        **{f"pass@{k}": units.reward(ats.get(k)) for k in shown if k > 1},
        **(_measured(item, experts) if any(item.counted.values()) else {}),
    }


def _measured(item: DomainTotals, experts: bool) -> dict[str, str]:
    """Return what is known from calls. Without any (--no-profile) it is unknown, and not 0."""
    spent = item.spent_ms
    searched_ms = spent["retrieval_ms"] + spent["embedding_ms"]
    tokens = f"{units.short_count(item.input_tokens)} / {units.short_count(item.output_tokens)}"
    return {
        "time: agent model": _share(spent["llm_ms"], item.duration_ms),
        **({"time: expert models": _share(spent["expert_ms"], item.duration_ms)} if experts else {}),
        "time: tools": _share(spent["tool_ms"], item.duration_ms),
        **({"time: searching documents": _share(searched_ms, item.duration_ms)} if searched_ms else {}),
        "time: user model": _share(spent["user_ms"], item.duration_ms),
        "time: judge model": _share(spent["judge_ms"], item.duration_ms),
        "time: evaluation": _share(spent["evaluation_ms"], item.duration_ms),
        "time: setup and other": _share(spent["setup_ms"] + spent["other_ms"], item.duration_ms),
        **({"of these, waiting for servers": _share(item.server_wait_ms, item.duration_ms)} if item.server_wait_ms else {}),
        "tokens in / out": tokens if item.input_tokens or item.output_tokens else units.ABSENT,
        "cost": units.money(item.cost_usd if item.priced else None),
        "errors: model / tool": f"{item.call_errors} / {item.tool_errors}",
        "retries": str(item.retries),
    }


def _share(ms: float, total_ms: float) -> str:
    return f"{units.duration(ms)}, {units.share(ms / total_ms)}" if total_ms else units.ABSENT


def clip(text: str, width: int) -> str:
    """At most `width` characters, the middle left out: telecom's task ids run to 215."""
    return text if len(text) <= width else f"{text[: width // 2 - 1]}..{text[-(width - width // 2 - 1) :]}"
