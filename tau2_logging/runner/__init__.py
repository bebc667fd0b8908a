"""Run tau2-bench: settings, harness, model calls, work, executors, and the session that puts them together."""
