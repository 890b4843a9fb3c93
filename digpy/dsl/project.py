"""All workflows of a directory, and files that a workflow calls."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from digpy.dsl.checker import check_workflow
from digpy.dsl.compiler import called_mapping, compile_workflow
from digpy.dsl.include import FileReader
from digpy.dsl.model import Workflow
from digpy.dsl.nodes import MappingNode
from digpy.dsl.reader import read_text
from digpy.errors import NotFound, SourceError
from digpy.source import Problem, Source, sort_problems
from digpy.values import Params

_SUFFIX = ".dig"
_IGNORE_FILE = ".digdagignore"


class WorkflowFile(NamedTuple):
    """What a workflow file brought: what it includes, and what is legal and probably wrong in it.

    `includes` are questions that `FileReader.load` answers, in the order in which they were asked.
    """

    includes: tuple[tuple[str, str], ...]
    warnings: tuple[Problem, ...]


class Sources(NamedTuple):
    """What a project was read from: all it takes to see which workflows an edit concerns.

    Attributes:
        content_hash: SHA-256 (hex) of the workflow files and their includes, with their names.
        digests: SHA-256 of each of those files, by its name in the project.
        files: what is known of each workflow file, by its name.
    """

    content_hash: str
    digests: dict[str, bytes]
    files: dict[str, WorkflowFile]


class Project(NamedTuple):
    """What a directory defines.

    Attributes:
        root: the directory.
        workflows: by name, in the order of their names; without those that are `unchanged`.
        sources: what it was read from.
        unchanged: the names of workflows that are what they were when it was read from `since`.
    """

    root: Path
    workflows: dict[str, Workflow]
    sources: Sources
    unchanged: Sequence[str] = ()
    since: Sources | None = None

    @property
    def content_hash(self) -> str:
        """See `Sources`."""
        return self.sources.content_hash

    @property
    def warnings(self) -> list[Problem]:
        """What is legal and probably wrong, in unchanged workflows as well."""
        files = self.sources.files.values()
        return sort_problems([warning for file in files for warning in file.warnings])


def load_project(
    root: Path, *, known_operators: Collection[str] | None = None, since: Sources | None = None
) -> Project:
    """Read, check and compile every workflow file that lies directly in `root`.

    All files are read. Of those that bring what they brought `since`, because they are the same and
    include the same, the workflows are not compiled again.

    Raises `SourceError` with the problems of all files: one broken file stops the whole project, as
    in digdag. Hidden files and those that ``.digdagignore`` names are left out.
    """
    steps = project_steps(root, known_operators=known_operators, since=since)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            project: Project = ended.value
            return project


def project_steps(
    root: Path, *, known_operators: Collection[str] | None = None, since: Sources | None = None
) -> Generator[None, None, Project]:
    """`load_project`, a file a step, for those who have other things to do meanwhile."""
    files = FileReader(root)
    workflows: dict[str, Workflow] = {}
    unchanged: list[str] = []
    known: dict[str, WorkflowFile] = {}
    problems: list[Problem] = []
    for file_name in workflow_files(root):
        yield
        name = file_name.removesuffix(_SUFFIX)
        if since is not None and _is_unchanged(file_name, files, since):
            unchanged.append(name)
            known[file_name] = since.files[file_name]
            continue
        try:
            node, includes = _read(file_name, files)
            workflows[name] = compile_workflow(node, name, path=file_name)
        except SourceError as error:
            problems.extend(error.problems)
        else:
            warnings = check_workflow(node, known_operators=known_operators)
            known[file_name] = WorkflowFile(includes, tuple(warnings))
    if problems:
        raise SourceError(sort_problems(problems))
    sources = Sources(_content_hash(files.read), files.digests, known)
    return Project(root, workflows, sources, unchanged, since)


def _read(file_name: str, files: FileReader) -> tuple[MappingNode, tuple[tuple[str, str], ...]]:
    """The mapping of a workflow file, and what was asked of `files` for it."""
    asked: list[tuple[str, str]] = []

    def load(including: str, path: str) -> Source:
        asked.append((including, path))
        return files.load(including, path)

    node = read_text(files.workflow(file_name), load=load)
    return node, tuple(asked)


def _is_unchanged(file_name: str, files: FileReader, since: Sources) -> bool:
    """Whether every text that the file was compiled from is still what it was."""
    before = since.files.get(file_name)
    if before is None:
        return False

    def is_same(source: Source) -> bool:
        return files.digests[source.name] == since.digests.get(source.name)

    try:
        # One by one: what a text that has changed included is not asked for any more.
        return is_same(files.workflow(file_name)) and all(
            is_same(files.load(*question)) for question in before.includes
        )
    except SourceError:
        return False  # whoever reads it says why


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
    digest = sha256()
    for name, text in sorted(texts.items()):
        content = text.encode("utf-8")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
