"""The order in which a run starts its simulations."""

from __future__ import annotations

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.runner.work.run_plan import make_plan


def test_tasks_are_started_in_the_order_in_which_they_are_named() -> None:
    """So that the longest can be put first; a task that is named twice is run once."""
    named = ("update_task_1", "create_task_1", "update_task_1")
    config = RunConfig(domains=("mock",), task_ids=named, num_trials=2)
    units = make_plan(config, simulation_settings(config), Tau2Harness.load()).units
    assert [(unit.task.id, unit.trial) for unit in units] == [(name, trial) for trial in (0, 1) for name in named[:2]]
