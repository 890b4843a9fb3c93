"""`!include`: names, positions, and what must not be reached. What it merges was recorded."""

import os
from pathlib import Path

import pytest

from digpy.dsl.include import FileReader, read_file
from digpy.dsl.nodes import value_span
from digpy.dsl.reader import MAX_INCLUDE_DEPTH, read_text
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


def test_files_that_include_each_other_are_refused_with_the_chain(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n", c_dig="!include : w.dig\n")
    assert refusal(tmp_path).splitlines() == [
        'c.dig:1:12: error: "w.dig" includes itself',
        "    1 | !include : w.dig",
        "      |            ^^^^^",
        "    w.dig includes c.dig includes w.dig",
        "    included by w.dig:1:12",
    ]


def test_file_that_includes_itself_through_a_link_is_refused(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n")
    (tmp_path / "c.dig").symlink_to(tmp_path / "w.dig")
    assert 'error: "c.dig" includes itself' in refusal(tmp_path)


def test_long_chain_of_files_is_refused(tmp_path: Path) -> None:
    files = {f"f{n}_dig": f"!include : f{n + 1}.dig\n" for n in range(500)}
    write(tmp_path, w_dig="!include : f0.dig\n", **files)
    assert f"a chain of more than {MAX_INCLUDE_DEPTH} files" in refusal(tmp_path)


def test_files_that_multiply_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        w_dig="a: 1\n" + "!include : c.dig\n" * 40,
        c_dig="!include : d.dig\n" * 40,
        d_dig="x: 1\n",
    )
    assert "error: more than 1,000 files are included" in refusal(tmp_path)


def test_a_thousand_includes_are_fine_with_either_parser(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n" * 1_000 + "y: {a:b}\n", c_dig="x: 1\n")
    assert read_file(tmp_path / "w.dig", tmp_path, "w.dig") == {"x": 1, "y": {"a:b": None}}


def test_aliases_of_what_was_included_count_with_its_size(tmp_path: Path) -> None:
    many = "".join(f"k{n}: 1\n" for n in range(2_000))
    aliases = "".join(f"t{n}: *a\n" for n in range(600))
    write(tmp_path, w_dig=f"a: &a\n  !include : c.dig\n{aliases}", c_dig=many)
    assert "copy more than 1,000,000 values" in refusal(tmp_path)


def test_included_file_continues_the_depth(tmp_path: Path) -> None:
    deep = "[" * 60 + "]" * 60
    write(tmp_path, w_dig="a: " + "{b: " * 60 + "{!include : c.dig}" + "}" * 60, c_dig=f"x: {deep}")
    assert "c.dig:1:43: error: values are nested more than 100 deep" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!include : c.dig\ny: 2\n", {"x": 1, "y": 2}),
        ("a:\n  !include : c.dig\n  y: 2\n", {"a": {"x": 1, "y": 2}}),
        ("a: {!include : c.dig, y: 2}\n", {"a": {"x": 1, "y": 2}}),
        ("a:\n- !include : c.dig\n- 2\n", {"a": [{"x": 1}, 2]}),
        ("a: [{!include : c.dig}]\n", {"a": [{"x": 1}]}),
        ("a: &a\n  !include : c.dig\nb: *a\nc: {<<: *a}\n", {key: {"x": 1} for key in "abc"}),
        ("!include : 'c.dig'\n", {"x": 1}),
        ("? !include\n: c.dig\n", {"x": 1}),
    ],
)
def test_include_may_stand_wherever_a_key_may(tmp_path: Path, text: str, expected: object) -> None:
    write(tmp_path, w_dig=text, c_dig="x: 1\n")
    assert read_file(tmp_path / "w.dig", tmp_path, "w.dig") == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: !include c.dig\n",
        "!include: c.dig\n",
        "!!include : c.dig\n",
        "a: [!include c.dig]\n",
        "- !include c.dig\n",
        "!include x : c.dig\n",
        "!include : [c.dig]\n",
        "!include : {c.dig: 1}\n",
        "!include : \n",
        "!include : ''\n",
        "!include : ~\n",
    ],
)
def test_include_elsewhere_says_how_to_write_it(tmp_path: Path, text: str) -> None:
    write(tmp_path, w_dig=text, c_dig="x: 1\n")
    assert '"!include : path"' in refusal(tmp_path)


def test_problem_of_an_included_file_names_both_files(tmp_path: Path) -> None:
    write(tmp_path, w_dig="a: 1\nb:\n  !include : sub/c.dig\n", sub__c_dig="x: 1\nx: 2\n")
    assert refusal(tmp_path).splitlines() == [
        'sub/c.dig:2:1: error: "x" is written twice in the same mapping',
        "    2 | x: 2",
        "      | ^",
        "    the first one: line 1: x: 1",
        "    included by w.dig:3:14",
        "    help: remove or rename one of them",
    ]


def test_syntax_error_of_an_included_file_does_not_hide_what_follows(tmp_path: Path) -> None:
    write(
        tmp_path, w_dig="!include : c.dig\n!include : d.dig\nx: !y 1\n", c_dig="a: [", d_dig="- 1\n"
    )
    found = refusal(tmp_path)
    assert 'c.dig:1:4: error: this "[" is never closed' in found
    assert "d.dig:1:1: error: the file must be a mapping" in found
    assert 'w.dig:3:4: error: unknown tag "!y"' in found


def test_bytes_of_an_included_file_that_are_not_utf8_are_shown_in_both(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n")
    (tmp_path / "c.dig").write_bytes(b"a: \xff\n")
    found = refusal(tmp_path)
    assert found.startswith("c.dig:1:4: error: byte 0xFF is not UTF-8")
    assert "included by w.dig:1:12" in found


def test_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : Common.dig\n", common_dig="x: 1\n")
    assert 'help: did you mean "common.dig"?' in refusal(tmp_path)


@pytest.mark.timeout(10)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : pipe\n")
    os.mkfifo(tmp_path / "pipe")
    assert 'error: "pipe" cannot be read: Not a file' in refusal(tmp_path)


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n")
    (tmp_path / "c.dig").symlink_to(tmp_path / "d.dig")
    (tmp_path / "d.dig").symlink_to(tmp_path / "c.dig")
    assert "w.dig:1:12: error:" in refusal(tmp_path)


def test_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    write(tmp_path, w_dig=f"!include : {'x' * 300}\n")
    assert "cannot be read: File name too long" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\n", c_dig="x: 1\n")
    (tmp_path / "c.dig").chmod(0)
    assert 'error: "c.dig" cannot be read: Permission denied' in refusal(tmp_path)


def test_link_inside_the_directory_may_be_included(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : link.dig\n", sub__c_dig="x: 1\n")
    (tmp_path / "link.dig").symlink_to("sub/c.dig")
    assert read_file(tmp_path / "w.dig", tmp_path, "w.dig") == {"x": 1}


def test_included_file_may_come_from_windows(tmp_path: Path) -> None:
    write(tmp_path, w_dig="!include : c.dig\r\n", c_dig="\ufeffx: |\r\n  1\r\n  2\r\ny: ${a}\r\n")
    assert read_file(tmp_path / "w.dig", tmp_path, "w.dig") == {"x": "1\n2\n", "y": "${a}"}


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
