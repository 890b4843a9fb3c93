"""From mappings to definitions: a workflow file, or what an operator wants below its task.

`digpy.dsl.tree` knows the rules of tasks; here are the rules of workflow files, and of ``^sub`` and
``^check``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from digpy.dsl.attempt_retry import parse_attempt_retry
from digpy.dsl.directives import LIMITS, NAMES, ROOT_KEYS, TOP_LEVEL
from digpy.dsl.model import ALERT, Definitions, Shift, Subtasks, TaskDefinition, Workflow
from digpy.dsl.names import bad_name, check_workflow_name
from digpy.dsl.nodes import MappingNode, key_span, value_span
from digpy.dsl.options import Unsuitable, is_limit, parallel_limit
from digpy.dsl.tree import Tree, flatten
from digpy.errors import CompileError
from digpy.source import Problem, sort_problems
from digpy.values import Json, Params, to_json

_Read = TypeVar("_Read")

_ALERT: Params = {"_type": "notify", "_command": "Workflow session attempt failed"}


def compile_workflow(node: Mapping[str, Json], name: str, *, path: str) -> Workflow:
    """Compile the mapping of a workflow file.

    `name` is the workflow's, `path` the file's as people know it. Raises `CompileError` with every
    problem of the file.
    """
    problems = check_workflow_name(name, path, is_root=True)
    top = _TopLevel(node, problems)
    tree = Tree(problems)
    tree.build("+" + name, "+" + name, top.root())
    timezone = top.timezone()
    limits = top.limits()
    sla_trees = top.times()
    if problems:
        raise CompileError(sort_problems(problems))
    tasks = flatten([tree, *sla_trees])
    tasks.append(TaskDefinition(len(tasks), ALERT, None, (), False, dict(_ALERT)))
    schedule, sla = node.get("schedule"), node.get("sla")
    return Workflow(
        name,
        timezone,
        Definitions(tasks),
        schedule if isinstance(schedule, dict) else None,
        sla if isinstance(sla, dict) else None,
        limits,
    )


def compile_generated(
    owner: TaskDefinition, owner_full_name: str, subtasks: Subtasks | None
) -> Definitions | None:
    """Compile what a task that succeeded brings: its ``^sub`` tree, then its ``^check`` tree.

    None if it brings nothing. Raises `CompileError` whose text is the message digdag gives: it
    becomes the error of the task.
    """
    trees = []
    if subtasks is not None:
        sub = _subtask_tree(subtasks, owner_full_name + "^sub")
        if sub is not None:
            trees.append(sub)
    check = owner.check
    if check:
        tree = Tree([])
        root = tree.build("^check", owner_full_name + "^check", check)
        _raise_as_digdag(tree)
        if trees:
            root.upstreams = (-len(trees[0].tasks),)  # the ^sub root, before `flatten` moves it
        trees.append(tree)
    elif not owner.is_group and owner.config.get("_check") not in (None, {}):
        raise CompileError([Problem("Parameter '_check' must be an object")])
    return Definitions(flatten(trees)) if trees else None


def called_mapping(node: Mapping[str, Json], name: str, *, path: str) -> Params:
    """The mapping of a file for ``call>``: checked, and without what only a workflow has.

    ``_workdir`` becomes the directory of the file (before an own one), as for any workflow in a
    directory below the project's. Raises `CompileError`.
    """
    problems = check_workflow_name(name, path, is_root=False)
    top = _TopLevel(node, problems)
    root = top.root()
    top.timezone()
    top.limits()
    tree = Tree(problems)
    for key in node:
        if key.startswith("+"):
            tree.check_name(key, key_span(node, key))
    if problems:
        raise CompileError(sort_problems(problems))
    called = dict(root)
    directory, _, _ = name.rpartition("/")
    if directory:
        export = called.get("_export")
        own = export.get("_workdir") if isinstance(export, dict) else None
        workdir = directory if own is None else f"{directory}/{own}"
        called["_export"] = {**(export if isinstance(export, dict) else {}), "_workdir": workdir}
    return called


class _TopLevel:
    """The top level of a workflow file: what belongs to the workflow, and what to its root task."""

    def __init__(self, node: Mapping[str, Json], problems: list[Problem]) -> None:
        self._node = node
        self._problems = problems
        self._is_operator = any(
            key == "_type" or (key[-1:] == ">" and key[:1] != "+" and key[:-1] not in NAMES)
            for key in node
        )

    def root(self) -> Mapping[str, Json]:
        """The mapping of the root task; a group's keys in the order digdag puts them."""
        node = self._node
        root = (
            MappingNode(node.source, node.start, node.end) if isinstance(node, MappingNode) else {}
        )
        for key in ROOT_KEYS if not self._is_operator else ():
            if key in node and (key != "_export" or node[key] not in (None, {})):
                _carry(node, key, root)
        for key, value in node.items():
            if key[:1] == "+":
                if "^" in key:
                    self._problem(f'"^" in the task name {to_json(key)}', key, on_key=True)
                _carry(node, key, root)
            elif key in ROOT_KEYS:
                self._check_directive(key, value)
                if self._is_operator and key not in ("schedule", "sla"):
                    _carry(node, key, root)
            elif key != "timezone" and key not in LIMITS and self._is_known(key):
                _carry(node, key, root)
        return root

    def timezone(self) -> str:
        """The workflow's zone."""
        value = self._node.get("timezone")
        if value in (None, "UTC"):
            return "UTC"
        from digpy.dsl.timezones import timezone_name  # on use: most workflows are in UTC

        name = timezone_name(value)
        if name is None:
            self._problem(
                f"{to_json(value)} is not a time zone",
                "timezone",
                help='write a name like Asia/Tokyo, or an offset in quotes like "+09:00"',
            )
        return name or "UTC"

    def limits(self) -> Params:
        """The supervision directives that are written, by name."""
        limits = {key: value for key, value in self._node.items() if key in LIMITS}
        for key, value in limits.items():
            if key == "_attempt_retry":
                try:
                    parse_attempt_retry(value)
                except ValueError as error:
                    example = "{limit: 2, on: [infra, limit], interval: 1m}"
                    self._problem(str(error), key, help=f'for example "{key}: {example}"')
            elif key == "_run_timeout" and isinstance(value, dict):
                from digpy.dsl.run_timeout import read_run_timeout  # on use: mostly it is a time

                try:
                    read_run_timeout(value)
                except ValueError as error:
                    example = "{after: 2h, run_error: true, error_timeout: 5m}"
                    self._problem(str(error), key, help=f'for example "{key}: {example}"')
            elif key != "_pool" and not is_limit(key, value):
                kind = "a duration" if key.endswith("_timeout") else "a number"
                example = "2h 30m" if key.endswith("_timeout") else "3"
                self._problem(f"{key} must be {kind}", key, help=f'for example "{key}: {example}"')
        return limits

    def times(self) -> list[Tree]:
        """Find what is wrong in ``schedule`` and ``sla``; what the latter adds when missed."""
        schedule, sla = self._node.get("schedule"), self._node.get("sla")
        if isinstance(schedule, dict):
            from digpy.dsl.schedule import read_schedule  # on use: most workflows have none

            self._collect(read_schedule, schedule)
        if isinstance(sla, dict):
            from digpy.dsl.sla import read_sla, sla_trees

            definition = self._collect(read_sla, sla)
            return [] if definition is None else sla_trees(definition)
        return []

    def _collect(self, read: Callable[[Params], _Read], mapping: Params) -> _Read | None:
        try:
            return read(mapping)
        except CompileError as error:
            self._problems.extend(error.problems)
            return None

    def _check_directive(self, key: str, value: Json) -> None:
        if value is None and key != "_export":
            self._problem(
                f"{key} has no value", key, on_key=True, help="write one, or remove the line"
            )
        elif key in ("schedule", "sla") and not isinstance(value, dict):
            self._problem(f"{key} must be a mapping", key)

    def _is_known(self, key: str) -> bool:
        """Whether a key may stand on the root: on an operator, unless it looks like a mistake."""
        from digpy.dsl.suggest import closest, did_you_mean

        if self._is_operator:
            misplaced = key in ("_background", "_after", "_disable", "_timeout", "_secrets")
            meant = closest(key, TOP_LEVEL) if key not in NAMES else None
            misspelt = meant is not None and (key[:1] == "_" or meant in ("timezone", "schedule"))
            if not misplaced and not misspelt:
                return True
        self._problem(
            f'unknown key "{key}" at top level',
            key,
            on_key=True,
            reason="the top level has directives, tasks, or one operator with its parameters",
            help=did_you_mean(key, TOP_LEVEL)
            or f'a task begins with "+" ("+{key}"), a parameter belongs below _export',
        )
        return False

    def _problem(
        self,
        message: str,
        key: str,
        *,
        on_key: bool = False,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
    ) -> None:
        span = key_span(self._node, key) if on_key else value_span(self._node, key)
        self._problems.append(Problem(message, span, reason, help))


def _carry(node: Mapping[str, Json], key: str, to: Params) -> None:
    if isinstance(to, MappingNode) and isinstance(node, MappingNode):
        to.add(key, node[key], node.offsets[key])
    else:
        to[key] = node[key]


def _subtask_tree(subtasks: Subtasks, full_name: str) -> Tree | None:
    if subtasks.repeat is not None:
        return _repeated(subtasks, full_name)
    if not subtasks.config:
        return None
    tree = Tree([])
    tree.build("^sub", full_name, subtasks.config)
    _raise_as_digdag(tree)
    return tree


def _repeated(subtasks: Subtasks, full_name: str) -> Tree | None:
    """A group with a copy of the body for each name; all but their ``_export`` is shared."""
    group: Params = {} if subtasks.parallel is None else {"_parallel": subtasks.parallel}
    repeat = subtasks.repeat or ()
    tree = Tree([])
    try:
        if group and parallel_limit(subtasks.parallel) is None:
            group = {}
    except Unsuitable as error:
        raise CompileError([Problem(str(error))]) from None
    if not repeat and not group:
        return None
    root = tree.build("^sub", full_name, group)
    body = Tree([])
    body.build("+body", full_name + "+body", subtasks.config)
    if body.problems or any(bad_name(name) for name, _ in repeat):
        raise _expanded_error(subtasks, group, full_name)
    children = [_copy(body, name, data, tree) for name, data in repeat]
    root.children = tuple([child.index for child in children])
    tree.order(group, [(child, subtasks.config) for child in children])
    if tree.problems:
        raise _expanded_error(subtasks, group, full_name)
    for (owner, *_), handler in body.handlers:
        copies = [tree.tasks[child.index + owner.index] for child in children]
        tree.handlers.append((copies, handler))
    return tree


def _copy(body: Tree, name: str, data: Params, tree: Tree) -> TaskDefinition:
    """Append a copy of `body` to `tree`, below its root, with `data` over its ``_export``."""
    base = len(tree.tasks)
    shift = Shift(base)
    for task in body.tasks:
        parent = 0 if task.parent is None else base + task.parent
        upstreams = shift.moved(task.upstreams)
        copy = TaskDefinition(
            base + task.index, task.name, parent, upstreams, task.is_group, task.config
        )
        copy.children = tuple([base + index for index in task.children])
        tree.tasks.append(copy)
    root = tree.tasks[base]
    root.name = name
    if "_disable" not in root.config or not root.is_group:  # a disabled task has nothing else
        export = root.config.get("_export")
        root.config = {
            **root.config,
            "_export": {**(export if isinstance(export, dict) else {}), **data},
        }
    return root


def _expanded_error(subtasks: Subtasks, group: Params, full_name: str) -> CompileError:
    """The error digdag would give: it compiles every copy as if it had been written."""
    export = subtasks.config.get("_export")
    if export is not None and not isinstance(export, dict):
        return CompileError([Problem("Parameter '_export' must be an object")])
    expanded: Params = {
        name: {**subtasks.config, "_export": {**(export or {}), **data}}
        for name, data in subtasks.repeat or ()
    }
    tree = Tree([])
    tree.build("^sub", full_name, {**expanded, **group})
    return CompileError([Problem(tree.digdag_error or "")])


def _raise_as_digdag(tree: Tree) -> None:
    message = tree.digdag_error
    if message is not None:
        raise CompileError([Problem(message)])
