"""`!include`: names, positions, and what must not be reached. What it merges was recorded."""

from pathlib import Path

import pytest

from digpy.dsl.include import FileReader, read_file
from digpy.dsl.nodes import value_span
from digpy.dsl.reader import read_text
from digpy.errors import YamlError


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dig", ".dig")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def refusal(root: Path) -> str:
    with pytest.raises(YamlError) as refused:
        read_file(root / "w.dig", root, "w.dig")
    return "\n".join(problem.render() for problem in refused.value.problems)


def test_value_from_an_included_file_points_into_that_file(tmp_path: Path) -> None:
    write(tmp_path, w_dig="a: 1\n!include : sub/c.dig\n", sub__c_dig="# c\nb: two\n")
    node = read_file(tmp_path / "w.dig", tmp_path, "w.dig")
    span = value_span(node, "b")
    assert span is not None
    assert (span.source.name, span.line, span.column) == ("sub/c.dig", 2, 4)


def test_problem_in_a_nested_include_names_its_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        w_dig="!include : sub/c.dig\n",
        sub__c_dig="!include : d.dig\n",
        sub__d_dig="x: 1\nx: 2\n",
    )
    assert refusal(tmp_path).startswith('sub/d.dig:2:1: error: "x" is written twice')


def test_missing_file_is_reported_where_it_is_included(tmp_path: Path) -> None:
    write(tmp_path, w_dig="a: 1\n!include : nope.dig\n")
    assert refusal(tmp_path).startswith('w.dig:2:12: error: there is no file "nope.dig"')


def test_directory_cannot_be_included(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : sub\n", sub__c_dig="")
    assert 'error: "sub" cannot be read: Is a directory' in refusal(tmp_path)


@pytest.mark.parametrize(
    "path", ["../c.dig", "../projx/c.dig", "/etc/hostname", "sub/../../c.dig", "."]
)
def test_file_outside_the_directory_of_the_including_file_is_refused(
    tmp_path: Path, path: str
) -> None:
    root = tmp_path / "proj"
    write(root, w_dig=f"!include : {path}\n")
    write(tmp_path, c_dig="x: 1\n", projx__c_dig="x: 1\n")
    assert f'error: "{path}" cannot be included' in refusal(root)


def test_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "proj"
    write(root, w_dig="!include : link.dig\n")
    write(tmp_path, c_dig="x: 1\n")
    (root / "link.dig").symlink_to(tmp_path / "c.dig")
    assert f"it is a link to {(tmp_path / 'c.dig').resolve()}" in refusal(root)


def test_project_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", w_dig="!include : c.dig\n", c_dig="x: 1\n")
    (tmp_path / "proj").symlink_to(tmp_path / "real")
    assert read_file(tmp_path / "proj/w.dig", tmp_path / "proj", "w.dig") == {"x": 1}


def test_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n", c_dig="!include : w.dig\n")
    assert refusal(tmp_path).startswith('c.dig:1:12: error: "w.dig" includes itself')


def test_same_file_may_be_included_twice(tmp_path: Path) -> None:
    write(tmp_path, w_dig="a:\n  !include : c.dig\nb:\n  !include : c.dig\n", c_dig="x: 1\n")
    assert read_file(tmp_path / "w.dig", tmp_path, "w.dig") == {"a": {"x": 1}, "b": {"x": 1}}


def test_including_does_not_change_what_an_alias_shares(tmp_path: Path) -> None:
    write(tmp_path, w_dig="base: &b {k: 1}\ny: *b\n!include : c.dig\n", c_dig="y: {l: 2}\n")
    node = read_file(tmp_path / "w.dig", tmp_path, "w.dig")
    assert node == {"base": {"k": 1}, "y": {"k": 1, "l": 2}}


def test_bytes_that_are_not_utf8_are_shown_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "w.dig").write_bytes("a: 1\nü: caf".encode() + b"\xe9\n")
    assert refusal(tmp_path).startswith("w.dig:2:7: error: byte 0xE9 is not UTF-8")


def test_reader_remembers_every_text_by_name(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : sub/c.dig\n", sub__c_dig="x: 1\n")
    files = FileReader(tmp_path)
    read_text(files.source(tmp_path / "w.dig", "w.dig"), load=files.load)
    assert list(files.read) == ["w.dig", "sub/c.dig"]
