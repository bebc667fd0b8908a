"""Copy-on-write views of tau2's databases: a simulation starts and is hashed at the cost of what it touches."""

from tau2_logging.environments.databases import FastDatabases

__all__ = ["FastDatabases"]
