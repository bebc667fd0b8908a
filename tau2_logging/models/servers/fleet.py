"""The servers that a run starts: all at once, ready together, ended together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from tau2_logging.logger.clock import Clock
from tau2_logging.models.servers.api import ServerApi, ServerSilent
from tau2_logging.models.servers.programs import LLAMACPP, VLLM, health_page, program_at
from tau2_logging.models.servers.server_process import GRACE_S, ServerDied, ServerPlan, ServerProcess

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0

ReportProgress = Callable[[str], None]


class Fleet:
    """A context manager: its servers are started on entering and gone after leaving. Raises ServerDied from `wait_ready`."""

    def __init__(self, plans: Sequence[ServerPlan], clock: Clock | None = None, grace_s: float = GRACE_S) -> None:
        self.plans = tuple(plans)
        self.processes: list[ServerProcess] = []
        self._clock = clock or Clock()
        self._grace_s = grace_s

    def __enter__(self) -> Fleet:
        try:
            for plan in self.plans:
                self.processes.append(ServerProcess(plan, self._grace_s))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End every server with all that it has started: asked at the same time, then waited for."""
        for process in self.processes:
            process.ask_to_end()
        for process in self.processes:
            process.wait()

    def wait_ready(self, name: str, timeout_s: float, tell: ReportProgress) -> None:
        """Until every server is well and lists model `name`. `tell` is given a line on how far they are, again and again.

        Raises ServerDied when one ends, names other models, or is not ready after `timeout_s`: with the end of its log.
        """
        started = self._clock.now_ns()
        waiting = list(self.processes)
        pause_s = _FIRST_PAUSE_S
        while waiting:
            reasons = {process: _not_ready(process, name) for process in waiting}
            waiting = [process for process in waiting if reasons[process] is not None]
            elapsed_s = (self._clock.now_ns() - started) / 1e9
            tell(_progress(len(self.processes), waiting, elapsed_s))
            if waiting and elapsed_s > timeout_s:
                late = waiting[0]
                raise _died(late, f"is not ready after {timeout_s:g} s ({reasons[late]}); give it longer with --serve-timeout")
            if waiting:
                self._clock.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def ended(self, endpoint: str, within_s: float = 0.0) -> str | None:
        """Return how the server at `host:port` ended and where its log is; None while it runs, or if it is not ours. Waits up to
        `within_s` for its end.
        """
        for process in self.processes:
            if process.plan.address.name == endpoint and process.wait(within_s):
                return f"{process.end()}; its log: {process.plan.log}"
        return None


def _not_ready(process: ServerProcess, name: str) -> str | None:
    """Return why it is not ready; None once it is. Raises ServerDied if it never will be."""
    how = process.end()
    if how is not None:
        raise ServerDied(_with_tail(process, f"{how} before it was ready"))
    api = ServerApi(process.plan.address)
    try:
        listing = api.listing()
    except ServerSilent as silent:
        return str(silent)
    program = program_at(api, listing)
    health_problem = api.health_problem(health_page(program))
    if health_problem is not None:
        return health_problem
    models = listing.models
    if models and name not in models:
        raise _died(process, f"serves {', '.join(models)} and not {name!r}; {_how_to_name(program, name, models[0])}")
    return None if models else "lists no model"


def _how_to_name(program: str | None, name: str, served: str) -> str:
    if program == LLAMACPP:
        return f"name it so with --serve-args='--alias {name}', or give --serve {served} and write the file's path in --serve-command"
    if program == VLLM:
        return f"name it so with --serve-args='--served-model-name {name}', or give --serve {served}"
    return f"give --serve {served}, with the model's path in --serve-command instead of {{model}}"


def _died(process: ServerProcess, what: str) -> ServerDied:
    return ServerDied(_with_tail(process, f"model server {process.plan.number} ({process.plan.address.name}) {what}"))


def _with_tail(process: ServerProcess, text: str) -> str:
    tail = process.tail()
    return f"{text}\n  the end of {process.plan.log}:\n{tail}" if tail else f"{text}; its log {process.plan.log} is empty"


def _progress(servers: int, waiting: Sequence[ServerProcess], elapsed_s: float) -> str:
    text = f"model servers: {servers - len(waiting)} of {servers} ready, {elapsed_s:.0f} s"
    if not waiting:
        return text
    first = waiting[0]
    return f"{text}; {first.plan.address.name}: {first.last_line()[:100] or 'starting'} (log {first.plan.log})"
