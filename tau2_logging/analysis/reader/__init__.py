"""From bytes to typed columns."""
