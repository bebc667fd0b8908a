"""Which program answers at an address, and how it is asked whether it is well."""

from __future__ import annotations

import pytest

from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.programs import health_page, program_at
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tests.support.played import Played, litellm_proxy, playing

VLLM_PAGES = {"/health": "", "/metrics": '# HELP x\nvllm:num_requests_running{model_name="m"} 0\n'}


@pytest.mark.parametrize(
    ("played", "name"),
    [
        (Played(owner="vllm", pages=VLLM_PAGES), "vllm"),
        (Played(owner="vllm", pages={"/version": '{"version": "0.32.0"}'}), "vllm"),
        (Played(owner="vllm"), None),  # many servers copy the word
        (Played(owner="vllm", pages={"/version": "not found"}), None),
        (Played(owner="llamacpp"), "llamacpp"),
        (Played(headers={"Server": "llama.cpp"}), "llamacpp"),
        (Played(owner="sglang"), "sglang"),
        (Played(pages={"/metrics": "sglang:num_running_reqs 0\n"}), "sglang"),
        (litellm_proxy("m"), "litellm_proxy"),
        (Played(headers={"x-litellm-version": "1.82.0"}), "litellm_proxy"),
        (Played(owner="library", pages={"/": "Ollama is running"}), "ollama"),
        (Played(), None),
        (Played(pages={"/version": '{"version": "1.0"}', "/metrics": "# vllm: no\nprocess_cpu_seconds_total 1\n"}), None),
    ],
)
def test_a_program_is_known_by_its_own_words_alone(played: Played, name: str | None) -> None:
    """And to find out asks no model anything."""
    with playing(played):
        api = ServerApi(Address.of(played.url))
        assert program_at(api, api.listing()) == name
        assert api.health_problem(health_page(name)) is None
    assert played.completed == []


def test_the_simulated_server_plays_vllm() -> None:
    """In its names of today and of yesterday."""
    for names in ("new", "old"):
        with SimulatedServer(ServerSettings(metric_names=names)) as server:
            api = ServerApi(Address.of(server.url))
            assert program_at(api, api.listing()) == "vllm"


def test_a_proxy_that_refuses_to_list_its_models_is_known_all_the_same() -> None:
    """By the page that is free and open."""
    with playing(litellm_proxy("m", wants_key=True)) as played:
        assert program_at(ServerApi(Address.of(played.url)), None) == "litellm_proxy"


@pytest.mark.parametrize("name", ["sglang", "ollama", "litellm_proxy", "openai_compatible", None])
def test_only_a_page_that_is_known_to_be_free_is_asked_for_health(name: str | None) -> None:
    """Never /health where it could cost tokens."""
    assert health_page(name) != "/health"
