"""What a comparison means, in sentences. Every one is made from counts; none is there because it was known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.parity.comparison import ERROR_PREFIX, ORDER_ID_PREFIX, Difference, ParityComparison
from tau2_logging.parity.side_process import SideResults

DELIBERATE = {
    ("tau2", "maseval"): frozenset({ERROR_PREFIX, ORDER_ID_PREFIX}),
}
"""Differences that the makers of one side meant: MASEval words errors its own way, and adds the `#` that an order id lacks."""
_SHOWN = 3


@dataclass(frozen=True)
class ParityFinding:
    """A kind of difference: its name, how often it was met (`count` of `of`), what it is, a few places. `played`: gold, slip or fuzz, if
    it was found by playing."""

    name: str
    domain: str
    count: int
    of: int
    sentence: str
    examples: tuple[str, ...] = ()
    deliberate: bool = False
    played: str = ""


def findings(comparison: ParityComparison, left: SideResults, right: SideResults) -> list[ParityFinding]:
    """Return those of the calls, of the evaluators, and of what each side's tasks, tools, policies and loaders are."""
    names = (_name(left), _name(right))
    found = list(_of_calls(comparison, names, deliberate_kinds(left, right)))
    found += _of_rewards(comparison, names)
    if right.about["implementation"] == "tau2":
        found += _of_releases(left.about, right.about)
    else:
        base = left.about["domains"]
        found += _of_probes(right.probes, base, names)
    return found


def deliberate_kinds(left: SideResults, right: SideResults) -> frozenset[str]:
    """Return the names of the differences that are meant between these two implementations."""
    return DELIBERATE.get((left.about["implementation"], right.about["implementation"]), frozenset())


def _name(answer: SideResults) -> str:
    return str(answer.about["version"])


def _of_calls(comparison: ParityComparison, names: tuple[str, str], deliberate: frozenset[str]) -> Iterator[ParityFinding]:
    groups: dict[tuple[str, str, str], list[Difference]] = {}
    for difference in comparison.differences:
        if difference.kind != "reward":
            groups.setdefault((difference.kind, difference.case.domain, difference.case.played), []).append(difference)
    for (kind, domain, played), members in groups.items():
        of = comparison.tallies[domain, played].n[_COUNTED.get(kind, "cases")]
        sentence = _SENTENCES[kind].format(n=len(members), of=of, left=names[0], right=names[1], how=_how(members[0]))
        yield ParityFinding(kind, domain, len(members), of, sentence, _examples(members), kind in deliberate, played)


_COUNTED = {
    "start": "start", "database": "databases", "assertion": "assertions", "output": "outputs", "error_flag": "outputs",
    ERROR_PREFIX: "outputs", ORDER_ID_PREFIX: "outputs",
}  # fmt: skip
_SENTENCES = {
    "not_played": "{n} of {of} cases can be played by one side only.",
    "start": "{n} of {of} initial states differ before the first call.",
    "database": "{n} of {of} sequences end with a different database.",
    "assertion": "{n} of {of} environment assertions have another answer.",
    "output": "{n} of {of} outputs of tools differ.",
    "error_flag": "{n} of {of} calls are an error on one side only.",
    ERROR_PREFIX: "{n} of {of} outputs differ only in how an error starts: {how}.",
    ORDER_ID_PREFIX: "{n} of {of} calls name an order without its '#': {left} refuses them, {right} adds it.",
}


def _how(difference: Difference) -> str:
    """Return the starts of two texts that end alike."""
    left, right = str(difference.left), str(difference.right)
    common = next((n for n, (a, b) in enumerate(zip(reversed(left), reversed(right), strict=False)) if a != b), min(len(left), len(right)))
    return f"{left[: len(left) - common] + ': '!r} on the left, {right[: len(right) - common] + ': '!r} on the right"


def _examples(members: Sequence[Difference]) -> tuple[str, ...]:
    return tuple(
        f"task {_short(member.case.task)}{'' if member.case.fuzz is None else f' sequence {member.case.fuzz}'}: {_short(member.what)}: "
        f"{_short(member.left)} | {_short(member.right)}"
        for member in members[:_SHOWN]
    )


def _short(value: Any, most: int = 90) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _of_rewards(comparison: ParityComparison, names: tuple[str, str]) -> Iterator[ParityFinding]:
    for (domain, played), tally in comparison.tallies.items():
        n = tally.n["rewards"]
        wrong = n - tally.equal["rewards"]
        if wrong:
            what = (
                "conversations that are perfect but for a call of a tool that does not exist" if played == "slip" else "gold conversations"
            )
            sentence = (
                f"The evaluators disagree about {wrong} of {n} {what}: "
                f"{names[0]} gives {tally.perfect[0]} of them a reward of 1, {names[1]} {tally.perfect[1]}."
            )
            members = [item for item in comparison.differences if item.kind == "reward" and item.case.domain == domain]
            examples = _examples([item for item in members if item.case.played == played])
            name = "reward" if played == "gold" else f"reward_{played}"
            yield ParityFinding(name, domain, wrong, n, sentence, examples, played=played)


def _of_releases(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[ParityFinding]:
    for domain, one in left["domains"].items():
        other = right["domains"][domain]
        mine, theirs = one["tasks"], other["tasks"]
        changed = [name for name in mine if name in theirs and _bare(mine[name]) != _bare(theirs[name])]
        apart = sorted(mine.keys() ^ theirs.keys())
        if changed or apart:
            sentence = (
                f"{len(changed)} tasks of {len(mine)} differ ({_parts(mine, theirs, changed)}), and {len(apart)} are in one release only; "
                "all were played as the left has them."
            )
            yield ParityFinding("tasks", domain, len(changed + apart), len(mine), sentence, _some(changed + apart))
        yield from _of_tools(domain, {tuple(tool[:2]) for tool in one["tools"]}, {tuple(tool[:2]) for tool in other["tools"]})
        yield from _of_policy(domain, one["policy"], other["policy"])


def _parts(mine: Mapping[str, Any], theirs: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return which parts of tasks differ, and how often."""
    counts = Counter(key for name in names for key in mine[name] if _bare(mine[name][key]) != _bare(theirs[name].get(key)))
    return ", ".join(f"{key} {count}" for key, count in counts.most_common()) or "in parts that one release adds"


def _bare(value: Any) -> Any:
    """Without empty fields, which a later release may have added."""
    if isinstance(value, Mapping):
        return {key: _bare(item) for key, item in value.items() if item not in (None, [], {})}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _of_tools(domain: str, mine: set[Any], theirs: set[Any]) -> Iterator[ParityFinding]:
    if mine != theirs:
        apart = sorted(f"{name} ({requestor})" for requestor, name in mine ^ theirs)
        yield ParityFinding("tools", domain, len(apart), len(mine), f"{len(apart)} tools are on one side only.", tuple(apart[:_SHOWN]))


def _of_policy(domain: str, mine: str, theirs: str) -> Iterator[ParityFinding]:
    if mine == theirs:
        return
    part = " which are a part of the left's" if theirs.strip() in mine else ""
    sentence = f"The agent gets another policy: {len(theirs):,} characters on the right{part}, {len(mine):,} on the left."
    yield ParityFinding("policy", domain, len(theirs), len(mine), sentence)


def _of_probes(probes: Sequence[Mapping[str, Any]], base: Mapping[str, Any], names: tuple[str, str]) -> Iterator[ParityFinding]:
    for probe in probes:
        if "policy" in probe:
            domain = probe["domain"]
            yield from _of_policy(domain, base[domain]["policy"], probe["policy"])
            yield from _of_tools(domain, {tuple(tool[:2]) for tool in base[domain]["tools"]}, {tuple(tool) for tool in probe["tools"]})
        if "split" in probe:
            yield from _of_loader(probe)
        if "started" in probe:
            yield from _of_starts(probe["started"])
    yield from _of_evaluator([probe for probe in probes if "rewards" in probe])


def _of_loader(probe: Mapping[str, Any]) -> Iterator[ParityFinding]:
    split, domain = probe["split"], probe["domain"]
    if probe["loader_error"]:
        yield ParityFinding("loader", domain, 1, 1, f"Its loader cannot read tau2's folder: {probe['loader_error']}.")
    if split["common"] != split["base"]:
        first = f"the first {split['taken']} entries" if split["first"] else f"{split['taken']} entries"
        sentence = f"Its base split is {first} of {split['of']:,}; {split['common']} of tau2's {split['base']} base tasks are among them."
        yield ParityFinding("base_split", domain, split["base"] - split["common"], split["base"], sentence)


def _of_starts(started: Sequence[Mapping[str, Any]]) -> Iterator[ParityFinding]:
    for domain in sorted({probe["domain"] for probe in started}):
        members = [probe for probe in started if probe["domain"] == domain and probe["has_state"]]
        changed = [probe for probe in members if probe["changed"] or probe["refused"]]
        if changed:
            refused = sum(bool(probe["refused"]) for probe in changed)
            sentence = (
                "The initial state is applied twice, by the constructor of an environment and again by the evaluator: "
                f"in {len(changed)} of {len(members)} tasks the second time changes it or fails ({refused} fail)."
            )
            yield ParityFinding(
                "initial_state_twice", domain, len(changed), len(members), sentence, _some([probe["task"] for probe in changed])
            )


def _of_evaluator(probes: Sequence[Mapping[str, Any]]) -> Iterator[ParityFinding]:
    """Yield why perfect conversations are not scored 1: one repair after the other, and how many become perfect by it."""
    for domain in sorted({probe["domain"] for probe in probes}):
        members = [probe for probe in probes if probe["domain"] == domain]
        calls = Counter[str]()
        for probe in members:
            calls.update(probe["user_calls"])
        perfect = {step: sum(probe["rewards"][step] == 1.0 for probe in members) for step in ("key", "merge", "state")}
        example = members[0]
        if example["missing"] and example["unread"] and calls["read"] < calls["merged"]:
            sentence = (
                f"The evaluator asks the traces for {_quoted(example['missing'])}, which is not there; the user's messages are under "
                f"{_quoted(example['unread'])}, which it never reads. {calls['made'] - calls['read']} of {calls['made']} tool calls "
                f"of the user are lost; with the key in place {perfect['key']} of these {len(members)} conversations are perfect."
            )
            yield ParityFinding("evaluator_key", domain, len(members), len(members), sentence)
        lost = calls["made"] - calls["merged"]
        if lost and calls["merged"]:
            most = {side: max(probe["most_in_a_turn"][side] for probe in members) for side in ("made", "merged")}
            sentence = (
                f"Merging both histories keeps at most {most['merged']} of the user's tool calls for each turn of the agent, where up to "
                f"{most['made']} were made: {lost} of {calls['made']} are lost even with the key in place; "
                f"with all of them {perfect['merge']} of {len(members)} are perfect."
            )
            yield ParityFinding("evaluator_merge", domain, lost, calls["made"], sentence)
        if perfect["state"] != perfect["merge"]:
            sentence = f"With the initial state applied once as well, {perfect['state']} of {len(members)} are perfect."
            yield ParityFinding("evaluator_state", domain, perfect["state"] - perfect["merge"], len(members), sentence)


def _some(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_short(name) for name in names[:_SHOWN])


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)
