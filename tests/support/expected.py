"""What running a tree of tasks must do, by the definition of the language and nothing of digpy's.

It walks a tree as it is written, once for each round, and keeps what was stored as a list. There
are no rows, no states and no numbers here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.support.trees import Generator, Group, Leaf, Node, World, below

Stores = list[tuple[str, str | None]]
"""What was stored, in the order in which it is merged; None: the key was reset."""


class Ran(NamedTuple):
    """What came of a task.

    `stores` is what it and everything below it stored, in all rounds; `live` are the tasks of the
    newest rounds by full name, and whether they succeeded; handlers are not among them.
    """

    ok: bool
    stores: Stores
    live: dict[str, bool]


def run(node: Node, name: str, before: Stores, world: World) -> Ran:
    """Run `node` after `before` was stored; every run of an operator is noted in `world`."""
    if isinstance(node, Group):
        return _group(node, name, before, world)
    return _operator(node, name, before, world)


def _group(node: Group, name: str, before: Stores, world: World) -> Ran:
    inside = [*before, (node.export, "exported")] if node.export else before
    stores: Stores = []
    ran = Ran(False, [], {})
    for _ in range(node.retry + 1):
        ran = _children(node, name, inside, world)
        stores += ran.stores
        if ran.ok:
            break
    if not ran.ok:
        stores += _handler(node, name, [*inside, *stores], world)
    return Ran(ran.ok, stores, {**ran.live, name: ran.ok})


def _children(node: Group, name: str, inside: Stores, world: World) -> Ran:
    """One round: what stands in a chunk runs whatever its neighbours do."""
    stores: Stores = []
    live: dict[str, bool] = {}
    for chunk in chunks(node):
        around = [*inside, *stores]
        rans = [run(child, name + own, around, world) for own, child in chunk.items()]
        for ran in rans:
            stores += ran.stores
            live |= ran.live
        if not all(ran.ok for ran in rans):
            return Ran(False, stores, live)
    return Ran(True, stores, live)


def chunks(node: Group) -> list[Mapping[str, Node]]:
    """The children that may run at once, one such set behind the other."""
    names = list(node.children)
    size = len(names) if node.parallel is True else int(node.parallel) or 1
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    return [{name: node.children[name] for name in part} for part in parts]


def _operator(node: Leaf | Generator, name: str, before: Stores, world: World) -> Ran:
    """Failures of its own and of what it brought are counted together."""
    own: Stores = []
    brought: Stores = []
    live: dict[str, bool] = {}
    for _ in range(node.retry + 1):
        live = {}
        around = before
        if not _succeeds(node, name, before, world):
            continue
        own = _own(node, name, world)
        ran = _brought(node, name, [*before, *own], world)
        brought += ran.stores
        live = ran.live
        if ran.ok:
            return Ran(True, own + brought, {**live, name: True})
        around = [*before, *own, *brought]
    brought += _handler(node, name, around, world)
    return Ran(False, own + brought, {**live, name: False})


def _succeeds(node: Leaf | Generator, name: str, before: Stores, world: World) -> bool:
    """Run the operator itself."""
    if isinstance(node, Generator) and node.kind != "spawn":
        return True  # digpy's own, which take no notes
    params: dict[str, str] = {}
    for key, value in before:
        params.pop(key, None)
        if value is not None:
            params[key] = value
    world.note(name, params)
    return isinstance(node, Generator) or world.succeeds(name, node.fails)


def _own(node: Leaf | Generator, name: str, world: World) -> Stores:
    own: Stores = []
    if isinstance(node, Leaf) and node.reset is not None:
        own.append((node.reset, None))
    if node.store is not None:
        own.append((node.store, world.value(name)))
    return own


def _brought(node: Leaf | Generator, name: str, inside: Stores, world: World) -> Ran:
    """What it generated, then its check."""
    ran = Ran(True, [], {})
    if isinstance(node, Generator):
        ran = run(below(node), name + "^sub", inside, world)
    if not ran.ok or node.check is None:
        return ran
    check = run(node.check, name + "^check", [*inside, *ran.stores], world)
    return Ran(check.ok, ran.stores + check.stores, {**ran.live, **check.live})


def _handler(node: Node, name: str, around: Stores, world: World) -> Stores:
    if node.error is None:
        return []
    return run(node.error, name + "^error", around, world).stores
