"""All workflows of a directory, and files that are called."""

import os
from pathlib import Path

import pytest

from digpy.dsl.project import load_called, load_project, project_steps
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


INCLUDING = {
    "a.dig": "!include : parts/1.yml\n",
    "b.dig": "!include : parts/2.yml\n",
    "c.dig": "+a: {sh>: x}\n",
    "parts/1.yml": "!include : 2.yml\n",
    "parts/2.yml": "+a: {sh>: x}\n",
}


def test_after_an_edit_only_that_workflow_is_compiled(tmp_path: Path) -> None:
    before = load_project(write(tmp_path, INCLUDING))
    write(tmp_path, {"c.dig": "+a: {sh>: y}\n", "d.dig": "{}"})
    after = load_project(tmp_path, since=before.sources)
    assert (list(after.workflows), after.unchanged) == (["c", "d"], ["a", "b"])


@pytest.mark.parametrize(("file", "compiled"), [("1", ["a"]), ("2", ["a", "b"])])
def test_an_edit_of_a_part_concerns_those_that_include_it(
    tmp_path: Path, file: str, compiled: list[str]
) -> None:
    before = load_project(write(tmp_path, INCLUDING))
    write(tmp_path, {f"parts/{file}.yml": "+b: {sh>: x}\n"})
    assert list(load_project(tmp_path, since=before.sources).workflows) == compiled


def test_a_file_that_keeps_size_and_times_is_still_found_to_be_edited(tmp_path: Path) -> None:
    before = load_project(write(tmp_path, INCLUDING))
    edited, times = tmp_path / "c.dig", (tmp_path / "c.dig").stat()
    edited.write_text("+a: {sh>: y}\n")
    os.utime(edited, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert list(load_project(tmp_path, since=before.sources).workflows) == ["c"]


def test_what_is_not_included_any_more_belongs_to_the_project_no_longer(tmp_path: Path) -> None:
    before = load_project(write(tmp_path, INCLUDING))
    write(tmp_path, {"a.dig": "{}", "b.dig": "{}"})
    assert load_project(tmp_path, since=before.sources).sources == load_project(tmp_path).sources


def test_a_part_that_becomes_a_workflow_is_compiled(tmp_path: Path) -> None:
    ignored = {"a.dig": "!include : b.dig\n", "b.dig": "+a: {sh>: x}\n", ".digdagignore": "b.dig"}
    before = load_project(write(tmp_path, ignored))
    write(tmp_path, {".digdagignore": ""})
    assert list(load_project(tmp_path, since=before.sources).workflows) == ["b"]


def test_a_part_that_becomes_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "p", INCLUDING)
    before = load_project(root)
    write(tmp_path, {"2.yml": INCLUDING["parts/2.yml"]})
    (root / "parts/2.yml").unlink()
    (root / "parts/2.yml").symlink_to("../../2.yml")
    with pytest.raises(SourceError, match="cannot be included") as refused:
        load_project(root, since=before.sources)
    assert len(refused.value.problems) == 2


def test_warnings_of_workflows_that_are_not_compiled_again_are_kept(tmp_path: Path) -> None:
    before = load_project(write(tmp_path, {"a.dig": "+a: {fail>: x, _retry: 1}\n", "b.dig": "{}"}))
    write(tmp_path, {"b.dig": "+b: {fail>: x, _retry: 1}\n"})
    after = load_project(tmp_path, since=before.sources)
    assert [str(warning.span) for warning in after.warnings] == ["a.dig:1:16", "b.dig:1:16"]


def test_a_file_is_read_once_even_if_it_is_edited_meanwhile(tmp_path: Path) -> None:
    steps = project_steps(write(tmp_path, INCLUDING))
    next(steps)
    next(steps)  # a.dig has been read, and with it what b.dig includes
    write(tmp_path, {"parts/2.yml": "x: [\n"})
    assert len(list(steps)) == 1  # and that without a problem


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
