"""What is saved is what is loaded, and a row that somebody else moved is never overwritten."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digpy.dsl.model import Subtasks
from digpy.engine.advance import advance
from digpy.engine.changes import Changes, Output, Update
from digpy.engine.events import Claimed
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, TaskRow, TaskTree
from digpy.errors import InternalError
from digpy.store import tasks
from digpy.store.database import Database
from digpy.store.tasks import Seen
from digpy.values import Template
from tests.support.engine import LEAF, OK, Step, assert_same, fail, lose, ok, postpone
from tests.support.store import SavedPlay
from tests.support.workflows import task_mappings, workflows


def test_a_tree_is_loaded_as_it_was_begun(database: Database) -> None:
    play = SavedPlay(database, {"+a": LEAF, "+g": {"_parallel": True, "+b": LEAF, "+c": LEAF}})
    assert_same(play.tree, play.loaded())


def test_a_tree_is_loaded_as_it_ended(database: Database) -> None:
    play = SavedPlay(
        database,
        {"+a": LEAF, "+b": {**LEAF, "_error": LEAF}},
        {
            "+w+a": ok(store={"x": 1}, export={"y": [None]}, reset=("z", "q.r")),
            "+w+b": [postpone(3), lose(), fail("no", retry=1), fail("no")],
        },
    )
    assert_same(play.run().tree, play.loaded())
    assert play.loaded().root.state is TaskState.GROUP_ERROR


def test_each_round_keeps_its_own_output(database: Database) -> None:
    generated = ok({"+x": LEAF}, store={"n": 1})
    play = SavedPlay(
        database, {"+a": {**LEAF, "_retry": 1}}, {"+w+a": generated, "+w+a^sub+x": fail()}
    )
    play.run()
    assert_same(play.tree, play.loaded())
    assert [key for key in play.loaded().outputs if key[0] == 2] == [(2, 0), (2, 1)]


def test_generated_tasks_keep_templates_apart_from_data(database: Database) -> None:
    subtasks = Subtasks({"echo>": Template("${x}")}, (("+loop-0", {"x": "${x}"}),), parallel=True)
    play = SavedPlay(database, {"+a": LEAF}, {"+w+a": ok(subtasks)})
    play.run()
    with database.reading() as tx:
        (output,) = (o for o in tasks.load_outputs(tx, play.attempt) if o.subtasks is not None)
    assert output.subtasks == subtasks
    assert type(output.subtasks.config["echo>"]) is Template
    assert output.subtasks.repeat is not None
    assert type(output.subtasks.repeat[0][1]["x"]) is str
    assert_same(play.tree, play.loaded())


@pytest.mark.parametrize(
    "value",
    [
        {"n": None, "t": True, "f": 1.5, "big": 2**70, "deep": {"list": [1, {"a": []}]}},
        {"text": "\u65e5\u672c \U0001f600 \x00 \ud800 '\"\\"},
        {"${}": "${x}", "${}${}": {"${}": 1}},
    ],
)
def test_what_a_task_stored_comes_back_unchanged(
    database: Database, value: dict[str, object]
) -> None:
    play = SavedPlay(database, {"+a": LEAF})
    output = Output(2, 0, None, {}, value, (), None)  # type: ignore[arg-type]
    with database.transaction() as tx:
        tasks.save(tx, play.attempt, _outputs(output))
    with database.reading() as tx:
        assert tasks.load_outputs(tx, play.attempt) == [output]


def test_an_output_saved_again_replaces_the_first(database: Database) -> None:
    play = SavedPlay(database, {"+a": LEAF})
    error = Output(2, 0, None, {}, {}, (), {"message": "no"})
    with database.transaction() as tx:
        tasks.save(tx, play.attempt, _outputs(Output(2, 0, None, {}, {"x": 1}, ("y",), None)))
        tasks.save(tx, play.attempt, _outputs(error))
        assert tasks.load_outputs(tx, play.attempt) == [error]


def test_a_task_moved_by_somebody_else_is_not_overwritten(database: Database) -> None:
    play = SavedPlay(database, {"_parallel": True, "+a": LEAF, "+b": LEAF})
    stale = advance(play.tree, Claimed(play.task("+w+a").number, 5))
    play.play("+w+a")
    before = play.loaded()
    good = advance(play.tree, Claimed(play.task("+w+b").number, 5))
    with (
        pytest.raises(InternalError, match=r"^1 of the tasks .* moved by somebody else"),
        database.transaction() as tx,
    ):
        tasks.save(tx, play.attempt, good._replace(updated=good.updated + stale.updated))
    assert_same(before, play.loaded())  # nothing of it was kept, the good half neither


def test_a_task_that_does_not_exist_cannot_be_updated(database: Database) -> None:
    play = SavedPlay(database, {"+a": LEAF})
    ghost = Task(play.task("+w+a").row()._replace(number=99), play.tree.definitions)
    with pytest.raises(InternalError, match=r"99"), database.transaction() as tx:
        tasks.save(tx, play.attempt, _nothing()._replace(updated=[Update(ghost, ghost.state)]))


def test_attempts_do_not_see_each_others_tasks(database: Database) -> None:
    first, second = SavedPlay(database, {"+a": LEAF}), SavedPlay(database, {"+b": LEAF})
    first.run()
    assert_same(second.tree, second.loaded())


def test_the_summary_shows_the_error_of_the_newest_run(database: Database) -> None:
    play = SavedPlay(database, {"+a": LEAF, "+b": LEAF}, {"+w+a": [fail("no")]})
    play.run()
    with database.reading() as tx:
        rows = {row.full_name: row for row in tasks.summary(tx, play.attempt)}
    assert rows["+w+a"].error == {"message": "no"}
    assert rows["+w+a"].state is TaskState.ERROR
    assert (rows["+w+b"].state, rows["+w+b"].error) == (TaskState.BLOCKED, None)
    assert [row.number for row in rows.values()] == sorted(row.number for row in rows.values())


def test_who_waits_for_an_attempt_is_found(database: Database) -> None:
    awaited = SavedPlay(database, {"+a": LEAF}).attempt
    play = SavedPlay(database, {"+a": LEAF}, {"+w+a": postpone(60, awaits=awaited)})
    play.play("+w+a")
    with database.reading() as tx:
        assert tasks.waiting_for(tx, awaited) == [(play.attempt, 2)]
    play.due("+w+a")
    play.claim("+w+a")
    with database.reading() as tx:
        assert tasks.waiting_for(tx, awaited) == []


def test_the_statements_hold_the_columns_in_the_order_of_a_row(database: Database) -> None:
    # `save` gives rows as sequences; this is what keeps them and the statements together.
    play = SavedPlay(database, {"+a": LEAF})
    values = [99, 1, 3, 4, "+w+x", 2, 7, TaskState.ERROR, TaskState.GROUP_ERROR, True, "ran"]
    distinct = TaskRow(*values, 9, 8, 10, 11, 12, play.attempt, {"p": 1}, 14, 15, 16, 17)  # type: ignore[arg-type]
    inserted = Task(distinct._replace(source=0), play.tree.definitions)
    with database.transaction() as tx:
        tasks.save(tx, play.attempt, _nothing()._replace(inserted=[inserted]))
        assert tasks.load(tx, play.attempt)[-1] == inserted.row()
        changed = Task(
            inserted.row()._replace(
                round=20,
                state=TaskState.CANCELED,
                verdict=TaskState.ERROR,
                cancel=False,
                how=None,
                fence=25,
                reported_fence=21,
                losses=22,
                retries=23,
                retry_at=24,
                awaits=None,
                state_params={},
                started_at=26,
                ended_at=27,
            ),
            play.tree.definitions,
        )
        updated = [Update(changed, TaskState.ERROR)]
        tasks.save(tx, play.attempt, _nothing()._replace(updated=updated))
        assert tasks.load(tx, play.attempt)[-1] == changed.row()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(workflow=workflows(), data=st.data())
def test_any_tree_is_loaded_as_it_was_saved(
    database: Database, workflow: dict[str, object], data: st.DataObject
) -> None:
    steps = st.one_of(
        st.just(OK),
        st.builds(ok, sub=task_mappings(1), store=st.just({"s": 1})),
        st.builds(fail, retry=st.sampled_from([None, 1])),
        st.builds(lose),
        st.builds(postpone),
    )

    def script(_tree: TaskTree, task: Task) -> Step:
        return OK if task.fence > 3 or len(task.full_name) > 40 else data.draw(steps)

    play = SavedPlay(database, workflow, script, limit=60)
    try:
        play.run(claims=15)
    except AssertionError:
        play.cancel()  # still moving: also a tree worth keeping
    assert_same(play.tree, play.loaded())


def _nothing() -> Changes:
    return Changes([], [], [], [], [], [], False)


def _outputs(*outputs: Output) -> Changes:
    return _nothing()._replace(outputs=list(outputs))


def test_what_changed_is_what_is_new_moves_or_has_ended_since(database: Database) -> None:
    play = SavedPlay(database, {"+a": LEAF, "+b": LEAF, "+c": LEAF}, at=100)

    def changed(seen: Seen) -> list[str]:
        with database.reading() as tx:
            return [row.full_name for row in tasks.changed(tx, play.attempt, seen)]

    assert changed(Seen()) == ["+w", "+w+a", "+w+b", "+w+c"]
    play.play("+w+a")
    play.now = 200
    play.play("+w+b", ok({"+new": LEAF}))
    assert changed(Seen(4, 0)) == ["+w", "+w+a", "+w+b", "+w+b^sub", "+w+b^sub+new"]
    assert changed(Seen(6, 101)) == ["+w", "+w+b", "+w+b^sub", "+w+b^sub+new"]
