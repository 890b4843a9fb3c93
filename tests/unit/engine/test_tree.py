"""Rows, tasks, and reading a tree back."""

from __future__ import annotations

import pytest

from digpy.dsl.compiler import compile_generated
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, TaskRow, TaskTree, load_tree
from digpy.errors import InternalError
from tests.support.engine import LEAF, Play, assert_same, fail, ok, tasks_of


def a_row(number: int = 1) -> TaskRow:
    return TaskRow(
        number, None, 0, 0, "+w", None, 0, TaskState.READY, None, False, None, 4, 3, 2, 1, None,
        None, {"p": 1}, 5, None, 60, 65,
    )  # fmt: skip


def test_a_task_gives_back_the_row_it_was_made_of() -> None:
    row = a_row()
    assert Task(row, tasks_of(("+w", None, (), True))).row() == row


def test_a_copy_can_change_without_the_original() -> None:
    task = Task(a_row(), tasks_of(("+w", None, (), True)))
    copy = task.copy()
    copy.state = TaskState.RUNNING
    copy.moving += 1
    assert (task.state, task.moving) == (TaskState.READY, 0)
    assert copy.definition is task.definition


def test_a_task_shows_its_name_and_state() -> None:
    assert repr(Task(a_row(), tasks_of(("+w", None, (), True)))) == "<Task 1 +w ready>"


def test_rows_are_read_back_in_any_order() -> None:
    workflow = {"_parallel": {"limit": 2}, "+a": LEAF, "+b": {"_retry": 1, "+x": LEAF}, "+c": LEAF}
    steps = {"+w+a": ok({"+y": LEAF}), "+w+b+x": [fail(), fail()]}
    play = Play(workflow, steps).run()
    rows = [task.row() for task in play.tree.tasks.values()]
    for order in (rows, rows[::-1], rows[::2] + rows[1::2]):
        tree = TaskTree(play.tree.definitions)
        loaded = load_tree(tree, order, play.tree.outputs.values(), compile_generated)
        assert_same(play.tree, loaded)


def test_handlers_of_a_generating_task_are_told_from_what_it_generated() -> None:
    # The definition of the handler and that of a generated task have the same index.
    workflow = {"+a": {"sh>": "x", "_error": {"+m": LEAF, "+n": LEAF}}}
    generated = {"+s": LEAF, "+t": LEAF}
    play = Play(workflow, {"+w+a": ok(generated), "+w+a^sub+t": fail()}).run()
    assert play.claims[-3:-1] == ["+w+a^error+m", "+w+a^error+n"]
    assert_same(play.tree, play.reloaded())


def test_subtasks_and_check_of_one_run_stand_in_the_same_definitions() -> None:
    play = Play({"+a": {"sh>": "x", "_check": LEAF}}, {"+w+a": ok({"+x": LEAF})}).run()
    loaded = play.reloaded()
    assert loaded[3].definitions is loaded[5].definitions
    assert_same(play.tree, loaded)


def test_generated_definitions_are_those_of_the_round() -> None:
    steps = {"+w+e": [ok({"+x": LEAF}), ok({"+k": LEAF, "+y": LEAF})], "+w+e^sub+x": fail()}
    play = Play({"+e": {"sh>": "x", "_retry": 1}}, steps).run()
    loaded = play.reloaded()
    assert [t.definition.name for t in loaded.tasks.values()][-3:] == ["^sub", "+k", "+y"]
    assert_same(play.tree, loaded)


def test_a_restarted_run_goes_on_where_it_was() -> None:
    workflow = {"_error": LEAF, "+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}, "+c": LEAF}
    straight = Play(workflow, {"+w+g+b": [fail(), ok()]}).run()
    broken = Play(workflow, {"+w+g+b": [fail(), ok()]})
    for _ in range(5):
        broken.tree = broken.reloaded()
        ready = broken.numbers(TaskState.READY)
        broken.play(broken.tree[ready[0]].full_name) if ready else broken.due("+w+g")
    broken.tree = broken.reloaded()
    broken.run()
    assert_same(straight.tree, broken.tree)


def test_children_that_nothing_generated_are_a_defect_of_ours() -> None:
    play = Play({"+a": LEAF}, {"+w+a": ok({"+x": LEAF})}).run()
    rows = [task.row() for task in play.tree.tasks.values()]
    with pytest.raises(InternalError, match=r"\+w\+a has children but generates none"):
        load_tree(TaskTree(play.tree.definitions), rows, [], compile_generated)
