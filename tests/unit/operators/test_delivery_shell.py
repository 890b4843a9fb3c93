"""Notifications for a command, run for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from digpy.agent import processes
from digpy.operators.delivery import DeliveryFailed
from tests.support.deliveries import lines, tell, told
from tests.support.eventually import eventually


def test_a_command_gets_json_on_its_standard_input(tmp_path: Path) -> None:
    tell(lines("shell", shell__command="cat > got"), tmp_path)

    assert json.loads((tmp_path / "got").read_text()) == told()


def test_a_command_can_tell_one_notification_from_another(tmp_path: Path) -> None:
    tell(lines("shell", shell__command='echo "$DIGPY_IDEMPOTENCY_KEY" > got'), tmp_path)

    assert (tmp_path / "got").read_text() == "id-1\n"


def test_a_command_that_reads_nothing_is_fine(tmp_path: Path) -> None:
    assert not tell(lines("shell", shell__command="true"), tmp_path, "long " * 100_000)


def test_what_a_command_prints_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tell(lines("shell", shell__command="echo out; echo err >&2"), tmp_path)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "error"),
    [("exit 3", "the command ended with code 3"), ("kill -9 $$", "ended with signal 9")],
)
def test_a_command_that_fails_is_a_failure(command: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match=error):
        tell(lines("shell", shell__command=command), tmp_path)


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    command = "sleep 1000 & echo $! > started; wait"
    with pytest.raises(DeliveryFailed, match=r"^the command was not done in 0\.3 s$"):
        tell(lines("shell", shell__command=command, shell__timeout="300"), tmp_path)

    started = int((tmp_path / "started").read_text())
    eventually(lambda: processes.look(started) is None)
