"""What answers prompts."""
