"""MASEval's Tau2 benchmark under our profiler, and its recorded reports scored by tau2.

`benchmark` runs a repetition where tau2's own task would be run; `conversation` turns MASEval's two message histories into tau2's
trajectory, `scoring` has tau2's evaluator score it; `rescore` does that for reports that somebody recorded.
"""
