"""What may be said in an event: texts, arguments and settings with their secrets masked."""
