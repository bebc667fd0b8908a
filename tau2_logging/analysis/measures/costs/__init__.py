"""Money: prices of models, the cost of calls, of tasks, of experts."""
