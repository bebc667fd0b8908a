"""Speech: from the ticks of a recorded voice simulation to who spoke when, and from a log's events to tables of it."""
