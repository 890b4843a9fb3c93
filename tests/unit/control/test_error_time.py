"""``_run_timeout: {run_error: true}``: handlers are told of the limit, in a time of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from digpy.config import load
from digpy.control.attempt_retry import start_again
from digpy.control.limits import limits_of, value
from digpy.control.supervisor import ANSWER, Supervisor
from digpy.dsl.compiler import compile_workflow
from digpy.errors import ConfigError
from digpy.spi import TaskRequest
from digpy.store import attempts as attempt_rows
from digpy.store.phases import Phase
from digpy.values import SECOND, Params, Template
from tests.support.engine import compile_dict
from tests.support.supervision import SLEEP, Supervised

MINUTE = 60 * SECOND

WORKFLOW = f"""\
_run_timeout: {{after: 1m, run_error: true, error_timeout: 5m}}
_cancel_timeout: 30s
_attempt_retry: {{limit: 1, on: [limit]}}
_error: {{sh>: tell}}
{SLEEP}"""

Stop = Callable[[], tuple[Supervisor, TaskRequest]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Supervised]:
    site = Supervised(tmp_path, WORKFLOW)
    yield site
    site.close()


@pytest.fixture
def overdue(site: Supervised) -> Supervisor:
    """The supervisor of an attempt whose time is over; its worker has been told to stop."""
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.watch(supervisor, MINUTE)
    assert site.asked() == ["run_timeout"]
    return supervisor


def told(site: Supervised) -> TaskRequest:
    """What runs after all that ran has stopped."""
    site.obey()
    (request,) = site.claim()
    return request


@pytest.mark.usefixtures("overdue")
def test_the_handler_is_told_what_has_happened(site: Supervised) -> None:
    request = told(site)
    assert request.full_name == "+w^error"
    assert request.params["error"] == {"message": "timed out after 1m"}


@pytest.mark.usefixtures("overdue")
def test_the_attempt_ends_with_its_handler_and_for_the_limit(site: Supervised) -> None:
    request = told(site)
    assert site.row().phase is Phase.CANCELING
    site.report(request)
    assert site.ending() == (Phase.FAILURE, "run_timeout")


def test_while_work_is_being_stopped_the_cancel_timeout_holds(
    site: Supervised, overdue: Supervisor
) -> None:
    site.executor.cancel(site.attempt, "run_timeout", "supervisor")
    site.watch(overdue, 30 * SECOND - 1)
    assert not site.is_killed()
    site.watch(overdue, 1)
    assert site.is_killed()


def test_then_the_handler_has_its_own_time(site: Supervised, overdue: Supervisor) -> None:
    site.watch(overdue, SECOND)
    told(site)
    site.watch(overdue, 5 * MINUTE - 1)
    assert not site.is_killed()
    site.watch(overdue, 1)
    assert site.is_killed()
    site.watch(overdue, ANSWER)
    assert site.ending() == (Phase.FAILURE, "run_timeout")


@pytest.mark.usefixtures("overdue")
def test_the_change_of_the_limit_is_noted_once(site: Supervised) -> None:
    site.report(told(site))
    (event,) = site.events("limits.changed")
    assert event.data["old"] == {"cancel_timeout": 30 * SECOND}
    assert event.data["new"] == {
        "cancel_timeout": {"value": 5 * MINUTE, "origin": "error_timeout of _run_timeout"}
    }


@pytest.mark.usefixtures("overdue")
def test_the_next_attempt_has_the_cancel_timeout_that_was_written(site: Supervised) -> None:
    site.report(told(site))
    failed = site.row()
    with site.database.transaction() as tx:
        again = start_again(tx, site.starter, failed, name="auto-1")
        row = attempt_rows.load(tx, again)
    assert value(row, "cancel_timeout") == 30 * SECOND


@pytest.mark.usefixtures("overdue")
def test_a_second_request_while_the_handler_runs_changes_nothing(site: Supervised) -> None:
    request = told(site)
    site.executor.cancel(site.attempt, "user", "test")
    site.report(request)
    assert site.ending() == (Phase.FAILURE, "run_timeout")


def test_another_limit_is_not_told(site: Supervised) -> None:
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    supervisor.cancel("user")
    site.obey()
    assert site.ending() == (Phase.CANCELED, "user")


# What can be written


def found(written: object, *settings: str, **directives: object) -> dict[str, Any]:
    workflow = compile_dict({"_run_timeout": written, **directives})
    return limits_of(workflow, load({}, None, settings), lambda text: text.replace("${n}", "7"))


def test_lengths_may_be_templates() -> None:
    lengths = {"after": Template("${n}h"), "run_error": True, "error_timeout": Template("${n}m")}
    limits = found(lengths)
    assert limits["run_timeout"]["value"] == 7 * 60 * MINUTE
    assert limits["error_timeout"]["value"] == 7 * MINUTE


def test_a_handler_without_a_time_of_its_own_has_that_of_a_cancel() -> None:
    limits = found({"after": "1h", "run_error": True}, _cancel_timeout="20s")
    assert limits["error_timeout"]["value"] == 20 * SECOND


def test_the_cap_of_the_cancel_timeout_holds_for_handlers_too() -> None:
    limits = found(
        {"after": "1h", "run_error": True, "error_timeout": "1h"},
        "supervisor.max_cancel_timeout=1m",
    )
    assert limits["error_timeout"]["value"] == MINUTE


@pytest.mark.parametrize("written", ["1h", {"after": "1h"}, {"after": "1h", "run_error": False}])
def test_handlers_are_told_only_if_that_is_written(written: object) -> None:
    limits = found(written)
    assert limits["run_timeout"]["value"] == 60 * MINUTE
    assert "error_timeout" not in limits


def test_it_may_stand_below_export() -> None:
    mapping: Params = {"after": "1h", "run_error": True, "error_timeout": "1m"}
    workflow = compile_workflow({"_export": {"digpy": {"run_timeout": mapping}}}, "w", path="w.dig")
    limits: Mapping[str, Any] = limits_of(workflow, load({}), str)
    assert limits["run_timeout"] == {"value": 60 * MINUTE, "origin": "export"}
    assert limits["error_timeout"]["value"] == MINUTE


@pytest.mark.parametrize(
    "mapping",
    [
        {"after": "1h", "run_error": True, "error_timeout": Template("0")},
        {"after": "1h", "run_error": True, "error_timeout": Template("soon")},
    ],
)
def test_what_a_template_makes_is_checked(mapping: Params) -> None:
    workflow = compile_dict({})._replace(limits={"_run_timeout": mapping})
    with pytest.raises(ConfigError, match="error_timeout of _run_timeout"):
        limits_of(workflow, load({}), str)


def test_what_is_wrong_below_export_is_refused() -> None:
    workflow = compile_dict({"_export": {"digpy": {"run_timeout": {"run_error": True}}}})
    with pytest.raises(ConfigError, match="_run_timeout needs after"):
        limits_of(workflow, load({}), str)
