"""Where simulations run. An executor takes units, runs each, and reports rows through a queue."""

from tau2_logging.runner.executors.threads import ThreadsExecutor

__all__ = ["ThreadsExecutor"]
