"""The first schema: everything that `digpy run` keeps.

Written out, not derived from `digpy.store.schema`: what a step does must never change after it
was published.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _leases()
    _projects()
    _revisions()
    _sessions()
    _workflows()
    _attempts()
    _agents()
    _events()
    _launches()
    _tasks()
    _task_outputs()
    _task_runs()


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("leases_key")),
        sqlite_with_rowid=False,
    )


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("projects_key")),
        sa.UniqueConstraint("name", name=op.f("projects_unique_name")),
    )


def _revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("project", ID, nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("revisions_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("revisions_key")),
        sa.UniqueConstraint(
            "project", "content_hash", name=op.f("revisions_unique_project_content_hash")
        ),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("project", ID, nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("session_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("sessions_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("sessions_key")),
        sa.UniqueConstraint(
            "project",
            "workflow",
            "session_time",
            name=op.f("sessions_unique_project_workflow_session_time"),
        ),
        sa.UniqueConstraint("uuid", name=op.f("sessions_unique_uuid")),
    )


def _workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", ID, nullable=False),
        sa.Column("revision", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["revision"], ["revisions.id"], name=op.f("workflows_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("workflows_key")),
        sa.UniqueConstraint("revision", "name", name=op.f("workflows_unique_revision_name")),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", ID, nullable=False),
        sa.Column("session", ID, nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("retry_attempt_name", sa.Text(), nullable=True),
        sa.Column("superseded_by", ID, nullable=True),
        sa.Column("workflow_id", ID, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("command", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("canceling_since", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(phase = 'canceled' OR phase = 'failure' OR phase = 'success') = (ended_at IS NOT NULL)",  # noqa: E501
            name=op.f("attempts_ended_when_terminal"),
        ),
        sa.CheckConstraint(
            "phase <> 'canceling' OR (canceling_since IS NOT NULL AND cause IS NOT NULL)",
            name=op.f("attempts_canceling_since_when"),
        ),
        sa.CheckConstraint(
            "phase <> 'running' OR started_at IS NOT NULL", name=op.f("attempts_running_since_when")
        ),
        sa.CheckConstraint(
            "phase = 'canceled' OR phase = 'canceling' OR phase = 'created' OR phase = 'failure' OR phase = 'queued' OR phase = 'running' OR phase = 'starting' OR phase = 'success'",  # noqa: E501
            name=op.f("attempts_known_phase"),
        ),
        sa.ForeignKeyConstraint(["command"], ["attempts.id"], name=op.f("attempts_command")),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("attempts_session")),
        sa.ForeignKeyConstraint(
            ["superseded_by"], ["attempts.id"], name=op.f("attempts_superseded_by")
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("attempts_workflow_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("attempts_key")),
        sa.UniqueConstraint("session", "idx", name=op.f("attempts_unique_session_idx")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("attempts_by_command"), "attempts", ["command"], unique=False)
    op.create_index(
        "attempts_unfinished",
        "attempts",
        ["phase"],
        unique=False,
        sqlite_where=sa.text("phase NOT IN ('canceled', 'failure', 'success')"),
        postgresql_where=sa.text("phase NOT IN ('canceled', 'failure', 'success')"),
    )
    op.create_index(
        "attempts_unique_name",
        "attempts",
        ["session", sa.text("coalesce(retry_attempt_name, '')")],
        unique=True,
        sqlite_where=sa.text("superseded_by IS NULL"),
        postgresql_where=sa.text("superseded_by IS NULL"),
    )


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("pidns", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("start_ticks", sa.BigInteger(), nullable=False),
        sa.Column("launch_attempt", ID, nullable=True),
        sa.Column("launch_epoch", sa.Integer(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(launch_attempt IS NULL) = (launch_epoch IS NULL)",
            name=op.f("agents_launch_attempt_with_launch_epoch"),
        ),
        sa.ForeignKeyConstraint(
            ["launch_attempt"], ["attempts.id"], name=op.f("agents_launch_attempt")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agents_key")),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("attempt", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("dedupe", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"], name=op.f("events_attempt")),
        sa.PrimaryKeyConstraint("attempt", "seq", name=op.f("events_key")),
        sa.UniqueConstraint("attempt", "dedupe", name=op.f("events_unique_attempt_dedupe")),
        sqlite_with_rowid=False,
    )


def _launches() -> None:
    op.create_table(
        "launches",
        sa.Column("attempt", ID, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("launcher", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("intended_at", sa.BigInteger(), nullable=False),
        sa.Column("hello_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"], name=op.f("launches_attempt")),
        sa.PrimaryKeyConstraint("attempt", "epoch", name=op.f("launches_key")),
        sa.UniqueConstraint("name", name=op.f("launches_unique_name")),
        sqlite_with_rowid=False,
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("attempt", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("born", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Integer(), nullable=True),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("cancel", sa.Integer(), nullable=False),
        sa.Column("how", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("reported_fence", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("awaits", ID, nullable=True),
        sa.Column("state_params", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'canceled' OR state = 'error' OR state = 'group_error' OR state = 'success') = (ended_at IS NOT NULL)",  # noqa: E501
            name=op.f("tasks_ended_when_done"),
        ),
        sa.CheckConstraint(
            "how = 'ran' OR how = 'resumed' OR how = 'skipped'", name=op.f("tasks_known_how")
        ),
        sa.CheckConstraint(
            "state <> 'running' OR fence > reported_fence", name=op.f("tasks_running_is_claimed")
        ),
        sa.CheckConstraint(
            "state = 'blocked' OR state = 'canceled' OR state = 'error' OR state = 'group_error' OR state = 'group_retry_waiting' OR state = 'planned' OR state = 'ready' OR state = 'retry_waiting' OR state = 'running' OR state = 'success'",  # noqa: E501
            name=op.f("tasks_known_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('retry_waiting', 'group_retry_waiting') OR retry_at IS NOT NULL",
            name=op.f("tasks_waiting_until_when"),
        ),
        sa.CheckConstraint(
            "verdict = 'error' OR verdict = 'group_error'", name=op.f("tasks_known_verdict")
        ),
        sa.CheckConstraint("(parent IS NULL) = (number = 1)", name=op.f("tasks_root_is_first")),
        sa.CheckConstraint("cancel IN (0, 1)", name=op.f("tasks_cancel_is_a_flag")),
        sa.CheckConstraint("parent < number", name=op.f("tasks_parent_before_child")),
        sa.CheckConstraint("reported_fence <= fence", name=op.f("tasks_reported_after_claimed")),
        sa.ForeignKeyConstraint(
            ["attempt", "parent"],
            ["tasks.attempt", "tasks.number"],
            name=op.f("tasks_attempt_parent"),
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"], name=op.f("tasks_attempt")),
        sa.ForeignKeyConstraint(["awaits"], ["attempts.id"], name=op.f("tasks_awaits")),
        sa.PrimaryKeyConstraint("attempt", "number", name=op.f("tasks_key")),
        sa.UniqueConstraint(
            "attempt",
            "parent",
            "born",
            "full_name",
            name=op.f("tasks_unique_attempt_parent_born_full_name"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "tasks_waiting",
        "tasks",
        ["awaits"],
        unique=False,
        sqlite_where=sa.text("awaits IS NOT NULL"),
        postgresql_where=sa.text("awaits IS NOT NULL"),
    )


def _task_outputs() -> None:
    op.create_table(
        "task_outputs",
        sa.Column("attempt", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("export", sa.Text(), nullable=True),
        sa.Column("store", sa.Text(), nullable=True),
        sa.Column("reset", sa.Text(), nullable=True),
        sa.Column("subtasks", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt", "number"],
            ["tasks.attempt", "tasks.number"],
            name=op.f("task_outputs_attempt_number"),
        ),
        sa.PrimaryKeyConstraint("attempt", "number", "round", name=op.f("task_outputs_key")),
    )


def _task_runs() -> None:
    op.create_table(
        "task_runs",
        sa.Column("attempt", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.Column("proof_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "outcome = 'failed' OR outcome = 'lost' OR outcome = 'postponed' OR outcome = 'succeeded'",  # noqa: E501
            name=op.f("task_runs_known_outcome"),
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (ended_at IS NULL)", name=op.f("task_runs_outcome_with_ended_at")
        ),
        sa.CheckConstraint(
            "(proof IS NULL) = (proof_at IS NULL)", name=op.f("task_runs_proof_with_proof_at")
        ),
        sa.CheckConstraint("fence > 0", name=op.f("task_runs_fence_counts_from_one")),
        sa.ForeignKeyConstraint(
            ["attempt", "number"],
            ["tasks.attempt", "tasks.number"],
            name=op.f("task_runs_attempt_number"),
        ),
        sa.PrimaryKeyConstraint("attempt", "number", "fence", name=op.f("task_runs_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "task_runs_unproved",
        "task_runs",
        ["attempt", "number"],
        unique=True,
        sqlite_where=sa.text("proof IS NULL"),
        postgresql_where=sa.text("proof IS NULL"),
    )
