"""What we ask of a model server besides answers: is it well, which models has it, its figures. Standard library only."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.server_settings import KEY_VARIABLE

PROBE_TIMEOUT_S = 5.0
"""A server that is loaded answers late, and is well all the same."""
_MOST_BYTES = 16 << 20
_NOT_THERE = (404, 405, 501)


class ServerSilent(Tau2LoggingError):
    """A server does not answer, or not sensibly; the message says how. `status` is the HTTP status, if there was one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Listing:
    """What /v1/models says: the models' names, who owns them, the answer's headers by name in small letters."""

    models: tuple[str, ...]
    owners: frozenset[str]
    headers: Mapping[str, str]


class ServerApi:
    """Questions to the server at an address, none of which asks a model. Each waits `timeout_s` at most for a sign of life.

    `key` None: the one that HOSTED_VLLM_API_KEY holds.
    """

    def __init__(self, address: Address, timeout_s: float = PROBE_TIMEOUT_S, key: str | None = None) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._key = key or os.environ.get(KEY_VARIABLE)
        proxies: dict[str, str] | None = {} if address.local else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))

    def health_problem(self, health: str | None = None) -> str | None:
        """None when the server is well; else what is wrong. `health` is a page that is known to tell, and to cost nothing; else, and if
        there is none after all, a server that lists its models is well.
        """
        try:
            if health is not None:
                self.page(health)
                return None
        except ServerSilent as silent:
            if silent.status not in _NOT_THERE:
                return str(silent)
        try:
            self.listing()
        except ServerSilent as silent:
            return str(silent)
        return None

    def listing(self) -> Listing:
        """Return what /v1/models says. Raises ServerSilent."""
        text, headers = self._get("/v1/models")
        try:
            items = json.loads(text)["data"]
            return Listing(tuple(str(item["id"]) for item in items), frozenset(str(item.get("owned_by")) for item in items), headers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServerSilent(f"/v1/models is not a list of models: {text[:80]!r}") from error

    def models(self) -> list[str]:
        """Return the names of the models it serves. Raises ServerSilent."""
        return list(self.listing().models)

    def metrics(self) -> str | None:
        """Return its figures as Prometheus text; None if it has none. Raises ServerSilent."""
        try:
            return self.page("/metrics")
        except ServerSilent as silent:
            if silent.status in (*_NOT_THERE, 401, 403):
                return None
            raise

    def page(self, path: str) -> str:
        """Return the text of a page. Raises ServerSilent."""
        return self._get(path)[0]

    def _get(self, path: str) -> tuple[str, dict[str, str]]:
        request = urllib.request.Request(self.address.root + path, headers=self._headers())
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return str(response.read(_MOST_BYTES).decode("utf-8", "replace")), headers
        except urllib.error.HTTPError as error:
            with error:
                raise ServerSilent(f"{path} answers {error.code}", error.code) from error
        except urllib.error.URLError as error:
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise ServerSilent(str(reason).lower() or "no answer") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerSilent(f"{path}: {error or type(error).__name__}") from error

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}
