"""``--session``: what a person writes, and the instant that is meant.

Follows digdag 0.10.5's ``run``; accepted besides: ``now``, ``today`` and a ``T`` between date and
time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from digpy.dsl.model import Workflow
from digpy.dsl.timezones import zone
from digpy.errors import UsageError
from digpy.expr.builtin import instant_text, session_parameters
from digpy.values import SECOND, Params

_WRITTEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def session_time(written: str, workflow: Workflow, now: int, last: int | None) -> int:
    """The session time that `written` means for `workflow`, UTC microseconds, in whole seconds.

    ``last`` is the newest session of the workflow (`last`), else the session of its schedule before
    `now`, else today's midnight. Raises `UsageError` that names the accepted forms.
    """
    local = (_EPOCH + timedelta(microseconds=now)).astimezone(zone(workflow.timezone))
    if written == "last" and last is not None:
        return last
    if written in ("last", "schedule") and workflow.schedule is not None:
        from digpy.control.triggers import trigger_of  # on use: most workflows have no schedule

        return trigger_of(workflow.schedule, workflow.timezone).previous_before(now).session_time
    if written in ("last", "daily", "today"):
        return _instant(local.replace(hour=0, minute=0, second=0, microsecond=0))
    if written == "hourly":
        return _instant(local.replace(minute=0, second=0, microsecond=0))
    if written == "now":
        return _instant(local.replace(microsecond=0))
    if written == "schedule":
        raise UsageError(
            f"--session schedule is set, but {workflow.name}.dig has no schedule\n"
            '    help: write the time that is meant: --session "yyyy-MM-dd[ HH:mm:ss]"'
        )
    words = "last, daily, hourly, schedule, today, now, or "
    return local_instant(written, workflow.timezone, "--session", words)


def local_instant(written: str, timezone: str, option: str, words: str = "") -> int:
    """The instant (UTC microseconds) of ``yyyy-MM-dd[ HH:mm:ss]`` in a zone.

    Raises `UsageError` that names `option`, and `words` which it takes besides.
    """
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise UsageError(
            f'{option} "{written}" is not understood\n'
            f'    help: write {words}"yyyy-MM-dd[ HH:mm:ss]" in the workflow\'s time zone'
            f" ({timezone})"
        )
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return _instant(datetime(year, month, day, hour, minute, second, tzinfo=zone(timezone)))
    except (ValueError, OverflowError) as error:  # a month 13; the year 0, in UTC
        raise UsageError(f'{option} "{written}" is no date: {error}') from error


def _instant(local: datetime) -> int:
    return (local.astimezone(UTC) - _EPOCH) // timedelta(seconds=1) * SECOND


def attempt_parameters(
    params: Params, workflow: Workflow, session_time: int, last_executed: int | None = None
) -> Params:
    """`params`, and the neighbours of `session_time` if `workflow` has a schedule.

    `last_executed` is the session that its schedule started last.
    """
    if workflow.schedule is None:
        return params
    from digpy.control.triggers import trigger_of

    trigger = trigger_of(workflow.schedule, workflow.timezone)
    last = trigger.previous_before(session_time).session_time
    following = trigger.next_after(session_time).session_time
    return session_parameters(params, workflow.timezone, (last, following), last_executed)


def session_text(instant: int, timezone: str) -> str:
    """``2016-01-30T00:00:00+09:00``: how session times are shown."""
    return instant_text(instant, zone(timezone))


def session_option(instant: int, timezone: str) -> str:
    """``2016-01-30`` or ``2016-01-30 01:00:00``: what `local_instant` takes for `instant`."""
    text = session_text(instant, timezone)[:19]
    return text.removesuffix("T00:00:00").replace("T", " ")
