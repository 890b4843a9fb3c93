from __future__ import annotations

import errno
from pathlib import Path

import pytest

from digpy.dsl.project import load_project
from tests.support.command_line import Digpy, digpy

__all__ = ["digpy"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["echo", "sh", "python"])
def test_every_example_is_free_of_problems(digpy: Digpy, kind: str) -> None:
    assert digpy("init", "proj", "-t", kind).code == 0

    assert list(load_project(Path("proj")).workflows) == ["proj"]
    assert digpy("check", "--project", "proj") == (0, *digpy("check", "--project", "proj")[1:2], "")


def test_what_was_made_and_what_to_do_next_is_told(digpy: Digpy) -> None:
    assert digpy("new", "proj").out == (
        "  Creating proj/proj.dig\n"
        "  Creating proj/.gitignore\n"
        "Done. Type `cd proj` and then `digpy run proj.dig` to run the workflow. Enjoy!\n"
    )


def test_a_shell_script_can_be_executed(digpy: Digpy) -> None:
    digpy("init", "proj", "-t", "sh")

    assert Path("proj/scripts/report.sh").stat().st_mode & 0o111


def test_an_existing_workflow_is_left_alone(digpy: Digpy) -> None:
    digpy("init", "proj")
    Path("proj/proj.dig").write_text("mine")

    assert digpy("init", "proj") == (0, "File proj/proj.dig already exists.\n", "")
    assert Path("proj/proj.dig").read_text() == "mine"


@pytest.mark.parametrize("target", ["file", "file/x", "/proc/foo"])
def test_a_directory_that_cannot_be_made_is_named_in_one_line(digpy: Digpy, target: str) -> None:
    Path("file").touch()
    answer = digpy("init", target)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"error: {target} cannot be made: ")
    assert answer.err.count("\n") == 1


def test_nothing_is_said_to_be_made_that_is_not(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PermissionError(errno.EACCES, f"{len(text)} characters refused", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    assert digpy("init", "proj").out == ""


def test_an_existing_gitignore_is_left_alone(digpy: Digpy) -> None:
    Path("proj").mkdir()
    Path("proj/.gitignore").write_text("mine")

    assert ".gitignore" not in digpy("init", "proj").out
    assert Path("proj/.gitignore").read_text() == "mine"


def test_the_current_directory_can_become_a_project(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("here").mkdir()
    monkeypatch.chdir("here")

    assert "Type `digpy run here.dig`" in digpy("init", ".").out


@pytest.mark.parametrize("kind", ["ruby", "td", "postgresql"])
def test_examples_that_cannot_run_yet_are_refused(digpy: Digpy, kind: str) -> None:
    ended = digpy("init", "proj", "-t", kind)

    assert ended.code == 2
    assert "not available yet" in ended.err
    assert not Path("proj").exists()


@pytest.mark.parametrize("name", ["1st", "my report", "a+b"])
def test_a_directory_that_cannot_name_a_workflow_is_refused(digpy: Digpy, name: str) -> None:
    assert digpy("init", name).code == 2
    assert not Path(name).exists()
