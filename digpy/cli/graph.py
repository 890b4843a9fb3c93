"""Workflows as a picture, drawn by Graphviz: groups as boxes around their tasks, arrows for order.

Needs the package pygraphviz, which brings Graphviz along (``digpy[graph]``); nothing else of digpy
does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple

from digpy.cli.steps import Step
from digpy.cli.tree_view import action, one_line, remarks_on
from digpy.errors import LimitExceeded, NotInstalled, Unavailable, UsageError

if TYPE_CHECKING:
    from pygraphviz import AGraph

FORMATS = ("svg", "png", "dot")
"""Endings of file names, which say what is drawn."""

MANY = 1000
"""More tasks than this make no picture: nobody could read it, and the layout takes minutes."""

_GRAPH = {"compound": "true", "nodesep": "0.3", "ranksep": "0.45", "pad": "0.2"}
_TEXT = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "11"}
_NODE = {**_TEXT, "shape": "box", "style": "rounded,filled", "height": "0.4", "margin": "0.15,0.07"}
_ARROW = {**_TEXT, "fontsize": "10", "color": "#5b7083", "fontcolor": "#5b7083", "arrowsize": "0.7"}
_WRITTEN = {"color": "#5b7083", "fillcolor": "#e8eff6", "bgcolor": "#f8fafc"}
_GENERATED = {"color": "#8a63b8", "fillcolor": "#f1eafa", "bgcolor": "#fbf8fe"}
_HANDLER = {"color": "#c05050", "fillcolor": "#fbe9e9", "bgcolor": "#fef7f7"}
_OFF = {"color": "#a0a0a0", "fillcolor": "#f2f2f2", "fontcolor": "#808080"}
_MANY_TO_MANY = 3
"""Waiting for more siblings than this is drawn through one point, not with an arrow from each."""


def draw(roots: Sequence[Step], path: Path) -> None:
    """Draw the steps of workflows into one file; its name says in which of `FORMATS`.

    Raises `UsageError` for another ending, `LimitExceeded` for too many tasks, `NotInstalled`
    where pygraphviz is missing, and `Unavailable` if the file cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(f'--graph: "{path}" must end in one of {endings}')
    count = sum(root.size() for root in roots)
    if count > MANY:
        raise LimitExceeded(
            f"{count:,} tasks are too many for a picture; {MANY:,} are the most\n"
            "    help: name one workflow, or look at --tree"
        )
    picture = _Picture()
    for root in roots:
        picture.add(root)
    try:
        path.write_bytes(picture.rendered(kind))
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


class _Drawn(NamedTuple):
    """Where arrows to a step end and arrows from it begin; a cluster is pointed at as a whole."""

    first: str
    last: str
    cluster: str | None


class _Picture:
    """A graph that grows. Names of nodes are numbers; what people read are labels."""

    def __init__(self) -> None:
        try:
            from pygraphviz import AGraph
        except ImportError as error:
            raise NotInstalled(
                f"a picture needs the package pygraphviz: {error}\n"
                "    help: pip install 'digpy[graph]'"
            ) from None
        self._graph: AGraph = AGraph(directed=True, strict=False, **_GRAPH)
        self._count = 0

    def add(self, root: Step) -> None:
        """Draw one workflow."""
        self._step(root, self._graph)

    def rendered(self, kind: str) -> bytes:
        """The picture as a file."""
        if kind == "dot":
            return str(self._graph.to_string()).encode()
        with TemporaryFile() as said, _standard_error_to(said):
            try:
                drawn: bytes = self._graph.draw(format=kind, prog="dot")
            except ValueError as error:
                said.seek(0)
                reason = said.read().decode(errors="replace").strip() or error
                raise Unavailable(f"Graphviz could not draw the picture: {reason}") from error
        return drawn

    def _step(self, step: Step, within: AGraph) -> _Drawn:
        remarks = ", ".join(remarks_on(step))
        name = one_line(step.name)
        if not step.children:
            node = self._node(within, [name, action(step), remarks], step)
            return _Drawn(node, node, None)
        cluster = f"cluster_{self._next()}"
        title = f"{name}  ({remarks})" if remarks else name
        box = within.add_subgraph([], name=cluster, label=_label([title]), **_box(step))
        own = None if step.operator is None else self._node(box, [action(step)], step)
        children = [(child, self._step(child, box)) for child in step.children]
        self._order(box, own, children)
        first = children[0][1].first if own is None else own
        return _Drawn(first, children[-1][1].last, cluster)

    def _order(self, box: AGraph, own: str | None, children: Sequence[tuple[Step, _Drawn]]) -> None:
        end = next((drawn for child, drawn in reversed(children) if not _is_handler(child)), None)
        by_name = {child.name: drawn for child, drawn in children}
        points: dict[tuple[str, ...], _Drawn] = {}
        for child, drawn in children:
            befores = [by_name[name] for name in child.after]
            if len(befores) > _MANY_TO_MANY:
                if child.after not in points:
                    points[child.after] = self._point(box, befores)
                befores = [points[child.after]]
            for before in befores:
                self._arrow(before, drawn, {})
            if own is not None and not befores:
                self._arrow(_Drawn(own, own, None), drawn, {"style": "dashed"})
            elif _is_handler(child) and end is not None:  # of a group: below all, without an arrow
                self._arrow(end, drawn, {"style": "invis"})

    def _node(self, within: AGraph, lines: Sequence[str], step: Step) -> str:
        name = self._next()
        attributes = {**_NODE, **_colors(step), "tooltip": _label([one_line(step.full_name)])}
        attributes.pop("bgcolor", None)
        if step.made:
            attributes["style"] += ",dashed"
        within.add_node(name, label=_label(lines), **attributes)
        return name

    def _point(self, within: AGraph, befores: Sequence[_Drawn]) -> _Drawn:
        name = self._next()
        within.add_node(name, shape="point", width="0.06", color=_ARROW["color"], label="")
        point = _Drawn(name, name, None)
        for before in befores:
            self._arrow(before, point, {"arrowhead": "none"})
        return point

    def _arrow(self, before: _Drawn, after: _Drawn, style: dict[str, str]) -> None:
        ends = {"ltail": before.cluster, "lhead": after.cluster}
        clipped = {key: cluster for key, cluster in ends.items() if cluster is not None}
        self._graph.add_edge(before.last, after.first, **_ARROW, **clipped, **style)

    def _next(self) -> str:
        self._count += 1
        return str(self._count)


@contextmanager
def _standard_error_to(file: IO[bytes]) -> Iterator[None]:
    """Graphviz and the libraries below it write there past Python, about fonts for example."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_handler(step: Step) -> bool:
    return bool(step.made) and step.name not in ("^sub", "^check")


def _box(step: Step) -> dict[str, str]:
    style = "rounded,dashed" if step.made else "rounded"
    return {**_TEXT, "style": style, "labeljust": "l", "margin": "12", **_colors(step)}


def _colors(step: Step) -> dict[str, str]:
    if step.disabled:
        return _OFF
    if _is_handler(step):
        return _HANDLER
    return _GENERATED if step.made else _WRITTEN


def _label(lines: Sequence[str]) -> str:
    r"""Text as a label. To Graphviz ``\N`` is an escape, ``&lt;`` an entity, ``<...>`` HTML."""
    text = r"\n".join(line.replace("\\", "\\\\").replace("&", "&amp;") for line in lines if line)
    return f" {text}" if text.startswith("<") else text
