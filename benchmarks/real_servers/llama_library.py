"""llama.cpp's library for CPUs, built here: the one in the server's wheel ends with "Illegal instruction" on most processors.

Standard library only. A C++ compiler must be there; cmake and ninja are installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.real_servers import folders
from benchmarks.real_servers.packages import BUILD_TOOLS, LLAMA_SOURCE, SetupError, pip, run, virtual_environment

NAME = "libggml-cpu.so"
_PROBE_S = 120.0
_LEFT_OUT = ("LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_TOOLS", "LLAMA_BUILD_SERVER")
_OPTIONS = ("-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DGGML_NATIVE=OFF", *(f"-D{name}=OFF" for name in _LEFT_OUT))
"""Not for this very processor (GGML_NATIVE): some virtual machines name instructions, AMX above all, that they do not let a program use."""
_ILLEGAL = -signal.SIGILL


def runs_here() -> bool:
    """Whether the server starts on this processor: it computes a token before it says that it is well. Raises SetupError."""
    port = _free_port()
    server = subprocess.Popen(
        [folders.LLAMA_PROGRAMS / "llama-server", "-m", folders.GGUF, "--host", "127.0.0.1", "--port", str(port), "-c", "256", "-t", "1"],
        env={**os.environ, "LD_LIBRARY_PATH": str(folders.LLAMA_PROGRAMS)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _PROBE_S
        while server.poll() is None and time.monotonic() < deadline:
            if _is_well(port):
                return True
            time.sleep(0.2)
    finally:
        server.kill()
        server.wait()
    if server.returncode == _ILLEGAL:
        return False
    raise SetupError(f"llama-server did not start within {_PROBE_S:g} s (exit code {server.returncode}); run it by hand: {server.args!r}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def build(python: str) -> None:
    """Build the library from the source distribution and put it into the place of the wheel's. Under a minute of CPU."""
    if shutil.which("c++") is None:
        raise SetupError("llama.cpp's CPU library has to be built for this processor: install a C++ compiler (Debian: g++)")
    tools = virtual_environment(folders.TOOLS, python)
    pip(tools, "install", "--quiet", *BUILD_TOOLS)
    programs = tools.parent
    shutil.rmtree(folders.BUILD, ignore_errors=True)  # cmake keeps what was chosen before
    options = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={programs / 'ninja'}", *_OPTIONS]
    run([str(programs / "cmake"), "-S", str(_source(tools) / "llama.cpp"), "-B", str(folders.BUILD), *options])
    run([str(programs / "cmake"), "--build", str(folders.BUILD), "--target", "ggml-cpu"])
    for old in folders.LLAMA_PROGRAMS.glob(f"{NAME}*"):
        shutil.copyfile(folders.BUILD / "bin" / NAME, old)


def _source(python: Path) -> Path:
    """The unpacked source distribution."""
    name, version = LLAMA_SOURCE.split("==")
    folder = folders.DOWNLOADS / f"{name.replace('-', '_')}-{version}"
    if not folder.is_dir():
        pip(python, "download", "--quiet", "--no-deps", "--no-binary", name, "--dest", str(folders.DOWNLOADS), LLAMA_SOURCE)
        unpacked = folders.DOWNLOADS / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        shutil.unpack_archive(f"{folder}.tar.gz", unpacked)
        (unpacked / folder.name).rename(folder)  # a folder under its own name is a whole one
    return folder
