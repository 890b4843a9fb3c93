"""Records as lines: what people read, and scripts search for ``status:`` and ``attempt id:``.

Follows digdag 0.10.5: labels and their order; instants are shown in the zone of this machine,
session times in that of the workflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from digpy.cli.view import length_text
from digpy.control.resources import AttemptDetails, Waiting, status
from digpy.control.session_times import session_text
from digpy.log import local_time
from digpy.store.attempts import AttemptRow
from digpy.values import to_json

Fields = Mapping[str, object]


def record(fields: Fields, indent: int = 2) -> Iterator[str]:
    """A line for each field, then an empty one. None is an empty value."""
    for label, value in fields.items():
        text = "" if value is None else str(value)
        yield f"{' ' * indent}{label}: {text}".rstrip(" ")
    yield ""


def json_text(answer: object) -> str:
    """What ``--json`` answers with."""
    return json.dumps(answer, ensure_ascii=False, indent=2)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a line for each of `rows`, as wide as the terminal allows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for cells in rows:
        table.add_row(*map(Text, cells))  # as it is: a name may look like markup
    Console().print(table)


def attempt_fields(row: AttemptRow, project: str) -> dict[str, object]:
    """What digdag shows of an attempt."""
    return {
        "session id": row.session,
        "attempt id": row.id,
        "uuid": row.session_uuid,
        "project": project,
        "workflow": row.workflow,
        "session time": zoned_time(row.session_time, row.timezone),
        "retry attempt name": row.retry_attempt_name,
        "params": to_json(row.params),
        "created at": local_time(row.created_at),
        "kill requested": str(row.canceling_since is not None).lower(),
        "status": status(row),
        "finished at": optional_time(row.ended_at),
    }


def detail_fields(details: AttemptDetails, leader: str, now: int) -> dict[str, object]:
    """What digpy knows besides; `leader` says who runs the attempt."""
    row = details.row
    ended = row.ended_at or now
    fields: dict[str, object] = {
        "phase": row.phase,
        "cause": row.cause,
        "reason": row.reason,
        "started at": optional_time(row.started_at),
        "duration": None if row.started_at is None else length_text(ended - row.started_at),
        "revision": details.revision[:12],
        "run by": leader,
        "launches": row.epoch,
        "lost workers": row.losses_total,
        "waits for": "; ".join(waits(row, details.waiting)) or None,
        "required by": ", ".join(map(str, details.required_by)) or None,
        "superseded by": row.superseded_by,
    }
    if row.unclean:
        fields["unclean"] = "something of it may still run: digpy doctor"
    return fields


def waits(row: AttemptRow, waiting: Iterable[Waiting]) -> Iterator[str]:
    """What an attempt waits for, in words."""
    if row.waiting_reason is not None and not row.is_done:
        yield row.waiting_reason
    for task in waiting:
        if task.awaits is not None:
            yield f"{task.full_name}: attempt {task.awaits}"
        elif task.until is not None:
            yield f"{task.full_name}: until {local_time(task.until)}"


def zoned_time(at: int, timezone: str) -> str:
    """``2016-01-30 00:00:00 +0900``."""
    text = session_text(at, timezone)
    return f"{text[:10]} {text[11:19]} {text[19:].replace(':', '')}"


def optional_time(at: int | None) -> str | None:
    """An instant in the zone of this machine, if there is one."""
    return None if at is None else local_time(at)
