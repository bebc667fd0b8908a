"""What-if: the recorded run replayed through a small simulation with other settings."""

from tau2_logging.analysis.what_if.forecast import Forecast, forecasts
from tau2_logging.analysis.what_if.scenario import Scenario, parse_scenario

__all__ = ["Forecast", "Scenario", "forecasts", "parse_scenario"]
