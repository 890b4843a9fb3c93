"""``--session``: what a person writes, and the instant that is meant.

Follows digdag 0.10.5's ``run``; accepted besides: ``now``, ``today`` and a ``T`` between date and
time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from digpy.dsl.timezones import zone
from digpy.errors import UsageError
from digpy.expr.builtin import instant_text
from digpy.values import SECOND

_WRITTEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def session_time(written: str, timezone: str, now: int, last: int | None) -> int:
    """The session time that `written` means in `timezone`, UTC microseconds, in whole seconds.

    ``last`` is the newest session of the workflow (`last`), else today's midnight. Raises
    `UsageError` that names the accepted forms.
    """
    local = (_EPOCH + timedelta(microseconds=now)).astimezone(zone(timezone))
    if written == "last" and last is not None:
        return last
    if written in ("last", "daily", "today"):
        return _instant(local.replace(hour=0, minute=0, second=0, microsecond=0))
    if written == "hourly":
        return _instant(local.replace(minute=0, second=0, microsecond=0))
    if written == "now":
        return _instant(local.replace(microsecond=0))
    if written == "schedule":
        raise UsageError(
            "--session schedule needs schedules, which digpy does not compute yet\n"
            '    help: write the time that is meant: --session "yyyy-MM-dd[ HH:mm:ss]"'
        )
    match = _WRITTEN.fullmatch(written)
    if match is not None:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        try:
            return _instant(datetime(year, month, day, hour, minute, second, tzinfo=local.tzinfo))
        except (ValueError, OverflowError) as error:  # a month 13; the year 0, in UTC
            raise UsageError(f'--session "{written}" is no date: {error}') from error
    raise UsageError(
        f'--session "{written}" is not understood\n'
        '    help: write last, daily, hourly, today, now, or "yyyy-MM-dd[ HH:mm:ss]" in the'
        f" workflow's time zone ({timezone})"
    )


def _instant(local: datetime) -> int:
    return (local.astimezone(UTC) - _EPOCH) // timedelta(seconds=1) * SECOND


def session_text(instant: int, timezone: str) -> str:
    """``2016-01-30T00:00:00+09:00``: how session times are shown."""
    return instant_text(instant, zone(timezone))
