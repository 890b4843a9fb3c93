"""The program of a ``notify>`` task: sends what its run directory says, once.

``delivery.json`` holds settings, project and payload; what went wrong, or a remark, is left in
``outcome.json``. See `digpy.operators.notify`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from digpy.operators.delivery import DeliveryFailed, deliver


def main() -> int:
    """Returns 0 for a notification that was sent."""
    directory = Path(sys.argv[1])
    order = json.loads((directory / "delivery.json").read_bytes())
    payload = {**order["payload"], "id": os.environ["DIGPY_IDEMPOTENCY_KEY"]}
    try:
        remark = deliver(order["settings"], Path(order["project"]), payload)
    except DeliveryFailed as error:
        return _leave(directory, {"error": str(error)})
    return _leave(directory, {"remark": remark})


def _leave(directory: Path, outcome: dict[str, str]) -> int:
    (directory / "outcome.json").write_text(json.dumps(outcome))
    return 1 if "error" in outcome else 0
