"""The colors of roles can be told apart, by everyone, on either background."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tau2_logging.analysis.reports.pictures.palette import BACKGROUND, DARK, LIGHT

MACHADO = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}
"""Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB."""


def linear(color: str) -> np.ndarray:
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", MACHADO)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_any_two_roles_differ_by_thirty_in_lab_as_each_kind_of_vision_sees_them(palette: dict[str, str], vision: str) -> None:
    seen = {role: lab(MACHADO[vision] @ linear(color)) for role, color in palette.items()}
    closest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(seen, 2))
    assert closest[0] >= 30, closest


@pytest.mark.parametrize(("theme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_every_role_stands_out_from_its_background_by_three_to_one(theme: str, palette: dict[str, str]) -> None:
    assert {role for role, color in palette.items() if contrast(color, BACKGROUND[theme]) < 2.95} == set()
