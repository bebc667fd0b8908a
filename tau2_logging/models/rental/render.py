"""The task file: what SkyPilot reads."""

from __future__ import annotations

from itertools import product
from typing import Any

import yaml

from tau2_logging.models.rental.script import HF_SECRET, KEY_SECRET, run_script, setup_script
from tau2_logging.models.rental.task import GPU, RentalTask

AUTOSTOP_MINUTES = 10
"""From the end of the job to the end of the machine: enough to look at a server that did not start."""
_PROBE_TIMEOUT_S = 30


def render(task: RentalTask) -> str:
    """Return the task as YAML. No secret's value is in it: `sky launch --secret NAME` takes them from the environment."""
    return str(yaml.dump(document(task), Dumper=_Readable, sort_keys=False, allow_unicode=True, width=1000))


def document(task: RentalTask) -> dict[str, Any]:
    """Return the task as SkyPilot's schema has it."""
    return {
        "name": task.cluster,
        "resources": _resources(task),
        "secrets": {KEY_SECRET: None} | ({HF_SECRET: None} if task.hf_token else {}),
        "service": {
            "readiness_probe": {
                "path": "/health",
                "initial_delay_seconds": 60 * task.startup_minutes,
                "timeout_seconds": _PROBE_TIMEOUT_S,
            },
            "replicas": task.replicas,
        },
        "setup": setup_script(task),
        "run": run_script(task),
    }


def _resources(task: RentalTask) -> dict[str, Any]:
    choices = [
        {"accelerators": gpu} | ({"infra": place} if place is not None else {})
        for gpu, place in product(map(_accelerator, task.gpus), task.infra or (None,))
    ]
    return {
        **(choices[0] if len(choices) == 1 else {"any_of": choices}),
        "use_spot": task.use_spot,
        "max_hourly_cost": task.max_hourly_cost,
        "ports": task.port,
        "disk_size": task.disk_size,
        "autostop": {"idle_minutes": AUTOSTOP_MINUTES, "down": True, "wait_for": "jobs"},
    }


def _accelerator(text: str) -> str:
    found = GPU.fullmatch(text)
    assert found is not None, "RentalTask has checked it"
    return f"{found[1]}:{found[2] or 1}"


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable: Any = type("_Readable", (yaml.SafeDumper,), {"__doc__": "Texts of several lines as blocks."})
_Readable.add_representer(str, _text)
