from __future__ import annotations

from pathlib import Path

import pytest

from digpy import config
from digpy.cli.parameters import start_origins, start_parameters
from digpy.config import Entry, Settings
from digpy.errors import ConfigError, SourceError, UsageError
from digpy.values import Template


def settings(*lines: str) -> Settings:
    return config.load({}, None, lines)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_configuration(
    tmp_path: Path,
) -> None:
    file = tmp_path / "p.yml"
    file.write_text("a: {y: file, z: file}\nn: 1\n")

    params = start_parameters(
        settings("params.a.x=config", "params.a.y=config"), file, ["a.z=given"]
    )

    assert params == {"a": {"x": "config", "y": "file", "z": "given"}, "n": 1}


def test_values_are_text_and_keep_everything_after_the_first_equals_sign() -> None:
    assert start_parameters(settings(), None, ["a=1", "b=x=y,z", "=e"]) == {
        "a": "1",
        "b": "x=y,z",
        "": "e",
    }


def test_text_with_a_dollar_is_a_template_wherever_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "p.yml"
    file.write_text("f: ${x}\nplain: y\n")

    params = start_parameters(settings("params.c=${x}"), file, ["g=${x}"])

    assert {key: type(value) for key, value in params.items()} == {
        "c": Template,
        "f": Template,
        "plain": str,
        "g": Template,
    }


def test_json_and_includes_are_read(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("b: 2\n")
    (tmp_path / "p.yml").write_text("a: 1\n!include : more.yml\n")
    (tmp_path / "p.json").write_text('{"a": [1, {"b": null}]}')

    assert start_parameters(settings(), tmp_path / "p.yml", []) == {"a": 1, "b": 2}
    assert start_parameters(settings(), tmp_path / "p.json", []) == {"a": [1, {"b": None}]}


def test_a_clash_names_the_pair() -> None:
    with pytest.raises(UsageError, match=r"-p a\.b=2: "):
        start_parameters(settings(), None, ["a=1", "a.b=2"])


def test_a_file_that_is_missing_or_broken_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        start_parameters(settings(), tmp_path / "absent.yml", [])
    (tmp_path / "bad.yml").write_text("a: [\n")
    with pytest.raises(SourceError):
        start_parameters(settings(), tmp_path / "bad.yml", [])


def test_the_origins_of_parameters_are_told_by_their_first_names(tmp_path: Path) -> None:
    file = tmp_path / "p.yml"
    file.write_text("f: 1\nboth: {b: 2}\n")
    entries = {
        "params.c.x": Entry("1", "config:1"),
        "params.c.y": Entry("2", "config:2"),
        "params.cc": Entry("3", "config:3"),
    }

    assert start_origins(Settings(entries, tmp_path), file, ["both.a=1", "p=2"]) == {
        "c": ["config:1", "config:2"],
        "cc": ["config:3"],
        "f": [f"-P {file}"],
        "both": ["-p", f"-P {file}"],
        "p": ["-p"],
    }


def test_file_of_parameters_may_come_from_windows(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_bytes("\ufeffa: |\r\n  1\r\n  2\r\nb: ${x}\r\n".encode())

    assert start_parameters(settings(), tmp_path / "p.yml", []) == {"a": "1\n2\n", "b": "${x}"}


def test_json_is_read_however_it_was_written(tmp_path: Path) -> None:
    text = '\ufeff{\r\n\t"a":1,\r\n\t"b": "\\ud83d\\ude00\\/\\u00e9",\t"c":{"d":[]}\r\n}\r\n'
    (tmp_path / "p.json").write_bytes(text.encode())

    assert start_parameters(settings(), tmp_path / "p.json", []) == {
        "a": 1,
        "b": "😀/é",
        "c": {"d": []},
    }


def test_a_path_of_thousands_of_steps_is_refused() -> None:
    with pytest.raises(UsageError, match="nested more than 100 deep"):
        start_parameters(settings(), None, ["a." * 5_000 + "b=1"])
