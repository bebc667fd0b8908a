"""Figures of a run: latency, cost, time budget, makespan, outliers, servers, gates, comparison."""
