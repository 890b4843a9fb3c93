"""Reading workflow files and what they include from a directory."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

from digpy.dsl.nodes import MappingNode
from digpy.dsl.reader import read_text
from digpy.errors import YamlError
from digpy.source import Problem, Source, Span

# Of thousands of files a `Path` each would take as long as reading them.
# ruff: noqa: PTH116, PTH118, PTH120, PTH123


class FileReader:
    """Reads files below a root, each once; `read` and `digests` (SHA-256) are theirs, by name.

    So all that include a file get the same text, also while somebody edits it.

    An ``!include`` may reach files in and below the directory of the including file only, after
    resolving links. (digdag 0.10.5 compares the beginnings of path texts, which lets
    ``../projx/c.dig`` through; D43.)
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: dict[str, str] = {}
        self.digests: dict[str, bytes] = {}
        self._paths: dict[str, Path | str] = {}
        self._included: dict[tuple[str, str], Source] = {}

    def workflow(self, name: str) -> Source:
        """The text of the file called `name` in the root. Raises `YamlError`."""
        return self.source(os.path.join(self.root, name), name)

    def source(self, path: Path | str, name: str) -> Source:
        """The text of a file, called `name` in messages. Raises `YamlError`."""
        if name not in self.read:
            content = _bytes(path, name)
            self.read[name] = _decoded(content, name)
            self.digests[name] = sha256(content).digest()
            self._paths[name] = path
        return Source(name, self.read[name])

    def load(self, including: str, path: str) -> Source:
        """The text of an included file; see `digpy.dsl.reader.Load`."""
        directory = os.path.dirname(self._paths[including])
        known = self._included.get((directory, path))
        if known is None:
            known = self._included[directory, path] = self._include(including, directory, path)
        return known

    def _include(self, including: str, beside: str, path: str) -> Source:
        if "\0" in path:
            raise _outside(path, "no path has a zero byte in it")
        directory = Path(beside)
        target = Path(os.path.normpath(directory / path))
        if target == directory or not target.is_relative_to(directory):
            raise _outside(path, "the path leaves the directory of the file that includes it")
        resolved = _resolved(target, path)
        for limit in (directory.resolve(), self.root.resolve()):
            if not resolved.is_relative_to(limit):
                raise _outside(path, f"it is a link to {resolved}")
        name = Path(os.path.normpath(Path(including).parent / path)).as_posix()
        if target.is_relative_to(self.root):
            name = target.relative_to(self.root).as_posix()
        return self.source(target, name)


def read_file(path: Path, root: Path, name: str) -> MappingNode:
    """Read a workflow file with its includes.

    `name` is what people call the file, usually its path relative to `root`; no include may leave
    `root`. Raises `YamlError` with every problem found.
    """
    files = FileReader(root)
    return read_text(files.source(path, name), load=files.load)


def _resolved(target: Path, path: str) -> Path:
    try:
        return target.resolve()
    except RuntimeError:  # before Python 3.13; later, reading fails
        raise YamlError([Problem(f'"{path}" cannot be read: links in a circle')]) from None


def _bytes(path: Path | str, name: str) -> bytes:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading a pipe may never end
            raise YamlError([Problem(f'"{name}" cannot be read: Not a file')])
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise YamlError([Problem(f'there is no file "{name}"', help=_nearest(path))]) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise YamlError([Problem(f'"{name}" cannot be read: {reason}')]) from error


def _nearest(path: Path | str) -> str | None:
    from digpy.dsl.suggest import did_you_mean

    directory, file = os.path.split(path)
    try:
        neighbours = sorted(entry.name for entry in os.scandir(directory))
    except OSError:
        return None
    return did_you_mean(file, neighbours)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = len(content[: error.start].decode("utf-8", "replace"))
        source = Source(name, content.decode("utf-8", "replace"))
        problem = Problem(
            f"byte 0x{content[error.start]:02X} is not UTF-8",
            Span(source, offset, offset + 1),
            help="save the file as UTF-8",
        )
        raise YamlError([problem]) from None


def _outside(path: str, reason: str) -> YamlError:
    return YamlError(
        [
            Problem(
                f'"{path}" cannot be included',
                reason=reason,
                help="include files of the same directory or below it",
            )
        ]
    )
