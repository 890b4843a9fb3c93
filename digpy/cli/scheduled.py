"""What commands about schedules have in common: which schedule is meant, and how one is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from digpy.cli.records import optional_time, zoned_time
from digpy.cli.stored import numbered
from digpy.control.resources import instant
from digpy.control.session_times import session_text
from digpy.errors import NotFound, UsageError
from digpy.log import local_time
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store.database import Transaction
from digpy.store.schedules import ScheduleRow
from digpy.values import SECOND, Params

WHICH = "SCHEDULE-ID | [PROJECT] WORKFLOW"
"""How a schedule is named."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?([+-]\d\d):?(\d\d)", re.ASCII)


def chosen_schedules(tx: Transaction, words: Sequence[str]) -> list[ScheduleRow]:
    """The schedules that are meant: one, or all of a project.

    Raises `NotFound`, and `UsageError` for too many words.

    Follows digdag 0.10.5: a number, or a project and perhaps a workflow of it; the workflow alone
    is enough here.
    """
    if len(words) > 2:
        raise UsageError(f"{len(words)} words are too many\n    help: write {WHICH}")
    if len(words) == 1 and words[0].isdecimal():
        return [schedule_rows.load(tx, numbered("schedule", words[0]))]
    rows = _all(tx)
    projects = {row.project: project_rows.project_name(tx, row.project) for row in rows}
    project, name = ("", words[0]) if len(words) == 1 else (words[0], words[-1])
    name = name.removesuffix(".dig")
    found = [row for row in rows if row.workflow == name and project in ("", projects[row.project])]
    if not found and not project:
        found = [row for row in rows if projects[row.project] == name]
    if not found:
        raise NotFound(
            f'there is no schedule of "{" ".join(words)}"\n    help: digpy schedules lists them'
        )
    return found


def chosen_schedule(tx: Transaction, words: Sequence[str]) -> ScheduleRow:
    """The one schedule that is meant. Raises `NotFound`, and `UsageError` if several are."""
    found = chosen_schedules(tx, words)
    if len(found) > 1:
        raise UsageError(f'"{words[0]}" has {len(found)} schedules\n    help: name the workflow')
    return found[0]


def _all(tx: Transaction) -> list[ScheduleRow]:
    rows: list[ScheduleRow] = []
    while page := schedule_rows.page(tx, after=rows[-1].id if rows else 0):
        rows += page
    return rows


def schedule_fields(row: ScheduleRow, project: str) -> dict[str, object]:
    """What digdag shows of a schedule, and what digpy knows besides."""
    fields: dict[str, object] = {
        "id": row.id,
        "project": project,
        "workflow": row.workflow,
        "disabled at": optional_time(row.disabled_at),
        "next session time": zoned_time(row.next_session_time, row.timezone),
        "next scheduled to run at": local_time(row.next_run_time),
    }
    if row.last_session_time is not None:
        fields["last session time"] = zoned_time(row.last_session_time, row.timezone)
    if row.error is not None:
        fields["error"] = row.error
    return fields


def schedule_as_json(row: ScheduleRow, project: str) -> Params:
    """A schedule in digdag's shape; what digdag does not know comes last."""
    last = row.last_session_time
    return {
        "id": str(row.id),
        "project": {"id": str(row.project), "name": project},
        "workflow": {"id": str(row.workflow_id), "name": row.workflow},
        "nextRunTime": instant(row.next_run_time),
        "nextScheduleTime": session_text(row.next_session_time, row.timezone),
        "disabledAt": instant(row.disabled_at),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "lastSessionTime": None if last is None else session_text(last, row.timezone),
        "error": row.error,
    }


def written_instant(written: str, option: str, now: int) -> int:
    """UTC microseconds of ``now``, a UNIX timestamp, or ``yyyy-MM-dd HH:mm:ss +0900``.

    Raises `UsageError`.
    """
    if written == "now":
        return now
    if written.isdecimal() and len(written) < 12:  # up to the year 5138
        return int(written) * SECOND
    match = _TIME.fullmatch(written)
    if match is None:
        raise UsageError(
            f'{option} "{written}" is not understood\n'
            '    help: write now, a UNIX timestamp, or "yyyy-MM-dd HH:mm:ss +0000"'
        )
    try:
        found = datetime.fromisoformat("{}T{}{}:{}".format(*match.groups()))
        return int(found.timestamp()) * SECOND
    except (ValueError, OverflowError) as error:  # a month 13
        raise UsageError(f'{option} "{written}" is no time: {error}') from error
