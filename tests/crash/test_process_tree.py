"""``kill -9`` of everything that holds a program, for every kind of tree a program can grow."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digpy.agent.janitor import BY_KEEPER, BY_SCAN, settle
from tests.support.eventually import eventually
from tests.support.process_tree import (
    DETACHED,
    TREES,
    CommandProcess,
    Marked,
    marked,
)

RUN = CommandProcess.RUN
Start = Callable[..., CommandProcess]

every_tree = pytest.mark.parametrize(
    "tree", [*TREES.values(), DETACHED], ids=[*TREES, "fully detached"]
)


@pytest.fixture
def mark() -> Iterator[Marked]:
    with marked() as mark:
        yield mark


@pytest.fixture
def start(tmp_path: Path, mark: Marked) -> Iterator[Start]:
    started: list[CommandProcess] = []

    def run(tree: tuple[str, int], failpoint: str = "") -> CommandProcess:
        script, size = tree
        command = CommandProcess(tmp_path, script.format(mark=mark), failpoint)
        started.append(command)
        if not failpoint:
            eventually(lambda: len(mark.alive) >= size)
        return command

    yield run
    for command in started:
        command.close()


@every_tree
def test_nothing_survives_the_worker(start: Start, mark: Marked, tree: tuple[str, int]) -> None:
    command = start(tree)
    command.kill("worker")
    assert command.next_line()["proof"] == BY_KEEPER
    assert not mark.alive


@every_tree
def test_nothing_survives_the_keeper(start: Start, mark: Marked, tree: tuple[str, int]) -> None:
    command = start(tree)
    command.kill("keeper")
    assert command.next_line()["event"] == "ProgramLost"
    assert not mark.alive


@every_tree
def test_nothing_survives_the_spawner(start: Start, mark: Marked, tree: tuple[str, int]) -> None:
    command = start(tree)
    command.kill("spawner")
    assert command.next_line()["event"] == "ProgramLost"
    assert not mark.alive


@every_tree
def test_nothing_survives_the_command(start: Start, mark: Marked, tree: tuple[str, int]) -> None:
    command = start(tree)
    command.kill("command")
    eventually(lambda: not command.alive)
    assert not mark.alive


@every_tree
def test_nothing_survives_worker_and_keeper_together(
    start: Start, mark: Marked, tree: tuple[str, int]
) -> None:
    command = start(tree)
    command.kill("worker", "keeper")
    assert command.next_line()["proof"] == BY_SCAN
    assert not mark.alive


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_the_scan_finds_what_survived_everybody(
    start: Start, mark: Marked, tree: tuple[str, int]
) -> None:
    command = start(tree)
    command.kill("command", "worker", "spawner", "keeper")
    (found,) = settle(command.state, [RUN])
    assert (found.proof, found.exit) == (BY_SCAN, None)
    assert not mark.alive


def test_a_fully_detached_process_survives_if_everybody_dies_at_once(
    start: Start, mark: Marked
) -> None:
    command = start(DETACHED)
    command.kill("command", "worker", "spawner", "keeper")
    settle(command.state, [RUN])
    assert len(mark.alive) == 1


def test_a_frozen_worker_does_not_keep_its_programs_for_ever(start: Start, mark: Marked) -> None:
    command = start(DETACHED)
    command.freeze("worker")
    (found,) = settle(command.state, [RUN], patience=0.2)
    assert found.proof == BY_SCAN
    assert not mark.alive


def test_a_keeper_that_dies_before_it_starts_the_program_leaves_the_run_lost(start: Start) -> None:
    command = start(("echo never", 0), failpoint="keeper.before_child")
    assert command.next_line()["event"] == "ProgramLost"
    assert not (command.state / "logs" / "7" / "12-3.log").exists()


def test_a_keeper_that_dies_before_it_writes_the_exit_leaves_the_run_lost(start: Start) -> None:
    command = start(("echo done", 0), failpoint="keeper.before_exit")
    assert command.next_line()["event"] == "ProgramLost"


def test_an_agent_that_dies_with_its_start_still_in_the_socket_starts_nothing_later(
    start: Start, mark: Marked
) -> None:
    command = start(("sleep {mark}", 0), failpoint="agent.after_keeper")
    assert command.pids["proof"] in (BY_KEEPER, BY_SCAN)
    assert not mark.alive
