"""Every statement a run needs, by name, as SQLAlchemy Core expressions.

Imported by `python -m digpy.store.compile` and by tests only; a run reads the compiled text. The
order in which parameters occur is part of a statement where it is executed with rows
(`Transaction.many`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    FromClause,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from digpy.engine.states import WAITING, TaskState
from digpy.store.phases import TERMINAL, Phase
from digpy.store.schema import (
    attempts,
    clock_anchors,
    events,
    installation_events,
    launches,
    leases,
    notifications,
    projects,
    revisions,
    schedules,
    sessions,
    task_outputs,
    task_runs,
    tasks,
    workflows,
)

_ONE: ColumnElement[int] = literal_column("1")
_ZERO: ColumnElement[int] = literal_column("0")


def _word(word: str) -> ColumnElement[str]:
    """A state or phase, written into the statement."""
    return literal_column(f"'{word}'")


def _same(table: FromClause, *names: str) -> ColumnElement[bool]:
    """Each column equals the parameter of its name."""
    return and_(*(table.c[name] == bindparam(name, type_=table.c[name].type) for name in names))


def _values(table: Table, *names: str) -> dict[str, BindParameter[Any]]:
    """Each column becomes the parameter of its name."""
    return {name: bindparam(name, type_=table.c[name].type) for name in names}


def _labeled(table: Table, names: list[str]) -> list[ColumnElement[Any]]:
    """Parameters as a row to be inserted."""
    return [bindparam(name, type_=table.c[name].type).label(name) for name in names]


def _unfinished() -> ColumnElement[bool]:
    return attempts.c.phase.not_in([_word(phase) for phase in sorted(TERMINAL)])


def _launchable() -> ColumnElement[bool]:
    return attempts.c.phase.in_([_word(Phase.STARTING), _word(Phase.RUNNING)])


def _open() -> ColumnElement[bool]:
    """Unfinished, said twice: the index holds only these, and is searched by phase."""
    unfinished = sorted(set(Phase) - TERMINAL)
    return and_(_unfinished(), attempts.c.phase.in_([_word(phase) for phase in unfinished]))


def _active() -> ColumnElement[bool]:
    """Unfinished, and not resting."""
    return and_(_unfinished(), attempts.c.phase != _word(Phase.CREATED))


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _attempt() -> Select[Any]:
    """An attempt with its session: the columns of `AttemptRow`."""
    a = attempts.c
    return select(
        a.id,
        a.session,
        a.idx,
        a.retry_attempt_name,
        a.superseded_by,
        a.workflow_id,
        a.timezone,
        a.params,
        a.options,
        a.limits,
        a.phase,
        a.cause,
        a.reason,
        a.version,
        a.epoch,
        a.command,
        a.created_at,
        a.started_at,
        a.canceling_since,
        a.ended_at,
        a.queued_since,
        a.waiting_reason,
        a.starting_since,
        a.unclean,
        a.losses,
        a.losses_total,
        a.progress,
        a.clock_shifts,
        a.sla_at,
        sessions.c.uuid,
        sessions.c.project,
        sessions.c.workflow,
        sessions.c.session_time,
    ).join_from(attempts, sessions, a.session == sessions.c.id)


def _project_statements() -> dict[str, Executable]:
    return {
        "projects.find": select(projects.c.id).where(_same(projects, "name")),
        "projects.insert": insert(projects)
        .values(_values(projects, "name"))
        .returning(projects.c.id),
        "projects.name": select(projects.c.name).where(_same(projects, "id")),
        "revisions.find": select(revisions.c.id).where(_same(revisions, "project", "content_hash")),
        "revisions.insert": insert(revisions)
        .values(_values(revisions, "project", "content_hash", "created_at"))
        .returning(revisions.c.id),
        "revisions.load": select(revisions).where(_same(revisions, "id")),
        "revisions.newest": select(revisions)
        .where(_same(revisions, "project"))
        .order_by(revisions.c.id.desc())
        .limit(_ONE)
        .offset(_ZERO),
        "workflows.formats": select(workflows.c.name, workflows.c.format).where(
            _same(workflows, "revision")
        ),
        "workflows.list": select(
            workflows.c.id, workflows.c.revision, workflows.c.name, workflows.c.timezone
        )
        .where(_same(workflows, "revision"))
        .order_by(workflows.c.name),
        "workflows.find": select(workflows.c.id).where(_same(workflows, "revision", "name")),
        "workflows.revision_of": select(workflows.c.revision).where(_same(workflows, "id")),
        "workflows.load": select(workflows.c.format, workflows.c.body).where(
            _same(workflows, "id")
        ),
    }


def _session_statements() -> dict[str, Executable]:
    s = sessions.c
    return {
        "sessions.find": select(s.id).where(_same(sessions, "project", "workflow", "session_time")),
        "sessions.insert": insert(sessions)
        .values(_values(sessions, "uuid", "project", "workflow", "session_time"))
        .returning(s.id),
        "sessions.load": select(sessions).where(_same(sessions, "id")),
        "sessions.newest": select(sessions)
        .where(_same(sessions, "project", "workflow"))
        .order_by(s.session_time.desc())
        .limit(_ONE)
        .offset(_ZERO),
        "sessions.newest_before": select(s.session_time)
        .where(
            _same(sessions, "project", "workflow"),
            s.session_time < bindparam("before", type_=s.session_time.type),
        )
        .order_by(s.session_time.desc())
        .limit(_ONE)
        .offset(_ZERO),
    }


def _schedule_statements() -> dict[str, Executable]:
    s = schedules.c
    new = [name for name in _columns(schedules) if name not in ("id", "disabled_at", "error")]
    place = ("next_session_time", "next_run_time", "last_session_time")
    at = bindparam("updated_at", type_=s.updated_at.type)
    return {
        "schedules.load": select(schedules).where(_same(schedules, "id")),
        "schedules.find": select(schedules).where(_same(schedules, "project", "workflow")),
        "schedules.list": select(schedules)
        .where(s.id > bindparam("after", type_=s.id.type))
        .order_by(s.id)
        .limit(bindparam("page", type_=Integer))
        .offset(_ZERO),
        "schedules.names": select(s.workflow, s.id).where(_same(schedules, "project")),
        "schedules.run_times": select(s.id, s.next_run_time).where(
            _same(schedules, "project"), s.disabled_at.is_(None)
        ),
        "schedules.insert": insert(schedules).values(_values(schedules, *new)).returning(s.id),
        "schedules.redefine": update(schedules)
        .values(
            _values(
                schedules,
                *("workflow_id", "timezone", "definition", "params", "error", "updated_at"),
                *place,
            )
        )
        .where(_same(schedules, "id")),
        "schedules.follow": update(schedules)
        .values(
            workflow_id=select(workflows.c.id)
            .where(_same(workflows, "revision"), workflows.c.name == s.workflow)
            .scalar_subquery(),
            next_run_time=case(
                (and_(s.error.is_not(None), s.next_run_time > at), at), else_=s.next_run_time
            ),
            updated_at=at,
        )
        .where(_same(schedules, "project")),
        "schedules.move": update(schedules)
        .values(_values(schedules, "error", "updated_at", *place))
        .where(
            _same(schedules, "id"),
            *(s[name] == bindparam(f"was_{name}", type_=s[name].type) for name in place[:2]),
        ),
        "schedules.disable": update(schedules)
        .values(_values(schedules, "disabled_at", "updated_at"))
        .where(_same(schedules, "id")),
        "schedules.delete": delete(schedules).where(_same(schedules, "id")),
    }


def _attempt_statements() -> dict[str, Executable]:
    a = attempts.c
    newest = a.id.desc()
    before = a.id < bindparam("before", type_=a.id.type)
    page = bindparam("page", type_=Integer)
    in_session = _same(attempts, "session")
    return {
        "attempts.load": _attempt().where(_same(attempts, "id")),
        "attempts.lock": select(a.phase, a.version, a.epoch)
        .where(_same(attempts, "id"))
        .with_for_update(),
        "attempts.find": _attempt().where(
            in_session,
            # Written as the unique index is, so that it is used.
            func.coalesce(a.retry_attempt_name, literal_column("''"))
            == bindparam("retry_attempt_name", type_=a.retry_attempt_name.type),
            a.superseded_by.is_(None),
        ),
        "attempts.newest_unnamed": _attempt()
        .where(in_session, a.retry_attempt_name.is_(None))
        .order_by(newest)
        .limit(_ONE)
        .offset(_ZERO),
        "attempts.last_of_session": _attempt()
        .where(in_session)
        .order_by(newest)
        .limit(_ONE)
        .offset(_ZERO),
        "attempts.of_session": _attempt().where(in_session).order_by(a.id),
        "attempts.unfinished": _attempt()
        .where(_same(attempts, "command"), _unfinished())
        .order_by(a.id),
        "attempts.all_unfinished": _attempt()
        .where(_open(), a.id > bindparam("after", type_=a.id.type))
        .order_by(a.id)
        .limit(bindparam("page", type_=Integer))
        .offset(_ZERO),
        "attempts.before": _attempt().where(before).order_by(newest).limit(page).offset(_ZERO),
        "attempts.before_of_workflow": _attempt()
        .where(before, _same(sessions, "workflow"))
        .order_by(newest)
        .limit(page)
        .offset(_ZERO),
        "attempts.of_command": _attempt().where(_same(attempts, "command")).order_by(a.id),
        "attempts.count_active": select(func.count()).select_from(attempts).where(_active()),
        "attempts.active_by_workflow": select(sessions.c.project, sessions.c.workflow, func.count())
        .join_from(attempts, sessions, a.session == sessions.c.id)
        .where(
            _open(),
            a.phase.in_([_word(p) for p in (Phase.CANCELING, Phase.RUNNING, Phase.STARTING)]),
        )
        .group_by(sessions.c.project, sessions.c.workflow),
        "attempts.at_work": select(a.id)
        .join_from(attempts, sessions, a.session == sessions.c.id)
        .where(_active(), a.phase != _word(Phase.CANCELING), _same(sessions, "project", "workflow"))
        .limit(_ONE)
        .offset(_ZERO),
        "attempts.queued": _attempt()
        .where(_unfinished(), a.phase == _word(Phase.QUEUED))
        .order_by(a.id),
        "attempts.batches": _batches(),
        "attempts.resting": select(a.id)
        .join_from(attempts, sessions, a.session == sessions.c.id)
        .where(
            _unfinished(),
            a.phase == _word(Phase.CREATED),
            _same(attempts, "retry_attempt_name"),
            _same(sessions, "project", "workflow"),
        )
        .order_by(sessions.c.session_time)
        .limit(bindparam("room", type_=Integer))
        .offset(_ZERO),
        "attempts.unfinished_named": _attempt()
        .where(_open(), _same(attempts, "retry_attempt_name"))
        .order_by(a.id),
        "attempts.insert": _insert_attempt(),
        "attempts.set_command": update(attempts)
        .values(_values(attempts, "command"))
        .where(_same(attempts, "id")),
        "attempts.supersede": update(attempts)
        .values(_values(attempts, "superseded_by"))
        .where(
            _same(attempts, "id"),
            func.coalesce(a.superseded_by, _ZERO) == bindparam("was", type_=a.id.type),
        ),
        "attempts.set_phase": update(attempts)
        .values(
            {
                **_values(attempts, "phase"),
                **{
                    name: func.coalesce(
                        bindparam(name, type_=attempts.c[name].type), attempts.c[name]
                    )
                    for name in (
                        "cause",
                        "reason",
                        "canceling_since",
                        "ended_at",
                        "queued_since",
                        "starting_since",
                        "unclean",
                    )
                },
            }
        )
        .where(_same(attempts, "id"), a.phase == bindparam("was", type_=a.phase.type)),
        "attempts.bump_version": update(attempts)
        .values(version=a.version + _ONE)
        .where(_same(attempts, "id", "version"), _unfinished()),
        "attempts.say_hello": update(attempts)
        .values(
            phase=_word(Phase.RUNNING),
            started_at=func.coalesce(a.started_at, bindparam("at", type_=a.started_at.type)),
        )
        .where(_same(attempts, "id", "epoch"), _launchable()),
        "attempts.next_epoch": update(attempts)
        .values(epoch=a.epoch + _ONE, waiting_reason=null(), **_values(attempts, "starting_since"))
        .where(_same(attempts, "id", "epoch"), _launchable()),
        "attempts.set_limits": update(attempts)
        .values(_values(attempts, "limits"))
        .where(_same(attempts, "id"), _unfinished()),
        "attempts.count_loss": update(attempts)
        .values({**_values(attempts, "losses", "progress"), "losses_total": a.losses_total + _ONE})
        .where(_same(attempts, "id"), _unfinished()),
        "attempts.shift_clock": update(attempts)
        .values(_values(attempts, "clock_shifts"))
        .where(_same(attempts, "id"), _unfinished()),
        "attempts.miss_sla": update(attempts)
        .values(sla_at=literal_column("NULL"))
        .where(_same(attempts, "id")),
        "attempts.wait": update(attempts)
        .values(_values(attempts, "waiting_reason"))
        .where(_same(attempts, "id"), a.phase == _word(Phase.QUEUED)),
        "attempts.adopt": update(attempts)
        .values(_values(attempts, "command"))
        .where(_same(attempts, "id"), _unfinished()),
    }


def _batches() -> Executable:
    """Of each name and workflow with attempts at rest: how many are active, and may be."""
    a, s = attempts.c, sessions.c
    is_resting = case((a.phase == _word(Phase.CREATED), _ONE), else_=_ZERO)
    return (
        select(
            s.project,
            s.workflow,
            a.retry_attempt_name,
            func.sum(_ONE - is_resting),
            func.max(a.at_once),
        )
        .join_from(attempts, sessions, a.session == s.id)
        .where(_open(), a.retry_attempt_name.is_not(None))
        .group_by(s.project, s.workflow, a.retry_attempt_name)
        .having(func.sum(is_resting) > _ZERO)
    )


def _insert_attempt() -> Executable:
    given = [
        "session",
        "retry_attempt_name",
        "workflow_id",
        "timezone",
        "params",
        "options",
        "limits",
        "phase",
        "command",
        "created_at",
        "queued_since",
        "waiting_reason",
        "starting_since",
        "at_once",
        "sla_at",
    ]
    earlier = attempts.alias("earlier")
    index = (
        select(func.coalesce(func.max(earlier.c.idx), _ZERO) + _ONE)
        .where(earlier.c.session == bindparam("session", type_=attempts.c.session.type))
        .scalar_subquery()
    )
    return (
        insert(attempts)
        .values({**_values(attempts, *given), "idx": index, "version": _ZERO, "epoch": _ZERO})
        .returning(attempts.c.id)
    )


def _task_summary() -> Select[Any]:
    """The tasks of an attempt by number: the columns of `TaskSummary`."""
    t, o = tasks.c, task_outputs.c
    return (
        select(
            t.number,
            t.parent,
            t.born,
            t.round,
            t.full_name,
            t.state,
            t.how,
            t.retries,
            t.started_at,
            t.ended_at,
            o.error,
        )
        .outerjoin_from(
            tasks,
            task_outputs,
            and_(o.attempt == t.attempt, o.number == t.number, o.round == t.round),
        )
        .where(_same(tasks, "attempt"))
        .order_by(t.number)
    )


def _task_statements() -> dict[str, Executable]:
    t, o = tasks.c, task_outputs.c
    columns = _columns(tasks)
    fixed = {"attempt", "number", "parent", "born", "full_name", "origin", "source"}
    return {
        "tasks.load": select(*[t[name] for name in columns if name != "attempt"])
        .where(_same(tasks, "attempt"))
        .order_by(t.number),
        "tasks.insert": insert(tasks).values(_values(tasks, *columns)),
        "tasks.update": update(tasks)
        .values(_values(tasks, *[name for name in columns if name not in fixed]))
        .where(_same(tasks, "attempt", "number"), t.state == bindparam("was", type_=t.state.type)),
        "tasks.summary": _task_summary(),
        "tasks.changed": _task_summary().where(
            or_(
                t.number > bindparam("seen", type_=t.number.type),
                and_(
                    t.state != _word(TaskState.BLOCKED),
                    or_(
                        t.ended_at.is_(None),
                        t.ended_at >= bindparam("since", type_=t.ended_at.type),
                    ),
                ),
            )
        ),
        "tasks.count_done": select(func.count())
        .select_from(tasks)
        .where(_same(tasks, "attempt"), t.ended_at.is_not(None)),
        "tasks.oldest_dispatch": select(func.min(t.started_at)).where(
            _same(tasks, "attempt"),
            t.state.in_([_word(state) for state in sorted({TaskState.RUNNING, *WAITING})]),
        ),
        "tasks.waiting_for": select(t.attempt, t.number)
        .where(_same(tasks, "awaits"))
        .order_by(t.attempt, t.number),
        "outputs.load": select(*[column for column in o if column.name != "attempt"])
        .where(_same(task_outputs, "attempt"))
        .order_by(o.number, o.round),
    }


def _run_statements() -> dict[str, Executable]:
    r, ln = task_runs.c, launches.c
    run = _same(task_runs, "attempt", "number", "fence")
    launch = _same(launches, "attempt", "epoch")
    in_order = (r.number, r.fence)
    of_attempt = select(task_runs).where(_same(task_runs, "attempt")).order_by(*in_order)
    new_run = ["attempt", "number", "fence", "epoch", "agent", "token", "claimed_at"]
    alive = task_runs.alias("alive")
    may_be_alive = (
        select(_ONE)
        .select_from(alive)
        .where(_same(alive, "attempt", "number"), alive.c.proof.is_(None))
        .exists()
    )
    return {
        "runs.claim": insert(task_runs).from_select(
            new_run,
            select(*_labeled(task_runs, new_run)).where(~may_be_alive),
            include_defaults=False,
        ),
        "runs.finish": update(task_runs)
        .values(
            {
                **_values(task_runs, "ended_at", "outcome"),
                **{
                    name: func.coalesce(
                        task_runs.c[name], bindparam(name, type_=task_runs.c[name].type)
                    )
                    for name in ("proof", "proof_at")
                },
            }
        )
        .where(run, r.outcome.is_(None)),
        "runs.prove": update(task_runs)
        .values(_values(task_runs, "proof", "proof_at"))
        .where(run, r.proof.is_(None)),
        "runs.unproved": of_attempt.where(r.proof.is_(None)),
        "runs.unfinished": of_attempt.where(r.outcome.is_(None)),
        "runs.of_attempt": of_attempt,
        "runs.left_by_ended": select(task_runs)
        .join_from(task_runs, attempts, r.attempt == attempts.c.id)
        .where(r.proof.is_(None), ~_unfinished())
        .order_by(r.attempt, *in_order),
        "launches.intend": insert(launches).values(
            _values(launches, "attempt", "epoch", "launcher", "name", "intended_at")
        ),
        "launches.created": update(launches).values(_values(launches, "external_id")).where(launch),
        "launches.hello": update(launches)
        .values(_values(launches, "hello_at"))
        .where(launch, ln.hello_at.is_(None), ln.ended_at.is_(None)),
        "launches.end": update(launches)
        .values(
            {
                **_values(launches, "ended_at"),
                "proof": func.coalesce(ln.proof, bindparam("proof", type_=ln.proof.type)),
            }
        )
        .where(launch, ln.ended_at.is_(None)),
        "launches.prove": update(launches)
        .values(_values(launches, "proof"))
        .where(launch, ln.proof.is_(None)),
        "launches.newest": select(launches)
        .where(_same(launches, "attempt"))
        .order_by(ln.epoch.desc())
        .limit(_ONE)
        .offset(_ZERO),
        "launches.of_attempt": select(launches)
        .where(_same(launches, "attempt"))
        .order_by(ln.epoch),
    }


def _lease_statements() -> dict[str, Executable]:
    return {
        "leases.renew": update(leases)
        .values(_values(leases, "until"))
        .where(_same(leases, "scope", "epoch")),
        # On PostgreSQL nobody can take the lease until the transaction ends; SQLite has one writer
        # anyway.
        "leases.current": select(leases).where(_same(leases, "scope")).with_for_update(read=True),
        "events.of_attempt": select(*[c for c in events.c if c.name != "attempt"])
        .where(
            _same(events, "attempt"),
            events.c.seq > bindparam("after", type_=events.c.seq.type),
        )
        .order_by(events.c.seq),
        "installation.events": select(installation_events)
        .where(installation_events.c.seq > bindparam("after", type_=installation_events.c.seq.type))
        .order_by(installation_events.c.seq),
        "installation.anchor": select(clock_anchors.c.since_boot, clock_anchors.c.wall).where(
            _same(clock_anchors, "boot")
        ),
    }


def _notification_statements() -> dict[str, Executable]:
    n = notifications.c
    page = bindparam("page", type_=Integer)
    older = n.id < bindparam("before", type_=n.id.type)
    newest = select(notifications).where(older).order_by(n.id.desc()).limit(page).offset(_ZERO)
    this_try = _same(notifications, "id", "tries")
    return {
        "notifications.first_waiting": select(notifications)
        .where(n.next_at.is_not(None))
        .order_by(n.next_at, n.id)
        .limit(_ONE)
        .offset(_ZERO),
        # Who changes the number of tries has the next one; nobody else does before `next_at`.
        "notifications.begin": update(notifications)
        .values({"tries": n.tries + _ONE, **_values(notifications, "next_at")})
        .where(this_try, n.next_at.is_not(None)),
        "notifications.end": update(notifications)
        .values(_values(notifications, "next_at", "delivered_at", "error"))
        .where(this_try, n.delivered_at.is_(None)),
        "notifications.before": newest,
        "notifications.before_of_attempt": newest.where(_same(notifications, "attempt")),
        "notifications.count_waiting": select(func.count())
        .select_from(notifications)
        .where(n.next_at.is_not(None)),
    }


def _upserts(dialect: str) -> dict[str, Executable]:
    """Statements with ON CONFLICT, which each dialect spells with a class of its own."""
    insert_: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    workflow = insert_(workflows).values(
        _values(workflows, "revision", "name", "timezone", "format", "body")
    )
    w, carried = workflows.c, ("timezone", "format", "body")
    since = bindparam("since", type_=w.revision.type)
    copy = insert_(workflows).from_select(
        ["revision", "name", *carried],
        select(*_labeled(workflows, ["revision"]), w.name, *(w[name] for name in carried)).where(
            w.revision == since, _same(workflows, "name")
        ),
    )
    output = insert_(task_outputs).values(_values(task_outputs, *_columns(task_outputs)))
    anchor = insert_(clock_anchors).values(_values(clock_anchors, "boot", "since_boot", "wall"))
    lease = insert_(leases).values({**_values(leases, "scope", "holder", "until"), "epoch": _ONE})
    return {
        "workflows.put": workflow.on_conflict_do_update(
            index_elements=["revision", "name"],
            set_={name: workflow.excluded[name] for name in carried},
        ),
        "workflows.copy": copy.on_conflict_do_update(
            index_elements=["revision", "name"],
            set_={name: copy.excluded[name] for name in carried},
        ),
        "outputs.put": output.on_conflict_do_update(
            index_elements=["attempt", "number", "round"],
            set_={
                name: output.excluded[name]
                for name in ("export", "store", "reset", "subtasks", "error")
            },
        ),
        "leases.take": lease.on_conflict_do_update(
            index_elements=["scope"],
            set_={
                "holder": lease.excluded.holder,
                "until": lease.excluded.until,
                "epoch": leases.c.epoch + _ONE,
            },
            where=or_(
                leases.c.until < bindparam("now", type_=leases.c.until.type),
                leases.c.holder == lease.excluded.holder,
            ),
        ).returning(leases.c.epoch),
        "events.append": _append_event(insert_),
        "installation.append": insert_(installation_events)
        .values(_values(installation_events, "at", "kind", "actor", "data", "dedupe"))
        .on_conflict_do_nothing(index_elements=["dedupe"]),
        "notifications.add": insert_(notifications)
        .values(_values(notifications, "attempt", "kind", "at", "body", "next_at", "dedupe"))
        .on_conflict_do_nothing(index_elements=["dedupe"]),
        "installation.set_anchor": anchor.on_conflict_do_update(
            index_elements=["boot"],
            set_={name: anchor.excluded[name] for name in ("since_boot", "wall")},
        ),
    }


def _append_event(insert_: Any) -> Executable:
    """The number is taken under the attempt's lock; an event written already is passed over."""
    given = ["at", "kind", "actor", "number", "fence", "data", "dedupe", "supervisor_epoch"]
    earlier = events.alias("earlier")
    next_seq = (func.coalesce(func.max(earlier.c.seq), _ZERO) + _ONE).label("seq")
    row = select(*_labeled(events, ["attempt"]), next_seq, *_labeled(events, given)).where(
        _same(earlier, "attempt")
    )
    statement: Executable = (
        insert_(events)
        .from_select(["attempt", "seq", *given], row, include_defaults=False)
        .on_conflict_do_nothing(index_elements=["attempt", "dedupe"])
    )
    return statement


def statements(dialect: str) -> dict[str, Executable]:
    """All statements for ``sqlite`` or ``postgresql``, in the order of the nouns."""
    found = {
        **_project_statements(),
        **_session_statements(),
        **_schedule_statements(),
        **_attempt_statements(),
        **_task_statements(),
        **_run_statements(),
        **_lease_statements(),
        **_notification_statements(),
        **_upserts(dialect),
    }
    nouns = ["projects", "revisions", "workflows", "schedules", "sessions"]
    nouns += ["attempts", "tasks", "outputs", "runs", "launches", "leases", "events"]
    nouns += ["installation", "notifications"]
    return dict(sorted(found.items(), key=lambda item: nouns.index(item[0].partition(".")[0])))
