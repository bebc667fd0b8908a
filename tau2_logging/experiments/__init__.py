"""Paired experiments over runs: the same tasks in several arms, one plan file, an analysis that knows what it may say."""
