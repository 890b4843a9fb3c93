"""The attempt's log, as it is written and as it is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from digpy.cli.follow import LogFollower
from digpy.control.logs import AttemptLogs, LogEntry


def followed(text: str, state: Path) -> list[str]:
    logs = AttemptLogs(state)
    logs.append(7, [LogEntry(1, "+w+a", "out", text), LogEntry(2, "+w+b", "out", "next")])
    logs.close()
    return [line.text for line in LogFollower(state / "logs" / "7").poll(everything=True)]


@pytest.mark.parametrize("line", ["a line\n", "日本 \u2028😀\n", "\0\ud83d\n"])
def test_megabytes_of_lines_are_read_as_they_were_written(line: str, tmp_path: Path) -> None:
    text = line * 300_000

    *pieces, following = followed(text, tmp_path)

    assert "".join(pieces) == text
    assert following == "next"


@pytest.mark.parametrize("sign", ["x", "日", "😀"])
def test_nothing_of_a_line_of_megabytes_is_lost(sign: str, tmp_path: Path) -> None:
    *pieces, following = followed(sign * 1_000_000, tmp_path)

    assert "".join(pieces) == sign * 1_000_000
    assert following == "next"


def test_an_empty_text_is_an_entry(tmp_path: Path) -> None:
    assert followed("", tmp_path) == ["", "next"]
