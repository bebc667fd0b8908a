"""Does the verdict keep its promises? Drawn pairs of runs whose truth is known."""
