"""One simulation while it runs: who it is, what it is doing, what it has used.

`task_end`, the heartbeat, the stuck event and the progress display are all read from here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import SimulationInterrupted, SimulationTimeout
from tau2_logging.events.codec import EventContext
from tau2_logging.events.kinds import COUNTERS
from tau2_logging.events.roles import TOKEN_FIELDS
from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.call_problem import CallProblem, follows
from tau2_logging.logger.content.call_tape import CallTape
from tau2_logging.logger.content.written_parts import PromptChain
from tau2_logging.logger.event_queue import EventQueue, MakeEvents
from tau2_logging.logger.event_writer import EventWriter
from tau2_logging.logger.ledger import Ledger

SETUP, LIVE, EVALUATION, DONE = "setup", "live", "evaluation", "done"
"""Phases. Only what the live phase does is a `tool_call`: tau2's evaluator plays the same tools again."""

_WRITTEN_S = 1.0
"""How long the end of a simulation waits for an event that another thread is writing; that takes microseconds."""

_BETWEEN = {LIVE: "tau2"}
"""What a simulation is said to wait on between calls."""

AGENT = "agent"
USER = "user"
ENVIRONMENT = "env"
JUDGE = "judge"
"""Who acts now; a model call is counted for the one who acts."""


@dataclass
class Usage:
    """What a simulation has used so far. `cost_known` turns false with the first call whose price is unknown."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    tokens: dict[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    agent_cost_usd: float = 0.0
    cost_known: bool = True
    agent_cost_known: bool = True

    def add_tokens(self, **tokens: int | None) -> None:
        """Add what is known; a kind of token that no provider reports stays absent."""
        for name, number in tokens.items():
            if number is not None:
                self.tokens[name] = self.tokens.get(name, 0) + number

    def add_cost(self, cost_usd: float | None, agent: bool) -> None:
        """Add the price of a call; None is unknown, and makes the sum unknown."""
        if cost_usd is None:
            self.cost_known = False
            self.agent_cost_known = self.agent_cost_known and not agent
            return
        self.cost_usd += cost_usd
        if agent:
            self.agent_cost_usd += cost_usd

    def fields(self) -> dict[str, object]:
        """As fields of task_end."""
        return {
            **self.counts,
            **{name: self.tokens.get(name) for name in TOKEN_FIELDS},
            "cost_usd": self.cost_usd if self.cost_known else None,
            "agent_cost_usd": self.agent_cost_usd if self.agent_cost_known else None,
        }


@dataclass(frozen=True)
class Waiting:
    """Something a simulation waits on: `what` it is (llm_call, a tool's name, ...), `model`, since `since_ns`."""

    what: str
    model: str | None
    since_ns: int


@dataclass(frozen=True)
class InFlight:
    """How a simulation is at a moment, for a display: what it waits on and for how long. Picklable."""

    domain: str
    task: str
    elapsed_ms: float
    waiting_on: str
    model: str | None
    waited_ms: float


class Simulation:
    """State of one simulation. Shared by every thread that works for it."""

    def __init__(self, logger: EventWriter, domain: str, task: str, trial: int | None = None, seed: int | None = None) -> None:
        self.logger = logger
        self.domain = domain
        self.task = task
        self.trial = trial
        self.seed = seed
        self.span = logger.new_span()
        self.step_span = self.span
        self.phase = SETUP
        self._phase_since_ns = logger.clock.now_ns()
        self.turn: str | None = None
        self.step: int | None = None
        self.ledger = Ledger(logger.clock)
        self.events = EventQueue(logger)
        self.prompts = PromptChain()
        self.usage = Usage()
        self.retrieving: Usage | None = None
        """What the models of the search in progress have used, None while no tool searches documents."""
        self.tape = CallTape()
        self.replay: object | None = None
        """The recording that answers its recorded models, if it has any."""
        self.replay_calls = 0
        self.gold_calls = 0
        self.orchestrator: object | None = None
        self.tool_error: str | None = None
        self.tool_exception: BaseException | None = None
        self.tool_fault: str | None = None
        self.call_problem: CallProblem | None = None
        self.told_impossible: set[tuple[str, str | None]] = set()
        """(model, endpoint) whose impossible token counts have been told of."""
        self.timed_out = threading.Event()
        self.conversation_over = False
        self.queued_ms = 0.0
        """How long it has waited for its evaluation to start, which is no time of its own."""
        self.closed = False
        self.abandoned = False
        self._writing: set[int] = set()
        self._pid = os.getpid()
        self.lock = threading.Lock()
        self._waiting: dict[str, Waiting] = {}
        self._context = EventContext(task, domain, trial, logger.run_id, logger.host, logger.worker)

    def emit(self, type_: str, fields: Mapping[str, object], span: str | None = None, parent: str | None = None) -> None:
        """Write an event of this simulation. Nothing is written once it has ended: a call that outlives it belongs to no one."""
        thread = threading.get_ident()
        self._writing.add(thread)
        try:
            if not self.closed:
                self.logger.emit_in(self._context, type_, fields, span, parent)
        finally:
            self._writing.discard(thread)

    def emit_last(self, type_: str, fields: Mapping[str, object]) -> None:
        """Write the last event of this simulation, after what other threads are writing."""
        self.close()
        self.logger.emit_in(self._context, type_, fields, self.span, None)

    def close(self) -> None:
        """Have nothing more written, and wait (not for ever) until what other threads are writing is written."""
        self.closed = True
        latest = time.monotonic() + _WRITTEN_S
        while self._writing - {threading.get_ident()} and time.monotonic() < latest:
            time.sleep(0.001)

    def structured(self, kind: type[StructuredEvent], span: str | None = None, **fields: Any) -> None:
        """Have a structured event of this simulation written, if a sink wants them. The fields must not change any more."""
        self.structured_by(lambda: ((kind, fields),), span)

    def structured_by(self, make: MakeEvents, span: str | None = None) -> None:
        """Have structured events made and written, a moment later, with the time, step and phase of now."""
        if not self.closed and self.logger.wants_structured:
            shared = {"domain": self.domain, "task": self.task, "trial": self.trial, "phase": self.phase, "step": self.step, "span": span}
            self.events.put(shared, make)

    def go_live(self) -> None:
        """The first step is about to be made: setup is over. Idempotent."""
        if self.phase == SETUP:
            self.ledger.leave("setup")
            self.enter(LIVE)

    def enter(self, phase: str) -> None:
        """Start a phase."""
        self.phase = phase
        self._phase_since_ns = self.logger.clock.now_ns()

    def count(self, name: str, number: int = 1) -> None:
        """Count something of `Usage.counts`."""
        with self.lock:
            self.usage.counts[name] += number

    def start_waiting(self, span: str, what: str, model: str | None, since_ns: int) -> None:
        """The operation `span` has started and the simulation waits for it."""
        self._waiting[span] = Waiting(what, model, since_ns)

    def stop_waiting(self, span: str) -> None:
        """The operation has ended."""
        self._waiting.pop(span, None)

    def waiting(self) -> Waiting:
        """Return what it has waited on longest; between calls, tau2's own work in this phase."""
        calls = sorted(self._waiting.copy().values(), key=lambda waiting: waiting.since_ns)
        return calls[0] if calls else Waiting(_BETWEEN.get(self.phase, self.phase), None, self._phase_since_ns)

    def elapsed_ms(self) -> float:
        """Return milliseconds since it started."""
        return (self.logger.clock.now_ns() - self.ledger.opened_ns) / 1e6

    def cause_of(self, error: BaseException) -> CallProblem | None:
        """Return the problem of this turn's last model call, if the exception follows from it."""
        problem = self.call_problem
        return problem if problem is not None and follows(error, problem) else None

    def spoil_tool(self, fault: str, error_type: str | None) -> None:
        """Note what is done on purpose to the tool call that is being made, for its event."""
        self.tool_fault = fault
        self.tool_error = error_type or self.tool_error

    def in_flight(self) -> InFlight:
        """Return its state now."""
        waiting = self.waiting()
        waited_ms = (self.logger.clock.now_ns() - waiting.since_ns) / 1e6
        return InFlight(self.domain, self.task, self.elapsed_ms(), waiting.what, waiting.model, waited_ms)

    def exit_if_forked(self) -> None:
        """Exit if this process is a copy that an agent or a tool made with os.fork and that has returned from it.

        It would continue the simulation like the original, pay for its calls again and write the same events and rows. Copies that end on
        their own, such as those of multiprocessing, never get here.
        """
        if os.getpid() != self._pid:
            os._exit(0)

    def abandon(self) -> bool:
        """Return the run ends without it: it writes nothing more, and stops at its next step. False if it has ended already."""
        with self.lock:
            if self.phase == DONE:
                return False
            self.phase = DONE
        self.closed = self.abandoned = True
        self.timed_out.set()
        self.close()
        return True

    def check_timeout(self) -> None:
        """Raise SimulationTimeout if the watchdog has given this simulation up, SimulationInterrupted if the run has been stopped."""
        if self.abandoned:
            raise SimulationInterrupted(f"task {self.task}: the run was stopped")
        if self.timed_out.is_set():
            raise SimulationTimeout(f"task {self.task} passed its time limit")
