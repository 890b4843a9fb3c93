"""What of a directory matters to a scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest

from digpy.control.watcher import Watched

ROOT = Path("/p")
WATCHED = Watched(ROOT, frozenset({"w.dig", "parts/a.yml"}))


@pytest.mark.parametrize("name", ["w.dig", "new.dig", "parts/a.yml", ".digdagignore"])
def test_workflows_and_what_they_include_matter(name: str) -> None:
    assert WATCHED.matters(ROOT / name)


@pytest.mark.parametrize("name", ["a.py", "parts/b.yml", "parts/new.dig", ".digpy/digpy.db"])
def test_other_files_do_not_matter(name: str) -> None:
    assert not WATCHED.matters(ROOT / name)


def test_what_lies_outside_does_not_matter() -> None:
    assert not WATCHED.matters(Path("/elsewhere/w.dig"))


def test_directories_are_watched_in_which_something_lies() -> None:
    assert WATCHED.directories == {ROOT, ROOT / "parts"}
