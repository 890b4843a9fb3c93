"""The tables, and what the database itself refuses.

Read only by `python -m digpy.store.compile`, by migrations and by tests: a run uses the compiled
text. Column types are plain, so that one statement serves both dialects: BigInteger for ids and
instants (UTC microseconds), Integer for flags and counts, Text for names, states and JSON. Tables
of small rows have no row id on SQLite: they are stored in the order of their key. A JSON column
that may hold templates is written with `digpy.values.encode`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from digpy.engine.states import DONE, TaskState
from digpy.engine.tree import RAN, RESUMED, SKIPPED
from digpy.store.phases import TERMINAL, Phase

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_key",
        "uq": "%(table_name)s_unique_%(column_0_N_name)s",
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s",
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
    }
)

# SQLite counts ids up by itself only in a column called INTEGER (which holds 64 bits there).
_Id = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Text, nullable=optional)


def _instant(name: str, *, optional: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=optional)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _counter(name: str) -> Column[int]:
    """A count that begins with 0; it may have been added to rows there were."""
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _reference(name: str, target: str, *, optional: bool = False) -> Column[int]:
    return Column(name, _Id, ForeignKey(target), nullable=optional)


def _among(column: str, words: Iterable[str]) -> str:
    # Not IN: SQLite would build a table of the words for every row it writes, which made saving
    # tasks take twice as long.
    return " OR ".join(f"{column} = '{word}'" for word in sorted(words))


def _known(column: str, words: Iterable[str]) -> CheckConstraint:
    """Only words that the code knows."""
    return CheckConstraint(_among(column, words), name=f"known_{column}")


def _together(one: str, other: str) -> CheckConstraint:
    """Two columns are set together or not at all."""
    return CheckConstraint(f"({one} IS NULL) = ({other} IS NULL)", name=f"{one}_with_{other}")


projects = Table(
    "projects",
    metadata,
    _id(),
    _text("name"),
    UniqueConstraint("name"),  # a project is its name
)

revisions = Table(
    "revisions",
    metadata,
    _id(),
    _reference("project", "projects.id"),
    _text("content_hash"),
    _instant("created_at", optional=False),
    UniqueConstraint("project", "content_hash"),  # the same content is the same revision
)

workflows = Table(
    "workflows",
    metadata,
    _id(),
    _reference("revision", "revisions.id"),
    _text("name"),
    _text("timezone"),
    _count("format"),  # of the body; another format is not read
    _text("body"),  # the compiled tree as JSON, with templates
    UniqueConstraint("revision", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _text("uuid"),
    _reference("project", "projects.id"),
    _text("workflow"),  # by name: a session outlives revisions
    _instant("session_time", optional=False),
    UniqueConstraint("uuid"),
    UniqueConstraint("project", "workflow", "session_time"),  # a session happens once
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _reference("session", "sessions.id"),
    _count("idx"),  # counts the attempts of a session from 1
    _text("retry_attempt_name", optional=True),
    _reference("superseded_by", "attempts.id", optional=True),
    _reference("workflow_id", "workflows.id"),
    _text("timezone"),
    _text("params"),  # JSON with templates
    _text("options"),  # JSON: how it was asked for
    _text("limits"),  # JSON: numbers and where each came from
    _text("phase"),
    _text("cause", optional=True),
    _text("reason", optional=True),
    Column("version", BigInteger, nullable=False),
    _count("epoch"),
    _reference("command", "attempts.id", optional=True),
    _instant("created_at", optional=False),
    _instant("started_at"),
    _instant("canceling_since"),
    _instant("ended_at"),
    _instant("queued_since"),
    _text("waiting_reason", optional=True),  # of a queued attempt, for people
    _instant("starting_since"),  # the newest launch was intended
    _counter("unclean"),  # ended without a proof that nothing of it is alive
    _counter("losses"),  # workers lost in a row
    _counter("losses_total"),
    _counter("progress"),  # tasks that were done when a worker was lost last
    _text("clock_shifts", optional=True),  # JSON: how far the clock was set after an instant
    # Of a backfill: how many attempts of its name and workflow may be active at once.
    Column("at_once", Integer, nullable=True),
    _instant("sla_at"),  # when it has missed its sla; null: it has none, or has missed it
    UniqueConstraint("session", "idx"),
    _known("phase", Phase),
    # `ended_at` is set exactly when the attempt has ended.
    CheckConstraint(
        f"({_among('phase', TERMINAL)}) = (ended_at IS NOT NULL)", name="ended_when_terminal"
    ),
    # Canceling needs a cause, and the instant from which the cancel timeout counts.
    CheckConstraint(
        "phase <> 'canceling' OR (canceling_since IS NOT NULL AND cause IS NOT NULL)",
        name="canceling_since_when",
    ),
    CheckConstraint("phase <> 'running' OR started_at IS NOT NULL", name="running_since_when"),
    # Directories and locks are named after attempts: an id must never be used again.
    sqlite_autoincrement=True,
)

# In a session a name belongs to one attempt, until it is superseded; having none counts as a name.
Index(
    "attempts_unique_name",
    attempts.c.session,
    text("coalesce(retry_attempt_name, '')"),
    unique=True,
    sqlite_where=attempts.c.superseded_by.is_(None),
    postgresql_where=attempts.c.superseded_by.is_(None),
)
Index(None, attempts.c.command)  # a command looks at its own attempts all the time
# Partial: for counting the unfinished attempts, which are few among many.
_UNFINISHED = text(f"phase NOT IN ({', '.join(repr(str(p)) for p in sorted(TERMINAL))})")
Index(
    "attempts_unfinished",
    attempts.c.phase,
    sqlite_where=_UNFINISHED,
    postgresql_where=_UNFINISHED,
)

# When the sessions of a workflow are due, as of the definition that was loaded last.
schedules = Table(
    "schedules",
    metadata,
    _id(),
    _reference("project", "projects.id"),
    _text("workflow"),  # by name: a schedule outlives revisions
    _reference("workflow_id", "workflows.id"),
    _text("timezone"),
    _text("definition"),  # JSON: the mapping as written
    _text("params"),  # JSON with templates, for all its attempts
    _instant("next_session_time", optional=False),
    _instant("next_run_time", optional=False),
    _instant("last_session_time"),  # started, not skipped
    _instant("disabled_at"),
    _text("error", optional=True),  # why the next session was not started yet
    _instant("created_at", optional=False),
    _instant("updated_at", optional=False),
    UniqueConstraint("project", "workflow"),  # a workflow has one schedule
    # Schedules are listed page by page: an id must not move to another workflow in between.
    sqlite_autoincrement=True,
)

tasks = Table(
    "tasks",
    metadata,
    _reference("attempt", "attempts.id"),
    _count("number"),
    Column("parent", Integer, nullable=True),
    _count("born"),
    _count("round"),
    _text("full_name"),
    Column("origin", Integer, nullable=True),
    _count("source"),
    _text("state"),
    _text("verdict", optional=True),
    _count("cancel"),
    _text("how", optional=True),
    _count("fence"),
    _count("reported_fence"),
    _count("losses"),
    _count("retries"),
    _instant("retry_at"),
    _reference("awaits", "attempts.id", optional=True),
    _text("state_params", optional=True),  # JSON; null: empty
    _instant("started_at"),
    _instant("ended_at"),
    Column("timeout", BigInteger, nullable=True),  # microseconds
    _instant("deadline_at"),
    PrimaryKeyConstraint("attempt", "number"),  # a task is one row
    # No duplicated subtasks: a name occurs once among the children of one round.
    UniqueConstraint("attempt", "parent", "born", "full_name"),
    # Only the root, number 1, has no parent: the constraint above does not compare nulls.
    CheckConstraint("(parent IS NULL) = (number = 1)", name="root_is_first"),
    CheckConstraint("parent < number", name="parent_before_child"),
    ForeignKeyConstraint(["attempt", "parent"], ["tasks.attempt", "tasks.number"]),
    _known("state", TaskState),
    _known("verdict", DONE),
    _known("how", (RAN, RESUMED, SKIPPED)),
    CheckConstraint("cancel IN (0, 1)", name="cancel_is_a_flag"),
    CheckConstraint("reported_fence <= fence", name="reported_after_claimed"),
    # `ended_at` is set exactly when the task is done.
    CheckConstraint(f"({_among('state', DONE)}) = (ended_at IS NOT NULL)", name="ended_when_done"),
    CheckConstraint(
        "state NOT IN ('retry_waiting', 'group_retry_waiting') OR retry_at IS NOT NULL",
        name="waiting_until_when",
    ),
    CheckConstraint("state <> 'running' OR fence > reported_fence", name="running_is_claimed"),
    sqlite_with_rowid=False,
)

# Finds the tasks to wake when an attempt ends.
Index(
    "tasks_waiting",
    tasks.c.awaits,
    sqlite_where=tasks.c.awaits.is_not(None),
    postgresql_where=tasks.c.awaits.is_not(None),
)

# What a run left, as it was reported; a row only where there is something. A round's children are
# read from the output that opened it.
task_outputs = Table(
    "task_outputs",
    metadata,
    Column("attempt", _Id, nullable=False),
    _count("number"),
    _count("round"),
    _text("export", optional=True),
    _text("store", optional=True),
    _text("reset", optional=True),
    _text("subtasks", optional=True),  # JSON with templates
    _text("error", optional=True),
    PrimaryKeyConstraint("attempt", "number", "round"),
    ForeignKeyConstraint(["attempt", "number"], ["tasks.attempt", "tasks.number"]),
)

# Runs of programs; the row is there before the process, and holds until nothing of it is alive.
task_runs = Table(
    "task_runs",
    metadata,
    Column("attempt", _Id, nullable=False),
    _count("number"),
    _count("fence"),
    _count("epoch"),
    _text("agent"),
    _text("token"),
    _instant("claimed_at", optional=False),
    _instant("ended_at"),
    _text("outcome", optional=True),
    _text("proof", optional=True),
    _instant("proof_at"),
    PrimaryKeyConstraint("attempt", "number", "fence"),
    ForeignKeyConstraint(["attempt", "number"], ["tasks.attempt", "tasks.number"]),
    CheckConstraint("fence > 0", name="fence_counts_from_one"),
    _known("outcome", ("succeeded", "failed", "postponed", "lost")),
    _together("outcome", "ended_at"),
    _together("proof", "proof_at"),
    sqlite_with_rowid=False,
)

# At most one run of a task may be alive.
Index(
    "task_runs_unproved",
    task_runs.c.attempt,
    task_runs.c.number,
    unique=True,
    sqlite_where=task_runs.c.proof.is_(None),
    postgresql_where=task_runs.c.proof.is_(None),
)

launches = Table(
    "launches",
    metadata,
    _reference("attempt", "attempts.id"),
    _count("epoch"),
    _text("launcher"),
    _text("name"),
    _text("external_id", optional=True),
    _instant("intended_at", optional=False),
    _instant("hello_at"),
    _instant("ended_at"),
    _text("proof", optional=True),
    PrimaryKeyConstraint("attempt", "epoch"),  # one launch an epoch
    UniqueConstraint("name"),  # launching twice makes one worker
    sqlite_with_rowid=False,
)

agents = Table(
    "agents",
    metadata,
    Column("id", Text, primary_key=True),  # a uuid
    _text("host_id"),
    _text("boot_id"),
    _text("pidns"),
    _count("pid"),
    Column("start_ticks", BigInteger, nullable=False),  # with the pid: a process, not its successor
    _reference("launch_attempt", "attempts.id", optional=True),
    Column("launch_epoch", Integer, nullable=True),
    _instant("heartbeat_at", optional=False),
    _instant("lease_until", optional=False),
    _text("state"),
    _together("launch_attempt", "launch_epoch"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    _reference("attempt", "attempts.id"),
    _count("seq"),
    _instant("at", optional=False),
    _text("kind"),
    _text("actor"),
    Column("number", Integer, nullable=True),
    Column("fence", Integer, nullable=True),
    _text("data"),  # JSON
    _text("dedupe", optional=True),
    Column("supervisor_epoch", BigInteger, nullable=True),  # of the leader that decided it
    PrimaryKeyConstraint("attempt", "seq"),
    UniqueConstraint("attempt", "dedupe"),  # a decision is written once; null: not deduplicated
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("scope", Text, primary_key=True),  # installation, or attempt/7
    _text("holder"),
    Column("epoch", BigInteger, nullable=False),
    _instant("until", optional=False),
    sqlite_with_rowid=False,
)

# What concerns no attempt, or all of them.
installation_events = Table(
    "installation_events",
    metadata,
    Column("seq", _Id, primary_key=True),
    _instant("at", optional=False),
    _text("kind"),
    _text("actor"),
    _text("data"),  # JSON
    _text("dedupe", optional=True),
    UniqueConstraint("dedupe"),
)

# The wall clock beside one that never jumps, as seen last: one row a boot of a machine.
clock_anchors = Table(
    "clock_anchors",
    metadata,
    Column("boot", Text, primary_key=True),
    _instant("since_boot", optional=False),
    _instant("wall", optional=False),
    sqlite_with_rowid=False,
)

# What is to be told to people, and what became of it: written with the change that it reports.
notifications = Table(
    "notifications",
    metadata,
    _id(),
    _reference("attempt", "attempts.id", optional=True),
    _text("kind"),
    _instant("at", optional=False),
    _text("body"),  # JSON
    _counter("tries"),  # begun, so also the number of the newest
    _instant("next_at"),  # null: delivered, or given up
    _instant("delivered_at"),
    _text("error", optional=True),  # of the newest try, or a remark about the delivery
    _text("dedupe"),
    UniqueConstraint("dedupe"),  # the same thing is told once
    CheckConstraint("next_at IS NULL OR delivered_at IS NULL", name="delivered_is_not_tried_again"),
)

Index(
    "notifications_waiting",
    notifications.c.next_at,
    sqlite_where=notifications.c.next_at.is_not(None),
    postgresql_where=notifications.c.next_at.is_not(None),
)
