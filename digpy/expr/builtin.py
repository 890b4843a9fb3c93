"""The variables every task has: ``session_time``, ``session_date`` ...

Their times are local to the workflow; time zones are `digpy.dsl.timezones`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from digpy.dsl.timezones import zone, zone_id
from digpy.values import Json, Params

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_OFFSET = timedelta(hours=18)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([+-])(\d\d):(\d\d)", re.ASCII)


SCHEDULE_TIMES = ("last_session_time", "next_session_time", "last_executed_session_time")
"""What `session_parameters` puts in."""


def instant_text(instant: int, info: tzinfo) -> str:
    """``2016-01-31T09:00:00+09:00``: an instant (UTC microseconds) as ``session_time`` shows it."""
    return _session_time(_local(instant, info))


def session_parameters(
    params: Mapping[str, Json],
    timezone: str,
    schedule: tuple[int, int] | None = None,
    last_executed: int | None = None,
) -> Params:
    """The parameters of an attempt: what was given, and the times of its schedule's neighbours.

    `schedule` is (last, next session time) in UTC microseconds, None for a workflow without one,
    which then gets no `last_executed` either. Follows digdag 0.10.5: ``AttemptBuilder``.
    """
    result = dict(params)
    if schedule is None:
        return result
    info = zone(timezone)
    last, following = schedule
    result["last_session_time"] = instant_text(last, info)
    result["next_session_time"] = instant_text(following, info)
    if last_executed is not None:
        result["last_executed_session_time"] = instant_text(last_executed, info)
    return result


class AttemptVariables:
    """The built-in variables of the tasks of one attempt; what they share is computed once.

    Raises `ConfigError` for an unknown `timezone`. `session_time` is in UTC microseconds.
    """

    __slots__ = ("_attempt", "_session", "_zone")

    def __init__(
        self,
        *,
        timezone: str,
        session_uuid: str,
        session_id: int,
        session_time: int,
        project_id: int,
        attempt_id: int,
        retry_attempt_name: str | None = None,
    ) -> None:
        self._zone = zone_id(timezone)
        local = _local(session_time, zone(timezone))
        self._session: Params = {
            "timezone": self._zone,
            "session_uuid": session_uuid,
            "session_time": _session_time(local),
            "session_id": session_id,
            **_derived("session", local),
        }
        self._attempt: Params = {"project_id": project_id}
        if retry_attempt_name is not None:
            self._attempt["retry_attempt_name"] = retry_attempt_name
        self._attempt["attempt_id"] = attempt_id

    def of_task(self, full_name: str, inherited: Mapping[str, Json]) -> Params:
        """The variables of one task, in digdag's order; they override what is inherited.

        `inherited` are the merged parameters of the task, raw: its ``last_session_time``,
        ``next_session_time`` and ``last_executed_session_time`` decide which of the derived
        variables exist.
        """
        executed = inherited.get("last_executed_session_time")
        return {
            **self._session,
            **_neighbour("last_session", inherited.get("last_session_time"), self._zone),
            **(
                _never_executed(self._zone)
                if executed is None
                else _neighbour("last_executed_session", executed, self._zone)
            ),
            **_neighbour("next_session", inherited.get("next_session_time"), self._zone),
            **self._attempt,
            "task_name": full_name,
        }


def _local(instant: int, info: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(info)


def _session_time(local: datetime) -> str:
    offset = local.strftime("%z")
    return f"{_date(local)}T{local:%H:%M:%S}{offset[:3]}:{offset[3:5]}"


def _date(local: datetime) -> str:
    return f"{local.year:04}-{local.month:02}-{local.day:02}"  # %Y does not pad in every C library


def _derived(prefix: str, local: datetime) -> Params:
    date = _date(local)
    return {
        f"{prefix}_date": date,
        f"{prefix}_date_compact": date.replace("-", ""),
        f"{prefix}_local_time": f"{date} {local:%H:%M:%S}",
        f"{prefix}_tz_offset": local.strftime("%z")[:5],
        f"{prefix}_unixtime": (local - _EPOCH) // timedelta(seconds=1),
    }


def _neighbour(prefix: str, time: Json, zone_name: str) -> Params:
    return _neighbour_of_text(prefix, time, zone_name) if isinstance(time, str) else {}


@lru_cache(maxsize=64)
def _neighbour_of_text(prefix: str, text: str, zone_name: str) -> Params:
    instant = _parse(text)
    try:
        return {} if instant is None else _derived(prefix, instant.astimezone(zone(zone_name)))
    except OverflowError:  # in that zone it is another year than 1 to 9999
        return {}


@lru_cache(maxsize=64)
def _never_executed(zone_name: str) -> Params:
    return {
        "last_executed_session_time": "",
        "last_executed_session_date": "",
        "last_executed_session_date_compact": "",
        "last_executed_session_local_time": "",
        "last_executed_session_tz_offset": _EPOCH.astimezone(zone(zone_name)).strftime("%z")[:5],
        "last_executed_session_unixtime": "",
    }


def _parse(text: str) -> datetime | None:
    """An instant in the form of ``session_time``; digdag reads no other, not even ``Z``."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    if int(found[9]) > 59 or offset > _LARGEST_OFFSET:
        return None
    info = timezone(-offset if found[7] == "-" else offset)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=info)
    except ValueError:
        return None
