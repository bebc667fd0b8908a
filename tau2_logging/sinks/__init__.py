"""Where events go."""

from tau2_logging.sinks.domain_files import DomainFiles
from tau2_logging.sinks.memory import MemorySink

__all__ = ["DomainFiles", "MemorySink"]
