"""``notify>: MESSAGE`` sends a notification; every failing attempt ends with one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import (
    Command,
    Exit,
    InlineOperator,
    ProgramOperator,
    RetryLater,
    TaskRequest,
    TaskResult,
)
from digpy.values import Params

_ORDER = "delivery.json"
_OUTCOME = "outcome.json"
_START = (  # imports come from where ours came from, and never from the project
    "import sys; sys.path.append(sys.argv.pop()); "
    "from digpy.operators.delivery.__main__ import main; sys.exit(main())"
)
_PACKAGES = str(Path(__file__).parents[2])
_KINDS = {"^failure-alert": "failure", "^sla^alert": "sla"}


class Notify(InlineOperator, ProgramOperator):
    """Does nothing unless the setting ``notification.type`` says how to send.

    Without it this runs inline, with it as a program (`digpy.operators.registry.kind`). Each try
    is a run of its own and the waits between are the task's, so a crash neither loses the count nor
    sends what is known to be sent. Follows digdag 0.10.5, which waits in place.
    """

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if the message is no text."""
        conversions.string(command_of(request), conversions.COMMAND)
        return TaskResult()

    def command(self, request: TaskRequest) -> Command:
        """Raises `TaskFailed` if the message is no text."""
        from digpy.operators.delivery import payload

        message = conversions.string(command_of(request), conversions.COMMAND)
        name = request.full_name
        kind = next((kind for end, kind in _KINDS.items() if name.endswith(end)), "notify")
        state = request.state or {"tries": 0, "since": request.now}
        order: Params = {
            "settings": dict(request.settings),
            "project": str(request.project),
            "payload": payload(
                message, int(str(state["since"])), request.identity, name, kind=kind
            ),
            "state": state,
        }
        # The order holds passwords: it is a file that only its owner can read, and no argument.
        argv = [sys.executable, "-I", "-c", _START, str(request.directory), _PACKAGES]
        files = {_ORDER: json.dumps(order).encode()}
        return Command(argv, request.project, dict(os.environ), files)

    def conclude(self, exit_: Exit) -> TaskResult | RetryLater:
        """Raises `TaskFailed` after the last try."""
        from digpy.operators.delivery import Retries

        outcome = _read(exit_.directory / _OUTCOME)
        if exit_.code == 0:
            remark = str(outcome.get("remark", ""))
            return TaskResult(warnings=(remark,) if remark else ())
        order = _read(exit_.directory / _ORDER)
        error = outcome.get("error", f"the program that sends it ended with code {exit_.code}")
        state = order["state"]
        tries = state["tries"] + 1
        retries = Retries.of(order["settings"])
        wait = retries.wait(tries)
        if wait is None:
            raise TaskFailed(f"the notification was not sent in {tries} tries: {error}", "runtime")
        warning = f"the notification was not sent: {error} (retry {tries} of {retries.limit})"
        return RetryLater(wait, {**state, "tries": tries}, warning=warning)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:  # it was killed before it could say anything
        return {}
    return found
