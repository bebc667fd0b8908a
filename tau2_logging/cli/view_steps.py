"""What `view` does, once its arguments are parsed: serve the pages."""

from tau2_logging.view.server import serve

__all__ = ["serve"]
