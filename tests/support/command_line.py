"""Running one command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from digpy.cli import main


class Ended(NamedTuple):
    """How a command line ended and what it wrote."""

    code: int
    out: str
    err: str


Digpy = Callable[..., Ended]


@pytest.fixture
def digpy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Digpy:
    """``digpy("check", "w.dig")``: run a command line, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = main.run(arguments)
        return Ended(code, *capsys.readouterr())

    return run
