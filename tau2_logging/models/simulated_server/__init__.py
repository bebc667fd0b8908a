"""A model server without a model: it speaks the OpenAI and Anthropic protocols on loopback, as slow and as faulty as it is told to be."""

from tau2_logging.models.simulated_server.journal import Exchange
from tau2_logging.models.simulated_server.protocols.completion import FAULTS, Reply, ToolUse
from tau2_logging.models.simulated_server.server import SimulatedServer
from tau2_logging.models.simulated_server.settings import ServerSettings

__all__ = ["FAULTS", "Exchange", "Reply", "ServerSettings", "SimulatedServer", "ToolUse"]
