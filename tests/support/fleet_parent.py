"""A process that starts a model server and waits: `python fleet_parent.py DIRECTORY PROGRAM...`, to be ended in whatever way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tau2_logging.models.servers.fleet import Fleet
from tau2_logging.models.servers.server_process import ServerPlan

if __name__ == "__main__":
    directory, program = Path(sys.argv[1]), tuple(sys.argv[2:])
    with Fleet([ServerPlan(0, 1, program, None, directory / "server_0.log")], grace_s=0.3) as fleet:
        print(fleet.processes[0].pid, flush=True)
        time.sleep(60 if program[-1] != "leave" else 0.5)
