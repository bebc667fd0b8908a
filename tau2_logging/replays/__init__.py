"""Recorded conversations used again: judged by other judges, or rebuilt up to a turn and played on from there."""
