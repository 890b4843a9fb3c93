from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from digpy.cli.options import Common
from digpy.errors import UsageError
from digpy.log import Log, local_time


def test_a_line_has_a_time_a_level_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Log().say("warn", "careful", "test.event", attempt=7)

    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \[WARN\] careful\n", capsys.readouterr().err
    )


def test_less_important_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("warn")
    for level in ("error", "warn"):
        log.say(level, "shown")
    log.say("info", "hidden")

    err = capsys.readouterr().err

    assert err.count("shown") == 2
    assert "hidden" not in err


def test_a_file_gets_event_and_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("info", tmp_path / "log")
    log.say_at(1_234_000, "info", "a task started", "task.started", attempt=7, task="+w+a")
    log.close()

    line = (tmp_path / "log").read_text()

    assert line.endswith("[INFO] a task started  (task.started attempt=7 task=+w+a)\n")
    assert ".234 " in line
    assert capsys.readouterr().err == ""


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        log = Log("info", tmp_path / "log")
        log.say("info", "x")
        log.close()

    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_a_large_file_is_rotated_and_five_old_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for number in range(7):
        path.write_bytes(str(number).encode() * 10_000_000)
        Log("info", path).close()

    assert path.read_bytes() == b""
    old = sorted(file.name for file in tmp_path.iterdir() if file != path)
    assert old == [f"log.{number}.gz" for number in range(1, 6)]
    with gzip.open(tmp_path / "log.1.gz") as newest:
        assert newest.read(1) == b"6"


def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        Common(log=tmp_path / "absent" / "log").open_log()


def test_an_instant_is_shown_in_the_zone_of_the_machine() -> None:
    assert re.fullmatch(r"2024-01-\d\d \d\d:\d\d:00 [+-]\d{4}", local_time(1_706_572_800_000_000))
