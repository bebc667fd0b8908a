"""The executor that a configuration asks for: threads, worker processes of this machine, or those of a Ray cluster.

`auto` is threads up to MOST_IN_THREADS simulations at a time. They share an interpreter, which each model call needs for some milliseconds:
with 64 in flight, the 95th percentile of calls of 500 ms is 658 ms in threads and 538 ms in processes (`python -m benchmarks.executors
distortion`). Worker processes take about four seconds to start and some memory, so there are only as many as keep SLOTS_OF_A_WORKER
each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tau2_logging.runner.executors.processes import ProcessBackend, cpus
from tau2_logging.runner.executors.ray_cluster import RayBackend
from tau2_logging.runner.executors.worker_pool import Inbox, Worker, WorkerBackend, WorkerPool, shared_slots
from tau2_logging.runner.model_calls.limits import rate_limit, shared_out
from tau2_logging.runner.model_calls.model_servers import ModelServers
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.options import AUTO, PROCESSES, RAY, THREADS
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec
from tau2_logging.runner.work.run_unit import RunContext
from tau2_logging.units import plural

MOST_IN_THREADS, SLOTS_OF_A_WORKER = 32, 16
_WAITING = "calls wait for each other and look longer than they are (docs/executors.md)"


@dataclass(frozen=True)
class ExecutorChoice:
    """`workers` are worker processes, None for one for each core. `note`: what the user should know of the choice."""

    executor: str
    workers: int | None = None
    note: str | None = None


def choose_executor(config: RunConfig, units: int, cores: int | None = None) -> ExecutorChoice:
    """Return where this many simulations run: as the configuration says, or what `auto` means for them."""
    at_once, cores = min(config.max_concurrency, units), cpus() if cores is None else cores
    many = at_once > MOST_IN_THREADS and cores > 1
    reason = "of --executor threads" if config.executor == THREADS else _bound_to_this_process(config)
    if config.executor not in (AUTO, THREADS) or (config.executor == AUTO and config.workers is not None):
        return ExecutorChoice(PROCESSES if config.executor == AUTO else config.executor, config.workers)
    if not many:
        return ExecutorChoice(THREADS)
    if reason is not None:
        return ExecutorChoice(THREADS, note=f"{plural(at_once, 'simulation')} at a time in threads, because {reason}: {_WAITING}")
    workers = min(cores, -(-at_once // SLOTS_OF_A_WORKER))
    return ExecutorChoice(
        PROCESSES, workers, f"{at_once} simulations at a time in {workers} worker processes, which take some seconds to start; in threads "
        f"{_WAITING}"
    )  # fmt: skip


def _bound_to_this_process(config: RunConfig) -> str | None:
    """Return why simulations stay where they are unless somebody asks for processes."""
    if os.name != "posix":
        return "worker processes need Linux or macOS"
    if config.modules or config.maseval_agents is not None:
        return "of agents of your own, which another process may not know (give --executor processes if it does)"
    if config.rate_limits:
        return "of --rate-limit, which is exact in one process only (--executor processes divides it)"
    return None if config.profile else "nothing is measured"


def make_pool(
    run_spec: RunSpec, context: RunContext, units: Sequence[Unit], started_wall: float, servers: ModelServers, say: Callable[[str], None]
) -> WorkerPool:
    """Return the workers of a run, none of them started. Raises UserError if there can be none."""
    config, logger = run_spec.config, context.logger
    backend = _backend(run_spec)
    slots = shared_slots(config.max_concurrency, config.workers or backend.cpus, len(units))
    for text in config.rate_limits:  # said now, not by each worker
        shared_out(rate_limit(text), len(slots))

    def start(number: int, slots_here: int, inbox: Inbox) -> Worker:
        worker_spec = WorkerSpec(
            name=f"w{number}", number=number, share=len(slots), slots=slots_here,
            started_wall=started_wall, origin_ns=logger.origin_ns if backend.own_files else None,
            own_files=backend.own_files, uplink_level=logger.relayed_level(backend.own_files),
            endpoints=servers.urls, environment=backend.environment,
        )  # fmt: skip
        return backend.start(worker_spec, inbox)

    return WorkerPool(context, units, slots, backend, start, say, servers.waits, config.max_evaluations is not None)


def _backend(run_spec: RunSpec) -> WorkerBackend:
    if run_spec.config.executor == RAY:
        return RayBackend(run_spec)
    return ProcessBackend(run_spec)
