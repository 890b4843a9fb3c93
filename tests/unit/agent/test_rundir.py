import fcntl
import os
import shutil
from pathlib import Path

import pytest

from digpy.agent.rundir import RunDirectory, Spawned, installation, leftovers, this_boot
from digpy.spi import Command, Exit, Run
from digpy.values import Template

RUN = Run(7, 12, 3)
COMMAND = Command(["true"], Path("/"), {}, {})


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path, RUN)
    directory.create(COMMAND)
    return directory


def test_a_run_and_its_log_are_found_by_name(directory: RunDirectory, tmp_path: Path) -> None:
    assert directory.path == tmp_path / "runs" / "7.12.3"
    assert directory.log == tmp_path / "logs" / "7" / "12-3.log"


def test_a_request_comes_back_with_its_templates(directory: RunDirectory) -> None:
    directory.publish_request(Spawned(5, 6), {"retry": Template("${n}")})
    request = directory.request
    assert request is not None
    assert request[:2] == (this_boot(), (5, 6))
    assert request.body == {"retry": "${n}"}
    assert type(request.body["retry"]) is Template


@pytest.mark.parametrize("content", ["", "{", None], ids=["empty", "half", "missing"])
def test_a_damaged_file_counts_as_missing(directory: RunDirectory, content: str | None) -> None:
    if content is not None:
        (directory.path / "request.json").write_text(content)
    assert directory.request is None


def test_only_a_program_that_ended_by_itself_has_an_exit(directory: RunDirectory) -> None:
    exit_file = directory.path / "exit.json"
    exit_file.write_text('{"code": 3, "by": "exited"}')
    assert directory.exit == Exit(3, directory.path)
    exit_file.write_text('{"code": 3, "by": "killed"}')
    assert directory.exit is None


def test_a_lock_is_held_until_its_last_copy_is_closed(directory: RunDirectory) -> None:
    lock = directory.lock()
    copy = os.dup(lock)
    os.close(lock)
    assert directory.is_locked
    os.close(copy)
    assert not directory.is_locked


def test_two_who_ask_whether_it_is_locked_do_not_disturb_each_other(
    directory: RunDirectory,
) -> None:
    os.close(directory.lock())
    with (directory.path / "run.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not directory.is_locked


def test_removing_deletes_what_the_program_left_and_follows_no_link(
    directory: RunDirectory, tmp_path: Path
) -> None:
    kept = tmp_path / "kept" / "file"
    kept.parent.mkdir()
    kept.touch()
    (directory.path / "deep" / "er").mkdir(parents=True)
    (directory.path / "deep" / "link").symlink_to(kept.parent)
    directory.remove()
    assert not directory.path.exists()
    assert kept.exists()


def test_removing_twice_is_harmless(directory: RunDirectory) -> None:
    directory.remove()
    directory.remove()
    assert not directory.path.exists()


def test_an_installation_keeps_its_name(tmp_path: Path) -> None:
    assert installation(tmp_path) == installation(tmp_path)


def test_two_installations_have_different_names(tmp_path: Path) -> None:
    assert installation(tmp_path / "a") != installation(tmp_path / "b")


def test_a_copy_has_a_name_of_its_own(tmp_path: Path) -> None:
    original = installation(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert installation(tmp_path / "b") != original
    assert installation(tmp_path / "a") == original


def test_an_installation_that_was_moved_keeps_its_name(tmp_path: Path) -> None:
    name = installation(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert installation(tmp_path / "b") == name


def test_leftovers_are_the_runs_that_have_a_directory(
    directory: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "notes").mkdir()
    assert list(leftovers(tmp_path)) == [RUN]


def test_a_state_directory_without_runs_has_no_leftovers(tmp_path: Path) -> None:
    assert list(leftovers(tmp_path)) == []
