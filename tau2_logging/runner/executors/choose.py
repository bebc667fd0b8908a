"""The crew that a configuration asks for: worker processes of this machine, or of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tau2_logging.runner.executors.worker_pool import Crew, Inbox, Staff, Worker, shared_slots
from tau2_logging.runner.model_calls.limits import rate_limit, shared_out
from tau2_logging.runner.model_calls.model_servers import ModelServers
from tau2_logging.runner.settings.config import RAY
from tau2_logging.runner.work.plan import Unit
from tau2_logging.runner.work.run_spec import Order, Post
from tau2_logging.runner.work.run_unit import Bench


def make_crew(
    order: Order, bench: Bench, units: Sequence[Unit], started_wall: float, servers: ModelServers, say: Callable[[str], None]
) -> Crew:
    """The workers of a run, none of them started. Raises UserError where there can be none."""
    config, logger = order.config, bench.logger
    staff = _staff(order)
    slots = shared_slots(config.max_concurrency, config.workers or staff.cpus, len(units))
    for text in config.rate_limits:  # said now, not by each worker
        shared_out(rate_limit(text), len(slots))

    def hire(number: int, slots_here: int, inbox: Inbox) -> Worker:
        post = Post(
            name=f"w{number}", number=number, share=len(slots), slots=slots_here,
            started_wall=started_wall, origin_ns=logger.origin_ns if staff.own_files else None,
            own_files=staff.own_files, uplink_level=logger.relayed_level(staff.own_files),
            endpoints=servers.urls, environment=staff.environment,
        )  # fmt: skip
        return staff.hire(post, inbox)

    return Crew(bench, units, slots, staff, hire, say, servers.waits)


def _staff(order: Order) -> Staff:
    if order.config.executor == RAY:
        from tau2_logging.runner.executors.ray_cluster import RayStaff

        return RayStaff(order)
    from tau2_logging.runner.executors.processes import ProcessStaff

    return ProcessStaff(order)
