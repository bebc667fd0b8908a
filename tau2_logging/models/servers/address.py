"""Where a model server is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import shown_address


@dataclass(frozen=True)
class Address:
    """`root` is what `/health`, `/metrics` and `/v1` are appended to, without a slash at its end."""

    root: str

    @classmethod
    def of(cls, text: str) -> Address:
        """From what the user writes: with or without `http://`, with or without `/v1`. Raises UserError."""
        parts = urlsplit(text if "://" in text else f"http://{text}")
        try:
            bad = parts.scheme not in ("http", "https") or not parts.hostname or bool(parts.query) or parts.port == 0
        except ValueError:
            bad = True
        if bad:
            raise UserError(f"--endpoint {shown_address(text)!r} is no address of a server; write it as http://127.0.0.1:8000/v1")
        if parts.username or parts.password:
            raise UserError("--endpoint contains a user name or password; set HOSTED_VLLM_API_KEY instead")
        path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
        return cls(f"{parts.scheme}://{parts.netloc}{path}")

    @property
    def base_url(self) -> str:
        """What litellm and the SDKs call api_base."""
        return f"{self.root}/v1"

    @property
    def name(self) -> str:
        """host:port, as the model calls' `endpoint` has it."""
        parts = urlsplit(self.root)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def host(self) -> str:
        """Its name, without the port."""
        return urlsplit(self.root).hostname or ""

    @property
    def local(self) -> bool:
        """On this machine."""
        return self.host in ("127.0.0.1", "localhost", "::1")
