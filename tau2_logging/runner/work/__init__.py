"""The work of a run: its plan, its folder, its checkpoint, and running one simulation."""
