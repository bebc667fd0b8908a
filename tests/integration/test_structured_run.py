"""What a run writes into events_{domain}.jsonl is what happened: tau2's own messages, hashes and databases say the same."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.environments import EnvironmentStates, FastDatabases
from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.events import (
    RejectedLine,
    Sensitive,
    StateChangeEvent,
    StateSnapshot,
    StructuredEvent,
    ToolExecutionEvent,
    apply_changes,
    read_events,
)
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.logger.state_watch import Hash
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, by_simulation, check_run, of
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

DOMAINS = ("mock", "airline", "retail", "telecom")
EMAIL = ("10", "11")
"""Tasks of retail in which the customer is found by e-mail."""
TASKS = scaled(6, 9)
HISTORIES = {("mock", "update_task_with_message_history"): 4, ("mock", "update_task_with_history_and_env_assertions"): 4}
Key = tuple[str, str]


class Recorded:
    """A run with faults and structured events, read back."""

    def __init__(self, log_dir: Path, **settings: Any) -> None:
        self.files = RunFiles(log_dir)
        self.config = scripted(log_dir, domains=DOMAINS, num_tasks=TASKS, events=True, snapshot_writes=True, **settings)
        self.code, self.printed = run_quietly(self.config)
        self.events: dict[Key, list[StructuredEvent]] = defaultdict(list)
        for domain in DOMAINS:
            for event in read_events(self.files.only_run() / f"events_{domain}.jsonl"):
                assert not isinstance(event, RejectedLine)
                self.events[domain, str(event.task)].append(event)

    def of(self, kind: type[StructuredEvent], domain: str | None = None) -> list[Any]:
        return [event for (at, _), found in self.events.items() for event in found if isinstance(event, kind) and domain in (None, at)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    faults = {"faults": {"invalid_args": 0.15, "unknown_tool": 0.1}}
    return Recorded(tmp_path_factory.mktemp("structured"), agent=faults)


@pytest.fixture
def databases() -> Iterator[FastDatabases]:
    fast = FastDatabases()
    with DatabaseSubstitutes("tau2", fast):
        yield fast


def test_the_run_is_a_run_like_any_other(recorded: Recorded) -> None:
    """Every simulation finishes and its log holds what it must; nothing of the telemetry failed."""
    assert recorded.code == 0
    assert "could not" not in recorded.printed
    assert check_run(recorded.config.log_dir, DOMAINS, HISTORIES) == 4 * TASKS


def test_every_live_call_is_one_event_and_nothing_else_is(recorded: Recorded) -> None:
    """Same calls, arguments, outcomes and order as in tau2's trajectory; same span and duration as in the log."""
    for domain in DOMAINS:
        lines = by_simulation(recorded.files.events(domain))
        for simulation in recorded.files.results(domain):
            messages = simulation["messages"][HISTORIES.get((domain, simulation["task_id"]), 0) :]
            calls = [call for message in messages if message["role"] != "tool" for call in message.get("tool_calls") or ()]
            results = [message for message in messages if message["role"] == "tool"]
            events = [event for event in recorded.events[domain, simulation["task_id"]] if isinstance(event, ToolExecutionEvent)]
            assert [(call["id"] or None, call["name"], call["arguments"], call["requestor"]) for call in calls] == [
                (event.call_id, event.tool, event.arguments, event.requestor) for event in events
            ]
            assert [(not result["error"], len(result["content"].encode())) for result in results] == [
                (event.success, event.result_bytes) for event in events
            ]
            logged = of(lines[domain, simulation["task_id"], 0], "tool_call")
            assert [(line.get("span"), line.get("duration_ms"), line.get("error_type"), line.get("step")) for line in logged] == [
                (event.span, event.duration_ms, event.error_type, event.step) for event in events
            ]


def test_a_bad_call_is_seen_in_its_arguments(recorded: Recorded) -> None:
    """The made-up argument of the fault is named, what the tool needs is missing; a tool that does not exist has no type; a good call has
    nothing wrong with it."""
    calls = recorded.of(ToolExecutionEvent)
    invalid = [event for event in calls if event.error_type == "TypeError"]
    unknown = [event for event in calls if event.tool.endswith("_now")]
    good = [event for event in calls if event.success]
    assert invalid
    assert unknown
    assert all(event.unexpected == ("unexpected_argument",) and event.error_message.startswith("Error: ") for event in invalid)
    assert any(event.missing for event in invalid)
    assert {event.tool_type for event in unknown} == {None}
    assert {event.tool_type for event in good} >= {"read", "write"}
    assert {names for event in good for names in (event.missing, event.unexpected, event.wrong_type, event.outside_enum)} == {()}


def test_only_write_tools_are_examined(recorded: Recorded) -> None:
    """state_changed is null for the others, true exactly where a change was written."""
    changed = {event.span for event in recorded.of(StateChangeEvent)}
    for event in recorded.of(ToolExecutionEvent):
        assert event.state_changed == (None if event.tool_type != "write" else event.span in changed)
    assert changed


def initial_states(recorded: Recorded, domain: str) -> Iterator[tuple[Key, dict[str, Any]]]:
    """tau2's own environment of each task as it is before the first step, dumped."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    harness = Tau2Harness.load()
    tasks = {str(task.id): task for task in harness.tasks(domain, None)}
    for (at, task), _ in recorded.events.items():
        if at == domain:
            environment = harness.registry.get_env_constructor(domain)()
            set_initial_state(environment, tasks[task])
            kits = {"agent": environment.tools, "user": environment.user_tools}
            yield (domain, task), {name: json.loads(dump_text(kit.db)) for name, kit in kits.items() if kit is not None}


def dump_text(database: Any) -> str:
    """The text that tau2 hashes."""
    return json.dumps(database.model_dump(), sort_keys=True, default=str)


def tau2_hash(state: Any) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize("domain", DOMAINS)
def test_changes_lead_from_the_first_state_to_the_last(recorded: Recorded, domain: str, databases: FastDatabases) -> None:
    """Applied in order to tau2's own initial state they give every hash on the way, of both databases; nothing changed in between."""
    applied = 0
    for key, states in initial_states(recorded, domain):
        hashes = {name: tau2_hash(state) for name, state in states.items()}
        for event in recorded.events[key]:
            if isinstance(event, StateSnapshot):
                assert (event.agent_hash, event.user_hash) == (hashes["agent"], hashes.get("user"))
            elif isinstance(event, StateChangeEvent):
                assert event.tool is not None
                assert event.pre_hash == hashes[event.database]
                states[event.database] = apply_changes(states[event.database], event.changes)
                hashes[event.database] = tau2_hash(states[event.database])
                assert event.post_hash == hashes[event.database]
                assert event.summary
                applied += 1
        moments = [event.moment for event in recorded.events[key] if isinstance(event, StateSnapshot)]
        assert (moments[0], moments[-1], moments.count("start"), moments.count("end")) == ("start", "end", 1, 1)
    assert applied > 0


def test_whole_databases_give_the_same_changes(recorded: Recorded, tmp_path: Path) -> None:
    """Without fast environments everything is compared whole, and the same is written."""
    again = scripted(
        tmp_path, domains=("mock", "retail"), num_tasks=2, events=True, fast_env=False, agent=dict(recorded.config.agent_model.args)
    )
    run_quietly(again)
    checked = 0
    for domain in again.domains:
        for event in read_events(RunFiles(tmp_path).only_run() / f"events_{domain}.jsonl"):
            if isinstance(event, StateChangeEvent):
                twins = [one for one in recorded.events[domain, str(event.task)] if isinstance(one, StateChangeEvent)]
                assert (event.changes, event.pre_hash, event.post_hash) in [(one.changes, one.pre_hash, one.post_hash) for one in twins]
                checked += 1
    assert checked


def made(hash_: Hash) -> str:
    return hash_ if isinstance(hash_, str) else hash_()


def test_what_a_reading_tool_changes_is_found_at_the_end(databases: FastDatabases) -> None:
    """A change that no write tool made is not lost: the thorough look at the end sees it, in a view as in a small database."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    for domain, path in (("airline", "users"), ("mock", "users")):
        environment = Tau2Harness.load().registry.get_env_constructor(domain)()
        states = EnvironmentStates(databases)
        states.start(environment)
        assert states.unnoticed(environment) == []
        user_id, user = next(iter(environment.tools.db.users.items()))
        user.name = "nobody"
        (found,) = states.unnoticed(environment)
        assert (found.database, made(found.post_hash)) == ("agent", tau2_hash(json.loads(dump_text(environment.tools.db))))
        assert all(change.path.startswith(f"{path}/{user_id}/name") for change in found.changes)
        assert states.unnoticed(environment) == []


def test_a_database_that_is_replaced_is_still_compared(databases: FastDatabases) -> None:
    """tau2's update_db puts another object in the place of a view; the next look is against what the view held."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    environment = Tau2Harness.load().registry.get_env_constructor("airline")()
    states = EnvironmentStates(databases)
    states.start(environment)
    states.before(environment)
    user_id = next(iter(environment.tools.db.users))
    environment.tools.update_db({"users": {user_id: {"email": "new@example.com"}}})
    (found,) = states.after(environment)
    assert [change.path for change in found.changes] == [f"users/{user_id}/email"]
    assert made(found.post_hash) == environment.get_db_hash()


def test_with_mask_no_personal_data_is_in_any_log(tmp_path: Path) -> None:
    """The same run at DEBUG with --mask: e-mail addresses are in no log, event or result, and still named as found."""
    run_quietly(scripted(tmp_path, domains=("retail",), task_ids=EMAIL, log_level="DEBUG", masking="all"))
    texts = [path.read_text() for pattern in ("*.log", "runs/*/*.json*") for path in tmp_path.glob(pattern)]
    assert len(texts) == 6
    assert not [text for text in texts if "@example.com" in text]
    found = {
        item for path in tmp_path.glob("runs/*/events_*.jsonl") for event in read_events(path) for item in getattr(event, "sensitive", ())
    }
    assert Sensitive("email", "email") in found
