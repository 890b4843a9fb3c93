"""The tasks of a workflow as a tree of lines: plain text, with colours on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from digpy.cli.steps import Step
from digpy.values import Json, to_json

_LONGEST = 60
"""Characters of a command; the file has the rest."""

_LEGEND = "⟨…⟩ is generated while the workflow runs"


class TreeLine(NamedTuple):
    """One line: what leads to it, the task, what it does, and what has to be said about it."""

    guide: str
    name: str
    action: str
    remark: str

    def text(self) -> str:
        """All of it."""
        return "  ".join(
            part for part in (self.guide + self.name, self.action, self.remark) if part
        )


def show_trees(roots: Sequence[Step]) -> None:
    """Write the trees to standard output; lines that are too long for a terminal are cut."""
    lines = [line for root in roots for line in (*tree_lines(root), TreeLine("", "", "", ""))]
    if any(line.name.startswith("⟨") for line in lines):
        lines.append(TreeLine("", "", "", _LEGEND))
    if not sys.stdout.isatty():
        sys.stdout.write("".join(line.text() + "\n" for line in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        name_style = "italic magenta" if line.name.startswith("⟨") else "bold"
        text = Text.assemble((line.guide, "dim"), (line.name, name_style), "  ")
        text.append(line.action, "cyan")
        text.append(f"  {line.remark}" if line.action else line.remark, "dim")
        console.print(text, no_wrap=True, overflow="ellipsis")


def tree_lines(step: Step, guide: str = "", below: str = "") -> Iterator[TreeLine]:
    """The lines of a step and of all below it."""
    name = f"⟨{step.name}⟩" if step.made else step.name
    remarks = ", ".join(remarks_on(step))
    yield TreeLine(guide, one_line(name), action(step), f"({remarks})" if remarks else "")
    for number, child in enumerate(step.children, 1):
        is_last = number == len(step.children)
        yield from tree_lines(
            child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")
        )


def action(step: Step) -> str:
    """``sh>: make``: operator and command in one line; empty for a group."""
    if step.operator is None:
        return ""
    return one_line(f"{step.operator}>: {_text(step.command)}".rstrip())


def remarks_on(step: Step) -> Iterator[str]:
    """What has to be said about a step beyond its name and its action."""
    if step.made:
        yield one_line(step.made)
    if step.disabled:
        yield "disabled"
    if step.relation:
        yield one_line(step.relation)
    if step.parallel is not None and (step.operator is None or not step.children):
        yield "all at once" if step.parallel == 0 else f"{step.parallel} at a time"


def one_line(text: str) -> str:
    """The first line of `text`, not too long, and without what a terminal would obey."""
    lines = text.splitlines()
    first = lines[0] if lines else ""
    shown = "".join(character if character.isprintable() else "�" for character in first)
    is_cut = len(shown) > _LONGEST or len(lines) > 1
    return shown[:_LONGEST] + (" …" if is_cut else "")


def _text(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)
