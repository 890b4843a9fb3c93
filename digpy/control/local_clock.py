"""What a local time means: an instant, also where the clock of its zone changes.

There a local time means two instants, or none; the later reading counts. A time that is skipped in
spring moves behind the change by as much as the clock was moved, and of a time that comes twice in
autumn it is the second. Follows digdag 0.10.5, in which Java's calendar does the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from digpy.dsl.timezones import zone

DAY = 86_400
"""Seconds in a day without a change of the clock."""

EPOCH_DAY = date(1970, 1, 1).toordinal()

FIRST = (date(1, 1, 3).toordinal() - EPOCH_DAY) * DAY
END = (date(9999, 1, 1).toordinal() - EPOCH_DAY) * DAY
"""Seconds since the epoch, as `FIRST`; instants between the two can be written in every zone."""

_WINDOW = 25 * 3600
"""Seconds: no clock was ever changed by more than a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.replace(tzinfo=None)


class LocalClock:
    """The clock of the zone called `timezone`; `ConfigError` if there is none.

    Everything is in whole seconds: instants since the epoch, local times since 1970-01-01T00:00:00
    on the wall.
    """

    __slots__ = ("_fixed", "_info")

    def __init__(self, timezone: str) -> None:
        self._info = zone(timezone)
        fixed = self._info.utcoffset(None)
        self._fixed = None if fixed is None else int(fixed.total_seconds())

    def local(self, instant: int) -> int:
        """What the clock shows at `instant`."""
        return instant + self._offset(instant)

    def instant(self, local: int) -> tuple[int, bool]:
        """What `local` means, and whether the clock never shows it."""
        if self._fixed is not None:
            return local - self._fixed, False
        written = (_LOCAL_EPOCH + timedelta(seconds=local)).replace(tzinfo=self._info)
        first, second = _seconds(written), _seconds(written.replace(fold=1))
        return local - min(first, second), first < second

    def midnight(self, day: date, days_later: int = 0) -> int:
        """The instant at which `day`, or the day so much later, begins; `END` at most."""
        local = (day.toordinal() - EPOCH_DAY + days_later) * DAY
        return END if local >= END else self.instant(local)[0]

    def local_span(self, instant: int) -> tuple[int, int]:
        """The smallest and the largest local time that can mean an instant next to `instant`."""
        if self._fixed is not None:
            return instant + self._fixed, instant + self._fixed
        around = (instant - _WINDOW, instant, instant + _WINDOW)
        offsets = [self._offset(at) for at in around]
        return instant + min(offsets), instant + max(offsets)

    def shown_before(self, instant: int) -> int:
        """What the clock would show at `instant` without a change in the day before."""
        return instant + self._offset(max(instant - _WINDOW, FIRST))

    def _offset(self, instant: int) -> int:
        if self._fixed is not None:
            return self._fixed
        return _seconds((_EPOCH + timedelta(seconds=instant)).astimezone(self._info))


def _seconds(local: datetime) -> int:
    offset = local.utcoffset()
    return 0 if offset is None else offset.days * DAY + offset.seconds
