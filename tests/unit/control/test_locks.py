"""Which attempts have a living command. Two `CommandLocks` stand for two commands."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from digpy.control.locks import CommandLocks


def test_nobody_holds_what_was_never_taken(tmp_path: Path) -> None:
    assert not CommandLocks(tmp_path).is_held(7)


def test_what_is_taken_is_held_for_everybody_else(tmp_path: Path) -> None:
    lock = CommandLocks(tmp_path).take(7, {})
    assert lock is not None
    assert CommandLocks(tmp_path).is_held(7)
    os.close(lock)


def test_it_is_free_once_the_descriptor_is_closed(tmp_path: Path) -> None:
    lock = CommandLocks(tmp_path).take(7, {})
    assert lock is not None
    os.close(lock)
    assert not CommandLocks(tmp_path).is_held(7)


def test_it_is_taken_once(tmp_path: Path) -> None:
    lock = CommandLocks(tmp_path).take(7, {"pid": 1})
    assert CommandLocks(tmp_path).take(7, {"pid": 2}) is None
    assert CommandLocks(tmp_path).holder(7) == {"pid": 1}
    assert lock is not None
    os.close(lock)


def test_asking_takes_nothing(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    lock = locks.take(7, {})
    assert lock is not None
    os.close(lock)
    locks.is_held(7)
    lock = locks.take(7, {})
    assert lock is not None
    os.close(lock)


def test_attempts_are_held_one_by_one(tmp_path: Path) -> None:
    lock = CommandLocks(tmp_path).take(7, {})
    assert not CommandLocks(tmp_path).is_held(8)
    assert lock is not None
    os.close(lock)


def test_a_shorter_note_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    for holder in ({"pid": 123456789}, {"pid": 1}):
        lock = locks.take(7, dict(holder))
        assert lock is not None
        os.close(lock)
    assert locks.holder(7) == {"pid": 1}


def test_an_unreadable_note_is_no_note(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "7").write_text("{")
    assert locks.holder(7) == {}


def test_one_command_at_a_time_decides_what_to_start(tmp_path: Path) -> None:
    inside: list[str] = []

    def other() -> None:
        with CommandLocks(tmp_path).starting():
            inside.append("other")

    thread = threading.Thread(target=other)
    with CommandLocks(tmp_path).starting():
        thread.start()
        thread.join(0.05)
        inside.append("first")
    thread.join()
    assert inside == ["first", "other"]


def test_it_is_known_whether_somebody_is_deciding(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    with locks.starting():
        assert CommandLocks(tmp_path).is_deciding
    assert not locks.is_deciding


def test_somebody_who_is_just_asking_does_not_keep_it_from_being_taken(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    (tmp_path / "locks").mkdir()
    asking = os.open(locks.path(7), os.O_RDWR | os.O_CREAT)
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.003, os.close, [asking]).start()
    lock = locks.take(7, {})
    assert lock is not None
    os.close(lock)


def test_one_that_must_not_wait_decides_if_nobody_else_does(tmp_path: Path) -> None:
    with CommandLocks(tmp_path).starting_if_free() as is_free:
        assert is_free
        assert CommandLocks(tmp_path).is_deciding


def test_one_that_must_not_wait_is_told_that_somebody_decides(tmp_path: Path) -> None:
    with CommandLocks(tmp_path).starting(), CommandLocks(tmp_path).starting_if_free() as is_free:
        assert not is_free


def test_an_attempt_has_one_worker(tmp_path: Path) -> None:
    locks = CommandLocks(tmp_path)
    with locks.starting():
        pass  # makes the directory
    assert locks.take_as_worker(7)
    assert not locks.take_as_worker(7)
    assert locks.take_as_worker(8)
