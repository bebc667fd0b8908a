"""The protocols of model servers as bytes: which request is a model call, how it is asked for as a stream, how a stream is read."""

from __future__ import annotations

from tau2_logging.instrument.wire.anthropic_messages import AnthropicMessages
from tau2_logging.instrument.wire.hosts import call_type_of_host, name_in, same_either_way
from tau2_logging.instrument.wire.openai_chat import OpenAIChat
from tau2_logging.instrument.wire.openai_embeddings import OpenAIEmbeddings
from tau2_logging.instrument.wire.openai_responses import OpenAIResponses
from tau2_logging.instrument.wire.protocol import Assembler, Protocol
from tau2_logging.instrument.wire.stream_errors import ProviderError

PROTOCOLS: tuple[Protocol, ...] = (OpenAIChat(), AnthropicMessages(), OpenAIResponses())
"""Those that answer with a message, and can stream it."""
EMBEDDINGS: Protocol = OpenAIEmbeddings()


def protocol_of(method: str, path: str) -> Protocol | None:
    """Return the protocol of a request, None for one that is no model call."""
    known = (*PROTOCOLS, EMBEDDINGS) if method == "POST" else ()
    return next((protocol for protocol in known if path.rstrip("/").endswith(protocol.path)), None)


__all__ = [
    "EMBEDDINGS",
    "PROTOCOLS",
    "Assembler",
    "Protocol",
    "ProviderError",
    "call_type_of_host",
    "name_in",
    "protocol_of",
    "same_either_way",
]
