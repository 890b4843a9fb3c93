"""Documentation as something that can be run: pages, their blocks, and what commands print.

The convention, visible to readers:

- a fenced block whose first line is a comment with a file name (``# hello.dig``) is that file;
- a ``console`` block is a conversation: lines that begin with ``$`` are commands, what follows is
  what they print, standard output and standard error as they come.

The blocks of a page are taken in order, in one directory, so a later command sees earlier files.
What differs from run to run (times, lengths of time, the directory) is replaced on both sides; a
line ``...`` stands for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
HOME = "/home/you/work"
"""What readers see instead of the directory in which a page is run."""

_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (?P<name>[\w./-]+\.(?:dig|py|sh|yml|json|properties))\n")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_PROMPT = "$ "


class Block(NamedTuple):
    """A fenced block; `start` and `end` are offsets of its text in the page."""

    language: str
    text: str
    start: int
    end: int

    @property
    def file(self) -> str | None:
        """The name of the file that this block is, None if it is none."""
        found = _FILE.match(self.text)
        return None if found is None else found["name"]


class Turn(NamedTuple):
    """A command and what it prints."""

    command: str
    output: str


def pages() -> list[Path]:
    """Every page that people read."""
    top = (ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
    return sorted([*top, *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for found in _FENCE.finditer(page):
        yield Block(found["language"], found["text"], found.start("text"), found.end("text"))


def links(page: str) -> list[str]:
    """The targets of all links, outside of fenced blocks."""
    return [found["target"] for found in _LINK.finditer(_FENCE.sub("", page))]


def anchors(page: str) -> set[str]:
    """The fragments that a page's headings have, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def turns(text: str) -> list[Turn]:
    """The conversation of a ``console`` block."""
    found: list[Turn] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(_PROMPT):
            found.append(Turn(line.removeprefix(_PROMPT).rstrip("\n"), ""))
        else:
            command, output = found.pop()
            found.append(Turn(command, output + line))
    return found


class Reader:
    """Somebody who follows a page to the letter in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "work"
        self.directory.mkdir()
        programs = directory / "bin"
        programs.mkdir()
        for name in ("digpy", "python"):
            words = f'"{sys.executable}"' + (" -m digpy" if name == "digpy" else "")
            (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (programs / name).chmod(0o755)
        self._environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "COLUMNS": "100",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        self._code = 0

    def write(self, block: Block) -> None:
        """Make the file that a block is."""
        assert block.file is not None
        path = self.directory / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        if path.suffix == ".sh":
            path.chmod(0o755)

    def type(self, command: str) -> str:
        """Run a command line; what it printed, steady."""
        ended = subprocess.run(
            ["bash", "-c", f"(exit {self._code}); {command}"],
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        self._code = ended.returncode
        return self.steady(ended.stdout)

    def steady(self, text: str) -> str:
        """`text` with a directory that readers could have."""
        return text.replace(str(self.directory), HOME)


_VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [+-]\d{4}"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? m?s\b"), "<duration>"),
    (re.compile(r"\bprocess \d+"), "process <pid>"),
    (re.compile(r"\d+ tasks/s"), "<rate>"),
)


def same(expected: str, printed: str) -> bool:
    """Whether `printed` is what the page promises.

    digpy's own lines and what tasks print are two streams; each is compared in its order.
    """
    for pattern, name in _VARYING:
        expected, printed = pattern.sub(name, expected), pattern.sub(name, printed)
    return all(
        _matches(promised, found)
        for promised, found in zip(_streams(expected), _streams(printed), strict=True)
    )


def _streams(text: str) -> tuple[str, str]:
    lines = text.splitlines(keepends=True)
    logged = [line for line in lines if line.startswith("<time> [")]
    return "".join(logged), "".join(line for line in lines if line not in logged)


def _matches(promised: str, found: str) -> bool:
    parts = (re.escape(part) for part in re.split(r"^\.\.\.\n", promised, flags=re.MULTILINE))
    return re.fullmatch(r"(?:.*\n)*".join(parts), found) is not None
