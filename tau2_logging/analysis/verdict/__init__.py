"""Is one run better than another? Runs beside one another, paired by task, and what may be said of them."""
