"""What one event costs the thread that makes it, beside the standard library's logging, loguru and structlog in the same run."""
