"""Statistics as pure functions: intervals, tests, resampling, power, pass^k. The task is the unit: trials of a task are not independent.

Import from the modules: this package loads nothing by itself, since a run needs `pass_k` alone.
"""
