"""From a command line to the plan of an experiment."""
