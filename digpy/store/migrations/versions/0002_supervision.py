"""What supervision of many attempts needs: queues, losses, jumps of the clock.

Columns are only added, at the end of their tables; ``tasks`` alone is made anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables."""
    _tasks()
    for column in (
        sa.Column("queued_since", sa.BigInteger(), nullable=True),
        sa.Column("waiting_reason", sa.Text(), nullable=True),
        sa.Column("starting_since", sa.BigInteger(), nullable=True),
        sa.Column("unclean", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("losses", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("losses_total", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("progress", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("clock_shifts", sa.Text(), nullable=True),
        sa.Column("at_once", sa.Integer(), nullable=True),
        sa.Column("sla_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("attempts", column)
    op.execute(
        "UPDATE attempts SET starting_since = coalesce("
        "(SELECT max(intended_at) FROM launches WHERE launches.attempt = attempts.id), created_at)"
    )
    op.add_column("events", sa.Column("supervisor_epoch", sa.BigInteger(), nullable=True))
    op.create_table(
        "installation_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("dedupe", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("installation_events_key")),
        sa.UniqueConstraint("dedupe", name=op.f("installation_events_unique_dedupe")),
    )
    op.create_table(
        "clock_anchors",
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("since_boot", sa.BigInteger(), nullable=False),
        sa.Column("wall", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("boot", name=op.f("clock_anchors_key")),
        sqlite_with_rowid=False,
    )
    _schedules()


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", ID, nullable=False),
        sa.Column("project", ID, nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("workflow_id", ID, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("next_session_time", sa.BigInteger(), nullable=False),
        sa.Column("next_run_time", sa.BigInteger(), nullable=False),
        sa.Column("last_session_time", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("schedules_project")),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("schedules_workflow_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("schedules_key")),
        sa.UniqueConstraint("project", "workflow", name=op.f("schedules_unique_project_workflow")),
        sqlite_autoincrement=True,
    )
    _notifications()


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", ID, nullable=False),
        sa.Column("attempt", ID, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("dedupe", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "next_at IS NULL OR delivered_at IS NULL",
            name=op.f("notifications_delivered_is_not_tried_again"),
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"], name=op.f("notifications_attempt")),
        sa.PrimaryKeyConstraint("id", name=op.f("notifications_key")),
        sa.UniqueConstraint("dedupe", name=op.f("notifications_unique_dedupe")),
    )
    op.create_index(
        "notifications_waiting",
        "notifications",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )


def _tasks() -> None:
    """Two columns, and more verdicts; SQLite changes a constraint by making the table anew."""
    op.execute("CREATE TABLE tasks_before AS SELECT * FROM tasks")
    op.drop_table("tasks")
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
        sa.Column("timeout", sa.BigInteger(), nullable=True),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
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
            "verdict = 'canceled' OR verdict = 'error' OR verdict = 'group_error' OR verdict = 'success'",  # noqa: E501
            name=op.f("tasks_known_verdict"),
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
    op.execute("INSERT INTO tasks SELECT *, NULL, NULL FROM tasks_before")
    op.drop_table("tasks_before")
