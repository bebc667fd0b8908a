"""From columns to pandas DataFrames: events, simulations, attempts."""
