"""How long a test waits for what must happen."""

LONG_S = 300.0
"""Longer than anything here takes on the slowest machine: it ends tests of what hangs, and judges nothing by its speed."""
