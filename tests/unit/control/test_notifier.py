"""What digpy tells people by itself: when, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.control.notifier import kinds_of
from digpy.control.sessions import keep_project
from digpy.dsl.project import load_project
from digpy.errors import ConfigError
from digpy.spi import RetryLater
from digpy.store import notifications as notification_rows
from digpy.store import projects as project_rows
from digpy.store.notifications import NotificationRow
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.supervision import SLEEP, Supervised

TOLD = ("notification.type=shell", "notification.shell.command=true")
EVERYTHING = "notification.on=failure, crash, recovery"

Watched = Callable[..., Supervised]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Makes an attempt of which people are told; more settings as for `Supervised`."""
    made: list[Supervised] = []

    def make(workflow: str = SLEEP, *settings: str) -> Supervised:
        made.append(Supervised(tmp_path / str(len(made)), workflow, *TOLD, *settings))
        return made[-1]

    yield make
    for here in made:
        here.close()


def told(here: Supervised) -> list[NotificationRow]:
    with here.database.reading() as tx:
        return notification_rows.before(tx, None, 99)[::-1]


def kinds(here: Supervised) -> list[str]:
    return [row.kind for row in told(here)]


def started(here: Supervised) -> Any:
    """A supervisor whose worker is there."""
    supervisor = here.supervisor()
    here.hello()
    supervisor.tick()
    return supervisor


def finish(here: Supervised, *, alert: Any = None, failed: bool = False) -> None:
    """The attempt's program ends, then its alert if there is one."""
    (program,) = here.claim()
    here.report(program, {"message": "no"} if failed else None)
    if failed:
        (program,) = here.claim()
        here.report(program, alert)


def test_a_failure_whose_alert_was_sent_is_not_told_twice(watched: Watched) -> None:
    here = watched()
    started(here)

    finish(here, failed=True)

    assert here.ending() == (Phase.FAILURE, "task_error")
    assert told(here) == []


def test_a_failure_whose_alert_could_not_be_sent_is_told(watched: Watched) -> None:
    here = watched()
    started(here)

    finish(here, failed=True, alert={"message": "no mail server"})

    assert kinds(here) == ["failure"]


def test_a_failure_by_a_limit_is_told_although_no_task_says_so(watched: Watched) -> None:
    here = watched("_run_timeout: 1m\n" + SLEEP)
    supervisor = started(here)
    here.claim()

    here.sleep(supervisor, 61 * SECOND)
    here.obey()

    (row,) = told(here)
    assert (row.kind, row.body["reason"]) == ("failure", "run_timeout")


def test_an_attempt_that_exceeds_its_life_is_told_in_digdag_s_words(watched: Watched) -> None:
    here = watched(SLEEP, "executor.attempt_ttl=1m")
    supervisor = started(here)
    here.claim()

    here.sleep(supervisor, 61 * SECOND)
    here.obey()

    assert [row.body["message"] for row in told(here)] == ["Workflow execution timeout"]


def test_an_attempt_that_a_person_stopped_is_not_told(watched: Watched) -> None:
    here = watched()
    supervisor = started(here)
    here.claim()

    supervisor.kill("user")

    assert here.ending()[0] is Phase.CANCELED
    assert told(here) == []


def test_a_lost_worker_is_told(watched: Watched) -> None:
    here = watched()
    supervisor = started(here)

    here.die()
    supervisor.tick()

    (row,) = told(here)
    assert (row.kind, row.body["message"]) == ("crash", "Workflow session attempt lost its worker")


def test_every_lost_worker_is_told_once(watched: Watched) -> None:
    here = watched()
    supervisor = started(here)
    for _ in range(2):
        here.die()
        supervisor.tick()
        here.hello()
        supervisor.tick()

    assert [(row.kind, row.body["epoch"]) for row in told(here)] == [("crash", 1), ("crash", 2)]


def test_an_attempt_that_lost_too_many_workers_is_told_as_failed(watched: Watched) -> None:
    here = watched(SLEEP, "supervisor.max_resumes=0")
    supervisor = started(here)

    here.die()
    supervisor.tick()

    assert [(row.kind, row.body.get("reason")) for row in told(here)] == [
        ("crash", None),
        ("failure", "resume_exhausted"),
    ]


def test_a_success_after_a_crash_is_told_where_that_is_wanted(watched: Watched) -> None:
    here = watched(SLEEP, EVERYTHING)
    supervisor = started(here)
    here.die()
    supervisor.tick()
    here.hello()

    finish(here)

    assert here.ending()[0] is Phase.SUCCESS
    assert kinds(here) == ["crash", "recovery"]


def test_a_success_after_a_failure_of_the_workflow_is_told_where_that_is_wanted(
    watched: Watched,
) -> None:
    here = watched(SLEEP, EVERYTHING)
    started(here)
    finish(here, failed=True)
    here.attempt = here.new_attempt()
    started(here)

    finish(here)

    assert kinds(here) == ["recovery"]


def test_a_second_success_is_no_news(watched: Watched) -> None:
    here = watched(SLEEP, EVERYTHING)
    for _ in range(2):
        started(here)
        finish(here)
        here.attempt = here.new_attempt()

    assert told(here) == []


def test_recoveries_are_not_told_unless_that_is_wanted(watched: Watched) -> None:
    here = watched()
    started(here)
    finish(here, failed=True)
    here.attempt = here.new_attempt()
    started(here)

    finish(here)

    assert told(here) == []


def test_nothing_is_told_where_there_is_no_way_of_sending(tmp_path: Path) -> None:
    here = Supervised(tmp_path, SLEEP, "supervisor.max_resumes=0")
    supervisor = started(here)

    here.die()
    supervisor.tick()

    assert here.ending()[0] is Phase.FAILURE
    assert told(here) == []
    here.close()


def test_what_is_told_names_project_and_revision(watched: Watched) -> None:
    here = watched()
    supervisor = started(here)

    here.die()
    supervisor.tick()

    body = told(here)[0].body
    with here.database.transaction() as tx:
        project = load_project(here.project)
        workflows = list(project.workflows.values())
        revision, _ = keep_project(tx, project.content_hash, workflows, 0)
        kept = project_rows.load_revision(tx, revision)
    assert (body["project_name"], body["revision"]) == ("default", kept.content_hash)
    assert (body["attempt_id"], body["task_name"]) == (here.attempt, "+w")
    assert body["session_time"] == "1970-01-01T00:00:00+00:00"


def test_a_task_of_a_run_that_is_to_be_tried_again_waits_with_its_state(watched: Watched) -> None:
    here = watched("+tell:\n  notify>: hello\n")
    started(here)
    (request,) = here.claim()

    here.report(request, RetryLater(5 * SECOND, {"tries": 1}, warning="not sent"))

    assert here.claim() == []
    here.clock.advance(5 * SECOND)
    (again,) = here.claim()
    assert (again.fence, again.state) == (2, {"tries": 1})


def test_a_notification_knows_the_attempt_it_comes_from(watched: Watched) -> None:
    here = watched("+tell:\n  notify>: hello\n")
    started(here)

    (request,) = here.claim()

    assert request.identity["project_name"] == "default"
    assert request.identity["attempt_id"] == here.attempt


def test_kinds_are_separated_by_commas() -> None:
    assert kinds_of(" failure,crash ") == {"failure", "crash"}


def test_nothing_may_be_told() -> None:
    assert kinds_of("") == frozenset()


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'notification\.on contains "succes"; there are: fail'):
        kinds_of("failure, succes")
