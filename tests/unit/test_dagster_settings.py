"""A ``run_monitoring:`` block of Dagster, written as ``supervisor.dagster.KEY``."""

from __future__ import annotations

from pathlib import Path

import pytest

from digpy import config
from digpy.config import Settings
from digpy.errors import ConfigError
from digpy.values import SECOND


def load(*overrides: str) -> Settings:
    return config.load({}, None, [f"supervisor.dagster.{line}" for line in overrides])


@pytest.mark.parametrize(
    ("line", "ours", "value"),
    [
        ("start_timeout_seconds=60", "supervisor.start_timeout", "60"),
        ("cancel_timeout_seconds=60", "supervisor.cancel_timeout", "60"),
        ("max_runtime_seconds=7200", "supervisor.run_timeout", "7200"),
        ("max_resume_run_attempts=0", "supervisor.max_resumes", "0"),
        ("poll_interval_seconds=120", "supervisor.poll_interval", "120"),
        ("enabled=True", "supervisor.enabled", "true"),
    ],
)
def test_a_key_is_read_as_ours(line: str, ours: str, value: str) -> None:
    settings = load(line)
    key = "supervisor.dagster." + line.partition("=")[0]
    assert settings.text(ours) == value
    assert settings.notes == (f"-X {key}: {key} is read as {ours} = {value}",)


def test_a_limit_of_zero_is_off_as_in_dagster() -> None:
    settings = load("start_timeout_seconds=0", "max_runtime_seconds=0")
    assert settings.duration("supervisor.start_timeout") is None
    assert settings.duration("supervisor.run_timeout") is None


def test_the_origin_names_place_and_key(tmp_path: Path) -> None:
    file = tmp_path / "c.properties"
    file.write_text("\nsupervisor.dagster.max_runtime_seconds: 60\n")
    origin = config.load({}, file).origin("supervisor.run_timeout")
    assert origin == f"{file}:2, supervisor.dagster.max_runtime_seconds"


def test_it_may_be_a_variable() -> None:
    settings = config.load({"DIGPY_SUPERVISOR_DAGSTER_MAX_RUNTIME_SECONDS": "60"})
    assert settings.duration("supervisor.run_timeout") == 60 * SECOND


@pytest.mark.parametrize(
    "line", ["cancellation_thread_poll_interval_seconds=10", "free_slots_after_run_end_seconds=300"]
)
def test_what_is_not_needed_is_noted_and_changes_nothing(line: str) -> None:
    settings = load(line)
    assert settings.entries == {}
    assert "is not needed: " in settings.notes[0]


def test_without_such_keys_there_is_no_note() -> None:
    assert config.load({}, None, ["supervisor.run_timeout=2h"]).notes == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_runtime=1", 'there is no setting "supervisor.dagster.max_runtime"; those of Dagster'),
        ("max_runtime_seconds=2h", '"2h"; a whole number is needed'),
        ("max_runtime_seconds=-1", '"-1"; a whole number is needed'),
        ("cancel_timeout_seconds=0", "must be at least 1s"),
        ("enabled=false", "only true is possible: every attempt is supervised"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"^-X supervisor\.dagster") as caught:
        load(line)
    assert message in str(caught.value)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_both_names_of_one_setting_are_refused(is_reversed: bool) -> None:
    lines = ["supervisor.run_timeout=2h", "supervisor.dagster.max_runtime_seconds=7200"]
    with pytest.raises(ConfigError, match="are the same: keep one"):
        config.load({}, None, lines[::-1] if is_reversed else lines)


def test_the_same_key_may_be_set_again_by_what_comes_later() -> None:
    settings = load("max_runtime_seconds=60", "max_runtime_seconds=90")
    assert settings.text("supervisor.run_timeout") == "90"
    assert len(settings.notes) == 1


def test_supervision_cannot_be_switched_off() -> None:
    with pytest.raises(ConfigError, match="only true is possible"):
        config.load({}, None, ["supervisor.enabled=false"])
