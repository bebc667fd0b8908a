"""Where simulations run. An executor takes units, runs each, and reports rows through a queue."""

from tau2_logging.runner.executors.choose import choose_executor, make_pool
from tau2_logging.runner.executors.executor import Executor, RunFailure
from tau2_logging.runner.executors.threads import ThreadsExecutor

__all__ = ["Executor", "RunFailure", "ThreadsExecutor", "choose_executor", "make_pool"]
