"""What all tests share: options of the test run, and an environment without own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the code produces into the golden files instead of comparing",
    )


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in os.environ:
        if name.startswith(("DIGPY_", "DIGDAG_")):
            monkeypatch.delenv(name)
    # Hundreds of projects, each with its reserve, would fill the disk they are to protect.
    monkeypatch.setenv("DIGPY_DISK_RESERVE", "0")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-settings"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares texts with the files in ``tests/golden``."""
    return Golden(
        Path(__file__).parent / "golden", update=bool(request.config.getoption("--update-golden"))
    )
