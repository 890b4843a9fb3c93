"""A failed attempt is tried again as a whole, if its class of failure was named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.config import load
from digpy.control.attempt_retry import attempt_retry_rule, retry_at, start_again
from digpy.control.supervisor import Supervisor
from digpy.dsl.attempt_retry import AttemptRetry, parse_attempt_retry
from digpy.errors import ConfigError
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.supervision import SLEEP, Supervised

Make = Callable[[str], Supervised]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Supervised] = []

    def build(written: str) -> Supervised:
        made.append(Supervised(tmp_path, f"_attempt_retry: {written}\n_max_resumes: 0\n{SLEEP}"))
        return made[-1]

    yield build
    for each in made:
        each.close()


# What can be written


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (2, AttemptRetry(2)),
        ("2", AttemptRetry(2)),
        (0, AttemptRetry(0)),
        ({"limit": 1, "on": ["user", "limit"]}, AttemptRetry(1, ("user", "limit"))),
        ({"limit": 1, "interval": "1m 30s"}, AttemptRetry(1, interval=90 * SECOND)),
        ({"limit": 1, "interval": 5}, AttemptRetry(1, interval=5 * SECOND)),
    ],
)
def test_what_is_understood(written: Any, rule: AttemptRetry) -> None:
    assert parse_attempt_retry(written) == rule


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (-1, "no number from 0 up"),
        (True, "no number from 0 up"),
        (None, "no number from 0 up"),
        ({}, "needs a limit"),
        ({"limit": 1, "on": []}, "must be a list of infra, limit, user"),
        ({"limit": 1, "on": "infra"}, "must be a list of infra, limit, user"),
        ({"limit": 1, "on": ["weather"]}, "must be a list of infra, limit, user"),
        ({"limit": 1, "interval": -1}, "is no duration"),
        ({"limit": 1, "interval": "soon"}, "is no duration"),
        ({"limit": 1, "wait": 3}, "has no key wait"),
    ],
)
def test_what_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_attempt_retry(written)


def test_the_settings_hold_where_the_workflow_says_nothing() -> None:
    lines = ["supervisor.retry.max=3", "supervisor.retry.on=infra, limit"]
    found = attempt_retry_rule({}, load({}, None, lines))
    assert found["value"] == {"limit": 3, "on": ["infra", "limit"], "interval": 0}


def test_a_class_that_does_not_exist_is_refused_in_the_settings() -> None:
    with pytest.raises(ConfigError, match=r"supervisor\.retry\.on"):
        attempt_retry_rule({}, load({}, None, ["supervisor.retry.on=weather"]))


# What comes of it


def watched(site: Supervised) -> Supervisor:
    supervisor = site.supervisor()
    supervisor._start_again = lambda tx, row: start_again(tx, site.starter, row)
    return supervisor


def exhaust(site: Supervised, supervisor: Supervisor) -> None:
    """Lose the worker, which is one too many."""
    site.die()
    site.watch(supervisor, SECOND)


def test_a_failure_of_a_named_class_is_tried_again(make: Make) -> None:
    site = make("1")
    supervisor = watched(site)
    exhaust(site, supervisor)
    assert site.ending() == (Phase.FAILURE, "resume_exhausted")
    again = site.row(2)
    assert (again.phase, again.options["resumed_from"]) == (Phase.STARTING, 1)
    assert (site.row().superseded_by, len(site.launcher.workers)) == (2, 2)
    assert [standing.row.id for standing in supervisor.standings()] == [2, 1]


def test_a_failure_of_another_class_is_not(make: Make) -> None:
    site = make("{limit: 1, on: [limit, user]}")
    supervisor = watched(site)
    exhaust(site, supervisor)
    assert (supervisor.finished, len(supervisor.standings())) == (True, 1)


def test_what_was_canceled_is_not(make: Make) -> None:
    site = make("{limit: 1, on: [infra, limit, user]}")
    supervisor = watched(site)
    supervisor.cancel("user")
    exhaust(site, supervisor)
    assert (site.ending()[0], supervisor.finished) == (Phase.CANCELED, True)


def test_the_budget_ends(make: Make) -> None:
    site = make("2")
    supervisor = watched(site)
    for _ in range(3):
        exhaust(site, supervisor)
    assert supervisor.finished
    assert [standing.row.id for standing in supervisor.standings()] == [3, 1, 2]


def test_it_waits_for_the_interval(make: Make) -> None:
    site = make("{limit: 1, interval: 1m}")
    supervisor = watched(site)
    exhaust(site, supervisor)
    site.watch(supervisor, 58 * SECOND)
    assert len(supervisor.standings()) == 1
    site.watch(supervisor, 2 * SECOND)
    assert len(supervisor.standings()) == 2


def test_who_stops_it_while_it_waits_need_not_wait(make: Make) -> None:
    site = make("{limit: 1, interval: 1h}")
    supervisor = watched(site)
    exhaust(site, supervisor)
    assert not supervisor.finished
    supervisor.cancel("user")
    supervisor.tick()
    assert (supervisor.finished, len(supervisor.standings())) == (True, 1)


def test_with_a_name_it_stands_beside_the_first(make: Make) -> None:
    site = make("1")
    supervisor = site.supervisor()
    exhaust(site, supervisor)
    with site.database.transaction() as tx:
        again = start_again(tx, site.starter, site_row(site, tx), name="auto-1")
    assert (site.row(again).retry_attempt_name, site.row().superseded_by) == ("auto-1", None)
    assert site.row(again).command == again


def site_row(site: Supervised, tx: Any) -> Any:
    from digpy.store import attempts

    return attempts.load(tx, site.attempt)


def test_a_success_is_not_tried_again(make: Make) -> None:
    site = make("1")
    site.supervisor()
    site.hello()
    (request,) = site.claim()
    site.report(request)
    assert site.row().phase is Phase.SUCCESS
    assert retry_at(site.row()) is None


def test_the_next_attempt_can_be_queued(make: Make) -> None:
    site = make("1")
    exhaust(site, site.supervisor())
    with site.database.transaction() as tx:
        row = site_row(site, tx)
        again = start_again(tx, site.starter, row, name="auto-1", waits_for="its turn")
    assert (site.row(again).phase, site.row(again).waiting_reason) == (Phase.QUEUED, "its turn")
