"""Environments at the cost of what is touched: copy-on-write views of tau2's databases, tools whose schemas are made once.

Neither changes a result: see `databases` and `tools`; `substitutes` puts them instead of tau2's own. `state` says what a
call has changed.
"""

from tau2_logging.environments.databases import FastDatabases
from tau2_logging.environments.state import EnvironmentStates
from tau2_logging.environments.tools import FastTools

__all__ = ["EnvironmentStates", "FastDatabases", "FastTools"]
