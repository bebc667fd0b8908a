"""The verdict on runs."""
