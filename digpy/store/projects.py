"""Projects, their revisions, and the compiled workflows that a revision holds.

A revision never changes. A workflow's `body` is what a resumed worker runs; it never reads the file
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from digpy.dsl.model import Workflow
from digpy.errors import InternalError, NotFound
from digpy.store.database import Transaction

FORMAT = 1
"""Version of `Workflow.to_text`; a body of another version is not read."""


class RevisionRow(NamedTuple):
    """A revision; `content_hash` is over the workflow files and what they include."""

    id: int
    project: int
    content_hash: str
    created_at: int


class WorkflowRow(NamedTuple):
    """A stored workflow without its body."""

    id: int
    revision: int
    name: str
    timezone: str


def ensure_project(tx: Transaction, name: str) -> int:
    """The id of the project; made if it does not exist."""
    found = tx.one("projects.find", {"name": name}) or tx.one("projects.insert", {"name": name})
    assert found is not None  # noqa: S101 - RETURNING gives the row that was inserted
    return int(found[0])


def find_project(tx: Transaction, name: str) -> int | None:
    """The id of the project, None if it does not exist."""
    found = tx.one("projects.find", {"name": name})
    return None if found is None else int(found[0])


def project_name(tx: Transaction, project: int) -> str:
    """Raises `NotFound`."""
    found = tx.one("projects.name", {"id": project})
    if found is None:
        raise NotFound(f"project {project} does not exist")
    return str(found[0])


def ensure_revision(tx: Transaction, project: int, content_hash: str, at: int) -> int:
    """The id of the project's revision with this content; made at `at` if it does not exist."""
    key = {"project": project, "content_hash": content_hash}
    found = tx.one("revisions.find", key) or tx.one("revisions.insert", {**key, "created_at": at})
    assert found is not None  # noqa: S101 - RETURNING gives the row that was inserted
    return int(found[0])


def load_revision(tx: Transaction, revision: int) -> RevisionRow:
    """Raises `NotFound`."""
    found = tx.one("revisions.load", {"id": revision})
    if found is None:
        raise NotFound(f"revision {revision} does not exist")
    return RevisionRow(*found)


def newest_revision(tx: Transaction, project: int) -> RevisionRow | None:
    """The revision of `project` that was made last."""
    found = tx.one("revisions.newest", {"project": project})
    return None if found is None else RevisionRow(*found)


def ensure_workflows(
    tx: Transaction, revision: int, workflows: Iterable[Workflow]
) -> dict[str, int]:
    """Keep `workflows` in `revision`; ids of all its workflows by name.

    What is there already stays, unless its body has another format: then it is written anew.
    """
    found = tx.run("workflows.formats", {"revision": revision})
    known = {name for name, format_ in found if format_ == FORMAT}
    tx.many(
        "workflows.put",
        # One by one: the texts of thousands would be in memory at once.
        (
            (revision, w.name, w.timezone, FORMAT, w.to_text())
            for w in workflows
            if w.name not in known
        ),
    )
    return {row.name: row.id for row in workflows_of(tx, revision)}


def carry_over(tx: Transaction, since: int, revision: int, names: Iterable[str]) -> None:
    """Keep the workflows called `names` in `revision` as the revision `since` has them.

    Raises `InternalError` if it lacks one.
    """
    rows = [(revision, since, name) for name in names]
    if tx.many("workflows.copy", rows) != len(rows):
        raise InternalError(f"revision {since} lacks workflows that revision {revision} shares")


def workflows_of(tx: Transaction, revision: int) -> list[WorkflowRow]:
    """All workflows of `revision`, by name."""
    return [WorkflowRow(*row) for row in tx.run("workflows.list", {"revision": revision})]


def find_workflow(tx: Transaction, revision: int, name: str) -> int | None:
    """The id of the workflow called `name` in `revision`."""
    found = tx.one("workflows.find", {"revision": revision, "name": name})
    return None if found is None else int(found[0])


def revision_of(tx: Transaction, workflow_id: int) -> int:
    """The id of the revision that a workflow belongs to. Raises `NotFound`."""
    found = tx.one("workflows.revision_of", {"id": workflow_id})
    if found is None:
        raise NotFound(f"workflow {workflow_id} does not exist")
    return int(found[0])


def load_workflow(tx: Transaction, workflow_id: int) -> Workflow:
    """The compiled workflow. Raises `NotFound`."""
    found = tx.one("workflows.load", {"id": workflow_id})
    if found is None:
        raise NotFound(f"workflow {workflow_id} does not exist")
    format_, body = found
    if format_ != FORMAT:
        raise InternalError(f"workflow {workflow_id} has format {format_}, not {FORMAT}")
    return Workflow.from_text(body)
