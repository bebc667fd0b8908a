"""The command line, in the shape of `vllm serve`, so that it can replace it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.command_parser import CommandParser
from tau2_logging.errors import UserError
from tau2_logging.invocation import command, program
from tau2_logging.models.simulated_server.protocols.completion import FAULTS
from tau2_logging.models.simulated_server.settings import METRIC_NAMES, ServerSettings

NAME = "simulate-server"
"""The command."""
_EPILOG = f"""\
faults: {", ".join(FAULTS)}

flags of vLLM that mean nothing here are named on standard error and ignored
"""


@dataclass(frozen=True)
class Options:
    """What was asked for. `ignored` are the arguments that nobody knows."""

    settings: ServerSettings
    host: str
    port: int
    journal: Path | None
    lifetime_s: float
    die_after_s: float | None
    ignored: tuple[str, ...]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of everything after `[serve] MODEL`."""
    parser = CommandParser(
        prog=program(NAME),
        usage=f"{program(NAME)} [serve] MODEL [options]",
        description="A model server without a model: OpenAI and Anthropic protocols on loopback, with the latency and faults that you set.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--model", metavar="MODEL", help="the model, if it is not the first argument")
    parser.add_argument("--served-model-name", nargs="+", metavar="NAME", help="names under which it answers (default: MODEL)")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1, the only one there is")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 (default) takes a free one")
    _add_timing(parser.add_argument_group("timing"))
    _add_faults(parser.add_argument_group("what goes wrong"))
    _add_replies(parser.add_argument_group("replies and records"))
    return parser


def _add_timing(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--ttft-ms", type=float, default=0.0, metavar="MS", help="prefill: from the start of a request to its first token")
    group.add_argument("--itl-ms", type=float, default=0.0, metavar="MS", help="from one token to the next")
    group.add_argument("--batch-size", "--max-num-seqs", type=int, metavar="N", help="requests that run at once; the others wait")
    group.add_argument("--startup-s", type=float, default=0.0, metavar="S", help="answer 503 for so long")
    group.add_argument("--lifetime", type=float, default=3600.0, metavar="S", help="end after so long (default: 3600)")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--faults", default="{}", metavar="JSON", help="rates by name, as in '{\"rate_limit\": 0.05}'")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the faults and the replies")
    group.add_argument("--retry-after-s", type=float, default=0.0, metavar="S", help="the retry-after header of a 429")
    group.add_argument("--max-context", "--max-model-len", type=int, metavar="TOKENS", help="refuse longer prompts")
    group.add_argument("--no-stream", action="store_true", help="refuse to stream")
    group.add_argument("--no-stream-usage", action="store_true", help="OpenAI streams never carry usage")
    group.add_argument("--api-key", metavar="KEY", help="refuse any other key")
    group.add_argument("--die-after", type=float, metavar="S", help="end with exit code 1 after so long")


def _add_replies(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--turns", type=int, default=2, metavar="N", help="what a user simulator says before it ends the conversation")
    group.add_argument("--reply-tokens", type=int, metavar="N", help="length of what an agent says (default: as it comes)")
    group.add_argument("--journal", type=Path, metavar="FILE", help="append each exchange as a JSON line")
    group.add_argument("--otlp-traces-endpoint", metavar="URL", help="send a span of each request there by OTLP/HTTP, as vLLM does; every "
                       "5 s, or what OTEL_BSP_SCHEDULE_DELAY says in ms")  # fmt: skip
    group.add_argument("--metric-names", choices=METRIC_NAMES, default="new", help="names at /metrics: of new or old vLLM")


def read_options(argv: Sequence[str]) -> Options:
    """Return the options in a command line. Raises UserError; argparse ends the program for --help and malformed numbers."""
    rest = list(argv[1:] if argv[:1] == ["serve"] else argv)
    model = rest.pop(0) if rest and not rest[0].startswith("-") else None
    chosen, ignored = build_parser().parse_known_args(rest)
    model = model or chosen.model
    if not model:
        raise UserError(f"no model; give a name first, as in: {command(NAME)} sim --port 8000")
    return Options(
        settings=_settings(chosen, tuple(chosen.served_model_name or (model,))),
        host=chosen.host,
        port=_port(chosen.port),
        journal=chosen.journal,
        lifetime_s=chosen.lifetime,
        die_after_s=chosen.die_after,
        ignored=tuple(ignored),
    )


def _settings(chosen: argparse.Namespace, models: tuple[str, ...]) -> ServerSettings:
    return ServerSettings(
        models=models,
        ttft_ms=chosen.ttft_ms,
        itl_ms=chosen.itl_ms,
        batch_size=chosen.batch_size,
        faults=_faults(chosen.faults),
        seed=chosen.seed,
        can_stream=not chosen.no_stream,
        stream_usage=not chosen.no_stream_usage,
        max_context=chosen.max_context,
        turns=chosen.turns,
        reply_tokens=chosen.reply_tokens,
        retry_after_s=chosen.retry_after_s,
        api_key=chosen.api_key,
        metric_names=chosen.metric_names,
        startup_s=chosen.startup_s,
        journal_limit=0,
        traces_endpoint=chosen.otlp_traces_endpoint,
        traces_every_s=_every_s(os.environ.get("OTEL_BSP_SCHEDULE_DELAY")),
    )


def _every_s(delay_ms: str | None) -> float:
    """By the variable that OpenTelemetry's own exporters read."""
    return int(delay_ms) / 1000 if delay_ms is not None and delay_ms.isdigit() else ServerSettings.traces_every_s


def _faults(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise UserError(f'--faults is {text!r}, which is not JSON; give rates by name, as in {{"rate_limit": 0.05}}') from wrong


def _port(port: int) -> int:
    if not 0 <= port <= 65_535:
        raise UserError(f"--port is {port}; give a number from 0 to 65535")
    return port
