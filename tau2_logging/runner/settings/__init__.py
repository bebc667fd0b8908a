"""The settings of a run, checked and resolved once."""
