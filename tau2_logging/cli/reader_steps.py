"""What `--reader MODEL` does: forecast, ask about each failed simulation once, and keep what can be kept beside the results file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import cases
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.attribution.reader_question import Reading, question, question_hash, reading_of
from tau2_logging.analysis.deep.reading.files.reading_files import READINGS_FILE, add_reading, saved_readings
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY
from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text, masked_start
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.runner.model_calls.ask_model import ModelAnswer, ask, price_per_token, ready_to_ask, tokens_of
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.settings.json_flag import json_object
from tau2_logging.units import money

DEFAULT_MAX_COST = 1.0
_ANSWER_TOKENS = 150
"""Of an answer, for the forecast."""
_AT_ONCE = 4


@dataclass(frozen=True)
class _Asked:
    case: FailedCase
    messages: list[dict[str, str]]
    hash: str


def read_failures(analyzer: LogAnalyzer, llm: str, args: str | None, max_cost: float | None) -> None:
    """Have a model read the failed simulations that it has not read yet. Raises UserError for a model that cannot be asked, or a limit of
    cost that cannot be kept."""
    model = ModelChoice(llm, json_object("--reader-args", args), named=True)
    with ready_to_ask(model):
        price = price_per_token(model)
        if price is None and max_cost is not None:
            raise UserError(
                f"--reader-max-cost needs the price of {llm!r}, which litellm does not know; give input_cost_per_token and "
                "output_cost_per_token in --reader-args, or leave the limit out"
            )
        path = _folder(analyzer) / READINGS_FILE
        known = {(row["reader"], row["question"]) for row in saved_readings(path)}
        every = list(_questions(analyzer))
        wanted = [one for one in every if (llm, one.hash) not in known]
        limit = DEFAULT_MAX_COST if max_cost is None else max_cost
        chosen = _affordable(model, wanted, price, limit)
        _say(f"reader {llm}: {_forecast(model, chosen, price)}{_not_read(len(every) - len(wanted), len(wanted) - len(chosen), limit)}")
        costs: list[float] = []
        for cost in _read(model, chosen, path):
            costs.append(cost)
            if price is not None and sum(costs) > limit:
                break
        if costs:
            _say(f"reader {llm}: {len(costs)} read" + ("" if price is None else f", {money(sum(costs))}") + f"; {path}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _folder(analyzer: LogAnalyzer) -> Path:
    """Return where the results are."""
    sources = [Path(source) for source in analyzer.recorded.sources]
    told = [path for path in sources if path.suffix in (".json", ".jsonl")] or sources
    return told[0].resolve().parent


def _questions(analyzer: LogAnalyzer) -> Iterator[_Asked]:
    for case in cases(analyzer.recorded):
        if messages := question(case):
            yield _Asked(case, messages, question_hash(messages))


def _cost(model: ModelChoice, one: _Asked, price: tuple[float, float]) -> float:
    return tokens_of(model, one.messages) * price[0] + _ANSWER_TOKENS * price[1]


def _affordable(model: ModelChoice, wanted: list[_Asked], price: tuple[float, float] | None, limit: float) -> list[_Asked]:
    """Return those that fit into the limit, the first ones first; all if no price is known."""
    chosen, sum_ = [], 0.0
    for one in wanted:
        sum_ += 0.0 if price is None else _cost(model, one, price)
        if sum_ > limit:
            break
        chosen.append(one)
    return chosen


def _forecast(model: ModelChoice, chosen: list[_Asked], price: tuple[float, float] | None) -> str:
    tokens = sum(tokens_of(model, one.messages) for one in chosen)
    cost = 0.0 if price is None else sum(_cost(model, one, price) for one in chosen)
    told = "at a price that is not known" if price is None else f"about {money(cost)}" if cost else "free"
    what = "1 failed simulation" if len(chosen) == 1 else f"{len(chosen)} failed simulations"
    return f"{what} to read, about {tokens:,} tokens, {told}" if chosen else "no failed simulation to read"


def _not_read(before: int, left_out: int, limit: float) -> str:
    parts = [f"{before} read before"] * bool(before)
    parts += [f"{left_out} left out by the limit of {money(limit)} (--reader-max-cost)"] * bool(left_out)
    return "".join(f"; {part}" for part in parts)


def _read(model: ModelChoice, chosen: list[_Asked], path: Path) -> Iterator[float]:
    """Ask and keep; yield what each answer cost."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(chosen), _AT_ONCE):
            some = chosen[start : start + _AT_ONCE]
            for one, (answer, reading) in zip(some, pool.map(lambda one: _one(model, one), some), strict=True):
                if answer is None:
                    _say(f"reader {model.llm}: task {one.case.simulation['task']}: {reading.problem}")
                    continue
                add_reading(path, _row(model, one, answer, reading))
                yield answer.cost_usd or 0.0


def _one(model: ModelChoice, one: _Asked) -> tuple[ModelAnswer | None, Reading]:
    """Return an answer and what is kept of it. A call that failed is none, and is made again next time."""
    try:
        answer = ask(model, one.messages)
    except Exception as error:
        return None, Reading(problem=masked_start(error_line(error)))
    return answer, reading_of(answer.text, one.case)


def _row(model: ModelChoice, one: _Asked, answer: ModelAnswer, reading: Reading) -> dict[str, Any]:
    return {
        **{name: one.case.simulation[name] for name in RUN_KEY}, "reader": model.llm, "question": one.hash, "fault": reading.fault,
        "turn": reading.turn, "quote": mask_text(reading.quote), "why": mask_text(reading.why), "problem": reading.problem,
        "input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens, "cost_usd": answer.cost_usd,
    }  # fmt: skip
