"""Events of a simulation: whose turn it is, tool calls, evaluation."""
