"""What others recorded, tau2's results files and Inspect AI's logs, as a log of ours; and results files merged and filtered."""

from tau2_logging.analysis.recordings.log import load_results, recorded_file, write_log
from tau2_logging.analysis.recordings.talk import Missing

__all__ = ["Missing", "load_results", "recorded_file", "write_log"]
