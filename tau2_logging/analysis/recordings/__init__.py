"""What others recorded, tau2's results files and Inspect AI's logs, as a log of ours; and results files merged and filtered."""

from tau2_logging.analysis.recordings.inspect_eval import SUFFIX as EVAL
from tau2_logging.analysis.recordings.recorded_simulation import Missing
from tau2_logging.analysis.recordings.to_log import load_results, recorded_file, recorded_files, write_log

__all__ = ["EVAL", "Missing", "load_results", "recorded_file", "recorded_files", "write_log"]
