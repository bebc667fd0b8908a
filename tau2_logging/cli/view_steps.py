"""What `view` does, once its arguments are parsed: serve the pages."""

from tau2_logging.view.runs_site import serve

__all__ = ["serve"]
