"""Which model server a call goes to is decided here."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

import litellm

from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.instrument.model_calls.failure import wire_failure
from tau2_logging.instrument.model_calls.routed_calls import RoutedCalls
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.context import current
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints, NoEndpoint
from tau2_logging.models.servers.server_settings import PROVIDER


class Routing:
    """Deals out calls of the models `models` (litellm's names) to the servers, while it is installed."""

    def __init__(self, endpoints: Endpoints, models: Collection[str]) -> None:
        self._endpoints = endpoints
        self._layer = RoutedCalls(models, self._server_of)

    def install(self) -> None:
        """Put the layer on top of whatever is there."""
        self._layer.install()

    def uninstall(self) -> None:
        """Take it off."""
        self._layer.uninstall()

    @contextlib.contextmanager
    def _server_of(self, model: str) -> Iterator[str]:
        endpoint = self._choose(model)
        try:
            yield endpoint.address.base_url
        except Exception as error:
            self._failed(endpoint, error)
            raise
        self._endpoints.succeeded(endpoint)

    def _choose(self, model: str) -> Endpoint:
        try:
            return self._endpoints.choose(model.partition("/")[2], current())
        except NoEndpoint as error:
            if error.for_good:
                raise
            # in litellm's words, so that whoever retries knows that it may help
            raise litellm.ServiceUnavailableError(str(error), llm_provider=PROVIDER, model=model) from error

    def _failed(self, endpoint: Endpoint, error: Exception) -> None:
        status = getattr(error, "status_code", None)
        broke_off = wire_failure(error) is not None
        if broke_off or (isinstance(status, int) and status >= 500):
            with contextlib.suppress(Exception):  # the caller is to get the call's error and no other
                self._endpoints.failed(endpoint, shorten(mask_text(error_text(error)), 120), broke_off)
