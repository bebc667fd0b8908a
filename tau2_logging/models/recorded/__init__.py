"""Models that a recording answers: `recorded/RUN` says what the model of that role said in the run, at the same place of the same
simulation.

`recorded_provider` imports litellm, which takes seconds; import it only when a run starts.
"""

from tau2_logging.models.recorded.recorded_answers import PromptDiffers, RecordingEnded, Replay
from tau2_logging.models.recorded.recorded_args import RecordedSettings
from tau2_logging.models.recorded.recorded_replies import RecordedCall, RecordedReplies
from tau2_logging.models.recorded.recording import PREFIX, Recording, open_recording, recording_path

__all__ = [
    "PREFIX",
    "PromptDiffers",
    "RecordedCall",
    "RecordedReplies",
    "RecordedSettings",
    "Recording",
    "RecordingEnded",
    "Replay",
    "open_recording",
    "recording_path",
]
