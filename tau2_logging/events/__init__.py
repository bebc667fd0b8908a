"""What is recorded: levels, fields, kinds, the event and its line. Standard library only."""

from tau2_logging.events.codec import decode, encode
from tau2_logging.events.event import Event, canonical_fields
from tau2_logging.events.fields import CONTEXT_FIELDS, FIELDS, Field
from tau2_logging.events.kinds import EXCLUSIVE_MS, KINDS, MODEL_CALL_TYPES, SCHEMA_VERSION, Kind
from tau2_logging.events.levels import LEVELS, PROFILE, USER_JUDGE, level_name

__all__ = [
    "CONTEXT_FIELDS",
    "EXCLUSIVE_MS",
    "FIELDS",
    "KINDS",
    "LEVELS",
    "MODEL_CALL_TYPES",
    "PROFILE",
    "SCHEMA_VERSION",
    "USER_JUDGE",
    "Event",
    "Field",
    "Kind",
    "canonical_fields",
    "decode",
    "encode",
    "level_name",
]
