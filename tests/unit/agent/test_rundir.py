import fcntl
import os
import shutil
from pathlib import Path

import pytest

from digpy.agent.rundir import RunDirectory, Spawned, installation, leftovers, this_boot
from digpy.agent.wire import note
from digpy.spi import Command, Exit, Run
from digpy.values import Template

RUN = Run(7, 12, 3)
COMMAND = Command(["true"], Path("/"), {}, {})
SPAWNER = Spawned(5, 6)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path, RUN)
    directory.create(COMMAND)
    return directory


def test_a_run_and_its_log_are_found_by_name(directory: RunDirectory, tmp_path: Path) -> None:
    assert directory.path == tmp_path / "runs" / "7.12.3"
    assert directory.log == tmp_path / "logs" / "7" / "12-3.log"


def test_a_request_comes_back_with_its_templates(directory: RunDirectory) -> None:
    os.close(directory.lock(SPAWNER, {"retry": Template("${n}")}))
    request = directory.request
    assert request is not None
    assert request[:2] == (this_boot(), (5, 6))
    assert request.body == {"retry": "${n}"}
    assert type(request.body["retry"]) is Template


@pytest.mark.parametrize(
    "content",
    ["", "{\n", "7\n", "\0" * 9, '{"request": {"boot": "x"}}', None],
    ids=["empty", "half", "number", "zeros", "cut off", "missing"],
)
def test_a_damaged_file_counts_as_missing(directory: RunDirectory, content: str | None) -> None:
    if content is not None:
        (directory.path / "run.record").write_text(content)
    assert directory.request is None


def test_only_a_program_that_ended_by_itself_has_an_exit(directory: RunDirectory) -> None:
    record = directory.path / "run.record"
    record.write_text('{"exit": {"code": 3, "by": "exited"}}\n')
    assert directory.exit == Exit(3, directory.path)
    record.write_text('{"exit": {"code": 3, "by": "killed"}}\n')
    assert directory.exit is None


def test_who_inherits_the_lock_cannot_write_into_the_record(directory: RunDirectory) -> None:
    lock = directory.lock(SPAWNER, {})
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(lock, b"x")
    os.close(lock)


def test_what_else_is_written_into_the_record_spoils_nothing(directory: RunDirectory) -> None:
    os.close(directory.lock(SPAWNER, {"a": "b"}))
    file = os.open(directory.path / "run.record", os.O_WRONLY | os.O_APPEND)
    os.write(file, b'[]\n"x"\n' + b"[" * 200_000 + b"\nno end of the line")
    note(file, {"exit": {"code": 3, "by": "exited"}})
    os.close(file)

    request = directory.request
    assert request is not None
    assert request.body == {"a": "b"}
    assert directory.exit == Exit(3, directory.path)


@pytest.mark.parametrize("exit_", ["7", "{}", '{"code": "0", "by": "exited"}', '["by"]'])
def test_an_exit_that_no_keeper_wrote_is_none(directory: RunDirectory, exit_: str) -> None:
    (directory.path / "run.record").write_text(f'{{"exit": {exit_}}}\n')
    assert directory.exit is None


def test_a_copy_of_the_directory_is_told_from_the_run(
    directory: RunDirectory, tmp_path: Path
) -> None:
    os.close(directory.lock(SPAWNER, {}))
    shutil.copytree(tmp_path, tmp_path / "copy")
    requests = [RunDirectory(state, RUN).request for state in (tmp_path, tmp_path / "copy")]
    assert [request is not None and request.is_copy for request in requests] == [False, True]


def test_a_run_that_could_not_be_noted_is_not_locked(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda _file, _data: 1)
    with pytest.raises(OSError, match="No space left"):
        directory.lock(SPAWNER, {})
    assert not directory.is_locked


def test_a_lock_is_held_until_its_last_copy_is_closed(directory: RunDirectory) -> None:
    lock = directory.lock(SPAWNER, {})
    copy = os.dup(lock)
    os.close(lock)
    assert directory.is_locked
    os.close(copy)
    assert not directory.is_locked


def test_two_who_ask_whether_it_is_locked_do_not_disturb_each_other(
    directory: RunDirectory,
) -> None:
    os.close(directory.lock(SPAWNER, {}))
    with (directory.path / "run.record").open() as file:
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
