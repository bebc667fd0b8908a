"""Two implementations of the benchmark, the same calls, compared: tau2 and MASEval's port of it, or two releases of tau2.

`python -m tau2_logging parity` is the command. Each side plays in a process of its own (`worker`): two interpreters can be compared.
"""
