from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest

import digpy as package
from digpy.cli import main
from digpy.cli.options import common, common_options
from digpy.errors import ConfigError, InternalError, SourceError, Unavailable
from digpy.source import Problem, Source, Span
from tests.support.command_line import Digpy, digpy
from tests.support.golden import Golden

__all__ = ["digpy"]

Install = Callable[[Callable[[], int | None]], None]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a function the command ``probe``."""

    def install(function: Callable[[], int | None]) -> None:
        module = ModuleType("tests.probe")
        module.command = click.command("probe")(common_options(function))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tests.probe", module)
        entry = main.COMMANDS["run"]._replace(module="tests.probe", aliases=())
        monkeypatch.setitem(main.COMMANDS, "probe", entry)

    return install


def raising(error: BaseException) -> Callable[[], int]:
    def function() -> int:
        raise error

    return function


def test_the_command_alone_answers_with_its_help(digpy: Digpy, golden: Golden) -> None:
    ended = digpy()

    assert ended.code == 0
    assert ended.out == digpy("--help").out
    golden.check("cli/help.txt", ended.out)


@pytest.mark.parametrize("command", ["init", "check", "run", "scheduler"])
def test_a_command_explains_itself(digpy: Digpy, golden: Golden, command: str) -> None:
    ended = digpy(command, "--help")

    assert ended.code == 0
    golden.check(f"cli/{command}-help.txt", ended.out)


def test_digdags_help_option_is_understood(digpy: Digpy) -> None:
    assert digpy("check", "-help").out == digpy("check", "--help").out


@pytest.mark.parametrize("line", ["--version", "run --version", "nonsense --frob --version"])
def test_version_is_printed_wherever_it_is_asked_for(digpy: Digpy, line: str) -> None:
    assert digpy(*line.split()) == (0, f"{package.__version__}\n", "")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("unknown-command", "chek"),
        ("command-of-digdag", "push project"),
        ("file-for-a-command", "hello.dig"),
        ("unknown-option", "check --jsn"),
        ("unknown-option-alone", "--frobnicate"),
        ("missing-argument", "run"),
        ("extra-argument", "run a.dig +b +c"),
        ("bad-level", "check -l loud"),
        ("bad-parameter", "check -p a"),
        ("start-and-goal", "run w.dig -s +a -g +b"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_a_hint(
    digpy: Digpy, golden: Golden, name: str, line: str
) -> None:
    ended = digpy(*line.split())

    assert (ended.code, ended.out) == (2, "")
    golden.check(f"cli/usage-{name}.txt", ended.err)


@pytest.mark.parametrize("alias", ["c", "check"])
def test_an_alias_is_the_command(digpy: Digpy, alias: str) -> None:
    assert "Usage: digpy check" in digpy(alias, "--help").out


def test_what_a_command_returns_is_the_exit_code(digpy: Digpy, probe: Install) -> None:
    probe(lambda: 7)

    assert digpy("probe").code == 7


def test_common_options_may_stand_before_and_after_the_command(
    digpy: Digpy, probe: Install
) -> None:
    found = []
    probe(lambda: found.append(common()))

    digpy("-l", "warn", "-X", "a=1", "probe", "-Xb=2", "-c", "file", "-L", "log")

    assert found[0] == (Path("log"), "warn", ("a=1", "b=2"), Path("file"))


def test_a_dash_stands_for_standard_error(digpy: Digpy, probe: Install) -> None:
    found = []
    probe(lambda: found.append(common()))

    digpy("-L", "file", "probe", "-L", "-")

    assert found[0].log is None


def test_a_common_option_can_be_a_variable(
    digpy: Digpy, probe: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    probe(lambda: found.append(common()))
    monkeypatch.setenv("DIGPY_LOG_LEVEL", "debug")

    digpy("probe")

    assert found[0].level == "debug"


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("no"), 3), (Unavailable("no"), 74), (SourceError([]), 3)]
)
def test_a_family_of_errors_has_its_exit_code(
    digpy: Digpy, probe: Install, error: Exception, code: int
) -> None:
    probe(raising(error))

    ended = digpy("probe")

    assert ended.code == code
    assert "Traceback" not in ended.err


def test_every_problem_of_a_file_is_drawn_and_counted(digpy: Digpy, probe: Install) -> None:
    source = Source("w.dig", "+a:\n  x: 1\n")
    problems = [
        Problem("second", Span(source, 6, 7)),
        Problem("first", Span(source, 0, 2)),
        Problem("odd", Span(source, 9, 10), severity="warning"),
    ]
    probe(raising(SourceError(problems)))

    lines = digpy("probe").err.splitlines()

    assert [line for line in lines if line.startswith("w.dig")] == [
        "w.dig:1:1: error: first",
        "w.dig:2:3: error: second",
        "w.dig:2:6: warning: odd",
    ]
    assert lines[-1] == "2 errors and 1 warning in 1 file"


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), InternalError("broken rule")])
def test_a_bug_is_shown_with_its_traceback(digpy: Digpy, probe: Install, error: Exception) -> None:
    probe(raising(error))

    ended = digpy("probe")

    assert ended.code == 70
    assert "Traceback" in ended.err
    assert "this is a bug in digpy" in ended.err


def test_debug_shows_where_an_expected_error_comes_from(digpy: Digpy, probe: Install) -> None:
    probe(raising(ConfigError("no")))

    assert "Traceback" in digpy("probe", "-l", "debug").err


def test_an_interrupt_ends_with_130(digpy: Digpy, probe: Install) -> None:
    probe(raising(KeyboardInterrupt()))

    assert digpy("probe") == (130, "", "error: interrupted\n")


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        python("-m", "digpy", "--help"), stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)

    assert ended.stderr == ""


def test_the_help_imports_no_command_and_nothing_heavy() -> None:
    script = (
        "import sys; from digpy.cli import main; main.run(['--help']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(python("-c", script), capture_output=True, text=True, check=True)
    loaded = set(ended.stderr.split())

    assert "digpy.cli.main" in loaded
    heavy = {"rich", "lark", "sqlalchemy", "sqlite3", "ruamel.yaml", "asyncio", "logging"}
    assert not loaded & (heavy | {"digpy.cli.run", "digpy.cli.check", "dataclasses"})


def test_an_argument_is_called_as_in_the_help(digpy: Digpy) -> None:
    assert digpy("attempt", "x").err.startswith("error: ATTEMPT-ID: 'x' is not a whole number\n")


def test_an_option_is_a_variable_of_its_own_name(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGPY_CHECK_JSON", "1")
    monkeypatch.setenv("DIGPY_CHECK_PARAM", "k=v")

    ended = digpy("check")

    assert json.loads(ended.out)["parameters"] == {"k": "v"}
    assert not ended.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DIGPY_CHECK_PARAMS", "DIGPY_CHECK_PARAM"),
        ("DIGPY_AGENTSTOP_GRACE", "DIGPY_AGENT_STOP_GRACE"),
    ],
)
def test_a_misspelt_variable_is_told(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "x=1")

    assert digpy("check").err == (
        f"warning: {name}: no option and no setting has this variable; did you mean {hint}?\n"
    )


@pytest.mark.parametrize(
    "name",
    [
        "DIGPY_RUN",
        "DIGPY_INSTALLATION",
        "DIGPY_FENCE",
        "DIGPY_IDEMPOTENCY_KEY",
        "DIGPY_FAILPOINT_ONCE",
    ],
)
def test_what_digpy_tells_programs_is_no_unknown_variable(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "1.2.3")

    assert not digpy("check").err


def test_a_variable_of_another_command_is_left_to_it(
    digpy: Digpy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGPY_RUN_SESSION", "daily")

    assert not digpy("check").err
