"""The worker pool that a configuration asks for: worker processes of this machine, or of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tau2_logging.runner.executors.processes import ProcessBackend
from tau2_logging.runner.executors.ray_cluster import RayBackend
from tau2_logging.runner.executors.worker_pool import Inbox, Worker, WorkerBackend, WorkerPool, shared_slots
from tau2_logging.runner.model_calls.limits import rate_limit, shared_out
from tau2_logging.runner.model_calls.model_servers import ModelServers
from tau2_logging.runner.settings.options import RAY
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec
from tau2_logging.runner.work.run_unit import RunContext


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

    return WorkerPool(context, units, slots, backend, start, say, servers.waits)


def _backend(run_spec: RunSpec) -> WorkerBackend:
    if run_spec.config.executor == RAY:
        return RayBackend(run_spec)
    return ProcessBackend(run_spec)
