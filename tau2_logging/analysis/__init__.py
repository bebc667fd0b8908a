"""From a log to answers: reading, tables, statistics and reports. Needs neither tau2 nor litellm.

from tau2_logging.analysis import load_log

log = load_log("logs/tau2_retail.log")
log.latency(by="model")
"""

from tau2_logging.analysis.load import load_log
from tau2_logging.analysis.reader.line import Rejected
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.run_log import RunLog

__all__ = ["Rejected", "ReportOptions", "RunLog", "load_log"]
