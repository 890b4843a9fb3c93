"""A project is read a moment at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from digpy.control import reading
from digpy.control.reading import Reading
from digpy.dsl.project import Project
from digpy.errors import SourceError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reading, "_MOMENT", 0)
    for name in "abc":
        (tmp_path / f"{name}.dig").write_text("{}")
    return tmp_path


def to_the_end(begun: Reading) -> list[Project | None]:
    """What each moment brought."""
    found = [begun.go_on()]
    while found[-1] is None:
        found.append(begun.go_on())
    return found


def test_other_things_can_be_done_after_each_file(root: Path) -> None:
    *pauses, project = to_the_end(Reading(root))
    assert len(pauses) >= 3
    assert project is not None
    assert list(project.workflows) == ["a", "b", "c"]


def test_what_was_read_can_be_asked_for_again(root: Path) -> None:
    begun = Reading(root)
    assert to_the_end(begun)[-1] is begun.go_on()


def test_only_what_is_not_known_is_compiled(root: Path) -> None:
    known = to_the_end(Reading(root))[-1]
    assert known is not None
    (root / "b.dig").write_text("+b: {echo>: b}\n")
    edited = to_the_end(Reading(root, known.sources))[-1]
    assert edited is not None
    assert (list(edited.workflows), edited.unchanged) == (["b"], ["a", "c"])


def test_a_mistake_is_found_when_its_file_is_read(root: Path) -> None:
    (root / "b.dig").write_text("x: [\n")
    with pytest.raises(SourceError, match="never closed"):
        to_the_end(Reading(root))


def test_it_is_known_how_the_project_looked_before(root: Path) -> None:
    begun = Reading(root)
    (root / "d.dig").write_text("{}")
    assert begun.before.names == {"a.dig", "b.dig", "c.dig"}
