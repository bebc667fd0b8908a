"""How long the run took, and why: makespan, critical path, time budget, waits, another order."""
