"""The shell of a task file: how vLLM is installed, started, and ended when nobody uses it."""

from __future__ import annotations

import shlex

from tau2_logging.models.rental.task import RentalTask

KEY_SECRET = "VLLM_API_KEY"
"""Where vLLM itself looks for the key that it asks of its clients."""
HF_SECRET = "HF_TOKEN"
_PARALLEL = ("--tensor-parallel-size", "-tp", "--data-parallel-size", "-dp", "--pipeline-parallel-size", "-pp")
_PAUSE_S = 30
"""Between two looks at the figures."""

_SETUP = """\
set -e
export PATH="$HOME/.local/bin:$PATH"
command -v uv >/dev/null || python3 -m pip install --user --quiet uv
[ -x ~/vllm/bin/python ] || uv venv --quiet --python 3.12 --seed ~/vllm
uv pip install --quiet --python ~/vllm/bin/python --torch-backend=auto vllm=={version}
"""

_RUN = """\
set -euo pipefail
: "${{{key}:?is not set, and the server would be open to everyone; launch with --secret {key}}}"
export PATH="$HOME/vllm/bin:$PATH"
{command} &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
if [ -n "${{SKYPILOT_SERVE_REPLICA_ID:-}}" ]; then wait "$server"; exit; fi  # the service decides how long
# Autostop counts from the end of the job, and a server does not end by itself: it does after {idle} minutes without a token.
limit=$((60 * {startup})) quiet=0 before=
while kill -0 "$server" 2>/dev/null; do
  sleep {pause}; quiet=$((quiet + {pause}))
  if now=$(curl -sf -m 10 http://127.0.0.1:{port}/metrics | grep -E '^vllm:(prompt|generation)_tokens_total'); then
    limit=$((60 * {idle}))
    if [ "$now" != "$before" ]; then before=$now quiet=0; fi
  fi
  if [ "$quiet" -ge "$limit" ]; then echo "no token for $quiet s: the server ends"; exit 0; fi
done
wait "$server"
"""


def setup_script(task: RentalTask) -> str:
    """Installs the pinned vLLM into an environment of its own: SkyPilot's Python on the machine is older than vLLM wants."""
    return _SETUP.format(version=task.vllm_version)


def run_script(task: RentalTask) -> str:
    """Serves until the server ends, or is idle; then the job is over, and autostop takes the machine down."""
    minutes = {"idle": task.idle_minutes, "startup": task.startup_minutes}
    return _RUN.format(key=KEY_SECRET, command=serve_command(task), port=task.port, pause=_PAUSE_S, **minutes)


def serve_command(task: RentalTask) -> str:
    """Return `vllm serve ...`, quoted for a shell. All GPUs of the machine serve one copy of the model, unless the user's words divide
    them."""
    tool, reasoning = task.parsers
    words = ["vllm", "serve", task.model, "--host", "0.0.0.0", "--port", str(task.port)]
    words += ["--enable-auto-tool-choice", "--tool-call-parser", tool]
    words += ["--reasoning-parser", reasoning] if reasoning is not None else []
    words += ["--max-model-len", str(task.max_model_len)] if task.max_model_len is not None else []
    divided = any(word.partition("=")[0] in _PARALLEL for word in task.vllm_args)
    parallel = "" if divided else ' --tensor-parallel-size "$SKYPILOT_NUM_GPUS_PER_NODE"'
    return shlex.join(words) + parallel + (f" {shlex.join(task.vllm_args)}" if task.vllm_args else "")
