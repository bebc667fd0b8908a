"""How an event is made: clock, context, simulation, operation, logger, and the bridge from other packages' logging."""

from tau2_logging.logger.clock import Clock, FakeClock
from tau2_logging.logger.context import bind, carried, current
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.scope import Outcome, simulation_scope
from tau2_logging.logger.simulation import Simulation
from tau2_logging.logger.sink import Sink

__all__ = ["Clock", "EventLogger", "FakeClock", "Outcome", "Simulation", "Sink", "bind", "carried", "current", "simulation_scope"]
