"""Changing the limits of a live attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.config import load
from digpy.control.limit_changes import change_limits
from digpy.control.limits import effective_limits, value
from digpy.errors import Conflict, NotFound
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction, open_database
from digpy.store.phases import Phase
from digpy.values import SECOND, Template
from tests.support.store import CREATED, new_attempt, running_attempt

HOUR = 3600 * SECOND


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    database = open_database(tmp_path / "digpy.db", durability="relaxed")
    with database.transaction() as tx:
        yield tx
    database.close()


def never(template: Template) -> str:
    raise AssertionError(template)


LIMITS = effective_limits({"run_timeout": HOUR}, {}, load({}), never)


def change(
    tx: Transaction, attempt: int, *settings: str, at: int = CREATED + 2, **given: int | None
) -> AttemptRow:
    return change_limits(tx, attempt, given, load({}, None, settings), at, "user")


def canceling(tx: Transaction, cause: str) -> int:
    attempt = running_attempt(tx, limits=LIMITS)
    attempt_rows.set_phase(tx, attempt, Phase.RUNNING, Phase.CANCELING, CREATED + 2, cause=cause)
    return attempt


def test_the_new_limit_holds(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    row = change(tx, attempt, run_timeout=4 * HOUR)
    assert row.limits["run_timeout"] == {"value": 4 * HOUR, "origin": "attempt"}


def test_other_limits_stay(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    row = change(tx, attempt, cancel_timeout=5 * SECOND)
    assert row.limits["run_timeout"] == LIMITS["run_timeout"]


def test_a_limit_can_be_switched_off(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    assert value(change(tx, attempt, run_timeout=None), "run_timeout") is None


def test_a_change_is_written_down(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    change(tx, attempt, run_timeout=4 * HOUR)
    event = event_rows.of_attempt(tx, attempt)[-1]
    assert (event.kind, event.actor) == ("limits.changed", "user")
    assert event.data == {
        "old": {"run_timeout": HOUR},
        "new": {"run_timeout": {"value": 4 * HOUR, "origin": "attempt"}},
    }


def test_the_administrators_cap_holds_here_too(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    row = change(tx, attempt, "supervisor.max_run_timeout=2h", run_timeout=4 * HOUR)
    assert value(row, "run_timeout") == 2 * HOUR


def test_a_limit_that_has_fired_stays(tx: Transaction) -> None:
    attempt = canceling(tx, "run_timeout")
    with pytest.raises(Conflict, match="run_timeout of attempt 1 has passed already"):
        change(tx, attempt, run_timeout=4 * HOUR)


def test_a_limit_that_has_passed_and_is_about_to_fire_stays(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    with pytest.raises(Conflict, match="has passed already"):
        change(tx, attempt, at=CREATED + 1 + HOUR, run_timeout=4 * HOUR)


def test_a_limit_that_does_not_matter_any_more_is_refused(tx: Transaction) -> None:
    attempt = canceling(tx, "user")
    with pytest.raises(Conflict, match="is canceling: run_timeout does not matter any more"):
        change(tx, attempt, run_timeout=4 * HOUR)


def test_while_it_stops_the_cancel_timeout_can_be_changed(tx: Transaction) -> None:
    attempt = canceling(tx, "user")
    assert value(change(tx, attempt, cancel_timeout=HOUR), "cancel_timeout") == HOUR


def test_the_number_of_resumes_can_be_changed(tx: Transaction) -> None:
    attempt = new_attempt(tx, limits=LIMITS)
    assert value(change(tx, attempt, max_resumes=9), "max_resumes") == 9


def test_an_attempt_that_has_ended_keeps_its_limits(tx: Transaction) -> None:
    attempt = running_attempt(tx, limits=LIMITS)
    attempt_rows.set_phase(tx, attempt, Phase.RUNNING, Phase.SUCCESS, CREATED + 2)
    with pytest.raises(Conflict, match="attempt 1 has ended already: success"):
        change(tx, attempt, run_timeout=HOUR)


def test_there_must_be_such_an_attempt(tx: Transaction) -> None:
    with pytest.raises(NotFound, match="attempt 9 does not exist"):
        change(tx, 9, run_timeout=HOUR)
