"""Findings about model calls that are slower than others: at one server, or with many in flight."""

from __future__ import annotations

from collections.abc import Iterator

from tau2_logging.analysis.findings.finding import TIME, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, short
from tau2_logging.analysis.measures.provenance import is_recorded
from tau2_logging.units import duration, share, significant

LEAST_RATIO = 1.25
LEAST_RATIO_WITH_LOAD = 1.5
LARGEST_P = 0.05
LEAST_CALLS = 20
LEAST_REPEATED, MOST_HIT, LEAST_PREFILL = 0.5, 0.5, 0.1


def slow_endpoint(run: RunFacts) -> Iterator[Finding]:
    """Tell of the server at which a model's calls take LEAST_RATIO of the others' or longer, with p below LARGEST_P over all servers."""
    table = run.log.calls_by_endpoint(LEAST_RATIO)
    slow = table[(table["p50_ms"] >= LEAST_RATIO * table["others_p50_ms"]) & (table["p"] * len(table) < LARGEST_P)]
    if slow.empty:
        return
    worst = slow.sort_values("more_ms", ascending=False, kind="stable").iloc[0]
    ratio = worst["p50_ms"] / worst["others_p50_ms"]
    yield Finding(
        "slow_endpoint",
        f"{short(worst['endpoint'])} is {significant(ratio, 3)} times as slow as the other servers of {short(worst['model'])}: median call "
        f"{duration(worst['p50_ms'])} against {duration(worst['others_p50_ms'])} ({int(worst['n']):,} calls there).",
        "Check its load and its hardware, or do not use it.",
        run.time_share(float(worst["more_ms"])),
        TIME,
        Proof("calls_by_endpoint"),
        {"ratio": ratio, **{name: worst[name] for name in ("p50_ms", "others_p50_ms", "n", "p")}},
        Saving(run.wall_part(float(worst["more_ms"]))),
    )


def slower_under_load(run: RunFacts) -> Iterator[Finding]:
    """Tell of the model whose calls take LEAST_RATIO_WITH_LOAD as long with many in flight as with few, if no server told of its queue and
    the log was not made from a results file, which does not say how long calls took.
    """
    if is_recorded(run.log) or len(run.log.waiting_at_servers()) or len(run.log.model_servers()):
        return
    table = run.log.slower_with_load(LEAST_RATIO_WITH_LOAD)
    slow = table[(table["p50_many_ms"] >= LEAST_RATIO_WITH_LOAD * table["p50_few_ms"]) & (table["p"] * len(table) < LARGEST_P)]
    if slow.empty:
        return
    worst = slow.sort_values("more_ms", ascending=False, kind="stable").iloc[0]
    ratio = worst["p50_many_ms"] / worst["p50_few_ms"]
    yield Finding(
        "slower_under_load",
        f"A call of {short(worst['model'])} takes {significant(ratio, 3)} times as long with {int(worst['many']):,} or more in flight as "
        f"with at most {int(worst['few']):,}: median {duration(worst['p50_many_ms'])} of {int(worst['n_many']):,} calls against "
        f"{duration(worst['p50_few_ms'])} of {int(worst['n_few']):,}.",
        "The provider or server is probably queueing. Try a lower --max-concurrency; with --endpoint a server's own queue is read.",
        run.time_share(float(worst["more_ms"])),
        TIME,
        Proof("slower_with_load"),
        {"ratio": ratio, **{name: worst[name] for name in ("few", "many", "n_few", "n_many", "p50_few_ms", "p50_many_ms", "p")}},
    )


def prefix_cache(run: RunFacts) -> Iterator[Finding]:
    """Tell of the server that computes prompts again that it was sent before: at least LEAST_REPEATED of the agents' tokens were sent
    before, its cache held less than MOST_HIT of the prompts, and prefill is LEAST_PREFILL of a call, over LEAST_CALLS calls.
    """
    table = run.log.model_servers().dropna(subset=["prefix_hit_share", "prefill_mean_ms", "client_mean_ms"])
    prompts = run.prompts[run.prompts["type"] == "llm_call"]
    sent, again = float(prompts["input_tokens"].sum()), float(prompts["repeated_tokens"].sum())
    table = table[(table["calls"] >= LEAST_CALLS) & (table["prefix_hit_share"] < MOST_HIT)]
    table = table[table["prefill_mean_ms"] >= LEAST_PREFILL * table["client_mean_ms"]]
    if table.empty or again < LEAST_REPEATED * sent:
        return
    worst = table.sort_values("calls", ascending=False, kind="stable").iloc[0]
    lost = float(((again / sent - table["prefix_hit_share"]) * table["prefill_mean_ms"] * table["calls"]).sum())
    yield Finding(
        "prefix_cache",
        f"{share(again / sent)} of the agent's input tokens were sent before in the same conversation, but the prefix cache of "
        f"{short(worst['endpoint'])} held {share(worst['prefix_hit_share'])} of its prompts: prefill takes "
        f"{duration(worst['prefill_mean_ms'])} of a call of {duration(worst['client_mean_ms'])} (mean of {int(worst['calls']):,} calls).",
        "Turn prefix caching on (vLLM: --enable-prefix-caching), give it more memory, or send each conversation to one server.",
        run.time_share(lost),
        TIME,
        Proof("model_servers"),
        {
            "repeated_share": again / sent,
            **{name: worst[name] for name in ("prefix_hit_share", "prefill_mean_ms", "client_mean_ms", "calls")},
        },
        Saving(run.wall_part(lost)),
    )
