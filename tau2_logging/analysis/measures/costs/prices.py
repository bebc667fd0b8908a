"""What a token costs: the dated table in this folder, or the user's own file of the same form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError

_TABLE = Path(__file__).with_name("prices.json")
_PER_MILLION = 1e-6
_MOST_PER_MILLION = 1_000_000.0
_PROVIDERS = ("openai", "anthropic", "gemini", "google", "vertex_ai", "deepseek")
"""Prefixes that do not change the price; elsewhere (openrouter, azure, a host of one's own) it may differ, so it is unknown."""

_DATE = re.compile(r"[-@](\d{4}-\d\d-\d\d|\d{8})$")
SCRIPTED_PREFIX = "scripted/"
FREE_PREFIXES = (SCRIPTED_PREFIX, "recorded/")
"""Of models that are played here, by a script or from a recording."""


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens: of fresh input, of output, of input read from or written to the provider's cache (None: as fresh)."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def of(self, fresh: Any, cached: Any, output: Any, cache_write: Any = 0) -> Any:
        """Return the price of that many tokens, in USD; arrays too."""
        read, write = (self.input if rate is None else rate for rate in (self.cached, self.cache_write))
        return (fresh * self.input + cached * read + cache_write * write + output * self.output) * _PER_MILLION


@dataclass(frozen=True)
class PriceTable:
    """Prices by model, as of a date. `source` says where they are from."""

    date: str
    source: str
    models: Mapping[str, Price]

    def find(self, model: str) -> Price | None:
        """Return the price of a model; None is unknown. FREE_PREFIXES are free; `openai/` and a date at the end do not matter."""
        if model.startswith(FREE_PREFIXES):
            return Price(0.0, 0.0, 0.0)
        provider, slash, name = model.partition("/")
        names = [model, name] if slash and provider in _PROVIDERS else [model]
        for candidate in [*names, *(_DATE.sub("", name) for name in names)]:
            if candidate in self.models:
                return self.models[candidate]
        return None

    def over(self, other: PriceTable) -> PriceTable:
        """Return this table, and the other's prices for the models it does not know."""
        return PriceTable(f"{self.date}, others {other.date}", f"{self.source}; {other.source}", {**other.models, **self.models})


@lru_cache(maxsize=1)
def default_prices() -> PriceTable:
    """Return the table that ships."""
    return read_prices(_TABLE)


def read_prices(path: str | Path) -> PriceTable:
    """Return a price table from JSON: {"date": ..., "models": {name: {"input": usd, "output": usd, "cached": usd, "cache_write": usd}}}.

    USD per million tokens; `cached` and `cache_write` may be left out.

    Raises UserError if the file is not that.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        models = {str(name): _price(row) for name, row in data["models"].items()}
    except OSError as error:
        raise UserError(f"cannot read the price file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        form = '{"date": "2026-11-20", "models": {"my/model": {"input": 0.4, "output": 1.6, "cached": 0.1}}}'
        raise UserError(f"{path} is not a price table ({error}); write US dollars per million tokens as {form}") from error
    return PriceTable(str(data.get("date", "no date given")), str(data.get("source", path)), models)


def _price(row: Mapping[str, Any]) -> Price:
    cached, written = (None if row.get(name) is None else float(row[name]) for name in ("cached", "cache_write"))
    price = Price(float(row["input"]), float(row["output"]), cached, written)
    if not all(0 <= rate <= _MOST_PER_MILLION for rate in (price.input, price.output, cached or 0.0, written or 0.0)):
        raise ValueError(f"a price must be between 0 and {_MOST_PER_MILLION:,}, not {dict(row)}")
    return price
