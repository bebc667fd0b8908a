"""One side in a process of its own: reads what to play from standard input, writes a line of JSON for each case.

It is started by `cli.parity_worker`. It needs the standard library, pydantic and the implementation it plays on, so that it
runs in any interpreter that has one. The first line in is the order; the side that leads (tau2) makes the cases and sends them in its first
line out, the other gets that line as its second line in.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import traceback
import uuid
from collections.abc import Callable
from typing import Any, TextIO

from tau2_logging.parity.case import Case
from tau2_logging.parity.side import PlayRequest, Side, Wrapping


def main(implementation: str, wrapping: Wrapping) -> int:
    """Play a side, tau2 or maseval; exit code 0, or 1 with the reason in the last line out."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what tau2 prints when it is imported is no answer
    try:
        _play(implementation, wrapping, out)
    except Exception as error:
        traceback.print_exc()
        _send(out, {"kind": "failed", "error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def _play(implementation: str, wrapping: Wrapping, out: TextIO) -> None:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    request = PlayRequest(**json.loads(sys.stdin.readline()))
    side = _side(implementation, wrapping, request.fast)
    cases = side.cases(request) if request.leads else None
    _send(out, {"kind": "about", **side.about(request), "cases": [case.as_json() for case in cases or ()]})
    if cases is None:
        led = json.loads(sys.stdin.readline())
        cases = [Case.of(data) for data in led["cases"]]
        side.follow(led)
    for case in cases:
        with wrapping.replaced(uuid, uuid4=_counted_uuids()):
            _send(out, {"kind": "case", "key": case.key, **side.play(case)})
    for probe in side.probes(request):
        _send(out, {"kind": "probe", **probe})
    _send(out, {"kind": "end"})


def _side(implementation: str, wrapping: Wrapping, fast: bool) -> Side:
    if implementation == "tau2":
        from tau2_logging.parity.tau2_side import Tau2Side

        return Tau2Side(wrapping, fast)
    from tau2_logging.parity.maseval_side import MasevalSide

    return MasevalSide(wrapping, fast)


def _send(out: TextIO, data: dict[str, Any]) -> None:
    out.write(json.dumps(data, default=str) + "\n")
    out.flush()


def _counted_uuids() -> Callable[[], uuid.UUID]:
    """Telecom's `refuel_data` names a bill by a random uuid: both sides draw the same ones."""
    drawn = itertools.count(1)
    return lambda: uuid.UUID(int=next(drawn) << 96)
