"""Findings about money and prompts: what a solved simulation costs, who costs most, what caching would save."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import MONEY, RECORD, TOUCHED, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, listed, simulation_names
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.units import count, money, share, short_count

LEAST_SCORED = 5
LEAST_CALLS = 20
LEAST_SAVED, MOST_CACHED = 0.05, 0.9
LEAST_GROWTH, LEAST_REPEATED = 3.0, 0.5
_ROLE_CALLS = 10
_NAMED = 3


def failed_cost(run: RunFacts) -> Iterator[Finding]:
    """Tell what a solved simulation costs and which part was paid for others, if all prices are known and LEAST_SCORED have a reward."""
    paid = run.simulations.merge(run.log.task_costs(run.prices)[[*KEY, "cost_usd"]], on=KEY, suffixes=("_logged", ""))
    total, solved = float(as_floats(paid["cost_usd"]).sum()), int(paid["solved"].sum())
    if not total > 0 or paid["scored"].sum() < LEAST_SCORED or not run.is_one_arm or not solved:
        return
    others = paid[~paid["solved"]].sort_values("cost_usd", ascending=False, kind="stable")
    lost = float(as_floats(others["cost_usd"]).sum())
    yield Finding(
        "failed_cost",
        f"A solved simulation cost {money(total / solved)} ({money(total)} for {solved:,} solved); "
        f"{_lost(lost, total, len(others), len(paid))}.",
        _dearest(others),
        lost / total,
        MONEY,
        Proof("cost_by_simulation", (), simulation_names(others)),
        {"per_solved_usd": total / solved, "total_usd": total, "solved": solved, "failed_usd": lost, "failed": len(others)},
        Saving(usd=lost),
    )


def _dearest(others: pd.DataFrame) -> str:
    """Return which failures to read first."""
    named = [f"{row.task} (trial {row.trial}) {money(row.cost_usd)}" for row in others.head(_NAMED).itertuples()]
    return f"Read the most expensive ones first: {', '.join(named)}." if named else "Compare it with another model's price."


def _lost(lost: float, total: float, others: int, paid: int) -> str:
    if not others:
        return f"all {paid:,} were solved"
    return f"{share(lost / total)} of the money ({money(lost)}) was paid for the {others:,} of {paid:,} that were not solved"


def dear_user(run: RunFacts) -> Iterator[Finding]:
    """Tell of a user simulator that cost more than the agent (with its experts), if both prices are known and both made some calls."""
    table = run.log.costs(prices=run.prices)
    side = {role: table[table["role"].isin(roles)] for role, roles in (("agent", ("agent", "expert")), ("user", ("user",)))}
    cost = {role: float(as_floats(rows["cost_usd"]).sum()) for role, rows in side.items()}
    if any(rows["calls"].sum() < _ROLE_CALLS for rows in side.values()) or not cost["user"] > cost["agent"] >= 0:
        return
    whole = float(np.nansum(as_floats(table["known_cost_usd"])))
    yield Finding(
        "dear_user",
        f"The user simulator cost more than the agent: {money(cost['user'])} against {money(cost['agent'])}, {share(cost['user'] / whole)} "
        f"of {money(whole)}.",
        "A cheaper --user-llm saves most; compare rewards with it before you keep it, as it changes the benchmark.",
        cost["user"] / whole,
        MONEY,
        Proof("cost_by_model"),
        {"user_usd": cost["user"], "agent_usd": cost["agent"], "total_usd": whole},
        Saving(usd=cost["user"]),
    )


def not_cached(run: RunFacts) -> Iterator[Finding]:
    """Tell what caching would save: at least LEAST_SAVED of the known cost, over models with at least LEAST_CALLS calls of which at most
    MOST_CACHED of the repeated tokens came from a cache.
    """
    table = run.prompts
    table = table[(table["calls"] >= LEAST_CALLS) & (table["cached_tokens"] < MOST_CACHED * table["repeated_tokens"])]
    table = table[table["caching_saves_usd"] > 0]
    saved, whole = float(table["caching_saves_usd"].sum()), run.known_usd
    if not whole or saved < LEAST_SAVED * whole:
        return
    again, cached = int(table["repeated_tokens"].sum()), int(table["cached_tokens"].sum())
    yield Finding(
        "not_cached",
        f"Caching would have saved {money(saved)} of {money(whole)} ({share(saved / whole)}): {short_count(again)} of "
        f"{short_count(int(table['input_tokens'].sum()))} input tokens of {listed(table['model'].unique(), 3)} were sent before in the "
        f"same conversation, and {short_count(cached)} were read from the cache.",
        "Keep the start of prompts the same (no time, no id in the system prompt) and turn on the provider's prompt caching.",
        saved / whole,
        MONEY,
        Proof("repeated_prompts"),
        {"saved_usd": saved, "total_usd": whole, "repeated_tokens": again, "cached_tokens": cached},
        Saving(usd=saved),
    )


def context_growth(run: RunFacts) -> Iterator[Finding]:
    """Tell of agents' prompts that grow LEAST_GROWTH times, if at least LEAST_REPEATED of their tokens are sent again and most are not
    known to be cached. The last call of a simulation that at least LEAST_SCORED simulations made counts.
    """
    table = run.log.context_growth()
    table = table[table["calls"] >= LEAST_SCORED]
    prompts = run.prompts[run.prompts["type"] == "llm_call"]
    sent, again, cached = (float(prompts[name].sum()) for name in ("input_tokens", "repeated_tokens", "cached_tokens"))
    if len(table) < 2 or again < LEAST_REPEATED * sent or cached > again / 2:
        return
    first, last = table.iloc[0], table.iloc[-1]
    if last["mean_input_tokens"] < LEAST_GROWTH * first["mean_input_tokens"]:
        return
    yield Finding(
        "context_growth",
        f"The agent's prompt grows from {short_count(first['mean_input_tokens'])} tokens at the first call of a simulation to "
        f"{short_count(last['mean_input_tokens'])} at call {int(last['turn']):,} (mean of {count(last['calls'])} calls): "
        f"{share(again / sent)} of its {short_count(sent)} input tokens were sent before.",
        "Prompt caching makes this cheap; shorter tool results or context_agent make prompts shorter.",
        again / sent,
        TOUCHED,
        Proof("context_growth"),
        {
            "first_tokens": first["mean_input_tokens"], "last_tokens": last["mean_input_tokens"], "last_call": int(last["turn"]),
            "repeated_share": again / sent,
        },
    )  # fmt: skip


def unknown_prices(run: RunFacts) -> Iterator[Finding]:
    """Tell of models without a price, if their calls said how many tokens they used."""
    table = run.log.costs(prices=run.prices)
    unpriced = table[(table["unknown_calls"] > 0) & table["input_tokens"].notna()]
    unknown, calls = int(unpriced["unknown_calls"].sum()), int(table["calls"].sum())
    if not unknown:
        return
    yield Finding(
        "unknown_prices",
        f"The price of {unknown:,} of {calls:,} model calls is unknown ({listed(unpriced['model'].unique(), 3)}), and so is "
        "the run's cost.",
        "Give their prices with --prices FILE (US dollars per million tokens).",
        unknown / calls,
        RECORD,
        Proof("cost_by_model"),
        {"unknown_calls": unknown, "calls": calls},
    )
