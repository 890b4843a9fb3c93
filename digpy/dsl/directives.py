"""One table of every directive and top-level key: where it may stand, what it takes, what it does.

The compiler and the checker read it, and the documentation is written from it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Place: TypeAlias = Literal["root", "group", "operator"]


class Directive(NamedTuple):
    """One key that digpy itself gives a meaning.

    Attributes:
        name: as written.
        places: the kinds of task it may stand on; the root is a group with rules of its own.
        takes: what its value is, in the words of the documentation.
        doc: one sentence.
        is_limit: it belongs to the attempt, not to the task tree.
        is_extension: digdag 0.10.5 refuses it, or takes it for a parameter.
        is_idle: it is read and checked, and has no effect in this version; a warning says so.
    """

    name: str
    places: tuple[Place, ...]
    takes: str
    doc: str
    is_limit: bool = False
    is_extension: bool = False
    is_idle: bool = False


_ALL: tuple[Place, ...] = ("root", "group", "operator")
_BELOW: tuple[Place, ...] = ("group", "operator")
_ROOT: tuple[Place, ...] = ("root",)
_OPERATOR: tuple[Place, ...] = ("operator",)

DIRECTIVES: tuple[Directive, ...] = (
    Directive(
        "timezone", _ALL, "time zone", "Zone of session times and schedules; UTC if not set."
    ),
    Directive(
        "schedule",
        _ALL,
        "schedule",
        "When sessions are due; has an effect at top level. `run` starts one only when asked to.",
    ),
    Directive(
        "sla",
        _ALL,
        "service level agreement",
        "By when a session should have ended; has an effect at top level.",
    ),
    Directive("_export", _ALL, "mapping", "Parameters for this task and everything below it."),
    Directive(
        "_parallel",
        _ALL,
        "boolean or {limit}",
        "Children run at the same time, or `limit` at a time.",
    ),
    Directive(
        "_retry",
        _ALL,
        "number or mapping",
        "How often, and how soon, to try again after a failure.",
    ),
    Directive(
        "_error", _ALL, "task", "Runs when this task, or something in it, has failed for good."
    ),
    Directive(
        "_finally",
        _ALL,
        "task",
        "Runs once when this task has ended otherwise, however it ended.",
        is_extension=True,
    ),
    Directive(
        "_canceled",
        _ALL,
        "task",
        "Runs when this task is stopped, before its `_finally`.",
        is_extension=True,
    ),
    Directive("_check", _ALL, "task", "Runs after the operator succeeded; never runs on a group."),
    Directive(
        "_after", _BELOW, "list of task names", "Earlier siblings to wait for in a parallel group."
    ),
    Directive(
        "_background",
        _BELOW,
        "boolean",
        "Starts with its parent instead of after earlier siblings.",
    ),
    Directive("_secrets", _BELOW, "mapping", "Names of secrets the operator may read."),
    Directive("_disable", _BELOW, "boolean", "Replaces the task by one that does nothing."),
    Directive(
        "_timeout",
        _BELOW,
        "duration",
        "Stops a try of the task, and all below it, that takes this long; it has failed then.",
        is_extension=True,
    ),
    Directive(
        "rerun_on_crash",
        _OPERATOR,
        "`always`, `never` or `if_not_started`",
        "Whether a run that was lost in a crash is repeated; `never`: at most one run a try.",
        is_extension=True,
    ),
    Directive("_do", _OPERATOR, "task", "What `if>`, `loop>`, `for_each>` and `for_range>` run."),
    Directive("_else_do", _OPERATOR, "task", "What `if>` runs when its condition is false."),
    Directive("_env", _OPERATOR, "mapping", "Environment variables of the program."),
    Directive("_type", _OPERATOR, "text", "The operator's name, in place of `name>`."),
    Directive("_command", _OPERATOR, "any", "The operator's value, in place of `name>: value`."),
    Directive(
        "_start_timeout",
        _ROOT,
        "duration",
        "How long an attempt may take to start.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_run_timeout",
        _ROOT,
        "duration or mapping",
        "Stops an attempt that has run this long; with `run_error: true`, `_error` is told of it.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_cancel_timeout",
        _ROOT,
        "duration",
        "How long a canceled attempt may take to stop.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_queue_timeout",
        _ROOT,
        "duration",
        "How long a scheduled attempt may wait in the queue.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_max_resumes",
        _ROOT,
        "number",
        "How often a crashed attempt is taken up again.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_attempt_retry",
        _ROOT,
        "number or mapping",
        "Starts a failed attempt again, after failures of the classes it names.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_max_active",
        _ROOT,
        "number",
        "How many attempts of the workflow may run; others that a schedule starts wait.",
        is_limit=True,
        is_extension=True,
    ),
    Directive(
        "_pool",
        _ROOT,
        "text",
        "Name of the pool whose slots the attempt needs.",
        is_limit=True,
        is_extension=True,
        is_idle=True,
    ),
    Directive(
        "_priority",
        _ROOT,
        "number",
        "Larger numbers leave the queue first.",
        is_limit=True,
        is_extension=True,
    ),
)

ROOT_KEYS = (
    *("_export", "schedule", "sla", "_error", "_check", "_retry", "_parallel"),
    *("_canceled", "_finally"),
)
"""Top-level keys that become the root's configuration, in the order digdag puts them, then ours."""

LIMITS = frozenset(item.name for item in DIRECTIVES if item.is_limit)
"""Supervision directives: top level only."""

GROUP_KEYS = tuple(
    item.name for item in DIRECTIVES if "group" in item.places and item.name != "_disable"
)
"""What may stand on a group; a disabled one is gone, and ``_disable: false`` is an error there."""

TOP_LEVEL = ("timezone", *ROOT_KEYS, *(item.name for item in DIRECTIVES if item.is_limit))
"""Every key of a workflow file that is neither a task nor an operator and its parameters."""

RERUN_ON_CRASH = ("always", "never", "if_not_started")
"""What ``rerun_on_crash`` can be."""

IDLE = frozenset(item.name for item in DIRECTIVES if item.is_idle)
"""What has no effect yet."""

NAMES = frozenset(item.name for item in DIRECTIVES)
