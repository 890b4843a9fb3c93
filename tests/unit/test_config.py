from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digpy import config
from digpy.config import KEYS, Secret, Settings, duration, nest, variable
from digpy.errors import ConfigError
from digpy.properties import parse_properties
from digpy.values import SECOND, Params


def pairs(text: str) -> list[tuple[str, str]]:
    return [(key, value) for _, key, value in parse_properties(text, "f")]


class Home:
    """A directory with digdag's and digpy's configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digdag = root / "digdag" / "config"
        self.digpy = root / "digpy" / "config"

    def load(
        self,
        environment: Mapping[str, str] | None = None,
        file: Path | None = None,
        overrides: Sequence[str] = (),
    ) -> Settings:
        variables = {"XDG_CONFIG_HOME": str(self.root), **(environment or {})}
        return config.load(variables, file, overrides)

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "iso-8859-1" if path == self.digdag else "utf-8")
        return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# The format


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("a=1", "a", "1"),
        ("a = 1 ", "a", "1 "),
        ("a: 1", "a", "1"),
        ("a 1", "a", "1"),
        ("a\t=\t1", "a", "1"),
        ("a", "a", ""),
        ("a=", "a", ""),
        ("a==b", "a", "=b"),
        ("  a=b=c", "a", "b=c"),
        (r"a\:b\=c\ d=1", "a:b=c d", "1"),
        (r"a=\u00e9\u0041", "a", "éA"),
        (r"a=\ud83d\ude00", "a", "😀"),
        (r"a=x\ty\nz\\", "a", "x\ty\nz\\"),
        (r"a=\q", "a", "q"),
        (r"a=\  x", "a", "  x"),
        ("a=#no comment", "a", "#no comment"),
    ],
)
def test_a_line_is_read_as_java_reads_it(line: str, key: str, value: str) -> None:
    assert pairs(line) == [(key, value)]


def test_comments_and_blank_lines_are_left_out() -> None:
    assert pairs("# a=1\n  ! b=2\n\n \t\nc=3") == [("c", "3")]


def test_a_backslash_continues_the_line_without_the_indentation() -> None:
    assert pairs("a=one, \\\n     two\\\r\n\tthree\nb=1") == [("a", "one, twothree"), ("b", "1")]


def test_an_even_number_of_backslashes_does_not_continue() -> None:
    assert pairs("a=x\\\\\nb=1") == [("a", "x\\"), ("b", "1")]


def test_a_comment_does_not_continue() -> None:
    assert pairs("# note \\\na=1") == [("a", "1")]


def test_entries_know_their_line() -> None:
    assert [line for line, _, _ in parse_properties("# c\na=1\\\n2\nb=3", "f")] == [2, 4]


def test_a_broken_unicode_escape_names_file_and_line() -> None:
    with pytest.raises(ConfigError, match=r"^f:2: "):
        pairs("a=1\nb=\\u12")


def escape(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else _surrogates(c) for c in text)


def _surrogates(char: str) -> str:
    raw = char.encode("utf-16-be").hex()
    return f"\\u{raw[:4]}\\u{raw[4:]}"


@given(st.text(), st.text())
def test_what_is_escaped_comes_back(key: str, value: str) -> None:
    assert pairs(f"{escape(key)}={escape(value)}") == [(key, value)]


# Places and their order


def test_defaults_hold_when_nothing_is_set(home: Home) -> None:
    settings = home.load()

    assert settings.integer("executor.task_max_run") == 1000
    assert settings.origin("executor.task_max_run") == "default"


def test_every_default_is_a_value_that_could_be_written() -> None:
    for key in KEYS.values():
        if key.default:
            config.load({}, None, [f"{key.name}={key.default}"])


def test_later_places_win(home: Home) -> None:
    key = "executor.task_max_run"
    home.write(home.digdag, f"{key}=1")
    assert home.load().integer(key) == 1
    home.write(home.digpy, f"{key}=2")
    assert home.load().integer(key) == 2
    environment = {"DIGDAG_CONFIG": f"{key}=3"}
    assert home.load(environment).integer(key) == 3
    environment["DIGPY_EXECUTOR_TASK_MAX_RUN"] = "4"
    assert home.load(environment).integer(key) == 4
    file = home.write(home.root / "own", f"{key}=5")
    assert home.load(environment, file).integer(key) == 5
    assert home.load(environment, file, [f"{key}=6", f"{key}=7"]).integer(key) == 7
    flagged = home.load(environment).replace(key, "8", "--tasks")
    assert (flagged.integer(key), flagged.origin(key)) == (8, "--tasks")


def test_a_file_given_replaces_both_default_files(home: Home) -> None:
    home.write(home.digdag, "executor.task_max_run=1")
    home.write(home.digpy, "agent.stop_grace=1s")
    file = home.write(home.root / "own", "")

    assert home.load(file=file).entries == {}


def test_a_value_knows_where_it_was_written(home: Home) -> None:
    home.write(home.digdag, "# mine\nexecutor.task_max_run=1")
    settings = home.load({"DIGPY_AGENT_STOP_GRACE": "1s"}, overrides=["database.durability=full"])

    assert settings.origin("executor.task_max_run") == f"{home.digdag}:2"
    assert settings.origin("agent.stop_grace") == "DIGPY_AGENT_STOP_GRACE"
    assert settings.origin("database.durability") == "-X database.durability"


def test_digdags_home_is_looked_for_in_its_order(tmp_path: Path) -> None:
    own, xdg, user = tmp_path / "own", tmp_path / "xdg", tmp_path / "user"
    environment = {"HOME": str(user)}
    assert config.load(environment).home == user / ".config" / "digdag"
    environment["XDG_CONFIG_HOME"] = str(xdg)
    assert config.load(environment).home == xdg / "digdag"
    environment["DIGDAG_CONFIG_HOME"] = str(own)
    assert config.load(environment).home == own


def test_digdags_file_is_latin_1_and_ours_is_utf_8(home: Home) -> None:
    home.write(home.digdag, "params.a=é")
    home.write(home.digpy, "params.b=日")

    assert home.load().params() == {"a": "é", "b": "日"}


def test_a_missing_file_that_was_named_is_an_error(home: Home) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        home.load(file=home.root / "absent")


# Unknown keys


def test_an_unknown_key_in_our_file_is_an_error_with_a_hint(home: Home) -> None:
    home.write(home.digpy, "executor.task_max_runs=1")

    with pytest.raises(ConfigError, match=r'config:1: .*did you mean "executor.task_max_run"'):
        home.load()


def test_an_unknown_key_after_x_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r'-X agent\.stop_grase: .*"agent\.stop_grace"'):
        config.load({}, None, ["agent.stop_grase=1s"])


def test_a_misspelt_variable_is_an_error_with_a_hint() -> None:
    with pytest.raises(ConfigError, match='did you mean "DIGPY_SUPERVISOR_RUN_TIMEOUT"'):
        config.load({"DIGPY_SUPERVISOR_RUN_TIMOUT": "1h"})


def test_variables_of_options_and_of_running_tasks_are_no_settings() -> None:
    settings = config.load({"DIGPY_RUN_PROJECT": "x", "DIGPY_RUN": "1.2.3", "DIGPY_FAILPOINT": "a"})

    assert settings.entries == {}


@pytest.mark.parametrize("name", ["DIGPY_PARAMS_A", "DIGPY_SECRETS_A_B"])
def test_variables_cannot_name_parameters_or_secrets(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        config.load({name: "x"})


def test_an_unknown_key_of_digdags_file_is_a_warning(home: Home) -> None:
    home.write(home.digdag, "frobnicate=1")

    assert home.load().warnings == (
        f'{home.digdag}:1: the setting "frobnicate" is not known and was ignored',
    )


def test_keys_that_digdag_has_and_we_do_not_are_silent_in_its_file(home: Home) -> None:
    home.write(home.digdag, "client.http.endpoint=http://x\nserver.port=1")

    assert home.load().warnings == ()


# Values


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("executor.task_max_run", "many", "whole number"),
        ("executor.task_max_run", "0", "at least 1"),
        ("executor.task_max_run", "-1", "whole number"),
        ("notification.mail.html", "yes", "true or false"),
        ("database.durability", "none", "full, relaxed"),
        ("supervisor.run_timeout", "-5", "1h 30m"),
        ("supervisor.cancel_timeout", "0", "at least 1s"),
        ("supervisor.cancel_timeout", "none", "at least 1s"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_where_it_is_written(
    key: str, value: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load({}, None, [f"{key}={value}"])

    message = str(caught.value)
    assert message.startswith(f'-X {key}: {key} is "{value}"')
    assert hint in message


def test_flags_and_durations_are_typed(home: Home) -> None:
    settings = home.load(overrides=["notification.mail.html=False", "supervisor.run_timeout=2h"])

    assert settings.flag("notification.mail.html") is False
    assert settings.duration("supervisor.run_timeout") == 7200 * SECOND
    assert home.load().duration("supervisor.run_timeout") is None


def test_operators_get_lines_with_defaults(home: Home) -> None:
    lines = home.load(overrides=["notification.type=http"]).lines("notification.")

    assert lines["notification.type"] == "http"
    assert lines["notification.retries"] == "10"
    assert "executor.task_max_run" not in lines


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1h 30m", 5400),
        ("1d2h3m4s", 93784),
        ("2 H", 7200),
        (" 10s ", 10),
        ("0", None),
        ("0s", None),
        ("none", None),
    ],
)
def test_a_duration_is_written_like_digdags_or_in_seconds(text: str, seconds: int | None) -> None:
    assert duration(text) == (None if seconds is None else seconds * SECOND)


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5h", "30s1m", "1w", "NaN", "1h 30", "٣", "9" * 30, "999999999d"]
)
def test_other_durations_are_refused_with_key_and_origin(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^here:3: some\.key is "):
        duration(text, "some.key", "here:3")


def test_the_variable_of_a_key_is_upper_case() -> None:
    assert variable("agent.max-task-threads") == "DIGPY_AGENT_MAX_TASK_THREADS"


def test_every_key_has_a_variable_of_its_own() -> None:
    assert len({variable(key) for key in KEYS}) == len(KEYS)


# Parameters


def test_a_dot_nests() -> None:
    params: Params = {}
    nest(params, "a.b.c", "1")
    nest(params, "a.b.d", "2")

    assert params == {"a": {"b": {"c": "1", "d": "2"}}}


@pytest.mark.parametrize(("first", "second"), [("a", "a.b"), ("a.b", "a")])
def test_a_value_and_a_mapping_of_one_name_clash(first: str, second: str) -> None:
    params: Params = {}
    nest(params, first, "1")
    with pytest.raises(ValueError, match='"a'):
        nest(params, second, "2")


def test_parameters_of_the_configuration_name_the_line_that_clashes(home: Home) -> None:
    home.write(home.digpy, "params.a=1\nparams.a.b=2")

    with pytest.raises(ConfigError, match="config:2"):
        home.load().params()


# Secrets


def test_a_secret_is_a_line_or_a_file_and_the_line_wins(home: Home) -> None:
    home.write(home.digdag, "secrets.mysql.password=line")
    home.write(home.digdag.parent / "secrets" / "mysql.password", "file\n")
    home.write(home.digdag.parent / "secrets" / "token", "t\n\n")
    settings = home.load()

    assert settings.secret("mysql.password") == "line"
    assert settings.secret("token") == "t\n"
    assert settings.secret("absent") is None


def test_a_secret_does_not_show_itself(home: Home) -> None:
    settings = home.load(overrides=["secrets.a=hush", "notification.mail.password=hush"])

    assert repr(settings.secret("a")) == "***"
    assert "hush" not in repr(settings)
    assert str(Secret("hush")) == "hush"


@pytest.mark.parametrize("key", ["../config", "a/b", "", "a.", "/etc/passwd"])
def test_the_name_of_a_secret_cannot_lead_elsewhere(home: Home, key: str) -> None:
    home.write(home.digdag, "")
    home.write(home.digdag.parent / "secrets" / "a" / "b", "x")

    assert home.load().secret(key) is None


def test_a_secret_that_cannot_be_read_is_an_error(home: Home) -> None:
    (home.digdag.parent / "secrets" / "a").mkdir(parents=True)

    with pytest.raises(ConfigError, match="cannot be read"):
        home.load().secret("a")
