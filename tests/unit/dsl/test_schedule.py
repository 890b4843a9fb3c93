"""What may stand in ``schedule:``, and what is said of the rest."""

from __future__ import annotations

from datetime import date

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.cron import LAST
from digpy.dsl.reader import read_text
from digpy.dsl.schedule import read_schedule
from digpy.dsl.schedule_types import Interval
from digpy.errors import CompileError
from digpy.source import Source
from digpy.values import SECOND, Params


def problems(schedule: str) -> list[str]:
    """What is drawn for a workflow file with this schedule."""
    node = read_text(Source("w.dig", f"schedule: {schedule}\n+a: {{echo>: a}}\n"))
    with pytest.raises(CompileError) as refused:
        compile_workflow(node, "w", path="w.dig")
    return [problem.render() for problem in refused.value.problems]


def test_everything_that_is_written_is_read() -> None:
    schedule = read_schedule(
        {
            "cron>": "0 10 * * *",
            "delay": "30m",
            "start": "2016-03-01",
            "end": "2016-03-31",
            "skip_on_overtime": True,
            "skip_delayed_by": "1h 30m",
            "catchup": "all",
            "catchup_limit": 3,
        }
    )

    assert schedule[2:] == (
        1800,
        date(2016, 3, 1),
        date(2016, 3, 31),
        True,
        5400 * SECOND,
        "all",
        3,
    )


def test_nothing_but_the_type_is_needed() -> None:
    assert read_schedule({"daily>": "07:00:00"})[2:] == (
        25_200,
        None,
        None,
        False,
        None,
        "all",
        None,
    )


def test_null_leaves_an_option_out() -> None:
    assert read_schedule({"cron>": "0 0 * * *", "start": None, "delay": None}).delay == 0


@pytest.mark.parametrize(
    ("schedule", "delay"),
    [
        ({"hourly>": "30:15"}, 1815),
        ({"daily>": "25:61:61"}, 25 * 3600 + 61 * 60 + 61),
        ({"daily>": "-1:00:00"}, -3600),
        ({"weekly>": "sun, 09:00:00"}, 32_400),
        ({"monthly>": "31,48:00:00"}, 172_800),
        ({"_type": "daily", "at": "07:00:00"}, 25_200),
        ({"_type": "daily", "_command": "07:00:00"}, 25_200),
        ({"cron>": "0 0 * * *", "delay": 1.5}, 1),
    ],
)
def test_a_session_runs_so_much_later(schedule: Params, delay: int) -> None:
    assert read_schedule(schedule).delay == delay


def test_every_is_counted_from_the_start_of_the_schedule() -> None:
    schedule = read_schedule({"every": "1h 30m", "start": "2016-03-01"})

    assert schedule.calendar == Interval(5400, date(2016, 3, 1))


def test_every_may_have_a_type_key_too() -> None:
    assert read_schedule({"_type": "every", "_command": "45m"}).calendar == Interval(
        2700, date(2000, 1, 1)
    )


def test_a_pattern_with_a_date_that_never_comes_is_left_out_of_a_union() -> None:
    calendar = read_schedule({"cron>": "0 0 30 2 *|0 0 L 2 *"}).calendar

    assert not isinstance(calendar, Interval)
    assert [pattern.days for pattern in calendar] == [{LAST}]


def test_all_that_is_wrong_is_said_at_once_and_where() -> None:
    assert problems(
        '\n  cron>: "0 24 * * *"\n  skip_on_over_time: true\n  start: 2016-02-30\n  catchup: some'
    ) == [
        'w.dig:2:13: error: "24" is not an hour\n'
        '    2 |   cron>: "0 24 * * *"\n'
        "      |             ^^\n"
        "    it is 0 to 23",
        'w.dig:3:3: error: unknown option "skip_on_over_time" in schedule\n'
        "    3 |   skip_on_over_time: true\n"
        "      |   ^^^^^^^^^^^^^^^^^\n"
        '    help: did you mean "skip_on_overtime"?',
        "w.dig:4:10: error: 2016-02-30 is not a day\n"
        "    4 |   start: 2016-02-30\n"
        "      |          ^^^^^^^^^^\n"
        "    day is out of range for month",
        'w.dig:5:12: error: "some" is not a way to catch up\n'
        "    5 |   catchup: some\n"
        "      |            ^^^^\n"
        "    help: there are all, latest and none",
    ]


def test_a_date_that_never_comes_is_refused_with_its_reason() -> None:
    (problem,) = problems('{cron>: "0 0 30,31 2 *"}')

    assert "a date that never comes" in problem
    assert "there is no day 30 in Feb" in problem


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("{}", "the schedule has no type"),
        ("{every>: 45m}", 'unknown type of schedule "every"'),
        ("{Daily>: 07:00:00}", 'unknown type of schedule "Daily"'),
        ("{_type: 1, _command: x}", "unknown type of schedule 1"),
        ("{_type: daily}", "the schedule has no _command"),
        ("{cron>: '@daily'}", "a cron pattern has 5 fields, and this one 1"),
        ("{cron>: '* * * * * *'}", "a cron pattern has 5 fields, and this one 6"),
        ("{cron>: ''}", "an empty cron pattern"),
        ("{cron>: '*/0 * * * *'}", '"0" is not a step'),
        ("{cron>: '*/5/2 * * * *'}", '"*/5/2" has more than one step'),
        ("{cron>: ', * * * *'}", '"," is not a minute'),
        ("{cron>: '1-2-3 * * * *'}", '"1-2-3" is not a minute'),
        ("{cron>: '0 0 ? * *'}", '"?" is not a day of the month'),
        ("{cron>: '0 0 * * sunday'}", '"sunday" is not a day of the week'),
        ("{daily>: 07:00}", '"07:00" is not a time of day'),
        ("{daily>: 600000:00:00}", '"600000:00:00" is too long'),
        ("{hourly>: '30'}", '"30" is not a time in the hour'),
        ("{weekly>: '-1,09:00:00'}", '"-1" is not a day of the week'),
        ("{weekly>: '1'}", '"1" is not a day and a time'),
        ("{monthly>: '32,09:00:00'}", '"32" is not a day of the month'),
        ("{minutes_interval>: 0}", "0 is not a number of minutes"),
        ("{seconds_interval>: -1}", "-1 is not a number of seconds"),
        ("{every: 45}", "45 is not a length of time"),
        ("{every: 0m}", "0m is no distance between sessions"),
        ("{daily>: ['07:00:00']}", '["07:00:00"] is not a text'),
        ("{daily>: 07:00:00, delay: 30}", "delay has no effect with daily>"),
        ("{daily>: 07:00:00, hourly>: '30:00'}", 'unknown option "hourly>" in schedule'),
        ("{daily>: 07:00:00, timezone: UTC}", 'unknown option "timezone" in schedule'),
        ("{daily>: 07:00:00, end: 2016-2-1}", '"2016-2-1" is not a day'),
        ("{daily>: 07:00:00, start: 2016-02-02, end: 2016-02-01}", "it starts on 2016-02-02"),
        ("{daily>: 07:00:00, skip_delayed_by: 30}", "30 is not a length of time"),
        ("{daily>: 07:00:00, skip_on_overtime: maybe}", "Expected 'true' or 'false'"),
        ("{daily>: 07:00:00, catchup: none, catchup_limit: 3}", "catchup_limit has no effect"),
        ("{daily>: 07:00:00, catchup_limit: 1001}", "1001 sessions are too many"),
    ],
)
def test_what_cannot_be_used_is_refused(schedule: str, message: str) -> None:
    (problem,) = problems(schedule)

    assert message in problem


@pytest.mark.parametrize(
    ("schedule", "advice"),
    [
        ("{daily: 07:00:00}", 'did you mean "daily>"?'),
        ("{evry: 45m}", 'did you mean "every"?'),
        ("{monthy>: '1,09:00:00'}", 'did you mean "monthly>"?'),
        ("{cron>: '@hourly'}", 'write "0 * * * *"'),
        ("{cron>: '0 0 1 january *'}", 'write "jan"'),
        ("{daily>: 07:00:00, timezone: UTC}", "timezone stands at the top of the file"),
    ],
)
def test_advice_is_given_where_it_can_be_guessed(schedule: str, advice: str) -> None:
    (problem,) = problems(schedule)

    assert problem.endswith(f"help: {advice}")


def test_a_schedule_of_a_group_is_a_parameter_and_not_looked_at() -> None:
    node = read_text(Source("w.dig", "+g:\n  schedule: {nonsense: 1}\n  +a: {echo>: a}\n"))

    assert compile_workflow(node, "w", path="w.dig").schedule is None
