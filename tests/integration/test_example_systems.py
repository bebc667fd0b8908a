"""The agent systems in examples/, run by MASEval's harness on scripted models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, of

for package in ("tau2.registry", "maseval", "langgraph"):
    pytest.importorskip(package, reason=f"{package} is not installed")


def test_a_langgraph_system_does_what_masevals_own_agent_does(tmp_path: Path) -> None:
    """The same tool calls with the same errors, scored alike by both evaluators; its model calls are measured."""
    found = []
    for name, hook in (("own", None), ("langgraph", "examples.maseval_langgraph:setup_agents")):
        config = scripted(tmp_path / name, domains=("retail",), harness="maseval", maseval_agents=hook, num_tasks=3)
        code, said = run_quietly(config)
        assert code == 0, said
        events = RunFiles(tmp_path / name).events("retail")
        calls = sorted((str(one.task), one.get("function"), one.get("error")) for one in of(events, "tool_call"))
        ends = sorted((str(one.task), one.get("reward"), one.get("tau2_reward")) for one in of(events, "task_end"))
        found.append((calls, ends, len(of(events, "llm_call"))))
    assert found[0] == found[1]
    assert found[0][0]
    assert {reward for _, *both in found[0][1] for reward in both} == {1.0}
