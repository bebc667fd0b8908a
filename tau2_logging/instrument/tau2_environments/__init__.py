"""What is put in the place of tau2's environments: their data, databases and tools, and faults of tools."""
