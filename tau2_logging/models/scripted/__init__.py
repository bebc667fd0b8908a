"""Models that need no key and no network: they play a task's reference actions through litellm's own path.

`provider` imports litellm, which takes seconds; import it only when a run begins.
"""

from tau2_logging.models.scripted.plan import Plan, PlanBook, plan_of
from tau2_logging.models.scripted.settings import FAULTS, ScriptedSettings

__all__ = ["FAULTS", "Plan", "PlanBook", "ScriptedSettings", "plan_of"]
