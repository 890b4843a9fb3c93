from __future__ import annotations

from pathlib import Path

import pytest

from digpy.errors import TaskFailed
from digpy.operators.call import Call
from digpy.spi import TaskResult
from digpy.values import Json, Params, Template
from tests.support.requests import a_request


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "d").mkdir(parents=True)
    (root / "child.dig").write_text("timezone: Asia/Tokyo\n_retry: 1\n+x: {echo>: '${v}'}\n")
    (root / "d/y.dig").write_text("+y: {echo>: y}\n")
    (tmp_path / "up.dig").write_text("+u: {echo>: u}\n")
    return root


def call(file: Json, project: Path, workspace: str = "") -> Params:
    request = a_request("call", file, project=project, workspace=project / workspace)
    result = Call().run(request)
    assert isinstance(result, TaskResult)
    assert result.subtasks is not None
    return result.subtasks.config


def failure(file: Json, project: Path, workspace: str = "") -> str:
    with pytest.raises(TaskFailed) as failed:
        call(file, project, workspace)
    return str(failed.value.error["message"])


@pytest.mark.parametrize("file", ["child", "child.dig", "./d/../child"])
def test_a_file_becomes_subtasks(project: Path, file: str) -> None:
    config = call(file, project)

    assert config["+x"] == {"echo>": "${v}"}
    assert config["_retry"] == 1
    assert "timezone" not in config


def test_templates_of_the_file_are_templates(project: Path) -> None:
    assert type(call("child", project)["+x"]["echo>"]) is Template  # type: ignore[index,call-overload]


def test_the_path_starts_at_the_workspace(project: Path) -> None:
    assert call("y", project, "d")["_export"] == {"_workdir": "d"}


def test_the_path_may_lead_upwards_within_the_project(project: Path) -> None:
    assert "+x" in call("../child", project, "d")


@pytest.mark.parametrize("file", ["../up", "../nobody", "/etc/x"])
def test_a_file_outside_of_the_project_is_refused(project: Path, file: str) -> None:
    assert failure(file, project) == (
        f"File name must not be outside of project path ({project}): {file}.dig (illegal argument)"
    )


def test_a_sibling_with_a_longer_name_is_outside(project: Path) -> None:
    other = project.with_name("project-two")
    other.mkdir()
    (other / "a.dig").touch()

    assert "must not be outside" in failure("../project-two/a", project)


def test_a_link_that_leads_outside_is_refused(project: Path) -> None:
    (project / "link.dig").symlink_to("../up.dig")

    assert "must not be outside" in failure("link", project)


def test_a_project_reached_through_a_link_is_itself(project: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)

    assert "+x" in call("child", link)


def test_a_resolved_workspace_belongs_to_a_project_reached_through_a_link(project: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)
    request = a_request("call", "y", project=link, workspace=(link / "d").resolve())

    result = Call().run(request)
    assert isinstance(result, TaskResult)
    assert result.subtasks is not None
    assert result.subtasks.config["_export"] == {"_workdir": "d"}


def test_a_missing_file_is_named_with_its_path(project: Path) -> None:
    assert failure("nobody", project) == f"File not found: {project}/nobody.dig (config)"


@pytest.mark.parametrize("text", ["+x: {echo>: x}\nbogus: 1\n", "+x: {echo>: x}\n+y: [\n"])
def test_something_wrong_in_the_file_is_reported_with_its_place(project: Path, text: str) -> None:
    (project / "d/bad.dig").write_text(text)

    message = failure("d/bad", project)
    assert message.startswith("d/bad.dig:2:")
    assert message.endswith("(config)")


def test_a_file_is_required(project: Path) -> None:
    assert failure(None, project) == "Parameter '_command' is required but not set (config)"


def warnings(file: str, project: Path, workspace: str, **local: Json) -> tuple[str, ...]:
    place = project / workspace
    result = Call().run(a_request("call", file, project=project, workspace=place, local=local))
    assert isinstance(result, TaskResult)
    return result.warnings


@pytest.mark.parametrize("workspace", ["d", "nowhere"])
def test_a_file_at_the_top_that_inherits_a_directory_is_warned_about(
    project: Path, workspace: str
) -> None:
    [warning] = warnings("../child", project, workspace)

    assert warning.startswith(
        f'child.dig lies at the top of the project and works in "{workspace}"'
    )


@pytest.mark.parametrize(
    ("file", "workspace", "local"),
    [("child", "", {}), ("y", "d", {}), ("../own", "d", {}), ("../child", "d", {"_workdir": "d"})],
    ids=["called-from-the-top", "in-a-directory", "with-an-own-one", "not-inherited"],
)
def test_a_file_that_works_where_it_lies_or_says_where_is_not_warned_about(
    project: Path, file: str, workspace: str, local: Params
) -> None:
    (project / "own.dig").write_text("_export: {_workdir: d}\n+x: {echo>: x}\n")

    assert warnings(file, project, workspace, **local) == ()


@pytest.mark.parametrize("file", ["a\0b", "x" * 300])
def test_what_cannot_be_the_name_of_a_file_is_not_found(project: Path, file: str) -> None:
    assert failure(file, project).startswith("File not found: ")
