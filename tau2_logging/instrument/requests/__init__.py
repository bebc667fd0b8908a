"""HTTP requests of model calls, watched from their bytes."""
