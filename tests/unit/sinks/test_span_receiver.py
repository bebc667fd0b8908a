"""The endpoint to which model servers send their spans: it takes what is right and refuses what is not, whatever comes."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.errors import UserError

pytest.importorskip("opentelemetry.proto", reason="pip install -r requirements-otel.txt")

from tau2_logging.sinks.otlp_sender import read_spans
from tau2_logging.sinks.server_spans import ServerSpan
from tau2_logging.sinks.span_receiver import MOST_BYTES, SpanReceiver
from tests.support.server_spans import post, request

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Open:
    """A receiver and what it has taken."""

    port: int
    taken: list[ServerSpan] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"


@pytest.fixture(scope="module")
def open_() -> Iterator[Open]:
    found = Open(0)
    receiver = SpanReceiver("127.0.0.1", 0, found.taken.extend)
    found.port = receiver.port
    yield found
    receiver.close()


@pytest.fixture
def receiver(open_: Open) -> Open:
    open_.taken.clear()
    return open_


@pytest.mark.parametrize("packed", [False, True])
def test_a_span_comes_out_with_the_times_that_the_server_wrote(receiver: Open, packed: bool) -> None:
    """Plain or gzip; by an encoder that shares no code with the receiver."""
    body = request(PARENT, queue_ms=4.0, ttft_ms=10.0, decode_ms=20.0)
    assert post(receiver.url, gzip.compress(body, mtime=0) if packed else body, {"Content-Encoding": "gzip"} if packed else {}) == 200
    (span,) = receiver.taken
    assert span.parent_id == 0xB7AD6B7169203331
    assert span.figures() == pytest.approx(
        {
            "server_queue_ms": 4.0, "server_ttft_ms": 10.0, "server_prefill_ms": 6.0, "server_decode_ms": 20.0, "server_e2e_ms": 40.0,
            "input_tokens": 100, "output_tokens": 7,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/traces", b"\xff\xff\xff", {}, 400),
        ("/v1/traces", b'{"resourceSpans": []}', {"Content-Type": "application/json"}, 400),
        ("/v1/traces", b"no gzip", {"Content-Encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"x" * 1000, mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"\0" * (MOST_BYTES + 1), mtime=0), {"Content-Encoding": "gzip"}, 413),
        ("/v1/traces", b"", {"Content-Encoding": "br"}, 400),
        ("/v1/metrics", b"", {}, 404),
        ("/", b"", {}, 404),
    ],
)
def test_a_bad_request_is_refused_and_the_next_one_taken(
    receiver: Open, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """With a status that says so; nothing of it is kept."""
    assert post(f"http://127.0.0.1:{receiver.port}{path}", body, headers) == status
    assert receiver.taken == []
    assert post(receiver.url, request(PARENT)) == 200
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"501"),
        (b"\x16\x03\x01 no HTTP at all\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_proper_request_is_refused(receiver: Open, raw: bytes, status: bytes) -> None:
    """Without a length, with one that cannot be, or no HTTP."""
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(raw)
        assert status in connection.makefile("rb").read()
    assert post(receiver.url, request(PARENT)) == 200


def test_a_client_that_leaves_in_the_middle_harms_nobody(receiver: Open, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is kept of its half, nothing is printed, and the next request is taken."""
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
    assert post(receiver.url, request(PARENT)) == 200
    assert len(receiver.taken) == 1
    assert capfd.readouterr() == ("", "")


@given(st.binary(max_size=200))
def test_any_bytes_are_spans_or_a_value_error(body: bytes) -> None:
    """Nothing else is raised, and what comes out has figures or none."""
    try:
        spans = read_spans(body)
    except ValueError:
        return
    assert all(isinstance(span.figures(), dict) for span in spans)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "4", True, None])
def test_a_value_that_cannot_be_is_unknown_not_zero(value: object) -> None:
    """The others are kept; a span without any time is of no model request."""
    span = ServerSpan(1, 2, {"gen_ai.latency.time_in_queue": value, "gen_ai.latency.e2e": 0.5, "gen_ai.usage.prompt_tokens": value})
    assert span.figures() == {"server_e2e_ms": 500.0}
    assert ServerSpan(1, 2, {"gen_ai.usage.prompt_tokens": 5}).figures() == {}


def test_a_port_that_is_taken_is_said_in_a_sentence(receiver: Open) -> None:
    """With the address and what to do."""
    with pytest.raises(UserError, match=f"127.0.0.1:{receiver.port} .*--receive-traces"):
        SpanReceiver("127.0.0.1", receiver.port, lambda spans: None)
