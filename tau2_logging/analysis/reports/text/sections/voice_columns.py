"""The tables of voice simulations: title, method of RunLog, columns with heading and kind, note. Every title says which clock it is on."""

from __future__ import annotations

AUDIO, WALL = "audio time", "wall time"
Columns = dict[str, tuple[str, str]]

VOICE_TABLES: tuple[tuple[str, str, Columns, str], ...] = (
    (
        f"Voice: turn taking ({AUDIO})", "voice_turn_taking",
        {"domain": ("domain", "text"), "what": ("what", "text"), "n": ("n", "count"), "of": ("of", "count"), "share": ("rate", "share"),
         "mean_audio_ms": ("mean ms", "ms"), "p50_audio_ms": ("p50", "ms"), "p95_audio_ms": ("p95", "ms"), "max_audio_ms": ("max", "ms")},
        "Answers: of the user's turns after which the agent is silent, those that it answered before the user spoke again; from the end of "
        "the turn. Yields: silent within 2 s of the interruption's start. Definitions: docs/voice.md.",
    ),
    (
        f"Voice: who speaks ({AUDIO})", "voice_speaking_time",
        {"domain": ("domain", "text"), "what": ("what", "text"), "audio_ms": ("total ms", "ms"), "share": ("share", "share"),
         "stretches": ("stretches", "count"), "mean_audio_ms": ("mean ms", "ms")},
        "Of the conversations' length in ticks. Both at once is in the time of either side.",
    ),
    (
        f"Voice: what is behind the user's speech ({WALL})", "voice_work",
        {"domain": ("domain", "text"), "work": ("work", "text"), "model": ("model", "text"), "n": ("n", "count"),
         "mean_ms": ("mean ms", "ms"), "p50_ms": ("p50", "ms"), "p95_ms": ("p95", "ms"), "total_ms": ("total", "ms"),
         "cost_usd": ("cost", "usd")},
        "The user simulator's model, synthesis of its speech, and its decisions to interrupt. No price of synthesis is recorded.",
    ),
    (
        "Voice: what the agent's side used", "voice_usage",
        {"domain": ("domain", "text"), "component": ("component", "text"), "model": ("model", "text"), "cost_usd": ("cost", "usd"),
         "input_tokens": ("input", "count"), "output_tokens": ("output", "count"), "audio_sent_ms": ("transcribed ms", "ms"),
         "characters": ("synthesized chars", "count"), "input_audio_tokens": ("audio in", "count"),
         "output_audio_tokens": ("audio out", "count"), "cached_tokens": ("cached", "count")},
        "By tau2's ledger of the session: realtime (speech to speech), or stt, llm and tts. How long these took is not recorded.",
    ),
    (
        f"Voice: cost a minute ({AUDIO})", "voice_cost",
        {"domain": ("domain", "text"), "side": ("cost of", "text"), "priced": ("priced", "count"), "simulations": ("of", "count"),
         "audio_ms": ("their ms", "ms"), "cost_usd": ("cost", "usd"), "per_minute_usd": ("a minute", "usd")},
        "Of the simulations whose cost tau2 knows. The user's side is its model, without synthesis.",
    ),
    (
        f"Voice: tool calls ({AUDIO})", "voice_tools",
        {"domain": ("domain", "text"), "function": ("function", "text"), "n": ("n", "count"), "errors": ("errors", "count"),
         "mean_audio_ms": ("mean ms", "ms"), "followed": ("then speech", "count"), "response_p50_audio_ms": ("after p50 ms", "ms"),
         "response_p95_audio_ms": ("p95", "ms")},
        "Whole ticks, from the call's to the result's. Then speech: calls in the agent's silence after which it spoke, and how long after.",
    ),
    (
        "Voice: simulations", "voice_simulations",
        {"domain": ("domain", "text"), "task": ("task", "text"), "trial": ("trial", "text"), "audio_ms": ("audio ms", "ms"),
         "wall_ms": ("wall ms", "ms"), "mean_audio_response_ms": ("answer ms", "ms"), "answered": ("answered", "count"),
         "owed": ("of", "count"), "agent_interrupts": ("agent int.", "count"), "user_interrupts": ("user int.", "count"),
         "wall_per_audio": ("wall/audio", "number"), "agent_per_minute_usd": ("agent a minute", "usd")},
        "Audio is the conversation's length, wall the time it took to make it. Int.: interruptions by that side.",
    ),
)  # fmt: skip
