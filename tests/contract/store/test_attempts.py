"""Sessions happen once; attempts move only by the guards."""

from __future__ import annotations

from itertools import product

import pytest

from digpy.errors import InternalError, NotFound
from digpy.store import attempts
from digpy.store.database import Database, Transaction
from digpy.store.phases import CAUSES, MOVES, REASONS, TERMINAL, Phase
from digpy.values import Template
from tests.support.store import CREATED, described, new_attempt, new_session, running_attempt


def ended(tx: Transaction, **given: object) -> int:
    """An attempt that has succeeded."""
    attempt = running_attempt(tx, **given)
    assert attempts.set_phase(tx, attempt, Phase.RUNNING, Phase.SUCCESS, CREATED + 9)
    return attempt


def test_a_session_keeps_the_uuid_it_was_made_with(database: Database) -> None:
    with database.transaction() as tx:
        session = new_session(tx, 77)
        uuid = attempts.load_session(tx, session).uuid
        assert new_session(tx, 77) == session
        assert attempts.load_session(tx, session).uuid == uuid


def test_the_newest_session_has_the_latest_session_time(database: Database) -> None:
    with database.transaction() as tx:
        late, _early = new_session(tx, 9), new_session(tx, 3)
        project = attempts.load_session(tx, late).project
        newest = attempts.newest_session(tx, project, "w")
        assert newest is not None
        assert newest.id == late
        assert attempts.newest_session(tx, project, "never ran") is None


def test_an_attempt_comes_back_as_it_was_given(database: Database) -> None:
    with database.transaction() as tx:
        new = described(
            tx,
            retry_attempt_name="again",
            params={"x": Template("${y}"), "y": "${y}", "${}": 1},
            options={"rerun": True},
            limits={"run_timeout": {"value": 5, "from": "directive"}},
        )
        row = attempts.load(tx, attempts.insert(tx, new))
    assert row[1:2] + row[3:4] + row[5:10] == (
        new.session,
        "again",
        new.workflow_id,
        "UTC",
        new.params,
        new.options,
        new.limits,
    )
    assert type(row.params["x"]) is Template
    assert type(row.params["y"]) is str
    assert (row.phase, row.version, row.epoch, row.idx) == (Phase.STARTING, 0, 0, 1)
    assert (row.workflow, row.session_time) == ("w", 0)


def test_an_attempt_leads_itself_unless_a_command_is_given(database: Database) -> None:
    with database.transaction() as tx:
        leader = new_attempt(tx)
        led = new_attempt(tx, session=new_session(tx, 1), command=leader)
        assert attempts.load(tx, leader).command == leader
        assert attempts.load(tx, led).command == leader


def test_attempts_of_a_session_are_counted_from_one(database: Database) -> None:
    with database.transaction() as tx:
        session = new_session(tx)
        for name in ("a", "b", None):
            new_attempt(tx, session=session, retry_attempt_name=name)
        rows = attempts.of_session(tx, session)
        assert [row.idx for row in rows] == [1, 2, 3]
        assert attempts.last_of_session(tx, session) == rows[2]


def test_an_attempt_is_found_by_its_name(database: Database) -> None:
    with database.transaction() as tx:
        session = new_session(tx)
        unnamed = new_attempt(tx, session=session)
        named = new_attempt(tx, session=session, retry_attempt_name="x")
        found = [attempts.find(tx, session, name) for name in (None, "x", "y")]
        assert [row and row.id for row in found] == [unnamed, named, None]


@pytest.mark.parametrize("name", [None, "x"])
def test_a_name_is_borne_by_one_attempt_at_a_time(database: Database, name: str | None) -> None:
    with database.transaction() as tx:
        new_attempt(tx, retry_attempt_name=name)
    with pytest.raises(InternalError, match="attempts_unique_name"), database.transaction() as tx:
        new_attempt(tx, retry_attempt_name=name)


def test_a_superseded_attempt_leaves_its_name_to_its_successor(database: Database) -> None:
    with database.transaction() as tx:
        first = ended(tx)
        second = new_attempt(tx, supersedes=first)
        third = new_attempt(tx, supersedes=second)
        session = attempts.load(tx, first).session
        assert attempts.load(tx, first).superseded_by == second
        assert attempts.load(tx, second).superseded_by == third
        found, newest = attempts.find(tx, session, None), attempts.newest_unnamed(tx, session)
        assert found is not None
        assert found.id == third
        assert newest == found


def test_an_attempt_is_superseded_once(database: Database) -> None:
    with database.transaction() as tx:
        first = new_attempt(tx)
        new_attempt(tx, supersedes=first)
    with pytest.raises(InternalError, match="has been superseded"), database.transaction() as tx:
        new_attempt(tx, supersedes=first)


def test_unfinished_attempts_of_a_command_are_its_own_and_those_it_leads(
    database: Database,
) -> None:
    with database.transaction() as tx:
        leader = new_attempt(tx)
        led = new_attempt(tx, session=new_session(tx, 1), command=leader)
        ended(tx, session=new_session(tx, 2), command=leader)
        new_attempt(tx, session=new_session(tx, 3))
        assert [row.id for row in attempts.unfinished(tx, leader)] == [leader, led]
        assert attempts.count_active(tx) == 3


def test_attempts_of_a_command_include_those_that_ended(database: Database) -> None:
    with database.transaction() as tx:
        leader = ended(tx)
        led = new_attempt(tx, session=new_session(tx, 1), command=leader)
        new_attempt(tx, session=new_session(tx, 2))
        assert [row.id for row in attempts.of_command(tx, leader)] == [leader, led]


def test_an_unknown_attempt_is_not_found(database: Database) -> None:
    with database.reading() as tx:
        for load in (attempts.load, attempts.lock):
            with pytest.raises(NotFound, match="attempt 99 does not exist"):
                load(tx, 99)
        with pytest.raises(NotFound, match="session 99"):
            attempts.load_session(tx, 99)


def test_the_version_is_bumped_by_whoever_read_it_last(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        assert attempts.bump_version(tx, attempt, 0)
        assert not attempts.bump_version(tx, attempt, 0)
        assert attempts.lock(tx, attempt) == (Phase.RUNNING, 1, 1)


def test_the_version_of_an_ended_attempt_stands_still(database: Database) -> None:
    with database.transaction() as tx:
        assert not attempts.bump_version(tx, ended(tx), 0)


def test_hello_starts_the_attempt_once_and_resumes_it_later(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        assert attempts.next_epoch(tx, attempt, 0, 5)
        assert attempts.say_hello(tx, attempt, 1, 50)
        assert attempts.next_epoch(tx, attempt, 1, 5)
        assert attempts.say_hello(tx, attempt, 2, 60)
        row = attempts.load(tx, attempt)
        assert (row.phase, row.started_at, row.epoch) == (Phase.RUNNING, 50, 2)


def test_hello_of_a_launch_that_is_not_current_changes_nothing(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        assert attempts.next_epoch(tx, attempt, 1, 5)
        before = attempts.load(tx, attempt)
        assert not attempts.say_hello(tx, attempt, 1, 99)
        assert not attempts.next_epoch(tx, attempt, 1, 5)
        assert attempts.load(tx, attempt) == before


def test_an_attempt_that_is_to_stop_is_neither_greeted_nor_launched(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        attempts.set_phase(tx, attempt, Phase.RUNNING, Phase.CANCELING, 60, cause="user")
        assert not attempts.say_hello(tx, attempt, 1, 99)
        assert not attempts.next_epoch(tx, attempt, 1, 5)


def test_a_command_adopts_what_has_not_ended(database: Database) -> None:
    with database.transaction() as tx:
        leader, orphan = new_attempt(tx), new_attempt(tx, session=new_session(tx, 1))
        over = ended(tx, session=new_session(tx, 2))
        assert attempts.adopt(tx, orphan, leader)
        assert not attempts.adopt(tx, over, leader)
        assert attempts.load(tx, orphan).command == leader
        assert attempts.load(tx, over).command == over


def test_canceling_remembers_its_first_cause_and_instant(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        assert attempts.set_phase(
            tx, attempt, Phase.RUNNING, Phase.CANCELING, 60, cause="run_timeout"
        )
        assert not attempts.set_phase(tx, attempt, Phase.RUNNING, Phase.CANCELING, 70, cause="user")
        assert attempts.set_phase(
            tx, attempt, Phase.CANCELING, Phase.FAILURE, 80, reason="run_timeout"
        )
        row = attempts.load(tx, attempt)
        assert (row.cause, row.canceling_since) == ("run_timeout", 60)
        assert (row.phase, row.reason, row.ended_at) == (Phase.FAILURE, "run_timeout", 80)
        assert row.is_done


def test_a_phase_that_has_passed_is_an_outcome_not_an_error(database: Database) -> None:
    with database.transaction() as tx:
        attempt = ended(tx)
        assert not attempts.set_phase(tx, attempt, Phase.RUNNING, Phase.FAILURE, 99)
        assert attempts.load(tx, attempt).phase is Phase.SUCCESS


def test_a_move_that_does_not_exist_is_a_bug(database: Database) -> None:
    exist = {(was, phase) for was in Phase for phase in MOVES[was] if phase is not Phase.RUNNING}
    for was, phase in set(product(Phase, Phase)) - exist:
        with database.transaction() as tx, pytest.raises(InternalError, match="no way from"):
            attempts.set_phase(tx, 1, was, phase, 5)


def test_terminal_phases_have_no_way_out() -> None:
    assert {phase for phase, following in MOVES.items() if not following} == TERMINAL


def test_a_page_has_the_newest_attempts_first(database: Database) -> None:
    with database.transaction() as tx:
        made = [new_attempt(tx, session=new_session(tx, at)) for at in range(3)]
        assert [row.id for row in attempts.before(tx, None, 2)] == [made[2], made[1]]


def test_the_next_page_has_what_is_older(database: Database) -> None:
    with database.transaction() as tx:
        made = [new_attempt(tx, session=new_session(tx, at)) for at in range(3)]
        assert [row.id for row in attempts.before(tx, made[2], 9)] == [made[1], made[0]]


def test_a_page_can_be_of_one_workflow(database: Database) -> None:
    with database.transaction() as tx:
        new_attempt(tx)
        other = new_attempt(tx, session=new_session(tx, workflow="other"))
        assert [row.id for row in attempts.before(tx, None, 9, workflow="other")] == [other]


# Supervision


def test_all_unfinished_attempts_come_in_pages(database: Database) -> None:
    with database.transaction() as tx:
        ids = [new_attempt(tx, session=new_session(tx, number)) for number in range(5)]
        move(tx, ids[2], Phase.STARTING, Phase.CANCELING, cause="user")
        move(tx, ids[2], Phase.CANCELING, Phase.CANCELED)
        first = attempts.all_unfinished(tx, page=3)
        rest = attempts.all_unfinished(tx, after=first[-1].id, page=3)
    assert [row.id for row in first] == [ids[0], ids[1], ids[3]]
    assert [row.id for row in rest] == [ids[4]]


def move(tx: Transaction, attempt: int, was: Phase, phase: Phase, cause: str | None = None) -> None:
    assert attempts.set_phase(tx, attempt, was, phase, 60, cause=cause)


def test_losses_are_counted_with_the_progress_that_was_made(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        assert attempts.count_loss(tx, attempt, 1, 4)
        assert attempts.count_loss(tx, attempt, 2, 4)
        row = attempts.load(tx, attempt)
    assert (row.losses, row.losses_total, row.progress) == (2, 2, 4)


def test_limits_and_shifts_of_a_live_attempt_can_be_replaced(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        assert attempts.set_limits(tx, attempt, {"run_timeout": {"value": 5, "origin": "attempt"}})
        assert attempts.shift_clock(tx, attempt, {"created_at": (1_000, -7)})
        row = attempts.load(tx, attempt)
    assert row.limits == {"run_timeout": {"value": 5, "origin": "attempt"}}
    assert row.clock_shifts == {"created_at": (1_000, -7)}


def test_an_sla_is_missed_once(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx, sla_at=77)
        before = attempts.load(tx, attempt)
        attempts.miss_sla(tx, attempt)
        after = attempts.load(tx, attempt)
    assert (before.sla_at, after.sla_at) == (77, None)


def test_an_attempt_that_has_ended_takes_neither_losses_nor_limits(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        move(tx, attempt, Phase.STARTING, Phase.CANCELING, cause="user")
        move(tx, attempt, Phase.CANCELING, Phase.CANCELED)
        before = attempts.load(tx, attempt)
        assert not attempts.count_loss(tx, attempt, 1, 0)
        assert not attempts.set_limits(tx, attempt, {})
        assert not attempts.shift_clock(tx, attempt, {"created_at": (1, 1)})
        assert attempts.load(tx, attempt) == before


def test_a_queued_attempt_says_since_when_and_what_it_waits_for(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx, phase=Phase.QUEUED, waiting_reason="a slot")
        queued = attempts.load(tx, attempt)
        assert attempts.explain_waiting(tx, attempt, "another slot")
        assert attempts.set_phase(tx, attempt, Phase.QUEUED, Phase.STARTING, 70)
        started = attempts.load(tx, attempt)
        assert not attempts.explain_waiting(tx, attempt, "nothing")
    assert (queued.queued_since, queued.starting_since) == (queued.created_at, None)
    assert (started.starting_since, started.waiting_reason) == (70, "another slot")


@pytest.mark.parametrize("why", [{"cause": "boredom"}, {"reason": "boredom"}])
def test_a_word_for_why_that_nobody_knows_is_a_bug(database: Database, why: dict[str, str]) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        with pytest.raises(InternalError, match="boredom"):
            attempts.set_phase(
                tx,
                attempt,
                Phase.STARTING,
                Phase.CANCELING,
                5,
                cause=why.get("cause"),
                reason=why.get("reason"),
            )


def test_every_cause_that_ends_in_failure_is_a_reason_with_a_class() -> None:
    failing = {cause for cause, phase in CAUSES.items() if phase is Phase.FAILURE}
    assert failing <= REASONS.keys()
    assert set(CAUSES.values()) == {Phase.FAILURE, Phase.CANCELED}
