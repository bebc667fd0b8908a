"""`python -m tau2_logging rental`, and the shell of what it writes, run by a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

from tau2_logging.cli.rental import build_parser, main
from tau2_logging.cli.run_local import build_parser as run_local_parser
from tau2_logging.models.rental.render import render
from tau2_logging.models.rental.task import RentalTask
from tau2_logging.models.servers.families import VLLM_VERSION
from tests.support.patience import LONG_S

ROOT = Path(__file__).parents[2]
RENDER = ["render", "--gpu", "A100-80GB:1", "--model", "Qwen/Qwen3-32B", "--max-hourly-cost", "2.0"]


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and error output of the command."""
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_what_is_printed_is_a_task_and_what_is_said_beside_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, *RENDER)
    assert code == 0
    assert yaml.safe_load(out)["name"] == "tau2-qwen3-32b"
    assert "sky launch -c tau2-qwen3-32b -d --secret VLLM_API_KEY --secret HF_TOKEN endpoint.yaml" in err
    assert "sky down -y tau2-qwen3-32b" in err


def test_a_file_that_was_rendered_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "endpoint.yaml")
    assert outcome(capsys, *RENDER, "-o", file)[:2] == (0, f"written to {file}\n")
    code, out, err = outcome(capsys, "validate", file)
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: 0 errors, 0 warnings by ")


def test_what_the_cost_limit_does_not_hold_for_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert "warning: SkyPilot does not apply max_hourly_cost on gcp;" in outcome(capsys, *RENDER, "--infra", "aws", "gcp")[2]


def test_errors_are_one_line_each_and_warnings_stand_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "endpoint.yaml"
    text = render(RentalTask("Qwen/Qwen3-32B", ("A100:1",), 2.0, infra=("gcp",)))
    file.write_text(text.replace("down: true", "down: false").replace("ports: 8000", "ports: 9000"))
    code, out, err = outcome(capsys, "validate", str(file))
    assert code == 2
    assert [line.partition(":")[0] for line in err.splitlines()] == ["warning", "error", "error"]
    assert "2 errors, 1 warning" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*RENDER, "--model", "me/my-model"], "families known: Qwen3-Coder, "),
        ([*RENDER, "--vllm-args='"], "--vllm-args cannot be read as a shell would"),
        ([*RENDER, "-o", "/nowhere/endpoint.yaml"], "cannot write /nowhere/endpoint.yaml"),
        ([*RENDER, "-o", str(ROOT / "README.md")], "is there already; name another file, or overwrite it with --force"),
        (["validate", "/nowhere/endpoint.yaml"], "cannot read /nowhere/endpoint.yaml"),
        (["validate", str(ROOT / "README.md")], "not "),
    ],
)
def test_bad_input_ends_with_2_and_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = outcome(capsys, *words)
    assert code == 2
    assert err.startswith(("python -m tau2_logging rental: error: ", "error: "))  # of the command, of the file
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("refused", [False, True])
def test_skypilots_own_parser_is_asked_where_it_is_installed(refused: bool, tmp_path: Path) -> None:
    """A package of its name stands in for it; secrets reach it as they would at launch, and its complaint is one line."""
    (tmp_path / "skypilot-9.9.dist-info").mkdir()
    (tmp_path / "skypilot-9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: skypilot\nVersion: 9.9\n")
    (tmp_path / "sky.py").write_text(
        "class Task:\n"
        "    def from_yaml_config(config, secrets_overrides):\n"
        "        assert [name for name, _ in secrets_overrides] == ['VLLM_API_KEY', 'HF_TOKEN']\n"
        f"        if {refused}: raise ValueError('Invalid\\n  resources')\n"
    )
    file = tmp_path / "endpoint.yaml"
    file.write_text(render(RentalTask("Qwen/Qwen3-32B", ("A100:1",), 2.0)))
    done = subprocess.run(
        [sys.executable, "-m", "tau2_logging.cli.rental", "validate", str(file)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (2 if refused else 0)
    assert done.stderr == ("error: SkyPilot: Invalid resources\n" if refused else "")
    assert "by SkyPilot 9.9's parser and our own checks" in done.stdout


def _skypilot_is_there() -> bool:
    try:
        return bool(version("skypilot"))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not _skypilot_is_there(), reason="skypilot is not installed (requirements-skypilot.txt)")
@pytest.mark.parametrize("infra", [(), ("aws",), ("gcp/us-central1", "kubernetes/mine")])
@pytest.mark.parametrize("gpus", [("A100",), ("L4:1", "A100-80GB:8")])
def test_skypilot_takes_what_is_rendered(gpus: tuple[str, ...], infra: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "endpoint.yaml"
    file.write_text(render(RentalTask("Qwen/Qwen3-32B", gpus, 2.0, infra=infra, use_spot=True, replicas=2)))
    command = [sys.executable, "-m", "tau2_logging.cli.rental", "validate", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "SkyPilot" in done.stdout) == (0, True), done.stderr


class Machine:
    """A folder on the PATH with a `vllm`, a `curl` that prints the figures of the moment, and a `sleep` that takes no time."""

    def __init__(self, folder: Path, vllm: str, figures: str) -> None:
        self.folder = folder
        sleep = shutil.which("sleep")
        for name, script in {"vllm": f'echo "$@" > {folder}/vllm.log; {vllm}', "curl": f"echo >> {folder}/looks; {figures}"}.items():
            self._program(name, script.replace("SLEEP", f"exec {sleep}"))
        self._program("sleep", f"exec {sleep} 0.01")

    def _program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        task = RentalTask("Qwen/Qwen3-32B", ("A100:1",), 2.0, idle_minutes=1, startup_minutes=3)
        script = yaml.safe_load(render(task))["run"]
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.folder), "SKYPILOT_NUM_GPUS_PER_NODE": "4", **environ}
        return subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=LONG_S, check=False)

    @property
    def looks(self) -> int:
        """How often the figures were asked for."""
        path = self.folder / "looks"
        return len(path.read_text().splitlines()) if path.exists() else 0


KEY = {"VLLM_API_KEY": "a-key"}
COUNTING = 'n=$(wc -l < LOOKS); [ $n -gt 5 ] && n=5; echo "vllm:generation_tokens_total $n"'


def test_the_job_ends_when_no_token_is_counted_any_more(tmp_path: Path) -> None:
    """Figures that grow five times and then stand still: two looks of half a minute later, a minute has passed."""
    machine = Machine(tmp_path, "SLEEP 60", COUNTING.replace("LOOKS", f"{tmp_path}/looks"))
    done = machine.run(KEY)
    assert (done.returncode, done.stdout) == (0, "no token for 60 s: the server ends\n")
    assert machine.looks == 5 + 2
    assert "--tensor-parallel-size 4" in (tmp_path / "vllm.log").read_text()


def test_a_server_that_never_answers_is_given_up_after_its_time_to_start(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "SLEEP 60", "exit 7")
    done = machine.run(KEY)
    assert (done.returncode, machine.looks) == (0, 3 * 2)


def test_a_server_that_fails_fails_the_job(tmp_path: Path) -> None:
    assert Machine(tmp_path, "exit 3", "exit 7").run(KEY).returncode == 3


def test_a_replica_of_a_service_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """SkyServe would start a replica anew that has ended for idleness, so nobody looks."""
    machine = Machine(tmp_path, "SLEEP 0.2", "exit 7")
    assert machine.run({**KEY, "SKYPILOT_SERVE_REPLICA_ID": "1"}).returncode == 0
    assert machine.looks == 0


def test_without_a_key_nothing_is_started(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "SLEEP 60", "exit 7")
    done = machine.run({})
    assert done.returncode != 0
    assert "launch with --secret VLLM_API_KEY" in done.stderr
    assert not (tmp_path / "vllm.log").exists()


def manual() -> str:
    return (ROOT / "docs/gpus.md").read_text(encoding="utf-8")


def test_the_manual_names_every_option_of_render() -> None:
    render_parser = build_parser()._subparsers._group_actions[0].choices["render"]  # type: ignore[union-attr, index]
    every = {option for action in render_parser._actions for option in action.option_strings if option.startswith("--")}
    options = every - {"--help", "--help-all", "--version"}
    assert sorted(option for option in options if option not in manual()) == []
    assert f"default {VLLM_VERSION}," in manual()


def test_every_command_of_the_manual_is_one_that_there_is() -> None:
    """Ours by their parsers: each line of render, validate and run_local.py is read, and its flags are known."""
    lines = re.sub(r"\\\n\s*", "", manual()).splitlines()
    ours = [line.split("tau2_logging rental ", 1)[1] for line in lines if line.startswith("    python -m tau2_logging rental ")]
    runs = [line.split("run_local.py ", 1)[1] for line in lines if line.startswith("    python run_local.py ")]
    assert len(ours) >= 3
    assert len(runs) >= 3
    for line in ours:
        assert build_parser().parse_args(words_of(line)).command in ("render", "validate")
    for line in runs:
        assert run_local_parser().parse_args(words_of(line)).endpoints


def words_of(line: str) -> list[str]:
    """As a shell splits them, where what `$(...)` prints is one word."""
    return shlex.split(re.sub(r"\$\([^)]*\)", "host:8000", line), comments=True)
