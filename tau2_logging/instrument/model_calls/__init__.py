"""A model call, from request to event."""
