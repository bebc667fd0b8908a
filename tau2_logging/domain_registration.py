"""`EnhancedDomainRegistry`: the `<domain>_enhanced` names in tau2's registry, for scripts that run tau2 themselves.

The commands of this package register these names for the length of a run; tau2's own commands never know them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.runner.harness.enhanced_domains import SUFFIX, register_enhanced_domain, register_enhanced_domains
from tau2_logging.runner.harness.tau2_harness import Tau2Harness


class EnhancedDomainRegistry:
    """tau2's registry, with second names for its domains. Raises UserError if tau2 is not installed."""

    def __init__(self) -> None:
        self._registry = Tau2Harness.load().registry

    def register_all_available_domains(self) -> dict[str, Callable[..., Any]]:
        """Register every domain that has tasks under its second name. Returns each such name with what makes its environment."""
        register_enhanced_domains(self._registry)
        names = [name for name in self._registry.get_domains() if name.endswith(SUFFIX)]
        return {name: self._registry.get_env_constructor(name) for name in names}

    def register_enhanced_domain(
        self, domain_name: str, original_get_environment: Callable[..., Any], original_get_tasks: Callable[..., Any]
    ) -> str:
        """Register a domain of your own as `<domain_name>_enhanced`, and return that name. Raises UserError if it is taken."""
        name = f"{domain_name.removesuffix(SUFFIX)}{SUFFIX}"
        if name in self._registry.get_domains():
            raise UserError(f"tau2's registry has a domain {name!r} already; choose another domain_name")
        register_enhanced_domain(self._registry, name, original_get_environment, original_get_tasks)
        return name
