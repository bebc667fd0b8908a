"""Models that need no key and no network: they play a task's reference actions through litellm's own path.

`provider` imports litellm, which takes seconds; import it only when a run starts.
"""

from tau2_logging.models.scripted.llm_args import FAULTS, ScriptedSettings
from tau2_logging.models.scripted.task_script import TaskScript, TaskScripts, script_of

__all__ = ["FAULTS", "ScriptedSettings", "TaskScript", "TaskScripts", "script_of"]
