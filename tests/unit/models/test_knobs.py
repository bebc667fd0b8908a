"""Settings of scripted models: a name that changes nothing is refused with what was probably meant."""

from __future__ import annotations

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.scripted.llm_args import KNOBS, check_knobs


@pytest.mark.parametrize(
    ("role", "name", "said"),
    [
        ("user", "hang_up", "did you mean 'hangs_up'?"),
        ("agent", "hangs_up", "one of scripted/user"),
        ("judge", "empty", "did you mean 'empty_verdict'?"),
        ("expert", "quality", "it has ttft_ms"),
    ],
)
def test_an_unknown_setting_is_refused(role: str, name: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        check_knobs(role, [name])
    assert said in str(refused.value)
    assert repr(name) in str(refused.value)


def test_its_own_settings_and_those_of_real_models_are_taken() -> None:
    for role, names in KNOBS.items():
        check_knobs(role, [*names, "temperature", "max_tokens", "api_base", "api_key", "extra_body", "num_retries"])
