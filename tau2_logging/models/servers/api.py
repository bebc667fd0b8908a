"""What we ask of a model server besides answers: is it well, which models has it, its figures. Standard library only."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.settings import KEY_VARIABLE

PROBE_TIMEOUT_S = 5.0
"""A server that is loaded answers late, and is well all the same."""
_MOST_BYTES = 16 << 20
_NOT_THERE = (404, 405, 501)


class ServerSilent(Tau2LoggingError):
    """A server does not answer, or not sensibly; the message says how. `status` is the HTTP status, where there was one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class ServerApi:
    """Questions to the server at an address. Each waits `timeout_s` at most for a sign of life."""

    def __init__(self, address: Address, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        self.address = address
        self._timeout_s = timeout_s
        proxies: dict[str, str] | None = {} if address.local else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))

    def ailment(self) -> str | None:
        """None when the server is well; else what is wrong. A server without /health is well when it lists its models."""
        try:
            self._get("/health")
            return None
        except ServerSilent as silent:
            if silent.status not in _NOT_THERE:
                return str(silent)
        try:
            self.models()
        except ServerSilent as silent:
            return str(silent)
        return None

    def models(self) -> list[str]:
        """Names of the models it serves. Raises ServerSilent."""
        text = self._get("/v1/models")
        try:
            return [str(item["id"]) for item in json.loads(text)["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ServerSilent(f"/v1/models is not a list of models: {text[:80]!r}") from error

    def metrics(self) -> str | None:
        """Its figures as Prometheus text; None where it has none. Raises ServerSilent."""
        try:
            return self._get("/metrics")
        except ServerSilent as silent:
            if silent.status in (*_NOT_THERE, 401, 403):
                return None
            raise

    def _get(self, path: str) -> str:
        request = urllib.request.Request(self.address.root + path, headers=self._headers())
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return str(response.read(_MOST_BYTES).decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            with error:
                raise ServerSilent(f"{path} answers {error.code}", error.code) from error
        except urllib.error.URLError as error:
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise ServerSilent(str(reason).lower() or "no answer") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerSilent(f"{path}: {error or type(error).__name__}") from error

    @staticmethod
    def _headers() -> dict[str, str]:
        key = os.environ.get(KEY_VARIABLE)
        return {"Authorization": f"Bearer {key}"} if key else {}
