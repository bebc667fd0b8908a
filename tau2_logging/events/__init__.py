"""What is recorded: levels, fields, kinds, the event and its line. Standard library only."""

from tau2_logging.events.codec import decode, encode
from tau2_logging.events.difference import apply_changes, difference
from tau2_logging.events.event import Event, canonical_fields
from tau2_logging.events.fields import CONTEXT_FIELDS, FIELDS, Field
from tau2_logging.events.jsonl import RejectedLine, decode_event, encode_event, read_events
from tau2_logging.events.kinds import KINDS, SCHEMA_VERSION, Kind, level_of
from tau2_logging.events.levels import LEVELS, PROFILE, USER_JUDGE, level_name
from tau2_logging.events.roles import EXCLUSIVE_MS, MODEL_CALL_TYPES
from tau2_logging.events.structured import (
    EVENT_CLASSES,
    EVENTS_SCHEMA,
    Change,
    ContextReductionEvent,
    CorrectionEvent,
    Sensitive,
    StateChangeEvent,
    StateSnapshot,
    StructuredEvent,
    ToolExecutionEvent,
)

__all__ = [
    "CONTEXT_FIELDS",
    "EVENTS_SCHEMA",
    "EVENT_CLASSES",
    "EXCLUSIVE_MS",
    "FIELDS",
    "KINDS",
    "LEVELS",
    "MODEL_CALL_TYPES",
    "PROFILE",
    "SCHEMA_VERSION",
    "USER_JUDGE",
    "Change",
    "ContextReductionEvent",
    "CorrectionEvent",
    "Event",
    "Field",
    "Kind",
    "RejectedLine",
    "Sensitive",
    "StateChangeEvent",
    "StateSnapshot",
    "StructuredEvent",
    "ToolExecutionEvent",
    "apply_changes",
    "canonical_fields",
    "decode",
    "decode_event",
    "difference",
    "encode",
    "encode_event",
    "level_name",
    "level_of",
    "read_events",
]
