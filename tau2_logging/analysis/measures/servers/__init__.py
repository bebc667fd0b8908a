"""Model servers and worker processes: their load, their queues, their outages."""
