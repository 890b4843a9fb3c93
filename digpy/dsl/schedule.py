"""``schedule:``: when sessions are due, as written. Computing times is `digpy.control.triggers`.

Follows digdag 0.10.5, which knows ``cron> daily> hourly> weekly> monthly> minutes_interval>`` and,
undocumented, ``seconds_interval>``. Ours are ``every``, ``catchup`` and ``catchup_limit``. Whatever
cannot be used is refused where it is written; digdag finds most of it at push, and some of it when
a session should start.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from digpy.dsl.nodes import MappingNode, key_span, value_span
from digpy.dsl.options import Unsuitable, boolean
from digpy.dsl.schedule_types import TYPES, WITH_AT, WITH_DELAY, Calendar, Interval
from digpy.dsl.written import Unreadable, count_of, day, duration, problem_of, seconds_of
from digpy.errors import CompileError
from digpy.source import Problem, Span, sort_problems
from digpy.values import Json, Params, to_json

CatchUp = Literal["all", "latest", "none"]

MOST_CAUGHT_UP = 1000
"""What ``catchup_limit`` may be at most."""

_CATCH_UPS: tuple[CatchUp, ...] = ("all", "latest", "none")
_OPTIONS = (
    "start",
    "end",
    "skip_on_overtime",
    "skip_delayed_by",
    "catchup",
    "catchup_limit",
    "delay",
)

T = TypeVar("T")


class ScheduleDefinition(NamedTuple):
    """A schedule, read.

    Attributes:
        kind: its type, without the ``>``.
        calendar: its session times.
        delay: seconds from a session time to its run time; may be negative.
        start: the first day on which sessions run, in the zone of the workflow.
        end: the last such day.
        skip_on_overtime: no session is started while an attempt of the workflow is active.
        skip_delayed_by: microseconds after its run time from which on a session is not started.
        catchup: which of several sessions that are due are started.
        catchup_limit: how many of them at most; the older ones are skipped.
    """

    kind: str
    calendar: Calendar
    delay: int
    start: date | None
    end: date | None
    skip_on_overtime: bool
    skip_delayed_by: int | None
    catchup: CatchUp
    catchup_limit: int | None


def read_schedule(mapping: Params) -> ScheduleDefinition:
    """Read the value of ``schedule:``. Raises `CompileError` with all that is wrong in it."""
    reader = _Reader(mapping)
    schedule = reader.read()
    if reader.problems:
        raise CompileError(sort_problems(reader.problems))
    return schedule


class _Reader:
    """Reads a schedule and collects what is wrong in it."""

    def __init__(self, mapping: Params) -> None:
        self._mapping = mapping
        self.problems: list[Problem] = []

    def read(self) -> ScheduleDefinition:
        kind, key = self._kind()
        calendar: Calendar = ()
        delay = 0
        if kind:
            calendar, delay = self._value(key, TYPES[kind], (calendar, delay))
            self._refuse_unknown(kind, key)
        if kind in WITH_DELAY:
            delay = self._option("delay", seconds_of, 0)
        start, end = self._days(kind)
        if isinstance(calendar, Interval) and calendar.since and start:
            calendar = calendar._replace(since=start)
        return ScheduleDefinition(
            kind,
            calendar,
            delay,
            start,
            end,
            self._option("skip_on_overtime", partial(boolean, "skip_on_overtime"), False),
            self._option("skip_delayed_by", duration, None),
            *self._catch_up(),
        )

    def _kind(self) -> tuple[str, str]:
        """The type of the schedule, empty if there is none, and the key that has its value."""
        mapping = self._mapping
        key = next((key for key in mapping if key[-1:] == ">"), "every")
        key = "_type" if "_type" in mapping else key
        if key not in mapping:
            self._no_type()
            return "", key
        kind = mapping[key] if key == "_type" else key.removesuffix(">")
        if not isinstance(kind, str) or kind not in TYPES or key == "every>":
            self._unknown_type(key, kind)
            return "", key
        if key == "_type":
            key = "at" if "at" in mapping and kind in WITH_AT else "_command"
        if key not in mapping:
            self._problem(
                f"the schedule has no {key}", key_span(mapping, "_type"), f"{kind} needs a value"
            )
            return "", key
        return kind, key

    def _no_type(self) -> None:
        from digpy.dsl.suggest import closest

        # A type without its ">" is the usual reason.
        meant = [(key, kind) for key in self._mapping if (kind := closest(key, TYPES))]
        self._problem(
            "the schedule has no type",
            key_span(self._mapping, meant[0][0]) if meant else None,
            "the type says when sessions are due",
            f'did you mean "{_key(meant[0][1])}"?' if meant else 'for example daily>: "07:00:00"',
        )

    def _unknown_type(self, key: str, kind: Json) -> None:
        from digpy.dsl.suggest import closest

        meant = closest(str(kind).strip(), TYPES)
        self._problem(
            f"unknown type of schedule {to_json(kind)}",
            (value_span if key == "_type" else key_span)(self._mapping, key),
            None,
            f'did you mean "{_key(meant)}"?'
            if meant
            else "there are " + ", ".join(_key(kind) for kind in TYPES),
        )

    def _refuse_unknown(self, kind: str, key: str) -> None:
        for name in self._mapping:
            if name == "delay" and kind not in WITH_DELAY:
                self._problem(
                    f"delay has no effect with {kind}>",
                    key_span(self._mapping, name),
                    f"the time in {kind}> is the delay",
                )
            elif name not in (key, "_type", "_command", *_OPTIONS):
                self._unknown_option(name)

    def _unknown_option(self, name: str) -> None:
        from digpy.dsl.suggest import did_you_mean

        advice = did_you_mean(name, _OPTIONS)
        if name == "timezone":
            advice = "timezone stands at the top of the file"
        elif name == "every" or name[-1:] == ">":
            advice = "a schedule has one type; patterns of cron> can be joined by |"
        span = key_span(self._mapping, name)
        self._problem(f'unknown option "{name}" in schedule', span, None, advice)

    def _days(self, kind: str) -> tuple[date | None, date | None]:
        start, end = self._option("start", day, None), self._option("end", day, None)
        if start is not None and end is not None and end < start:
            self._problem(
                "the schedule ends before it starts",
                value_span(self._mapping, "end"),
                f"it starts on {start}",
            )
        # digdag 0.10.5 does not look at them here either.
        return (None, None) if kind == "seconds_interval" else (start, end)

    def _catch_up(self) -> tuple[CatchUp, int | None]:
        policy: CatchUp = self._option("catchup", _catch_up, "all")
        limit = self._option("catchup_limit", _catch_up_limit, None)
        if limit is not None and policy != "all":
            self._problem(
                f"catchup_limit has no effect with catchup: {policy}",
                key_span(self._mapping, "catchup_limit"),
            )
        return policy, limit

    def _option(self, key: str, read: Callable[[Json], T], default: T) -> T:
        # As in digdag, null leaves an option out.
        return default if self._mapping.get(key) is None else self._value(key, read, default)

    def _value(self, key: str, read: Callable[[Json], T], default: T) -> T:
        try:
            return read(self._mapping[key])
        except Unsuitable as error:
            self.problems.append(problem_of(error, self._mapping, key))
            return default

    def _problem(
        self,
        message: str,
        span: Span | None,
        reason: str | None = None,
        advice: str | None = None,
    ) -> None:
        if span is None and isinstance(self._mapping, MappingNode):
            span = Span(self._mapping.source, self._mapping.start, self._mapping.end)
        self.problems.append(Problem(message, span, reason, advice))


def _key(kind: str) -> str:
    return kind if kind == "every" else f"{kind}>"


def _catch_up(value: Json) -> CatchUp:
    for policy in _CATCH_UPS:
        if value == policy:
            return policy
    raise Unreadable(
        f"{to_json(value)} is not a way to catch up", help="there are all, latest and none"
    )


def _catch_up_limit(value: Json) -> int:
    limit = count_of(value, "sessions")
    if limit > MOST_CAUGHT_UP:
        raise Unreadable(f"{limit} sessions are too many", reason=f"at most {MOST_CAUGHT_UP}")
    return limit
