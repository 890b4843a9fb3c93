"""What a workflow *is*, before anything runs: an immutable tree of task definitions.

`digpy.dsl.compiler` makes these, `digpy.engine` instantiates them. A tree of definitions is kept
flat, in digdag's index order (depth first, parents before children, siblings as written), because
position in that order is how a stored task names its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from digpy.values import Json, Params, decode, deep_merge, encode

HANDLERS = {"_error": "^error", "_canceled": "^canceled", "_finally": "^finally"}
"""Directives that hold a task to be run when their own has ended, and the names of those tasks."""

ALERT = "^failure-alert"
"""The task that is added below a failing root."""

SLA_ALERT, SLA_FAIL, SLA_TASK = "^sla^alert", "^sla^fail", "^sla"
SLA_NAMES = (SLA_ALERT, SLA_FAIL, SLA_TASK)
"""The tasks that are added below the root when its ``sla:`` is missed, in digdag's order."""

OWN_NAMES = frozenset({ALERT, SLA_ALERT, SLA_FAIL})
"""The tasks that nobody wrote."""

HANDLER_NAMES = frozenset({ALERT, *HANDLERS.values()})
"""What stands behind the other children of a task, and belongs to its end."""

CLEANUPS = frozenset({"^canceled", "^finally"})
"""Handlers that run when a task was to stop, and that no cancel stops."""

NOT_LOCAL = ("_export", "_check", "_timeout", "rerun_on_crash", *HANDLERS)
"""Keys of a task that are not parameters of the task itself."""

_NONE: dict[str, int] = {}


class TaskDefinition:
    """One task as written. Immutable by convention; a class with slots because there are thousands.

    Attributes:
        index: place in its `Definitions`.
        name: ``+a``, or ``^sub``, ``^check``, ``^error`` ...; several segments (``+g+a``) where a
            subtree was attached directly to the root.
        parent: index of the parent; None for a root of the `Definitions`.
        upstreams: indexes of the siblings that must succeed first; may repeat, as digdag's list
            does. One object for all tasks of a chunk, also when they were moved or read back, so
            that what follows from it is worked out once.
        is_group: it has no operator of its own.
        config: the task's mapping as written, without its subtasks, ``_background`` and ``_after``;
            text with a ``$`` from a file is a `Template`, data put in by an operator is plain text.
        children: indexes of the subtasks, in order.
        handlers: indexes of the compiled handlers by their names (``^error`` ...); never changed,
            only replaced.
    """

    __slots__ = (
        "__dict__",
        "children",
        "config",
        "handlers",
        "index",
        "is_group",
        "name",
        "parent",
        "upstreams",
    )

    def __init__(
        self,
        index: int,
        name: str,
        parent: int | None,
        upstreams: tuple[int, ...],
        is_group: bool,
        config: Params,
    ) -> None:
        self.index = index
        self.name = name
        self.parent = parent
        self.upstreams = upstreams
        self.is_group = is_group
        self.config = config
        self.children: tuple[int, ...] = ()
        self.handlers = _NONE

    def __repr__(self) -> str:
        return f"<TaskDefinition {self.index} {self.name}>"

    @property
    def export(self) -> Params:
        """The written ``_export``, without the handlers that digdag lets stand in it."""
        export = self.config.get("_export")
        if not isinstance(export, dict):
            return {}
        if "_check" in export or "_error" in export:
            return {k: v for k, v in export.items() if k not in ("_check", "_error")}
        return export

    @cached_property
    def local(self) -> Params:
        """The task's own parameters: what is written on it, without ``_export`` and handlers."""
        return {key: value for key, value in self.config.items() if key not in NOT_LOCAL}

    @property
    def check(self) -> Params:
        """The raw ``_check`` mapping; empty if there is none.

        Also on a group, where it never runs.
        """
        check = self._own("_check")
        return check if isinstance(check, dict) and not self.is_group else {}

    @property
    def timeout(self) -> Json:
        """The raw ``_timeout``, None if there is none; a template only on an operator."""
        return self.config.get("_timeout")

    @property
    def retry(self) -> Json:
        """The raw ``_retry`` for when *children* fail; never evaluated, never inherited."""
        return self._own("_retry")

    def _own(self, key: str) -> Json:
        """A directive of the task; one in its own ``_export`` acts as well (digdag 0.10.5)."""
        export = self.config.get("_export")
        own = self.config.get(key)
        if isinstance(export, dict) and key in export:
            inherited = export[key]
            if key not in self.config:
                return inherited
            if isinstance(own, dict) and isinstance(inherited, dict):
                return deep_merge(inherited, own)
        return own


class Shift:
    """Moves indexes by a constant. Tuples that are one object stay one."""

    def __init__(self, by: int) -> None:
        self._by = by
        # By identity; keeping the original keeps its id from being used again.
        self._moved: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def moved(self, indexes: tuple[int, ...]) -> tuple[int, ...]:
        """`indexes`, moved."""
        if not indexes:
            return indexes
        known = self._moved.get(id(indexes))
        if known is None:
            by = self._by
            known = self._moved[id(indexes)] = (indexes, tuple([index + by for index in indexes]))
        return known[1]


class Definitions:
    """A flat tree (or several roots) of task definitions; see the module's text for the order."""

    __slots__ = ("tasks",)

    def __init__(self, tasks: Sequence[TaskDefinition]) -> None:
        self.tasks = tuple(tasks)

    def __getitem__(self, index: int) -> TaskDefinition:
        return self.tasks[index]

    def __len__(self) -> int:
        return len(self.tasks)

    def root(self, name: str) -> TaskDefinition | None:
        """The root called `name` (``^sub``, ``^check`` ...), or None."""
        return next((t for t in self.tasks if t.parent is None and t.name == name), None)

    def static_count(self, index: int) -> int:
        """How many tasks the definition at `index` inserts: itself and all below it."""
        return 1 + sum(self.static_count(child) for child in self.tasks[index].children)

    def sla_roots(self) -> list[TaskDefinition]:
        """What is added below the root when the ``sla:`` is missed, in order; nothing without one.

        A workflow that digpy 0.1.0 compiled has none.
        """
        roots = (self.root(name) for name in SLA_NAMES)
        return [root for root in roots if root is not None]

    def to_rows(self) -> list[list[Any]]:
        """As JSON-ready rows; `from_rows` is the inverse.

        Shared upstreams are written once; the others name the task where they stand.
        """
        first: dict[int, int] = {}
        rows: list[list[Any]] = []
        for t in self.tasks:
            at = first.setdefault(id(t.upstreams), t.index) if t.upstreams else t.index
            upstreams = list(t.upstreams) if at == t.index else at
            rows.append(
                [t.name, t.parent, upstreams, t.is_group, t.config, list(t.children), t.handlers]
            )
        return rows

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[Any]]) -> Definitions:
        """Rebuild from `to_rows`, after a round trip through `digpy.values.encode`."""
        tasks: list[TaskDefinition] = []
        for index, (name, parent, written, is_group, config, children, handlers) in enumerate(rows):
            upstreams = tasks[written].upstreams if isinstance(written, int) else tuple(written)
            task = TaskDefinition(index, name, parent, upstreams, is_group, config)
            task.children = tuple(children)
            if isinstance(handlers, dict):
                task.handlers = handlers
            elif handlers is not None:  # digpy 0.1.0 knew one kind
                task.handlers = {"^error": handlers}
            tasks.append(task)
        return cls(tasks)


class Workflow(NamedTuple):
    """One compiled workflow.

    `definitions` begins with the root task ``+<name>`` at index 0 and the static tasks in digdag's
    order; behind them stand what `sla` adds below the root, the compiled handlers and, last,
    ``^failure-alert``, which belongs to the root. `schedule`, `sla` and `limits` are raw mappings
    (None or empty when not written); `limits` holds the supervision directives by name
    (``_run_timeout`` ...).
    """

    name: str
    timezone: str
    definitions: Definitions
    schedule: Params | None
    sla: Params | None
    limits: Params

    @property
    def alert(self) -> TaskDefinition:
        """The ``^failure-alert`` task that is added below a failing root."""
        return self.definitions.tasks[-1]

    def to_text(self) -> str:
        """JSON text for the database."""
        return encode(
            {
                "name": self.name,
                "timezone": self.timezone,
                "schedule": self.schedule,
                "sla": self.sla,
                "limits": self.limits,
                "tasks": self.definitions.to_rows(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Workflow:
        """Inverse of `to_text`."""
        body = decode(text)
        return cls(
            body["name"],
            body["timezone"],
            Definitions.from_rows(body["tasks"]),
            body["schedule"],
            body["sla"],
            body["limits"],
        )


class Subtasks(NamedTuple):
    """What an operator wants below its task, as ``^sub``, before compiling.

    `config` is a task mapping: an operator, or ``+`` children. With `repeat`, ``^sub`` is a group
    instead and `config` is the body of each child: one child per (name, data), its data put over
    the body's ``_export`` and never evaluated. `parallel` is the ``_parallel`` of that group, None
    if it is sequential.
    """

    config: Params
    repeat: tuple[tuple[str, Params], ...] | None = None
    parallel: Json = None

    def to_text(self) -> str:
        """JSON text for the database."""
        return encode([self.config, self.repeat, self.parallel])

    @classmethod
    def from_text(cls, text: str) -> Subtasks:
        """Inverse of `to_text`."""
        config, repeat, parallel = decode(text)
        pairs = None if repeat is None else tuple((name, data) for name, data in repeat)
        return cls(config, pairs, parallel)
