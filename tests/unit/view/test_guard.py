"""Who may ask the page of all runs."""

from __future__ import annotations

import pytest

from tau2_logging.view.guard import refusal


@pytest.mark.parametrize("host", ["127.0.0.1:8737", "localhost:8737", "localhost", "[::1]:8737", "LOCALHOST:1", "127.0.0.1:9999"])
def test_a_browser_on_this_machine_is_answered(host: str) -> None:
    """Also through a tunnel, whose port is another one."""
    assert refusal("GET", "/report", {"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8737", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "0.0.0.0:8737",
     "user@localhost", "localhost/x", "", "localhost:x", "127.0.0.2", "[", "169.254.169.254"],
)  # fmt: skip
def test_another_host_is_refused(host: str) -> None:
    """A site can have a name of its own point to this machine (DNS rebinding)."""
    refused = refusal("GET", "/", {"Host": host})
    assert refused is not None
    assert refused[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "x"])
def test_another_site_can_have_no_page_made(site: str) -> None:
    """A link to the list of runs may be followed from anywhere: it gives nothing away."""
    headers = {"Host": "localhost", "Sec-Fetch-Site": site}
    assert refusal("GET", "/report", headers) is not None
    assert refusal("GET", "/", headers) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_nothing_can_be_changed(method: str) -> None:
    assert refusal(method, "/", {"Host": "localhost"}) == (405, "only GET and HEAD")
