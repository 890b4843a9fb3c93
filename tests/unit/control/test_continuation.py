"""What a command does with a session that was run before."""

from __future__ import annotations

import pytest

from digpy.control.continuation import Before, Decision, decide

UNFINISHED = Before(done=False, alive=False, same=True, complete=False)
ENDED = Before(done=True, alive=False, same=True, complete=False)
COMPLETE = ENDED._replace(complete=True)


@pytest.mark.parametrize(
    ("before", "asked", "expected"),
    [
        (None, {}, Decision.START),
        (None, {"rerun": True}, Decision.START),
        (None, {"selective": True}, Decision.START),
        (UNFINISHED._replace(alive=True), {}, Decision.REFUSE),
        (UNFINISHED._replace(alive=True), {"rerun": True}, Decision.REFUSE),
        (UNFINISHED._replace(alive=True, same=False), {}, Decision.REFUSE),
        (UNFINISHED, {}, Decision.CONTINUE),
        (UNFINISHED, {"selective": True}, Decision.CONTINUE),
        (UNFINISHED, {"rerun": True}, Decision.SUPERSEDE_UNFINISHED),
        (UNFINISHED._replace(same=False), {}, Decision.SUPERSEDE_UNFINISHED),
        (ENDED, {}, Decision.SUPERSEDE),
        (ENDED._replace(same=False), {}, Decision.SUPERSEDE),
        (ENDED, {"rerun": True}, Decision.SUPERSEDE),
        (COMPLETE, {}, Decision.NOTHING),
        (COMPLETE._replace(same=False), {}, Decision.SUPERSEDE),
        (COMPLETE, {"rerun": True}, Decision.SUPERSEDE),
        (COMPLETE, {"selective": True}, Decision.SUPERSEDE),
    ],
)
def test_the_decision(before: Before | None, asked: dict[str, bool], expected: Decision) -> None:
    assert decide(before, **{"rerun": False, "selective": False, **asked}) is expected
