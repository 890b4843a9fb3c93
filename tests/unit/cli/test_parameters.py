from __future__ import annotations

from pathlib import Path

import pytest

from digpy import config
from digpy.cli.parameters import start_parameters
from digpy.config import Settings
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
