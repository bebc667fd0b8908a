"""The worker processes of a run: when each was ready, what it did, and what was lost with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tau2_logging.analysis.tables.columns import as_floats

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

COLUMNS = ("worker", "host", "ready_ms", "simulations", "failed", "mean_ms", "lost", "ended_because")


def worker_processes(log: LogData) -> pd.DataFrame:
    """Return one row a worker, in the order they were ready; none if simulations ran in threads. A resumed run names its workers again
    from w0: of workers with one name and host the figures are added.

    Columns: worker, host, ready_ms (since the run started), simulations (that ended there), failed (in error or timeout), mean_ms (of a
    simulation), lost (simulations that were run again elsewhere), ended_because (if it ended and should not have).
    """
    import pandas as pd

    key = ["worker", "host"]
    up = log.select([*key, "start_ms"], types=["worker_up"])
    if up.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    table = up.groupby(key, sort=False)["start_ms"].min().rename("ready_ms").reset_index()
    ended = log.select([*key, "status", "duration_ms"], types=["task_end"])
    ended = ended.assign(failed=(ended["status"] != "ok").astype(int), ms=as_floats(ended["duration_ms"]))
    done = (
        ended.groupby(key, sort=False).agg(simulations=("status", "size"), failed=("failed", "sum"), mean_ms=("ms", "mean")).reset_index()
    )
    down = log.select([*key, "simulations", "error_message"], types=["worker_down"])
    lost = down.groupby(key, sort=False).agg(lost=("simulations", "sum"), ended_because=("error_message", "last")).reset_index()
    table = table.merge(done, on=key, how="left").merge(lost, on=key, how="left")
    counts = {name: table[name].fillna(0).astype("int64") for name in ("simulations", "failed", "lost")}
    return table.assign(**counts)[list(COLUMNS)]
