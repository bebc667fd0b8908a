"""Models that the agent may consult, or hand a turn to, through a tool."""

from tau2_logging.models.experts.expert_model import ADVISE, DELEGATE, MODES, Expert
from tau2_logging.models.experts.parse import parse_expert, parse_experts

__all__ = ["ADVISE", "DELEGATE", "MODES", "Expert", "parse_expert", "parse_experts"]
