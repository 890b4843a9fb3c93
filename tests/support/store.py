"""Rows to begin with: a project with a workflow, an attempt of it, and a play that is saved."""

from __future__ import annotations

import uuid
from typing import Any

from digpy.dsl.compiler import compile_generated
from digpy.engine.changes import Changes
from digpy.engine.tree import TaskTree, load_tree
from digpy.store import attempts, projects, tasks
from digpy.store.attempts import NewAttempt
from digpy.store.database import Database, Transaction
from digpy.store.phases import Phase
from tests.support.engine import LEAF, Play, compile_dict

CREATED = 1_000


def keep_workflow(tx: Transaction, name: str = "w", content: str = "hash") -> int:
    """A stored workflow of one leaf; its id."""
    project = projects.ensure_project(tx, "default")
    revision = projects.ensure_revision(tx, project, content, CREATED)
    return projects.ensure_workflows(tx, revision, [compile_dict({"+leaf": LEAF}, name)])[name]


def new_session(tx: Transaction, session_time: int = 0, workflow: str = "w") -> int:
    """A session of the project; its id."""
    project = projects.ensure_project(tx, "default")
    return attempts.ensure_session(tx, project, workflow, session_time, str(uuid.uuid4()))


def described(tx: Transaction, **given: Any) -> NewAttempt:
    """An attempt to insert: unnamed, of the first session, unless `given` says otherwise."""
    new = NewAttempt(
        session=given.pop("session", None) or new_session(tx),
        workflow_id=keep_workflow(tx),
        retry_attempt_name=None,
        params={},
        timezone="UTC",
        options={},
        limits={},
        phase=Phase.STARTING,
        command=None,
        created_at=CREATED,
    )
    return new._replace(**given)


def new_attempt(tx: Transaction, *, supersedes: int | None = None, **given: Any) -> int:
    """An attempt, see `described`; its id."""
    return attempts.insert(tx, described(tx, **given), supersedes=supersedes)


def running_attempt(tx: Transaction, **given: Any) -> int:
    """An attempt whose worker has said hello."""
    attempt = new_attempt(tx, **given)
    assert attempts.next_epoch(tx, attempt, 0, 5)
    assert attempts.say_hello(tx, attempt, 1, CREATED + 1)
    return attempt


class SavedPlay(Play):
    """A play that keeps every change, each in its own transaction, as it happens."""

    def __init__(self, database: Database, *args: Any, **kwargs: Any) -> None:
        self.database = database
        with database.transaction() as tx:
            # Any number of plays may share a database: each has a session of its own.
            session = new_session(tx, workflow=str(uuid.uuid4()))
            self.attempt = running_attempt(tx, session=session)
        super().__init__(*args, **kwargs)

    def _saved(self, changes: Changes) -> None:
        with self.database.transaction() as tx:
            tasks.save(tx, self.attempt, changes)
        super()._saved(changes)

    def loaded(self) -> TaskTree:
        """The tree as the database has it."""
        tree = TaskTree(self.tree.definitions, self.tree.limit, self.tree.selection)
        with self.database.reading() as tx:
            rows, outputs = tasks.load(tx, self.attempt), tasks.load_outputs(tx, self.attempt)
        return load_tree(tree, rows, outputs, compile_generated)
