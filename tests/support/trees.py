"""Trees of tasks, as files of a project, and the operators they are made of.

What has to become of a tree says `tests.support.expected`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from hypothesis import strategies as st

from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators import registry
from digpy.spi import InlineOperator, TaskRequest, TaskResult
from digpy.values import Params

KEYS = ("u", "v")
"""Parameters that the tasks store, reset and export, and look at."""


class Leaf(NamedTuple):
    """``probe>``: fails its first `fails` runs, then resets or stores what it was told to."""

    fails: int = 0
    store: str | None = None
    reset: str | None = None
    retry: int = 0
    check: Node | None = None
    error: Node | None = None


class Group(NamedTuple):
    """Tasks one after the other, at once (`parallel` is True), or in chunks of `parallel`."""

    children: Mapping[str, Node]
    parallel: bool | int = False
    export: str | None = None
    retry: int = 0
    error: Node | None = None


class Generator(NamedTuple):
    """An operator that brings `body`, a loop several `times`; `store` is for ``spawn>`` only."""

    kind: str
    body: Node
    times: int = 1
    parallel: bool | int = False
    store: str | None = None
    retry: int = 0
    check: Node | None = None
    error: Node | None = None


Node = Leaf | Group | Generator


_NAMES = {
    "loop": "+loop-{0}",
    "for_each": "+for-0=x={0}={0}",
    "for_range": "+range-from={0}&to={1}",
}


def below(node: Generator) -> Node:
    """The task that is called ``^sub``: a group of a loop's children, or the body itself."""
    if node.kind not in _NAMES:
        return node.body
    names = [_NAMES[node.kind].format(n, n + 1) for n in range(node.times)]
    return Group(dict.fromkeys(names, node.body), node.parallel)


def files_of(node: Node) -> dict[str, str]:
    """The project: `node` is the root of ``w.dig``; what it calls are files beside it."""
    files: dict[str, str] = {}
    files["w.dig"] = json.dumps(_mapping(node, files))
    return files


def _mapping(node: Node, files: dict[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if isinstance(node, Leaf):
        written["probe>"] = {"fails": node.fails, "store": node.store, "reset": node.reset}
    elif isinstance(node, Generator):
        written |= _generating(node, files)
    else:
        if node.export is not None:
            written["_export"] = {node.export: "exported"}
        written |= {name: _mapping(child, files) for name, child in node.children.items()}
    parallel = False if isinstance(node, Leaf) else node.parallel
    if parallel:
        written["_parallel"] = True if parallel is True else {"limit": parallel}
    if node.retry:
        written["_retry"] = node.retry
    if node.error is not None:
        written["_error"] = _mapping(node.error, files)
    if not isinstance(node, Group) and node.check is not None:
        written["_check"] = _mapping(node.check, files)
    return written


def _generating(node: Generator, files: dict[str, str]) -> dict[str, Any]:
    body = _mapping(node.body, files)
    if node.kind == "spawn":
        return {"spawn>": {"body": json.dumps(body), "store": node.store}}
    if node.kind == "call":
        name = f"called{len(files)}"
        files[f"{name}.dig"] = json.dumps(body)
        return {"call>": name}
    commands: dict[str, Any] = {
        "loop": node.times,
        "for_each": {"x": list(range(node.times))},
        "for_range": {"from": 0, "to": node.times, "step": 1},
        "if": True,
    }
    return {f"{node.kind}>": commands[node.kind], "_do": body}


# The operators


class Call(NamedTuple):
    """One run of a task: which one of that name it is, counted from 1, and what it saw."""

    full_name: str
    which: int
    seen: tuple[tuple[str, str], ...]


class World:
    """What the operators remember. A crash takes back what was not committed."""

    def __init__(self, *, numbered: bool = True) -> None:
        self.numbered = numbered
        self.repaired = False
        self.runs: Counter[str] = Counter()
        self.calls: list[Call] = []
        self._kept = 0

    def value(self, full_name: str) -> str:
        """What a task stores: its name, and which run of it this is."""
        return f"{full_name}#{self.runs[full_name]}" if self.numbered else full_name

    def succeeds(self, full_name: str, fails: int) -> bool:
        """Whether the run that was noted last succeeds."""
        return self.repaired or self.runs[full_name] > fails

    def keep(self) -> None:
        """Everything so far is committed."""
        self._kept = len(self.calls)

    def drop(self) -> None:
        """Forget what is not."""
        for call in self.calls[self._kept :]:
            self.runs[call.full_name] -= 1
        del self.calls[self._kept :]

    def note(self, full_name: str, params: Mapping[str, Any]) -> None:
        """A run."""
        self.runs[full_name] += 1
        seen = tuple((key, params[key]) for key in KEYS if key in params)
        self.calls.append(Call(full_name, self.runs[full_name], seen))


class _Noting(InlineOperator):
    """Notes its run in the `world`; what it does else stands in its command."""

    retries = True
    options = None

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self, request: TaskRequest) -> TaskResult:
        told: Any = request.command
        name, world = request.full_name, self._world
        world.note(name, request.params)
        if not world.succeeds(name, told.get("fails", 0)):
            raise TaskFailed("it was told to fail")
        store: Params = {told["store"]: world.value(name)} if told["store"] else {}
        reset = (told["reset"],) if told.get("reset") else ()
        body = told.get("body")
        return TaskResult(Subtasks(json.loads(body)) if body else None, {}, store, reset)


@contextmanager
def operators(world: World) -> Iterator[None]:
    """``probe>`` and ``spawn>`` are installed, and tell `world`."""
    operator = _Noting(world)
    installed = {"probe": operator, "spawn": operator}
    before = registry._plugin
    registry.find.cache_clear()
    registry._plugin = installed.get  # type: ignore[assignment]
    try:
        yield
    finally:
        registry._plugin = before
        registry.find.cache_clear()


# Any tree

GENERATORS = ("loop", "for_each", "for_range", "if", "call", "spawn")


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    keys = st.sampled_from([None, None, *KEYS])
    return Leaf(draw(st.sampled_from([0, 0, 0, 1, 2, 99])), draw(keys), draw(keys))


@st.composite
def nodes(draw: st.DrawFn, depth: int) -> Node:
    kind = draw(st.integers(0, 9)) if depth else 0
    retry = draw(st.sampled_from([0, 0, 1, 2]))
    error = draw(st.none() | handlers(depth - 1)) if depth and draw(st.booleans()) else None
    if kind in (4, 5, 6) or (kind > 6 and depth == 1):
        return (draw(groups(depth)))._replace(retry=retry, error=error)
    check = draw(nodes(depth - 1)) if depth and draw(st.integers(0, 3)) == 0 else None
    if kind <= 3:
        return draw(leaves())._replace(retry=retry, check=check, error=error)
    name = draw(st.sampled_from(GENERATORS))
    is_loop = name.startswith(("loop", "for"))
    return Generator(
        name,
        draw(groups(depth - 1) if name == "call" else nodes(depth - 1)),
        draw(st.integers(1, 3)) if is_loop else 1,
        draw(st.sampled_from([False, True, 2])) if is_loop else False,
        draw(st.sampled_from([None, *KEYS])) if name == "spawn" else None,
        retry,
        check,
        error,
    )


@st.composite
def handlers(draw: st.DrawFn, depth: int) -> Node:
    node = draw(nodes(depth))
    # What failed has stored goes between the export of a handler and its tasks: shown elsewhere.
    return node._replace(export=None) if isinstance(node, Group) else node


@st.composite
def groups(draw: st.DrawFn, depth: int) -> Group:
    children = draw(st.lists(nodes(max(depth - 1, 0)), min_size=1, max_size=4))
    return Group(
        {f"+{letter}": child for letter, child in zip("abcd", children, strict=False)},
        draw(st.sampled_from([False, False, True, 1, 2])),
        draw(st.sampled_from([None, None, *KEYS])),
    )


@st.composite
def workflows(draw: st.DrawFn) -> Group:
    return draw(groups(3))._replace(
        retry=draw(st.sampled_from([0, 0, 1])), error=draw(st.none() | handlers(1))
    )
