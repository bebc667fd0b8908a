"""How model calls of a run are made: limits, retries, routing, model servers, checks before the start."""
