"""All workflows of a directory, and files that a workflow calls."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from digpy.dsl.checker import check_workflow
from digpy.dsl.compiler import called_mapping, compile_workflow
from digpy.dsl.include import FileReader
from digpy.dsl.model import Workflow
from digpy.dsl.reader import read_text
from digpy.errors import NotFound, SourceError
from digpy.source import Problem, sort_problems
from digpy.values import Params

_SUFFIX = ".dig"
_IGNORE_FILE = ".digdagignore"


class Project(NamedTuple):
    """What a directory defines.

    Attributes:
        root: the directory.
        workflows: by name, in the order of their names.
        warnings: what is legal and probably wrong.
        content_hash: SHA-256 (hex) of the workflow files and their includes, with their names.
        files: those files, by their names in the project.
    """

    root: Path
    workflows: dict[str, Workflow]
    warnings: list[Problem]
    content_hash: str
    files: frozenset[str]


def load_project(root: Path, *, known_operators: Collection[str] | None = None) -> Project:
    """Read, check and compile every workflow file that lies directly in `root`.

    Raises `SourceError` with the problems of all files: one broken file stops the whole project, as
    in digdag. Hidden files and those that ``.digdagignore`` names are left out.
    """
    files = FileReader(root)
    workflows: dict[str, Workflow] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for file_name in workflow_files(root):
        name = file_name.removesuffix(_SUFFIX)
        try:
            node = read_text(files.source(root / file_name, file_name), load=files.load)
            workflows[name] = compile_workflow(node, name, path=file_name)
        except SourceError as error:
            problems.extend(error.problems)
        else:
            warnings.extend(check_workflow(node, known_operators=known_operators))
    if problems:
        raise SourceError(sort_problems(problems))
    content_hash = _content_hash(files.read)
    return Project(root, workflows, sort_problems(warnings), content_hash, frozenset(files.read))


def load_called(path: Path, root: Path) -> Params:
    """The mapping of a file for ``call>``, ready to be a task's subtasks.

    `path` lies below `root`. The file keeps the rules of workflow files; its ``timezone`` is
    ignored and its directory becomes ``_workdir``. Raises `NotFound`, `YamlError`, `CompileError`.
    """
    path = Path(os.path.normpath(root / path))
    if not path.is_file():
        raise NotFound(f"File not found: {path}")
    if not path.is_relative_to(root):
        raise NotFound(f"File name must not be outside of project path ({root}): {path}")
    file_name = path.relative_to(root).as_posix()
    files = FileReader(root)
    node = read_text(files.source(path, file_name), load=files.load)
    return called_mapping(node, file_name.removesuffix(_SUFFIX), path=file_name)


def workflow_files(root: Path) -> list[str]:
    """Names of the workflow files in `root`, sorted."""
    with os.scandir(root) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.endswith(_SUFFIX) and not entry.name.startswith(".") and _is_file(entry)
        )
    ignore_file = root / _IGNORE_FILE
    if not ignore_file.is_file():
        return names
    patterns = list(_ignore_patterns(ignore_file.read_text("utf-8")))
    return [name for name in names if not _is_ignored(name, patterns)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is to be read; also what cannot be looked at, so that reading says why."""
    try:
        return entry.is_file()
    except OSError:
        return True


def _ignore_patterns(text: str) -> Iterator[tuple[str, bool]]:
    """The gitignore patterns that can concern a file in the root, and whether they exclude it."""
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        excludes = not pattern.startswith("!")
        pattern = pattern.removeprefix("!").removeprefix("**/").removeprefix("/")
        if "/" not in pattern:  # with one it is about a directory, or a file inside one
            yield pattern.removeprefix("\\"), excludes


def _is_ignored(name: str, patterns: list[tuple[str, bool]]) -> bool:
    from fnmatch import fnmatchcase

    ignored = False
    for pattern, excludes in patterns:
        if fnmatchcase(name, pattern):
            ignored = excludes
    return ignored


def _content_hash(texts: dict[str, str]) -> str:
    from hashlib import sha256

    digest = sha256()
    for name, text in sorted(texts.items()):
        content = text.encode("utf-8")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
