from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from digpy.cli.options import (
    Common,
    RunOptions,
    common,
    common_options,
    name_variables,
    run_options,
)
from digpy.errors import UsageError
from digpy.values import SECOND


def parse(*arguments: str, **variables: str) -> RunOptions:
    """The options of ``digpy run w.dig`` with `arguments`."""
    found: list[RunOptions] = []

    @click.command("run")
    @run_options
    def command(options: RunOptions) -> int:
        found.append(options)
        return 0

    name_variables(command)
    result = CliRunner().invoke(
        command,
        ["w.dig", *arguments],
        env=variables,
        standalone_mode=False,
    )
    if result.exception is not None:
        raise result.exception
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x"], ("a=variable",)),
        (["-X", "a=before", "x"], ("a=variable", "a=before")),
        (["x", "-X", "a=behind"], ("a=variable", "a=behind")),
    ],
)
def test_settings_of_the_variable_come_once_and_first(
    arguments: list[str], expected: tuple[str, ...]
) -> None:
    found: list[Common] = []
    group = common_options(click.Group("digpy"))

    @group.command("x")
    @common_options
    def command() -> None:
        found.append(common())

    CliRunner().invoke(group, arguments, env={"DIGPY_X": "a=variable"}, catch_exceptions=False)
    assert [each.overrides for each in found] == [expected]


@pytest.mark.parametrize("key", ["secrets.a", " secrets.a", "notification.http.headers.token"])
def test_a_secret_is_named_and_not_among_the_words(key: str) -> None:
    given = Common(overrides=(f"{key}=b", "disk.min_free=0"))
    assert given.words() == ["-X", "disk.min_free=0"]
    assert given.secrets() == [key.strip()]


def test_nothing_given_is_the_default_of_everything() -> None:
    assert parse() == RunOptions(
        workflow="w.dig",
        task=None,
        project=Path(),
        params=(),
        params_file=None,
        rerun=False,
        start=None,
        goal=None,
        end=None,
        save=None,
        no_save=False,
        dry_run=False,
        show_params=False,
        session="last",
        max_task_threads=None,
        limits={},
    )


@pytest.mark.parametrize(
    "arguments",
    ["-s +a -g +b", "-g +a -e +b", "--rerun --start +a", "-a -g +b", "--all -s +a"],
)
def test_contradictions_are_refused(arguments: str) -> None:
    with pytest.raises(UsageError, match="contradict each other"):
        parse(*arguments.split())


@pytest.mark.parametrize("arguments", ["-s +a -e +b", "-a -e +b"])
def test_what_goes_together_is_accepted(arguments: str) -> None:
    assert parse(*arguments.split()).end == "+b"


def test_short_flags_can_be_joined() -> None:
    options = parse("-dE")

    assert (options.dry_run, options.show_params) == (True, True)


@pytest.mark.parametrize("name", ["--session", "--session-time", "-t"])
def test_the_session_has_three_names(name: str) -> None:
    assert parse(name, "2024-03-05").session == "2024-03-05"


def test_a_parameter_is_not_cut_at_commas() -> None:
    assert parse("-p", "x=1,y=2", "-p", "z=").params == ("x=1,y=2", "z=")


def test_a_second_params_file_is_refused() -> None:
    with pytest.raises(UsageError, match="only once"):
        parse("-P", "a.yml", "-P", "b.yml")


def test_limits_given_are_kept_and_off_is_not_the_same_as_not_given() -> None:
    options = parse("--run-timeout", "1h 30m", "--start-timeout", "none", "--max-resumes", "0")

    assert options.limits == {
        "run_timeout": 5400 * SECOND,
        "start_timeout": None,
        "max_resumes": 0,
    }


@pytest.mark.parametrize(
    "arguments", [("--run-timeout", "-5"), ("--run-timeout", "soon"), ("--cancel-timeout", "0")]
)
def test_a_limit_that_cannot_be_is_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(click.BadParameter):
        parse(*arguments)


def test_options_can_be_variables() -> None:
    options = parse(DIGPY_RUN_RERUN="1", DIGPY_RUN_PARAM="a=1 2\nb=3", DIGPY_RUN_SESSION="daily")

    assert (options.rerun, options.params, options.session) == (True, ("a=1 2", "b=3"), "daily")


def test_the_time_zone_option_of_digdag_is_accepted_and_told_to_do_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse("--timezone", "UTC").workflow == "w.dig"
