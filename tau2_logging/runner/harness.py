"""Which benchmark runs the tasks: tau2 itself, or MASEval's port of it."""

from __future__ import annotations

from tau2_logging.errors import UserError
from tau2_logging.instrument import has_module
from tau2_logging.runner.benchmark import Benchmark
from tau2_logging.runner.config import RunConfig


def load_benchmark(config: RunConfig) -> Benchmark:
    """Import what a run needs. Raises UserError where it is missing, or cannot run one of the domains."""
    benchmark = Benchmark.load()
    if config.harness == "maseval":
        if not has_module("maseval", "benchmark"):
            raise UserError("--harness maseval needs MASEval, which is not installed; pip install -r requirements-maseval.txt")
        from tau2_logging.runner.maseval.benchmark import MasevalBenchmark

        benchmark = MasevalBenchmark(config.maseval_agents)
    benchmark.check(config.domains)
    return benchmark
