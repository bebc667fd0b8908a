"""Tables of speech in voice simulations. A column that begins with `audio_` is audio time; `wall_ms` and `duration_ms` are wall time.

Every table is empty for a log without voice simulations. Events of the last attempt at a simulation and of earlier ones count alike: a
voice run is read from its results, which hold one attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.analysis.tables.voice.ticks import AGENT, BACKCHANNEL, INTERRUPTION, NON_DIRECTED, USER, VOCAL_TIC

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

TURN_COLUMNS = ("domain", "what", "n", "of", "share", "mean_audio_ms", "p50_audio_ms", "p95_audio_ms", "max_audio_ms")
SPEAKING_COLUMNS = ("domain", "what", "audio_ms", "share", "stretches", "mean_audio_ms")
WORK_COLUMNS = ("domain", "work", "model", "n", "timed", "mean_ms", "p50_ms", "p95_ms", "total_ms", "cost_usd", "unknown_calls")
USAGE_COLUMNS = (
    "domain", "component", "model", "simulations", "input_tokens", "input_audio_tokens", "cached_tokens", "output_tokens",
    "output_audio_tokens", "audio_sent_ms", "characters", "cost_usd", "unknown_costs",
)  # fmt: skip
COST_COLUMNS = ("domain", "side", "simulations", "priced", "audio_ms", "cost_usd", "per_minute_usd")
TOOL_COLUMNS = ("domain", "function", "n", "errors", "mean_audio_ms", "followed", "response_p50_audio_ms", "response_p95_audio_ms")
SIMULATION_COLUMNS = (
    *KEY, "audio_ms", "wall_ms", "wall_per_audio", "audio_agent_ms", "audio_user_ms", "audio_overlap_ms", "audio_silence_ms",
    "mean_audio_response_ms", "answered", "owed", "agent_interrupts", "user_interrupts", "agent_cost_usd", "user_cost_usd",
    "agent_per_minute_usd", "user_per_minute_usd",
)  # fmt: skip
_PLACE = {"generation": 0, "synthesis": 1, "interrupt_check": 2, "backchannel_check": 3}
"""Order of what the user's side does before it speaks."""

_MS_A_MINUTE = 60_000.0

Row = dict[str, Any]


def has_speech(log: LogData) -> bool:
    """Return whether there are voice simulations in the log."""
    return "speech_summary" in log.store.types() and len(log.select(["domain"], types=["speech_summary"])) > 0


def turn_taking(log: LogData) -> pd.DataFrame:
    """By domain, TURN_COLUMNS: what happened `n` times `of` so many, share = n / of, and how long it took in audio time.

    Answers: of the user's turns that were due one, those that the agent answered before the user had to speak again. Yields: of the other
    side's interruptions, those after which it fell silent within 2 s. Interruptions: of the user's turns that were due an answer (the
    agent's), of the agent's stretches of speech (the user's); these have no length. Backchannels, noises and words to others are `n` of the
    user's stretches; noises and words only if they began while the agent spoke.
    """
    return _by_domain(log, "speech", _SPEECH, _turn_rows, TURN_COLUMNS)


_SPEECH = ("speaker", "speech_kind", "audio_ms", "answered", "audio_response_ms", "yielded", "audio_yield_ms")


def _turn_rows(speech: pd.DataFrame) -> Iterator[Row]:
    owed = speech[speech["answered"].notna()]
    yield _rate("agent answers", owed["answered"], owed["audio_response_ms"])
    mine, theirs = (speech[speech["speaker"] == side] for side in (AGENT, USER))
    by_agent, by_user = (side[side["speech_kind"] == INTERRUPTION] for side in (mine, theirs))
    yield _rate("agent yields", by_user["yielded"], by_user["audio_yield_ms"])
    yield _rate("user yields", by_agent["yielded"], by_agent["audio_yield_ms"])
    yield {"what": "agent interrupts", **_share(len(by_agent), len(owed))}
    yield {"what": "user interrupts", **_share(len(by_user), len(mine))}
    for kind, what in ((BACKCHANNEL, "user's backchannels"), (VOCAL_TIC, "user's noises"), (NON_DIRECTED, "user, to others")):
        number = int((theirs["speech_kind"] == kind).sum())
        yield from [{"what": what, **_share(number, len(theirs))}] if number else []


def _share(number: int, of: int) -> Row:
    return {"n": number, "of": of, "share": number / of if of else np.nan}


def _rate(what: str, happened: Any, lengths: Any) -> Row:
    return {"what": what, **_share(int(happened.fillna(False).sum()), len(happened)), **_lengths(lengths, "audio_ms", (50, 95), most=True)}


def _lengths(values: Any, unit: str, percents: Sequence[int], most: bool = False) -> Row:
    """Return mean, percentiles (numpy's linear ones) and perhaps the longest of what is known; NaN of nothing."""
    known = as_floats(values)
    known = known[~np.isnan(known)]
    found = {f"mean_{unit}": known.mean() if len(known) else np.nan}
    found.update({f"p{percent}_{unit}": np.percentile(known, percent) if len(known) else np.nan for percent in percents})
    return {**found, f"max_{unit}": known.max() if len(known) else np.nan} if most else found


_AUDIO = {"audio_agent_ms": "agent", "audio_user_ms": "user", "audio_overlap_ms": "both at once", "audio_silence_ms": "silence"}


def speaking_time(log: LogData) -> pd.DataFrame:
    """By domain, SPEAKING_COLUMNS: audio time of either side, of both at once (which is in both sides' time, too) and of silence; share of
    the conversations' audio time. agent + user - both + silence = all. Simulations whose ticks do not tell are in none of it.
    """
    stretches = log.select(["domain", *_SPEECH], types=["speech"])

    def rows(summaries: pd.DataFrame) -> Iterator[Row]:
        told = summaries[summaries["audio_ms"].notna()]
        whole = float(told["audio_ms"].sum())
        here = stretches[stretches["domain"].isin(told["domain"].unique())]
        for column, what in _AUDIO.items() if len(told) else ():
            lengths = here.loc[here["speaker"] == what, "audio_ms"]
            spoken = {"stretches": len(lengths), "mean_audio_ms": lengths.mean()} if what in (AGENT, USER) else {}
            yield {"what": what, "audio_ms": told[column].sum(), "share": told[column].sum() / whole if whole else np.nan, **spoken}
        yield from [{"what": "all", "audio_ms": whole, "share": 1.0}] if len(told) else []

    return _by_domain(log, "speech_summary", ("audio_ms", *_AUDIO), rows, SPEAKING_COLUMNS)


def speech_work(log: LogData) -> pd.DataFrame:
    """By domain, kind of work and model, WORK_COLUMNS: wall time and price of what the user's side did before it spoke. Prices of synthesis
    are never recorded; a sum that lacks one is NaN, `unknown_calls` counts these."""

    def rows(work: pd.DataFrame) -> Iterator[Row]:
        found = sorted(work.groupby(["work", "model"], sort=False, dropna=False), key=lambda group: _PLACE.get(group[0][0], len(_PLACE)))
        for (name, model), mine in found:
            times = mine["duration_ms"].dropna()
            yield {
                "work": name, "model": model, "n": len(mine), "timed": len(times), **_lengths(times, "ms", (50, 95)),
                "total_ms": times.sum() if len(times) else np.nan, **_cost(mine["cost_usd"], "unknown_calls"),
            }  # fmt: skip

    return _by_domain(log, "speech_work", ("work", "model", "duration_ms", "cost_usd"), rows, WORK_COLUMNS)


def _cost(prices: Any, unknown: str) -> Row:
    return {"cost_usd": prices.sum(skipna=False) if len(prices) else np.nan, unknown: int(prices.isna().sum())}


_SUMS = USAGE_COLUMNS[4:11]


def speech_usage(log: LogData) -> pd.DataFrame:
    """By domain, component and model, USAGE_COLUMNS: what the agent's side used, by the ledger of its sessions. What a component is not
    billed by is NaN."""

    def rows(usage: pd.DataFrame) -> Iterator[Row]:
        for (component, model), mine in usage.groupby(["component", "model"], sort=False, dropna=False):
            billed = mine[mine["billable"].fillna(True).astype(bool)]
            sums = {name: mine[name].sum(min_count=1) for name in _SUMS}
            yield {"component": component, "model": model, "simulations": len(mine), **sums, **_cost(billed["cost_usd"], "unknown_costs")}

    return _by_domain(log, "speech_usage", ("component", "model", "billable", "cost_usd", *_SUMS), rows, USAGE_COLUMNS)


def speech_tools(log: LogData) -> pd.DataFrame:
    """By domain and function, TOOL_COLUMNS: audio time of tool calls in voice simulations, and how long it then took until the agent spoke,
    of the `followed` calls that were followed by speech and not made during it."""

    def rows(calls: pd.DataFrame) -> Iterator[Row]:
        spoken = calls[calls["audio_ms"].notna()]
        for function, mine in spoken.groupby("function", sort=False):
            waits = _lengths(mine["audio_response_ms"], "audio_ms", (50, 95))
            yield {
                "function": function, "n": len(mine), "errors": int(mine["error"].fillna(False).sum()),
                "mean_audio_ms": mine["audio_ms"].mean(), "followed": int(mine["audio_response_ms"].notna().sum()),
                "response_p50_audio_ms": waits["p50_audio_ms"], "response_p95_audio_ms": waits["p95_audio_ms"],
            }  # fmt: skip

    return _by_domain(log, "tool_call", ("function", "error", "audio_ms", "audio_response_ms"), rows, TOOL_COLUMNS)


def speech_by_simulation(log: LogData) -> pd.DataFrame:
    """One row a voice simulation, SIMULATION_COLUMNS. wall_ms: the simulation's duration; wall_per_audio: how much slower than the
    conversation it was made; prices a minute are of audio time. NaN is unknown."""
    import pandas as pd

    summaries = log.select([*KEY, "audio_ms", *_AUDIO, "agent_cost_usd", "user_cost_usd"], types=["speech_summary"])
    if summaries.empty:
        return pd.DataFrame(columns=list(SIMULATION_COLUMNS))
    speech = log.select([*KEY, *_SPEECH], types=["speech"])
    counted = [{**dict(zip(KEY, key, strict=True)), **_counts(mine)} for key, mine in speech.groupby(KEY, sort=False, dropna=False)]
    counts = pd.DataFrame(counted, columns=[*KEY, *_COUNTED])
    table = summaries.merge(counts, on=KEY, how="left").merge(log.simulations[[*KEY, "duration_ms"]], on=KEY, how="left")
    known = table["audio_ms"].notna()
    table[list(_COUNTED[1:])] = table[list(_COUNTED[1:])].mask(table[list(_COUNTED[1:])].isna() & known.to_numpy()[:, None], 0)
    minutes = table["audio_ms"].where(table["audio_ms"] > 0) / _MS_A_MINUTE
    costs = {f"{side}_per_minute_usd": table[f"{side}_cost_usd"] / minutes for side in (AGENT, USER)}
    wall = table["duration_ms"]
    return table.assign(wall_ms=wall, wall_per_audio=wall / (minutes * _MS_A_MINUTE), **costs)[list(SIMULATION_COLUMNS)]


def speech_cost(log: LogData) -> pd.DataFrame:
    """By domain and side, COST_COLUMNS: cost of the `priced` simulations, of which tau2 knows it, and a minute of their audio time. The
    user's side is its model alone: tau2 records no price of synthesis."""
    import pandas as pd

    table = speech_by_simulation(log)
    found = []
    for domain, mine in table.groupby("domain", sort=False, dropna=False):
        for side in (AGENT, USER):
            priced = mine[mine[f"{side}_cost_usd"].notna() & (mine["audio_ms"] > 0)]
            cost, audio = priced[f"{side}_cost_usd"].sum(), priced["audio_ms"].sum()
            known = {"audio_ms": audio, "cost_usd": cost, "per_minute_usd": cost / audio * _MS_A_MINUTE} if len(priced) else {}
            found.append({"domain": domain, "side": side, "simulations": len(mine), "priced": len(priced), **known})
    return pd.DataFrame(found, columns=list(COST_COLUMNS))


_COUNTED = ("mean_audio_response_ms", "answered", "owed", "agent_interrupts", "user_interrupts")


def _counts(speech: pd.DataFrame) -> Row:
    owed = speech["answered"].notna()
    interrupts = speech["speech_kind"] == INTERRUPTION
    return {
        "mean_audio_response_ms": speech["audio_response_ms"].mean(), "answered": int(speech["answered"].fillna(False).sum()),
        "owed": int(owed.sum()), "agent_interrupts": int((interrupts & (speech["speaker"] == AGENT)).sum()),
        "user_interrupts": int((interrupts & (speech["speaker"] == USER)).sum()),
    }  # fmt: skip


def _by_domain(log: LogData, type_: str, columns: Sequence[str], rows: Any, shown: Sequence[str]) -> pd.DataFrame:
    """Return the rows that a function makes of each domain's events of a type."""
    import pandas as pd

    events = log.select(["domain", *columns], types=[type_])
    found = [{"domain": domain, **row} for domain, mine in events.groupby("domain", sort=False, dropna=False) for row in rows(mine)]
    return pd.DataFrame(found, columns=list(shown))
