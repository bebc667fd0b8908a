"""What the agent did right and wrong: three outcomes that are never mixed, errors, arguments, behavior, causes.

from tau2_logging.analysis.deep import LogAnalyzer

LogAnalyzer("logs/runs/<run>").get_error_analysis()["root_causes"]
"""

from tau2_logging.analysis.deep.analyzer import LogAnalyzer
from tau2_logging.analysis.deep.reading.recorded import Recorded
from tau2_logging.analysis.deep.table_kinds import DeepTable

__all__ = ["DeepTable", "LogAnalyzer", "Recorded"]
