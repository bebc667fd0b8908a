"""docs/vllm.md: its commands can be given, and it names every flag there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tau2_logging.cli.run_local import build_parser
from tau2_logging.events import FIELDS
from tau2_logging.models.servers.server_settings import ModelServerSettings

PAGE = (Path(__file__).parents[3] / "docs" / "vllm.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    python run_local\.py (.*)$", PAGE.replace("\\\n", " "), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_can_be_given(command: str) -> None:
    """Its flags exist, and ask for servers that can be."""
    settings = ModelServerSettings.of(vars(build_parser().parse_args(shlex.split(command))))
    assert settings is not None
    assert settings.serve or settings.endpoints


def test_the_page_names_every_flag_and_only_fields_that_there_are() -> None:
    """In the group of model servers."""
    (group,) = [group for group in build_parser()._action_groups if (group.title or "").startswith("model servers")]
    flags = [action.option_strings[-1] for action in group._group_actions]
    assert len(flags) >= 12
    assert [flag for flag in flags if flag not in PAGE] == []
    example = next(line for line in PAGE.splitlines() if "type=server_metrics" in line and "queue_sum_ms" in line)
    assert set(re.findall(r" (\w+)=", example)) - {"task", "thread", "type"} <= FIELDS.keys()
