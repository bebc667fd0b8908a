"""Small and large runs for the tests of the reports, written through the real codec: whatever a log can say, at any size."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tau2_logging.events import EXCLUSIVE_MS, KINDS, Event, canonical_fields, encode

BEGAN = datetime(2026, 11, 20, 17, 45, 1)
TOOLS = ("get_order_details", "get_user_details", "find_user_id_by_name_zip", "modify_pending_order_items", "calculate")
HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\u2028window.hacked=1\u2029//'\"`${window.hacked=1}",
    "javascript:window.hacked=1",
    "[mobile_data_issue]airplane_mode_on|data_usage:exceeded" + "|x" * 70,
    "../../etc/passwd\x00\x1b[31m$\\frac{",
)


@dataclass
class Sample:
    """A run being written; times in ms since it began."""

    domain: str = "retail"
    run: str = "20261120_174501_ab12"
    model: str = "scripted/agent"
    seed: int = 1
    lines: list[str] = field(default_factory=list)
    spans: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def event(self, type_: str, task: str | None, at: float, **fields: object) -> None:
        """One line; `at` is when it is written."""
        time = (BEGAN + timedelta(milliseconds=at)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        self.spans += 1
        context = {"domain": self.domain, "run": self.run, "span": f"{self.spans:x}", **({"trial": 0} if task is not None else {})}
        level = KINDS[type_].level if type_ in KINDS else 15
        self.lines.append(encode(Event(level, time, task, 139706683837312, type_, canonical_fields({**context, **fields}))))

    def timed(self, type_: str, task: str | None, start: float, duration: float, **fields: object) -> float:
        """A line of something that lasted; returns its end."""
        self.event(type_, task, start + duration, start_ms=start, duration_ms=duration, **fields)
        return start + duration

    def start(self, at: float = 0.0, **fields: object) -> None:
        self.event("run_start", None, at, start_ms=at, schema=1, agent_llm=self.model, utc_offset="+00:00", simulations=1, **fields)

    def end(self, at: float, **fields: object) -> None:
        self.event("run_end", None, at, start_ms=0.0, duration_ms=at, **fields)

    def model_call(self, type_: str, task: str, start: float, step: int, **fields: object) -> float:
        """A model call of a likely length: lognormal, as servers behave."""
        inputs = 1200 + 180 * step + self.random.randrange(200)
        outputs = int(self.random.lognormvariate(4.0, 0.6)) + 1
        ttft = self.random.lognormvariate(5.3, 0.4)
        decode = outputs * self.random.lognormvariate(2.0, 0.2)
        values: dict[str, object] = {
            "step": step, "model": self.model, "call_type": "scripted", "has_tool_calls": False, "queue_ms": 0.4,
            "input_tokens": inputs, "output_tokens": outputs, "cached_tokens": inputs // 2, "reasoning_tokens": 0, "ttft_ms": ttft,
            "decode_ms": decode, "finish_reason": "stop", "attempt": 1, "cost_usd": inputs * 2e-6 + outputs * 8e-6, "error": False,
        }  # fmt: skip
        values.update(fields)
        return self.timed(type_, task, start, ttft + decode, **values)

    def simulation(self, task: str, start: float, turns: int = 6, finish: bool = True, expert: bool = False, **end: object) -> float:
        """A whole simulation; returns its end. Not finished: it stops with a heartbeat while a model call is in flight."""
        self.event("task_start", task, start, start_ms=start, seed=300)
        now = start + 20
        spent = dict.fromkeys(EXCLUSIVE_MS, 0.0)
        spent["setup_ms"] = 20.0
        for turn in range(turns):
            now = self._turn(task, turn, now, spent, expert)
        if not finish:
            self.event("heartbeat", task, now + 30_000, step=turns * 3, waiting_on="llm_call", model=self.model, elapsed_ms=30_000.0)
            return now + 30_000
        return self._finish(task, start, now, spent, turns, end)

    def _turn(self, task: str, turn: int, now: float, spent: dict[str, float], expert: bool) -> float:
        step, tool = turn * 3, self.random.choice(TOOLS)
        roles = (("agent", "env", "llm_call", "llm_ms"), ("env", "agent", "tool_call", "tool_ms"), ("agent", "user", "user_sim", "user_ms"))
        for offset, (from_role, to_role, type_, kind) in enumerate(roles):
            began, now = now, now + 0.05
            if type_ == "tool_call":
                failed = self.random.random() < 0.05
                ended = self.timed(
                    type_, task, now, self.random.lognormvariate(-1, 1), step=step + offset, function=tool, call_type="local_function",
                    requestor="assistant", error=failed, error_type="ToolError" if failed else None,
                )  # fmt: skip
            else:
                ended = self.model_call(type_, task, now, step + offset, has_tool_calls=type_ == "llm_call")
            spent[kind] += ended - now
            if expert and type_ == "llm_call":
                started, ended = ended, self.model_call("expert_call", task, ended, step + offset, expert="expert-1", model="gpt-5")
                spent["expert_ms"] += ended - started
            now = ended + 0.05
            spent["other_ms"] += 0.1
            self.event(
                "step_complete", task, now, step=step + offset, from_role=from_role, to_role=to_role, start_ms=began,
                total_duration_ms=now - began,
            )  # fmt: skip
        return now

    def _finish(self, task: str, start: float, now: float, spent: dict[str, float], turns: int, end: dict[str, object]) -> float:
        judged = self.model_call("evaluator", task, now + 2, turns * 3)
        spent["judge_ms"] = judged - now - 2
        spent["evaluation_ms"] = 5.0
        now = judged + 3
        self.event(
            "evaluation", task, now, start_ms=judged - spent["judge_ms"] - 2, duration_ms=5.0, replay_calls=turns, gold_calls=2, reward=1.0
        )
        values = {
            "status": "ok", "reward": 1.0, "termination": "user_stop", **spent, "steps": turns * 3, "llm_calls": turns,
            "user_calls": turns, "expert_calls": 0, "judge_calls": 1, "tool_calls": turns, "tool_errors": 0, "llm_errors": 0,
            "retries": 0, "input_tokens": 5000 * turns, "output_tokens": 150 * turns, "cached_tokens": 2000 * turns,
            "reasoning_tokens": 0, "cost_usd": 0.004 * turns, "agent_cost_usd": 0.003 * turns, **end,
        }  # fmt: skip
        return self.timed("task_end", task, start, now - start, **values)


def pooled(simulations: int, workers: int, turns: int = 6, seed: int = 1, domain: str = "retail") -> Sample:
    """A run of a pool: each worker takes the next simulation when it is free. Some fail, one never ends."""
    sample = Sample(domain=domain, seed=seed)
    sample.start()
    free = [0.0] * workers
    for task in range(simulations):
        worker = min(range(workers), key=free.__getitem__)
        fate: dict[str, object] = {}
        if task % 11 == 7:
            fate = {"reward": 0.0, "termination": "max_steps"}
        elif task % 23 == 5:
            fate = {"status": "error", "reward": None, "error_type": "RateLimitError", "error_message": "429 Too Many Requests"}
        length = max(1, int(sample.random.lognormvariate(0, 0.5) * turns))
        unfinished = task == simulations - 1 and simulations > 3
        free[worker] = sample.simulation(str(task), free[worker], length, finish=not unfinished, expert=task % 4 == 0, **fate)
    sample.end(max(free), simulations=simulations)
    return sample


def hostile(texts: Sequence[str] = HOSTILE) -> Sample:
    """A run whose tasks, functions, models and errors try to be markup and code."""
    sample = Sample()
    sample.start(agent=texts[0], argv=texts[1])
    now = 0.0
    for index, text in enumerate(texts):
        sample.model = texts[(index + 1) % len(texts)]
        sample.event("task_start", text, now, start_ms=now)
        ended = sample.model_call("llm_call", text, now + 5, 0, call_type=text, finish_reason=text)
        ended = sample.timed("tool_call", text, ended + 1, 3.0, step=1, function=text, error=True, error_type=text, error_message=text)
        ended = sample.model_call("expert_call", text, ended + 1, 2, expert=text, error=True, error_type=text, error_message=text)
        sample.event(
            "step_complete", text, ended, step=0, from_role=text, to_role=text, start_ms=now + 1, total_duration_ms=ended - now - 1
        )
        sample.event(
            "retry", text, ended + 1, step=3, model=text, attempt=2, start_ms=ended, wait_ms=100.0, error_type=text, error_message=text
        )
        sample.event("stuck", text, ended + 500, step=3, waiting_on=text, model=text, elapsed_ms=400.0, limit_ms=300.0)
        if index % 2:
            sample.timed("task_end", text, now, ended - now, status="error", termination=text, error_type=text, error_message=text)
        now = ended + 10
    return sample


def write(path: Path, samples: Iterable[Sample]) -> Path:
    """The log file of one or more samples."""
    path.write_text("".join(line + "\n" for sample in samples for line in sample.lines), encoding="utf-8")
    return path
