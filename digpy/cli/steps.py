"""A workflow as ``digpy check`` shows it: its tasks, and what they will generate, as one tree.

What is written in the file comes from the compiled definitions. Bodies are compiled only when a run
comes to them, so they are compiled here to be looked at. Nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from digpy.dsl.model import Definitions, TaskDefinition
from digpy.dsl.nodes import MappingNode, key_span
from digpy.dsl.options import Unsuitable, parallel_limit
from digpy.dsl.tree import Tree, flatten
from digpy.source import Span
from digpy.values import Json, Params, to_json

_HANDLERS = {
    "^error": "if it fails",
    "^canceled": "if it is canceled",
    "^finally": "at the end, however it ended",
}
"""When the handlers of a task run."""

_COPIES = {"loop": "+loop-…", "for_each": "+for-…", "for_range": "+range-…"}
"""Operators that run their body several times, and what the copies are called."""


class Step(NamedTuple):
    """One task, or one that will be generated.

    Attributes:
        name, full_name: as in a run; where a number will stand, there is ``…``.
        operator: without ``>``; None for a group. command: what is written after it.
        span: where the task is written; None if that is not known.
        made: when it is generated, in words; empty for a task that is written.
        after: names of the siblings it waits for.
        relation: how it stands to its siblings, in words, where that is not the order of the file.
        parallel: how its children run: None one by one, 0 all at once, else so many at a time.
        disabled: it does nothing, because of ``_disable``.
        children: below it, generated ones behind written ones.
    """

    name: str
    full_name: str
    operator: str | None
    command: Json
    span: Span | None
    made: str
    after: tuple[str, ...]
    relation: str
    parallel: int | None
    disabled: bool
    children: tuple[Step, ...]

    def size(self) -> int:
        """How many steps this is: itself and all below."""
        return 1 + sum(child.size() for child in self.children)


def workflow_steps(definitions: Definitions, node: Mapping[str, Json]) -> Step:
    """The steps of a workflow: its definitions, and the mapping of its file for the positions."""
    span = Span(node.source, node.start, node.start + 1) if isinstance(node, MappingNode) else None
    return _step(definitions, definitions[0], node, definitions[0].name)._replace(span=span)


def _step(
    definitions: Definitions, task: TaskDefinition, node: Mapping[str, Json], full_name: str
) -> Step:
    operator, command = _operator(task.config)
    children = []
    for index in task.children:
        child = definitions[index]
        mapping = _mapping(node, child.name)
        step = _step(definitions, child, mapping, full_name + child.name)
        children.append(step._replace(span=key_span(node, child.name), relation=_relation(mapping)))
    return Step(
        task.name,
        full_name,
        operator,
        command,
        None,
        "",
        tuple(dict.fromkeys(definitions[index].name for index in task.upstreams)),
        "",
        _parallel(task.config),
        task.config.get("_disable") is True,
        (
            *children,
            *_generated(task, operator, command, full_name),
            *_handlers(definitions, task, full_name),
        ),
    )


def _operator(config: Params) -> tuple[str | None, Json]:
    if "_type" in config:
        return str(config["_type"]), config.get("_command")
    return next(((key[:-1], config[key]) for key in config if key[-1:] == ">"), (None, None))


def _mapping(node: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """The mapping of a subtask; a list of mappings is joined, as the compiler does."""
    value = node.get(name)
    if isinstance(value, dict):
        return value
    joined: Params = {}
    for item in value if isinstance(value, list) else ():
        joined |= item if isinstance(item, dict) else {}
    return joined


def _relation(node: Mapping[str, Json]) -> str:
    if node.get("_background") not in (None, False):
        return "in background"
    names = node.get("_after")
    return "after " + ", ".join(map(str, names)) if isinstance(names, list) and names else ""


def _parallel(config: Params) -> int | None:
    try:
        return parallel_limit(config["_parallel"]) if "_parallel" in config else None
    except Unsuitable:
        return 0  # ${...}, possible where children are generated: only the run can tell


def _generated(
    task: TaskDefinition, operator: str | None, command: Json, full_name: str
) -> Iterator[Step]:
    sub = ""
    if operator == "if":
        for key, answer in (("_do", "true"), ("_else_do", "false")):
            yield from _branch("^sub", full_name, task.config.get(key), f"if it is {answer}")
    elif operator in _COPIES:
        yield from _copies(operator, task, command, full_name)
        sub = "^sub"
    elif operator == "call":
        sub = "^sub"
        yield _leaf(sub, full_name, f"the tasks of {_text(command)}")
    if task.check:
        check = _branch("^check", full_name, task.check, "after it has succeeded")
        yield from (step._replace(after=(sub,) if sub else ()) for step in check)


def _handlers(definitions: Definitions, task: TaskDefinition, full_name: str) -> Iterator[Step]:
    for name, made in _HANDLERS.items():
        if name in task.handlers:
            handler = definitions[task.handlers[name]]
            body = _mapping(task.config, f"_{name[1:]}")
            step = _step(definitions, handler, body, full_name + name)
            yield step._replace(span=_begin(body), made=made)


def _copies(operator: str, task: TaskDefinition, command: Json, full_name: str) -> Iterator[Step]:
    name = _COPIES[operator]
    body = _branch(name, full_name + "^sub", task.config.get("_do"), "")
    group = _leaf("^sub", full_name, _how_often(operator, command))
    yield group._replace(parallel=_parallel(task.config), children=tuple(body))


def _how_often(operator: str, command: Json) -> str:
    if operator == "loop":
        return f"{_text(command)} times"
    if operator == "for_range":
        return "once for each range"
    names = ", ".join(command) if isinstance(command, dict) else "value"
    return f"once for each {names}"


def _branch(name: str, owner: str, body: Json, made: str) -> Iterator[Step]:
    """The tree that a body becomes; nothing where none is written.

    What is wrong with it has been reported already: `digpy.dsl.checker` compiles it, too.
    """
    if not isinstance(body, dict) or not body:
        return
    tree = Tree([])
    tree.build(name, owner + name, body)
    definitions = Definitions(flatten([tree]))
    step = _step(definitions, definitions[0], body, owner + name)
    yield step._replace(span=_begin(body), made=made)


def _begin(body: Mapping[str, Json]) -> Span | None:
    return next((key_span(body, key) for key in body), None)


def _leaf(name: str, owner: str, made: str) -> Step:
    return Step(name, owner + name, None, None, None, made, (), "", None, False, ())


def _text(value: Json) -> str:
    return value if isinstance(value, str) else to_json(value)
