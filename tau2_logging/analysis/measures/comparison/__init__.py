"""Runs beside one another: paired differences, which runs may be pooled, arms."""
