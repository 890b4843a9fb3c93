"""Ending the command that leads an attempt, where it cannot be seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from digpy.agent import processes
from digpy.app import Installation
from digpy.cli.kill import end_command
from digpy.config import load
from digpy.control.locks import CommandLocks
from digpy.errors import Conflict


def test_a_command_in_another_container_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = CommandLocks(tmp_path).take(7, {"pid": 12})
    assert lock is not None
    monkeypatch.setattr(processes, "holders", lambda _: [])
    with pytest.raises(Conflict, match="process 12, which runs it, is out of reach"):
        end_command(Installation(tmp_path, tmp_path, load({})), 7)
    os.close(lock)
