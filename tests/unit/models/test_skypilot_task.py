"""Task files for rented GPUs: what is refused before one is written, what is in it, and which changes to it are found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tau2_logging.errors import UserError
from tau2_logging.models.rental.checks import check, read_document
from tau2_logging.models.rental.command import find_command
from tau2_logging.models.rental.hints import hints
from tau2_logging.models.rental.render import document, render
from tau2_logging.models.rental.task import RentalTask

Document = dict[str, Any]
TASK = RentalTask("Qwen/Qwen3-32B", ("A100-80GB:1",), 2.0)


def task(**options: Any) -> RentalTask:
    return RentalTask(**{"model": "Qwen/Qwen3-32B", "gpus": ("A100:1",), "max_hourly_cost": 2.0, **options})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "me/my-model"}, "no tool-call parser is known for me/my-model; name vLLM's with --tool-call-parser"),
        ({"model": "two words"}, "--model 'two words'"),
        ({"gpus": ()}, "--gpu A100:1"),
        ({"gpus": ("A100:0",)}, "--gpu 'A100:0'"),
        ({"gpus": ("A100:0.5",)}, "--gpu 'A100:0.5'"),
        ({"max_hourly_cost": 0.0}, "--max-hourly-cost is 0"),
        ({"max_hourly_cost": float("nan")}, "--max-hourly-cost is nan"),
        ({"infra": ("aws us",)}, "--infra 'aws us'"),
        ({"port": 70000}, "--port is 70000"),
        ({"idle_minutes": 0}, "--idle-minutes is 0"),
        ({"max_model_len": -1}, "--max-model-len is -1"),
        ({"name": "My Cluster"}, "--name 'My Cluster'"),
        ({"vllm_version": "latest"}, "--vllm-version 'latest'"),
        ({"vllm_args": ("--api-key", "x")}, "--vllm-args"),
        ({"vllm_args": ("--port=1",)}, "--vllm-args holds --port"),
        ({"vllm_args": ("--hf-token", "hf_" + "a1" * 15)}, "credential"),
        ({"tool_call_parser": "hermess"}, "--tool-call-parser is hermess; Qwen/Qwen3-32B is a Qwen3 model and takes hermes"),
        ({"model": "me/my-model", "tool_call_parser": "hermess"}, "--tool-call-parser 'hermess' is none of vLLM"),
        ({"reasoning_parser": "qwen"}, "--reasoning-parser 'qwen' is none of vLLM"),
    ],
)
def test_bad_input_is_refused_in_one_line_that_names_the_flag(options: Document, said: str) -> None:
    with pytest.raises(UserError) as refused:
        task(**options)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rendered_file_is_read_back_as_it_was_meant() -> None:
    read = yaml.safe_load(render(TASK))
    assert read == document(TASK)
    assert read["resources"] == {
        "accelerators": "A100-80GB:1",
        "use_spot": False,
        "max_hourly_cost": 2.0,
        "ports": 8000,
        "disk_size": 256,
        "autostop": {"idle_minutes": 10, "down": True, "wait_for": "jobs"},
    }
    assert read["secrets"] == {"VLLM_API_KEY": None, "HF_TOKEN": None}


def test_the_server_is_vllms_with_the_parsers_of_the_family() -> None:
    command = find_command(document(TASK)["run"], {})
    assert command is not None
    assert command.model == "Qwen/Qwen3-32B"
    assert command.has("--enable-auto-tool-choice")
    flags = ("--host", "--port", "--tool-call-parser", "--reasoning-parser", "--tensor-parallel-size")
    assert [command.value(flag) for flag in flags] == ["0.0.0.0", "8000", "hermes", "qwen3", "$SKYPILOT_NUM_GPUS_PER_NODE"]


def test_alternatives_are_every_gpu_at_every_place() -> None:
    resources = document(task(gpus=("L4", "A100:2"), infra=("aws", "gcp/us-central1")))["resources"]
    assert [(choice["accelerators"], choice["infra"]) for choice in resources["any_of"]] == [
        ("L4:1", "aws"), ("L4:1", "gcp/us-central1"), ("A100:2", "aws"), ("A100:2", "gcp/us-central1"),
    ]  # fmt: skip


def test_gpus_that_the_person_divides_are_not_divided_twice() -> None:
    assert "SKYPILOT_NUM_GPUS" not in document(task(vllm_args=("--tensor-parallel-size=2", "--data-parallel-size", "4")))["run"]


def test_no_secret_is_asked_for_that_is_not_needed() -> None:
    """An open model needs no token; the hints then ask for none either."""
    open_model = task(hf_token=False)
    assert document(open_model)["secrets"] == {"VLLM_API_KEY": None}
    assert "HF_TOKEN" not in hints(open_model, "endpoint.yaml")


def change(path: str, value: Any) -> Callable[[Document], None]:
    """Sets what stands at a dotted path; `None` takes it away."""

    def apply(read: Document) -> None:
        *parents, last = path.split(".")
        for name in parents:
            read = read[name]
        if value is None:
            del read[last]
        else:
            read[last] = value

    return apply


def in_run(old: str, new: str) -> Callable[[Document], None]:
    def apply(read: Document) -> None:
        assert old in read["run"]
        read["run"] = read["run"].replace(old, new)

    return apply


MUTATIONS: dict[str, tuple[Callable[[Document], None], str]] = {
    "no accelerators": (change("resources.accelerators", None), "resources.accelerators names no GPU"),
    "accelerators without a count": (change("resources.accelerators", "A100:"), "'A100:' is not NAME:COUNT"),
    "a part of a GPU": (change("resources.accelerators", {"A100": 0.5}), "'A100:0.5' is not NAME:COUNT"),
    "no autostop": (change("resources.autostop", None), "does not take the machine down"),
    "autostop in minutes, which only stops": (change("resources.autostop", 10), "does not take the machine down"),
    "autostop without down": (change("resources.autostop.down", False), "does not take the machine down"),
    "autostop without minutes": (change("resources.autostop.idle_minutes", None), "idle_minutes is None"),
    "no cost limit": (change("resources.max_hourly_cost", None), "max_hourly_cost is None"),
    "cost limit as text": (change("resources.max_hourly_cost", "2 USD"), "max_hourly_cost is '2 USD'"),
    "cost limit of nothing": (change("resources.max_hourly_cost", 0), "max_hourly_cost is 0"),
    "another port opened": (change("resources.ports", 8001), "run serves on port 8000, and resources.ports opens 8001"),
    "a range without the port": (change("resources.ports", ["22", "9000-9010"]), "resources.ports opens 22, 9000-9010"),
    "no port opened": (change("resources.ports", None), "resources.ports opens none"),
    "another port served": (in_run("--port 8000", "--port 8001"), "run serves on port 8001"),
    "another port of the service": (change("service.ports", 9000), "service.ports is 9000"),
    "no probe": (change("service.readiness_probe", None), "readiness_probe has no path"),
    "no service": (change("service", None), "readiness_probe has no path"),
    "a path that vLLM has not": (change("service.readiness_probe.path", "/ready"), "/ready is none that vLLM answers"),
    "a probe without the key": (change("service.readiness_probe.path", "/v1/models"), "asks for the key"),
    "no tool choice": (in_run("--enable-auto-tool-choice", ""), "lacks --enable-auto-tool-choice"),
    "no tool-call parser": (in_run("--tool-call-parser hermes", ""), "lacks --tool-call-parser hermes"),
    "a parser of another family": (in_run("hermes", "llama3_json"), "takes hermes"),
    "another model": (in_run("Qwen/Qwen3-32B", "openai/gpt-oss-20b"), "takes openai"),
    "only on loopback": (in_run("0.0.0.0", "127.0.0.1"), "where it cannot be reached"),
    "no server": (in_run("vllm serve", "echo"), "no `vllm serve MODEL`"),
    "no run": (change("run", None), "no `vllm serve MODEL`"),
    "a secret with its value": (change("secrets.HF_TOKEN", "abc"), "secrets.HF_TOKEN holds a value"),
    "a secret among the variables": (change("envs", {"HF_TOKEN": "abc"}), "envs.HF_TOKEN holds a secret"),
    "a credential among the variables": (change("envs", {"NOTE": "hf_" + "a1" * 15}), "envs.NOTE holds what looks like a credential"),
    "a key on the command line": (in_run("--port 8000", "--port 8000 --api-key abc123"), "--api-key in clear text"),
    "a key that is exported": (in_run("set -euo", "export VLLM_API_KEY=abc123\nset -euo"), "run holds what looks like a credential"),
    "a bearer token": (change("service.readiness_probe.headers", {"Authorization": "Bearer abc123def456"}), "credential"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_change_that_costs_or_breaks_something_is_found(name: str) -> None:
    """The file without the change has no error."""
    mutate, said = MUTATIONS[name]
    read = copy.deepcopy(document(TASK))
    assert [problem.text for problem in check(read)] == []
    mutate(read)
    errors = [problem.text for problem in check(read) if problem.fatal]
    assert any(said in text for text in errors), errors
    assert all("\n" not in text for text in errors)


def test_each_alternative_is_checked_with_what_all_have_in_common() -> None:
    read = copy.deepcopy(document(task(gpus=("A100:1", "L4:1"))))
    assert check(read) == []
    read["resources"]["any_of"][1] |= {"max_hourly_cost": 0, "accelerators": "L4:x"}
    assert [problem.text.partition(";")[0] for problem in check(read)] == [
        "resources.accelerators 'L4:x' is not NAME:COUNT with whole GPUs",
        "resources.max_hourly_cost is 0",
    ]


DOUBTS: dict[str, tuple[Callable[[Document], None], str]] = {
    "where the cost limit does not hold": (change("resources.infra", "gcp/us-central1"), "does not apply max_hourly_cost on gcp"),
    "autostop that waits for nothing": (change("resources.autostop.wait_for", "none"), "in use or not"),
    "a server in the foreground": (in_run('" &\n', '"\n'), "autostop never starts to count"),
    "a door without a key": (change("secrets", None), "open to everyone"),
    "no time to load": (change("service.readiness_probe.initial_delay_seconds", 10), "loading takes longer"),
    "reasoning that stays in the answer": (in_run("--reasoning-parser qwen3", ""), "take qwen3"),
    "several machines": (change("num_nodes", 2), "num_nodes is 2"),
    "a model that is not known": (in_run("Qwen/Qwen3-32B", "me/my-model"), "is not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTS)
def test_what_a_person_may_want_is_a_warning(name: str) -> None:
    mutate, said = DOUBTS[name]
    read = copy.deepcopy(document(TASK))
    mutate(read)
    problems = check(read)
    assert [problem for problem in problems if problem.fatal] == []
    assert any(said in problem.text for problem in problems)


def test_references_to_secrets_are_none() -> None:
    """A header or a flag that names a variable holds no key."""
    read = copy.deepcopy(document(TASK))
    read["service"]["readiness_probe"] |= {"path": "/v1/models", "headers": {"Authorization": "Bearer $VLLM_API_KEY"}}
    read["run"] = read["run"].replace("--port 8000", '--port 8000 --api-key "${VLLM_API_KEY}"')
    assert check(read) == []


def test_a_range_of_ports_opens_those_within() -> None:
    read = copy.deepcopy(document(TASK))
    read["resources"]["ports"] = ["22", "7990-8010"]
    assert check(read) == []


def test_a_command_is_read_as_the_shell_would() -> None:
    """Over several lines, with variables of the file, behind comments; the last of two equal flags counts."""
    script = "# vllm serve nothing\nsource env && vllm serve $MODEL \\\n  --port 1 --port=$PORT --x 'a b' & \necho started"
    command = find_command(script, {"MODEL": "Qwen/Qwen3-8B", "PORT": "9000"})
    assert command is not None
    assert (command.model, command.value("--port"), command.value("--x"), command.background) == ("Qwen/Qwen3-8B", "9000", "a b", True)
    assert find_command("vllm serve 'open", {}) is None
    assert find_command("", {}) is None


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: 1\n---\nb: 2", "text"])
def test_what_is_no_task_is_said_in_one_line(text: str) -> None:
    found = read_document(text)
    assert isinstance(found, str)
    assert "\n" not in found


@pytest.mark.parametrize("part", ["resources", "service", "secrets", "envs", "run", "setup"])
@pytest.mark.parametrize("value", [None, 1, "x", [], ["x"], {}, {"x": {"y": 1}}])
def test_no_shape_of_a_file_breaks_the_checks(part: str, value: Any) -> None:
    read = {**copy.deepcopy(document(TASK)), part: value}
    assert all(problem.text for problem in check(read))
