"""The line on speech in the first answer; nothing for a run without voice simulations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tau2_logging.units import duration, money, share

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog


def voice_lines(log: RunLog) -> Iterator[str]:
    """Yield a line a domain: how fast and how often the agent answers, yields and interrupts, who speaks how much, what a minute costs.
    All of it is audio time."""
    turns, times, costs = log.voice_turn_taking(), log.voice_speaking_time(), log.voice_cost()
    domains = times["domain"].drop_duplicates().tolist()
    for domain in domains:
        said, spoken = ({row["what"]: row for row in table[table["domain"] == domain].to_dict("records")} for table in (turns, times))
        (agent,) = costs[(costs["domain"] == domain) & (costs["side"] == "agent")].to_dict("records")
        name = f"Voice, {domain}" if len(domains) > 1 else "Voice"
        parts = [_rate("answers", said.get("agent answers"), "turns"), _rate("yields to", said.get("agent yields"), "interruptions")]
        parts += [_times("interrupts", said["agent interrupts"]["n"])] if said else []
        shares = ", ".join(f"{what} {share(row['share'])}" for what, row in spoken.items() if what != "all")
        told = f"{name}, {duration(spoken['all']['audio_ms'])} of audio time: agent {', '.join(filter(None, parts))}"
        yield f"{told} · {shares} · agent's cost a minute {money(agent['per_minute_usd'])}"


def _times(verb: str, number: int) -> str:
    return f"{verb} {number:,} time{'s' * (number != 1)}"


def _rate(verb: str, row: dict[str, Any] | None, of: str) -> str:
    if row is None or not row["of"]:
        return ""
    after = f" after {duration(row['mean_audio_ms'])} (mean)" if row["n"] else ""
    return f"{verb} {row['n']:,} of {row['of']:,} {of}{after}"
