"""Tables of several runs: each run's own rows, keyed by `run`. Runs are added up only in a log that says it is pooled."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import pandas as pd

RUN = "run"


class HasRuns(Protocol):
    """What can be split into its runs."""

    @property
    def run_id(self) -> str | None:
        """Return the id of the log's only run, None if there are several or it is unknown."""

    @property
    def pooled(self) -> bool:
        """Return whether the runs may be added up as if they were one."""

    @property
    def by_run(self) -> Sequence[Any]:
        """Return one log for each run, in the order in which they occur."""


P = ParamSpec("P")
L = TypeVar("L", bound=HasRuns)
S = TypeVar("S")
T = TypeVar("T")
Method = Callable[Concatenate[L, P], "pd.DataFrame"]


def each_run(method: Method[L, P]) -> Method[L, P]:
    """Return a table whose rates and sums are of one run: of several runs it is made for each and keyed by run, unless the log is
    pooled."""

    @wraps(method)
    def table(log: L, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        return method(log, *args, **kwargs) if log.pooled else _of_each(method, log, *args, **kwargs)

    return table


def kept(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Return a table, or other figures, that are made once for each log (or other source) and arguments, since every report asks for
    them. Each caller gets a copy of what can be copied, so that it may change it."""
    signature = inspect.signature(method)

    @wraps(method)
    def table(log: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        made, bound = _MADE.setdefault(log, {}), signature.bind(log, *args, **kwargs)
        bound.apply_defaults()
        key = (method, *map(id, bound.args[1:]))
        if key not in made:
            made[key] = (bound.args[1:], method(log, *args, **kwargs))  # the arguments are held, so that no other object gets their id
        found: T = made[key][1]
        return _copied(found)

    return table


def _copied(found: T) -> T:
    """Return a copy of what can be copied. Since pandas 3 the columns of a table are copied when one of the two is changed."""
    import pandas as pd

    if isinstance(found, pd.DataFrame) and int(pd.__version__.partition(".")[0]) >= 3:
        return cast("T", found.copy(deep=False))
    return cast("T", found.copy()) if hasattr(found, "copy") else found


_MADE: weakref.WeakKeyDictionary[Any, dict[tuple[Any, ...], tuple[Any, Any]]] = weakref.WeakKeyDictionary()


def always_each_run(method: Method[L, P]) -> Method[L, P]:
    """Return a table that makes sense on one run's clock alone: of several runs it is keyed by run, pooled or not."""

    @wraps(method)
    def table(log: L, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        return _of_each(method, log, *args, **kwargs)

    return table


def _of_each(method: Method[L, P], log: L, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
    if len(log.by_run) < 2:
        return method(log, *args, **kwargs)
    return keyed((str(one.run_id), method(one, *args, **kwargs)) for one in log.by_run)


def keyed(tables: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Return the tables of several runs under one another, with `run` as the first column."""
    import pandas as pd

    whole = [_with_run(run, table) for run, table in tables]
    names = list(dict.fromkeys(str(name) for table in whole for name in table))
    parts = [table.dropna(axis=1, how="all") for table in whole if len(table)]  # pandas guesses types of columns without a value
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return rows.reindex(columns=pd.Index(names, dtype=object))


def _with_run(run: str, table: pd.DataFrame) -> pd.DataFrame:
    rest = table.drop(columns=RUN, errors="ignore")
    rest.insert(0, RUN, run)
    return rest
