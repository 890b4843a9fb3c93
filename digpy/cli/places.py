"""Where in its file a failed task is to be repaired: found again after the failure, by its name.

A task remembers no positions, because nobody asks for them while all goes well. The file is read
once more; if it was changed meanwhile, there may be no answer, and never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from digpy.dsl.include import read_file
from digpy.dsl.nodes import key_span, templates, value_span
from digpy.errors import SourceError
from digpy.source import Problem, Span
from digpy.values import Json

_EVALUATION = "Failed to evaluate a variable "
_UNDEFINED = re.compile(r"'?([A-Za-z_$][\w$]*)'? is not defined")
_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "Command failed with code 127",
        "the shell found no such command or file",
        "scripts are looked for in the directory of the project (_workdir), programs in PATH",
    ),
    (
        "Command failed with code 126",
        "the shell may not execute this",
        "make the file executable, or name the program that runs it",
    ),
    (
        "(ModuleNotFoundError)",
        "Python found no such module",
        "modules are looked for in the directory of the project (_workdir), then where python"
        " finds its own",
    ),
    ("Invalid configuration (config)", "this is no duration", "write one like 1d 2h 3m 4s"),
    ("File not found: ", "there is no such file", "paths are seen from the project's directory"),
    (
        "Too many",
        "these are too many tasks",
        "the limit is the setting executor.task_max_run (-X executor.task_max_run=N)",
    ),
)
"""What some messages mean: a part of the message, what to say, and what to do."""

_IN_DIRECTORY = re.compile(r'\(in directory "(.*)"\): error=2')
_NAME = re.compile(r"[+^][^+^]+")


def place_of(root: Path, workflow: str, full_name: str, message: str) -> str | None:
    """The line with a caret, and advice, for a failure that is a mistake in the file; else None.

    `full_name` is that of the task that failed with `message`, in a workflow of the project `root`.
    """
    missing = _IN_DIRECTORY.search(message)
    about_workdir = "_workdir" in message or (missing is not None and not Path(missing[1]).exists())
    about_file = about_workdir or message.startswith(_EVALUATION) or message.endswith("(config)")
    if not about_file and not any(found in message for found, _, _ in _ADVICE):
        return None  # a program's failure is explained by its log, not by the line that starts it
    try:
        file_name = f"{workflow}.dig"
        scopes = list(_scopes(read_file(root / file_name, root, file_name), full_name))
    except SourceError:
        return None
    if message.startswith(_EVALUATION):
        return _template(scopes, message)
    if about_workdir:
        return _workdir(scopes)
    return _operator(scopes[0], message)


def _scopes(node: Json, full_name: str) -> Iterator[Json]:
    """The mappings in which a task is written, the innermost first.

    What a task generated, its handler and its check are looked for in the task.
    """
    found = [node]
    for name in _NAME.findall(full_name)[1:]:
        inner = found[-1].get(name) if isinstance(found[-1], dict) else None
        if not isinstance(inner, dict):
            break
        found.append(inner)
    return reversed(found)


def _template(scopes: list[Json], message: str) -> str | None:
    for scope in scopes:
        for template, span in templates(scope):
            if span is not None and message.startswith(f"{_EVALUATION}{template} ("):
                return _draw(template, span, message.removeprefix(f"{_EVALUATION}{template} "))
    return None


def _draw(template: str, span: Span, detail: str) -> str:
    """`detail` is the rest of the message: ``(TypeError: ...) (config)``."""
    kind, _, reason = detail.removesuffix(" (config)").strip("()").partition(": ")
    if kind == "SyntaxError":
        from digpy.expr.template import problems

        drawn = [problem.render() for problem in problems(template, span)]
        if drawn:
            return "\n".join(drawn)
    where = _only_hole(_within(span, template))
    undefined = _UNDEFINED.fullmatch(reason)
    if kind == "ReferenceError" and undefined is not None:
        name = undefined[1]
        return Problem(
            f'"{name}" is not defined here',
            _word(span, name) or where,
            help="set it with _export, store it in a task before this one, or give"
            f" -p {name}=VALUE",
        ).render()
    if kind == "InternalError":
        advice = "let a script compute it and store the result"
        return Problem("this expression takes too much", where, reason, advice).render()
    return Problem("this cannot be evaluated", where, reason or kind).render()


def _within(span: Span, text: str) -> Span:
    """The only place of `text` in `span`; all of `span` where it is written in another way."""
    written = span.source.text[span.start : span.end]
    if written.count(text) != 1:
        return span
    start = span.start + written.index(text)
    return Span(span.source, start, start + len(text))


def _only_hole(span: Span) -> Span:
    """The one ``${...}`` in `span`; all of it if there are several."""
    text = span.source.text[span.start : span.end]
    start, end = text.find("${"), text.rfind("}")
    if text.count("${") != 1 or end < start:
        return span
    return Span(span.source, span.start + start, span.start + end + 1)


def _word(span: Span, name: str) -> Span | None:
    """The first use of a variable behind a ``${``."""
    text = span.source.text
    opening = text.find("${", span.start, span.end)
    pattern = re.compile(rf"(?<![\w$.]){re.escape(name)}(?![\w$])")
    found = pattern.search(text, max(opening, span.start), span.end) if opening >= 0 else None
    return None if found is None else Span(span.source, found.start(), found.end())


def _workdir(scopes: list[Json]) -> str | None:
    for scope in scopes:
        for holder in (scope, scope.get("_export") if isinstance(scope, dict) else None):
            where = value_span(holder, "_workdir")
            if where is not None:
                advice = "name a directory of the project, seen from where its .dig files are"
                return Problem("tasks cannot work here", where, help=advice).render()
    return None


def _operator(task: Json, message: str) -> str | None:
    for key in task if isinstance(task, dict) else ():
        if key.endswith(">") or key == "_type":
            key_at, value_at = key_span(task, key), value_span(task, key)
            if key_at is None or value_at is None:
                return None
            if message.startswith("Unknown task type: "):
                from digpy.dsl.suggest import did_you_mean
                from digpy.operators import registry

                advice = did_you_mean(key.removesuffix(">"), registry.known())
                return Problem("there is no operator of this name", key_at, help=advice).render()
            for begins, text, advice in _ADVICE:
                if begins in message:
                    return Problem(text, value_at, help=advice).render()
            return Problem("this cannot be done", value_at).render()
    return None
