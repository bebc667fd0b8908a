"""Whose fault a failed simulation is: the agent's, the simulated user's, the judge's, the task's, the tools', or the infrastructure's."""
