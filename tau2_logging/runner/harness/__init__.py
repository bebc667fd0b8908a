"""Which harness runs the tasks: tau2 itself, or MASEval's port of it."""
