"""A workflow file as text, and the steps that ``check`` shows of it."""

from __future__ import annotations

from digpy.cli.steps import Step, workflow_steps
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.reader import read_text
from digpy.source import Source


def steps(text: str) -> Step:
    """The steps of the workflow ``w``."""
    node = read_text(Source("w.dig", text))
    return workflow_steps(compile_workflow(node, "w", path="w.dig").definitions, node)


def step(text: str, *names: str) -> Step:
    """The step that is reached over `names` from the root."""
    found = steps(text)
    for name in names:
        found = next(child for child in found.children if child.name == name)
    return found
