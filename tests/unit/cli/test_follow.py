from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from digpy.cli.follow import LogFollower, newest_log
from digpy.cli.view import LogLine
from digpy.values import SECOND


class Logs:
    """The logs of attempt 7."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "7"
        self.follower = LogFollower(self.directory, lambda number: f"+w+{number}")

    def append(self, name: str, data: bytes, at: int = 0) -> None:
        """Append bytes to a file that was last written to at `at` seconds."""
        self.directory.mkdir(exist_ok=True)
        path = self.directory / name
        with path.open("ab") as file:
            file.write(data)
        os.utime(path, (at, at))

    def say(self, text: str, kind: str = "info", at: int = 0, task: str = "+w+a") -> None:
        entry = {"at": at * SECOND, "task": task, "kind": kind, "text": text}
        self.append("attempt.log", json.dumps(entry).encode() + b"\n")


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_a_directory_that_does_not_exist_yet_is_empty(logs: Logs) -> None:
    assert logs.follower.poll() == []
    assert logs.follower.poll(everything=True) == []


def test_only_what_is_new_is_handed_on(logs: Logs) -> None:
    logs.say("one")
    assert logs.follower.poll() == [LogLine(7, "+w+a", "info", "one", 0)]
    logs.say("two")
    assert texts(logs.follower.poll()) == ["two"]
    assert logs.follower.poll() == []


def test_a_sentence_that_is_being_written_waits(logs: Logs) -> None:
    logs.append("attempt.log", b'{"at":1,"task":"+w","kind":"warn",')
    assert logs.follower.poll() == []
    logs.append("attempt.log", b'"text":"x"}\n')
    assert texts(logs.follower.poll()) == ["x"]


def test_a_damaged_sentence_does_not_hide_the_next(logs: Logs) -> None:
    logs.append("attempt.log", b'{"at":1,"ta\n')
    logs.say("fine", at=9_999_999_999)

    assert texts(logs.follower.poll()) == ['a damaged line: {"at":1,"ta', "fine"]


def test_a_long_line_of_an_inline_task_may_come_in_pieces(logs: Logs) -> None:
    logs.say("hello ", "out")
    logs.say("there\n", "out")

    assert "".join(texts(logs.follower.poll())) == "hello there\n"


def test_a_program_is_called_by_the_name_of_its_task(logs: Logs) -> None:
    logs.append("12-1.log", b"x\n", at=5)

    assert logs.follower.poll() == [LogLine(7, "+w+12", "out", "x\n", 5 * SECOND)]


def test_a_program_is_handed_on_in_whole_lines_until_it_ends(logs: Logs) -> None:
    logs.append("2-1.log", b"one\ntw")
    assert texts(logs.follower.poll()) == ["one\n"]
    logs.append("2-1.log", b"o\nthree")
    assert texts(logs.follower.poll()) == ["two\n"]
    assert texts(logs.follower.poll({3})) == []
    assert texts(logs.follower.poll({2})) == ["three"]
    assert texts(logs.follower.poll({2})) == []


def test_everything_is_read_at_the_end_however_much_it_is(logs: Logs) -> None:
    logs.append("2-1.log", b"x" * 3_000_000 + b"\ny")

    assert "".join(texts(logs.follower.poll(everything=True))) == "x" * 3_000_000 + "\ny"


def test_what_follows_a_long_line_is_read_too(logs: Logs) -> None:
    logs.append("2-1.log", b"x" * 20_000_000 + b"\nEND\n")

    assert "".join(texts(logs.follower.poll(everything=True))).endswith("x\nEND\n")


def test_bytes_that_are_no_text_are_kept(logs: Logs) -> None:
    logs.append("2-1.log", b"\xff\n")

    (text,) = texts(logs.follower.poll())
    assert text.encode(errors="surrogateescape") == b"\xff\n"


def test_a_character_is_not_cut_in_two(logs: Logs) -> None:
    logs.append("2-1.log", "é".encode()[:1])
    assert logs.follower.poll() == []
    logs.append("2-1.log", "é".encode()[1:])
    assert texts(logs.follower.poll({2})) == ["é"]


def test_pieces_of_several_files_come_in_the_order_of_time(logs: Logs) -> None:
    logs.say("first", at=1)
    logs.say("third", at=3)
    logs.append("2-1.log", b"second\n", at=2)
    logs.append("10-1.log", b"fourth\n", at=4)

    assert texts(logs.follower.poll()) == ["first", "second\n", "third", "fourth\n"]


def test_a_second_run_of_a_task_is_followed_too(logs: Logs) -> None:
    logs.append("2-1.log", b"one\n")
    logs.follower.poll({2})
    logs.append("2-2.log", b"two\n")

    assert texts(logs.follower.poll({2})) == ["two\n"]


def test_other_files_are_left_alone(logs: Logs) -> None:
    logs.append("notes.txt", b"x\n")
    logs.append("2-1.log.gz", b"x\n")

    assert logs.follower.poll(everything=True) == []


def test_the_newest_log_of_a_task_is_that_of_its_last_run(logs: Logs) -> None:
    for name in ("2-1.log", "2-9.log", "2-10.log", "22-11.log"):
        logs.append(name, b"")

    assert newest_log(logs.directory, 2) == logs.directory / "2-10.log"
    assert newest_log(logs.directory, 3) is None
