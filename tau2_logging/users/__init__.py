"""Variants of tau2's user simulator: the same customer with the same request, who writes in another manner.

`simulator` imports tau2, which takes seconds; `registration` imports it when a variant is registered.
"""

from tau2_logging.users.builtin import BUILTIN, CONTROL, PLACEBO
from tau2_logging.users.lint import LintFinding, lint
from tau2_logging.users.user_registration import registered_users, user_name
from tau2_logging.users.variant import MARKERS, Variant
from tau2_logging.users.variant_files import read_variants

__all__ = ["BUILTIN", "CONTROL", "MARKERS", "PLACEBO", "LintFinding", "Variant", "lint", "read_variants", "registered_users", "user_name"]
