"""The variants of the user simulator, for those above the runner."""

from tau2_logging.runner.settings.arms import known_variants
from tau2_logging.users import Variant, lint

__all__ = ["Variant", "known_variants", "lint"]
