"""Which names tasks and workflows may have."""

from __future__ import annotations

import re
from typing import NamedTuple

from digpy.source import Problem
from digpy.values import to_json

_NAME = re.compile(r"[+^][a-zA-Z0-9_\-=\[\]{}%&@,.^`]+")
_LONGEST = 255
_NOT_FIRST = '+^@/\\:*?"<>|'
"""Signs that mean something else at the beginning of a workflow's name, or in paths."""


class BadName(NamedTuple):
    """Why a name is refused: digdag's words for the rule, and what should not be there."""

    rule: str
    thing: str


def bad_name(name: str) -> BadName | None:
    """What is wrong with a task name; None if nothing is."""
    if len(name) > _LONGEST:
        rule = f"must not be longer than {_LONGEST} characters"
        return BadName(rule, f"more than {_LONGEST} characters")
    if _NAME.fullmatch(name):
        return None
    char = next((char for char in name[1:] if not _NAME.fullmatch("+" + char)), None)
    if char is None:
        return BadName("must not be empty", "nothing behind the sign")
    return BadName(f"must not contain character '{char}'", _in_words(char))


def check_workflow_name(name: str, path: str, *, is_root: bool) -> list[Problem]:
    """What is wrong with the name of a workflow, which is that of its file.

    `is_root`: it is compiled as a root task, whose name has to keep the rules of task names as
    well.
    """
    message = None
    if not name.strip():
        message = "is empty"
    elif name[0].isdigit() and name[0].isascii():
        message = "begins with a digit"
    elif name[0] in _NOT_FIRST:
        message = f'begins with "{name[0]}"'
    elif name.endswith(".dig"):
        message = 'ends with ".dig"'
    elif len(name) > _LONGEST:
        message = f"has {len(name)} characters; the longest is {_LONGEST}"
    elif is_root and (bad := bad_name("+" + name)) is not None:
        message = f"contains {bad.thing}"
    if message is None:
        return []
    return [Problem(f"the workflow name {to_json(name)} {message}", help=f"rename the file {path}")]


def _in_words(char: str) -> str:
    return {" ": "a space", "\t": "a tab", "\n": "a line break"}.get(char, f'"{char}"')
