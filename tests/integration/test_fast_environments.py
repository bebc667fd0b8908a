"""Fast environments give what tau2's own give: outputs, errors, hashes, tool schemas; and nothing leaks from one to another."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tau2_logging.environments import FastDatabases, FastTools
from tau2_logging.environments.records import SharedRecords
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes, ToolSubstitutes
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

DOMAINS = ("retail", "airline", "telecom", "mock")
SEQUENCES = scaled({"retail": 2, "airline": 2, "telecom": 2, "mock": 10}, {"retail": 10, "airline": 10, "telecom": 20, "mock": 100})
CALLS = 40


@pytest.fixture(scope="module")
def registry() -> Any:
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    return Tau2Harness.load().registry


@pytest.fixture
def fast() -> Iterator[FastDatabases]:
    databases = FastDatabases()
    with DatabaseSubstitutes("tau2", databases), ToolSubstitutes(FastTools()):
        yield databases


@pytest.fixture(autouse=True)
def same_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    """telecom's refuel_data can put a random uuid into the database."""
    import uuid

    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))


def own_hash(toolkit: Any) -> str | None:
    """tau2's hash by tau2's own means, of what is there now."""
    if toolkit is None:
        return None
    return str(importlib.import_module("tau2.utils.utils").get_dict_hash(toolkit.db.model_dump()))


def call(environment: Any, requestor: str, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
    message = importlib.import_module("tau2.data_model.message").ToolCall(id="x", name=name, arguments=arguments, requestor=requestor)
    response = environment.get_response(message)
    return response.content, response.error


def values_of(registry: Any, domain: str) -> dict[str, list[Any]]:
    """Values that the reference actions of a domain give each argument."""
    found: dict[str, list[Any]] = {}
    for task in registry.get_tasks_loader(domain)():
        for action in task.evaluation_criteria.actions or ():
            for name, value in action.arguments.items():
                found.setdefault(name, []).append(value)
    return found


def random_calls(registry: Any, domain: str, environment: Any, source: random.Random) -> list[tuple[str, str, dict[str, Any]]]:
    """Calls of random tools of both toolkits, with values that occur in the domain, some of them wrong."""
    offered = [("assistant", tool) for tool in environment.get_tools()]
    if environment.user_tools is not None:
        offered += [("user", tool) for tool in environment.get_user_tools()]
    pool = values_of(registry, domain)
    calls = []
    for _ in range(CALLS):
        requestor, tool = source.choice(offered)
        arguments = {name: source.choice(pool.get(name) or ["nothing"]) for name in tool.params.model_fields}
        calls.append((requestor, tool.name, arguments))
    return calls


@pytest.mark.parametrize("domain", DOMAINS)
def test_random_calls_give_the_same(registry: Any, domain: str) -> None:
    """Any sequence of calls over all tools gives the same texts, errors and hashes in a view as in tau2's own environment."""
    make = registry.get_env_constructor(domain)
    source = random.Random(domain)
    raw = _pristine(make)
    databases, tools = FastDatabases(), FastTools()
    errors = 0
    for number in range(SEQUENCES[domain]):
        plain = _plain(make, raw)
        with DatabaseSubstitutes("tau2", databases), ToolSubstitutes(tools):
            view = make()
            start = view.get_db_hash()
            calls = random_calls(registry, domain, view, source)
            seen = [call(view, *one) for one in calls]
            hashes = view.get_db_hash(), view.get_user_db_hash()
        expected = [call(plain, *one) for one in calls]
        assert seen == expected, (domain, number)
        assert hashes == (own_hash(plain.tools), own_hash(plain.user_tools)), (domain, number)
        assert hashes == (own_hash(view.tools), own_hash(view.user_tools))
        errors += sum(failed for _, failed in seen)
        if number == 0:
            first = start
        assert start == first  # nothing that a view did reached the next one
    assert 0 < errors < SEQUENCES[domain] * CALLS
    assert databases.damaged() == []


def _pristine(make: Any) -> dict[str, dict[str, Any]]:
    environment = make()
    return {
        name: toolkit.db.model_dump()
        for name, toolkit in (("tools", environment.tools), ("user_tools", environment.user_tools))
        if toolkit is not None
    }


def _plain(make: Any, raw: dict[str, dict[str, Any]]) -> Any:
    """tau2's own environment with a database of its own, parsed anew from the dump (the file takes three times as long)."""
    with DatabaseSubstitutes("tau2", FastDatabases()):
        environment = make()
    for name, data in raw.items():
        toolkit = getattr(environment, name)
        toolkit.db = type(toolkit.db).model_validate(json.loads(json.dumps(data, default=str)))
        assert not any(isinstance(value, SharedRecords) for value in toolkit.db.__dict__.values())
    environment.sync_tools()
    return environment


@pytest.mark.parametrize("domain", ["retail", "airline"])
def test_large_databases_are_shared(registry: Any, domain: str, fast: FastDatabases) -> None:
    """The domains whose databases are large do get views, and tau2's own classes all the way down."""
    environment = registry.get_env_constructor(domain)()
    fields = environment.tools.db.__dict__.values()
    assert any(isinstance(value, SharedRecords) for value in fields)
    for value in fields:
        if isinstance(value, SharedRecords):
            key = next(iter(value))
            assert type(value[key]) is type(value.shared[key])
            assert value[key] == value.shared[key]
            assert value[key] is not value.shared[key]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of databases that tau2 parses."""
    module = importlib.import_module("tau2.environment.db")
    load_file, found = module.load_file, []
    monkeypatch.setattr(module, "load_file", lambda path: (found.append(str(path)), load_file(path))[1])
    return found


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_database_is_parsed_once_for_all_environments(registry: Any, domain: str, read: list[str]) -> None:
    """Of all runs in a process: each file once, however many environments are made."""
    for _ in range(2):
        with DatabaseSubstitutes("tau2", FastDatabases()):
            for _ in range(3):
                registry.get_env_constructor(domain)()
    assert len(read) == len(set(read)) <= 2


def test_a_database_that_was_damaged_is_parsed_again(registry: Any, read: list[str]) -> None:
    """By the next run; the one whose tools have damaged it is told so."""
    make, databases = registry.get_env_constructor("airline"), FastDatabases()
    with DatabaseSubstitutes("tau2", databases):
        users = make().tools.db.__dict__["users"].shared
        next(iter(users.values())).name.first_name = "Nobody"
    assert [path.rpartition("/")[2] for path in databases.damaged()] == ["db.json"]
    read.clear()
    with DatabaseSubstitutes("tau2", FastDatabases()):
        assert next(iter(make().tools.db.users.values())).name.first_name != "Nobody"
    assert len(read) == 1


def test_a_change_stays_in_its_view(registry: Any, fast: FastDatabases) -> None:
    """What a tool writes is seen by its own environment alone, through every way of reading."""
    make = registry.get_env_constructor("airline")
    one, other = make(), make()
    before = other.get_db_hash()
    reservation_id = next(iter(one.tools.db.reservations))
    one.tools.db.reservations[reservation_id].status = "cancelled"
    for reservation in one.tools.db.reservations.values():
        reservation.cabin = "business"
        break
    del one.tools.db.reservations[list(one.tools.db.reservations)[-1]]
    assert one.get_db_hash() == own_hash(one.tools) != before
    assert other.get_db_hash() == own_hash(other.tools) == before == make().get_db_hash()
    assert fast.damaged() == []


def test_a_search_copies_no_record(registry: Any, fast: FastDatabases) -> None:
    """Once the tool has been seen to answer by text and to change nothing. What answers by a record still hands out a copy of it."""
    make = registry.get_env_constructor("retail")
    name = {"first_name": "Yusuf", "last_name": "Rossi", "zip": "19122"}
    first, second = make(), make()
    assert first.use_tool("find_user_id_by_name_zip", **name) == second.use_tool("find_user_id_by_name_zip", **name) == "yusuf_rossi_9620"
    assert len(first.tools.db.users.own) > 1
    assert second.tools.db.users.own == set()
    for environment in (first, second):
        user = environment.use_tool("get_user_details", user_id="yusuf_rossi_9620")
        user.name.first_name = "Nobody"
    assert second.get_db_hash() == own_hash(second.tools) != make().get_db_hash()
    assert second.tools.db.users.own == {"yusuf_rossi_9620"}
    with pytest.raises(ValueError, match="User not found"):
        second.use_tool("find_user_id_by_name_zip", **name)
    assert fast.damaged() == []


def test_a_search_sees_what_its_environment_has_changed(registry: Any, fast: FastDatabases) -> None:
    """Records of the view itself, new and removed ones."""
    make = registry.get_env_constructor("retail")
    make().use_tool("find_user_id_by_email", email="yusuf.rossi7301@example.com")
    changed = make()
    for email in ("new@example.com", "yusuf.rossi7301@example.com"):
        changed.tools.db.users["yusuf_rossi_9620"].email = email
        assert changed.use_tool("find_user_id_by_email", email=email) == "yusuf_rossi_9620"
    del changed.tools.db.users["yusuf_rossi_9620"]
    with pytest.raises(ValueError, match="User not found"):
        changed.use_tool("find_user_id_by_email", email="yusuf.rossi7301@example.com")


@pytest.mark.parametrize("module", ["tau2.domains.mock.tools", "somebody.tools"])
def test_only_tools_that_have_kept_to_reading_are_given_shared_records(registry: Any, fast: FastDatabases, module: str) -> None:
    """A tool that is marked as reading and writes, one that answers by something else, and anybody's own get a view as ever."""
    toolkits = importlib.import_module("tau2.environment.toolkit")
    seen: list[type] = []

    def writes(self: Any) -> str:
        seen.append(type(self.db.users))
        next(iter(self.db.users.values())).email = "x"
        return "done"

    def lists(self: Any) -> list[str]:
        seen.append(type(self.db.users))
        return list(self.db.users)

    made = {tool.__name__: toolkits.is_tool(toolkits.ToolType.READ)(tool) for tool in (writes, lists)}
    kind = type(toolkits.ToolKitBase)("Tools", (toolkits.ToolKitBase,), {**made, "__module__": module})
    toolkit = kind(registry.get_env_constructor("retail")().tools.db)
    for _ in range(3):
        toolkit.use_tool("writes")
        toolkit.use_tool("lists")
    assert seen == [SharedRecords] * 6
    assert fast.damaged() == []


@pytest.mark.parametrize("domain", [*DOMAINS, "telecom-workflow"])
def test_schemas_are_tau2s_and_the_callers_own(registry: Any, domain: str) -> None:
    """Every tool has the schema that tau2 makes, and changing one that was handed out changes no other."""
    make = registry.get_env_constructor(domain)

    def schemas(environment: Any) -> list[Any]:
        tools = environment.get_tools() + (environment.get_user_tools() if environment.user_tools is not None else [])
        return [tool.openai_schema for tool in tools]

    plain = schemas(make())
    with ToolSubstitutes(FastTools()):
        assert schemas(make()) == plain
        again = schemas(make())
        assert again == plain
        for schema in again:
            schema["function"]["parameters"].clear()
        assert schemas(make()) == plain
    assert schemas(make()) == plain


def test_uninstall_puts_tau2s_own_methods_back(registry: Any) -> None:
    """After uninstall loading, hashing, tool parsing and schemas are tau2's own functions again."""
    owners = [
        (importlib.import_module("tau2.environment.db").DB, ("load", "get_hash")),
        (importlib.import_module("tau2.environment.toolkit").ToolKitBase, ("get_db_hash", "use_tool")),
        (importlib.import_module("tau2.environment.tool").Tool, ("parse_data", "openai_schema")),
    ]
    before = [owner.__dict__[name] for owner, names in owners for name in names]
    for fast in (DatabaseSubstitutes("tau2", FastDatabases()), ToolSubstitutes(FastTools())):
        fast.install()
        fast.install()
        fast.uninstall()
        fast.uninstall()
    assert [owner.__dict__[name] for owner, names in owners for name in names] == before
