"""A run as rows and intervals on one clock, which pictures, traces and pages draw."""
