"""Sessions and attempts: who is trying what, and how far it has come.

Every statement that moves an attempt on is guarded by what the caller believes about it (phase,
epoch, version). A guard that does not hold is an outcome, False; only a move that does not exist at
all is an `InternalError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from digpy.errors import InternalError, NotFound
from digpy.store.database import Transaction
from digpy.store.phases import CAUSES, MOVES, REASONS, TERMINAL, Phase
from digpy.values import Params, decode, encode

_AFTER_ALL = 2**63 - 1


class SessionRow(NamedTuple):
    """The run of a workflow for one session time (UTC microseconds), however often it is tried."""

    id: int
    uuid: str
    project: int
    workflow: str
    session_time: int


class NewAttempt(NamedTuple):
    """What is known of an attempt before it exists.

    Attributes:
        session: id of its session.
        workflow_id: row of ``workflows`` it runs.
        retry_attempt_name: None for the unnamed attempts of ``digpy run``.
        params: given from outside; may hold templates.
        timezone: of the workflow, as it was when the attempt was made.
        options: how it was asked for (``--start``, ``--rerun`` ...), and what it resumes from.
        limits: effective numbers of the supervisor and where each came from.
        phase: usually `Phase.STARTING`.
        command: the attempt whose command leads this one. None: it leads itself.
        created_at: UTC microseconds.
        waiting_reason: for people; of an attempt that does not begin at once.
        at_once: it begins in `Phase.CREATED`, and is queued when fewer attempts of its name and
            workflow are active; see `rested`.
        sla_at: when it has missed its ``sla:``, UTC microseconds; None: it has none.
    """

    session: int
    workflow_id: int
    retry_attempt_name: str | None
    params: Params
    timezone: str
    options: Params
    limits: Params
    phase: Phase
    command: int | None
    created_at: int
    waiting_reason: str | None = None
    at_once: int | None = None
    sla_at: int | None = None


class AttemptRow(NamedTuple):
    """An attempt as the database keeps it, and the session it belongs to.

    Instants are UTC microseconds. `idx` counts the attempts of the session from 1; `version` rises
    with every committed change of the tree, `epoch` with every launch. `superseded_by` is the
    attempt that took its place. `starting_since` is when its newest launch was intended. `losses`
    counts the workers it lost in a row, `losses_total` all of them, and `progress` is how many
    tasks were done at the last loss. `unclean` says that something of it may be alive.
    `clock_shifts` tells, by column, the instant that was there when the clock jumped and how far it
    jumped; see `digpy.control.clock_steps`. `sla_at` is when it has missed its ``sla:``, None when
    that is over, or it has none.
    """

    id: int
    session: int
    idx: int
    retry_attempt_name: str | None
    superseded_by: int | None
    workflow_id: int
    timezone: str
    params: Params
    options: Params
    limits: Params
    phase: Phase
    cause: str | None
    reason: str | None
    version: int
    epoch: int
    command: int
    created_at: int
    started_at: int | None
    canceling_since: int | None
    ended_at: int | None
    queued_since: int | None
    waiting_reason: str | None
    starting_since: int | None
    unclean: bool
    losses: int
    losses_total: int
    progress: int
    clock_shifts: Mapping[str, tuple[int, int]]
    sla_at: int | None
    session_uuid: str
    project: int
    workflow: str
    session_time: int

    @property
    def is_done(self) -> bool:
        """It has ended and will not change again."""
        return self.phase in TERMINAL


class Standing(NamedTuple):
    """What a writer has to know before it touches an attempt."""

    phase: Phase
    version: int
    epoch: int


# Sessions


def ensure_session(
    tx: Transaction, project: int, workflow: str, session_time: int, uuid: str
) -> int:
    """The id of the session; made, with `uuid`, if it does not exist."""
    session = find_session(tx, project, workflow, session_time)
    if session is not None:
        return session
    key = {"project": project, "workflow": workflow, "session_time": session_time}
    found = tx.one("sessions.insert", {**key, "uuid": uuid})
    assert found is not None  # noqa: S101 - RETURNING gives the row that was inserted
    return int(found[0])


def find_session(tx: Transaction, project: int, workflow: str, session_time: int) -> int | None:
    """The id of the session, None if it never ran."""
    key = {"project": project, "workflow": workflow, "session_time": session_time}
    found = tx.one("sessions.find", key)
    return None if found is None else int(found[0])


def load_session(tx: Transaction, session: int) -> SessionRow:
    """Raises `NotFound`."""
    found = tx.one("sessions.load", {"id": session})
    if found is None:
        raise NotFound(f"session {session} does not exist")
    return SessionRow(*found)


def session_time_before(tx: Transaction, project: int, workflow: str, before: int) -> int | None:
    """The latest session time of `workflow` before `before`; None if there is none."""
    key = {"project": project, "workflow": workflow, "before": before}
    found = tx.one("sessions.newest_before", key)
    return None if found is None else int(found[0])


def newest_session(tx: Transaction, project: int, workflow: str) -> SessionRow | None:
    """The session of `workflow` with the latest session time, None if it never ran."""
    found = tx.one("sessions.newest", {"project": project, "workflow": workflow})
    return None if found is None else SessionRow(*found)


# Finding attempts


def load(tx: Transaction, attempt: int) -> AttemptRow:
    """Raises `NotFound`."""
    found = _one(tx, "attempts.load", {"id": attempt})
    if found is None:
        raise NotFound(f"attempt {attempt} does not exist")
    return found


def lock(tx: Transaction, attempt: int) -> Standing:
    """Hold the attempt against other writers until the transaction ends, and say how it stands.

    Raises `NotFound`.
    """
    found = tx.one("attempts.lock", {"id": attempt})
    if found is None:
        raise NotFound(f"attempt {attempt} does not exist")
    phase, version, epoch = found
    return Standing(Phase(phase), version, epoch)


def find(tx: Transaction, session: int, name: str | None) -> AttemptRow | None:
    """The attempt of `session` that bears `name` now: nothing has superseded it."""
    return _one(tx, "attempts.find", {"session": session, "retry_attempt_name": name or ""})


def newest_unnamed(tx: Transaction, session: int) -> AttemptRow | None:
    """The newest attempt of `session` without a name: the one ``digpy run`` continues."""
    return _one(tx, "attempts.newest_unnamed", {"session": session})


def last_of_session(tx: Transaction, session: int) -> AttemptRow | None:
    """The newest attempt of `session`, whatever its name."""
    return _one(tx, "attempts.last_of_session", {"session": session})


def of_session(tx: Transaction, session: int) -> list[AttemptRow]:
    """All attempts of `session`, oldest first."""
    return _rows(tx.run("attempts.of_session", {"session": session}))


def unfinished(tx: Transaction, command: int) -> list[AttemptRow]:
    """Attempts that the command of attempt `command` leads and that have not ended, by id."""
    return _rows(tx.run("attempts.unfinished", {"command": command}))


def of_command(tx: Transaction, command: int) -> list[AttemptRow]:
    """All attempts that the command of attempt `command` leads or led last, oldest first."""
    return _rows(tx.run("attempts.of_command", {"command": command}))


def all_unfinished(tx: Transaction, *, after: int = 0, page: int = 200) -> list[AttemptRow]:
    """Attempts of the whole installation that have not ended, by id: `page` of them above `after`.

    In any phase, whoever leads them.
    """
    return _rows(tx.run("attempts.all_unfinished", {"after": after, "page": page}))


def each_unfinished(tx: Transaction) -> Iterator[AttemptRow]:
    """All attempts of the installation that have not ended, by id, read in pages."""
    after = 0
    while page := all_unfinished(tx, after=after):
        yield from page
        after = page[-1].id


def before(
    tx: Transaction, attempt: int | None, count: int, *, workflow: str | None = None
) -> list[AttemptRow]:
    """At most `count` attempts older than `attempt` (None: the newest), the newest first.

    With `workflow`, only attempts of workflows of that name.
    """
    params = {"before": _AFTER_ALL if attempt is None else attempt, "page": count}
    if workflow is None:
        return _rows(tx.run("attempts.before", params))
    return _rows(tx.run("attempts.before_of_workflow", {**params, "workflow": workflow}))


def count_active(tx: Transaction) -> int:
    """How many attempts of the whole installation have not ended, those at rest not counted."""
    found = tx.one("attempts.count_active", {})
    return int(found[0]) if found else 0


def active_by_workflow(tx: Transaction) -> dict[tuple[int, str], int]:
    """How many attempts have left the queue and not ended, by project and name of the workflow."""
    found = tx.run("attempts.active_by_workflow", {})
    return {(project, workflow): count for project, workflow, count in found}


def is_at_work(tx: Transaction, project: int, workflow: str) -> bool:
    """Whether an attempt of the workflow is queued or runs, and nobody told it to stop."""
    return bool(tx.run("attempts.at_work", {"project": project, "workflow": workflow}))


def queued(tx: Transaction) -> list[AttemptRow]:
    """The attempts of the whole installation that wait for admission, by id."""
    return _rows(tx.run("attempts.queued", {}))


def rested(tx: Transaction, room: int) -> list[int]:
    """Ids of at most `room` attempts at rest that may be queued now, by their session times."""
    found: list[int] = []
    for project, workflow, name, active, at_once in tx.run("attempts.batches", {}):
        free = min(at_once - active, room - len(found))
        if free > 0:
            batch = {"project": project, "workflow": workflow, "retry_attempt_name": name}
            found += [attempt for (attempt,) in tx.run("attempts.resting", batch | {"room": free})]
    return found


def unfinished_named(tx: Transaction, name: str) -> list[AttemptRow]:
    """Attempts called `name` that have not ended, by id."""
    return _rows(tx.run("attempts.unfinished_named", {"retry_attempt_name": name}))


# Changing attempts


def insert(tx: Transaction, new: NewAttempt, *, supersedes: int | None = None) -> int:
    """Add an attempt and return its id; with `supersedes`, in the place of that one.

    The name must be free in the session (see `find`), unless its bearer is superseded here:
    otherwise the database refuses, an `InternalError`. An attempt can be superseded once.
    """
    if supersedes is not None:
        # The name has to be free before the new id exists: for a moment the old row supersedes
        # itself.
        _supersede(tx, supersedes, by=supersedes, was=None)
    found = tx.one(
        "attempts.insert",
        {
            "session": new.session,
            "retry_attempt_name": new.retry_attempt_name,
            "workflow_id": new.workflow_id,
            "timezone": new.timezone,
            "params": encode(new.params),
            "options": json.dumps(new.options),
            "limits": json.dumps(new.limits),
            "phase": str(new.phase),
            "command": new.command,
            "created_at": new.created_at,
            "queued_since": new.created_at if new.phase is Phase.QUEUED else None,
            "waiting_reason": new.waiting_reason,
            "starting_since": new.created_at if new.phase is Phase.STARTING else None,
            "at_once": new.at_once,
            "sla_at": new.sla_at,
        },
    )
    assert found is not None  # noqa: S101 - RETURNING gives the row that was inserted
    attempt = int(found[0])
    if new.command is None:
        tx.change("attempts.set_command", {"id": attempt, "command": attempt})
    if supersedes is not None:
        _supersede(tx, supersedes, by=attempt, was=supersedes)
    return attempt


def set_phase(  # noqa: PLR0913 - a move, and what may come with it
    tx: Transaction,
    attempt: int,
    was: Phase,
    phase: Phase,
    at: int,
    *,
    cause: str | None = None,
    reason: str | None = None,
    unclean: bool = False,
) -> bool:
    """Move `attempt` from `was` to `phase`, and set the instant that belongs to the new phase.

    False if it is not in `was` any more. `cause` (why it is to stop) and `reason` (why it failed)
    are kept where None; so is `unclean` where False. `Phase.RUNNING` is reached by `say_hello`
    only. Raises `InternalError` for a move that does not exist, and for a word that is not in
    `CAUSES` or `REASONS`.
    """
    if cause is not None and cause not in CAUSES:
        raise InternalError(f"attempt {attempt}: there is no cause {cause}")
    if reason is not None and reason not in {*CAUSES, *REASONS}:
        raise InternalError(f"attempt {attempt}: there is no reason {reason}")
    if phase not in MOVES[was] or phase is Phase.RUNNING:
        raise InternalError(f"attempt {attempt}: no way from {was} to {phase}")
    changed = tx.change(
        "attempts.set_phase",
        {
            "id": attempt,
            "was": str(was),
            "phase": str(phase),
            "cause": cause,
            "reason": reason,
            "canceling_since": at if phase is Phase.CANCELING else None,
            "ended_at": at if phase in TERMINAL else None,
            "queued_since": at if phase is Phase.QUEUED else None,
            "starting_since": at if phase is Phase.STARTING else None,
            "unclean": 1 if unclean else None,
        },
    )
    return changed == 1


def bump_version(tx: Transaction, attempt: int, version: int) -> bool:
    """Announce that the tree changes: `version` becomes `version` + 1.

    False, and nothing may be written, if somebody else was faster or the attempt has ended.
    """
    return tx.change("attempts.bump_version", {"id": attempt, "version": version}) == 1


def say_hello(tx: Transaction, attempt: int, epoch: int, at: int) -> bool:
    """The worker of launch `epoch` is there: starting or running becomes running.

    False if the epoch is not current or the attempt is to stop or has ended: the worker leaves
    without a trace. The launch's own row is `launches.hello`.
    """
    return tx.change("attempts.say_hello", {"id": attempt, "epoch": epoch, "at": at}) == 1


def next_epoch(tx: Transaction, attempt: int, epoch: int, at: int) -> bool:
    """Count one more launch, intended `at`: `epoch` becomes `epoch` + 1. A new attempt has epoch 0.

    What it waited for is forgotten. False if the epoch is not current, or the attempt is neither
    starting nor running.
    """
    params = {"id": attempt, "epoch": epoch, "starting_since": at}
    return tx.change("attempts.next_epoch", params) == 1


def set_limits(tx: Transaction, attempt: int, limits: Params) -> bool:
    """Replace the limits of a live attempt. False if it has ended."""
    return tx.change("attempts.set_limits", {"id": attempt, "limits": json.dumps(limits)}) == 1


def count_loss(tx: Transaction, attempt: int, losses: int, progress: int) -> bool:
    """A worker was lost, the `losses`-th in a row, when `progress` tasks were done.

    False if the attempt has ended.
    """
    params = {"id": attempt, "losses": losses, "progress": progress}
    return tx.change("attempts.count_loss", params) == 1


def miss_sla(tx: Transaction, attempt: int) -> None:
    """The attempt has missed its ``sla:``; that happens once."""
    tx.change("attempts.miss_sla", {"id": attempt})


def shift_clock(tx: Transaction, attempt: int, shifts: Mapping[str, tuple[int, int]]) -> bool:
    """Note how far the clock jumped after instants of a live attempt. False if it has ended."""
    params = {"id": attempt, "clock_shifts": json.dumps(shifts)}
    return tx.change("attempts.shift_clock", params) == 1


def explain_waiting(tx: Transaction, attempt: int, reason: str) -> bool:
    """Say what a queued attempt waits for. False if it is not queued any more."""
    return tx.change("attempts.wait", {"id": attempt, "waiting_reason": reason}) == 1


def adopt(tx: Transaction, attempt: int, command: int) -> bool:
    """Let the command of attempt `command` lead `attempt`. False if it has ended.

    The caller knows that the earlier command is gone (its lock file is free).
    """
    return tx.change("attempts.adopt", {"id": attempt, "command": command}) == 1


def _supersede(tx: Transaction, attempt: int, *, by: int, was: int | None) -> None:
    params = {"id": attempt, "superseded_by": by, "was": was or 0}
    if tx.change("attempts.supersede", params) != 1:
        raise InternalError(f"attempt {attempt} does not exist or has been superseded")


def _one(tx: Transaction, name: str, params: dict[str, Any]) -> AttemptRow | None:
    found = tx.one(name, params)
    return None if found is None else _rows([found])[0]


def _shifts(text: Any) -> dict[str, tuple[int, int]]:
    return {} if text is None else {name: (at, by) for name, (at, by) in json.loads(text).items()}


def _rows(found: list[tuple[Any, ...]]) -> list[AttemptRow]:
    rows = map(AttemptRow._make, found)
    return [
        row._replace(
            phase=Phase(row.phase),
            params=decode(str(row.params)),
            options=json.loads(str(row.options)),
            limits=json.loads(str(row.limits)),
            unclean=bool(row.unclean),
            clock_shifts=_shifts(row.clock_shifts),
        )
        for row in rows
    ]
