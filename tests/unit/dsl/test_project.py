"""All workflows of a directory, and files that are called."""

from pathlib import Path

import pytest

from digpy.dsl.project import load_called, load_project
from digpy.errors import CompileError, NotFound, SourceError, YamlError


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_only_visible_dig_files_of_the_root_are_workflows(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.dig": "+a: {sh>: x}",
            "a.dig": "{}",
            ".c.dig": "[",
            "sub/d.dig": "[",
            "e.yml": "[",
            "f.dig/g": "",
        },
    )
    assert list(load_project(tmp_path).workflows) == ["a", "b"]


def test_links_in_a_circle_are_named_and_hide_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.dig").symlink_to("b.dig")
    (tmp_path / "b.dig").symlink_to("a.dig")
    write(tmp_path, {"c.dig": "["})
    with pytest.raises(SourceError) as caught:
        load_project(tmp_path)
    messages = [problem.message for problem in caught.value.problems]
    reason = "cannot be read: Too many levels of symbolic links"
    assert messages[:2] == [f'"a.dig" {reason}', f'"b.dig" {reason}']
    assert len(messages) == 3


def test_ignored_files_are_no_workflows(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".digdagignore": "# drafts\n/draft-*.dig\nold?.dig\nsub/\n!draft-2.dig\n",
            "a.dig": "{}",
            "draft-1.dig": "[",
            "draft-2.dig": "{}",
            "old1.dig": "[",
        },
    )
    assert list(load_project(tmp_path).workflows) == ["a", "draft-2"]


def test_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    write(tmp_path, {"b.dig": "foo: 1\n", "a.dig": "x: [\n", "c.dig": "+a: {sh>: x}\n"})
    with pytest.raises(SourceError) as refused:
        load_project(tmp_path)
    assert [problem.span.source.name for problem in refused.value.problems if problem.span] == [
        "a.dig",
        "b.dig",
    ]


def test_warnings_are_collected(tmp_path: Path) -> None:
    write(tmp_path, {"w.dig": "+a: {ecoh>: x}\n"})
    (warning,) = load_project(tmp_path, known_operators={"echo"}).warnings
    assert warning.message == 'unknown operator "ecoh"'


def test_content_hash_changes_with_an_included_file_and_with_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"w.dig": "!include : c.yml\n", "c.yml": "+a: {sh>: x}\n", "script.sh": "1"})
    first = load_project(tmp_path).content_hash
    write(tmp_path, {"script.sh": "2"})
    assert load_project(tmp_path).content_hash == first
    write(tmp_path, {"c.yml": "+a: {sh>: y}\n"})
    assert load_project(tmp_path).content_hash != first


def test_content_hash_depends_on_names(tmp_path: Path) -> None:
    one = load_project(write(tmp_path / "1", {"a.dig": "{}", "b.dig": "{}"}))
    two = load_project(write(tmp_path / "2", {"a.dig": "{}", "c.dig": "{}"}))
    assert one.content_hash != two.content_hash


def test_called_file_comes_without_what_only_a_workflow_has(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"c.dig": "timezone: Asia/Tokyo\n_run_timeout: 1h\n_parallel: true\n+a: {sh>: x}\n"},
    )
    assert load_called(tmp_path / "c.dig", tmp_path) == {"_parallel": True, "+a": {"sh>": "x"}}


@pytest.mark.parametrize(
    ("text", "workdir"), [("{}", "sub/deep"), ("_export: {_workdir: own}", "sub/deep/own")]
)
def test_called_file_in_a_directory_works_there(tmp_path: Path, text: str, workdir: str) -> None:
    write(tmp_path, {"sub/deep/c.dig": text})
    called = load_called(tmp_path / "sub/deep/c.dig", tmp_path)
    assert called["_export"] == {"_workdir": workdir}


def test_called_file_may_have_a_name_that_no_workflow_may_have(tmp_path: Path) -> None:
    write(tmp_path, {"sub/my report.dig": "+a: {sh>: x}"})
    assert "+a" in load_called(tmp_path / "sub/my report.dig", tmp_path)


def test_called_file_keeps_the_rules_of_workflow_files(tmp_path: Path) -> None:
    write(tmp_path, {"c.dig": "foo: 1\n", "d.dig": "x: [\n", "e.dig": "+a b: {sh>: x}\n"})
    for name, error in (("c", CompileError), ("d", YamlError), ("e", CompileError)):
        with pytest.raises(error):
            load_called(tmp_path / f"{name}.dig", tmp_path)


def test_called_file_may_be_one_operator(tmp_path: Path) -> None:
    write(tmp_path, {"c.dig": "echo>: hi\n_retry: 1\n"})
    assert load_called(tmp_path / "c.dig", tmp_path) == {"echo>": "hi", "_retry": 1}


def test_called_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="File not found"):
        load_called(tmp_path / "c.dig", tmp_path)


def test_called_file_must_be_inside_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"c.dig": "{}", "p/w.dig": "{}"})
    with pytest.raises(NotFound, match="outside of project path"):
        load_called(tmp_path / "p" / ".." / "c.dig", tmp_path / "p")
