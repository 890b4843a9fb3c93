"""Task mappings to a flat tree of definitions: groups, operators, handlers, dependencies.

Collects every problem in our words with positions, and beside them the one message digdag would
have given, which becomes a task's error when the mapping came from an operator.
`digpy.dsl.compiler` decides what to compile and which of the two to raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from digpy.dsl.coercion import sample
from digpy.dsl.directives import GROUP_KEYS, LIMITS, NAMES, RERUN_ON_CRASH
from digpy.dsl.model import HANDLERS, Shift, TaskDefinition
from digpy.dsl.names import bad_name
from digpy.dsl.nodes import MappingNode, item_span, key_span, value_span
from digpy.dsl.options import Unsuitable, boolean, parallel_limit, timeout
from digpy.dsl.retry import seconds
from digpy.source import Problem, Span
from digpy.values import Json, Params, deep_merge, to_json

MAX_NESTING = 100
"""How deeply groups and handlers may be nested."""

_EXCEPTION = "io.digdag.core.repository.ModelValidationException: "
_GROUP_KEYS = frozenset(GROUP_KEYS)
_DIGDAG_GROUP_KEYS = (
    *("timezone", "schedule", "sla", "_parallel", "_background"),
    *("_error", "_check", "_retry", "_after", "_export", "_secrets"),
)
"""In an order in which its messages name two of them at once."""

Handler = tuple[list[TaskDefinition], "Tree"]


class Tree:
    """The definitions below one root: a parent before its children, siblings as written.

    Attributes:
        tasks: the definitions; indexes count from 0 until `flatten` moves them.
        handlers: compiled handlers (``_error`` ...) with the tasks they belong to.
        problems: shared with whoever made the tree; what was found is appended.
    """

    def __init__(self, problems: list[Problem], depth: int = 0) -> None:
        self.tasks: list[TaskDefinition] = []
        self.handlers: list[Handler] = []
        self.problems = problems
        self._depth = depth
        # digdag stops at some errors and collects others; here in its order of precedence.
        self._fatal: str | None = None
        self._bad_name: str | None = None
        self._bad_keys: list[str] = []
        self._bad_export: str | None = None

    def build(self, name: str, full_name: str, node: Mapping[str, Json]) -> TaskDefinition:
        """Compile `node` as the root task of this tree."""
        return self._task(name, full_name, node, None, self._depth)

    @property
    def digdag_error(self) -> str | None:
        """The message digdag 0.10.5 gives for the problems of this tree; None if there are none."""
        if self._fatal is not None:
            return self._fatal
        if self._bad_name is not None:
            return f"{_EXCEPTION}Validating workflow task failed\n{self._bad_name}"
        if self._bad_keys:
            return "\n".join([f"{_EXCEPTION}Validating workflow failed", *self._bad_keys])
        return self._bad_export

    def check_name(self, name: str, span: Span | None) -> None:
        """Report a task name that breaks the rules."""
        bad = bad_name(name)
        if bad is None:
            return
        self._bad_name = self._bad_name or f'name {bad.rule}: "{name}"'
        self._problem(
            f"{bad.thing} in the task name {to_json(name)}",
            span,
            help="a name is made of letters, digits and any of _ - = [ ] { } % & @ , . ` ^",
        )

    def order(
        self,
        group: Mapping[str, Json],
        children: Sequence[tuple[TaskDefinition, Mapping[str, Json]]],
    ) -> None:
        """Set the upstreams of siblings, and take ``_background`` and ``_after`` off them.

        `group` is their parent as written; with each child stands the mapping it was written as.

        Follows digdag 0.10.5: a background task waits for nothing at all, and ``limit`` cuts the
        children into chunks that wait for the whole chunk before.
        """
        try:
            limit = parallel_limit(group["_parallel"]) if "_parallel" in group else None
        except Unsuitable as error:
            self.fatal(
                str(error),
                "unusable value of _parallel",
                value_span(group, "_parallel"),
                help="write true, false or {limit: number}; ${...} works on loop> and for_each>",
            )
            return
        if limit is None:
            self._one_after_the_other(children)
        else:
            self._side_by_side(children, limit)

    def fatal(
        self,
        digdag: str,
        message: str,
        span: Span | None,
        *,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
    ) -> None:
        """Report a problem at which digdag gives up, with the text it gives."""
        self._fatal = self._fatal if self._fatal is not None else digdag
        self._problem(message, span, reason, help)

    def _task(
        self, name: str, full_name: str, node: Mapping[str, Json], parent: int | None, depth: int
    ) -> TaskDefinition:
        own: Params = {}
        subtasks: list[str] = []
        operators: list[str] = []
        for key, value in node.items():
            if key[:1] == "+":
                subtasks.append(key)
                continue
            own[key] = value
            if key[-1:] == ">":
                operators.append(key)
        index = len(self.tasks)
        if "_disable" in own and self._boolean(node, "_disable"):
            task = TaskDefinition(index, name, parent, (), True, {"_disable": True})
            self.tasks.append(task)
            return task
        is_group = not operators and "_type" not in own
        task = TaskDefinition(index, name, parent, (), is_group, own)
        self.tasks.append(task)
        if not is_group:
            if subtasks or len(operators) > 1:
                self._not_one_operator(name, node, own, operators, subtasks)
        elif depth > MAX_NESTING:
            text = f"Tasks are nested more than {MAX_NESTING} deep"
            self.fatal(text, text.lower(), key_span(node, subtasks[0]) if subtasks else None)
        else:
            if not _GROUP_KEYS.issuperset(own):
                self._unknown_keys(full_name, node, own)
            children = []
            for key in subtasks:
                self.check_name(key, key_span(node, key))
                mapping = self._mapping(node, key)
                if mapping is not None:
                    child = self._task(key, full_name + key, mapping, index, depth + 1)
                    children.append((child, mapping))
            task.children = tuple([child.index for child, _ in children])
            self.order(node, children)
        self._check_directives(task, full_name, node, depth)
        return task

    def _check_directives(
        self, task: TaskDefinition, full_name: str, node: Mapping[str, Json], depth: int
    ) -> None:
        config = task.config
        if "_error" in config or "_export" in config:
            self._error_handler(task, full_name, node, depth)
        for key in ("_canceled", "_finally"):
            if key in config:
                self._handler(task, full_name, key, self._handler_mapping(node, key), depth)
        if "_timeout" in config:
            self._check_timeout(task, node)
        if isinstance(config.get("_retry"), dict):
            self._check_intervals(node)
        if config.get("rerun_on_crash", "always") not in RERUN_ON_CRASH:
            self._check_rerun(node)
        if not LIMITS.isdisjoint(config):
            for key in config:
                if key in LIMITS:
                    text = f"{key} is allowed at the top level of a workflow only"
                    span = key_span(node, key)
                    self.fatal(text, text, span, reason="it limits a whole attempt, not a task")

    def _handler_mapping(self, node: Mapping[str, Json], key: str) -> Params | None:
        written = node.get(key)
        if written is None or isinstance(written, dict):
            return written
        self.fatal(
            f"Parameter '{key}' must be an object",
            f"{key} must be a task: a mapping",
            value_span(node, key),
            help=f'write an operator, "{key}: {{echo>: over}}", or "+" tasks below it',
        )
        return None

    def _handler(
        self, task: TaskDefinition, full_name: str, key: str, written: Params | None, depth: int
    ) -> None:
        if written:
            name = HANDLERS[key]
            tree = Tree(self.problems, depth + 1)
            tree.build(name, full_name + name, written)
            self._fatal = self._fatal if self._fatal is not None else tree.digdag_error
            self.handlers.append(([task], tree))

    def _error_handler(
        self, task: TaskDefinition, full_name: str, node: Mapping[str, Json], depth: int
    ) -> None:
        config = task.config
        written = self._handler_mapping(node, "_error")
        export = config.get("_export")
        if isinstance(export, dict):
            exported = export.get("_error")
            if isinstance(exported, dict) and "_error" not in config:
                written = exported
            elif isinstance(exported, dict) and isinstance(written, dict):
                written = deep_merge(exported, written)
        elif export is not None:
            text = "Parameter '_export' must be an object"
            self._bad_export = self._bad_export or text
            self._problem("_export must be a mapping", value_span(node, "_export"))
        self._handler(task, full_name, "_error", written, depth)

    def _check_timeout(self, task: TaskDefinition, node: Mapping[str, Json]) -> None:
        value = task.config["_timeout"]
        is_template = isinstance(value, str) and "${" in value
        if is_template and not task.is_group:
            return  # evaluated when the task is run
        if is_template or timeout(value) is None:
            self.fatal(
                f"Parameter '_timeout' must be a duration but got {sample(value)}",
                "_timeout must be a duration",
                value_span(node, "_timeout"),
                reason="of a group it is read before the workflow runs, so ${...} is not possible"
                if is_template
                else None,
                help='for example "_timeout: 1h 30m", or a number of seconds',
            )

    def _check_rerun(self, node: Mapping[str, Json]) -> None:
        words = ", ".join(RERUN_ON_CRASH)
        self.fatal(
            f"Parameter 'rerun_on_crash' must be one of {words}",
            f"rerun_on_crash must be one of {words}",
            value_span(node, "rerun_on_crash"),
            reason="it is read when nothing can be evaluated any more",
        )

    def _check_intervals(self, node: Mapping[str, Json]) -> None:
        written = node["_retry"]
        assert isinstance(written, dict)  # noqa: S101 - the caller has looked
        for key in ("interval", "max_interval"):
            value = written.get(key)
            if value is None or (isinstance(value, str) and "${" in value):
                continue
            try:
                seconds(key, value)
            except ValueError as error:
                self.fatal(
                    str(error),
                    f"{key} of _retry must be a duration",
                    value_span(written, key),
                    help=f'for example "{key}: 1m 30s", or a number of seconds',
                )

    def _mapping(self, node: Mapping[str, Json], key: str) -> Mapping[str, Json] | None:
        """A subtask's mapping; a list of mappings is joined, as digdag does."""
        value = node[key]
        if isinstance(value, dict):
            return value
        if not isinstance(value, list):
            self.fatal(
                f"Parameter '{key}' must be an object or array of objects",
                f'task "{key}" must be a mapping',
                value_span(node, key) if value is not None else key_span(node, key),
                help=f'write an operator below it, for example "{key}: {{echo>: hello}}"',
            )
            return None
        joined: Params = {}
        if isinstance(node, MappingNode):
            span = value_span(node, key) or Span(node.source, node.start, node.end)
            joined = MappingNode(span.source, span.start, span.end)
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.fatal(
                    f"Expected object but got {to_json(item)}",
                    f'the items of task "{key}" must be mappings',
                    item_span(value, index),
                )
            elif isinstance(joined, MappingNode) and isinstance(item, MappingNode):
                for name, entry in item.items():
                    joined.add(name, entry, joined.offsets_from(item, name))
            else:
                joined.update(item)
        return joined

    def _one_after_the_other(
        self, children: Sequence[tuple[TaskDefinition, Mapping[str, Json]]]
    ) -> None:
        before: list[int] = []
        for child, node in children:
            config = child.config
            if "_after" in config:
                self.fatal(
                    'Setting "_after" option is invalid if its parent task doesn\'t have '
                    '"_parallel: true" option',
                    "_after is possible in a parallel group only",
                    key_span(node, "_after"),
                    reason="without _parallel the tasks of a group run one after the other",
                    help='add "_parallel: true" to the group, or remove _after',
                )
                del config["_after"]
            if "_background" in config:
                in_background = self._boolean(node, "_background")
                del config["_background"]
                if in_background:
                    before.append(child.index)
                    continue
            child.upstreams = tuple(before)
            before = [child.index]

    def _side_by_side(
        self, children: Sequence[tuple[TaskDefinition, Mapping[str, Json]]], limit: int
    ) -> None:
        indexes: dict[str, int] = {}
        chunk: list[int] = []
        previous: tuple[int, ...] = ()
        for child, node in children:
            config = child.config
            if "_background" in config and self._boolean(node, "_background"):
                self.fatal(
                    'Setting "_background: true" option is invalid (unnecessary) if its parent '
                    'task has "_parallel: true" option',
                    "_background is not possible in a parallel group",
                    key_span(node, "_background"),
                    reason="all tasks of the group run in parallel already",
                    help="remove _background",
                )
            if "_after" in config:
                child.upstreams = self._after(node, indexes) + previous
                del config["_after"]
            else:
                child.upstreams = previous
            indexes[child.name] = child.index
            if limit:
                chunk.append(child.index)
                if len(chunk) == limit:
                    previous, chunk = tuple(chunk), []

    def _after(self, node: Mapping[str, Json], indexes: Mapping[str, int]) -> tuple[int, ...]:
        names = node["_after"]
        if names is None:
            return ()
        if not isinstance(names, list):
            self.fatal(
                "Expected array type for key '_after' but got " + sample(names),
                "_after must be a list of task names",
                value_span(node, "_after"),
                help="write it in brackets: _after: [+name]",
            )
            return ()
        found = []
        for position, name in enumerate(names):
            if isinstance(name, str) and name in indexes:
                found.append(indexes[name])
                continue
            text = name if isinstance(name, str) else to_json(name)
            self.fatal(
                f"Dependency task '{text}' does not exist",
                f'there is no task "{text}" above this one in its group',
                item_span(names, position),
                reason="_after can name siblings that are written earlier",
                help=_did_you_mean(text, indexes),
            )
        return tuple(found)

    def _boolean(self, node: Mapping[str, Json], key: str) -> bool:
        try:
            return boolean(key, node[key])
        except Unsuitable as error:
            self.fatal(
                str(error),
                f"{key} must be true or false",
                value_span(node, key),
                reason="it is read before the workflow runs, so ${...} is not possible",
            )
            return False

    def _not_one_operator(
        self,
        name: str,
        node: Mapping[str, Json],
        own: Params,
        operators: Sequence[str],
        subtasks: Sequence[str],
    ) -> None:
        if subtasks:
            self.fatal(
                f"A task can't have subtasks: {to_json(own)}",
                "a task with an operator cannot have subtasks",
                key_span(node, subtasks[0]),
                reason=f'"{(operators or ["_type"])[0]}" is the operator of {name}',
                help="move the operator into a task of its own",
            )
        for operator in operators[1:]:
            first = key_span(node, operators[0])
            where = f" (line {first.line})" if first else ""
            self.fatal(
                f"A task can't have more than one operator: {to_json(own)}",
                "a task can have only one operator",
                key_span(node, operator),
                reason=f'"{operators[0]}" is already the operator of {name}{where}',
                help="give each its own task",
            )

    def _unknown_keys(self, full_name: str, node: Mapping[str, Json], own: Params) -> None:
        from digpy.dsl.suggest import digdag_suggestions

        described = []
        for key in own:
            if key in _GROUP_KEYS or key in LIMITS:
                continue
            suggestions = digdag_suggestions(key, _DIGDAG_GROUP_KEYS)
            hint = f" (did you mean [{', '.join(suggestions)}]?)" if suggestions else ""
            described.append(f"'{key}'{hint}")
            self._problem(
                f'unknown key "{key}" in a group',
                key_span(node, key),
                "a task without an operator is a group, which has directives and tasks only",
                self._advice(key),
            )
        if described:
            keys = ", ".join(described)
            self._bad_keys.append(f'{full_name} contains invalid keys: {keys}: "{to_json(own)}"')

    @staticmethod
    def _advice(key: str) -> str:
        if key == "_disable":
            return "remove it: a group is disabled by _disable: true and by nothing else"
        if key in NAMES:
            return "it belongs on a task with an operator"
        return (
            _did_you_mean(key, GROUP_KEYS)
            or f'an operator ends with ">" ("{key}>"), a task begins with "+" ("+{key}"), '
            "a parameter belongs below _export"
        )

    def _problem(
        self,
        message: str,
        span: Span | None,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
    ) -> None:
        self.problems.append(Problem(message, span, reason, help))


def flatten(trees: Sequence[Tree]) -> list[TaskDefinition]:
    """One list: the trees' tasks, their handlers' tasks, their handlers' handlers' tasks ..."""
    tasks: list[TaskDefinition] = []
    pending: list[Handler] = []
    for tree in trees:
        _move(tree, len(tasks))
        tasks += tree.tasks
        pending += tree.handlers
    for owners, tree in pending:  # grows while it is walked
        for owner in owners:
            owner.handlers = {**owner.handlers, tree.tasks[0].name: len(tasks)}
        _move(tree, len(tasks))
        tasks += tree.tasks
        pending += tree.handlers
    return tasks


def _move(tree: Tree, by: int) -> None:
    if by == 0:
        return
    shift = Shift(by)
    for task in tree.tasks:
        task.index += by
        task.parent = None if task.parent is None else task.parent + by
        task.upstreams = shift.moved(task.upstreams)
        task.children = tuple([index + by for index in task.children])


def _did_you_mean(word: str, candidates: Mapping[str, int] | Sequence[str]) -> str | None:
    from digpy.dsl.suggest import did_you_mean

    return did_you_mean(word, candidates)
