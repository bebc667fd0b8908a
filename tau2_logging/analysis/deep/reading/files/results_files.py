"""tau2's own results files, ours or recorded without us: one JSON file, or v1's folder of one file a simulation, or our checkpoint."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from tau2_logging.analysis.deep.reading.files.enhanced_logs import with_measured_tools
from tau2_logging.analysis.deep.reading.files.trajectories import SUFFIX as TRAJECTORY
from tau2_logging.analysis.deep.reading.files.trajectories import holds_trajectories, is_trajectory, results_of
from tau2_logging.analysis.deep.reading.messages import failed, flat, messages_of, moment, ticks_of
from tau2_logging.analysis.deep.reading.recorded import Row, Rows
from tau2_logging.analysis.deep.reading.recorded_conversation import TaskText, conversation_of, text_of
from tau2_logging.analysis.deep.reading.recorded_values import problem
from tau2_logging.analysis.deep.reading.run_info import settings_of
from tau2_logging.analysis.deep.tool_calls.argument_provenance import KnownTexts
from tau2_logging.analysis.store.file_counts import Rejected, rejected
from tau2_logging.analysis.tables.outcomes import named, recorded_ending
from tau2_logging.errors import UserError
from tau2_logging.events.argument_size import complexity_of
from tau2_logging.events.logfmt import whole_json
from tau2_logging.events.task_hash import task_hash
from tau2_logging.statistics.score import is_solved

RUN_FILE = "run.json"
"""Lies in the folder of a run of ours."""

_OF_RUN = ("tau2_version", "tau2_data", "branched_from", "branched_at", "rejudged_from")

SHOWN = 400
"""Letters of a tool's result that are kept."""

_TIMES = ("start_time", "end_time", "duration")
_LEAST_ALIKE = 3
"""Simulations that all say the same start and end: fewer may have been started together and be of no length."""

_CHECKS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    "communicate": ("communicate_checks", lambda check: check.get("info")),
    "assertions": ("nl_assertions", lambda check: check.get("nl_assertion")),
    "environment": ("env_assertions", lambda check: (check.get("env_assertion") or {}).get("func_name")),
}


def read_results(path: Path, run: str, timed: bool = True) -> Rows:
    """Return the rows of a results file, told as of that run; `timed`: see `inputs.read`. Raises UserError if it is none."""
    data = with_measured_tools(path, shared_file(path))
    try:
        return _rows(data, path, run, timed)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} is not a readable results file of tau2: {type(error).__name__}: {error}") from error


def read_file(path: Path) -> dict[str, Any]:
    """Return a results file as it is; trajectories in ATIF as what they amount to. Raises UserError if it is none."""
    if holds_trajectories(path):
        return results_of([(file, _trajectory(file)) for file in sorted(path.glob(f"*{TRAJECTORY}"))])
    data = read_json(path)
    if is_trajectory(data):
        return results_of([(path, data)])
    if isinstance(data, list):
        raise UserError(
            f"{path} is not a results file of tau2 but a list, like the trajectories of the first tau-bench, which cannot be read"
        )
    if not isinstance(data, dict) or not isinstance(data.get("tasks"), list) or not isinstance(data.get("info"), dict):
        raise UserError(f"{path} is not a results file of tau2: it has no tasks; give results_<domain>.json, a log, or a run's folder")
    return data


class _Results(dict[str, Any]):
    """The content of a results file; unlike a plain dict it can be referred to weakly. `sound`: whether none of its simulations has a
    problem, None if that was not asked."""

    sound: bool | None = None


_HELD: WeakValueDictionary[tuple[Path, int, int], _Results] = WeakValueDictionary()


def shared_file(path: Path) -> dict[str, Any]:
    """Return `read_file`, the same object while somebody holds it: a file of 20,000 simulations is not parsed twice for one report. Nobody
    may change it."""
    if path.is_dir():
        return read_file(path)
    try:
        found = path.stat()
    except OSError:
        return read_file(path)
    key = (path.resolve(), found.st_mtime_ns, found.st_size)
    held = _HELD.get(key)
    if held is None:
        _HELD[key] = held = _Results(read_file(path))
    return held


def _trajectory(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if not is_trajectory(data):
        raise UserError(f"{path} is no trajectory: it has no schema_version of ATIF; move it to another folder")
    return dict(data)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, half of a pair of surrogates as U+FFFD; raises UserError."""
    try:
        return whole_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"no file {path}; give a results file of tau2, events_<domain>.jsonl, a log, or the folder of a run") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise UserError(f"{path} is nested too deep to be a file of tau2") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}; was it cut short?") from error


def _rows(data: Mapping[str, Any], path: Path, run: str, timed: bool) -> Rows:
    environment = data["info"].get("environment_info") or {}
    domain, policy = domain_of(path, data), environment.get("policy") or ""
    rows = Rows(settings=[{"run": run, **settings_of(data["info"])}])
    for task in data["tasks"]:
        rows.gold += list(gold_rows(run, domain, task))
        rows.tasks.append({"run": run, "domain": domain, "task": str(task["id"]), "task_hash": task_hash(task)})
    tasks = {str(task["id"]): task for task in data["tasks"]}
    texts: dict[tuple[int, ...], TaskText] = {}
    none: dict[str, Any] = {}
    found = list(simulations_of(data, path, rows.refused))
    mixed = number_mixed_up(found, tasks) > 0
    for task, trial, simulation in found:
        key = {"run": run, "domain": domain, "task": task, "trial": trial}
        about = tasks.get(task, none)
        one = Rows()
        try:
            add_simulation(one, key, simulation, policy, about.get("ticket") or "", history_length(about), timed)
            checked = one.simulations[0]["action_checks"] = _checks_of_another(simulation, about, mixed)
            meant = [about] if checked is None else _tasks_with(checked, tasks.values())
            if timed or not is_solved(one.simulations[0]["reward"] or 0.0):
                number = tuple(map(id, meant))
                text = texts.get(number) or texts.setdefault(number, text_of(meant))
                one.conversations.append(conversation_of(key, simulation, messages_of(simulation), policy, text))
            rows.add(one)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            rows.refused.append(Rejected(str(path), 0, f"simulation of task {task}: {type(error).__name__}: {error}", ""))
    _learn_tool_types(rows, data)
    return rows


def simulations_of(data: Mapping[str, Any], path: Path, refused: list[Rejected] | None = None) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield (task, trial, tau2's SimulationRun) of each simulation, also of v1's folder, in the order of the file.

    `refused`: takes those that cannot be read. Raises UserError for one if nobody takes it.
    """
    trials: dict[str, list[int]] = defaultdict(list)
    before = len(refused or ())
    sound = _are_sound(data)
    for number, simulation in enumerate(_simulations(data, path), 1):
        if wrong := None if sound else problem(simulation):
            if refused is None:
                raise UserError(f"{path}: simulation {number} cannot be read: {wrong}")
            refused.append(Rejected(str(path), number, f"simulation {number} is left out: {wrong}", ""))
            continue
        if "task_id" not in simulation:
            raise UserError(f"{path}: a simulation does not say which task it is of (it has no task_id); there are no figures by task")
        task = str(simulation["task_id"])
        trials[task].append(_free_trial(simulation.get("trial"), trials[task]))
        yield task, trials[task][-1], simulation
    if refused is not None and len(refused) > before and not trials:
        raise UserError(f"{path}: none of its simulations can be read; {refused[before].reason}")


def _are_sound(data: Mapping[str, Any]) -> bool:
    """Return whether it is known that no simulation of a shared file has a problem: they are looked at once for all who read it."""
    if not isinstance(data, _Results) or not isinstance(data.get("simulations"), list):
        return False
    if data.sound is None:
        data.sound = all(problem(one) is None for one in data["simulations"])
    return data.sound


def _free_trial(trial: Any, used: Sequence[int]) -> int:
    """Return the trial a simulation says it is; one that says none, or one that is there already, is the next."""
    return int(trial) if trial is not None and int(trial) not in used else max(used, default=-1) + 1


def read_checkpoint(path: Path) -> Rows:
    """Return the rows of our simulations_{domain}.jsonl, for a run that never came to write its results; it does not hold the tasks."""
    rows = Rows()
    last: dict[tuple[str, int], Any] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            row = json.loads(line)
            if row.get("status") != "played":  # a conversation before its evaluation is no result
                last[str(row["task"]), int(row["trial"])] = row
        except (ValueError, KeyError, TypeError):
            rows.refused.append(rejected(str(path), number, "not a row of a checkpoint", line))
    for (task, trial), row in last.items():
        if row.get("simulation"):
            key = {"run": path.resolve().parent.name, "domain": row["domain"], "task": task, "trial": trial}
            add_simulation(rows, key, row["simulation"])
            rows.conversations.append(conversation_of(key, row["simulation"], messages_of(row["simulation"])))
    return rows


def domain_of(path: Path, data: Mapping[str, Any]) -> str:
    """Return the name under which the domain was run: retail_enhanced has retail's environment, and is retail_enhanced in our log and
    events."""
    if (path.parent / RUN_FILE).exists() and path.stem.startswith("results_"):
        return path.stem.removeprefix("results_")
    return str((data["info"].get("environment_info") or {}).get("domain_name") or path.stem)


def run_name(path: Path) -> str:
    """Return the run that a file is of: its folder if our run.json is in it, else the file's name (the folder's, for v1's
    results.json)."""
    if (path.parent / RUN_FILE).exists() or path.name == "results.json":
        return path.resolve().parent.name
    return path.resolve().name.removesuffix(TRAJECTORY) if path.is_dir() or path.name.endswith(TRAJECTORY) else path.stem


def made_by_us(path: Path) -> dict[str, Any]:
    """Return what the run.json beside a results file of ours knows and the file does not: the release, and which recorded simulations the
    run was made of. Empty if there is none, or none that can be read."""
    if not path.name.startswith("results_") or not (path.parent / RUN_FILE).is_file():
        return {}
    try:
        saved = read_json(path.parent / RUN_FILE)
    except UserError:
        return {}
    found = {name: saved.get(name) for name in _OF_RUN} if isinstance(saved, Mapping) else {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _simulations(data: Mapping[str, Any], path: Path) -> Iterator[Any]:
    folder = path.parent / "simulations"
    found = data.get("simulations") or ()
    if not isinstance(found, list | tuple):
        raise UserError(f"{path} is not a results file of tau2: its simulations are not a list")
    if path.name == "results.json" and not found and folder.is_dir():
        return (read_json(file) for file in sorted(folder.glob("*.json")))
    return iter(_without_placeholders(found))


def _without_placeholders(simulations: Sequence[Any]) -> Sequence[Any]:
    """Return the simulations without their times if all of them say the same start and the same end, to the microsecond: a program that had
    none put these in."""
    told = {(one.get("start_time"), one.get("end_time")) for one in simulations if isinstance(one, Mapping)}
    if len(simulations) < _LEAST_ALIKE or len(told) != 1 or None in next(iter(told)):
        return simulations
    return [{**one, **dict.fromkeys(_TIMES)} if isinstance(one, Mapping) else one for one in simulations]


def _learn_tool_types(rows: Rows, data: Mapping[str, Any]) -> None:
    """tau2 v1 notes with each check of a reference action whether its tool reads or writes."""
    sound = _are_sound(data)
    types = {
        check["action"]["name"]: check["tool_type"]
        for simulation in data.get("simulations") or ()
        if sound or problem(simulation) is None
        for check in (simulation.get("reward_info") or {}).get("action_checks") or ()
        if check.get("tool_type")
    }
    for row in (*rows.calls, *rows.gold):
        row["tool_type"] = types.get(row["tool"])


def history_length(task: Mapping[str, Any]) -> int:
    """Return how many messages are at the start of the trajectory because the task starts in the middle of a talk."""
    return len(list(flat((task.get("initial_state") or {}).get("message_history") or ())))


def gold_rows(run: str, domain: str, task: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the reference actions of a task."""
    criteria = task.get("evaluation_criteria") or {}
    for index, action in enumerate(criteria.get("actions") or ()):
        yield {
            "run": run, "domain": domain, "task": str(task["id"]), "index": index, "action_id": action.get("action_id"),
            "requestor": action.get("requestor") or "assistant", "tool": action["name"], "arguments": action.get("arguments") or {},
            "compare_args": action.get("compare_args"),
        }  # fmt: skip


def number_mixed_up(simulations: Iterable[tuple[str, int, Mapping[str, Any]]], tasks: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many simulations, of (task, trial, simulation), were checked against reference actions of another task than the one they
    name. Where some were, so were those that were scored without a check, though their task has reference actions."""
    ids = [(_checked_ids(one), _own_ids(tasks.get(task, {})), _is_scored(one)) for task, _, one in simulations]
    foreign = sum(bool(checked - own) for checked, own, _ in ids)
    return foreign and foreign + sum(is_scored and bool(own) and not checked for checked, own, is_scored in ids)


def _own_ids(task: Mapping[str, Any]) -> set[object]:
    return {action.get("action_id") for action in (task.get("evaluation_criteria") or {}).get("actions") or ()}


def _checked_ids(simulation: Mapping[str, Any]) -> set[object]:
    return {(check.get("action") or {}).get("action_id") for check in (simulation.get("reward_info") or {}).get("action_checks") or ()}


def _is_scored(simulation: Mapping[str, Any]) -> bool:
    return (simulation.get("reward_info") or {}).get("reward") is not None


def _checks_of_another(simulation: Mapping[str, Any], task: Mapping[str, Any], mixed: bool) -> list[Row] | None:
    """Return the reference actions that a simulation was checked against, and whether they were made, if they are not those of its task:
    in such a file (`mixed`) tasks and simulations are mixed up. None if they are the task's, or if the file holds no checks."""
    checks = (simulation.get("reward_info") or {}).get("action_checks") or ()
    actions = [(check["action"], bool(check.get("action_match")), check.get("tool_type")) for check in checks]
    unchecked = not actions and _is_scored(simulation) and bool(_own_ids(task))
    if not mixed or not (unchecked or _checked_ids(simulation) - _own_ids(task)):
        return None
    return [
        {
            "index": index, "action_id": action.get("action_id"), "requestor": action.get("requestor") or "assistant",
            "tool": action["name"], "tool_type": tool_type, "arguments": action.get("arguments") or {},
            "compare_args": action.get("compare_args"), "made": made,
        }
        for index, (action, made, tool_type) in enumerate(actions)
    ]  # fmt: skip


def _tasks_with(checked: Sequence[Row], tasks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the tasks that have exactly these reference actions: what a simulation of a mixed-up file may be of."""
    wanted = [(row["action_id"], row["tool"], row["arguments"]) for row in checked]
    return [task for task in tasks if wanted == [(row["action_id"], row["tool"], row["arguments"]) for row in gold_rows("", "", task)]]


def add_simulation(
    rows: Rows, key: Row, simulation: Mapping[str, Any], policy: str = "", ticket: str = "", history: int = 0, timed: bool = True
) -> None:
    """The rows of tau2's SimulationRun, whose first `history` messages were there before it started. `timed`: see `inputs.read`."""
    reward = simulation.get("reward_info") or {}
    termination = simulation.get("termination_reason")
    status, given = recorded_ending(termination, reward.get("reward"))
    messages = messages_of(simulation)
    began = moment(simulation.get("start_time"))
    rows.simulations.append({
        **key, "status": named(status, termination), "reward": given, "termination": termination,
        "started": simulation.get("start_time"), "duration_s": simulation.get("duration"), "agent_cost_usd": simulation.get("agent_cost"),
        "user_cost_usd": simulation.get("user_cost"), "parts": reward.get("reward_breakdown"), "checks": _checks(reward),
        "talk": bool(messages or ticks_of(simulation)), "ended_in": (reward.get("info") or {}).get("note"),
    })  # fmt: skip
    told = list(_timed(messages, began))
    heard = KnownTexts(policy, ticket) if timed else None
    if not simulation.get("messages"):  # spoken: when a tool began to work is not known, nor what was said
        told, heard = [(turn, message, at, None) for turn, message, at, _ in told], None
    rows.replies += [{**key, **reply} for reply in _replies(told[history:])] if heard is not None else []
    calls = [{**key, **call, "history": call["turn"] < history} for call in _calls(told, heard, timed)]
    before = sum(call["history"] for call in calls)
    rows.calls += [{**call, "position": place - before} for place, call in enumerate(calls)]


def _checks(reward: Mapping[str, Any]) -> dict[str, list[list[Any]]]:
    found = {}
    for name, (field, text) in _CHECKS.items():
        found[name] = [[text(check), check.get("met")] for check in reward.get(field) or ()]
    return found


def _timed(
    messages: Iterable[Mapping[str, Any]], began: float | None
) -> Iterator[tuple[int, Mapping[str, Any], float | None, float | None]]:
    """Yield (turn, message, seconds since the start, ms since the message before)."""
    before = began
    for turn, message in enumerate(messages):
        now = moment(message.get("timestamp"))
        since = None if now is None or before is None else max(0.0, 1000 * (now - before))
        yield turn, message, None if now is None or began is None else now - began, since
        before = now if now is not None else before


def _replies(timed: Iterable[tuple[int, Mapping[str, Any], float | None, float | None]]) -> Iterator[Row]:
    for turn, message, at, took in timed:
        usage = message.get("usage") or {}
        yield {
            "turn": turn, "role": message.get("role"), "at_s": at, "took_ms": took, "prompt_tokens": usage.get("prompt_tokens"),
            "reply_tokens": usage.get("completion_tokens"),
        }  # fmt: skip


def _calls(
    timed: Iterable[tuple[int, Mapping[str, Any], float | None, float | None]], known: KnownTexts | None, sized: bool
) -> Iterator[Row]:
    """Yield calls in the order of their results: a call without a result was never executed. `known`: None if nobody knows what was
    said, or asks. `sized`: with the size of their arguments."""
    waiting: dict[str, deque[Row]] = defaultdict(deque)
    for turn, message, at, took in timed:
        if message.get("role") == "tool":
            call = waiting[str(message.get("id"))].popleft() if waiting[str(message.get("id"))] else _orphan(message)
            text = message.get("content")
            error = failed(message)
            duration_ms = None if (took_s := message.get("generation_time_seconds")) is None else took_s * 1000
            yield {**call, "error": error, "error_text": text if error else None, "result": (text or "")[:SHOWN],
                   "at_s": at, "gap_ms": took, "duration_ms": duration_ms, "turn": call.get("turn", turn)}  # fmt: skip
        for call in message.get("tool_calls") or ():
            waiting[str(call.get("id"))].append(_call(call, message, turn, known, sized))
        if known is not None:
            known.read(message.get("content"))


def _orphan(message: Mapping[str, Any]) -> Row:
    return {"call_id": message.get("id"), "requestor": message.get("requestor") or "assistant", "tool": "unknown", "arguments": None}


def _call(call: Mapping[str, Any], message: Mapping[str, Any], turn: int, known: KnownTexts | None, sized: bool) -> Row:
    arguments = call.get("arguments")
    arguments = arguments if isinstance(arguments, dict) else {}
    return {
        "turn": turn, "call_id": call.get("id"), "requestor": call.get("requestor") or message.get("role"), "tool": call["name"],
        "arguments": arguments, "argument_count": len(arguments), "argument_bytes": size_of(arguments) if sized else None,
        "complexity": complexity_of(arguments) if sized else None,
        "seen": None if known is None else known.holds(arguments),
        "prompt_tokens": (message.get("usage") or {}).get("prompt_tokens"),
    }  # fmt: skip


def size_of(arguments: Mapping[str, Any]) -> int:
    """Return the bytes of the arguments as compact JSON in UTF-8."""
    return len(json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace"))
