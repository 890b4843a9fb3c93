"""Projects, revisions and workflows are made once and found again."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError, NotFound
from digpy.store import projects
from digpy.store.database import Database
from digpy.values import Template
from tests.support.engine import LEAF, compile_dict


def test_a_project_is_its_name(database: Database) -> None:
    with database.transaction() as tx:
        first = projects.ensure_project(tx, "default")
        assert projects.ensure_project(tx, "default") == first
        assert projects.ensure_project(tx, "other") != first


def test_the_same_content_is_the_same_revision(database: Database) -> None:
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        first = projects.ensure_revision(tx, project, "hash", 5)
        assert projects.ensure_revision(tx, project, "hash", 9) == first
        assert projects.load_revision(tx, first) == (first, project, "hash", 5)


def test_the_newest_revision_is_the_one_made_last(database: Database) -> None:
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        assert projects.newest_revision(tx, project) is None
        projects.ensure_revision(tx, project, "one", 5)
        second = projects.ensure_revision(tx, project, "two", 5)
        newest = projects.newest_revision(tx, project)
        assert newest is not None
        assert newest.id == second


def test_a_workflow_comes_back_with_its_templates(database: Database) -> None:
    workflow = compile_dict({"+a": {"echo>": Template("${x}")}, "+b": {"echo>": "${x}"}})
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        revision = projects.ensure_revision(tx, project, "hash", 5)
        ids = projects.ensure_workflows(tx, revision, [workflow])
    with database.reading() as tx:
        loaded = projects.load_workflow(tx, ids["w"])
        assert projects.revision_of(tx, ids["w"]) == revision
    assert loaded.to_text() == workflow.to_text()
    assert type(loaded.definitions[1].config["echo>"]) is Template
    assert type(loaded.definitions[2].config["echo>"]) is str


def test_workflows_are_added_to_a_revision_and_never_replaced(database: Database) -> None:
    one, two = compile_dict({"+a": LEAF}, "one"), compile_dict({"+b": LEAF}, "two")
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        revision = projects.ensure_revision(tx, project, "hash", 5)
        first = projects.ensure_workflows(tx, revision, [one])
        both = projects.ensure_workflows(tx, revision, [compile_dict({"+z": LEAF}, "one"), two])
        assert both["one"] == first["one"]
        assert projects.load_workflow(tx, both["one"]).to_text() == one.to_text()
        assert projects.find_workflow(tx, revision, "two") == both["two"]
        assert projects.find_workflow(tx, revision, "three") is None
        assert [row.name for row in projects.workflows_of(tx, revision)] == ["one", "two"]


def test_a_body_of_another_format_is_refused_and_written_anew(database: Database) -> None:
    workflow = compile_dict({"+a": LEAF})
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        revision = projects.ensure_revision(tx, project, "hash", 5)
        tx.many("workflows.put", [(revision, "w", "UTC", 0, "of another time")])
        found = projects.find_workflow(tx, revision, "w")
        assert found is not None
        with pytest.raises(InternalError, match="has format 0, not 1"):
            projects.load_workflow(tx, found)
        assert projects.ensure_workflows(tx, revision, [workflow]) == {"w": found}
        assert projects.load_workflow(tx, found).to_text() == workflow.to_text()


def test_what_does_not_exist_is_not_found(database: Database) -> None:
    with database.reading() as tx:
        for load in (projects.load_revision, projects.load_workflow, projects.revision_of):
            with pytest.raises(NotFound, match="99 does not exist"):
                load(tx, 99)


def test_a_project_has_its_name(database: Database) -> None:
    with database.transaction() as tx:
        assert projects.project_name(tx, projects.ensure_project(tx, "mine")) == "mine"


def test_the_name_of_a_project_that_does_not_exist_is_not_known(database: Database) -> None:
    with database.reading() as tx, pytest.raises(NotFound, match="project 9 does not exist"):
        projects.project_name(tx, 9)
