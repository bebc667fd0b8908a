"""Conversations as they can be read: what was said and called, when, at what cost, beside the task, its reference and why it was lost."""
