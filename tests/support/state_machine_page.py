"""Draws ``docs/internals/state-machine.md`` from the transition table.

``python -m tests.support.state_machine_page`` writes the page; a test holds it to the table.
"""

from __future__ import annotations

from pathlib import Path

from digpy.engine.events import MAX_LOSSES
from digpy.engine.states import DONE, TaskState
from digpy.engine.transitions import TABLE, Action, always

PAGE = Path(__file__).parents[2] / "docs/internals/state-machine.md"

_HEAD = f"""\
# The state machine of a task

<!-- Written by `python -m tests.support.state_machine_page` from `digpy/engine/transitions.py`. -->

Every task of an attempt is in one of ten states. Every move it can make is a row of the table
below; a move that is not there does not exist. For a state and a cause the first row whose guard
holds is taken.

*Claimed, succeeded, failed, postponed, lost, stopped, due, timed out, sla missed, canceled* and
*killed* come with an event from outside. *Unblocked* and *settled* are found afterwards, until
nothing moves: a blocked task is unblocked when its parent is open in the round the task was born in
and all its upstream siblings succeeded; an open task settles when none of its live children can
move. A child behind a failed sibling cannot move, so it stays blocked for ever.

The meaning of the states and of the moves follows digdag 0.10.5. digpy differs on purpose:

- A cancel ends what is ready or waits at once; what runs is *stopped* and ends with its report,
  whatever that says. Nothing is inserted after it but what cleans up: `^canceled` and `^finally` of
  the tasks that had started. Those, and what is below them, no cancel reaches, and nothing else
  succeeds.
- A try may have a deadline. When it passes, everything below the task is stopped as by a cancel;
  what is stopped cleans up; then the task fails. A kill ends everything, handlers as well.
- What a missed `sla:` adds below the root starts at once, whatever the root is doing, and the root
  ends after it. If the attempt is to fail then, the root is *sla missed*: its work is stopped as by
  a deadline, no round is left, and it fails because of the added `^sla^fail`.
- The time of an attempt may be over in a way that its handlers are told of. Then the root is
  canceled as usual, but it keeps the limit, which says that it fails: when everything has stopped,
  its `^error` is added in place of `^canceled`.
- A new round is planted from the definition instead of copying rows, so nothing can be born twice.
  What an operator generated comes back only from a new run of the operator.
- A run that vanishes is repeated; the {MAX_LOSSES}rd in a row that vanishes is an error.
- A result of a run that is over, or that was reported already, changes nothing: every claim has a
  number of its own, the *fence*.

A *verdict* is held while handlers run: the owner is open again and ends as it would have ended
without them. First come `^error` (below a failing root `^failure-alert` as well) or `^canceled`,
then `^finally`. Only a `^finally` changes what was held: if it fails after a success, the owner has
failed, and `^error` follows.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, "## States", "", *_diagram(), "", "## The table", "", *_table(), ""])


def _diagram() -> list[str]:
    """The moves from state to state, by their causes."""
    causes: dict[tuple[TaskState, TaskState], dict[str, None]] = {}
    for row in TABLE:
        causes.setdefault((row.state, row.target), {})[row.cause] = None
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> blocked"]
    lines += [
        f"    {state} --> {target}: {', '.join(names)}" for (state, target), names in causes.items()
    ]
    lines += [f"    {state} --> [*]" for state in TaskState if state in DONE]
    return [*lines, "```"]


def _table() -> list[str]:
    lines = ["| state | cause | if | next | and |", "| --- | --- | --- | --- | --- |"]
    before = None
    for row in TABLE:
        guard = "" if row.guard is always else row.guard.__name__.replace("_", " ")
        action = "" if row.action is Action.NOTHING else row.action
        state = "" if row.state == before else row.state
        lines.append(f"| {state} | {row.cause} | {guard} | {row.target} | {action} |")
        before = row.state
    return lines


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render())
