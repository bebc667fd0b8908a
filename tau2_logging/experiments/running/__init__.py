"""Carrying out a plan: all of it, or until its question is settled."""
