"""What to do with a task file that has been written: from the key to taking everything down."""

from __future__ import annotations

import shlex

from tau2_logging.invocation import RUN, command
from tau2_logging.models.rental.script import HF_SECRET, KEY_SECRET
from tau2_logging.models.rental.task import RentalTask
from tau2_logging.models.servers.server_settings import KEY_VARIABLE


def hints(task: RentalTask, path: str) -> str:
    """Return commands for a shell, with what each is for."""
    name, file = task.cluster, shlex.quote(path)
    secrets = f"--secret {KEY_SECRET}" + (f" --secret {HF_SECRET}" if task.hf_token else "")
    start = command(RUN)
    run = f"{start} --domains retail --user-llm gpt-4.1"
    lines = [
        ("a key of your own for the server", f"export {KEY_SECRET}=$(openssl rand -hex 24); export {KEY_VARIABLE}=${KEY_SECRET}"),
        ("rent, install, serve: shows the price and asks", f"sky launch -c {name} -d {secrets} {file}"),
        ("how far it is", f"sky logs {name}"),
        ("does it work?", f"{start} --check --endpoint $(sky status --endpoint {task.port} {name})/v1 --user-llm gpt-4.1"),
        ("run", f"{run} --endpoint $(sky status --endpoint {task.port} {name})/v1"),
        ("take it down", f"sky down -y {name}"),
        ("or as a service, replaced when it fails", f"sky serve up -n {name} {secrets} {file}"),
        ("its address", f"{run} --endpoint $(sky serve status --endpoint {name})/v1"),
        ("a service runs and costs until", f"sky serve down -y {name}"),
    ]
    return "\n".join(f"# {what}\n{command}" for what, command in lines)
