"""The protocols that the simulated server speaks."""
