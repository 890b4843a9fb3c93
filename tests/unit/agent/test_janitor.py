"""What the janitor must not do; what it does is tried with real processes in ``tests/crash``."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from digpy.agent import janitor
from digpy.agent.processes import Mark, Process, look
from digpy.agent.rundir import RunDirectory, Spawned
from digpy.spi import Command, Run

RUN = Run(7, 12, 3)


def test_a_scan_during_which_the_lock_file_is_removed_condemns_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path, RUN)
    directory.create(Command(["true"], tmp_path, {}, {}))
    os.close(directory.lock(Spawned(0, 0), {}))
    innocent = look(os.getpid())
    assert innocent is not None
    killed: list[Process] = []

    def bearers(marks: Collection[Mark]) -> list[tuple[Process, Mark]]:
        (directory.path / "run.record").unlink(missing_ok=True)
        return [(innocent, mark) for mark in marks if mark.lock is not None]

    monkeypatch.setattr(janitor, "bearers", bearers)
    monkeypatch.setattr(janitor, "kill", killed.extend)
    inquest = janitor.Inquest(tmp_path, [RUN], patience=None)
    while inquest.is_open:
        inquest.look()
    assert killed == []
