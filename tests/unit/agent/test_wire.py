import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.agent.wire import Wire, note
from tests.support.eventually import eventually


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    ours, theirs = map(Wire, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_in_order(wires: tuple[Wire, Wire]) -> None:
    ours, theirs = wires
    ours.send({"a": 1})
    ours.send({"b": "\n\udcff"})
    assert theirs.receive() == [{"a": 1}, {"b": "\n\udcff"}]


def test_receiving_never_waits(wires: tuple[Wire, Wire]) -> None:
    assert (wires[0].receive(), wires[0].closed) == ([], False)


def test_the_end_comes_after_the_last_message(wires: tuple[Wire, Wire]) -> None:
    ours, theirs = wires
    ours.send({"a": 1})
    ours.close()
    assert (theirs.receive(), theirs.closed) == ([{"a": 1}], False)
    assert (theirs.receive(), theirs.closed) == ([], True)


def test_half_a_message_is_none() -> None:
    ours, theirs = socket.socketpair()
    wire = Wire(theirs)
    ours.send(b'{"a": 1}\n{"b"')
    assert wire.receive() == [{"a": 1}]
    ours.close()
    assert (wire.receive(), wire.closed) == ([], True)
    wire.close()


def test_an_open_file_comes_along(wires: tuple[Wire, Wire], tmp_path: Path) -> None:
    ours, theirs = wires
    with (tmp_path / "file").open("w") as file:
        ours.send({"a": 1}, file.fileno())
        assert theirs.receive() == [{"a": 1}]
        assert os.path.sameopenfile(theirs.files[0], file.fileno())


def test_a_file_arrives_before_the_end_of_a_long_message(
    wires: tuple[Wire, Wire], tmp_path: Path
) -> None:
    ours, theirs = wires
    message = {"a": "x" * 1_000_000}

    def send() -> None:
        with (tmp_path / "file").open("w") as file:
            ours.send(message, file.fileno())

    sender = threading.Thread(target=send)
    sender.start()
    assert eventually(lambda: theirs.files or theirs.receive()) == theirs.files
    assert eventually(theirs.receive) == [message]
    sender.join()


def test_a_file_that_came_along_is_not_inherited_by_programs(
    wires: tuple[Wire, Wire], tmp_path: Path
) -> None:
    ours, theirs = wires
    with (tmp_path / "file").open("w") as file:
        ours.send({}, file.fileno())
    theirs.receive()
    assert not os.get_inheritable(theirs.files[0])


def test_sending_to_nobody_is_an_error(wires: tuple[Wire, Wire]) -> None:
    ours, theirs = wires
    theirs.close()
    with pytest.raises(BrokenPipeError):
        ours.send({})


def test_what_is_noted_is_a_line_behind_the_others(tmp_path: Path) -> None:
    file = os.open(tmp_path / "notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        note(file, {"n": number})
    os.close(file)
    lines = (tmp_path / "notes").read_text().split("\n")
    assert [line for line in lines if line] == ['{"n": 1}', '{"n": 2}']
