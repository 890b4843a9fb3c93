"""The worker before its start: what it prepares for programs, and that it leaves nothing behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.agent.programs import Programs
from digpy.app import Installation
from digpy.config import Settings
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.model import Workflow
from digpy.dsl.reader import read_text
from digpy.launchers.local import Channel
from digpy.source import Source
from digpy.worker import worker_main

SHELL = "+a:\n  echo>: a\n+b:\n  sh>: 'true'\n"
NONE = "+a:\n  echo>: a\n"


def workflow(text: str) -> Workflow:
    return compile_workflow(read_text(Source("w.dig", text)), "w", path="w.dig")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, tmp_path / ".digpy", Settings({}, tmp_path))


@pytest.fixture
def channel() -> Iterator[Channel]:
    """Of a worker whose command has found that there is nothing to run."""
    reader, end = os.pipe()
    os.close(end)
    channel = Channel(reader, os.open(os.devnull, os.O_WRONLY))
    yield channel
    channel.close()


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[Programs]:
    """Whatever is prepared for programs."""
    found: list[Programs] = []
    prepare = Programs.prepare

    def noted(self: Programs) -> None:
        found.append(self)
        prepare(self)

    monkeypatch.setattr(Programs, "prepare", noted)
    return found


def test_a_workflow_with_programs_is_prepared_for(
    installation: Installation, channel: Channel, prepared: list[Programs]
) -> None:
    assert worker_main(installation, False, channel, workflow(SHELL)) == 0
    assert len(prepared) == 1


@pytest.mark.parametrize("expected", [workflow(NONE), None])
def test_nothing_is_prepared_for_what_is_not_expected(
    installation: Installation,
    channel: Channel,
    prepared: list[Programs],
    expected: Workflow | None,
) -> None:
    assert worker_main(installation, False, channel, expected) == 0
    assert not prepared


def test_what_was_prepared_for_nothing_is_gone_when_the_worker_ends(
    installation: Installation, channel: Channel
) -> None:
    worker_main(installation, False, channel, workflow(SHELL))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("os.posix_spawn", errno.EAGAIN), ("digpy.agent.programs.installation", errno.ENOSPC)],
)
def test_a_system_without_room_for_it_does_not_end_the_worker(
    installation: Installation,
    channel: Channel,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    reason: int,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(place, full)
    assert worker_main(installation, False, channel, workflow(SHELL)) == 0
