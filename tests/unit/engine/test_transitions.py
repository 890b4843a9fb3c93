"""The table, and the page that shows it."""

from __future__ import annotations

from digpy.engine import advance
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.transitions import ROWS, TABLE, Action, Cause, always, canceled_while_busy
from tests.support.state_machine_page import PAGE, render

STATES = set(TaskState)


def test_done_states_have_no_way_out() -> None:
    assert {row.state for row in TABLE} == STATES - DONE


def test_every_state_but_the_first_can_be_reached() -> None:
    assert {row.target for row in TABLE} == STATES - {TaskState.BLOCKED}


def test_the_sets_of_states_divide_them() -> None:
    assert DONE | MOVING | {TaskState.BLOCKED} == STATES
    assert not DONE & MOVING
    assert FAILED < DONE
    assert WAITING < MOVING


def test_every_cause_has_an_answer_where_it_can_happen() -> None:
    for rows in ROWS.values():
        assert rows[-1].guard is always, rows[-1]
        assert all(row.guard is not always for row in rows[:-1])


def test_every_row_is_found_by_state_and_cause_in_the_order_of_the_table() -> None:
    assert sum(len(rows) for rows in ROWS.values()) == len(TABLE)
    for (state, cause), rows in ROWS.items():
        assert list(rows) == [r for r in TABLE if (r.state, r.cause) == (state, cause)]


def test_every_cause_and_every_action_is_in_use() -> None:
    assert {row.cause for row in TABLE} == set(Cause)
    assert {row.action for row in TABLE} == set(Action) == set(advance._ACTIONS)


def test_nothing_but_what_runs_or_is_open_survives_a_cancel() -> None:
    for state in MOVING - {TaskState.RUNNING, TaskState.PLANNED}:
        busy, telling, cleaning, ending = ROWS[state, Cause.CANCELED]
        assert busy.guard is canceled_while_busy
        assert telling.action is Action.HANDLE_LIMIT
        assert cleaning.action is Action.HANDLE_CANCEL
        assert ending.target is TaskState.CANCELED


def test_nothing_survives_a_kill() -> None:
    for state in MOVING:
        (row,) = ROWS[state, Cause.KILLED]
        assert row.target is TaskState.CANCELED


def test_what_has_a_deadline_can_time_out() -> None:
    limited = {state for state, cause in ROWS if cause is Cause.TIMED_OUT}
    assert limited == MOVING - {TaskState.GROUP_RETRY_WAITING}


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == render(), "write it: python -m tests.support.state_machine_page"
