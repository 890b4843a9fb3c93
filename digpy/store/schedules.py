"""Schedules: which session of a workflow is next, and when that session runs.

A row holds what is needed to compute the times (definition and time zone), so nobody has to read
the workflow for that. Instants and session times are UTC microseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from digpy.errors import NotFound
from digpy.store.database import Transaction
from digpy.values import Params, decode, encode


class Place(NamedTuple):
    """Where a schedule has come to.

    `last_session_time` is that of the session that was started last, None if none was; the next
    session runs at `next_run_time`.
    """

    next_session_time: int
    next_run_time: int
    last_session_time: int | None


class NewSchedule(NamedTuple):
    """A schedule as its workflow defines it.

    Attributes:
        project, workflow: id and name; they never change.
        workflow_id: row of ``workflows`` that its attempts run.
        timezone: of the workflow.
        definition: the mapping as written.
        params: start parameters of its attempts; may hold templates.
    """

    project: int
    workflow: str
    workflow_id: int
    timezone: str
    definition: Params
    params: Params


class ScheduleRow(NamedTuple):
    """A schedule as the database keeps it; see `NewSchedule` and `Place`.

    `disabled_at` is None while it is enabled. `error` says why its next session, which is due, was
    not started yet.
    """

    id: int
    project: int
    workflow: str
    workflow_id: int
    timezone: str
    definition: Params
    params: Params
    next_session_time: int
    next_run_time: int
    last_session_time: int | None
    disabled_at: int | None
    error: str | None
    created_at: int
    updated_at: int

    @property
    def place(self) -> Place:
        """Where it has come to."""
        return Place(self.next_session_time, self.next_run_time, self.last_session_time)


def load(tx: Transaction, schedule: int) -> ScheduleRow:
    """Raises `NotFound`."""
    found = tx.run("schedules.load", {"id": schedule})
    if not found:
        raise NotFound(f"schedule {schedule} does not exist")
    return _row(found[0])


def find(tx: Transaction, project: int, workflow: str) -> ScheduleRow | None:
    """The schedule of the workflow of that name, None if it has none."""
    found = tx.one("schedules.find", {"project": project, "workflow": workflow})
    return None if found is None else _row(found)


def page(tx: Transaction, *, after: int = 0, size: int = 100) -> list[ScheduleRow]:
    """Schedules of the whole installation, by id: `size` of them above `after`."""
    return [_row(row) for row in tx.run("schedules.list", {"after": after, "page": size})]


def ids(tx: Transaction, project: int) -> dict[str, int]:
    """All schedules of `project`: their ids by the names of their workflows."""
    return dict(tx.run("schedules.names", {"project": project}))


def run_times(tx: Transaction, project: int) -> dict[int, int]:
    """When the next session of each schedule of `project` that is enabled runs, by id."""
    return dict(tx.run("schedules.run_times", {"project": project}))


def insert(tx: Transaction, new: NewSchedule, place: Place, at: int) -> int:
    """Add a schedule and return its id. A workflow has one: see `find`."""
    values = {**_definition(new), **place._asdict(), "created_at": at, "updated_at": at}
    found = tx.one("schedules.insert", values)
    assert found is not None  # noqa: S101 - RETURNING gives the row that was inserted
    return int(found[0])


def redefine(
    tx: Transaction, schedule: int, new: NewSchedule, place: Place, at: int, *, error: str | None
) -> None:
    """Its workflow defines it anew; `error` as for `move`."""
    tx.change(
        "schedules.redefine",
        {
            **_definition(new),
            **place._asdict(),
            "error": error,
            "updated_at": at,
            "id": schedule,
        },
    )


def follow(tx: Transaction, project: int, revision: int, at: int) -> None:
    """Have all schedules of `project` run their workflows as `revision` has them.

    It has one for each. What could not be started is tried again at `at`, or earlier.
    """
    tx.change("schedules.follow", {"project": project, "revision": revision, "updated_at": at})


def move(
    tx: Transaction, row: ScheduleRow, place: Place, at: int, *, error: str | None = None
) -> bool:
    """Go on to `place`, because of `error` if there is one.

    False if the schedule is not any more where `row` says.
    """
    values: dict[str, Any] = {
        **place._asdict(),
        "error": error,
        "updated_at": at,
        "id": row.id,
        "was_next_session_time": row.next_session_time,
        "was_next_run_time": row.next_run_time,
    }
    return tx.change("schedules.move", values) == 1


def disable(tx: Transaction, schedule: int, at: int) -> None:
    """Start nothing from now on."""
    tx.change("schedules.disable", {"id": schedule, "disabled_at": at, "updated_at": at})


def enable(tx: Transaction, schedule: int, at: int) -> None:
    """Go on; sessions that were due meanwhile still are."""
    tx.change("schedules.disable", {"id": schedule, "disabled_at": None, "updated_at": at})


def delete(tx: Transaction, schedule: int) -> None:
    """Its workflow has no schedule any more. Sessions and attempts stay."""
    tx.change("schedules.delete", {"id": schedule})


def _definition(new: NewSchedule) -> dict[str, Any]:
    return new._asdict() | {"definition": encode(new.definition), "params": encode(new.params)}


def _row(found: tuple[Any, ...]) -> ScheduleRow:
    row = ScheduleRow._make(found)
    return row._replace(definition=decode(str(row.definition)), params=decode(str(row.params)))
