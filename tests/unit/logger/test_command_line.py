"""Command lines are shown with what is known to be harmless; a resumed run asks for the rest again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.cli import run_local
from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import shown_address, shown_arguments
from tau2_logging.events.secrets.command_line import masked_argv, masked_expert, masked_words
from tau2_logging.experiments.planning.plan_builder import own_arm
from tau2_logging.models.experts import parse_experts
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.settings.config import Arm, ModelChoice, RunConfig
from tau2_logging.runner.settings.secret_values import secret_values
from tests.support.tokens import FORMS, opaque, secrets_of, token

KEY = opaque(5)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_credential_is_shown_wherever_it_stands_on_a_command_line(form: str) -> None:
    """As the value of a flag of a server, of a variable, in arguments, headers, addresses, options of experts."""
    fake = token(form, 3)
    quoted = json.dumps(fake)
    given = {"who": fake, "headers": {"X": fake}, "api_base": f"http://u:{KEY}@h/?a={KEY}"}
    argv = [
        "--agent-llm", "openai/m", "--agent-llm-args", json.dumps(given),
        f"--user-llm-args={json.dumps({'extra_body': [fake]})}", "--judge-llm-arg", json.dumps({"a": {"b": [fake]}})[:-1],
        "--serve-args", f"--max-num-seqs 64 --ssl-thing {quoted}", "--serve-command", f"env A={quoted} vllm serve --hf-token={quoted}",
        "--expert", f"a=openai/m,team={fake},temperature=0.5", "--otlp", f"https://h/?q={fake}", "--endpoint", f"me:{KEY}@gpu:8000",
    ]  # fmt: skip
    shown = masked_argv(argv)
    assert [part for part in (*secrets_of(fake), KEY) if part in shown] == []
    for kept in (
        "--max-num-seqs 64 --ssl-thing ",
        "A=***",
        "temperature=0.5",
        '"who": "***"',
        "***@gpu:8000",
        "https://h/?q=***",
    ):
        assert kept in shown


def test_words_of_servers_that_are_known_stay() -> None:
    """Programs, models, ports, numbers and placeholders; values of other flags, and all that follows them, do not."""
    kept = ["python", "-m", "vllm", "serve", "{model}", "--port={port}", "--dtype", "bfloat16", "-ngl", "99", "--seed", "1"]
    assert masked_words([*kept, "--lora", "x=y", "z"]) == [*kept, "--lora", "x=***", "***"]


def test_arguments_that_tell_runs_apart_stay() -> None:
    """Sampling, limits, reasoning, prices and places are as they were; names of the rest are kept."""
    plain = {
        "temperature": 0.2, "max_tokens": 200_000, "seed": 1, "stop": ["END"], "tool_choice": "auto", "top_k": 20,
        "reasoning_effort": "high",
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "api_base": "http://10.0.0.1:8000/v1", "timeout": None, "stream": True,
        "input_cost_per_token": 2e-6, "logit_bias": {"50256": -100}, "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
    }  # fmt: skip
    assert shown_arguments(plain) == plain
    assert shown_arguments({"user": "ann", "pin": 123_456_789, "metadata": {"team": ["x"]}, "model": {"a": "b"}}) == {
        "user": "***", "pin": "***", "metadata": {"team": ["***"]}, "model": {"a": "***"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://h:8000/v1", "http://h:8000/v1"), ("https://u:p/w@h/v1?sig=x&code=y#z", "https://***@h/v1?sig=***&code=***"),
        (f"https://{KEY}@h", "https://***@h"), (f"h:1?{KEY}", "h:1?***"), ("", ""),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_what_may_be_a_key(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_an_expert_is_shown_with_its_words() -> None:
    assert masked_expert(f"a=m,description=Plans, well,key={KEY},top_p=0.5") == "a=m,description=Plans, well,key=***,top_p=0.5"


CONFIGS = {
    "agent": RunConfig(agent_model=ModelChoice("openai/m", {"team": KEY})),
    "user": RunConfig(user_model=ModelChoice("openai/m", {"api_base": f"http://h/?k={KEY}"})),
    "expert a": RunConfig(agent="expert_agent", experts=parse_experts([f"a=openai/m,x={KEY}"])),
    "servers": RunConfig(servers=ModelServerSettings(serve="m", serve_args=("--thing", KEY))),
    "arm b": RunConfig(arms=(Arm("b", agent_model=ModelChoice("openai/m", {"extra_headers": {"X": KEY}})),)),
}


@pytest.mark.parametrize("role", CONFIGS)
def test_what_a_record_does_not_keep_is_known_to_be_missing(role: str) -> None:
    """run.json holds no such value, the run that is read from it names whose it was, and texts of the run are searched for it."""
    text = json.dumps(CONFIGS[role].as_json())
    assert KEY not in text
    assert RunConfig.from_json(json.loads(text)).masked_secret() == role
    assert CONFIGS[role].masked_secret() is None
    assert KEY in secret_values(CONFIGS[role])


def test_settings_without_secrets_come_back_as_they_were() -> None:
    model = ModelChoice("openai/m", {"temperature": 0.5, "api_base": "http://h/v1", "extra_body": {"top_k": 5}})
    config = RunConfig(
        agent_model=model, servers=ModelServerSettings(serve="m", serve_args=("--max-model-len", "131072")), log_dir=Path("x")
    )
    again = RunConfig.from_json(json.loads(json.dumps(config.as_json())))
    assert again == config
    assert again.masked_secret() is None


@pytest.mark.parametrize("words", [["--agent-llm-args", f'{{"a": "{KEY}"'], ["--user-llm-args", f'["{KEY}"]'], ["--endpoint", f"http://u:{KEY}@h?x"],
                                   ["--serve", "m", "--serve-args", f"--key '{KEY}"], ["--expert", f"sk-{KEY}"]])  # fmt: skip
def test_an_error_does_not_repeat_what_may_be_a_key(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_local.main(["--domains", "mock", *words])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert "error: " in err
    assert KEY not in err


def test_a_mistake_in_a_file_of_experts_does_not_repeat_its_line(tmp_path: Path) -> None:
    path = tmp_path / "experts.yaml"
    path.write_text(f'a:\n  model: m\n  extra_headers: {{X: "{KEY}\n')
    with pytest.raises(UserError, match="line 4, column 1: found unexpected end of stream") as caught:
        parse_experts([str(path)])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("text", [f'{KEY}{{"', f'a={{"agent_llm_args": {{"team": "{KEY}"', f'a=["{KEY}"]'])
def test_an_arm_that_cannot_be_read_is_not_repeated(text: str) -> None:
    with pytest.raises(UserError) as caught:
        own_arm(text)
    assert KEY not in str(caught.value)
