"""Profiling and structured logging for tau2-bench. In IPython and Jupyter: `%load_ext tau2_logging`, then `%tau2_timeline LOG`."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext tau2_logging`."""
    from tau2_logging.analysis import jupyter

    jupyter.load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Called by `%unload_ext tau2_logging`."""
    from tau2_logging.analysis import jupyter

    jupyter.unload_ipython_extension(shell)


__all__ = ["load_ipython_extension", "unload_ipython_extension"]
