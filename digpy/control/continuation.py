"""What `digpy run` does with a session that was run before: five cases, decided only here."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Before(NamedTuple):
    """The newest unnamed attempt of the session, as far as the decision needs it.

    `same` says that definition, parameters and options equal the new command's; `complete` that it
    succeeded with nothing skipped; `overdue` that it has exceeded a limit, so that it has to end.
    """

    done: bool
    alive: bool
    same: bool
    complete: bool
    overdue: bool = False


class Decision(Enum):
    """What to do."""

    START = "start a new attempt"
    REFUSE = "refuse: a living command runs this session"
    CONTINUE = "continue the same attempt"
    SUPERSEDE_UNFINISHED = (
        "end what was left, then start a new attempt that takes over its successes"
    )
    SUPERSEDE = "start a new attempt that takes over successes"
    NOTHING = "nothing to do: everything has succeeded"


def decide(before: Before | None, *, rerun: bool, selective: bool) -> Decision:
    """Decide. `selective` means that ``--start``, ``--goal``, ``--end`` or a task was given."""
    if before is None:
        return Decision.START
    if not before.done:
        if before.alive:
            return Decision.REFUSE
        if before.same and not rerun and not before.overdue:
            return Decision.CONTINUE
        return Decision.SUPERSEDE_UNFINISHED
    if before.complete and before.same and not rerun and not selective:
        return Decision.NOTHING
    return Decision.SUPERSEDE
