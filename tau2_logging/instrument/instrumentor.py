"""The template of an instrumentor: install and uninstall, idempotent and reversible."""

from __future__ import annotations

import importlib.util
import threading
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from tau2_logging.instrument.patching import Patches, walked_once


class Instrumentor:
    """Wraps one package. A subclass says in `wrap` what it puts where; everything is taken off again by `uninstall`. Usable as a context
    manager.

    Wrappers that are taken off are not called any more, the code that holds them (see `patching`). `self.installed` is for what they have
    handed out: a tool, a stream.
    """

    def __init__(self) -> None:
        self.installed = False
        self._patches = Patches()
        self._lock = threading.Lock()

    def install(self) -> bool:
        """Wrap. True if it is in place afterwards, False if the package is not there or too old or new."""
        with self._lock:
            if not self.installed and self.supported():
                try:
                    self.wrap(self._patches)
                except BaseException:
                    self._patches.restore()
                    raise
                self.installed = True
            return self.installed

    def uninstall(self) -> None:
        """Leave no trace."""
        with self._lock:
            self.installed = False
            self._patches.restore()

    def __enter__(self) -> Instrumentor:
        self.install()
        return self

    def __exit__(self, *details: object) -> None:
        self.uninstall()

    def supported(self) -> bool:
        """Return whether the package is there in a version this knows."""
        return True

    def wrap(self, patches: Patches) -> None:
        """Put the wrappers in place."""
        raise NotImplementedError


def installed_together() -> AbstractContextManager[None]:
    """Return a block for installing several instrumentors: the modules of the process are gone through once for all of them."""
    return walked_once()


def distribution_version(*names: str) -> str | None:
    """Return `name version` of the first of these distributions that is installed."""
    return next((f"{name} {version}" for name in names if (version := _version(name)) is not None), None)


@lru_cache
def _version(name: str) -> str | None:
    """Return it from the metadata, which take a millisecond or more to parse."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def has_module(package: str, module: str) -> bool:
    """Return whether an importable package holds a module of that name, without importing either."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False
    places = (found.submodule_search_locations if found is not None else None) or ()
    return any((Path(place) / f"{module}.py").exists() or (Path(place) / module / "__init__.py").exists() for place in places)
